//! Classes of flaws that other account services had, each named by what was published about it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, assert_error, fragment, text};
use crate::verify::settings;

/// What anybody may ask for.
const PUBLIC: [&str; 21] = [
    "/health",
    "/settings",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/token",
    "/signup",
    "/recover",
    "/otp",
    "/magiclink",
    "/resend",
    "/verify",
    // What is switched off is so for everybody.
    "/authorize",
    "/sso",
    "/sso/{*path}",
    "/passkeys",
    "/passkeys/{*path}",
    "/oauth/{*path}",
    "/scim/{*path}",
    // These two belong to the mailbox, which the app guards.
    "/",
    "/view/{file}",
];

/// What a user's token is needed for.
const OF_USERS: [(&str, &[Method]); 13] = [
    ("/user", &[Method::GET, Method::PUT]),
    ("/user/identities/authorize", &[Method::GET]),
    ("/user/identities/{identity_id}", &[Method::DELETE]),
    ("/user/oauth/grants", &[Method::GET]),
    ("/logout", &[Method::POST]),
    ("/reauthenticate", &[Method::GET]),
    ("/sessions", &[Method::GET]),
    ("/sessions/{session_id}", &[Method::DELETE]),
    ("/factors", &[Method::POST]),
    ("/factors/recovery-codes", &[Method::GET, Method::POST, Method::DELETE]),
    ("/factors/recovery-codes/verify", &[Method::POST]),
    ("/factors/{factor_id}", &[Method::DELETE]),
    ("/factors/{factor_id}/challenge", &[Method::POST]),
];

/// What only administrators may do.
const OF_ADMINISTRATORS: [(&str, &[Method]); 12] = [
    ("/invite", &[Method::POST]),
    ("/admin/audit", &[Method::GET]),
    ("/admin/generate_link", &[Method::POST]),
    ("/admin/users", &[Method::GET, Method::POST]),
    ("/admin/users/{user_id}", &[Method::GET, Method::PUT, Method::DELETE]),
    ("/admin/users/{user_id}/sessions", &[Method::GET, Method::DELETE]),
    ("/admin/users/{user_id}/sessions/{session_id}", &[Method::DELETE]),
    ("/admin/oauth/{*path}", &[Method::GET, Method::POST]),
    ("/admin/custom-providers", &[Method::GET, Method::POST]),
    ("/admin/custom-providers/{*path}", &[Method::GET, Method::DELETE]),
    ("/admin/users/{user_id}/factors", &[Method::GET]),
    ("/admin/users/{user_id}/factors/{factor_id}", &[Method::PUT, Method::DELETE]),
];

/// The paths that sources route.
fn routed(folder: &Path, paths: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            routed(&path, paths);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source file");
        for lead in [".route(\"", "with_slash(router, \""] {
            for rest in source.split(lead).skip(1) {
                paths.insert(rest.split('"').next().expect("a first part").to_owned());
            }
        }
    }
}

/// CVE-2025-61928, a key was made without any authentication: each route that is not for anybody refuses those
/// without token, with the publishable key, with forged claims, and, where it is for administrators, users.
#[tokio::test]
async fn every_route_refuses_who_may_not() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let fill = |path: &str| {
        path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect::<Vec<_>>().join("/")
    };
    let anon = project::token(json!({"role": "anon"}));
    for (path, methods) in OF_USERS.iter().chain(&OF_ADMINISTRATORS) {
        for method in *methods {
            let call = || Call::new(method.clone(), &fill(path)).json(&json!({"email": "a@b.c", "password": PASSWORD}));
            let nobody = service.send(call()).await;
            assert_eq!(nobody.status, 401, "{method} {path}: {}", nobody.text());
            let publishable = service.send(call().bearer(&anon)).await;
            assert_eq!(publishable.status, 403, "{method} {path}: {}", publishable.text());
        }
    }
    for (path, methods) in &OF_ADMINISTRATORS {
        for method in *methods {
            let call = Call::new(method.clone(), &fill(path)).json(&json!({"email": "a@b.c"}));
            let user = service.send(call.bearer(text(&session, "access_token"))).await;
            assert_error(&user, 403, "not_admin");
        }
    }
    assert_eq!(service.count("auth.users").await, 1);
    assert_eq!(service.count("auth.sessions").await, 1);

    let mut paths = BTreeSet::new();
    routed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    assert!(paths.len() > 20, "{paths:?}");
    let known: BTreeSet<_> = OF_USERS.iter().chain(&OF_ADMINISTRATORS).map(|(path, _)| *path).chain(PUBLIC).collect();
    let of_known = |path: &str| {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        // Verifying a factor is tested with the challenges; the mailbox's own API lies below `/api`.
        known.contains(path) || path == "/factors/{factor_id}/verify" || path.starts_with("/api/v1/")
    };
    let forgotten: Vec<_> = paths.iter().filter(|path| !of_known(path)).collect();
    assert!(forgotten.is_empty(), "who may ask for {forgotten:?}?");
}

