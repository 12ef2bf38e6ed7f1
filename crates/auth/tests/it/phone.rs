//! Phone numbers: signing up and in, codes, changing the number.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use auth::{Outside, Settings, SmsSettings};
use authkit::sms::{Channel, Pending, Provider, SmsError, Text};
use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, code_hashes, text};
use crate::takeover::behind;

/// A provider that keeps what it is given, and takes nothing while it is away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phones {
    pub(crate) sent: Arc<Mutex<Vec<Text>>>,
    pub(crate) is_away: bool,
    pub(crate) checks: bool,
}

impl Provider for Phones {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn knows(&self, _: Channel) -> bool {
        true
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            if self.is_away {
                return Err(SmsError::NotUnderstood { provider: "twilio", status: 502 });
            }
            let mut sent = self.sent.lock().expect("no test panicked with it");
            sent.push(text.clone());
            Ok(format!("SM{}", sent.len()))
        })
    }

    fn makes_codes(&self) -> bool {
        self.checks
    }

    fn verify<'a>(&'a self, phone: &'a str, code: &'a str) -> Pending<'a, bool> {
        Box::pin(async move {
            // As Twilio answers who asks too often; it knows no codes of numbers that were sent none.
            match code {
                "999999" if phone == "15550100" => Err(SmsError::NotUnderstood { provider: "twilio", status: 429 }),
                code => Ok(self.checks && phone == "15550100" && code == "777777"),
            }
        })
    }
}

impl Phones {
    pub(crate) fn count(&self) -> usize {
        self.sent.lock().expect("no test panicked with it").len()
    }

    pub(crate) fn last(&self) -> Text {
        self.sent.lock().expect("no test panicked with it").last().expect("a message").clone()
    }
}

pub(crate) fn settings() -> Settings {
    let test_otp = BTreeMap::from([("15550199".to_owned(), "123123".to_owned())]);
    let sms = SmsSettings { autoconfirm: false, test_otp, ..SmsSettings::default() };
    Settings { phone_enabled: true, sms, ..Settings::default() }
}

async fn service(settings: Settings, phones: &Phones) -> Service {
    Service::with_outside(settings, Outside::default().with_sms(Arc::new(phones.clone()))).await
}

/// Behaviour 66: numbers are kept and compared without `+` and spaces.
#[tokio::test]
async fn a_number_is_confirmed_by_its_code() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    let body = json!({"phone": "+1 555 0100", "password": PASSWORD, "data": {"name": "John", "email": "x@y.z"}});
    let user = service.post("/signup", body).await;
    assert_eq!(user.status, 200, "{}", user.text());
    let user = user.json();
    assert_eq!((&user["phone"], &user["email"]), (&json!("15550100"), &json!("")));
    assert_eq!(user["app_metadata"], json!({"provider": "phone", "providers": ["phone"]}));
    let data = &user["identities"][0]["identity_data"];
    assert_eq!(*data, json!({"sub": user["id"], "name": "John", "email_verified": false, "phone_verified": false}));
    let sign_in = || service.post("/token?grant_type=password", json!({"phone": "15550100", "password": PASSWORD}));
    assert_error(&sign_in().await, 400, "phone_not_confirmed");
    let sent = phones.last();
    assert_eq!((&*sent.phone, sent.body), ("15550100", format!("Your code is {}", sent.code)));
    let verify =
        |kind: &str, code: &str| service.post("/verify", json!({"type": kind, "phone": "+15550100", "token": code}));
    assert_error(&verify("sms", "000000").await, 403, "otp_expired");
    assert_error(&verify("signup", &sent.code).await, 403, "otp_expired");
    let session = verify("sms", &sent.code).await;
    assert_eq!(session.status, 200, "{}", session.text());
    assert!(session.json()["user"]["phone_confirmed_at"].is_string());
    assert_error(&verify("sms", &sent.code).await, 403, "otp_expired");
    assert_eq!(sign_in().await.status, 200);
}

// What proves a number proves no address, even for who can compute its hash.
#[tokio::test]
async fn a_code_for_a_number_confirms_no_address() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    service.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await;
    service.db.sql("update auth.users set email = 'victim@example.com'").await;
    let [hash, _] = code_hashes("15550100", &phones.last().code);
    let answer = service.post("/verify", json!({"type": "signup", "token_hash": hash})).await;
    assert_error(&answer, 403, "otp_expired");
    assert_eq!(service.count("auth.users where email_confirmed_at is not null").await, 0);
}

