//! What the audit log keeps: who did what to whom, from where, and what became different.

use std::net::IpAddr;

use auth::Settings;
use base::http::ClientAddr;
use http::Method;
use serde_json::{Value, json};
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, text};

fn from_afar(call: Call) -> Call {
    call.header("user-agent", "Browser/1").extension(ClientAddr(IpAddr::from([192, 0, 2, 7])))
}

/// The latest entry of an action: payload and address.
async fn entry(service: &Service, action: &str) -> (Value, String) {
    let sql = "select payload::jsonb, ip_address from auth.audit_log_entries where payload ->> 'action' = $1
      order by created_at desc, payload ->> 'traits' is null limit 1";
    let rows = service.db.query(sql, &[&action]).await;
    let row = rows.first().expect("an entry");
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn entries_tell_where_from() {
    let service = Service::new().await;
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    let session = service.send(from_afar(Call::post("/signup", &body))).await.json();
    let refresh = json!({"refresh_token": session["refresh_token"]});
    service.send(from_afar(Call::post("/token?grant_type=refresh_token", &refresh))).await;
    service.send(from_afar(Call::post("/logout", &json!({})).bearer(text(&session, "access_token")))).await;
    for action in ["user_signedup", "login", "token_refreshed", "token_revoked", "logout"] {
        let (payload, address) = entry(&service, action).await;
        assert_eq!((text(&payload, "user_agent"), &*address), ("Browser/1", "192.0.2.7"), "{action}");
        assert_eq!(payload["actor_id"], session["user"]["id"], "{action}");
    }
}

#[tokio::test]
async fn changes_are_told_with_old_and_new_values_but_no_secrets() {
    let service = Service::new().await;
    let session = service.sign_up_with("john@example.com", json!({"name": "John", "old": 1})).await;
    let (id, token) = (text(&session["user"], "id"), text(&session, "access_token"));
    service.change(token, json!({"data": {"name": "Jo", "old": null, "long": "x".repeat(2000)}})).await;
    let (payload, _) = entry(&service, "user_modified").await;
    assert_eq!(
        payload["traits"]["changes"],
        json!({
            "user_metadata.name": {"from": "John", "to": "Jo"},
            "user_metadata.old": {"from": 1, "to": null},
            "user_metadata.long": "changed",
        })
    );
    service.advance(1);
    let body = json!({
        "email": "new@example.com", "role": "editor", "password": "another horse", "app_metadata": {"plan": "pro"},
        "ban_duration": "1h",
    });
    let path = format!("/admin/users/{id}");
    let call = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&body);
    assert_eq!(service.send(call).await.status, 200);
    let (payload, _) = entry(&service, "user_modified").await;
    assert_eq!((text(&payload, "actor_username"), text(&payload["traits"], "user_id")), ("service_role", id));
    let changes = &payload["traits"]["changes"];
    assert_eq!(changes["email"], json!({"from": "john@example.com", "to": "new@example.com"}));
    assert_eq!(changes["role"], json!({"from": "authenticated", "to": "editor"}));
    assert_eq!(changes["app_metadata.plan"], json!({"from": null, "to": "pro"}));
    assert!(changes["banned_until"]["from"].is_null() && changes["banned_until"]["to"].is_string());
    assert_eq!(changes["password"], "changed");
    assert!(!payload.to_string().contains("$2"), "no hash: {payload}");
    let list = service.send(Call::get("/admin/audit").bearer(&project::service_token())).await;
    assert_eq!(list.json()[0]["payload"]["traits"]["changes"], *changes);
}

#[tokio::test]
async fn the_database_keeps_no_entries_where_that_is_switched_off() {
    let service = Service::with(Settings { audit_disable_postgres: true, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200);
    service.change(text(&session, "access_token"), json!({"data": {"a": 1}})).await;
    assert_eq!(service.count("auth.audit_log_entries").await, 0);
}

/// The entries of an administrator who is a user named the role of the token only.
#[tokio::test]
async fn an_administrator_who_is_a_user_is_named() {
    let service = Service::new().await;
    let boss = service.sign_up_with("boss@example.com", json!({"full_name": "The Boss"})).await;
    service.db.sql("update auth.users set role = 'service_role'").await;
    let token = service.sign_in("boss@example.com", PASSWORD).await.json();
    let token = text(&token, "access_token");
    let john = service.sign_up("john@example.com").await;
    let path = format!("/admin/users/{}", text(&john["user"], "id"));
    let (sub, role) = (&boss["user"]["id"], "service_role");
    let without_session = project::token(json!({"sub": sub, "role": role}));
    let of_nobody = project::token(json!({"sub": "9f1b0f2c-3f0e-4a53-9a4e-000000000000", "role": role}));
    for (token, actor, username) in [
        (token, sub, "boss@example.com"),
        (&without_session, sub, "boss@example.com"),
        (&of_nobody, &json!("00000000-0000-0000-0000-000000000000"), role),
    ] {
        service.advance(1);
        let call = Call::new(Method::PUT, &path).bearer(token).json(&json!({"role": "editor"}));
        assert_eq!(service.send(call).await.status, 200);
        let (payload, _) = entry(&service, "user_modified").await;
        assert_eq!((&payload["actor_id"], text(&payload, "actor_username")), (actor, username));
        assert_eq!(payload["traits"]["user_id"], john["user"]["id"]);
    }
    assert_eq!(service.send(Call::new(Method::DELETE, &path).bearer(token)).await.status, 200);
    let (payload, _) = entry(&service, "user_deleted").await;
    assert_eq!((&payload["actor_id"], text(&payload, "actor_name")), (sub, "The Boss"));
}
