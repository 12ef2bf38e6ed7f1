-- Refresh tokens with a counter from before a second factor was proven are not good for the session that it raised.
create table vestibule.refresh_token_floors (
  session_id uuid not null,
  counter bigint not null,
  constraint refresh_token_floors_pkey primary key (session_id),
  constraint refresh_token_floors_session_id_fkey
    foreign key (session_id) references auth.sessions (id) on delete cascade
);

comment on table vestibule.refresh_token_floors is 'The first counter that refresh tokens have since the second factor was proven.';

grant select, insert, update, delete on vestibule.refresh_token_floors to supabase_auth_admin;

-- Hashes of other programs are longer than bcrypt's, and sealed ones do not fit into 255 characters. Where somebody's
-- view reads the column, it stays as it is, and what does not fit is refused.
do $$
begin
  alter table auth.users alter column encrypted_password type text;
exception when feature_not_supported then
  raise notice 'auth.users.encrypted_password stays varchar(255): %', sqlerrm;
end
$$;
