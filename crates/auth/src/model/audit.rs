//! `auth.audit_log_entries`: what users and administrators did.

use base::http::OperatorName;
use jiff::Timestamp;
use pg::Transaction;
use serde_json::{Value, json};
use uuid::Uuid;

use super::users::User;
use crate::bearer::Admin;
use crate::client::Client;
use crate::hooks::HookName;
use crate::origin::Origin;
use crate::state::State;

/// What was done. The second name is the group that Supabase files it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Login,
    Logout,
    UserSignedUp,
    UserRepeatedSignUp,
    UserDeleted,
    UserModified,
    UserUpdatedPassword,
    UserConfirmationRequested,
    UserRecoveryRequested,
    UserReauthenticateRequested,
    UserInvited,
    TokenRevoked,
    TokenRefreshed,
    SessionRevoked,
    IdentityUnlinked,
    FactorInProgress,
    FactorUnenrolled,
    ChallengeCreated,
    VerificationAttempted,
    FactorDeleted,
    FactorUpdated,
    RecoveryCodesCreated,
    RecoveryCodesDeleted,
}

impl Action {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Login => ("login", "account"),
            Self::Logout => ("logout", "account"),
            Self::UserSignedUp => ("user_signedup", "team"),
            Self::UserRepeatedSignUp => ("user_repeated_signup", "user"),
            Self::UserDeleted => ("user_deleted", "team"),
            Self::UserModified => ("user_modified", "user"),
            Self::UserUpdatedPassword => ("user_updated_password", "user"),
            Self::UserConfirmationRequested => ("user_confirmation_requested", "user"),
            Self::UserRecoveryRequested => ("user_recovery_requested", "user"),
            Self::UserReauthenticateRequested => ("user_reauthenticate_requested", "user"),
            Self::UserInvited => ("user_invited", "team"),
            Self::TokenRevoked => ("token_revoked", "token"),
            Self::TokenRefreshed => ("token_refreshed", "token"),
            Self::SessionRevoked => ("session_revoked", "account"),
            Self::IdentityUnlinked => ("identity_unlinked", "user"),
            Self::FactorInProgress => ("factor_in_progress", "factor"),
            Self::FactorUnenrolled => ("factor_unenrolled", "factor"),
            Self::ChallengeCreated => ("challenge_created", "factor"),
            Self::VerificationAttempted => ("verification_attempted", "factor"),
            Self::FactorDeleted => ("factor_deleted", "factor"),
            Self::FactorUpdated => ("factor_updated", "factor"),
            Self::RecoveryCodesCreated => ("recovery_codes_created", "factor"),
            Self::RecoveryCodesDeleted => ("recovery_codes_deleted", "factor"),
        }
    }
}

/// Who did it.
pub(crate) struct Actor {
    id: Uuid,
    via_sso: bool,
    username: String,
    name: Option<Value>,
}

impl Actor {
    /// A user; known by phone number, else by email address.
    pub(crate) fn user(user: &User) -> Self {
        let username = if user.phone.is_empty() { &user.email } else { &user.phone };
        Self {
            id: user.id,
            via_sso: user.is_sso_user,
            username: username.clone(),
            name: user.user_metadata.get("full_name").cloned(),
        }
    }

    /// An administrator: the user whose token it is, else the console's operator, known by address, else a service,
    /// known by the role of its token.
    pub(crate) fn admin(admin: &Admin) -> Self {
        let username = admin.operator.as_ref().map_or(&*admin.role, |OperatorName(name)| name);
        let service = || Self { id: Uuid::nil(), via_sso: false, username: username.to_owned(), name: None };
        admin.user.as_ref().map_or_else(service, Self::user)
    }

    /// A hook, which is nobody, known by its name.
    pub(crate) fn hook(name: HookName) -> Self {
        Self { id: Uuid::nil(), via_sso: false, username: name.name().to_owned(), name: None }
    }

    /// Who it is, for an entry whose actor is somebody else for the sake of clients.
    pub(crate) fn named(&self) -> Value {
        json!({"id": self.id, "username": self.username})
    }
}

/// The payload of an entry, with the program that the request came from.
pub(crate) fn payload(actor: &Actor, action: Action, traits: Option<Value>) -> Value {
    let (action, log_type) = action.names();
    let mut payload = json!({
        "actor_id": actor.id,
        "actor_via_sso": actor.via_sso,
        "actor_username": actor.username,
        "action": action,
        "log_type": log_type,
    });
    if let Some(name) = &actor.name {
        payload["actor_name"] = name.clone();
    }
    if let Some(traits) = traits {
        payload["traits"] = traits;
    }
    if let Some(user_agent) = Origin::current().user_agent {
        payload["user_agent"] = json!(user_agent);
    }
    payload
}

/// An entry that a statement of more than the audit log writes; none where the database is not to keep any.
pub(crate) fn unless_disabled(state: &State, payload: Value) -> Option<Value> {
    if !state.settings.audit_disable_postgres {
        return Some(payload);
    }
    Line::of(&payload).log();
    None
}

