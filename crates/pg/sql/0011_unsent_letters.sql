-- Letters and messages that were asked for and not sent, because there is no account or nothing to confirm. They
-- count for the least time between two of a kind like those that were sent, so that nobody learns from it which
-- accounts there are. Only hashes of addresses are kept, and not for long.
create table vestibule.unsent_letters (
  contact bytea not null,
  kind text not null,
  asked_at timestamptz not null,
  constraint unsent_letters_pkey primary key (contact, kind)
);
create index unsent_letters_asked_at_idx on vestibule.unsent_letters (asked_at);
comment on table vestibule.unsent_letters is 'Letters that were asked for and not sent; they count for frequencies.';
grant select, insert, update, delete on vestibule.unsent_letters to supabase_auth_admin;