/// Behaviour 68: `sms` is the channel where none is named; `whatsapp` needs who knows it.
#[tokio::test]
async fn codes_expire_after_a_minute_and_are_not_sent_too_often() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    let ask = || service.post("/otp", json!({"phone": "15550100"}));
    assert_eq!(&*ask().await.text(), r#"{"message_id":"SM1"}"#, "as for a number that is known");
    let code = phones.last().code;
    assert_error(&ask().await, 429, "over_sms_send_rate_limit");
    service.advance(61);
    let verify = |code: &str| service.post("/verify", json!({"type": "sms", "phone": "15550100", "token": code}));
    assert_error(&verify(&code).await, 403, "otp_expired");
    let resent = service.post("/resend", json!({"type": "sms", "phone": "15550100"})).await;
    assert_eq!((&*resent.text(), phones.count()), ("{}", 2), "as for a number that is not known");
    assert_eq!(verify(&phones.last().code).await.status, 200);
    service.advance(5);
    let known = service.post("/otp", json!({"phone": "15550100", "channel": "whatsapp", "create_user": false})).await;
    assert_eq!(&*known.text(), r#"{"message_id":"SM3"}"#);
    assert_eq!(phones.last().channel, Channel::Whatsapp);
    assert_eq!(verify(&phones.last().code).await.status, 200);
    assert_eq!(service.count("auth.users").await, 1);
    let unknown = service.post("/otp", json!({"phone": "15550101", "create_user": false})).await;
    assert_error(&unknown, 422, "otp_disabled");
}

/// Behaviour 67: codes of test numbers are limited, sent to nobody and good at any time.
#[tokio::test]
async fn test_numbers_get_no_message_and_keep_their_code() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    let answer = service.post("/otp", json!({"phone": "15550199"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_error(&service.post("/otp", json!({"phone": "15550199"})).await, 429, "over_sms_send_rate_limit");
    service.advance(3600);
    let verify = |code: &str| service.post("/verify", json!({"type": "sms", "phone": "15550199", "token": code}));
    assert_error(&verify("123124").await, 403, "otp_expired");
    assert_eq!(verify("123123").await.status, 200);
    assert_eq!(verify("123123").await.status, 200, "it is good at any time");
    assert!(phones.sent.lock().expect("no test panicked with it").is_empty());
}

/// Behaviour 73: an anonymous user becomes permanent by confirming.
#[tokio::test]
async fn a_new_number_is_confirmed_and_makes_an_anonymous_user_permanent() {
    let phones = Phones::default();
    let service = service(Settings { anonymous_enabled: true, ..settings() }, &phones).await;
    let session = service.post("/signup", json!({})).await.json();
    let token = text(&session, "access_token");
    let changed = service.change(token, json!({"phone": "+15550100"})).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["new_phone"]), (200, &json!("15550100")));
    let soon = service.change(token, json!({"phone": "+15550101"})).await;
    assert_error(&soon, 429, "over_sms_send_rate_limit");
    let body = json!({"type": "phone_change", "phone": "15550100", "token": phones.last().code});
    let verified = service.post("/verify", body).await;
    assert_eq!(verified.status, 200, "{}", verified.text());
    let user = verified.json()["user"].clone();
    assert_eq!((&user["phone"], &user["is_anonymous"]), (&json!("15550100"), &json!(false)));
    assert!(user.get("new_phone").is_none());
    let identity = &user["identities"][0];
    assert_eq!((&identity["provider"], &identity["identity_data"]["phone_verified"]), (&json!("phone"), &json!(true)));
    // The change that waits is sent again to the new number.
    service.advance(5);
    service.change(token, json!({"phone": "15550102"})).await;
    service.advance(5);
    let resent = service.post("/resend", json!({"type": "phone_change", "phone": "15550100"})).await;
    assert_eq!((resent.status.as_u16(), &*phones.last().phone), (200, "15550102"));
}

/// Behaviour 83: a number proves presence too.
#[tokio::test]
async fn a_number_proves_presence_too() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    service.post("/otp", json!({"phone": "15550100"})).await;
    let body = json!({"type": "sms", "phone": "15550100", "token": phones.last().code});
    let session = service.post("/verify", body).await.json();
    let asked = service.send(Call::get("/reauthenticate").bearer(text(&session, "access_token"))).await;
    assert_eq!(&*asked.text(), r#"{"message_id":"SM2"}"#);
}

#[tokio::test]
async fn where_numbers_count_as_confirmed_nothing_is_sent() {
    let sms = SmsSettings { autoconfirm: true, ..SmsSettings::default() };
    let service = Service::with(Settings { sms, ..settings() }).await;
    let session = service.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await.json();
    assert!(session["user"]["phone_confirmed_at"].is_string(), "{session}");
    let again = service.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await;
    assert_error(&again, 422, "user_already_exists");
    let changed = service.change(text(&session, "access_token"), json!({"phone": "15550101"})).await;
    assert_eq!(changed.json()["phone"], "15550101");
}

/// Behaviour 1: the answer about a confirmed address is a fabricated user without identities; a real one has some.
/// Behaviour 2: the fabricated user has another id each time and repeats the data of who asks.
#[tokio::test]
async fn signing_up_again_with_a_confirmed_number_tells_nothing() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    service.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await;
    let body = json!({"type": "sms", "phone": "15550100", "token": phones.last().code});
    let user = service.post("/verify", body).await.json()["user"].clone();
    service.advance(5);
    let again = service.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await.json();
    assert_eq!((&again["phone"], &again["identities"]), (&json!("15550100"), &json!([])));
    assert_ne!(again["id"], user["id"]);
    assert_eq!(phones.sent.lock().expect("no test panicked with it").len(), 1);
}

