-- For the clean-up of the account service.

-- Anonymous users that may be deleted: owners of files are kept back, as a trigger would refuse them anyway.
create function vestibule.stale_anonymous_users(before timestamptz) returns setof uuid
language plpgsql stable security definer
set search_path = ''
set row_security = off
as $$
begin
  -- Another service's schema storage (see adopt.rs) may know no owners.
  if exists (
    select from pg_catalog.pg_attribute
    where attrelid = to_regclass('storage.objects') and attname = 'owner_id' and not attisdropped
  ) then
    return query
      select u.id from auth.users u
      where u.is_anonymous and u.created_at < before
        and not exists (select from storage.objects o where o.owner_id = u.id::text)
      limit 100;
  else
    return query
      select u.id from auth.users u where u.is_anonymous and u.created_at < before limit 100;
  end if;
end
$$;
revoke all on function vestibule.stale_anonymous_users(timestamptz) from public;
grant execute on function vestibule.stale_anonymous_users(timestamptz) to supabase_auth_admin;
comment on function vestibule.stale_anonymous_users is 'A hundred anonymous users made before a time who own no files.';
