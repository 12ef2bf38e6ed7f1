//! Who is there and who is not; what triggers, hooks and other servers share.

use auth::{Deps, RateLimits, Settings, State};
use base::Random;
use base::http::ClientAddr;
use serde_json::json;
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

/// Behaviour 14: accounts of single sign-on are not there for passwords, recovery, codes and sign-up.
#[tokio::test]
async fn accounts_of_single_sign_on_are_out_of_sight() {
    let service = Service::new().await;
    let sso = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set is_sso_user = true; update auth.identities set provider = 'sso:acme'").await;
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");
    for (path, body) in [
        ("/recover", json!({"email": "john@example.com"})),
        ("/resend", json!({"type": "signup", "email": "john@example.com"})),
    ] {
        let answer = service.post(path, body).await;
        assert_eq!((answer.status.as_u16(), &*answer.text()), (200, "{}"), "{path}");
    }
    let code = service.post("/otp", json!({"email": "john@example.com", "create_user": false})).await;
    assert_error(&code, 422, "otp_disabled");
    assert_eq!(service.count("vestibule.mailbox").await, 0);
    let own = service.sign_up("john@example.com").await;
    assert_ne!(own["user"]["id"], sso["user"]["id"]);
    assert_eq!(service.count("auth.users where email = 'john@example.com'").await, 2);
}

/// Behaviour 139: rows of another instance are not there.
#[tokio::test]
async fn rows_of_another_instance_are_not_there() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    service.db.sql("update auth.users set instance_id = '00000000-0000-0000-0000-000000000001'").await;
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");
    assert_error(&service.user(text(&session, "access_token")).await, 403, "user_not_found");
    let admin = project::service_token();
    let one = service.send(Call::get(&format!("/admin/users/{id}")).bearer(&admin)).await;
    assert_error(&one, 404, "user_not_found");
    let list = service.send(Call::get("/admin/users").bearer(&admin)).await;
    assert_eq!((list.header("x-total-count"), &list.json()["users"]), ("0", &json!([])));
    assert!(service.refresh(text(&session, "refresh_token")).await.status.is_client_error());
}

/// Behaviour 140: tables have row level security and no policies, and the service works all the same.
#[tokio::test]
async fn nobody_else_reads_the_tables() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    assert_eq!(service.count("pg_policies where schemaname = 'auth'").await, 0);
    let open = "pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r' and not relrowsecurity
        and relname in ('users', 'identities', 'sessions', 'refresh_tokens', 'mfa_factors', 'one_time_tokens')";
    assert_eq!(service.count(open).await, 0);
    service.db.sql("grant usage on schema auth to authenticated; grant select on auth.users to authenticated").await;
    let seen = service.db.query("select set_config('role', 'authenticated', false)", &[]).await;
    assert_eq!(seen.len(), 1);
    let session = pg::Session::open(service.db.target()).await.expect("a connection");
    session.batch("set role authenticated").await.expect("a role");
    let rows = session.query("select count(*) from auth.users", &[]).await.expect("a query");
    assert_eq!(rows[0].get::<_, i64>(0), 0);
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
}

/// Behaviour 134: limits are shared by all servers of a database.
#[tokio::test]
async fn two_servers_count_together() {
    let rate_limits = RateLimits { per_address: true, ..RateLimits::default() };
    let settings = Settings { rate_limits, mailer_max_frequency: std::time::Duration::ZERO, ..Settings::default() };
    let service = Service::with(settings.clone()).await;
    let deps = Deps {
        db: service.db.db("supabase_auth_admin"),
        keyring: testkit::keyring(),
        clock: service.clock.clone(),
        random: Random::system(),
    };
    let other = auth::router(State::new(settings, deps));
    let mut statuses = Vec::new();
    for n in 0..32 {
        let call = Call::post("/recover", &json!({"email": "nobody@example.com"}));
        let call = call.extension(ClientAddr("192.0.2.1".parse().expect("an address")));
        statuses.push(call.send(if n % 2 == 0 { &service.router } else { &other }).await.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 30);
    assert_eq!(statuses[30..], [429, 429], "neither of them passes more");
}
