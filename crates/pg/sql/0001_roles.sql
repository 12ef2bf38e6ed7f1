-- Roles, and what belongs to the database as a whole.
--
-- Roles are shared by all databases of a cluster, so every one may be here already, made by an earlier
-- database or by the operator. An existing role keeps its attributes, settings and password; only missing
-- memberships are added. Passwords are not set here. Where accounts are taken over (see adopt.rs), the database's own
-- settings and extensions stay as they are.

-- Two databases of one cluster may be migrated at the same moment, and an advisory lock reaches no further
-- than its database. A lock on this shared catalog does; logging in is not held up by it.
do $$
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    lock table pg_catalog.pg_authid in share row exclusive mode;
  end if;
end
$$;

do $$
declare
  wanted record;
  setting text;
begin
  for wanted in
    select *
    from (values
      ('anon', 'nologin noinherit',
        array['search_path = "$user", public, extensions', 'statement_timeout = ''3s''']),
      ('authenticated', 'nologin noinherit',
        array['search_path = "$user", public, extensions', 'statement_timeout = ''8s''']),
      ('service_role', 'nologin noinherit bypassrls',
        array['search_path = "$user", public, extensions']),
      ('authenticator', 'login noinherit',
        array['statement_timeout = ''8s''', 'lock_timeout = ''8s''']),
      ('supabase_auth_admin', 'login noinherit',
        array['search_path = auth']),
      ('supabase_storage_admin', 'login noinherit',
        array['search_path = storage'])
    ) as role (name, attributes, settings)
  loop
    continue when exists (select from pg_catalog.pg_roles where rolname = wanted.name);

    begin
      execute format('create role %I %s', wanted.name, wanted.attributes);
    exception
      when duplicate_object or unique_violation then
        continue; -- made meanwhile from another database
      when insufficient_privilege then
        if wanted.name <> 'service_role' then
          raise;
        end if;
        execute format('create role %I nologin noinherit', wanted.name);
    end;

    foreach setting in array wanted.settings loop
      execute format('alter role %I set %s', wanted.name, setting);
    end loop;
  end loop;

  if not (select rolbypassrls from pg_catalog.pg_roles where rolname = 'service_role') then
    raise warning 'service_role does not bypass row level security on this server'
      using hint = 'run as a superuser: alter role service_role bypassrls';
  end if;
end
$$;

-- The storage service reaches the API roles through authenticator. An administrator that is no superuser
-- needs all of them: to create objects in their name and to act as service_role.
do $$
declare
  wanted record;
begin
  for wanted in
    select granted, member
    from (values
      ('anon', 'authenticator'),
      ('authenticated', 'authenticator'),
      ('service_role', 'authenticator'),
      ('authenticator', 'supabase_storage_admin')
    ) as membership (granted, member)
    union all
    select granted, current_user
    from unnest(array['anon', 'authenticated', 'service_role', 'authenticator',
                      'supabase_auth_admin', 'supabase_storage_admin']) as granted
    where not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
  loop
    -- pg_auth_members and not pg_has_role(): from PostgreSQL 16 on, the creator of a role may administer it
    -- without being able to use it, which pg_has_role(…, 'member') counts.
    continue when exists (
      select
      from pg_catalog.pg_auth_members membership
      where membership.roleid = (select oid from pg_catalog.pg_roles where rolname = wanted.granted)
        and membership.member = (select oid from pg_catalog.pg_roles where rolname = wanted.member)
        and coalesce((to_jsonb(membership) ->> 'set_option')::boolean, true)
    );
    begin
      execute format('grant %I to %I', wanted.granted, wanted.member);
    exception when unique_violation then
      null; -- granted meanwhile from another database
    end;
  end loop;
end
$$;

-- SQL written for Supabase finds `extensions` on its path, whoever logs in.
do $$
begin
  if not exists (select from vestibule.migrations where name = '0002_auth_tables (adopted)') and not exists (
    select
    from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as setting
    where s.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())
      and s.setrole = 0
      and setting like 'search_path=%'
  ) then
    execute format('alter database %I set search_path to "$user", public, extensions', current_database());
  end if;
exception when insufficient_privilege then
  raise notice 'the search path of database % stays as it is: only its owner can change it', current_database();
end
$$;

create schema if not exists extensions;

do $$
declare
  extension text;
begin
  if exists (select from vestibule.migrations where name = '0002_auth_tables (adopted)') then
    return;
  end if;
  foreach extension in array array['pgcrypto', 'uuid-ossp'] loop
    if not exists (select from pg_catalog.pg_available_extensions where name = extension) then
      raise notice 'extension % is not installed on this server and is left out', extension;
      continue;
    end if;
    begin
      execute format('create extension if not exists %I with schema extensions', extension);
    exception when insufficient_privilege then
      raise notice 'no right to create extension %, which is left out', extension;
    end;
  end loop;
end
$$;
