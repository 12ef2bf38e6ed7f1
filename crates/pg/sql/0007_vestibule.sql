-- Schema vestibule: what is only ours. The runner has made the schema; its table migrations is the runner's.

create schema if not exists vestibule;

-- Operators of the console ------------------------------------------------------------------------------------

create table vestibule.operators (
  id uuid not null default gen_random_uuid(),
  email text not null,
  password_hash text not null,
  must_change_password boolean not null default false,
  role text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_sign_in_at timestamptz,
  disabled_at timestamptz,
  constraint operators_pkey primary key (id),
  constraint operators_role_check check (role in ('owner', 'admin', 'support', 'read-only'))
);
create unique index operators_email_key on vestibule.operators (lower(email));

comment on table vestibule.operators is 'People who may use the console. They are no users of the application.';
comment on column vestibule.operators.must_change_password is 'True for a password that somebody else has seen.';

create table vestibule.operator_sessions (
  token_hash bytea not null,
  operator_id uuid not null,
  csrf_token_hash bytea not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ip inet,
  user_agent text,
  constraint operator_sessions_pkey primary key (token_hash),
  constraint operator_sessions_operator_id_fkey
    foreign key (operator_id) references vestibule.operators (id) on delete cascade
);
create index operator_sessions_operator_id_idx on vestibule.operator_sessions (operator_id);
create index operator_sessions_expires_at_idx on vestibule.operator_sessions (expires_at);

comment on table vestibule.operator_sessions is 'Console sessions; of cookie and CSRF token only the hashes are kept.';

create table vestibule.operator_login_attempts (
  key text not null,
  count integer not null default 1,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  blocked_until timestamptz,
  constraint operator_login_attempts_pkey primary key (key),
  constraint operator_login_attempts_count_check check (count > 0)
);
create index operator_login_attempts_last_at_idx on vestibule.operator_login_attempts (last_at);

comment on table vestibule.operator_login_attempts is 'Failed log-ins to the console, for slowing down whoever guesses.';
comment on column vestibule.operator_login_attempts.key is 'What is counted: an account or a client address.';
comment on column vestibule.operator_login_attempts.count is 'Failures since first_at.';

-- Names the operator by value: an entry outlives its operator.
create table vestibule.operator_audit (
  id bigint not null generated always as identity,
  operator_id uuid,
  operator_email text,
  action text not null,
  target text,
  detail jsonb not null default '{}',
  ip inet,
  created_at timestamptz not null default now(),
  constraint operator_audit_pkey primary key (id)
);
create index operator_audit_created_at_idx on vestibule.operator_audit (created_at desc);

comment on table vestibule.operator_audit is 'What operators did in the console, oldest first by id.';

-- Mail and settings ---------------------------------------------------------------------------------------------

create table vestibule.mailbox (
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now(),
  mail_from text not null,
  mail_to text[] not null,
  subject text not null default '',
  html text,
  plain text,
  headers jsonb not null default '{}',
  read boolean not null default false,
  constraint mailbox_pkey primary key (id)
);
create index mailbox_created_at_idx on vestibule.mailbox (created_at desc);

comment on table vestibule.mailbox is 'Mail that was kept instead of sent, while no mail server is set.';

create table vestibule.settings (
  key text not null,
  value jsonb not null,
  version bigint not null default 1,
  updated_at timestamptz not null default now(),
  updated_by text,
  constraint settings_pkey primary key (key)
);

comment on table vestibule.settings is 'Settings that operators change at run time; they override the files.';
comment on column vestibule.settings.version is 'Raised by one at every change; a writer names the version it has read.';
comment on column vestibule.settings.updated_by is 'The operator''s email address, or the command that did it.';

-- Owners of files stay ------------------------------------------------------------------------------------------

-- Row triggers see every way in which a row goes: the admin API, plain SQL, many rows at once, cascades.
-- row_security = off turns a policy that would hide objects from this function into an error.
create function vestibule.refuse_owner_delete() returns trigger
language plpgsql security definer
set search_path = ''
set row_security = off
as $$
declare
  total bigint;
  per_bucket jsonb;
  listing text;
begin
  select sum(owned.objects), jsonb_object_agg(owned.bucket, owned.objects),
    string_agg(format('%s: %s', owned.bucket, owned.objects), ', ' order by owned.bucket)
  into total, per_bucket, listing
  from (
    select coalesce(object.bucket_id, '') as bucket, count(*) as objects
    from storage.objects object
    where object.owner_id = old.id::text
    group by 1
  ) owned;

  if total > 0 then
    raise exception using
      errcode = 'foreign_key_violation',
      message = format('user %s owns %s storage %s (%s)', old.id, total,
        case total when 1 then 'object' else 'objects' end, listing),
      detail = jsonb_build_object('user_id', old.id, 'objects', total, 'buckets', per_bucket)::text,
      hint = format('delete the objects, or give them to another user: '
        'vestibule storage reassign --from %s --to <id>', old.id),
      schema = 'storage',
      table = 'objects',
      column = 'owner_id',
      constraint = 'objects_owner_id_fkey';
  end if;
  return old;
end
$$;

create function vestibule.refuse_owner_truncate() returns trigger
language plpgsql security definer
set search_path = ''
set row_security = off
as $$
begin
  if exists (select from storage.objects where owner_id is not null) then
    raise exception 'auth.users cannot be truncated while storage objects have owners'
      using
        errcode = 'foreign_key_violation',
        hint = 'delete the objects first, or delete users one by one',
        schema = 'storage',
        table = 'objects',
        column = 'owner_id',
        constraint = 'objects_owner_id_fkey';
  end if;
  return null;
end
$$;

comment on function vestibule.refuse_owner_delete() is
  'Refuses to delete a user who owns storage objects; the error''s detail counts them as JSON.';
comment on function vestibule.refuse_owner_truncate() is 'The same for a truncate, which fires no row triggers.';

-- Where another service keeps the files (see adopt.rs), its rules hold.
do $$
begin
  if exists (select from vestibule.migrations where name = '0004_storage_tables (left out)') then
    return;
  end if;
  create trigger refuse_owner_delete before delete on auth.users
    for each row execute function vestibule.refuse_owner_delete();
  create trigger refuse_owner_truncate before truncate on auth.users
    for each statement execute function vestibule.refuse_owner_truncate();
end
$$;
