//! Databases of Supabase's own service: taken over as they are, or refused untouched.

use pg::adopt::{VERSION, has_others_files};
use pg::migrate::{Before, migrate};
use testkit::TestDb;

const PEOPLE: &str = "
    insert into auth.users (instance_id, id, aud, email, created_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', n || '@example.com', now()
    from generate_series(1, 3) n;
    insert into auth.sessions (id, user_id, created_at) select gen_random_uuid(), id, now() from auth.users;";

const APP: &str = "
    create table public.profiles (id uuid primary key references auth.users on delete cascade);
    alter table public.profiles enable row level security;
    create policy own on public.profiles using (auth.uid() = id);
    create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = ''
    as $$ begin insert into public.profiles (id) values (new.id); return new; end $$;
    create trigger on_auth_user_created after insert on auth.users
      for each row execute function public.handle_new_user();";

/// What `auth` is made of, and who has which rights and default rights in it.
const CATALOGUE: &str = "
    select string_agg(line, e'\n' order by line) from (
      select pg_get_indexdef(indexrelid) as line from pg_index
      where indrelid in (select oid from pg_class where relnamespace = 'auth'::regnamespace)
      union all
      select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'auth'::regnamespace
      union all
      select format('%s %s', tgname, tgenabled) from pg_trigger
      where tgrelid = 'auth.users'::regclass and not tgisinternal and tgname <> 'on_auth_user_created'
      union all
      select format('%s %s %s', relname, relowner::regrole, relrowsecurity) from pg_class
      where relnamespace = 'auth'::regnamespace
      union all
      select format('%s %s', oid::regprocedure, proowner::regrole) from pg_proc where pronamespace = 'auth'::regnamespace
    ) lines";

async fn supabases(version: &str, prepare: &str) -> TestDb {
    let test = TestDb::new().await;
    test.sql(PEOPLE).await;
    test.make_supabases(version).await;
    test.sql(prepare).await;
    test
}

#[tokio::test]
async fn accounts_of_supabases_service_are_taken_over_in_place() {
    let test = supabases(VERSION, APP).await;
    // The app has decided against it.
    test.sql("alter default privileges in schema public revoke all on tables from anon").await;
    let (first, second) = tokio::join!(migrate(test.target()), migrate(test.target()));
    let mut before = [first.expect("it is taken over"), second.expect("nothing is left to do")];
    before.sort_by_key(|before| *before == Before::Ours);
    assert_eq!(before, [Before::Supabases, Before::Ours]);
    assert_eq!(migrate(test.target()).await.expect("nothing to do"), Before::Ours);

    let fresh = TestDb::new().await;
    assert_eq!(test.value::<String>(CATALOGUE).await, fresh.value::<String>(CATALOGUE).await);
    assert_eq!(test.value::<i64>("select count(*) from auth.sessions").await, 3);
    assert_eq!(test.value::<i64>("select sum(users) from vestibule.user_blocks").await, 3);
    assert_eq!(test.value::<i64>("select count(*) from auth.schema_migrations").await, 3);
    test.sql("insert into auth.users (id, email) values (gen_random_uuid(), 'new@example.com')").await;
    assert_eq!(test.value::<i64>("select count(*) from public.profiles").await, 1);
    assert!(!test.value::<bool>("select has_table_privilege('anon', 'auth.users', 'select')").await);
    test.sql("create table public.later ()").await;
    assert!(!test.value::<bool>("select has_table_privilege('anon', 'public.later', 'select')").await);
    assert!(!has_others_files(test.target()).await.expect("an answer"));
}

#[tokio::test]
async fn tables_of_another_role_are_given_to_the_services() {
    let role = format!("owner_{}", uuid::Uuid::new_v4().simple());
    let give = format!(
        "create role {role}; alter schema auth owner to {role}; alter type auth.aal_level owner to {role};
         alter table auth.users owner to {role}"
    );
    let test = supabases(VERSION, &give).await;
    assert_eq!(migrate(test.target()).await.expect("it is taken over"), Before::Supabases);
    const OWNERS: &str = "select string_agg(distinct relowner::regrole::text, ',') from pg_class
        where relnamespace = 'auth'::regnamespace and relkind = 'r'";
    assert_eq!(test.value::<String>(OWNERS).await, "supabase_auth_admin");
    let keeps = format!("select has_table_privilege('{role}', 'auth.users', 'insert')");
    assert!(test.value::<bool>(&keeps).await);
    test.sql(&format!("reassign owned by {role} to supabase_auth_admin; drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn the_files_of_another_service_stay_with_it() {
    let storage = "
        create schema storage;
        create table storage.objects (id uuid primary key, owner uuid);
        insert into storage.objects select gen_random_uuid(), id from auth.users;
        create schema realtime;";
    let test = supabases(VERSION, storage).await;
    assert!(has_others_files(test.target()).await.expect("an answer"));
    assert_eq!(migrate(test.target()).await.expect("it is taken over"), Before::Supabases);
    assert_eq!(migrate(test.target()).await.expect("nothing to do"), Before::Ours);
    assert!(has_others_files(test.target()).await.expect("an answer"));
    const RELATIONS: &str = "
        select string_agg(relname, ',' order by relname) from pg_class where relnamespace = 'storage'::regnamespace";
    assert_eq!(test.value::<String>(RELATIONS).await, "objects,objects_pkey");
    test.sql("update auth.users set is_anonymous = true").await;
    const STALE: &str = "select count(*) from vestibule.stale_anonymous_users(now() + interval '1 day')";
    assert_eq!(test.value::<i64>(STALE).await, 3);
    test.sql("alter table storage.objects add owner_id text; update storage.objects set owner_id = owner").await;
    assert_eq!(test.value::<i64>(STALE).await, 0);
    test.sql("delete from auth.users; truncate auth.users cascade").await;
    assert_eq!(test.value::<i64>("select count(*) from storage.objects").await, 3);
}

#[tokio::test]
async fn other_versions_and_other_schemas_are_refused_untouched() {
    let other = "drop table auth.schema_migrations";
    let changed = "drop index auth.users_is_anonymous_idx; alter table auth.users drop column is_anonymous";
    for (version, prepare, expected) in [
        (
            "20240612123726",
            "",
            "at version 20240612123726, and only 20260625000000 can be taken over: let that service's",
        ),
        ("20990101000000", "", "at version 20990101000000, and only 20260625000000 can be taken over: use a newer"),
        (VERSION, other, "already has: schema auth\nhint: start with an empty database"),
        (VERSION, "delete from auth.schema_migrations where version = '00'", "already has: schema auth\nhint: "),
        (VERSION, changed, "but differs from it: column users.is_anonymous is missing"),
    ] {
        let test = supabases(version, prepare).await;
        let refused = migrate(test.target()).await.expect_err("it is refused").to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(test.value::<i64>("select count(*) from auth.users").await, 3);
        assert!(test.value::<bool>("select to_regnamespace('vestibule') is null").await);
    }
}
