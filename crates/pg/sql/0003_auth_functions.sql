-- Schema auth: what row level security policies ask about the caller.
--
-- The data API puts the verified claims of a request into the setting request.jwt.claims; older gateways set
-- one setting per claim (request.jwt.claim.sub), which still comes first. Both are empty outside a request.

set local role supabase_auth_admin;

create function auth.jwt() returns jsonb
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;

create function auth.uid() returns uuid
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;

create function auth.role() returns text
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;

create function auth.email() returns text
language sql stable
as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;

-- Ours. An access token is accepted until it expires; a policy that calls this one ends access with the session.
-- Two primary key look-ups; `(select auth.session_is_live())` in a policy makes them once per statement.
create function auth.session_is_live() returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
begin
  return exists (
    select
    from auth.sessions session
    join auth.users account on account.id = session.user_id
    where session.id = (auth.jwt() ->> 'session_id')::uuid
      and session.user_id = auth.uid()
      and (session.not_after is null or session.not_after > now())
      and (account.banned_until is null or account.banned_until <= now())
      and account.deleted_at is null
  );
exception when data_exception then
  return false; -- claims that are no JSON, ids that are no uuid
end
$$;

comment on function auth.jwt() is 'All claims of the caller''s token; null when there is none.';
comment on function auth.uid() is 'The caller''s user id; null when not signed in.';
comment on function auth.role() is 'The role claim of the caller''s token. Kept for old policies; prefer `to authenticated`.';
comment on function auth.email() is 'The email claim of the caller''s token. Kept for old policies; prefer auth.jwt() ->> ''email''.';
comment on function auth.session_is_live() is
  'True while the session of the caller''s token exists and its user is neither banned nor deleted.';

reset role;
