//! `/factors/recovery-codes`.

use serde_json::{Value, json};
use testkit::Call;

use crate::authenticator::{App, claim, delete, post};
use crate::support::{PASSWORD, Service, assert_error, text};

#[tokio::test]
async fn recovery_codes_stand_for_a_lost_factor_once_each() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let made = post(&service, &app.session, "/factors/recovery-codes", json!({})).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let codes = made.json()["codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    let left = async |session: &Value| {
        let call = Call::get("/factors/recovery-codes").bearer(text(session, "access_token"));
        service.send(call).await.json()["remaining"].clone()
    };
    assert_eq!(left(&low).await, 10);
    assert_error(&post(&service, &low, "/factors/recovery-codes", json!({})).await, 403, "insufficient_aal");
    let before = low.clone();
    let verify = async |session: &Value, code: &str| {
        post(&service, session, "/factors/recovery-codes/verify", json!({"code": code})).await
    };
    assert_error(&verify(&low, "aaaa-aaaa-aaaa-aaaa").await, 422, "mfa_verification_failed");
    assert_error(&verify(&low, "").await, 400, "validation_failed");
    let jane = service.sign_up("jane@example.com").await;
    assert_error(&verify(&jane, codes[0].as_str().unwrap()).await, 422, "mfa_factor_not_found");
    service.advance(1);
    let raised = verify(&low, &codes[0].as_str().unwrap().to_uppercase()).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    let raised = raised.json();
    assert_eq!(
        (claim(&raised, "aal"), claim(&raised, "amr")[0]["method"].clone()),
        ("aal2".into(), "mfa/recovery_code".into())
    );
    assert_eq!(left(&raised).await, 9);
    // A token from before the step up may be in other hands.
    assert_error(&post(&service, &before, "/factors/recovery-codes", json!({})).await, 403, "insufficient_aal");
    assert_error(&delete(&service, &before, "recovery-codes").await, 403, "insufficient_aal");
    assert_error(&verify(&raised, codes[0].as_str().unwrap()).await, 422, "mfa_verification_failed");
    assert_eq!(delete(&service, &raised, &app.factor).await.status, 200, "the lost app can be removed");
    assert_eq!(service.count("vestibule.mfa_recovery_codes").await, 0, "they stand for nothing any more");
    assert_error(&post(&service, &raised, "/factors/recovery-codes", json!({})).await, 422, "mfa_factor_not_found");
}

#[tokio::test]
async fn recovery_codes_can_be_replaced_and_deleted() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let make = async || post(&service, &app.session, "/factors/recovery-codes", json!({})).await.json();
    let old = make().await;
    make().await;
    assert_eq!(service.count("vestibule.mfa_recovery_codes").await, 10);
    let body = json!({"code": old["codes"][0]});
    let used = post(&service, &app.session, "/factors/recovery-codes/verify", body).await;
    assert_error(&used, 422, "mfa_verification_failed");
    assert_eq!(delete(&service, &app.session, "recovery-codes").await.status, 204);
    assert_eq!(service.count("vestibule.mfa_recovery_codes").await, 0);
}