/// GHSA-3529-5m8x-rpv3: headers of proxies led the links in mails astray.
#[tokio::test]
async fn no_header_changes_where_links_begin() {
    let service = Service::with(settings()).await;
    for (n, (name, value)) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-server", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-host", "evil.example"),
        ("x-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
        ("redirect_to", "https://evil.example/"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("user{n}@example.com");
        let call = Call::post("/signup", &json!({"email": email, "password": PASSWORD})).header(name, value);
        assert_eq!(service.send(call).await.status, 200, "{name}");
        let whole: String = service
            .db
            .value(&format!("select plain || html from vestibule.mailbox where mail_to = array['{email}']"))
            .await;
        assert!(!whole.contains("evil") && !whole.contains("gopher"), "{name}: {whole}");
        assert!(service.mail(&email).await.link.ends_with("&redirect_to=http://127.0.0.1:3000"), "{name}");
    }
}

/// GHSA-5hvv-9cqv-894r, GHSA-pq7p-mc74-g65w: accounts that somebody else has prepared for an address.
#[tokio::test]
async fn who_prepares_an_account_does_not_keep_it() {
    let service = Service::with(settings()).await;
    let attacker = json!({"email": "victim@example.com", "password": "attacker's", "data": {"role": "admin"}});
    service.post("/signup", attacker).await;
    assert_error(&service.sign_in("victim@example.com", "attacker's").await, 400, "email_not_confirmed");
    service.advance(1);
    service.post("/recover", json!({"email": "victim@example.com"})).await;
    let opened = service.send(Call::get(&service.mail("victim@example.com").await.link)).await;
    let token = fragment(&opened, "access_token");
    assert_eq!(service.change(&token, json!({"password": PASSWORD})).await.status, 200);
    assert_error(&service.sign_in("victim@example.com", "attacker's").await, 400, "invalid_credentials");
    assert_eq!(service.sign_in("victim@example.com", PASSWORD).await.status, 200);
    assert_eq!(service.count("auth.users").await, 1);

    // A change of somebody else's account to the address ends when its owner signs up.
    let service = Service::new().await;
    let attacker = service.sign_up("attacker@example.com").await;
    let change = json!({"email": "victim@example.com"});
    assert_eq!(service.change(text(&attacker, "access_token"), change).await.status, 200);
    let link = service.mail("victim@example.com").await.link;
    let victim = service.sign_up("victim@example.com").await;
    assert_eq!(fragment(&service.send(Call::get(&link)).await, "error_code"), "email_exists");
    assert_ne!(victim["user"]["id"], attacker["user"]["id"]);
    assert_eq!(service.count("auth.users where email = 'victim@example.com'").await, 1);
}

/// CVE-2025-48370: ids in paths are uuids and nothing else.
#[tokio::test]
async fn ids_in_paths_are_uuids() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let admin = project::service_token();
    for odd in [
        "..",
        "%2e%2e",
        "..%2f..%2fadmin",
        "%2E%2E%2Faudit",
        "%00",
        "x",
        "1",
        "%20",
        "*",
        "null",
        "me",
        "0x1",
        "..%5c..",
        "%252e%252e%252f",
        "{user_id}",
        "00000000-0000-0000-0000-00000000000g",
        ";",
        "%3Bdrop",
    ] {
        for (method, path) in [
            (Method::GET, format!("/admin/users/{odd}")),
            (Method::PUT, format!("/admin/users/{odd}")),
            (Method::DELETE, format!("/admin/users/{odd}")),
            (Method::GET, format!("/admin/users/{odd}/factors")),
            (Method::DELETE, format!("/admin/users/{id}/factors/{odd}")),
            (Method::DELETE, format!("/admin/users/{id}/sessions/{odd}")),
            (Method::DELETE, format!("/admin/users/{id}/sessions/{odd}/..")),
        ] {
            let call = Call::new(method.clone(), &path).bearer(&admin).json(&json!({"role": "odd"}));
            let answer = service.send(call).await;
            assert!(answer.status.is_client_error(), "{method} {path}: {} {}", answer.status, answer.text());
        }
    }
    assert_eq!(service.count("auth.users where role = 'authenticated'").await, 1);
    assert_eq!(service.count("auth.sessions").await, 1);
}

