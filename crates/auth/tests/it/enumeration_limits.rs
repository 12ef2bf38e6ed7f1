//! Whether limits and refusals tell who has an account: any two requests about one address after each other, many at
//! the same moment, and addresses that get no mail.

use std::sync::Arc;
use std::time::Duration;

use auth::{LetterSettings, Outside, RateLimits, Settings, SmsSettings};
use authkit::sms::{Channel, Pending, Provider, Text};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::enumeration::{seen, seen_of_confirmed, started};
use crate::support::{PASSWORD, Service, assert_error, text};

/// A provider whose ids are all alike.
#[derive(Debug)]
struct Silent;

impl Provider for Silent {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn knows(&self, _: Channel) -> bool {
        true
    }

    fn send<'a>(&'a self, _: &'a Text) -> Pending<'a, String> {
        Box::pin(async { Ok("SM1".to_owned()) })
    }
}

fn settings() -> Settings {
    let sms = SmsSettings { autoconfirm: false, max_frequency: Duration::from_secs(60), ..SmsSettings::default() };
    Settings {
        mailer_autoconfirm: false,
        mailer_max_frequency: Duration::from_secs(60),
        phone_enabled: true,
        sms,
        rate_limits: RateLimits { sms_sent: auth::send_limit("1000").expect("a limit"), ..RateLimits::default() },
        max_request_duration: Duration::ZERO,
        ..Settings::default()
    }
}

async fn service(settings: Settings) -> Service {
    let outside = || Outside::default().with_sms(Arc::new(Silent));
    let mut service = Service::with_outside(settings.clone(), outside()).await;
    service.router = started(&service, settings, outside());
    service
}

/// What somebody is to the service. The first one is nobody, whom all others must look like.
const PEOPLE: [&str; 7] =
    ["nobody", "confirmed", "unconfirmed", "signed up", "invited", "invited just now", "elsewhere"];

fn email(person: usize, round: usize) -> String {
    format!("p{person}-{round:03}@example.com")
}

fn phone(person: usize, round: usize) -> String {
    format!("1555{person}{round:03}")
}

/// Accounts of so many rounds, each by an address and another one by a number.
async fn people(service: &Service, rounds: usize) {
    for round in 0..rounds {
        let body = json!({"email": email(3, round), "password": PASSWORD, "data": {"secret": 1}});
        assert_eq!(service.post("/signup", body).await.status, 200);
        assert_eq!(service.admin_post("/invite", json!({"email": email(4, round)})).await.status, 200);
        let body = json!({"phone": phone(3, round), "password": PASSWORD, "data": {"secret": 1}});
        assert_eq!(service.post("/signup", body).await.status, 200);
    }
    service.advance(600);
    let insert = format!(
        "insert into auth.users (instance_id, id, aud, role, email, phone, email_confirmed_at, phone_confirmed_at,
           raw_app_meta_data, raw_user_meta_data, banned_until, created_at, updated_at)
         select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), p.aud, 'authenticated', c.email, c.phone,
           p.confirmed_at, p.confirmed_at, '{{\"plan\": \"secret\"}}', '{{\"secret\": 1}}', now() + interval '1 day',
           now(), now()
         from (values (1, 'authenticated', now()), (2, 'authenticated', null), (6, 'elsewhere', null))
             as p (person, aud, confirmed_at),
           generate_series(0, {rounds} - 1) as r (round),
           lateral (values
             ('p' || person || '-' || lpad(round::text, 3, '0') || '@example.com', null),
             (null, '1555' || person || lpad(round::text, 3, '0'))) as c (email, phone)"
    );
    service.db.sql(&insert).await;
    for round in 0..rounds {
        assert_eq!(service.admin_post("/invite", json!({"email": email(5, round)})).await.status, 200);
    }
}

type Ask = fn(&str) -> Call;

/// The same request from the other audience.
fn from_elsewhere(call: Call) -> Call {
    call.header("X-JWT-AUD", "elsewhere")
}

