-- Lists of users: their number, any page and a part of a text, without reading all that come before.
--
-- user_blocks divides the users of an audience, in the order of the list, into stretches of some thousands and
-- counts them: longer ones take longer to pass over, more of them longer to add up. Whoever adds, deletes or moves a user only appends to user_moves, so that nobody waits for
-- anybody. A reader adds both up in one snapshot, which is exact; fold_users() brings the moves into the blocks.

create table vestibule.user_blocks (
  aud text not null,
  from_at timestamptz not null,
  from_id uuid not null,
  users integer not null,
  constraint user_blocks_pkey primary key (aud, from_at, from_id)
);
comment on table vestibule.user_blocks is 'Stretches of the list of users, each from its place on to that of the next one.';

create table vestibule.user_moves (
  aud text not null,
  at timestamptz not null,
  id uuid not null,
  change integer not null
);
comment on table vestibule.user_moves is 'Users that came (1) or went (-1) and are not in user_blocks yet.';

grant select, insert, update, delete on vestibule.user_blocks, vestibule.user_moves to supabase_auth_admin;

create function vestibule.note_users() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into vestibule.user_moves (aud, at, id, change)
  select aud, coalesce(created_at, '0001-01-01 00:00:00+00'), id, case tg_op when 'INSERT' then 1 else -1 end from users
  where instance_id = '00000000-0000-0000-0000-000000000000' and aud is not null;
  return null;
end
$$;

create function vestibule.note_user_moved() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  insert into vestibule.user_moves (aud, at, id, change)
  select moved.aud, coalesce(moved.created_at, '0001-01-01 00:00:00+00'), moved.id, moved.change
  from (values
    (old.instance_id, old.aud, old.created_at, old.id, -1), (new.instance_id, new.aud, new.created_at, new.id, 1)
  ) moved (instance_id, aud, created_at, id, change)
  where moved.instance_id = '00000000-0000-0000-0000-000000000000' and moved.aud is not null;
  return null;
end
$$;

create function vestibule.note_users_truncated() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
  delete from vestibule.user_moves;
  delete from vestibule.user_blocks;
  return null;
end
$$;

-- Counts everything anew, from one snapshot: for the first time, after imports, and where somebody has switched
-- triggers off.
create function vestibule.rebuild_user_blocks() returns void
language plpgsql
set search_path = ''
as $$
declare
  blocks vestibule.user_blocks[];
begin
  perform pg_advisory_xact_lock(7221804452);
  with old_moves as (
    delete from vestibule.user_moves
  ), old_blocks as (
    delete from vestibule.user_blocks
  ), ranked as (
    select aud, coalesce(created_at, '0001-01-01 00:00:00+00'::timestamptz) as at, id,
      row_number() over list - 1 as rank, count(*) over (partition by aud) as users
    from auth.users
    where instance_id = '00000000-0000-0000-0000-000000000000' and aud is not null
    window list as (partition by aud order by coalesce(created_at, '0001-01-01 00:00:00+00'::timestamptz), id)
  )
  select array_agg(row(
    aud,
    case rank when 0 then '-infinity' else at end,
    case rank when 0 then '00000000-0000-0000-0000-000000000000' else id end,
    least(users - rank, 3000)::integer
  )::vestibule.user_blocks) into blocks
  from ranked
  where rank % 3000 = 0;
  insert into vestibule.user_blocks select * from unnest(blocks);
end
$$;

-- Divides a block that has grown. Counts from one snapshot, as above.
create function vestibule.divide_user_block(block vestibule.user_blocks) returns void
language plpgsql
set search_path = ''
as $$
declare
  next_block vestibule.user_blocks;
  -- Later than every time there is, and the last of all ids.
  to_at timestamptz := 'infinity';
  to_id uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
begin
  select * into next_block from vestibule.user_blocks b
  where b.aud = block.aud and (b.from_at, b.from_id) > (block.from_at, block.from_id)
  order by b.from_at, b.from_id limit 1;
  if found then
    to_at := next_block.from_at;
    to_id := next_block.from_id;
  end if;
  with ranked as (
    select coalesce(u.created_at, '0001-01-01 00:00:00+00'::timestamptz) as at, u.id,
      row_number() over (order by coalesce(u.created_at, '0001-01-01 00:00:00+00'::timestamptz), u.id) - 1 as rank,
      count(*) over () as users
    from auth.users u
    where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.aud = block.aud
      and (coalesce(u.created_at, '0001-01-01 00:00:00+00'::timestamptz), u.id) >= (block.from_at, block.from_id)
      and (coalesce(u.created_at, '0001-01-01 00:00:00+00'::timestamptz), u.id) < (to_at, to_id)
  ), old_moves as (
    delete from vestibule.user_moves m
    where m.aud = block.aud and (m.at, m.id) >= (block.from_at, block.from_id) and (m.at, m.id) < (to_at, to_id)
  ), first_block as (
    update vestibule.user_blocks b
    set users = least(3000, coalesce((select max(users) from ranked), 0))
    where b.aud = block.aud and b.from_at = block.from_at and b.from_id = block.from_id
  )
  insert into vestibule.user_blocks (aud, from_at, from_id, users)
  select block.aud, at, id, least(users - rank, 3000) from ranked where rank > 0 and rank % 3000 = 0;