/// An entry in the server's log, which is all that is kept of it there. Values are logged as text, which the log
/// escapes; those of secrets are in no payload.
#[derive(Debug, PartialEq)]
struct Line<'a> {
    action: &'a str,
    actor_id: &'a str,
    /// Whose token it is that is nobody's: a role, or a hook.
    actor: Option<&'a str>,
    target: &'a str,
    user_agent: Option<&'a str>,
    changes: Option<String>,
    /// What else the traits tell, but of addresses and numbers.
    detail: Option<String>,
}

impl<'a> Line<'a> {
    fn of(payload: &'a Value) -> Self {
        let text = |name: &str| payload[name].as_str().unwrap_or_default();
        let (actor_id, traits) = (text("actor_id"), &payload["traits"]);
        let is_nobody = Uuid::parse_str(actor_id).is_ok_and(|id| id.is_nil());
        Self {
            action: text("action"),
            actor_id,
            actor: is_nobody.then(|| text("actor_username")),
            // Who acts on nobody else acts on themselves.
            target: traits["user_id"].as_str().unwrap_or(actor_id),
            user_agent: payload["user_agent"].as_str(),
            changes: traits.get("changes").map(Value::to_string),
            detail: Self::detail(traits),
        }
    }

    fn detail(traits: &Value) -> Option<String> {
        const TOLD_OR_PERSONAL: [&str; 4] = ["user_id", "changes", "user_email", "user_phone"];
        let mut detail = traits.as_object()?.clone();
        detail.retain(|name, _| !TOLD_OR_PERSONAL.contains(&name.as_str()));
        if let Some(admin) = detail.get_mut("admin").and_then(Value::as_object_mut) {
            admin.retain(|name, _| name == "id");
        }
        (!detail.is_empty()).then(|| Value::Object(detail).to_string())
    }

    fn log(&self) {
        let Self { action, actor_id, actor, target, user_agent, changes, detail } = self;
        let (ip, changes) = (Origin::current().ip.map(|ip| ip.to_string()), changes.as_deref());
        tracing::info!(action, actor_id, actor, target, ip, user_agent, changes, detail, "audit");
    }
}

const INSERT: &str = "
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4)";

/// Adds an entry in the transaction of what it tells, with what that does next, and with the address that the request
/// came from. Supabase keeps that for second factors and identities only.
pub(crate) async fn insert(
    tx: &mut Transaction,
    state: &State,
    payload: &Value,
    at: Timestamp,
) -> Result<(), pg::Error> {
    let Some(payload) = unless_disabled(state, payload.clone()) else { return Ok(()) };
    let address = Origin::current().ip.map(|ip| ip.to_string()).unwrap_or_default();
    tx.defer(INSERT, &[&state.random.uuid(), &payload, &at, &address]).await
}

/// The same at the present time, with the address of a client.
pub(crate) async fn insert_from(
    tx: &mut Transaction,
    state: &State,
    client: &Client,
    payload: &Value,
) -> Result<(), pg::Error> {
    let Some(payload) = unless_disabled(state, payload.clone()) else { return Ok(()) };
    let address = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
    tx.defer(INSERT, &[&state.random.uuid(), &payload, &state.clock.now(), &address]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOHN: &str = "9f1b0f2c-3f0e-4a53-9a4e-000000000000";

    fn payload(actor_id: &str, traits: &Value) -> Value {
        json!({
            "action": "user_modified", "actor_id": actor_id, "actor_username": "service_role", "traits": traits,
            "user_agent": "Browser/1",
        })
    }

    #[test]
    fn a_line_has_actor_target_program_and_changes() {
        let service = Uuid::nil().to_string();
        let changes = json!({"role": {"from": "a", "to": "b"}, "password": "changed"});
        let payload = payload(&service, &json!({"user_id": JOHN, "changes": changes}));
        let line = Line {
            action: "user_modified",
            actor_id: &service,
            actor: Some("service_role"),
            target: JOHN,
            user_agent: Some("Browser/1"),
            changes: Some(changes.to_string()),
            detail: None,
        };
        assert_eq!(Line::of(&payload), line);
    }

    #[test]
    fn a_line_has_what_else_is_told_but_no_address() {
        let admin = json!({"id": JOHN, "username": "admin@example.com"});
        let traits = json!({
            "user_id": JOHN, "user_email": "a@example.com", "user_phone": "1555", "scope": "global", "admin": admin,
        });
        let payload = payload(JOHN, &traits);
        let detail = Line::of(&payload).detail.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(detail, Some(json!({"scope": "global", "admin": {"id": JOHN}})));
    }

    #[test]
    fn a_user_who_acts_on_nobody_else_is_the_target() {
        let payload = payload(JOHN, &Value::Null);
        let line = Line::of(&payload);
        assert_eq!((line.actor_id, line.actor, line.target, line.changes), (JOHN, None, JOHN, None));
    }
}
