//! Whether answers tell who has an account: by status, headers and body, and by the time that they take.
//!
//! Times are compared by rank: the probability that an answer about a known address takes longer than one about an
//! unknown address (the area under the ROC curve, Mann and Whitney's U divided by all pairs). 0.5 means that nothing
//! can be learned, 1 or 0 that one answer is enough. Requests for both follow each other in random order, so that what
//! else the machine does hits both alike; 200 each put three standard deviations of chance at 0.09.

use std::time::{Duration, Instant};

use auth::{Deps, Outside, Settings, State};
use authkit::Hasher;
use axum::Router;
use base::Random;
use pg::Db;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service};
use crate::verify::settings;

/// How many requests for each of both.
const RUNS: usize = 200;

/// How many accounts there are.
const ACCOUNTS: usize = 20;

/// How far from one half the probability may be.
const TOLERANCE: f64 = 0.15;

/// The least cost of hashes. Hashing takes alike long for both, and so long that it would hide all else.
const LEAST_COST: u32 = 4;

/// A request about an address.
type Ask = fn(&str) -> Call;

/// What is compared of an answer about an address.
type Seen = fn(&Answer, &str) -> Value;

fn known(number: usize) -> String {
    format!("known{number:03}@example.com")
}

/// The service as it is after a start, where hashes cost little.
pub(crate) fn started(service: &Service, settings: Settings, outside: Outside) -> Router {
    started_on(service.db.db("supabase_auth_admin"), service, settings, outside)
}

fn started_on(db: Db, service: &Service, settings: Settings, outside: Outside) -> Router {
    let deps = Deps { db, keyring: testkit::keyring(), clock: service.clock.clone(), random: Random::system() };
    let hasher = Hasher::new(Random::system()).with_cost(LEAST_COST);
    auth::router(State::new(settings, deps).with_hasher(hasher).with_outside(outside))
}

/// A service with confirmed accounts `known000@example.com` …, where letters may follow each other at once.
async fn service(settings: Settings) -> Service {
    let mut service = Service::with(at_once(settings.clone())).await;
    service.router = started(&service, at_once(settings), Outside::default());
    let insert = format!(
        "with hash as materialized (select extensions.crypt('{PASSWORD}', extensions.gen_salt('bf', {LEAST_COST})) as hash),
         made as (
           insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
             raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
           select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
             'known' || lpad(n::text, 3, '0') || '@example.com', hash, now(), '{{\"provider\": \"email\", \"providers\": [\"email\"]}}', '{{}}',
             now(), now()
           from hash, generate_series(0, {ACCOUNTS} - 1) as n
           returning id, email)
         insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
         select id, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now() from made"
    );
    service.db.sql(&insert).await;
    service
}

/// The same with accounts that are not confirmed.
async fn unconfirmed(settings: Settings) -> Service {
    let service = service(settings).await;
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    service
}

fn at_once(settings: Settings) -> Settings {
    Settings { mailer_max_frequency: Duration::ZERO, ..settings }
}

/// An answer as anybody sees it: status, headers and body, with what is random or the request's own replaced by what it
/// stands for. Addresses of a comparison have the same length, so that the lengths of bodies say something.
pub(crate) fn seen(answer: &Answer, contact: &str) -> Value {
    let mut headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    headers.sort();
    json!({"status": answer.status.as_u16(), "headers": headers, "body": masked(answer.json(), contact)})
}

fn masked(value: Value, contact: &str) -> Value {
    match value {
        Value::String(text) if text == contact => json!("the contact"),
        Value::String(text) if text.len() == 36 && text.matches('-').count() == 4 => json!("an id"),
        Value::Array(values) => values.into_iter().map(|value| masked(value, contact)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, masked(value, contact))).collect(),
        other => other,
    }
}

/// The same without what apps tell a confirmed account by when somebody signs up with it.
pub(crate) fn seen_of_confirmed(answer: &Answer, contact: &str) -> Value {
    let mut seen = seen(answer, contact);
    if let Some(headers) = seen["headers"].as_array_mut() {
        headers.retain(|header| !header.as_str().is_some_and(|header| header.starts_with("content-length")));
    }
    for field in ["identities", "role", "user_metadata"] {
        seen["body"][field] = Value::Null;
    }
    seen
}

/// Asks about both kinds of addresses in random order; returns how long each answer took.
async fn measure(service: &Service, ask: Ask, seen: Seen) -> (Vec<Duration>, Vec<Duration>) {
    let random = Random::system();
    let mut times = (Vec::new(), Vec::new());
    for pair in 0..RUNS {
        let addresses = [known(pair % ACCOUNTS), format!("other{pair:03}@example.com")];
        let known_first = random.bytes::<1>()[0].is_multiple_of(2);
        let order = if known_first { [0, 1] } else { [1, 0] };
        let mut answers = [None, None];
        for which in order {
            let call = ask(&addresses[which]);
            let started = Instant::now();
            let answer = service.send(call).await;
            let took = started.elapsed();
            if which == 0 {
                times.0.push(took);
            } else {
                times.1.push(took);
            }
            answers[which] = Some(answer);
        }
        let [Some(known), Some(unknown)] = &answers else { unreachable!("both were asked about") };
        assert_eq!(seen(known, &addresses[0]), seen(unknown, &addresses[1]));
    }
    times
}