/// Asserts that any two requests after each other, and the third and fourth time, are answered alike whoever it is.
async fn assert_pairs_alike(contact: fn(usize, usize) -> String, people_with_it: &[usize], flows: &[(&str, Ask)]) {
    let service = service(settings()).await;
    let rounds = flows.len() * flows.len();
    people(&service, rounds).await;
    for round in 0..rounds {
        let pair = [flows[round / flows.len()], flows[round % flows.len()]];
        let mut of_nobody = Vec::new();
        for person in people_with_it {
            let address = contact(*person, round);
            for (which, (name, ask)) in pair.iter().enumerate() {
                let answer = service.send(ask(&address)).await;
                let seen = |answer: &Answer| [seen(answer, &address), seen_of_confirmed(answer, &address)];
                if *person == 0 {
                    of_nobody.push(seen(&answer));
                    continue;
                }
                let tells = usize::from(*name == "signup" && PEOPLE[*person] == "confirmed");
                assert_eq!(
                    seen(&answer)[tells],
                    of_nobody[which][tells],
                    "{} as request {which} of {} and {}, {}",
                    name,
                    pair[0].0,
                    pair[1].0,
                    PEOPLE[*person],
                );
            }
        }
    }
}

/// Behaviour 5: too soon is too soon whoever it is, by whatever way the last letter was asked for.
#[tokio::test]
async fn any_two_requests_about_an_address_are_answered_alike() {
    let flows: [(&str, Ask); 6] = [
        ("recover", |email| Call::post("/recover", &json!({"email": email}))),
        ("otp", |email| Call::post("/otp", &json!({"email": email}))),
        ("magiclink", |email| Call::post("/magiclink", &json!({"email": email}))),
        ("signup", |email| Call::post("/signup", &json!({"email": email, "password": PASSWORD, "data": {"a": 1}}))),
        ("resend", |email| Call::post("/resend", &json!({"type": "signup", "email": email}))),
        ("resend change", |email| Call::post("/resend", &json!({"type": "email_change", "email": email}))),
    ];
    assert_pairs_alike(email, &[0, 1, 2, 3, 4, 5, 6], &flows).await;
}

#[tokio::test]
async fn any_two_requests_about_a_number_are_answered_alike() {
    let flows: [(&str, Ask); 4] = [
        ("otp", |phone| Call::post("/otp", &json!({"phone": phone}))),
        ("signup", |phone| Call::post("/signup", &json!({"phone": phone, "password": PASSWORD, "data": {"a": 1}}))),
        ("resend", |phone| Call::post("/resend", &json!({"type": "sms", "phone": phone}))),
        ("resend change", |phone| Call::post("/resend", &json!({"type": "phone_change", "phone": phone}))),
    ];
    assert_pairs_alike(phone, &[0, 1, 2, 3], &flows).await;
}

/// Whoever names another audience sees less, and learns as little.
#[tokio::test]
async fn requests_of_another_audience_are_answered_alike() {
    let flows: [(&str, Ask); 4] = [
        ("recover", |email| from_elsewhere(Call::post("/recover", &json!({"email": email})))),
        ("otp", |email| from_elsewhere(Call::post("/otp", &json!({"email": email})))),
        ("signup", |email| {
            from_elsewhere(Call::post("/signup", &json!({"email": email, "password": PASSWORD, "data": {"a": 1}})))
        }),
        ("resend", |email| from_elsewhere(Call::post("/resend", &json!({"type": "signup", "email": email})))),
    ];
    assert_pairs_alike(email, &[0, 1, 2, 3, 4, 5, 6], &flows).await;
    let flows: [(&str, Ask); 1] = [("otp", |phone| from_elsewhere(Call::post("/otp", &json!({"phone": phone}))))];
    assert_pairs_alike(phone, &[0, 1, 2, 3, 6], &flows).await;
}

