//! What is deleted after requests that change something.

use std::time::Duration;

use auth::Settings;
use http::Method;
use serde_json::json;
use testkit::{Call, project};

use crate::support::{Service, text};

/// Things that are too old, beside the like that are not.
const OLD_AND_YOUNG: &str = "
    insert into auth.users (instance_id, id, aud, role, is_anonymous, created_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', true,
      now() - n * interval '1 day' from generate_series(29, 33) n;
    insert into storage.buckets (id, name) values ('files', 'files');
    insert into storage.objects (bucket_id, name, owner_id)
    select 'files', 'kept', id::text from auth.users where created_at < now() - interval '32 days 12 hours';
    insert into auth.sessions (id, user_id, created_at, not_after, refreshed_at)
    select gen_random_uuid(), (select id from auth.users where email = 'john@example.com'), now() - age, now() - over,
      (now() - used) at time zone 'utc'
    from (values
      (interval '1 hour', interval '100 hours', null::interval), ('1 hour', '60 hours', null), ('30 hours', null, null),
      ('3 hours', null, '25 hours'), ('26 hours', null, '3 hours')) as s (age, over, used);
    insert into auth.refresh_tokens (token, user_id, revoked, session_id, updated_at, created_at)
    select 'token' || row_number() over (), user_id::text, false, id, now(), now() from auth.sessions
    where not_after < now() - interval '50 hours' and not_after > now() - interval '70 hours';
    insert into auth.refresh_tokens (token, user_id, revoked, updated_at)
    values ('old', 'x', true, now() - interval '25 hours'), ('young', 'x', true, now() - interval '23 hours');
    insert into auth.flow_state (id, provider_type, authentication_method, created_at)
    select gen_random_uuid(), 'email', 'x', now() - n * interval '1 hour' from generate_series(23, 25) n;
    insert into auth.oauth_client_states (id, provider_type, created_at)
    select gen_random_uuid(), 'x', now() - n * interval '1 hour' from generate_series(23, 25) n;
    insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
    select gen_random_uuid(), id, 'totp', s.status::auth.factor_status, now() - interval '25 hours', now()
    from auth.users, (values ('verified'), ('unverified')) as s (status) where email = 'john@example.com';
    insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
    select gen_random_uuid(), id, now() - n * interval '1 hour', '::1' from auth.mfa_factors, generate_series(23, 25) n
    where status = 'verified';
    insert into auth.webauthn_challenges (challenge_type, session_data, expires_at)
    values ('signup', '{}', now() - interval '1 minute'), ('signup', '{}', now() + interval '1 hour');";

const OLD_AND_YOUNG_OF_OURS: &str = "
    insert into vestibule.mailbox (created_at, mail_from, mail_to)
    select now() - n * interval '1 second', 'a@b.c', array['d@e.f'] from generate_series(1, 10040) n;
    insert into vestibule.unsent_letters (contact, kind, asked_at)
    values ('x', 'a', now() - interval '25 hours'), ('x', 'b', now() - interval '23 hours');
    insert into vestibule.letters_asked (contact, asked_at)
    values ('x', now() - interval '25 hours'), ('y', now() - interval '23 hours');
    insert into vestibule.rate_limits (bucket, key, tokens, updated_at, full_at)
    values ('x', 'a', 1, now(), now() - interval '1 hour'), ('x', 'b', 1, now(), now() + interval '1 hour');
    insert into auth.users (instance_id, id, aud, created_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', now() from generate_series(1, 5)";

/// Changes a user until so many rows are left of everything, which each request brings a little nearer.
async fn until(service: &Service, user: &str, left: &[(&str, i64)]) {
    let path = format!("/admin/users/{user}");
    let mut counts = Vec::new();
    for _ in 0..200 {
        let call = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&json!({"role": "r"}));
        assert_eq!(service.send(call).await.status, 200);
        counts.clear();
        for (what, _) in left {
            counts.push((*what, service.count(what).await));
        }
        if counts == left {
            return;
        }
    }
    assert_eq!(counts, left);
}

#[tokio::test]
async fn old_rows_go_and_young_ones_stay() {
    let settings = Settings {
        db_cleanup_enabled: true,
        anonymous_enabled: true,
        sessions_timebox: Some(Duration::from_secs(3600)),
        sessions_inactivity_timeout: Some(Duration::from_secs(1800)),
        ..Settings::default()
    };
    let service = Service::with(settings).await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql(OLD_AND_YOUNG).await;
    let left = [
        ("auth.users where is_anonymous", 3),
        ("auth.sessions", 2),
        ("auth.refresh_tokens where token = 'old'", 0),
        ("auth.refresh_tokens where token = 'young'", 1),
        ("auth.refresh_tokens where revoked and token like 'token%'", 1),
        ("auth.flow_state", 2),
        ("auth.oauth_client_states", 2),
        ("auth.mfa_factors", 1),
        ("auth.mfa_challenges", 2),
        ("auth.webauthn_challenges", 1),
    ];
    until(&service, text(&session["user"], "id"), &left).await;
}

#[tokio::test]
async fn our_own_tables_are_kept_small_whatever_is_set() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql(OLD_AND_YOUNG_OF_OURS).await;
    service.db.sql(OLD_AND_YOUNG.split(';').next().expect("the first")).await;
    let left = [
        ("vestibule.mailbox", 10_000),
        ("vestibule.unsent_letters", 1),
        ("vestibule.letters_asked", 1),
        ("vestibule.rate_limits where bucket = 'x'", 1),
        ("vestibule.user_moves", 0),
        ("auth.users where is_anonymous", 5),
    ];
    until(&service, text(&session["user"], "id"), &left).await;
}

/// Behaviour 130: only writes that succeed are followed by a clean-up.
#[tokio::test]
async fn reads_and_refused_writes_clean_nothing() {
    let service = Service::with(Settings { db_cleanup_enabled: true, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql(OLD_AND_YOUNG).await;
    service.db.sql(OLD_AND_YOUNG_OF_OURS).await;
    let tables = ["auth.flow_state", "auth.mfa_challenges", "auth.sessions", "vestibule.mailbox"];
    let mut before = Vec::new();
    for table in tables {
        before.push(service.count(table).await);
    }
    for _ in 0..40 {
        assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
        assert_eq!(service.refresh("abcdefghijkl").await.status, 400);
    }
    for (table, rows) in tables.into_iter().zip(before) {
        assert_eq!(service.count(table).await, rows, "{table}");
    }
}
