//! `DELETE /user/identities/{id}`.

use auth::Settings;
use http::Method;
use serde_json::{Value, json};
use testkit::project::service_token;
use testkit::{Answer, Call};

use crate::support::{Service, assert_error, text};

async fn service() -> Service {
    Service::with(Settings { manual_linking_enabled: true, ..Settings::default() }).await
}

/// Gives the only user an identity at a provider; returns its id.
async fn link(service: &Service, provider: &str, email: Option<&str>, is_verified: bool) -> String {
    let data = json!({"sub": provider, "email": email, "email_verified": is_verified});
    let insert = format!(
        "insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
         select gen_random_uuid(), '{provider}', id, '{data}', '{provider}', clock_timestamp(), now()
         from auth.users where email is not null or phone is not null order by created_at limit 1"
    );
    service.db.sql(&insert).await;
    service.db.value(&format!("select id::text from auth.identities where provider = '{provider}'")).await
}

async fn unlink(service: &Service, session: &Value, id: &str) -> Answer {
    let call = Call::new(Method::DELETE, &format!("/user/identities/{id}"));
    service.send(call.bearer(text(session, "access_token"))).await
}

fn email_identity(session: &Value) -> &str {
    text(&session["user"]["identities"][0], "identity_id")
}

async fn user(service: &Service, session: &Value) -> Value {
    service.user(text(session, "access_token")).await.json()
}

#[tokio::test]
async fn an_identity_goes_and_the_providers_follow() {
    let service = service().await;
    let session = service.sign_up("john@example.com").await;
    let github = link(&service, "github", Some("john@example.com"), true).await;
    let answer = unlink(&service, &session, &github).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})), "{}", answer.text());
    let user = user(&service, &session).await;
    assert_eq!(user["app_metadata"]["providers"], json!(["email"]));
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(1));
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'identity_unlinked'").await, 1);
    assert_error(&unlink(&service, &session, email_identity(&session)).await, 422, "single_identity_not_deletable");
}

/// Behaviour 16: the address of another identity takes the place of one that is unlinked.
#[tokio::test]
async fn the_address_of_another_identity_takes_the_place_of_one_that_goes() {
    for (is_verified, autoconfirm, is_confirmed) in [(true, false, true), (false, false, false), (false, true, true)] {
        let settings =
            Settings { manual_linking_enabled: true, mailer_autoconfirm: autoconfirm, ..Settings::default() };
        let service = Service::with(settings).await;
        let signed_up = service.sign_up("john@example.com").await;
        let session = if autoconfirm {
            signed_up
        } else {
            service.db.sql("update auth.users set email_confirmed_at = now()").await;
            service.sign_in("john@example.com", crate::support::PASSWORD).await.json()
        };
        let email = email_identity(&session).to_owned();
        link(&service, "nothing", None, false).await;
        link(&service, "unverified", Some("later@example.com"), false).await;
        link(&service, "github", Some("work@example.com"), is_verified).await;
        assert_eq!(unlink(&service, &session, &email).await.status, 200);
        let user = user(&service, &session).await;
        let expected = if is_verified { "work@example.com" } else { "later@example.com" };
        assert_eq!(user["email"], expected);
        assert_eq!(user.get("email_confirmed_at").is_some(), is_confirmed, "{is_verified} {autoconfirm}");
        assert_eq!(service.count("auth.one_time_tokens").await, 0);
    }
}

#[tokio::test]
async fn addresses_of_others_are_passed_by() {
    let service = service().await;
    let session = service.sign_up("john@example.com").await;
    let email = email_identity(&session).to_owned();
    link(&service, "github", Some("jane@example.com"), true).await;
    service.advance(1);
    service.sign_up_with("jane2@example.com", json!({})).await;
    service.db.sql("update auth.users set email = 'jane@example.com' where email = 'jane2@example.com'").await;
    assert_error(&unlink(&service, &session, &email).await, 422, "email_conflict_identity_not_deletable");
    assert_eq!(user(&service, &session).await["email"], "john@example.com", "nothing happened");
    link(&service, "none", None, false).await;
    assert_eq!(unlink(&service, &session, &email).await.status, 200);
    assert_eq!(user(&service, &session).await["email"], "");
}

#[tokio::test]
async fn what_cannot_be_unlinked_is_told() {
    let service = service().await;
    let session = service.sign_up("john@example.com").await;
    link(&service, "github", None, false).await;
    assert_error(&unlink(&service, &session, "x").await, 404, "validation_failed");
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_error(&unlink(&service, &session, unknown).await, 422, "identity_not_found");
    let jane = service.sign_up("jane@example.com").await;
    assert_error(&unlink(&service, &session, email_identity(&jane)).await, 422, "identity_not_found");
    let call = Call::new(Method::DELETE, &format!("/user/identities/{unknown}")).header("x-jwt-aud", "other");
    assert_error(&service.send(call.bearer(text(&session, "access_token"))).await, 403, "unexpected_audience");
    let off = Service::new().await;
    let session = off.sign_up("john@example.com").await;
    assert_error(&unlink(&off, &session, unknown).await, 404, "manual_linking_disabled");
}

/// Makes the only user one of GitHub, who has no password and no email identity.
async fn only_github(service: &Service) {
    link(service, "github", Some("john@example.com"), true).await;
    service.db.sql("delete from auth.identities where provider = 'email'").await;
    service.db.sql("update auth.identities set created_at = '2000-01-01'").await;
    let providers = r#"{"provider": "github", "providers": ["github"]}"#;
    let update = format!("update auth.users set encrypted_password = '', raw_app_meta_data = '{providers}'");
    service.db.sql(&update).await;
}

#[tokio::test]
async fn a_first_password_adds_an_email_identity_where_that_is_set() {
    for by_admin in [false, true] {
        let on = Settings { create_email_identity_on_password_set: true, ..Settings::default() };
        let service = Service::with(on).await;
        let session = service.sign_up("john@example.com").await;
        only_github(&service).await;
        let set = async |password: &str| {
            let (path, token) = match by_admin {
                true => (format!("/admin/users/{}", text(&session["user"], "id")), service_token()),
                false => ("/user".to_owned(), text(&session, "access_token").to_owned()),
            };
            let call = Call::new(Method::PUT, &path).bearer(&token).json(&json!({"password": password}));
            service.send(call).await
        };
        let user = set("another horse").await.json();
        assert_eq!(user["app_metadata"], json!({"provider": "github", "providers": ["github", "email"]}));
        let data = json!({
            "sub": user["id"], "email": "john@example.com", "email_verified": true, "phone_verified": false
        });
        assert_eq!(user["identities"][1]["identity_data"], data);
        assert_eq!(user["identities"][1]["id"], user["id"]);
        assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);

        // Only a first password does, and only one of a confirmed address.
        service.db.sql("delete from auth.identities where provider = 'email'").await;
        assert_eq!(set("one more horse").await.json()["identities"].as_array().map(Vec::len), Some(1));
        service.db.sql("update auth.users set encrypted_password = '', email_confirmed_at = null").await;
        assert_eq!(set("the last horse").await.json()["identities"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_first_password_adds_no_identity_by_itself() {
    let service = Service::with(Settings::default()).await;
    let session = service.sign_up("john@example.com").await;
    only_github(&service).await;
    let call = Call::new(Method::PUT, "/user").bearer(text(&session, "access_token"));
    let answer = service.send(call.json(&json!({"password": "another horse"}))).await;
    assert_eq!(answer.json()["app_metadata"]["providers"], json!(["github"]), "{}", answer.text());
}