pub(crate) async fn all_at_once(service: &Service, count: usize, call: impl Fn() -> Call) -> Vec<Answer> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            let (router, call) = (service.router.clone(), call());
            tokio::spawn(async move { call.send(&router).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    answers
}

/// How many of the answers have each status.
pub(crate) fn statuses(answers: &[Answer]) -> (usize, usize) {
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    (count(200), count(429))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_the_same_moment_one_sends() {
    let service = service(settings()).await;
    people(&service, 4).await;
    for person in 0..5 {
        let before = service.count("vestibule.mailbox").await;
        let bodies: [(&str, Value); 4] = [
            ("/recover", json!({"email": email(person, 0)})),
            ("/otp", json!({"email": email(person, 1)})),
            ("/signup", json!({"email": email(person, 2), "password": PASSWORD})),
            ("/resend", json!({"type": "signup", "email": email(person, 3)})),
        ];
        for (path, body) in bodies {
            let answers = all_at_once(&service, 30, || Call::post(path, &body)).await;
            assert_eq!(statuses(&answers), (1, 29), "{path}, {}", PEOPLE[person]);
        }
        let sent = service.count("vestibule.mailbox").await - before;
        let expected = [2, 2, 4, 4, 4][person];
        assert_eq!(sent, expected, "{}", PEOPLE[person]);
    }
    for (person, who) in PEOPLE.iter().enumerate().take(4) {
        let body = json!({"phone": phone(person, 0)});
        let answers = all_at_once(&service, 30, || Call::post("/otp", &body)).await;
        assert_eq!(statuses(&answers), (1, 29), "otp by number, {who}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_the_same_moment_one_sends() {
    let service = service(settings()).await;
    let body = json!({"email": "john@example.com", "password": PASSWORD, "email_confirm": true});
    assert_eq!(service.admin_post("/admin/users", body).await.status, 200);
    let session = service.sign_in("john@example.com", PASSWORD).await.json();
    let token = text(&session, "access_token");
    let put = |body: Value| move || Call::new(Method::PUT, "/user").bearer(token).json(&body);
    let answers = all_at_once(&service, 30, put(json!({"email": "new@example.com"}))).await;
    assert_eq!((statuses(&answers), service.count("vestibule.mailbox").await), ((1, 29), 2));
    let answers = all_at_once(&service, 30, put(json!({"phone": "15550100"}))).await;
    assert_eq!(statuses(&answers), (1, 29));
    let answers = all_at_once(&service, 30, || Call::get("/reauthenticate").bearer(token)).await;
    assert_eq!((statuses(&answers), service.count("vestibule.mailbox").await), ((1, 29), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_at_once_that_wait_for_confirmation_make_one_user() {
    for frequency in [Duration::ZERO, Duration::from_secs(60)] {
        let service = service(Settings { mailer_max_frequency: frequency, ..settings() }).await;
        let body = json!({"email": "john@example.com", "password": PASSWORD});
        let answers = all_at_once(&service, 50, || Call::post("/signup", &body)).await;
        assert_eq!(statuses(&answers), if frequency.is_zero() { (50, 0) } else { (1, 49) });
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            assert_eq!(answer.json()["identities"].as_array().map(Vec::len), Some(1), "{}", answer.text());
        }
        for table in ["auth.users", "auth.identities"] {
            assert_eq!(service.count(table).await, 1, "{table}");
        }
    }
}

/// The times of what is written at once differ a little, and would tell what is written from what is made up.
#[tokio::test]
async fn the_times_of_a_sign_up_are_one() {
    let mut service = service(Settings { mailer_max_frequency: Duration::ZERO, ..settings() }).await;
    service.clock = base::Clock::system();
    let settings = Settings { mailer_max_frequency: Duration::ZERO, ..settings() };
    service.router = started(&service, settings, Outside::default());
    for _ in 0..2 {
        let user = service.sign_up("john@example.com").await;
        let identity = &user["identities"][0];
        for time in ["confirmation_sent_at", "updated_at"] {
            assert_eq!(user[time], user["created_at"], "{user}");
        }
        for time in ["last_sign_in_at", "created_at", "updated_at"] {
            assert_eq!(identity[time], user["created_at"], "{user}");
        }
    }
}

/// What fails was not asked for: it may be tried again at once, as where nothing is there to fail.
#[tokio::test]
async fn what_fails_does_not_count() {
    let service = service(settings()).await;
    service.db.sql("alter table vestibule.mailbox add constraint no_room check (false)").await;
    let sign_up = || service.post("/signup", json!({"email": "a@example.com", "password": PASSWORD}));
    assert_eq!(sign_up().await.status, 500);
    service.db.sql("alter table vestibule.mailbox drop constraint no_room").await;
    assert_eq!(sign_up().await.status, 200);
    assert_error(&sign_up().await, 429, "over_email_send_rate_limit");
}

#[tokio::test]
async fn who_asks_too_soon_is_told_when_to_ask_again() {
    let service = service(settings()).await;
    let recover = || service.post("/recover", json!({"email": "nobody@example.com"}));
    let otp = || service.post("/otp", json!({"phone": "15550100"}));
    assert_eq!((recover().await.status.as_u16(), otp().await.status.as_u16()), (200, 200));
    for (wait, seconds) in [(0, "60"), (59_500, "1")] {
        service.clock.advance(Duration::from_millis(wait));
        for answer in [recover().await, otp().await] {
            assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, seconds));
            let expected = format!("For security purposes, you can only request this after {seconds} seconds.");
            assert_eq!(answer.json()["msg"], expected);
        }
    }
    service.clock.advance(Duration::from_secs(1));
    assert_eq!((recover().await.status.as_u16(), otp().await.status.as_u16()), (200, 200));
}

/// What an account has been sent by other ways is not sent again so soon either; but that does not show.
#[tokio::test]
async fn who_has_just_been_invited_gets_no_second_letter() {
    let service = service(settings()).await;
    let ask = || service.post("/otp", json!({"email": "jane@example.com"}));
    service.admin_post("/invite", json!({"email": "jane@example.com"})).await;
    service.advance(59);
    assert_eq!(ask().await.status, 200);
    assert_eq!(service.count("vestibule.mailbox").await, 1);
    assert_eq!(ask().await.status, 429);
    service.advance(60);
    assert_eq!(ask().await.status, 200);
    assert_eq!(service.count("vestibule.mailbox").await, 2);
}

/// Asserts that answers about each person are those about nobody; returns the status of all.
async fn assert_alike_for_all(service: &Service, round: usize, flow: (&str, Value)) -> u16 {
    let mut of_nobody = None;
    for person in [0, 1, 2, 4] {
        let (address, mut body) = (email(person, round), flow.1.clone());
        body["email"] = json!(address);
        let seen = seen(&service.post(flow.0, body).await, &address);
        assert_eq!(&seen, of_nobody.get_or_insert_with(|| seen.clone()), "{}, {}", flow.0, PEOPLE[person]);
    }
    of_nobody.and_then(|seen| seen["status"].as_u64()).and_then(|status| u16::try_from(status).ok()).expect("a status")
}

const FLOWS: [(&str, &str); 5] = [
    ("/recover", "{}"),
    ("/otp", "{}"),
    ("/magiclink", "{}"),
    ("/signup", r#"{"password": "correct horse"}"#),
    ("/resend", r#"{"type": "signup"}"#),
];

#[tokio::test]
async fn addresses_that_get_no_mail_are_refused_whoever_has_them() {
    let mut service = service(settings()).await;
    people(&service, FLOWS.len()).await;
    let letters =
        LetterSettings { authorized_addresses: vec!["me@example.com".to_owned()], ..LetterSettings::default() };
    service.router = started(&service, Settings { letters, ..settings() }, Outside::default());
    for (round, (path, body)) in FLOWS.into_iter().enumerate() {
        let body = serde_json::from_str(body).expect("JSON");
        assert_eq!(assert_alike_for_all(&service, round, (path, body)).await, 400, "{path}");
    }
}

/// Apps that want to know ask with `create_user: false`.
#[tokio::test]
async fn where_nobody_may_sign_up_codes_tell_nothing() {
    let mut service = service(settings()).await;
    people(&service, 2).await;
    let users = service.count("auth.users").await;
    service.router = started(&service, Settings { disable_signup: true, ..settings() }, Outside::default());
    for (round, path) in ["/otp", "/magiclink"].into_iter().enumerate() {
        assert_eq!(assert_alike_for_all(&service, round, (path, json!({}))).await, 200, "{path}");
    }
    assert_eq!(service.count("auth.users").await, users);
    let unknown = service.post("/otp", json!({"email": "x@example.com", "create_user": false})).await;
    assert_error(&unknown, 422, "otp_disabled");
}

/// The limit of all letters counts what is not sent too, and what it refuses counts for no other limit.
#[tokio::test]
async fn the_limit_of_all_letters_refuses_alike() {
    let mut service = service(settings()).await;
    people(&service, FLOWS.len()).await;
    let rate_limits = RateLimits { email_sent: auth::send_limit("0").expect("a limit"), ..RateLimits::default() };
    service.router = started(&service, Settings { rate_limits, ..settings() }, Outside::default());
    for (round, (path, body)) in FLOWS.into_iter().enumerate() {
        let body: Value = serde_json::from_str(body).expect("JSON");
        for _ in 0..2 {
            assert_eq!(assert_alike_for_all(&service, round, (path, body.clone())).await, 429, "{path}");
        }
    }
}
