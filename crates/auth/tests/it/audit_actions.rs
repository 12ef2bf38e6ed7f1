//! Every action leaves its entry: who did what to whom, from where, and what became different.

use std::net::IpAddr;

use auth::{HookName, Settings, SmsSettings};
use authkit::totp::Key;
use base::http::ClientAddr;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::hooks::with_function;
use crate::support::{PASSWORD, Service, text};
use crate::verify::{CHALLENGE, VERIFIER, settings};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What is expected of an entry: action, actor, target, and the names of what is different.
type Entry<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

/// A service that is used from afar.
struct Scene(Service);

impl Scene {
    /// Sends a request that succeeds, and asserts that it leaves these entries and no others.
    async fn does(&self, call: Call, expected: &[Entry<'_>]) -> (Answer, Vec<Value>) {
        self.0.db.sql("delete from auth.audit_log_entries").await;
        let call = call.header("user-agent", "Browser/1").extension(ClientAddr(IpAddr::from([192, 0, 2, 7])));
        let answer = self.0.send(call).await;
        let status = answer.status;
        let entries = self.entries().await;
        assert!(status.is_success() || status.is_redirection(), "{expected:?}: {} {entries:?}", answer.text());
        self.assert(&entries, expected);
        self.0.advance(61);
        (answer, entries)
    }

    /// The same for one that is refused, which changes something all the same.
    async fn fails(&self, call: Call, expected: &[Entry<'_>]) -> Vec<Value> {
        self.0.db.sql("delete from auth.audit_log_entries").await;
        let call = call.header("user-agent", "Browser/1").extension(ClientAddr(IpAddr::from([192, 0, 2, 7])));
        let answer = self.0.send(call).await;
        assert!(answer.status.is_client_error(), "{}", answer.text());
        let entries = self.entries().await;
        self.assert(&entries, expected);
        entries
    }

    async fn entries(&self) -> Vec<Value> {
        let sql = "select payload::jsonb || jsonb_build_object('ip', ip_address) from auth.audit_log_entries
          order by payload ->> 'action', payload::jsonb #> '{traits,changes}' is null";
        self.0.db.query(sql, &[]).await.iter().map(|row| row.get(0)).collect()
    }

    fn assert(&self, entries: &[Value], expected: &[Entry<'_>]) {
        let names = |entry: &Value| -> Vec<String> {
            let changes = entry["traits"]["changes"].as_object();
            changes.map(|changes| changes.keys().cloned().collect()).unwrap_or_default()
        };
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let actor = text(entry, "actor_id");
                let target = entry["traits"]["user_id"].as_str().unwrap_or(actor);
                (text(entry, "action").to_owned(), actor.to_owned(), target.to_owned(), names(entry))
            })
            .collect();
        let owned = |(action, actor, target, changes): &Entry<'_>| {
            let changes: Vec<_> = changes.iter().map(|name| (*name).to_owned()).collect();
            ((*action).to_owned(), (*actor).to_owned(), (*target).to_owned(), changes)
        };
        assert_eq!(found, expected.iter().map(owned).collect::<Vec<_>>());
        for entry in entries {
            assert_eq!((text(entry, "ip"), text(entry, "user_agent")), ("192.0.2.7", "Browser/1"), "{entry}");
            let changes = entry["traits"]["changes"].as_object().into_iter().flatten();
            for (name, change) in changes {
                let has_both =
                    change.get("from").is_some() && change.get("to").is_some() && change["from"] != change["to"];
                assert!(has_both || *change == json!("changed"), "{name}: {change}");
            }
        }
    }

    async fn sign_up(&self, email: &str) -> Value {
        self.0.advance(1);
        self.0.sign_up(email).await
    }
}

fn post(path: &str, body: &Value) -> Call {
    Call::post(path, body)
}

fn put(path: &str, body: &Value) -> Call {
    Call::new(Method::PUT, path).json(body)
}

fn delete(path: &str) -> Call {
    Call::new(Method::DELETE, path)
}

fn by_admin(call: Call) -> Call {
    call.bearer(&project::service_token())
}

fn id(user: &Value) -> &str {
    text(user, "id")
}

