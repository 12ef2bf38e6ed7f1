//! The migrations: they apply to an empty database, once, and give what Supabase's users rely on.

use pg::migrate::{LOGIN_ROLES, MIGRATIONS, migrate};
use pg::{Session, Target};
use testkit::TestDb;

const GUIDE: &str = "
    create table public.profiles (
      id uuid not null references auth.users on delete cascade,
      first_name text,
      last_name text,
      primary key (id)
    );
    alter table public.profiles enable row level security;
    create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = ''
    as $$
    begin
      insert into public.profiles (id, first_name, last_name)
      values (new.id, new.raw_user_meta_data ->> 'first_name', new.raw_user_meta_data ->> 'last_name');
      return new;
    end;
    $$;
    create trigger on_auth_user_created after insert on auth.users
      for each row execute procedure public.handle_new_user();";

const ALICE: &str = "00000000-0000-0000-0000-00000000000a";

async fn session_as(test: &TestDb, role: &str) -> Session {
    let target: Target = test.target().as_role(role, &String::new().into());
    Session::open(&target).await.expect("the role can log in")
}

#[tokio::test]
async fn nodes_that_start_together_migrate_an_empty_database_once() {
    let test = TestDb::empty().await;
    let (first, second) = tokio::join!(migrate(test.target()), migrate(test.target()));
    first.expect("one node migrates");
    second.expect("the other waits and finds nothing to do");
    let count: i64 = test.value("select count(*) from vestibule.migrations").await;
    assert_eq!(usize::try_from(count).expect("a small number"), MIGRATIONS.len());
    for role in LOGIN_ROLES {
        session_as(&test, role).await;
    }
}

#[tokio::test]
async fn the_guides_profiles_follow_their_users() {
    let test = TestDb::new().await;
    test.sql(GUIDE).await;
    let auth = session_as(&test, "supabase_auth_admin").await;
    let insert = format!(
        "insert into auth.users (id, email, raw_user_meta_data) values ('{ALICE}', 'a@example.com', '{{\"first_name\":\"A\"}}')"
    );
    auth.batch(&insert).await.expect("the service may insert users and the trigger may insert profiles");
    assert_eq!(test.value::<String>("select first_name from public.profiles").await, "A");
    auth.batch("delete from auth.users").await.expect("a user without files can be deleted");
    assert_eq!(test.value::<i64>("select count(*) from public.profiles").await, 0);
}

#[tokio::test]
async fn a_user_who_owns_objects_cannot_be_deleted_even_by_sql() {
    let test = TestDb::new().await;
    test.sql(&format!(
        "insert into auth.users (id, email) values ('{ALICE}', 'a@example.com');
         insert into storage.buckets (id, name) values ('avatars', 'avatars'), ('docs', 'docs');
         insert into storage.objects (bucket_id, name, owner_id)
         values ('avatars', '1', '{ALICE}'), ('avatars', '2', '{ALICE}'), ('docs', '1', '{ALICE}')"
    ))
    .await;
    let session = Session::open(test.target()).await.expect("the administrator can log in");
    let error = session.batch("delete from auth.users").await.expect_err("the user owns objects");
    assert_eq!(error.constraint_in("storage"), Some("objects_owner_id_fkey"));
    let failure = error.failure();
    assert_eq!(failure.message, format!("user {ALICE} owns 3 storage objects (avatars: 2, docs: 1)"));
    assert_eq!(failure.sqlstate.as_deref(), Some("23503"));
    assert!(failure.hint.is_some_and(|hint| hint.contains("vestibule storage reassign")));
    assert_eq!(test.value::<i64>("select count(*) from auth.users").await, 1);
}

#[tokio::test]
async fn api_roles_see_nothing_of_auth_but_its_functions() {
    let test = TestDb::new().await;
    let session = session_as(&test, "authenticator").await;
    for role in ["anon", "authenticated"] {
        session.batch(&format!("set role {role}")).await.expect("the role may be taken");
        let error = session.batch("select * from auth.users").await.expect_err("no right");
        assert_eq!(error.sqlstate().map(|state| state.code()), Some("42501"));
        session.batch("select * from vestibule.operators").await.expect_err("no right");
        session
            .batch("select auth.uid(), auth.role(), auth.email(), auth.jwt(), auth.session_is_live()")
            .await
            .expect("functions");
    }
    let claims = format!(r#"{{"sub":"{ALICE}","role":"authenticated","email":"a@b.c"}}"#);
    session.query("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.expect("a setting");
    let row = session.query("select auth.uid()::text, auth.role(), auth.email()", &[]).await.expect("a row");
    let found: (String, String, String) = (row[0].get(0), row[0].get(1), row[0].get(2));
    assert_eq!(found, (ALICE.to_owned(), "authenticated".to_owned(), "a@b.c".to_owned()));
}

#[tokio::test]
async fn a_live_session_is_told_from_a_dead_one() {
    let test = TestDb::new().await;
    let live = "00000000-0000-0000-0000-0000000000aa";
    test.sql(&format!(
        "insert into auth.users (id, email) values ('{ALICE}', 'a@example.com');
         insert into auth.sessions (id, user_id, created_at) values ('{live}', '{ALICE}', now())"
    ))
    .await;
    let session = session_as(&test, "authenticator").await;
    session.batch("set role authenticated").await.expect("the role may be taken");
    let is_live = async |claims: &str| {
        session.query("select set_config('request.jwt.claims', $1, false)", &[&claims]).await.expect("a setting");
        let rows = session.query("select auth.session_is_live()", &[]).await.expect("never an error");
        rows[0].get::<_, bool>(0)
    };
    let good = format!(r#"{{"sub":"{ALICE}","session_id":"{live}"}}"#);
    assert!(is_live(&good).await);
    assert!(!is_live(&format!(r#"{{"sub":"{ALICE}","session_id":"nonsense"}}"#)).await);
    assert!(!is_live(&format!(r#"{{"sub":"{live}","session_id":"{live}"}}"#)).await);
    assert!(!is_live("{}").await);
    test.sql("update auth.users set banned_until = now() + interval '1 day'").await;
    assert!(!is_live(&good).await);
    test.sql("update auth.users set banned_until = null; delete from auth.sessions").await;
    assert!(!is_live(&good).await);
}
