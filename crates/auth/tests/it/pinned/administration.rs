//! What administrators may do, and what they are told.

use auth::Settings;
use http::Method;
use serde_json::json;
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

/// A hash of `user1password`, as Firebase exports it.
const FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,\
        sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==\
        $42xEC+ixf3L2lw==\
        $lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

/// Behaviour 103: the answer is 200, and identities are not verified.
/// Behaviour 104: administrators pass switches and strength, and may bring hashes of Firebase too.
#[tokio::test]
async fn administrators_pass_switches_and_strength() {
    let settings = Settings { disable_signup: true, email_enabled: false, ..Settings::default() };
    let service = Service::with(settings).await;
    let body = json!({"email": "a@b.c", "phone": "15550100", "password": "x", "email_confirm": true});
    let made = service.admin_post("/admin/users", body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["identities"][0]["identity_data"]["email_verified"], false);
    let service = Service::new().await;
    let body = json!({"email": "f@b.c", "password_hash": FIREBASE, "email_confirm": true});
    let made = service.admin_post("/admin/users", body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(service.sign_in("f@b.c", "user1password").await.status, 200);
    assert_error(&service.sign_in("f@b.c", "user2password").await, 400, "invalid_credentials");
}

/// Behaviour 106: any id but the empty one is taken, of whatever version.
#[tokio::test]
async fn ids_have_any_version() {
    let service = Service::new().await;
    for id in ["ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000001"] {
        let made = service.admin_post("/admin/users", json!({"email": format!("{id}@b.c"), "id": id})).await;
        assert_eq!((made.status.as_u16(), text(&made.json(), "id")), (200, id));
    }
}

/// Behaviour 114: a single user has identities.
/// Behaviour 122: errors in OAuth's form are 400, whatever the version.
#[tokio::test]
async fn one_user_has_identities_and_oauth_errors_have_no_version() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let path = format!("/admin/users/{}", text(&session["user"], "id"));
    let user = service.send(Call::get(&path).bearer(&project::service_token())).await.json();
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(1));
    service
        .db
        .sql(
            "with client as (
               insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, token_endpoint_auth_method)
               values (gen_random_uuid(), 'manual', 'https://a.example', 'refresh_token', 'none') returning id)
             update auth.sessions set oauth_client_id = client.id from client",
        )
        .await;
    let body = json!({"refresh_token": session["refresh_token"]});
    for version in ["2023-01-01", "2024-01-01"] {
        let call = Call::post("/token?grant_type=refresh_token", &body).header("X-Supabase-Api-Version", version);
        let answer = service.send(call).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (400, &json!("invalid_client")));
        assert!(answer.json()["error_description"].is_string() && answer.json().get("code").is_none());
    }
}

/// Behaviour 112: a number that was of a deleted user is free again, and a second delete changes nothing.
#[tokio::test]
async fn numbers_of_deleted_users_are_free() {
    let service = Service::new().await;
    let make = || service.admin_post("/admin/users", json!({"phone": "15550100", "password": PASSWORD}));
    let id = text(&make().await.json(), "id").to_owned();
    assert_error(&make().await, 422, "phone_exists");
    for _ in 0..2 {
        let call = Call::new(Method::DELETE, &format!("/admin/users/{id}")).json(&json!({"should_soft_delete": true}));
        assert_eq!(service.send(call.bearer(&project::service_token())).await.status, 200);
    }
    assert_eq!(make().await.status, 200);
    let list = service.send(Call::get("/admin/users").bearer(&project::service_token())).await;
    assert_eq!(list.header("x-total-count"), "2", "the deleted one stays listed");
}