/// Behaviour 68: `sms` is the channel where none is named; `whatsapp` needs who knows it.
#[tokio::test]
async fn without_a_provider_or_when_it_fails_nothing_remains() {
    let without = Service::with(settings()).await;
    let answer = without.post("/signup", json!({"phone": "15550100", "password": PASSWORD})).await;
    assert_error(&answer, 500, "unexpected_failure");
    assert_eq!(answer.json()["msg"], "Unable to get SMS provider");
    assert_error(
        &without.post("/otp", json!({"phone": "15550100", "channel": "whatsapp"})).await,
        400,
        "validation_failed",
    );
    assert_eq!(without.count("auth.users").await, 0);
    let service = service(settings(), &Phones { is_away: true, ..Phones::default() }).await;
    let answer = service.post("/otp", json!({"phone": "15550100"})).await;
    assert_error(&answer, 422, "sms_send_failed");
    assert_eq!(service.count("auth.users").await, 0);
}

#[tokio::test]
async fn a_provider_that_makes_codes_decides_on_them() {
    let phones = Phones { checks: true, ..Phones::default() };
    let service = service(settings(), &phones).await;
    service.post("/otp", json!({"phone": "15550100"})).await;
    let verify = |code: &str| service.post("/verify", json!({"type": "sms", "phone": "15550100", "token": code}));
    assert_error(&verify(&phones.last().code).await, 403, "otp_expired");
    // Nobody learns from it which numbers have an account; the operator does.
    let away = verify("999999").await;
    assert_error(&away, 403, "otp_expired");
    assert!(away.extensions.get::<base::http::Failure>().expect("a cause").message.contains("429"));
    let nobody = json!({"type": "sms", "phone": "15550101", "token": "999999"});
    assert_eq!(service.post("/verify", nobody).await.text(), away.text());
    assert_eq!(verify("777777").await.status, 200);
}

/// A code that was sent for something else proves no presence, and numbers for tests have the codes of the settings.
#[tokio::test]
async fn a_provider_decides_on_codes_of_presence_that_were_asked_for() {
    let phones = Phones { checks: true, ..Phones::default() };
    let settings = Settings { update_password_require_reauthentication: true, ..settings() };
    let service = service(settings, &phones).await;
    for (number, code) in [("15550100", "777777"), ("15550199", "123123")] {
        service.post("/otp", json!({"phone": number})).await;
        let session = service.post("/verify", json!({"type": "sms", "phone": number, "token": code})).await.json();
        let token = text(&session, "access_token");
        service.db.sql("update auth.sessions set created_at = now() - interval '2 days'").await;
        let change = |password: &str| service.change(token, json!({"password": password, "nonce": code}));
        assert_error(&change("another horse").await, 422, "reauthentication_not_valid");
        assert_eq!(service.send(Call::get("/reauthenticate").bearer(token)).await.status, 200);
        assert_eq!(change("another horse").await.status, 200, "{number}");
        assert_error(&change("third horse").await, 422, "reauthentication_not_valid");
    }
}

/// A code without a row says only that the number is there, which must still be the one that the user has.
#[tokio::test]
async fn a_known_code_is_good_for_its_number_only() {
    let phones = Phones::default();
    let service = service(settings(), &phones).await;
    let session = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await.json();
    let token = text(&session, "access_token");
    assert_eq!(service.change(token, json!({"phone": "15550199"})).await.status, 200);
    let code = json!({"type": "phone_change", "phone": "15550199", "token": "123123"});
    let verify = || Call::post("/verify", &code);
    let other = "update auth.users set phone_change = '15550100', phone_change_token = 'x'";
    assert_error(&behind(&service, other, verify()).await, 403, "otp_expired");
    assert_eq!(service.count("auth.users where phone is not null").await, 0);
    service.db.sql("update auth.users set phone_change = '15550199'").await;
    assert_error(&behind(&service, "update auth.users set deleted_at = now()", verify()).await, 403, "otp_expired");

    // Of two who wait for one number nobody knows who has got the code.
    service.db.sql("update auth.users set deleted_at = null").await;
    service.sign_up("jane@example.com").await;
    service.db.sql("update auth.users set phone_change = '15550199', phone_change_sent_at = now()").await;
    assert_error(&service.send(verify()).await, 403, "otp_expired");
    service.db.sql("update auth.users set phone_change = '' where email like 'jane%'").await;
    assert_eq!(service.send(verify()).await.status, 200);
}
