// The data API: requests of signed-in users under row level security.

import { ask, inTurns, load, median, pgbench } from '../measure.mjs'
import { addUsers, passwordHash, settle, signIn, spread, userId } from '../accounts.mjs'
import { logged, script, transaction } from '../statements.mjs'

export const title = 'Data API, 100,000 rows of 5,000 users'
const USERS = 5_000
const TURNS = 16

export const environment = {}

const TABLES = `
  create table public.notes (
    id bigint primary key, owner uuid not null, title text not null, body text not null, created_at timestamptz not null);
  create table public.comments (
    id bigint primary key, note_id bigint not null references public.notes, owner uuid not null, body text not null);
  create table public.reactions (
    id bigint primary key, comment_id bigint not null references public.comments, kind text not null);
  create table public.events (
    id bigint generated always as identity primary key, owner uuid not null default auth.uid(), kind text not null,
    at timestamptz not null default now());
  insert into public.notes
    select n, ('00000000-0000-4000-8000-' || lpad(to_hex((n - 1) / 20 + 1), 12, '0'))::uuid, 'Note ' || n,
      repeat('a line of text ', 5), now() from generate_series(1, ${USERS * 20}) n;
  insert into public.comments select n, (n + 1) / 2, o.owner, 'Comment ' || n
    from generate_series(1, ${USERS * 40}) n join public.notes o on o.id = (n + 1) / 2;
  insert into public.reactions select n, (n + 1) / 2, 'like' from generate_series(1, ${USERS * 80}) n;
  create index on public.notes (owner);
  create index on public.comments (note_id);
  create index on public.comments (owner);
  create index on public.reactions (comment_id);
  alter table public.notes enable row level security;
  alter table public.comments enable row level security;
  alter table public.reactions enable row level security;
  alter table public.events enable row level security;
  create policy own on public.notes to authenticated using (owner = (select auth.uid()));
  create policy own on public.comments to authenticated using (owner = (select auth.uid()));
  create policy seen on public.reactions to authenticated using (true);
  create policy own on public.events to authenticated using (owner = (select auth.uid()));
  create function public.note_count(of_owner uuid) returns bigint language sql stable
    as 'select count(*) from public.notes where owner = of_owner';
  grant select on public.notes, public.comments, public.reactions to authenticated;
  grant select, insert on public.events to authenticated;
  notify pgrst, 'reload schema';`

/** What is asked, by the n-th user. */
const KINDS = {
  'read of 1 row': { atLeast: 0.8, request: (n) => ({ path: `/rest/v1/notes?id=eq.${n * 20}` }) },
  'read of 20 rows': { atLeast: 0.8, request: (n) => ({ path: `/rest/v1/notes?owner=eq.${userId(n)}` }) },
  'embedding two levels deep, 5 rows': {
    request: (n) => ({ path: `/rest/v1/notes?owner=eq.${userId(n)}&select=id,title,comments(id,body,reactions(kind))&limit=5` }),
  },
  'insert of 1 row with return=representation': {
    request: (n) => ({
      method: 'POST',
      path: '/rest/v1/events',
      headers: { prefer: 'return=representation' },
      body: { kind: `kind ${n}` },
    }),
  },
  'rpc': { request: (n) => ({ method: 'POST', path: '/rest/v1/rpc/note_count', body: { of_owner: userId(n) } }) },
}

export async function measure(server, options, table) {
  const hash = await passwordHash(server)
  await addUsers(server, hash, 1, USERS)
  await server.sql(TABLES)
  await settle(server)
  const numbers = spread(TURNS, USERS)
  const tokens = (await signIn(server, numbers)).map((session) => session.access_token)
  const kinds = Object.entries(KINDS).map(([name, kind]) => ({
    name,
    ...kind,
    requests: numbers.map((n, at) => ({ ...kind.request(n), token: tokens[at] })),
  }))
  await logged(server, 'authenticator', options, async () => {
    for (const kind of kinds) {
      kind.transactions = []
      for (const request of kind.requests.slice(0, 3)) await ask(server, request)
      for (const request of kind.requests) kind.transactions.push((await transaction(server, request)).statements)
    }
  })
  for (const kind of kinds) await compare(server, table, kind)
}

async function compare(server, table, { name, requests, transactions, atLeast }) {
  const scripts = await Promise.all(transactions.map((statements) => script(server, statements)))
  const { ours, theirs } = await inTurns({
    theirs: async () => (await pgbench(server, 'authenticator', scripts)).rate,
    ours: () => load(server, requests),
  })
  table.throughput(name, ours, theirs, { statements: transactions[0], atLeast })
  const connections = 1
  const alone = await inTurns({
    theirs: async () => (await pgbench(server, 'authenticator', scripts, { connections })).p50,
    ours: async () => (await load(server, requests, { connections })).p50,
  })
  const [ourTime, theirTime] = [median(alone.ours), median(alone.theirs)]
  table.below(`${name}: overhead at one connection, p50`, ourTime - theirTime, {
    most: atLeast && 150,
    unit: 'µs',
    beside: `${ourTime} µs over ${theirTime} µs`,
  })
}
