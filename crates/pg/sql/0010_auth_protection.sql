-- What the account service keeps for second factors and limits beyond Supabase's own tables.

create table vestibule.mfa_totp_steps (
  factor_id uuid not null,
  step bigint not null,
  constraint mfa_totp_steps_pkey primary key (factor_id),
  constraint mfa_totp_steps_factor_id_fkey
    foreign key (factor_id) references auth.mfa_factors (id) on delete cascade
);

comment on table vestibule.mfa_totp_steps is 'The period of the last code of an authenticator app: each code counts once.';
comment on column vestibule.mfa_totp_steps.step is 'Periods of 30 seconds since 1970.';

create table vestibule.mfa_recovery_codes (
  user_id uuid not null,
  code_hash bytea not null,
  created_at timestamptz not null,
  constraint mfa_recovery_codes_pkey primary key (user_id, code_hash),
  constraint mfa_recovery_codes_user_id_fkey
    foreign key (user_id) references auth.users (id) on delete cascade
);

comment on table vestibule.mfa_recovery_codes is 'Hashes of codes that stand for a lost second factor, once each.';

-- Not in the write-ahead log: after a crash everybody starts with a full bucket, which costs less than logging
-- every request.
create unlogged table vestibule.rate_limits (
  bucket text not null,
  key text not null,
  tokens double precision not null,
  updated_at timestamptz not null,
  full_at timestamptz not null,
  constraint rate_limits_pkey primary key (bucket, key)
);
create index rate_limits_full_at_idx on vestibule.rate_limits (full_at);

comment on table vestibule.rate_limits is 'How many requests an address, or everybody, may still make.';
comment on column vestibule.rate_limits.tokens is 'What the bucket held at updated_at.';
comment on column vestibule.rate_limits.full_at is 'From then on the row is as good as none.';

-- For lists of users that go on from a user: as fast at the end as at the start.
set role supabase_auth_admin;
create index users_list_idx on auth.users
  (instance_id, aud, (coalesce(created_at, '0001-01-01 00:00:00+00'::timestamptz)), id);
reset role;

grant select, insert, update, delete
  on vestibule.mfa_totp_steps, vestibule.mfa_recovery_codes, vestibule.rate_limits to supabase_auth_admin;
