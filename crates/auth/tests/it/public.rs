//! What anybody may ask, and paths and methods that there are not.

use std::time::Duration;

use auth::Settings;
use http::Method;
use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error};

#[tokio::test]
async fn health_names_the_service() {
    let service = Service::new().await;
    let answer = service.send(Call::get("/health")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["name"], "GoTrue");
    assert!(answer.json()["version"].is_string());
}

/// Behaviour 124: settings tell what is on and no secret.
#[tokio::test]
async fn settings_tell_what_is_on_and_no_secret() {
    let service = Service::with(Settings { disable_signup: true, ..Settings::default() }).await;
    let settings = service.send(Call::get("/settings")).await.json();
    let external = settings["external"].as_object().unwrap();
    assert_eq!(external.len(), 26);
    let on: Vec<_> = external.iter().filter(|(_, on)| **on == json!(true)).map(|(name, _)| name).collect();
    assert_eq!(on, ["email"]);
    let rest: Vec<_> = settings.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        rest,
        [
            "disable_signup",
            "external",
            "mailer_autoconfirm",
            "passkeys_enabled",
            "phone_autoconfirm",
            "saml_enabled",
            "saml_private_key_next_configured",
            "sms_provider"
        ]
    );
    assert_eq!(settings["disable_signup"], true);
    assert_eq!(settings["sms_provider"], "");
}

/// Behaviour 100: one key signs; the keys that verify are published, secrets are not.
#[tokio::test]
async fn public_keys_are_published_for_ten_minutes() {
    let service = Service::new().await;
    let answer = service.send(Call::get("/.well-known/jwks.json")).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=600");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!((&keys[0]["use"], &keys[0]["key_ops"]), (&json!("sig"), &json!(["verify"])));
    assert!(keys[0].get("d").is_none());
    let configuration = service.send(Call::get("/.well-known/openid-configuration")).await.json();
    assert_eq!(configuration["jwks_uri"], "http://127.0.0.1:54321/auth/v1/.well-known/jwks.json");
}

#[tokio::test]
async fn unknown_paths_are_plain_404_and_other_methods_405() {
    let service = Service::new().await;
    let answer = service.send(Call::get("/nowhere")).await;
    assert_eq!((answer.status.as_u16(), answer.text().trim()), (404, "404 page not found"));
    assert!(answer.header("content-type").starts_with("text/plain"));
    let answer = service.send(Call::new(Method::DELETE, "/settings")).await;
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").contains("GET"));
    assert_eq!(service.send(Call::get("/user/")).await.status, 401, "a slash at the end is fine");
}

/// Behaviour 121: the version asked for changes the bodies of errors only.
#[tokio::test]
async fn the_version_header_changes_error_bodies_only() {
    let service = Service::new().await;
    for (version, is_new) in
        [("2024-01-01", true), ("2099-12-31", true), ("2023-12-31", false), ("new", false), ("2024-99-99", false)]
    {
        let answer = service.send(Call::get("/user").header("X-Supabase-Api-Version", version)).await;
        let message = "This endpoint requires a valid Bearer token";
        let expected = if is_new {
            json!({"code": "no_authorization", "message": message})
        } else {
            json!({"code": 401, "error_code": "no_authorization", "msg": message})
        };
        assert_eq!(answer.json(), expected, "{version}");
        assert_eq!(answer.header("x-supabase-api-version"), if is_new { "2024-01-01" } else { "" });
        assert_eq!(answer.header("x-sb-error-code"), "no_authorization");
    }
    let answer = service.send(Call::get("/health").header("X-Supabase-Api-Version", "2024-01-01")).await;
    assert_eq!(answer.header("x-supabase-api-version"), "");
}

/// The deadline, 0.3 of the reference.
#[tokio::test]
async fn a_request_that_takes_too_long_is_504_and_changes_nothing() {
    let settings = Settings { max_request_duration: Duration::from_millis(300), ..Settings::default() };
    let service = Service::with(settings).await;
    let holder = pg::Session::open(service.db.target()).await.unwrap();
    holder.batch("begin; lock table auth.identities in share mode").await.unwrap();
    let request = json!({"email": "john@example.com", "password": PASSWORD});
    let answer = service.post("/signup", request.clone()).await;
    assert_error(&answer, 504, "request_timeout");
    let failure = answer.extensions.get::<base::http::Failure>().expect("a cause");
    assert!(failure.message.contains("waiting for the database"), "{}", failure.message);
    holder.batch("rollback").await.unwrap();
    assert_eq!(service.count("auth.users").await, 0);
}

#[tokio::test]
async fn without_an_oauth_server_its_document_is_a_disabled_feature() {
    let service = Service::new().await;
    let answer = service.send(Call::get("/.well-known/oauth-authorization-server")).await;
    assert_error(&answer, 404, "feature_disabled");
}
