//! Whether answers tell who has an account: by status, headers and body, and by the time that they take.
//!
//! Times are compared by rank: the probability that an answer about a known address takes longer than one about an
//! unknown address (the area under the ROC curve, Mann and Whitney's U divided by all pairs). 0.5 means that nothing
//! can be learned, 1 or 0 that one answer is enough. Requests for both follow each other in random order, so that what
//! else the machine does hits both alike; 200 each put three standard deviations of chance at 0.09.

use std::time::{Duration, Instant};

use auth::{Deps, Settings, State};
use authkit::Hasher;
use base::Random;
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

/// A service with confirmed accounts `known0@example.com` …, where letters may follow each other at once and hashes
/// cost little.
async fn service(settings: Settings) -> Service {
    let settings = Settings { mailer_max_frequency: Duration::ZERO, ..settings };
    let mut service = Service::with(settings.clone()).await;
    let deps = Deps {
        db: service.db.db("supabase_auth_admin"),
        keyring: testkit::keyring(),
        clock: service.clock.clone(),
        random: Random::system(),
    };
    let hasher = Hasher::new(Random::system()).with_cost(LEAST_COST);
    service.router = auth::router(State::new(settings, deps).with_hasher(hasher));
    let insert = format!(
        "with hash as materialized (select extensions.crypt('{PASSWORD}', extensions.gen_salt('bf', {LEAST_COST})) as hash),
         made as (
           insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
             raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
           select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
             'known' || n || '@example.com', hash, now(), '{{\"provider\": \"email\", \"providers\": [\"email\"]}}', '{{}}',
             now(), now()
           from hash, generate_series(0, {ACCOUNTS} - 1) as n
           returning id, email)
         insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
         select id, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now() from made"
    );
    service.db.sql(&insert).await;
    service
}

/// Both answers as anybody sees them, without what is random anyway.
fn seen(answer: &Answer, hidden: &[&str]) -> Value {
    let mut headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    headers.retain(|header| hidden.is_empty() || !header.starts_with("content-length"));
    headers.sort();
    let mut body = answer.json();
    for field in hidden {
        body[field] = Value::Null;
    }
    json!({"status": answer.status.as_u16(), "headers": headers, "body": body})
}

/// Asks about both kinds of addresses in random order; returns how long each answer took.
async fn measure(service: &Service, ask: Ask, hidden: &[&str]) -> (Vec<Duration>, Vec<Duration>) {
    let random = Random::system();
    let same = |known: &Answer, unknown: &Answer, hidden: &[&str]| {
        let email = |answer: &Answer| answer.text().contains("@example.com");
        assert_eq!(email(known), email(unknown));
        let mask = |answer: &Answer| {
            seen(answer, hidden).to_string().replace(|c: char| c.is_ascii_digit(), "").replace("unknown", "known")
        };
        assert_eq!(mask(known), mask(unknown));
    };
    let mut times = (Vec::new(), Vec::new());
    for pair in 0..RUNS {
        let addresses = [format!("known{}@example.com", pair % ACCOUNTS), format!("unknown{pair}@example.com")];
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
        same(known, unknown, hidden);
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

/// Asserts that answers do not tell; `hidden` are fields that differ anyway.
async fn assert_silent(what: &str, service: &Service, ask: Ask, hidden: &[&str]) {
    let (known, unknown) = measure(service, ask, hidden).await;
    let probability = probability(&known, &unknown);
    let (known, unknown) = (median(&known), median(&unknown));
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
    assert_silent("recover", &service, ask, &[]).await;
    assert_eq!(service.count("vestibule.mailbox").await, i64::try_from(RUNS).expect("a small number"));
}

/// Behaviour 4: so does `/resend`, where nothing waits and where there is nobody.
#[tokio::test]
async fn sending_again_tells_nothing() {
    let service = service(settings()).await;
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    let ask: Ask = |email| Call::post("/resend", &json!({"type": "signup", "email": email}));
    assert_silent("resend", &service, ask, &[]).await;
}

/// Behaviour 4: `/otp` makes an account where there is none, and answers as where there is one.
#[tokio::test]
async fn codes_to_sign_in_tell_nothing() {
    for (what, settings) in [("otp", settings()), ("otp, confirmed at once", Settings::default())] {
        let service = service(settings).await;
        let ask: Ask = |email| Call::post("/otp", &json!({"email": email}));
        assert_silent(what, &service, ask, &[]).await;
        assert_eq!(service.count("auth.users").await, i64::try_from(RUNS + ACCOUNTS).expect("a small number"));
    }
}

/// Behaviour 6: a wrong password is checked whether there is an account or not.
#[tokio::test]
async fn wrong_passwords_tell_nothing() {
    let service = service(settings()).await;
    let ask: Ask =
        |email| Call::post("/token?grant_type=password", &json!({"email": email, "password": "wrong password"}));
    assert_silent("password", &service, ask, &[]).await;
}

/// Behaviour 1: of the fabricated user's fields only those differ that apps tell it by, or that are the real one's own.
/// Behaviour 3: and the time that it takes tells nothing more.
#[tokio::test]
async fn signing_up_tells_nothing_but_the_empty_identities() {
    let service = service(settings()).await;
    let ask: Ask = |email| Call::post("/signup", &json!({"email": email, "password": PASSWORD}));
    assert_silent("signup", &service, ask, &["id", "identities", "role", "user_metadata"]).await;
}