#[tokio::test]
async fn of_an_account_and_its_letters() {
    let scene = Scene(Service::with(settings()).await);
    let john = json!({"email": "john@example.com", "password": PASSWORD});
    scene.0.post("/signup", john.clone()).await;
    let id: String = scene.0.db.value("select id::text from auth.users").await;
    let me = &*id;
    let email = json!({"email": "john@example.com"});
    scene.0.advance(61);
    scene.does(post("/signup", &john), &[("user_confirmation_requested", me, me, &[])]).await;
    let again = json!({"type": "signup", "email": "john@example.com"});
    scene.does(post("/resend", &again), &[("user_confirmation_requested", me, me, &[])]).await;
    let link = scene.0.mail("john@example.com").await.link;
    let confirmed: &[&str] = &["email_confirmed_at", "user_metadata.email_verified"];
    scene.does(Call::get(&link), &[("user_signedup", me, me, confirmed)]).await;
    scene.does(post("/signup", &john), &[("user_repeated_signup", me, me, &[])]).await;
    for path in ["/recover", "/otp", "/magiclink"] {
        scene.does(post(path, &email), &[("user_recovery_requested", me, me, &[])]).await;
        let code = scene.0.mail("john@example.com").await.code;
        let verify = json!({"type": "email", "email": "john@example.com", "token": code});
        scene.does(post("/verify", &verify), &[("login", me, me, &[])]).await;
    }
    let mut flow = email.clone();
    flow["code_challenge"] = json!(CHALLENGE);
    flow["code_challenge_method"] = json!("s256");
    scene.does(post("/otp", &flow), &[("user_recovery_requested", me, me, &[])]).await;
    let link = scene.0.mail("john@example.com").await.link;
    let (opened, _) = scene.does(Call::get(&link), &[("login", me, me, &[])]).await;
    let code = opened.header("location").split_once("?code=").expect("a code").1.to_owned();
    let exchange = json!({"auth_code": code, "code_verifier": VERIFIER});
    let pkce = scene.does(post("/token?grant_type=pkce", &exchange), &[("login", me, me, &[])]).await.0;
    let token = pkce.json();
    let token = text(&token, "access_token");
    let call = Call::get("/reauthenticate").bearer(token);
    scene.does(call, &[("user_reauthenticate_requested", me, me, &[])]).await;
    let change = json!({"data": {"name": "Jo"}, "email": "new@example.com"});
    let call = put("/user", &change).bearer(token);
    scene.does(call, &[("user_modified", me, me, &["new_email", "user_metadata.name"])]).await;
    let again = json!({"type": "email_change", "email": "john@example.com"});
    scene.does(post("/resend", &again), &[("user_confirmation_requested", me, me, &[])]).await;
    let (old, new) = (scene.0.mail("john@example.com").await, scene.0.mail("new@example.com").await);
    scene.does(Call::get(&old.link), &[("user_modified", me, me, &["email_change_confirm_status"])]).await;
    scene.does(Call::get(&new.link), &[("user_modified", me, me, &["email", "new_email"])]).await;
    let call = put("/user", &json!({"password": "another horse"})).bearer(token);
    let expected: [Entry<'_>; 2] = [("user_modified", me, me, &["password"]), ("user_updated_password", me, me, &[])];
    scene.does(call, &expected).await;
}

#[tokio::test]
async fn of_sessions() {
    let scene = Scene(Service::with(Settings { anonymous_enabled: true, ..Settings::default() }).await);
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    scene.0.post("/signup", body.clone()).await;
    let user: String = scene.0.db.value("select id::text from auth.users").await;
    let me = &*user;
    let (first, _) = scene.does(post("/token?grant_type=password", &body), &[("login", me, me, &[])]).await;
    let first = first.json();
    let refresh = |token: &Value| post("/token?grant_type=refresh_token", &json!({"refresh_token": token}));
    let exchanged: [Entry<'_>; 2] = [("token_refreshed", me, me, &[]), ("token_revoked", me, me, &[])];
    let (second, _) = scene.does(refresh(&first["refresh_token"]), &exchanged).await;
    scene.does(refresh(&second.json()["refresh_token"]), &exchanged).await;
    let reused = scene.fails(refresh(&first["refresh_token"]), &[("token_revoked", me, me, &[])]).await;
    assert_eq!(reused[0]["traits"]["reason"], "refresh_token_reuse");
    assert!(reused[0]["traits"]["session_id"].is_string());
    scene.fails(refresh(&first["refresh_token"]), &[]).await;

    let session = |session: &Value| {
        let claims = testkit::keyring().verify(text(session, "access_token")).expect("our token");
        claims.text("session_id").expect("a session").to_owned()
    };
    let sign_in = async || scene.0.sign_in("john@example.com", PASSWORD).await.json();
    let (one, two) = (sign_in().await, sign_in().await);
    let call = delete(&format!("/sessions/{}", session(&one))).bearer(text(&two, "access_token"));
    scene.does(call, &[("session_revoked", me, me, &[])]).await;
    for scope in ["others", "local", "global"] {
        let one = sign_in().await;
        let call = post(&format!("/logout?scope={scope}"), &json!({})).bearer(text(&one, "access_token"));
        let (_, entries) = scene.does(call, &[("logout", me, me, &[])]).await;
        assert_eq!(entries[0]["traits"], json!({"scope": scope, "session_id": session(&one)}));
    }
    let (john, jane) = (sign_in().await, scene.sign_up("jane@example.com").await);
    let path = format!("/admin/users/{me}/sessions");
    let one = delete(&format!("{path}/{}", session(&john)));
    scene.does(by_admin(one), &[("session_revoked", NOBODY, me, &[])]).await;
    let her = id(&jane["user"]);
    let all = delete(&format!("/admin/users/{her}/sessions"));
    scene.does(by_admin(all), &[("session_revoked", NOBODY, her, &[])]).await;

    scene.0.db.sql("delete from auth.audit_log_entries").await;
    let call = post("/signup", &json!({})).header("user-agent", "Browser/1");
    let answer = scene.0.send(call.extension(ClientAddr(IpAddr::from([192, 0, 2, 7])))).await.json();
    let anonymous = id(&answer["user"]);
    scene.assert(&scene.entries().await, &[("user_signedup", anonymous, anonymous, &[])]);
}

#[tokio::test]
async fn of_numbers() {
    let test_otp = [("15550199", "123123"), ("15550198", "123123"), ("15550197", "123123")];
    let test_otp = test_otp.map(|(number, code)| (number.to_owned(), code.to_owned())).into();
    let sms = SmsSettings { autoconfirm: false, test_otp, ..SmsSettings::default() };
    let scene = Scene(Service::with(Settings { phone_enabled: true, sms, ..Settings::default() }).await);
    let session = scene.sign_up("john@example.com").await;
    let (me, token) = (id(&session["user"]), text(&session, "access_token"));
    let call = put("/user", &json!({"phone": "15550199"})).bearer(token);
    scene.does(call, &[("user_modified", me, me, &["new_phone"])]).await;
    let verify = json!({"type": "phone_change", "phone": "15550199", "token": "123123"});
    let changed: &[&str] = &["app_metadata.providers", "new_phone", "phone", "phone_confirmed_at"];
    scene.does(post("/verify", &verify), &[("user_modified", me, me, changed)]).await;
    let phone = json!({"phone": "15550198"});
    scene.0.post("/otp", phone.clone()).await;
    let id: String = scene.0.db.value("select id::text from auth.users where phone = '15550198'").await;
    let her = &*id;
    scene.0.advance(61);
    scene.does(post("/otp", &phone), &[("user_confirmation_requested", her, her, &[])]).await;
    let again = json!({"type": "sms", "phone": "15550198"});
    scene.does(post("/resend", &again), &[("user_recovery_requested", her, her, &[])]).await;
    let verify = json!({"type": "sms", "phone": "15550198", "token": "123123"});
    let (session, _) =
        scene.does(post("/verify", &verify), &[("user_signedup", her, her, &["phone_confirmed_at"])]).await;
    let call = put("/user", &json!({"phone": "15550197"})).bearer(text(&session.json(), "access_token"));
    scene.does(call, &[("user_modified", her, her, &["new_phone"])]).await;
    let again = json!({"type": "phone_change", "phone": "15550198"});
    scene.does(post("/resend", &again), &[("user_confirmation_requested", her, her, &[])]).await;
}

#[tokio::test]
async fn of_identities() {
    let scene = Scene(Service::with(Settings { manual_linking_enabled: true, ..Settings::default() }).await);
    let session = scene.sign_up("john@example.com").await;
    let (me, token) = (id(&session["user"]), text(&session, "access_token"));
    scene
        .0
        .db
        .sql(
            "insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
             select gen_random_uuid(), name, u.id, '{}', name, now() + interval '1 day', now()
             from auth.users u, unnest(array['github', 'phone']) name;
             update auth.users set phone = '15550100', phone_confirmed_at = now();
             update auth.users set raw_app_meta_data = '{\"provider\": \"email\", \"providers\": [\"email\", \"github\", \"phone\"]}'",
        )
        .await;
    let unlink = async |provider: &str, changes: &[&str]| {
        let sql = format!("select id::text from auth.identities where provider = '{provider}'");
        let identity: String = scene.0.db.value(&sql).await;
        let call = delete(&format!("/user/identities/{identity}")).bearer(token);
        scene.does(call, &[("identity_unlinked", me, me, changes)]).await.1[0]["traits"]["changes"].clone()
    };
    let changes = unlink("phone", &["app_metadata.providers", "phone", "phone_confirmed_at"]).await;
    assert_eq!(changes["phone"], json!({"from": "15550100", "to": ""}));
    let all = &["app_metadata.provider", "app_metadata.providers", "email", "email_confirmed_at"];
    let changes = unlink("email", all).await;
    assert_eq!(changes["email"], json!({"from": "john@example.com", "to": ""}));
    assert_eq!(changes["app_metadata.providers"], json!({"from": ["email", "github"], "to": ["github"]}));
}

#[tokio::test]
async fn of_second_factors() {
    let scene = Scene(Service::new().await);
    let session = scene.sign_up("john@example.com").await;
    let me = id(&session["user"]);
    let call = post("/factors", &json!({"factor_type": "totp", "friendly_name": "app"}));
    let call = call.bearer(text(&session, "access_token"));
    let enrolled = scene.does(call, &[("factor_in_progress", me, me, &[])]).await.0.json();
    let (factor, key) = (id(&enrolled), Key::parse(text(&enrolled["totp"], "secret")).expect("base32"));
    let step_up = async |session: &Value, changes: &[&str]| {
        let token = text(session, "access_token");
        let call = post(&format!("/factors/{factor}/challenge"), &json!({})).bearer(token);
        let challenge = scene.does(call, &[("challenge_created", me, me, &[])]).await.0.json();
        let code = key.code_at(scene.0.clock.unix_seconds());
        let body = json!({"challenge_id": challenge["id"], "code": code});
        let call = post(&format!("/factors/{factor}/verify"), &body).bearer(token);
        let expected = [("token_revoked", me, me, &[] as &[&str]), ("verification_attempted", me, me, changes)];
        scene.does(call, &expected).await.0.json()
    };
    let high = step_up(&session, &["status"]).await;
    let high = step_up(&high, &[]).await;
    let token = text(&high, "access_token");
    let call = post("/factors/recovery-codes", &json!({})).bearer(token);
    let made = scene.does(call, &[("recovery_codes_created", me, me, &[])]).await.0.json();
    let body = json!({"code": made["codes"][0]});
    let call = post("/factors/recovery-codes/verify", &body).bearer(token);
    let expected: [Entry<'_>; 2] = [("token_revoked", me, me, &[]), ("verification_attempted", me, me, &[])];
    scene.does(call, &expected).await;
    let call = delete("/factors/recovery-codes").bearer(token);
    scene.does(call, &[("recovery_codes_deleted", me, me, &[])]).await;
    let path = format!("/admin/users/{me}/factors/{factor}");
    let call = by_admin(put(&path, &json!({"friendly_name": "mine"})));
    let (_, entries) = scene.does(call, &[("factor_updated", NOBODY, me, &["friendly_name"])]).await;
    assert_eq!(entries[0]["traits"]["changes"]["friendly_name"], json!({"from": "app", "to": "mine"}));
    // For clients of Supabase the user is the actor.
    let (_, entries) = scene.does(by_admin(delete(&path)), &[("factor_deleted", me, me, &[])]).await;
    assert_eq!(entries[0]["traits"]["admin"], json!({"id": NOBODY, "username": "service_role"}));
    let call = post("/factors", &json!({"factor_type": "totp", "friendly_name": "other"})).bearer(token);
    let enrolled = scene.does(call, &[("factor_in_progress", me, me, &[])]).await.0.json();
    let call = delete(&format!("/factors/{}", id(&enrolled))).bearer(token);
    scene.does(call, &[("factor_unenrolled", me, me, &[])]).await;
}

#[tokio::test]
async fn of_administrators() {
    let scene = Scene(Service::with(settings()).await);
    let jane = "11111111-2222-4333-8444-555555555555";
    let body = json!({"id": jane, "email": "jane@example.com"});
    scene.does(by_admin(post("/admin/users", &body)), &[("user_signedup", NOBODY, jane, &[])]).await;
    let path = format!("/admin/users/{jane}");
    let body = json!({"email_confirm": true, "role": "editor", "user_metadata": {"a": 1}});
    let changed: &[&str] = &["email_confirmed_at", "role", "user_metadata.a", "user_metadata.email_verified"];
    scene.does(by_admin(put(&path, &body)), &[("user_modified", NOBODY, jane, changed)]).await;
    let soft = delete(&path).json(&json!({"should_soft_delete": true}));
    scene.does(by_admin(soft), &[("user_deleted", NOBODY, jane, &["deleted_at"])]).await;
    scene.does(by_admin(delete(&path)), &[("user_deleted", NOBODY, jane, &[])]).await;
    scene.0.admin_post("/invite", json!({"email": "jo@example.com"})).await;
    let id: String = scene.0.db.value("select id::text from auth.users").await;
    scene.0.advance(61);
    let call = by_admin(post("/invite", &json!({"email": "jo@example.com"})));
    scene.does(call, &[("user_invited", NOBODY, &id, &[])]).await;
    let link = scene.0.mail("jo@example.com").await.link;
    let expected: &[&str] = &["email_confirmed_at", "password", "user_metadata.email_verified"];
    scene.does(Call::get(&link), &[("user_signedup", &id, &id, expected)]).await;
}

/// Links of administrators were noted as the user's own requests, or not at all.
#[tokio::test]
async fn of_links_for_administrators() {
    let scene = Scene(Service::with(settings()).await);
    let link = async |body: Value, action: &str, changes: &[&str]| {
        scene.0.db.sql("delete from auth.audit_log_entries").await;
        let call = by_admin(post("/admin/generate_link", &body)).header("user-agent", "Browser/1");
        let answer = scene.0.send(call.extension(ClientAddr(IpAddr::from([192, 0, 2, 7])))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (entries, answer) = (scene.entries().await, answer.json());
        scene.assert(&entries, &[(action, NOBODY, id(&answer), changes)]);
        assert_eq!(text(&entries[0], "actor_username"), "service_role");
        if action != "user_invited" {
            let kind = text(&entries[0]["traits"], "link").to_owned();
            assert!(kind.starts_with(text(&answer, "verification_type")), "{kind}");
        }
        answer
    };
    let john = json!({"type": "signup", "email": "john@example.com", "password": PASSWORD, "data": {"a": 1}});
    let made = link(john.clone(), "user_signedup", &[]).await;
    let mut other = john;
    other["data"] = json!({"a": 2});
    link(other, "user_confirmation_requested", &["user_metadata.a"]).await;
    link(json!({"type": "magiclink", "email": "new@example.com"}), "user_signedup", &[]).await;
    for kind in ["recovery", "magiclink"] {
        link(json!({"type": kind, "email": "john@example.com"}), "user_recovery_requested", &[]).await;
    }
    let change = |kind: &str, new: &str| json!({"type": kind, "email": "john@example.com", "new_email": new});
    link(change("email_change_new", "one@example.com"), "user_modified", &["new_email"]).await;
    link(change("email_change_current", "two@example.com"), "user_modified", &["new_email"]).await;
    link(json!({"type": "invite", "email": "jane@example.com"}), "user_invited", &[]).await;
    assert_eq!(scene.0.count(&format!("auth.users where id = '{}'", id(&made))).await, 1);
}

#[tokio::test]
async fn of_hooks_that_end_sessions() {
    let output = r#"'{"decision": "reject", "should_logout_user": true}'::jsonb"#;
    let scene = Scene(with_function(Settings::default(), HookName::PasswordVerificationAttempt, output).await);
    let session = scene.sign_up("john@example.com").await;
    let me = id(&session["user"]);
    let body = json!({"email": "john@example.com", "password": "wrong"});
    let call = || post("/token?grant_type=password", &body);
    let entries = scene.fails(call(), &[("session_revoked", NOBODY, me, &[])]).await;
    assert_eq!(text(&entries[0], "actor_username"), "password_verification_attempt");
    assert_eq!(text(&entries[0]["traits"], "reason"), "attempt_rejected");
    scene.fails(call(), &[]).await;

    let scene = Scene(with_function(Settings::default(), HookName::MfaVerificationAttempt, output).await);
    let session = scene.sign_up("john@example.com").await;
    let (me, token) = (id(&session["user"]), text(&session, "access_token"));
    let call = post("/factors", &json!({"factor_type": "totp"})).bearer(token);
    let factor = scene.does(call, &[("factor_in_progress", me, me, &[])]).await.0.json();
    let path = format!("/factors/{}", id(&factor));
    let call = post(&format!("{path}/challenge"), &json!({})).bearer(token);
    let challenge = scene.does(call, &[("challenge_created", me, me, &[])]).await.0.json();
    let body = json!({"challenge_id": challenge["id"], "code": "123456"});
    let call = post(&format!("{path}/verify"), &body).bearer(token);
    let entries = scene.fails(call, &[("session_revoked", NOBODY, me, &[])]).await;
    assert_eq!(text(&entries[0], "actor_username"), "mfa_verification_attempt");
}
