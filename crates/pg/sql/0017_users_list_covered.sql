-- Pages by number pass over users in this index alone, without their rows. PostgreSQL does so only where the column of
-- an expression is in the index too.
set role supabase_auth_admin;
create index users_list_covered_idx on auth.users
  (instance_id, aud, (coalesce(created_at, '0001-01-01 00:00:00+00'::timestamptz)), id) include (created_at);
drop index auth.users_list_idx;
alter index auth.users_list_covered_idx rename to users_list_idx;
reset role;
