//! `POST /signup`.

use auth::Settings;
use base::http::Failure;
use serde_json::{Value, json};
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, text};

fn body(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD})
}

#[tokio::test]
async fn a_sign_up_opens_a_session_that_reads_the_user() {
    let service = Service::new().await;
    let session = service.sign_up_with("John@Example.com", json!({"first_name": "John", "age": 27})).await;
    assert_eq!(session["token_type"], "bearer");
    assert_eq!(session["expires_in"], 3600);
    assert_eq!(session["expires_at"], service.clock.unix_seconds() + 3600);
    assert_eq!(text(&session, "refresh_token").len(), 12);
    assert!(session.get("weak_password").is_none());
    let user = service.user(text(&session, "access_token")).await;
    assert_eq!(user.status, 200, "{}", user.text());
    assert_eq!(user.json(), session["user"]);
}

/// Behaviour 42: addresses are looked up and stored in lower case.
/// Behaviour 76: metadata repeats what the identity says.
/// Behaviour 103: users of administrators are answered with 200 and unverified identities.
#[tokio::test]
async fn a_new_user_has_all_fields_that_clients_know() {
    let service = Service::new().await;
    let session = service.sign_up_with("John@Example.com", json!({"first_name": "John", "age": 27})).await;
    let user = &session["user"];
    let (id, now) = (text(user, "id"), service.clock.now().to_string());
    let metadata = json!({
        "age": 27, "first_name": "John", "sub": id, "email": "john@example.com",
        "email_verified": false, "phone_verified": false,
    });
    let mut user_metadata = metadata.clone();
    user_metadata["email_verified"] = json!(true);
    let expected = json!({
        "id": id, "aud": "authenticated", "role": "authenticated", "email": "john@example.com",
        "email_confirmed_at": now, "phone": "", "confirmed_at": now, "last_sign_in_at": now,
        "app_metadata": {"provider": "email", "providers": ["email"]}, "user_metadata": user_metadata,
        "identities": [{
            "identity_id": user["identities"][0]["identity_id"], "id": id, "user_id": id,
            "identity_data": metadata, "provider": "email", "last_sign_in_at": now, "created_at": now,
            "updated_at": now, "email": "john@example.com",
        }],
        "created_at": now, "updated_at": now, "is_anonymous": false,
    });
    assert_eq!(user, &expected);
    let order: Vec<_> =
        service.user(text(&session, "access_token")).await.text().split("\":").map(str::to_owned).collect();
    assert!(order[0].ends_with("\"id"), "the id comes first");
}

#[tokio::test]
async fn a_sign_up_writes_user_identity_session_token_method_and_audit() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    for (table, rows) in [
        ("auth.users where instance_id = '00000000-0000-0000-0000-000000000000' and confirmation_token = ''", 1),
        ("auth.users where encrypted_password like '$2a$10$%'", 1),
        ("auth.identities where provider = 'email' and provider_id = user_id::text", 1),
        ("auth.sessions where aal = 'aal1' and user_agent is null", 1),
        ("auth.refresh_tokens where not revoked and parent is null", 1),
        ("auth.mfa_amr_claims where authentication_method = 'password'", 1),
        ("auth.audit_log_entries where payload ->> 'action' = 'user_signedup'", 1),
        ("auth.audit_log_entries where payload ->> 'action' = 'login' and payload ->> 'log_type' = 'account'", 1),
        ("auth.audit_log_entries", 2),
    ] {
        assert_eq!(service.count(table).await, rows, "{table}");
    }
}

#[tokio::test]
async fn types_in_metadata_survive() {
    let service = Service::new().await;
    let data =
        json!({"int": 27, "big": 9_007_199_254_740_993_i64, "float": 1.5, "yes": true, "list": [1, {"a": null}]});
    let session = service.sign_up_with("a@b.c", data.clone()).await;
    for (key, value) in data.as_object().unwrap() {
        assert_eq!(&session["user"]["user_metadata"][key], value, "{key}");
    }
    let types: String = service
        .db
        .value("select string_agg(jsonb_typeof(raw_user_meta_data -> key), ' ') from auth.users, unnest('{int,yes,list}'::text[]) as key")
        .await;
    assert_eq!(types, "number boolean array");
}

