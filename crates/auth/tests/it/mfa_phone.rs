//! Phones as second factors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use auth::{HookName, MfaSettings, Outside, Settings};
use authkit::DbEncryption;
use authkit::sms::{Channel, Line, Provider, Twilio, TwilioVerify};
use base::http::ClientAddr;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::authenticator::{App, answer, challenge, claim, delete, post};
use crate::hooks;
use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, text};

const NUMBER: &str = "+1 555 0100";

fn settings() -> Settings {
    let mfa = MfaSettings { phone_enroll_enabled: true, phone_verify_enabled: true, ..MfaSettings::default() };
    Settings { mfa, ..Settings::default() }
}

async fn service(settings: Settings, provider: impl Provider + 'static) -> Service {
    Service::with_outside(settings, Outside::default().with_sms(Arc::new(provider))).await
}

async fn enroll(service: &Service, session: &Value, name: &str, number: &str) -> Answer {
    let body = json!({"factor_type": "phone", "friendly_name": name, "phone": number});
    post(service, session, "/factors", body).await
}

async fn ask(service: &Service, session: &Value, factor: &str, body: Value) -> Answer {
    post(service, session, &format!("/factors/{factor}/challenge"), body).await
}

/// A user with a phone that is verified, and the session at the second level.
async fn verified(service: &Service, phones: &Phones) -> (Value, String) {
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id").to_owned();
    let asked = challenge(service, &session, &factor).await;
    let raised = answer(service, &session, &factor, &asked, &phones.last().code).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    (raised.json(), factor)
}

/// What a fake of Twilio was asked last: path and form.
async fn asked_last(server: &MockServer) -> (String, Vec<(String, String)>) {
    let request = server.received_requests().await.expect("requests are recorded").pop().expect("a request");
    let mut url = request.url.clone();
    url.set_query(Some(&String::from_utf8(request.body).expect("a form")));
    (url.path().to_owned(), url.query_pairs().into_owned().collect())
}

fn line(server: &MockServer) -> Line {
    Line { base_url: server.uri(), ..Line::new(authkit::outbound::client().expect("a client")) }
}

