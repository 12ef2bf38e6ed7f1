-- Who may do what, outside of what owners may do anyway.
--
--   administrator (who runs this, and postgres if there is one): everything
--   anon, authenticated, service_role: public, and storage's tables under their policies; of auth only its functions
--   supabase_auth_admin: the mailbox besides its own schema

-- API roles ----------------------------------------------------------------------------------------------------

grant usage on schema public, extensions, auth, storage to anon, authenticated, service_role;

-- Nobody but the API roles has a use for the answer.
revoke execute on function auth.session_is_live() from public;
grant execute on function auth.session_is_live() to anon, authenticated, service_role;

grant all on storage.buckets, storage.objects, storage.buckets_analytics to anon, authenticated, service_role;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces,
  storage.iceberg_tables to service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts, storage.iceberg_namespaces,
  storage.iceberg_tables to anon, authenticated;
grant select on storage.buckets_vectors, storage.vector_indexes to anon, authenticated, service_role;

-- Administrators -------------------------------------------------------------------------------------------------

do $$
declare
  administrators constant name[] := array(
    select rolname from pg_catalog.pg_roles where rolname in (current_user, 'postgres')
  );
  administrator name;
  everyone constant text := 'anon, authenticated, service_role, '
    || (select string_agg(quote_ident(name), ', ') from unnest(administrators) as name);
  kind text;
begin
  foreach administrator in array administrators loop
    execute format('grant all on schema public, extensions, auth, storage to %I', administrator);
    execute format('grant all on all tables in schema auth, storage to %I with grant option', administrator);
    execute format('grant all on all sequences in schema auth, storage to %I', administrator);
    execute format('grant all on all routines in schema auth, storage to %I', administrator);

    foreach kind in array array['tables', 'sequences', 'routines'] loop
      -- What later migrations add to these schemas.
      execute format('alter default privileges for role supabase_auth_admin in schema auth grant all on %s to %I',
        kind, administrator);
      execute format('alter default privileges for role supabase_storage_admin in schema storage grant all on %s to %I',
        kind, administrator);

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
