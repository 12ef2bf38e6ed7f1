//! What is not there answers as what is switched off.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::support::{Service, text};

#[tokio::test]
async fn what_is_not_there_answers_as_switched_off() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    for (method, path, status, code) in [
        (Method::GET, "/authorize?provider=github", 400, "validation_failed"),
        (Method::POST, "/token?grant_type=id_token", 400, "provider_disabled"),
        (Method::POST, "/token?grant_type=web3", 422, "web3_provider_disabled"),
        (Method::POST, "/sso", 404, "saml_provider_disabled"),
        (Method::GET, "/sso/saml/metadata", 404, "saml_provider_disabled"),
        (Method::GET, "/passkeys", 404, "passkey_disabled"),
        (Method::POST, "/passkeys/authentication/options", 404, "passkey_disabled"),
        (Method::POST, "/oauth/token", 404, "feature_disabled"),
        (Method::GET, "/scim/v2/Schemas", 404, "feature_disabled"),
    ] {
        let answer = service.send(Call::new(method, path).json(&json!({"id_token": "x", "provider": "google"}))).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error_code"].as_str()), (status, Some(code)), "{path}");
    }
    let link = "/user/identities/authorize?provider=github&skip_http_redirect=true";
    assert_eq!(service.send(Call::get(link)).await.status, 401);
    let answer = service.send(Call::get(link).bearer(text(&session, "access_token"))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error_code"].as_str()), (404, Some("manual_linking_disabled")));
    for (path, bearer) in [
        ("/user/oauth/grants", text(&session, "access_token")),
        ("/admin/oauth/clients", &testkit::project::service_token()),
        ("/admin/oauth/clients/8d7f", &testkit::project::service_token()),
        ("/admin/custom-providers", &testkit::project::service_token()),
        ("/admin/custom-providers/custom:x", &testkit::project::service_token()),
    ] {
        assert_eq!(service.send(Call::get(path)).await.status, 401, "{path}");
        let answer = service.send(Call::get(path).bearer(bearer)).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error_code"].as_str()), (404, Some("feature_disabled")));
    }
}