#[tokio::test]
async fn gates_and_checks_come_in_the_order_of_the_reference() {
    let service = Service::new().await;
    let long = "x".repeat(73);
    for (body, status, code) in [
        (json!({}), 422, "anonymous_provider_disabled"),
        (json!({"data": {"a": 1}}), 422, "anonymous_provider_disabled"),
        (json!({"email": "a@b.c"}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "password": "short"}), 422, "weak_password"),
        (json!({"email": "a@b.c", "password": long}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "phone": "123", "password": PASSWORD}), 400, "validation_failed"),
        (json!({"phone": "123", "password": PASSWORD, "code_challenge": "x"}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "password": PASSWORD, "code_challenge": "x"}), 400, "validation_failed"),
        (json!({"phone": "15550100", "password": PASSWORD}), 400, "phone_provider_disabled"),
        (json!({"email": "no address", "password": PASSWORD}), 400, "validation_failed"),
    ] {
        assert_error(&service.post("/signup", body).await, status, code);
    }
    let closed = Service::with(Settings { disable_signup: true, ..Settings::default() }).await;
    assert_error(&closed.post("/signup", json!({"email": "a@b.c"})).await, 422, "signup_disabled");
    let without = Service::with(Settings { email_enabled: false, ..Settings::default() }).await;
    assert_error(&without.post("/signup", body("a@b.c")).await, 400, "email_provider_disabled");
    assert_error(&without.sign_in("a@b.c", PASSWORD).await, 422, "email_provider_disabled");
    assert_eq!(service.count("auth.users").await, 0);
}

/// Behaviour 43: 72 bytes is the most, whatever the rules for strength.
/// Behaviour 44: the least length counts bytes as well.
#[tokio::test]
async fn weak_passwords_name_their_reasons_in_both_layouts() {
    let service = Service::new().await;
    let request = json!({"email": "a@b.c", "password": "short"});
    let old = service.post("/signup", request.clone()).await;
    assert_eq!(old.json()["weak_password"]["reasons"], json!(["length"]));
    let call = Call::post("/signup", &request).header("X-Supabase-Api-Version", "2024-01-01");
    let new = service.send(call).await;
    assert_eq!(new.status, 422);
    assert_eq!(
        new.json(),
        json!({
            "code": "weak_password", "message": "Password should be at least 6 characters.",
            "weak_password": {"reasons": ["length"]},
        })
    );
    assert_eq!(new.header("x-supabase-api-version"), "2024-01-01");
    assert_eq!(new.header("x-sb-error-code"), "");
}

/// Behaviour 8: signing up over an unconfirmed account changes neither its password nor its metadata.
/// Behaviour 42: addresses are looked up and stored in lower case.
#[tokio::test]
async fn an_address_that_has_an_account_is_refused_whatever_its_case() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let answer = service.post("/signup", body("JOHN@example.com")).await;
    assert_error(&answer, 422, "user_already_exists");
    assert_eq!(answer.json()["msg"], "User already registered");
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_repeated_signup'").await, 1);
    assert_eq!(service.count("auth.users").await, 1);

    // The unique index knows no audience, so neither does the answer.
    let call = Call::post("/signup", &body("john@example.com")).header("X-JWT-AUD", "elsewhere");
    assert_error(&service.send(call).await, 422, "user_already_exists");
    assert_eq!(service.count("auth.users").await, 1);
}

#[tokio::test]
async fn an_address_of_another_identity_is_taken_but_not_one_of_single_sign_on() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    service
        .db
        .sql(&format!(
            "insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at) values
           ('g', '{id}', '{{\"email\": \"google@example.com\"}}', 'google', now(), now()),
           ('s', '{id}', '{{\"email\": \"sso@example.com\"}}', 'sso:x', now(), now())"
        ))
        .await;
    assert_error(&service.post("/signup", body("google@example.com")).await, 422, "user_already_exists");
    service.sign_up("sso@example.com").await;
}

