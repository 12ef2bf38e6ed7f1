//! Ways to an account that is somebody else's.

use std::sync::Arc;

use auth::{Outside, Settings, SmsSettings};
use serde_json::{Value, json};

use crate::phone::Phones;
use crate::support::{PASSWORD, Service, text};

/// A service that confirms numbers by codes.
async fn with_phones() -> Service {
    let sms = SmsSettings { autoconfirm: false, ..SmsSettings::default() };
    let settings = Settings { phone_enabled: true, sms, ..Settings::default() };
    Service::with_outside(settings, Outside::default().with_sms(Arc::new(Phones::default()))).await
}

#[tokio::test]
async fn a_strangers_sign_up_leaves_the_identities_of_a_confirmed_account() {
    for (path, body) in [
        ("/signup", json!({"phone": "15550100", "password": "somebody else's", "data": {"name": "Mallory"}})),
        ("/otp", json!({"phone": "15550100", "data": {"name": "Mallory"}})),
    ] {
        let service = with_phones().await;
        let session = service.sign_up("john@example.com").await;
        service.db.sql("update auth.users set phone = '15550100'").await;
        assert_eq!(service.post(path, body).await.status, 200);
        let identities: Value = service.db.value("select jsonb_agg(provider) from auth.identities").await;
        assert_eq!(identities, json!(["email"]), "{path}");
        assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
        let user = service.user(text(&session, "access_token")).await.json();
        assert_eq!(user["identities"][0]["identity_data"]["email"], "john@example.com");
    }
}
