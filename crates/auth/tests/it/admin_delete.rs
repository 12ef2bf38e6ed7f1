//! `DELETE /admin/users/{id}`.

use base::http::Failure;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn delete(service: &Service, id: &str, body: Option<Value>) -> Answer {
    let call = Call::new(Method::DELETE, &format!("/admin/users/{id}")).bearer(&project::service_token());
    service.send(if let Some(body) = body { call.json(&body) } else { call }).await
}

/// Behaviour 118: a deleted factor is answered, a deleted user is an empty object.
/// Behaviour 129: large bodies are 413, none is 400 except for deletes.
#[tokio::test]
async fn a_deleted_user_is_gone_with_everything() {
    let service = Service::new().await;
    service
        .db
        .sql(
            "create table public.profiles (id uuid primary key references auth.users on delete cascade);
         insert into public.profiles select id from auth.users",
        )
        .await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("insert into public.profiles select id from auth.users").await;
    let id = text(&session["user"], "id");
    let answer = delete(&service, id, None).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "{}"));
    for table in ["auth.users", "auth.identities", "auth.sessions", "auth.refresh_tokens", "public.profiles"] {
        assert_eq!(service.count(table).await, 0, "{table}");
    }
    assert_error(&service.user(text(&session, "access_token")).await, 403, "user_not_found");
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "refresh_token_not_found");
    assert_error(&delete(&service, id, None).await, 404, "user_not_found");
    let entry: Value = service
        .db
        .value(
            "select payload::jsonb -> 'traits' from auth.audit_log_entries where payload ->> 'action' = 'user_deleted'",
        )
        .await;
    assert_eq!(entry, json!({"user_id": id, "user_email": "john@example.com", "user_phone": ""}));
}

/// Behaviour 112: a soft delete keeps the row and frees the address, once.
#[tokio::test]
async fn a_soft_delete_keeps_the_row_and_frees_the_address() {
    let service = Service::new().await;
    let session = service.sign_up_with("john@example.com", json!({"name": "John"})).await;
    let id = text(&session["user"], "id");
    assert_error(&delete(&service, id, Some(json!({"should_soft_delete": 1}))).await, 400, "bad_json");
    assert_eq!(delete(&service, id, Some(json!({"should_soft_delete": true}))).await.status, 200);
    let call = Call::get(&format!("/admin/users/{id}")).bearer(&project::service_token());
    let user = service.send(call).await.json();
    assert!(user["deleted_at"].is_string());
    assert!(!user.to_string().to_lowercase().contains("john"), "{user}");
    assert_eq!(text(&user, "email").len(), 43);
    assert_eq!(text(&user, "phone").len(), 15);
    assert_eq!((&user["user_metadata"], &user["app_metadata"]), (&json!({}), &json!({})));
    assert_eq!(text(&user["identities"][0], "id").len(), 43);
    assert!(user["identities"][0].get("identity_data").is_none());
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_error(&service.user(text(&session, "access_token")).await, 403, "session_not_found");
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");

    let email = user["email"].clone();
    assert_eq!(delete(&service, id, Some(json!({"should_soft_delete": true}))).await.status, 200);
    let call = Call::get(&format!("/admin/users/{id}")).bearer(&project::service_token());
    assert_eq!(service.send(call).await.json()["email"], email, "a second one changes nothing");
    service.sign_up("john@example.com").await;
    assert_eq!(delete(&service, id, None).await.status, 200);
    assert_eq!(service.count("auth.users").await, 1);
}

/// What was under way does not open the account again.
#[tokio::test]
async fn nothing_leads_back_into_an_account_after_a_soft_delete() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    service
        .db
        .sql(&format!(
            "insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
               authentication_method, auth_code_issued_at, created_at, updated_at)
             values (gen_random_uuid(), '{id}', 'code', 'plain', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz',
               'recovery', 'recovery', now(), now(), now());
             insert into vestibule.mfa_recovery_codes values ('{id}', '\\x01', now())"
        ))
        .await;
    let forever = project::user_token(id);
    assert_eq!(service.user(&forever).await.status, 200, "a token without a session");
    assert_eq!(delete(&service, id, Some(json!({"should_soft_delete": true}))).await.status, 200);
    assert_error(&service.user(&forever).await, 403, "user_not_found");
    assert_error(&service.change(&forever, json!({"password": "new password"})).await, 403, "user_not_found");
    assert_eq!(service.count("auth.flow_state").await + service.count("vestibule.mfa_recovery_codes").await, 0);

    // Not even an administrator who gives it an address and a password.
    let again = json!({"email": "john@example.com", "password": PASSWORD, "email_confirm": true});
    let path = format!("/admin/users/{id}");
    let call = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&again);
    assert_eq!(service.send(call).await.status, 200);
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");
    assert_eq!(service.count("auth.sessions").await, 0);
}

#[tokio::test]
async fn an_owner_of_files_is_not_deleted() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    service
        .db
        .sql(&format!(
            "insert into storage.buckets (id, name) values ('avatars', 'avatars'), ('docs', 'docs');
         insert into storage.objects (bucket_id, name, owner_id)
         values ('avatars', 'a.png', '{id}'), ('avatars', 'b.png', '{id}'), ('docs', 'c.txt', '{id}')"
        ))
        .await;
    let answer = delete(&service, id, None).await;
    assert_error(&answer, 409, "conflict");
    assert_eq!(answer.json()["msg"], format!("user {id} owns 3 storage objects (avatars: 2, docs: 1)"));
    let failure = answer.extensions.get::<Failure>().expect("a failure for the console");
    assert_eq!(failure.constraint.as_deref(), Some("objects_owner_id_fkey"));
    assert!(failure.hint.as_deref().unwrap_or_default().contains("reassign"), "{failure:?}");
    assert_eq!(service.count("auth.users").await, 1);
    assert_eq!(service.count("auth.sessions").await, 1);
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_deleted'").await, 0);
    service.db.sql("update storage.objects set owner_id = null").await;
    assert_eq!(delete(&service, id, None).await.status, 200);
}