/// Behaviour 8: nobody gets an account that was prepared for somebody else by guessing its address.
#[tokio::test]
async fn an_unconfirmed_account_opens_with_its_own_password_only() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    let stranger = json!({"email": "john@example.com", "password": "somebody else's"});
    assert_error(&service.post("/signup", stranger).await, 422, "user_already_exists");
    let again = service.post("/signup", body("john@example.com")).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.json()["user"]["id"], session["user"]["id"]);
}

/// Behaviour 137: a trigger sees the row, changes it, and blocks it.
#[tokio::test]
async fn triggers_take_part_in_a_sign_up() {
    let service = Service::new().await;
    service.db.sql(
        "create table public.profiles (id uuid primary key references auth.users on delete cascade, first_name text);
         grant all on public.profiles to supabase_auth_admin;
         create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = ''
         as $$ begin
           insert into public.profiles (id, first_name) values (new.id, new.raw_user_meta_data ->> 'first_name');
           return new;
         end $$;
         create trigger on_auth_user_created after insert on auth.users
           for each row execute procedure public.handle_new_user()",
    ).await;
    service.sign_up_with("john@example.com", json!({"first_name": "John"})).await;
    let name: String = service.db.value("select first_name from public.profiles").await;
    assert_eq!(name, "John");
}

const FAILING_TRIGGER: &str = "
    create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = ''
    as $$ begin insert into public.profiles (id) values (new.id); return new; end $$;
    create trigger on_auth_user_created after insert on auth.users
      for each row execute procedure public.handle_new_user()";

#[tokio::test]
async fn a_failing_trigger_leaves_nothing_and_names_itself_to_operators_only() {
    let service = Service::new().await;
    service.db.sql(FAILING_TRIGGER).await;
    let answer = service.post("/signup", body("john@example.com")).await;
    assert_error(&answer, 500, "unexpected_failure");
    assert_eq!(answer.json()["msg"], "Database error saving new user");
    let failure = answer.extensions.get::<Failure>().expect("a failure for the log");
    assert_eq!(failure.sqlstate.as_deref(), Some("42P01"));
    assert_eq!(failure.function.as_deref(), Some("public.handle_new_user"));
    assert!(failure.message.contains("profiles"), "{failure:?}");
    for table in ["users", "identities", "sessions", "refresh_tokens", "mfa_amr_claims", "audit_log_entries"] {
        assert_eq!(service.count(&format!("auth.{table}")).await, 0, "{table}");
    }
}

/// Behaviour 121: the version asked for changes the bodies of errors only.
/// Behaviour 137: triggers take part, and what they raise is told.
#[tokio::test]
async fn what_a_trigger_raises_is_told_by_version() {
    let service = Service::new().await;
    service
        .db
        .sql(
            "create function public.refuse() returns trigger language plpgsql as $$
         begin raise exception 'no more users' using errcode = 'PT429', hint = 'come back later'; end $$;
         create trigger refuse before insert on auth.users for each row execute procedure public.refuse()",
        )
        .await;
    let old = service.post("/signup", body("a@b.c")).await;
    assert_eq!(old.status, 429);
    assert_eq!(old.json(), json!({"code": "PT429", "message": "no more users", "hint": "come back later"}));
    let call = Call::post("/signup", &body("a@b.c")).header("X-Supabase-Api-Version", "2024-01-01");
    let new = service.send(call).await;
    assert_eq!(new.status, 500);
    assert_eq!(new.json(), json!({"code": "unexpected_failure", "message": "Database error saving new user"}));
    assert_eq!(new.header("x-sb-error-code"), "unexpected_failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sign_ups_with_one_address_at_once_make_one_user() {
    // A hundred hashes take their time on a busy machine, which is not the point.
    let settings = Settings { max_request_duration: std::time::Duration::ZERO, ..Settings::default() };
    let service = Service::with(settings).await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let router = service.router.clone();
            tokio::spawn(async move { Call::post("/signup", &body("john@example.com")).send(&router).await })
        })
        .collect();
    let mut sessions = 0;
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status.as_u16() {
            200 => sessions += 1,
            _ => assert_error(&answer, 422, "user_already_exists"),
        }
    }
    assert_eq!(sessions, 1);
    assert_eq!(service.count("auth.users").await, 1);
    assert_eq!(service.count("auth.identities").await, 1);
    assert_eq!(service.count("auth.sessions").await, 1);
}