end
$$;

-- Brings the moves into the blocks. One at a time; whoever comes second has nothing to do. Each statement sees a
-- consistent state only where it takes a snapshot of its own.
create function vestibule.fold_users() returns void
language plpgsql
set search_path = ''
as $$
declare
  block vestibule.user_blocks;
begin
  if current_setting('transaction_isolation') <> 'read committed' or not pg_try_advisory_xact_lock(7221804452) then
    return;
  end if;
  if (select count(*) from (select from vestibule.user_moves limit 50001) moves) > 50000 then
    perform vestibule.rebuild_user_blocks();
    return;
  end if;
  insert into vestibule.user_blocks (aud, from_at, from_id, users)
  select distinct aud, '-infinity'::timestamptz, '00000000-0000-0000-0000-000000000000'::uuid, 0
  from vestibule.user_moves
  on conflict do nothing;
  with moved as (
    delete from vestibule.user_moves returning aud, at, id, change
  ), changes as (
    select b.aud, b.from_at, b.from_id, sum(m.change) as change
    from moved m
    cross join lateral (
      select * from vestibule.user_blocks b
      where b.aud = m.aud and (b.from_at, b.from_id) <= (m.at, m.id)
      order by b.from_at desc, b.from_id desc limit 1
    ) b
    group by b.aud, b.from_at, b.from_id
  )
  update vestibule.user_blocks b set users = b.users + c.change
  from changes c
  where b.aud = c.aud and b.from_at = c.from_at and b.from_id = c.from_id;
  delete from vestibule.user_blocks where users = 0 and from_at > '-infinity';
  for block in select * from vestibule.user_blocks where users > 6000 loop
    perform vestibule.divide_user_block(block);
  end loop;
end
$$;

revoke all on function vestibule.rebuild_user_blocks(), vestibule.divide_user_block(vestibule.user_blocks),
  vestibule.fold_users() from public;
grant execute on function vestibule.rebuild_user_blocks(), vestibule.divide_user_block(vestibule.user_blocks),
  vestibule.fold_users() to supabase_auth_admin;

create trigger note_users_added after insert on auth.users
  referencing new table as users for each statement execute function vestibule.note_users();
create trigger note_users_deleted after delete on auth.users
  referencing old table as users for each statement execute function vestibule.note_users();
create trigger note_user_moved after update on auth.users for each row
  when ((old.instance_id, old.aud, old.created_at, old.id) is distinct from
    (new.instance_id, new.aud, new.created_at, new.id))
  execute function vestibule.note_user_moved();
create trigger note_users_truncated after truncate on auth.users
  for each statement execute function vestibule.note_users_truncated();

-- Restores that set session_replication_role count too.
alter table auth.users enable always trigger note_users_added;
alter table auth.users enable always trigger note_users_deleted;
alter table auth.users enable always trigger note_user_moved;
alter table auth.users enable always trigger note_users_truncated;

-- Parts of addresses and names ---------------------------------------------------------------------------------

-- What the extension pg_trgm does, which not every server has, with arrays, which every server can index. Of a
-- longer name than this the empty text stands for the rest: such a user has to be looked at.
create function vestibule.user_trigrams(email text, name text) returns text[]
language plpgsql immutable parallel safe
as $$
declare
  sought constant text := lower(coalesce(left(email, 255), '') || e'\n' || coalesce(left(name, 255), ''));
  trigrams text[] := '{}';
begin
  for i in 1 .. length(sought) - 2 loop
    trigrams[i] := substr(sought, i, 3);
  end loop;
  if length(name) > 255 then
    trigrams := trigrams || ''::text;
  end if;
  return trigrams;
end
$$;

-- The four of them that the fewest users have, as far as that is known: more would only cost time.
create function vestibule.trigrams(parts text[]) returns text[]
language sql stable
as $$
  select array(
    select trigram from (
      select distinct substr(part, i, 3)
      from (select lower(part) as part from unnest(parts) part) part, generate_series(1, length(part) - 2) i
    ) sought (trigram)
    left join (
      select unnest(most_common_elems::text::text[]), unnest(most_common_elem_freqs)
      from pg_catalog.pg_stats where schemaname = 'auth' and tablename = 'users_search_idx'
    ) common (element, frequency) on element = trigram
    order by frequency nulls first, trigram limit 4
  )
$$;

comment on function vestibule.user_trigrams is 'All runs of three letters by which a list of users can be searched.';
comment on function vestibule.trigrams is 'Runs of three letters of what is searched for.';

-- New users wait in a list that searches read too: sign-ups and imports are five times as fast so.
set role supabase_auth_admin;
create index users_search_idx on auth.users
  using gin (vestibule.user_trigrams(email::text, raw_user_meta_data ->> 'full_name')) with (fastupdate = on, gin_pending_list_limit = 2048);
reset role;

select vestibule.rebuild_user_blocks();
