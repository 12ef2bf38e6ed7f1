//! What stands behind a failure: told to operators, and never taken for something else.

use std::sync::Arc;

use auth::{Deps, Outside, Settings, State};
use base::Random;
use base::http::Failure;
use pg::{Db, PoolSettings};
use serde_json::json;
use testkit::{Answer, Call, pooler, project};

use crate::letters::Post;
use crate::support::{PASSWORD, Service, assert_error, text};
use crate::verify::settings;

fn cause(answer: &Answer) -> Failure {
    answer.extensions.get::<Failure>().expect("a cause").clone()
}

/// Names of constraints are those of one schema: a profile table that a trigger fills may well be `public.users`.
#[tokio::test]
async fn a_constraint_of_another_table_is_nobodys_address() {
    let service = Service::with(settings()).await;
    let profiles = r#"
        create table public.users (id uuid constraint users_pkey primary key, phone text constraint users_phone_key unique);
        grant all on public.users to supabase_auth_admin;
        insert into public.users values ('00000000-0000-0000-0000-000000000001', 'x');
        create function public."My (new) Fn"() returns trigger language plpgsql as $$
          begin insert into public.users values (new.id, 'x'); return new; end $$;
        create trigger profile after insert on auth.users for each row execute function public."My (new) Fn"()"#;
    service.db.sql(profiles).await;
    let account = json!({"email": "john@example.com", "password": PASSWORD});
    let invitation = json!({"email": "john@example.com"});
    let link = json!({"type": "magiclink", "email": "john@example.com"});
    for (path, body, is_admins) in [
        ("/signup", &account, false),
        ("/otp", &invitation, false),
        ("/invite", &invitation, true),
        ("/admin/users", &account, true),
        ("/admin/generate_link", &link, true),
    ] {
        let call = Call::post(path, body).header("x-supabase-api-version", "2024-01-01");
        let answer = service.send(if is_admins { call.bearer(&project::service_token()) } else { call }).await;
        assert_eq!(answer.status, 500, "{path}");
        assert_eq!(text(&answer.json(), "code"), "unexpected_failure", "{path}");
        let cause = cause(&answer);
        assert_eq!(cause.constraint.as_deref(), Some("users_phone_key"), "{path}");
        assert_eq!(cause.table.as_deref(), Some("public.users"), "{path}");
        assert_eq!(cause.function.as_deref(), Some(r#"public."My (new) Fn""#), "{path}");
    }
    assert_eq!(service.count("auth.users").await, 0);
}

#[tokio::test]
async fn a_trigger_that_keeps_the_row_is_no_wrong_password() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let keeps = "
        create function public.keeps() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger keeps before update on auth.users for each row execute function public.keeps()";
    service.db.sql(keeps).await;
    let answer = service.sign_in("john@example.com", PASSWORD).await;
    assert_error(&answer, 500, "unexpected_failure");
    assert_eq!(cause(&answer).message, "a trigger of auth.users keeps the row as it is");
    assert_error(&service.sign_in("john@example.com", "another").await, 400, "invalid_credentials");
}

/// `PTxyz` names a status; those below 200 announce an answer and are none.
#[tokio::test]
async fn a_status_that_is_no_answers_is_none() {
    let service = Service::new().await;
    for (state, status) in [("PT402", 402), ("PT100", 500), ("PT199", 500)] {
        let refuses = format!(
            "create or replace function public.refuses() returns trigger language plpgsql as $$
               begin raise sqlstate '{state}' using message = 'no'; end $$;
             create or replace trigger refuses before insert on auth.users execute function public.refuses()"
        );
        service.db.sql(&refuses).await;
        let answer = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await;
        assert_eq!(answer.status, status, "{state}");
        assert!(!answer.text().is_empty(), "{state}");
    }
}

/// What is counted beside a transaction takes connections of its own, which are made like the others.
#[tokio::test]
async fn letters_are_counted_through_a_pooler_too() {
    let (post, database) = (Post::default(), Service::new().await);
    let target = pooler::in_front_of(database.db.db("supabase_auth_admin").target()).await;
    let pool = PoolSettings { max_connections: 2, prepares: false, ..PoolSettings::default() };
    let deps = Deps {
        db: Db::new(target, &pool).expect("a valid target"),
        keyring: testkit::keyring(),
        clock: database.clock.clone(),
        random: Random::system(),
    };
    let state = State::new(Settings { mailer_autoconfirm: false, ..Settings::default() }, deps)
        .with_outside(Outside::default().with_mailer(Arc::new(post.clone())));
    let router = auth::router(state);
    for number in 0..8 {
        let account = json!({"email": format!("{number}@example.com"), "password": PASSWORD});
        let answer = Call::post("/signup", &account).send(&router).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(post.count(), 8);
}
