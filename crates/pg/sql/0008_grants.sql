-- Who may do what, outside of what owners may do anyway. Rights on schema storage are in 0006.
--
--   administrator (who runs this, and postgres if there is one): everything
--   anon, authenticated, service_role: public; of auth only its functions
--   supabase_auth_admin: the mailbox besides its own schema

-- API roles ----------------------------------------------------------------------------------------------------

-- Who may use schema public is the app's own matter where accounts are taken over (see adopt.rs).
grant usage on schema extensions, auth to anon, authenticated, service_role;
do $$
begin
  if not exists (select from vestibule.migrations where name = '0002_auth_tables (adopted)') then
    grant usage on schema public to anon, authenticated, service_role;
  end if;
end
$$;

-- Nobody but the API roles has a use for the answer.
revoke execute on function auth.session_is_live() from public;
grant execute on function auth.session_is_live() to anon, authenticated, service_role;

-- Administrators -------------------------------------------------------------------------------------------------

do $$
declare
  is_adopted constant boolean := exists (
    select from vestibule.migrations where name = '0002_auth_tables (adopted)'
  );
  administrators constant name[] := array(
    select rolname from pg_catalog.pg_roles
    where rolname = current_user or (rolname = 'postgres' and not is_adopted)
  );
  administrator name;
  everyone constant text := 'anon, authenticated, service_role, '
    || (select string_agg(quote_ident(name), ', ') from unnest(administrators) as name);
  kind text;
begin
  foreach administrator in array administrators loop
    execute format('grant all on schema extensions, auth to %I', administrator);
    execute format('grant all on all tables in schema auth to %I with grant option', administrator);
    execute format('grant all on all sequences in schema auth to %I', administrator);
    execute format('grant all on all routines in schema auth to %I', administrator);
    if not is_adopted then
      execute format('grant all on schema public to %I', administrator);
    end if;

    foreach kind in array array['tables', 'sequences', 'routines'] loop
      -- What later migrations add to these schemas.
      execute format('alter default privileges for role supabase_auth_admin in schema auth grant all on %s to %I',
        kind, administrator);

      continue when is_adopted;
      -- What an administrator creates in public is open to the API roles; row level security narrows it.
      begin
        execute format('alter default privileges for role %I in schema public grant all on %s to %s',
          administrator, kind, everyone);
      exception when insufficient_privilege then
        raise notice 'default rights on % that % creates in schema public stay as they are', kind, administrator;
      end;
    end loop;
  end loop;
end
$$;

-- Our own schema ---------------------------------------------------------------------------------------------------

revoke all on all routines in schema vestibule from public;
grant usage on schema vestibule to supabase_auth_admin;
grant select, insert, update, delete on vestibule.mailbox to supabase_auth_admin;
