//! Claims that the hook of access tokens makes, and that no token may have.

use auth::{HookName, Settings};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use crate::authenticator::claim;
use crate::hooks::service;
use crate::support::{PASSWORD, Service, assert_error, text};

/// Lets the hook make the claims that it was given with `changes`.
async fn changing(server: &MockServer, changes: Value) {
    server.reset().await;
    let answer = move |request: &Request| {
        let mut event: Value = serde_json::from_slice(&request.body).expect("JSON");
        for (name, value) in changes.as_object().expect("an object") {
            event["claims"][name] = value.clone();
        }
        ResponseTemplate::new(200).set_body_json(json!({"claims": event["claims"]}))
    };
    Mock::given(matchers::any()).respond_with(answer).mount(server).await;
}

async fn start() -> (Service, MockServer) {
    let server = MockServer::start().await;
    changing(&server, json!({})).await;
    (service(Settings::default(), &[(HookName::CustomAccessToken, &server.uri())]).await, server)
}

#[tokio::test]
async fn claims_that_no_token_may_have_open_no_session() {
    let (service, server) = start().await;
    let session = service.sign_up("john@example.com").await;
    let now = service.clock.unix_seconds();
    for changes in [
        json!({"amr": "x"}),
        json!({"amr": [1]}),
        json!({"amr": {}}),
        json!({"app_metadata": "x"}),
        json!({"user_metadata": []}),
        json!({"is_anonymous": "x"}),
        json!({"is_anonymous": null}),
        json!({"iss": 5}),
        json!({"scope": []}),
        json!({"jti": 5}),
        json!({"nbf": "x"}),
        json!({"aud": null}),
        json!({"aud": 5}),
        json!({"aud": {}}),
        json!({"aud": ["a", 5]}),
        json!({"role": null}),
        json!({"exp": "soon"}),
        json!({"exp": now}),
        json!({"exp": i64::MIN}),
        json!({"exp": 1e300}),
        json!({"iat": 0.5}),
        json!({"iat": u64::MAX}),
    ] {
        changing(&server, changes.clone()).await;
        let answer = service.sign_in("john@example.com", PASSWORD).await;
        assert_eq!(answer.status, 500, "{changes}");
        assert_error(&answer, 500, "unexpected_failure");
        let answer = service.refresh(text(&session, "refresh_token")).await;
        assert_eq!(answer.status, 500, "{changes}");
    }
    assert_eq!(service.count("auth.sessions").await, 1);
    assert_eq!(service.count("auth.refresh_tokens").await, 1);
    changing(&server, json!({})).await;
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200, "nothing was used up");
}

#[tokio::test]
async fn what_is_issued_is_accepted() {
    let (service, server) = start().await;
    service.sign_up("john@example.com").await;
    let now = service.clock.unix_seconds();
    let seconds = |at: i64| serde_json::from_str::<Value>(&format!("{at}.0")).expect("a number");
    for (changes, expires_in) in [
        (json!({"amr": ["password", {"method": "x"}]}), 3600),
        (json!({"aud": ["authenticated", "other"]}), 3600),
        (json!({"iss": null, "scope": "openid", "client_id": null, "jti": "1", "nbf": now}), 3600),
        (json!({"iat": i64::MIN}), 3600),
        (json!({"iat": i64::MAX}), 3600),
        (json!({"exp": now + 1}), 1),
        // In JSON as in JSON schema it is the same number.
        (json!({"exp": seconds(now + 1), "iat": seconds(now)}), 1),
        (json!({"exp": i64::MAX, "iat": i64::MIN}), i64::MAX - now),
    ] {
        changing(&server, changes.clone()).await;
        let answer = service.sign_in("john@example.com", PASSWORD).await;
        assert_eq!(answer.status, 200, "{changes}: {}", answer.text());
        let session = answer.json();
        assert_eq!(session["expires_in"], expires_in, "{changes}");
        assert!(claim(&session, "exp").is_i64() && claim(&session, "iat").is_i64(), "{changes}");
        let answer = service.user(text(&session, "access_token")).await;
        assert_eq!(answer.status, 200, "{changes}: {}", answer.text());
    }
}