/// CVE-2026-27946: nobody confirms or raises oneself by fields that are for administrators.
#[tokio::test]
async fn fields_of_administrators_are_nothing_for_users() {
    let service = Service::with(settings()).await;
    let more = json!({
        "role": "service_role", "email_confirm": true, "phone_confirm": true, "email_confirmed_at": "2020-01-01T00:00:00Z",
        "confirmed_at": "2020-01-01T00:00:00Z", "is_super_admin": true, "is_sso_user": true, "is_anonymous": true,
        "app_metadata": {"plan": "gold"}, "raw_app_meta_data": {"plan": "gold"}, "banned_until": null, "aud": "admin",
        "id": "00000000-0000-0000-0000-000000000001", "instance_id": "00000000-0000-0000-0000-000000000001",
        "aal": "aal2", "password_hash": "$2a$10$x", "identities": [], "factors": [{}], "ban_duration": "none",
        "data": {"email_verified": true, "phone_verified": true, "sub": "x", "email": "other@example.com"},
    });
    let mut body = more.clone();
    body["email"] = json!("john@example.com");
    body["password"] = json!(PASSWORD);
    let user = service.post("/signup", body).await.json();
    assert!(user.get("email_confirmed_at").is_none() && user.get("confirmed_at").is_none(), "{user}");
    assert_eq!(user["app_metadata"], json!({"provider": "email", "providers": ["email"]}));
    assert_eq!((&user["role"], &user["aud"]), (&json!("authenticated"), &json!("authenticated")));
    let data = &user["identities"][0]["identity_data"];
    assert_eq!((&data["email"], &data["email_verified"]), (&json!("john@example.com"), &json!(false)));
    assert_ne!(user["id"], more["id"]);
    let mut otp = more.clone();
    otp["email"] = json!("jane@example.com");
    service.post("/otp", otp).await;
    assert_eq!(
        service.count("auth.users where email_confirmed_at is null and not is_sso_user and not is_anonymous").await,
        2
    );

    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    let token = fragment(&opened, "access_token");
    let mut change = more;
    let fields = change.as_object_mut().expect("an object");
    fields.remove("app_metadata");
    let before: Value = row(&service).await;
    assert_eq!(service.change(&token, change).await.status, 200);
    assert_eq!(row(&service).await, before, "only metadata that is the user's own changes");
}

/// The first user as stored, without what a user may change.
async fn row(service: &Service) -> Value {
    service
        .db
        .value(
            "select to_jsonb(u) - 'raw_user_meta_data' - 'updated_at' from auth.users u where email = 'john@example.com'",
        )
        .await
}

/// CVE-2026-28513, `and` for `or` in the check of a code: it is good for its own address and purpose only.
#[tokio::test]
async fn codes_are_good_for_their_own_address_only() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    service.sign_up("jane@example.com").await;
    let (john, jane) = (service.mail("john@example.com").await, service.mail("jane@example.com").await);
    for (kind, token, email) in [
        ("signup", &john.code, "jane@example.com"),
        ("email", &jane.code, "john@example.com"),
        ("recovery", &john.code, "john@example.com"),
        ("email_change", &john.code, "john@example.com"),
        ("email", &john.code, "nobody@example.com"),
        ("email", &john.hash().to_owned(), "john@example.com"),
    ] {
        if john.code == jane.code {
            break;
        }
        let answer = service.post("/verify", json!({"type": kind, "token": token, "email": email})).await;
        assert_error(&answer, 403, "otp_expired");
    }
    for hash in ["", "pkce_", "%", "_"] {
        let answer = service.post("/verify", json!({"type": "signup", "token_hash": hash})).await;
        assert!(answer.status.is_client_error(), "{hash:?}: {}", answer.text());
    }
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_eq!(service.count("auth.one_time_tokens").await, 2);
}

/// CVE-2026-47203: the case of an address does not get around the limits.
#[tokio::test]
async fn the_case_of_an_address_gets_around_no_limit() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    for (first, second) in [("john@example.com", "JOHN@Example.com"), ("nobody@example.com", "NoBody@EXAMPLE.com")] {
        assert_eq!(service.post("/recover", json!({"email": first})).await.status, 200);
        let soon = service.post("/recover", json!({"email": second})).await;
        assert_error(&soon, 429, "over_email_send_rate_limit");
    }
    assert_eq!(service.count("vestibule.mailbox").await, 1);
}

/// What was sent to an address that is no longer the user's is good for nothing, whoever changed it.
#[tokio::test]
async fn links_to_an_address_of_before_are_dead() {
    for by_admin in [false, true] {
        let service = Service::new().await;
        let session = service.sign_up("old@example.com").await;
        service.post("/recover", json!({"email": "old@example.com"})).await;
        let link = service.mail("old@example.com").await.link;
        if by_admin {
            let path = format!("/admin/users/{}", text(&session["user"], "id"));
            let body = json!({"email": "new@example.com", "email_confirm": true});
            let call = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&body);
            assert_eq!(service.send(call).await.status, 200);
        } else {
            service.change(text(&session, "access_token"), json!({"email": "new@example.com"})).await;
            service.send(Call::get(&service.mail("new@example.com").await.link)).await;
        }
        assert_eq!(service.count("auth.users where email = 'new@example.com'").await, 1);
        let sessions = service.count("auth.sessions").await;
        assert_eq!(fragment(&service.send(Call::get(&link)).await, "error_code"), "otp_expired", "{by_admin}");
        assert_eq!(service.count("auth.sessions").await, sessions);
    }
}
