-- An app around the guide's table: who sees what, something to write, and something to call.

create policy "own profile" on public.profiles for all to authenticated
  using ((select auth.uid()) = id) with check ((select auth.uid()) = id);

create table public.notes (
  id bigint generated always as identity primary key,
  author uuid not null default auth.uid() references auth.users on delete cascade,
  body text not null,
  public boolean not null default false
);
alter table public.notes enable row level security;
create policy "read own and public notes" on public.notes for select to anon, authenticated
  using (public or (select auth.uid()) = author);
create policy "write own notes" on public.notes for insert to authenticated
  with check ((select auth.uid()) = author);
create policy "change own notes" on public.notes for update to authenticated
  using ((select auth.uid()) = author) with check ((select auth.uid()) = author);
create policy "delete own notes" on public.notes for delete to authenticated
  using ((select auth.uid()) = author);

create function public.note_bodies(containing text) returns setof text
language sql stable
as $$ select body from public.notes where body like '%' || containing || '%' order by id $$;

-- Rows that any signed-in user may read, and rows that need a session which still exists.
create table public.announcements (id int primary key, body text not null);
alter table public.announcements enable row level security;
create policy "for the signed in" on public.announcements for select to authenticated using (true);
insert into public.announcements values (1, 'welcome');

create table public.secrets (id int primary key, body text not null);
alter table public.secrets enable row level security;
create policy "for live sessions" on public.secrets for select to authenticated
  using ((select auth.session_is_live()));
insert into public.secrets values (1, 'the cake is real');
