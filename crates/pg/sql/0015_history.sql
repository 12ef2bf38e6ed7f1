-- The account service, where it is started with its own login alone, sees whether the database is up to date.
grant select on vestibule.migrations to supabase_auth_admin;