/// The probability that one of the first takes longer than one of the second; a tie counts half.
#[expect(clippy::cast_precision_loss, reason = "some ten thousand pairs")]
fn probability(first: &[Duration], second: &[Duration]) -> f64 {
    let pairs = first.iter().flat_map(|one| second.iter().map(move |other| one.cmp(other)));
    let score: f64 = pairs
        .map(|order| match order {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    score / (first.len() * second.len()) as f64
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

/// Asserts that answers tell nothing, by what is seen of them and by their times.
async fn assert_silent(what: &str, service: &Service, ask: Ask, seen: Seen) {
    let (known, unknown) = measure(service, ask, seen).await;
    assert_alike(what, &known, &unknown);
}

fn assert_alike(what: &str, known: &[Duration], unknown: &[Duration]) {
    let probability = probability(known, unknown);
    let (known, unknown) = (median(known), median(unknown));
    println!("{what}: {probability:.3}, medians {known:?} and {unknown:?}");
    assert!((probability - 0.5).abs() <= TOLERANCE, "{what}: {probability:.3}, medians {known:?} and {unknown:?}");
}

#[test]
fn ranks_are_counted() {
    let times = |range: std::ops::Range<u64>| range.map(Duration::from_millis).collect::<Vec<_>>();
    assert!((probability(&times(0..10), &times(0..10)) - 0.5).abs() < 1e-9);
    assert!((probability(&times(10..20), &times(0..10)) - 1.0).abs() < 1e-9);
    assert!(probability(&times(0..10), &times(10..20)).abs() < 1e-9);
    assert_eq!(median(&times(0..3)), Duration::from_millis(1));
}

/// Behaviour 4: `/recover` answers `{}` for both, and takes alike long.
#[tokio::test]
async fn recovery_tells_nothing() {
    let service = service(settings()).await;
    let ask: Ask = |email| Call::post("/recover", &json!({"email": email}));
    assert_silent("recover", &service, ask, seen).await;
    assert_eq!(service.count("vestibule.mailbox").await, i64::try_from(RUNS).expect("a small number"));
}

/// Behaviour 4: so does `/resend`, where nothing waits and where there is nobody.
#[tokio::test]
async fn sending_again_tells_nothing() {
    let service = unconfirmed(settings()).await;
    let ask: Ask = |email| Call::post("/resend", &json!({"type": "signup", "email": email}));
    assert_silent("resend", &service, ask, seen).await;
}

/// Behaviour 4: `/otp` makes an account where there is none, and answers as where there is one.
#[tokio::test]
async fn codes_to_sign_in_tell_nothing() {
    let ask: Ask = |email| Call::post("/otp", &json!({"email": email}));
    for (what, service) in [
        ("otp", service(settings()).await),
        ("otp, confirmed at once", service(Settings::default()).await),
        ("otp, unconfirmed", unconfirmed(settings()).await),
    ] {
        assert_silent(what, &service, ask, seen).await;
        assert_eq!(service.count("auth.users").await, i64::try_from(RUNS + ACCOUNTS).expect("a small number"));
    }
}

/// Behaviour 6: a wrong password is checked whether there is an account or not.
#[tokio::test]
async fn wrong_passwords_tell_nothing() {
    let service = service(settings()).await;
    let ask: Ask =
        |email| Call::post("/token?grant_type=password", &json!({"email": email, "password": "wrong password"}));
    assert_silent("password", &service, ask, seen).await;
}

const SIGN_UP: Ask =
    |email| Call::post("/signup", &json!({"email": email, "password": PASSWORD, "data": {"zero": -0.0, "none": null}}));

/// Behaviour 1: of the fabricated user's fields only those differ that apps tell it by.
/// Behaviour 3: and the time that it takes tells nothing more.
#[tokio::test]
async fn signing_up_tells_nothing_but_the_empty_identities() {
    let service = service(settings()).await;
    assert_silent("signup", &service, SIGN_UP, seen_of_confirmed).await;
}

#[tokio::test]
async fn signing_up_tells_nothing_of_who_is_not_confirmed() {
    let service = unconfirmed(settings()).await;
    assert_silent("signup, unconfirmed", &service, SIGN_UP, seen).await;
}

/// Nothing is remembered yet of how long anything takes. Opening connections takes its time whoever it is, and is left
/// out.
#[tokio::test]
async fn the_first_answers_after_a_start_tell_nothing() {
    let otp: Ask = |email| Call::post("/otp", &json!({"email": email}));
    let recover: Ask = |email| Call::post("/recover", &json!({"email": email}));
    for (what, ask) in [("first signup", SIGN_UP), ("first otp", otp), ("first recover", recover)] {
        let service = unconfirmed(settings()).await;
        let (random, db) = (Random::system(), service.db.db("supabase_auth_admin"));
        let mut times = [Vec::new(), Vec::new()];
        for run in 0..RUNS {
            let which = usize::from(random.bytes::<1>()[0] % 2);
            let address = if which == 0 { known(run % ACCOUNTS) } else { format!("other{run:03}@example.com") };
            let (router, call) =
                (started_on(db.clone(), &service, at_once(settings()), Outside::default()), ask(&address));
            let begun = Instant::now();
            call.send(&router).await;
            times[which].push(begun.elapsed());
        }
        assert_alike(what, &times[0], &times[1]);
    }
}
