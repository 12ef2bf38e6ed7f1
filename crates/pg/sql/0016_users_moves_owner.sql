-- After an import the users that came are brought into the blocks, which leaves as many dead rows behind. Lists read
-- this table whole, so the accounts service vacuums it at once, as only an owner may.
grant create on schema vestibule to supabase_auth_admin;
alter table vestibule.user_moves owner to supabase_auth_admin;
revoke create on schema vestibule from supabase_auth_admin;
-- The triggers' functions write to it as whoever migrates, which need be no superuser.
set role supabase_auth_admin;
grant select, insert, update, delete on vestibule.user_moves to session_user;
reset role;