/// Behaviour 24: a second factor ends lower sessions and the chain of refresh tokens from before.
#[tokio::test]
async fn a_code_sent_to_the_phone_raises_the_session() {
    let server = MockServer::start().await;
    let sent = ResponseTemplate::new(201).set_body_json(json!({"sid": "SM1", "status": "queued"}));
    Mock::given(matchers::method("POST")).respond_with(sent).mount(&server).await;
    let twilio = Twilio {
        account_sid: "AC1".into(),
        auth_token: "token".into(),
        message_service_sid: "MG1".into(),
        content_sid: String::new(),
        line: line(&server),
    };
    let template = "{{ .Code }} opens the door".to_owned();
    let mfa = MfaSettings { phone_otp_length: 8, phone_template: template, ..settings().mfa };
    let service = service(Settings { mfa, ..settings() }, twilio).await;
    let session = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();

    let enrolled = enroll(&service, &session, "mine", NUMBER).await;
    assert_eq!(enrolled.status, 200, "{}", enrolled.text());
    let enrolled = enrolled.json();
    let expected = json!({"id": enrolled["id"], "type": "phone", "friendly_name": "mine", "phone": NUMBER});
    assert_eq!(enrolled, expected);
    let factor = text(&enrolled, "id");
    let shown = service.user(text(&session, "access_token")).await.json()["factors"][0].clone();
    assert_eq!((&shown["phone"], &shown["status"]), (&json!("15550100"), &json!("unverified")));
    assert!(shown["last_challenged_at"].is_null());

    let asked = ask(&service, &session, factor, json!({})).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let asked = asked.json();
    assert_eq!((&asked["type"], &asked["expires_at"]), (&json!("phone"), &json!(service.clock.unix_seconds() + 300)));
    let (path, form) = asked_last(&server).await;
    assert_eq!(path, "/2010-04-01/Accounts/AC1/Messages.json");
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).expect(name);
    assert_eq!((field("To"), field("From")), ("+15550100".to_owned(), "MG1".to_owned()));
    let body = field("Body");
    let code = body.strip_suffix(" opens the door").expect(&body);
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    let stored: String = service.db.value("select otp_code from auth.mfa_challenges").await;
    assert!(!stored.contains(code) && stored.len() == 56, "{stored}");

    service.advance(1);
    let raised = answer(&service, &session, factor, text(&asked, "id"), code).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    let raised = raised.json();
    assert_eq!((claim(&raised, "aal"), claim(&raised, "session_id")), ("aal2".into(), claim(&session, "session_id")));
    assert_eq!(claim(&raised, "amr")[0]["method"], "mfa/phone");
    assert_eq!(raised["user"]["factors"][0]["status"], "verified");
    let row = format!("auth.sessions where aal = 'aal2' and factor_id = '{factor}'");
    assert_eq!(service.count(&row).await, 1);
    assert_error(&service.user(text(&other, "access_token")).await, 403, "session_not_found");
    for action in ["factor_in_progress", "challenge_created", "verification_attempted", "token_revoked"] {
        assert_eq!(service.audited(action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn numbers_are_checked_and_one_of_a_kind() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let (session, _) = verified(&service, &phones).await;
    assert_error(&enroll(&service, &session, "a", "").await, 400, "validation_failed");
    assert_error(&enroll(&service, &session, "a", "+0x").await, 400, "validation_failed");
    assert_error(&enroll(&service, &session, "a", "15550100").await, 422, "mfa_verified_factor_exists");
    assert_error(&enroll(&service, &session, "mine", "15550101").await, 422, "mfa_factor_name_conflict");
    let first = enroll(&service, &session, "a", "15550101").await.json();
    let second = enroll(&service, &session, "a", "+15550101").await;
    assert_eq!(second.status, 200, "one that is not verified is replaced: {}", second.text());
    assert_error(&ask(&service, &session, text(&first, "id"), json!({})).await, 404, "mfa_factor_not_found");
    assert_eq!(service.count("auth.mfa_factors").await, 2);
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_error(&enroll(&service, &low, "b", "15550102").await, 403, "insufficient_aal");
    // Another user may have the same phone.
    let jane = service.sign_up("jane@example.com").await;
    assert_eq!(enroll(&service, &jane, "mine", NUMBER).await.status, 200);
}

#[tokio::test]
async fn what_is_off_is_refused() {
    let mfa = MfaSettings { phone_verify_enabled: false, ..settings().mfa };
    let service = service(Settings { mfa, ..settings() }, Phones::default()).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    assert_error(&ask(&service, &session, factor, json!({})).await, 422, "mfa_phone_verify_not_enabled");
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_error(&answer(&service, &session, factor, nil, "1").await, 422, "mfa_phone_verify_not_enabled");
    assert_error(&answer(&service, &session, factor, nil, "").await, 400, "validation_failed");
}

/// Behaviour 25: a challenge is answered from its address and once, else it is the mismatch of addresses.
#[tokio::test]
async fn a_code_is_good_once_from_one_address_and_for_its_challenge() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let first = challenge(&service, &session, factor).await;
    let first_code = phones.last().code;
    service.advance(60);
    let second = challenge(&service, &session, factor).await;
    let code = phones.last().code;
    assert_ne!(first_code, code, "one of a million times they are the same");
    let crossed = answer(&service, &session, factor, &second, &first_code).await;
    assert_error(&crossed, 422, "mfa_verification_failed");
    let body = json!({"challenge_id": second, "code": code});
    let elsewhere = Call::post(&format!("/factors/{factor}/verify"), &body)
        .bearer(text(&session, "access_token"))
        .extension(ClientAddr("192.0.2.1".parse::<IpAddr>().unwrap()));
    assert_error(&service.send(elsewhere).await, 422, "mfa_ip_address_mismatch");
    let raised = answer(&service, &session, factor, &second, &code).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    let again = answer(&service, &raised.json(), factor, &second, &code).await;
    assert_error(&again, 422, "mfa_ip_address_mismatch");
    service.advance(241);
    let late = answer(&service, &raised.json(), factor, &first, &first_code).await;
    assert_error(&late, 422, "mfa_challenge_expired");
    assert_eq!(service.count("auth.mfa_challenges").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_with_one_code_one_counts() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let asked = challenge(&service, &session, factor).await;
    let body = json!({"challenge_id": asked, "code": phones.last().code});
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let call = Call::post(&format!("/factors/{factor}/verify"), &body).bearer(text(&session, "access_token"));
            let router = service.router.clone();
            tokio::spawn(async move { call.send(&router).await.status.as_u16() })
        })
        .collect();
    let mut successes = 0;
    for call in calls {
        let status = call.await.unwrap();
        assert!(status == 200 || status == 422, "{status}");
        successes += u32::from(status == 200);
    }
    assert_eq!(successes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_sent_too_often() {
    let phones = Phones::default();
    let mfa = MfaSettings { phone_max_frequency: Duration::from_secs(30), ..settings().mfa };
    let service = service(Settings { mfa, ..settings() }, phones.clone()).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let path = format!("/factors/{factor}/challenge");
            let call = Call::post(&path, &json!({})).bearer(text(&session, "access_token"));
            let router = service.router.clone();
            tokio::spawn(async move { call.send(&router).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!((statuses, phones.count()), (vec![200, 429, 429, 429, 429], 1));
    service.advance(29);
    let soon = ask(&service, &session, factor, json!({})).await;
    assert_error(&soon, 429, "over_sms_send_rate_limit");
    assert_eq!(soon.json()["msg"], "For security purposes, you can only request this after 1 seconds.");
    service.advance(1);
    assert_eq!(ask(&service, &session, factor, json!({})).await.status, 200);
}

// Who adds one phone after the other could otherwise have messages sent to any number.
#[tokio::test]
async fn a_user_has_few_codes_sent_whatever_the_phones() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let session = service.sign_up("john@example.com").await;
    let again = async || {
        let factor = enroll(&service, &session, "mine", NUMBER).await.json();
        ask(&service, &session, text(&factor, "id"), json!({})).await
    };
    for _ in 0..5 {
        assert_eq!(again().await.status, 200);
    }
    let refused = again().await;
    assert_error(&refused, 429, "over_sms_send_rate_limit");
    assert_eq!((refused.header("retry-after"), phones.count()), ("60", 5));
    assert!(text(&refused.json(), "msg").contains("\"mfa_sms_sent\""), "{}", refused.text());
    service.advance(60);
    assert_eq!(again().await.status, 200);
    let jane = service.sign_up("jane@example.com").await;
    let factor = enroll(&service, &jane, "mine", NUMBER).await.json();
    assert_eq!(ask(&service, &jane, text(&factor, "id"), json!({})).await.status, 200);
}

#[tokio::test]
async fn channels_are_those_of_the_provider() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let odd = ask(&service, &session, factor, json!({"channel": "carrier-pigeon"})).await;
    assert_error(&odd, 400, "validation_failed");
    assert_eq!(ask(&service, &session, factor, json!({"channel": "whatsapp"})).await.status, 200);
    assert_eq!(phones.last().channel, Channel::Whatsapp);
}

#[tokio::test]
async fn what_was_not_sent_is_no_challenge() {
    let without = Service::with(settings()).await;
    let session = without.sign_up("john@example.com").await;
    let factor = enroll(&without, &session, "mine", NUMBER).await.json();
    let refused = ask(&without, &session, text(&factor, "id"), json!({})).await;
    assert_error(&refused, 500, "unexpected_failure");
    let service = service(settings(), Phones { is_away: true, ..Phones::default() }).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let refused = ask(&service, &session, text(&factor, "id"), json!({})).await;
    assert_error(&refused, 422, "sms_send_failed");
    assert_eq!(service.count("auth.mfa_challenges").await, 0);
    assert_eq!(service.count("auth.mfa_factors where last_challenged_at is not null").await, 0);
}

#[tokio::test]
async fn twilio_verify_decides_on_its_codes() {
    let server = MockServer::start().await;
    let pending = ResponseTemplate::new(201).set_body_json(json!({"sid": "VE1", "status": "pending"}));
    Mock::given(matchers::path("/v2/Services/VA1/Verifications")).respond_with(pending).mount(&server).await;
    let approved = ResponseTemplate::new(200).set_body_json(json!({"status": "approved", "valid": true}));
    Mock::given(matchers::path("/v2/Services/VA1/VerificationCheck"))
        .and(matchers::body_string_contains("Code=777777"))
        .respond_with(approved)
        .mount(&server)
        .await;
    let wrong = ResponseTemplate::new(200).set_body_json(json!({"status": "pending", "valid": false}));
    Mock::given(matchers::path("/v2/Services/VA1/VerificationCheck")).respond_with(wrong).mount(&server).await;
    let verify = TwilioVerify {
        account_sid: "AC1".into(),
        auth_token: "token".into(),
        message_service_sid: "VA1".into(),
        line: line(&server),
    };
    let service = service(settings(), verify).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let asked = challenge(&service, &session, factor).await;
    let sent = asked_last(&server).await.1;
    assert_eq!(sent, [("To".to_owned(), "+15550100".to_owned()), ("Channel".to_owned(), "sms".to_owned())]);
    assert_eq!(service.count("auth.mfa_challenges where otp_code is not null").await, 0);
    assert_error(&answer(&service, &session, factor, &asked, "123456").await, 403, "otp_expired");
    service.advance(1);
    let raised = answer(&service, &session, factor, &asked, "777777").await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    assert_eq!(claim(&raised.json(), "amr")[0]["method"], "mfa/phone");
}

#[tokio::test]
async fn a_hook_that_sends_messages_is_told_what_they_are_for() {
    let server = hooks::server(ResponseTemplate::new(204)).await;
    let service = hooks::service(settings(), &[(HookName::SendSms, &server.uri())]).await;
    let session = service.sign_up("john@example.com").await;
    let factor = enroll(&service, &session, "mine", NUMBER).await.json();
    let factor = text(&factor, "id");
    let asked = challenge(&service, &session, factor).await;
    let input = hooks::told(&server).await;
    let expected = json!({"otp": input["sms"]["otp"], "phone": "15550100", "sms_type": "mfa"});
    assert_eq!((&input["sms"], &input["user"]["email"]), (&expected, &json!("john@example.com")));
    let raised = answer(&service, &session, factor, &asked, text(&input["sms"], "otp")).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
}

/// Behaviour 27: removing a factor lowers the sessions that used it.
/// Behaviour 93: the level follows the methods; tokens that are out keep theirs.
#[tokio::test]
async fn an_app_and_a_phone_stand_for_each_other_and_go_one_by_one() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let (session, phone) = verified(&service, &phones).await;
    let app = App::enroll(&service, session).await;
    let raised = app.step_up(&service, &app.session).await.json();
    let methods = claim(&raised, "amr");
    let methods: Vec<_> = methods.as_array().unwrap().iter().map(|entry| entry["method"].clone()).collect();
    assert!(methods.contains(&json!("totp")) && methods.contains(&json!("mfa/phone")), "{methods:?}");
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_error(&delete(&service, &low, &phone).await, 422, "insufficient_aal");
    service.advance(60);
    let asked = challenge(&service, &low, &phone).await;
    let raised = answer(&service, &low, &phone, &asked, &phones.last().code).await.json();
    assert_eq!(claim(&raised, "aal"), "aal2");
    let gone = delete(&service, &raised, &phone).await;
    assert_eq!((gone.status.as_u16(), gone.json()), (200, json!({"id": phone})));
    let refreshed = service.refresh(text(&raised, "refresh_token")).await.json();
    assert_eq!(claim(&refreshed, "aal"), "aal1");
    assert_eq!(service.count("auth.sessions where aal = 'aal2'").await, 1, "that of the app");
    assert_eq!(service.audited("factor_unenrolled").await, 1);
}

/// Behaviour 118: a deleted factor is answered, a deleted user is an empty object.
#[tokio::test]
async fn administrators_change_and_delete_phones() {
    let phones = Phones::default();
    let service = service(settings(), phones.clone()).await;
    let (session, phone) = verified(&service, &phones).await;
    service.advance(1);
    enroll(&service, &session, "other", "15550101").await;
    let path = format!("/admin/users/{}/factors", text(&session["user"], "id"));
    let admin = project::service_token();
    let list = service.send(Call::get(&path).bearer(&admin)).await.json();
    assert_eq!((&list[0]["phone"], &list[1]["phone"]), (&json!("15550100"), &json!("15550101")));
    let one = format!("{path}/{phone}");
    let put = |body: Value| service.send(Call::new(Method::PUT, &one).json(&body).bearer(&admin));
    assert_error(&put(json!({"phone": "x"})).await, 400, "validation_failed");
    assert_error(&put(json!({"phone": "15550101"})).await, 422, "mfa_verified_factor_exists");
    service.advance(60);
    let asked = challenge(&service, &session, &phone).await;
    let changed = put(json!({"phone": "+1 555 0102"})).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["phone"]), (200, &json!("15550102")));
    let sent_before = answer(&service, &session, &phone, &asked, &phones.last().code).await;
    assert_error(&sent_before, 422, "mfa_verification_failed");
    service.advance(60);
    challenge(&service, &session, &phone).await;
    assert_eq!(phones.last().phone, "15550102");
    let deleted = service.send(Call::new(Method::DELETE, &one).bearer(&admin)).await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["phone"]), (200, &json!("15550102")));
    assert_eq!(service.count("auth.sessions where aal = 'aal2'").await, 0);
    for action in ["factor_updated", "factor_deleted"] {
        assert_eq!(service.audited(action).await, 1, "{action}");
    }
}

/// A phone has no secret of its own: the empty text, which is what Supabase's service can read, is never encrypted.
#[tokio::test]
async fn a_phone_has_no_secret_to_encrypt() {
    let phones = Phones::default();
    let db_encryption = DbEncryption {
        encrypt: true,
        key_id: "a".to_owned(),
        key: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI".into(),
        decryption_keys: BTreeMap::new(),
    };
    let service = service(Settings { db_encryption, ..settings() }, phones.clone()).await;
    verified(&service, &phones).await;
    assert_eq!(service.db.value::<String>("select secret::text from auth.mfa_factors").await, "");
}
