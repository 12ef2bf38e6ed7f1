-- When letters and messages were last asked for, by whoever may have the address or number, whether they were sent or
-- not. The least time between two of a kind counts from here, so that it holds whoever has an account, and once for
-- any number of requests at the same moment. Only hashes of addresses and numbers are kept, and not for long.
create table vestibule.letters_asked (
  contact bytea not null,
  confirmation_at timestamptz,
  recovery_at timestamptz,
  change_at timestamptz,
  asked_at timestamptz not null,
  constraint letters_asked_pkey primary key (contact)
);
create index letters_asked_asked_at_idx on vestibule.letters_asked (asked_at);
comment on table vestibule.letters_asked is 'When letters were last asked for, sent or not; frequencies count from it.';
grant select, insert, update, delete on vestibule.letters_asked to supabase_auth_admin;

-- Versions from before write here while they still run.
comment on table vestibule.unsent_letters is 'Not used any more: vestibule.letters_asked.';
