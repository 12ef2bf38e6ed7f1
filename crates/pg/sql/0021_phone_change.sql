-- A code that was sent to a new number is looked for by that number. Few users change it at a time, so that others cost nothing.
create index if not exists users_phone_change_idx on auth.users (phone_change) where phone_change <> '';
