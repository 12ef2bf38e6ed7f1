//! Hooks: programs of the operator that are asked, over HTTP or as functions of the database.

mod access_token;

pub(crate) use access_token::make_claims;

use std::collections::BTreeMap;

use authkit::hook::{self, FunctionName, HookError, Hooks, Secrets, Target};
use pg::{Context, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::model::audit::{self, Action, Actor};
use crate::model::sessions;
use crate::model::users::User;
use crate::outside::OutsideError;
use crate::refusal::Refusal;
use crate::state::State;
use crate::waiting;

/// The hooks that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookName {
    /// Replaces mail.
    SendEmail,
    /// Replaces messages to phones.
    SendSms,
    /// Makes the claims of access tokens.
    CustomAccessToken,
    /// Is told of attempts at a second factor.
    MfaVerificationAttempt,
    /// Is told of attempts at a password.
    PasswordVerificationAttempt,
    /// May refuse a new user.
    BeforeUserCreated,
    /// Is told of a new user.
    AfterUserCreated,
}

impl HookName {
    /// All hooks.
    pub const ALL: [Self; 7] = [
        Self::SendEmail,
        Self::SendSms,
        Self::CustomAccessToken,
        Self::MfaVerificationAttempt,
        Self::PasswordVerificationAttempt,
        Self::BeforeUserCreated,
        Self::AfterUserCreated,
    ];

    /// The name in settings, in lower case: `send_email` is `GOTRUE_HOOK_SEND_EMAIL_…` and `[auth.hook.send_email]`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendEmail => "send_email",
            Self::SendSms => "send_sms",
            Self::CustomAccessToken => "custom_access_token",
            Self::MfaVerificationAttempt => "mfa_verification_attempt",
            Self::PasswordVerificationAttempt => "password_verification_attempt",
            Self::BeforeUserCreated => "before_user_created",
            Self::AfterUserCreated => "after_user_created",
        }
    }

    /// The name by which a hook is told what it is asked for.
    fn event(self) -> &'static str {
        match self {
            Self::SendEmail => "send-email",
            Self::SendSms => "send-sms",
            Self::CustomAccessToken => "customize-access-token",
            Self::MfaVerificationAttempt => "mfa-verification",
            Self::PasswordVerificationAttempt => "password-verification",
            Self::BeforeUserCreated => "before-user-created",
            Self::AfterUserCreated => "after-user-created",
        }
    }
}

/// Where a hook is, as settings give it.
#[derive(Clone, Debug, Default)]
pub struct HookSetting {
    /// `pg-functions://…/<schema>/<function>`, or an address that is called by HTTP.
    pub uri: String,
    /// What requests are signed with, `v1,whsec_<base64>`, several separated by `|`.
    pub secrets: secrecy::SecretString,
}

impl HookSetting {
    /// Checks the address and the secrets.
    ///
    /// # Errors
    /// The field, and what is wrong with it, without the secrets.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<Hook, (&'static str, String)> {
        let target = self.uri.parse::<Target>().map_err(|error| ("uri", error.to_string()))?;
        let secrets = match (&target, secrecy::ExposeSecret::expose_secret(&self.secrets)) {
            // What runs in the database is asked by nobody else.
            (Target::Function(_), _) | (_, "") => Secrets::default(),
            (Target::Http(_), text) => Secrets::parse(text).map_err(|error| ("secrets", error.to_string()))?,
        };
        Ok(Hook { target, secrets })
    }
}

/// The hooks of an installation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    hooks: BTreeMap<HookName, Hook>,
    caller: Option<Hooks>,
}

#[derive(Clone, Debug)]
struct Hook {
    target: Target,
    secrets: Secrets,
}

impl Registry {
    pub(crate) fn new(settings: &BTreeMap<HookName, HookSetting>, caller: Hooks) -> Result<Self, OutsideError> {
        let mut hooks = BTreeMap::new();
        for (name, setting) in settings {
            let hook = setting.read().map_err(|(_, reason)| OutsideError::Hook(name.name(), reason))?;
            hooks.insert(*name, hook);
        }
        Ok(Self { hooks, caller: Some(caller) })
    }

    /// Whether a hook is there.
    pub(crate) fn has(&self, name: HookName) -> bool {
        self.hooks.contains_key(&name)
    }

    /// Whether a hook is called over HTTP.
    pub(crate) fn is_far(&self, name: HookName) -> bool {
        self.hooks.get(&name).is_some_and(|hook| matches!(hook.target, Target::Http(_)))
    }
}

/// Asks a hook; what it says, `None` when there is no such hook or it says nothing. A function of the database runs
/// in the transaction, if one is given, and else in its own.
pub(crate) async fn call(
    state: &State,
    tx: Option<&mut Transaction>,
    name: HookName,
    client: &Client,
    mut input: Value,
) -> Result<Option<Value>, Error> {
    let registry = &state.outside.hooks;
    let (Some(hook), Some(caller)) = (registry.hooks.get(&name), &registry.caller) else { return Ok(None) };
    let ip = client.ip.map(|ip| ip.to_string()).unwrap_or_default();
    input["metadata"] = json!({
        "uuid": state.random.uuid(), "time": state.clock.now(), "name": name.event(), "ip_address": ip,
    });
    let outcome = waiting::on(format!("the hook {}", name.name()), hook.ask(state, caller, tx, &input)).await;
    outcome.map_err(|error| Error::OfHook { hook: name, function: hook.function(), error: Box::new(error) })
}

impl Hook {
    async fn ask(
        &self,
        state: &State,
        caller: &Hooks,
        tx: Option<&mut Transaction>,
        input: &Value,
    ) -> Result<Option<Value>, Error> {
        let function = match &self.target {
            Target::Http(url) => {
                return caller.call(url, &self.secrets, input).await.map_err(|error| Refusal::Hook(error).into());
            }
            Target::Function(function) => function,
        };
        if let Some(tx) = tx {
            return call_function(tx, function, input).await;
        }
        let failed = Error::database(NOT_RUN);
        let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
        let output = call_function(&mut tx, function, input).await?;
        tx.commit().await.map_err(&failed)?;
        Ok(output)
    }

    /// Its function, where it is one of the database.
    fn function(&self) -> Option<String> {
        match &self.target {
            Target::Http(_) => None,
            Target::Function(FunctionName { schema, function }) => Some(format!("{schema}.{function}")),
        }
    }
}

/// What clients are told when a function fails; what it raises itself is told as a trigger's error is.
const NOT_RUN: &str = "Error running hook";

/// How long a function may take, in seconds and as PostgreSQL reads it.
const FUNCTION_SECONDS: f64 = 2.0;
const LIMIT: &str = "select current_setting('statement_timeout') as old, set_config('statement_timeout', '2000', true)";
const RESTORE: &str = "select set_config('statement_timeout', $1, true)";

/// PostgreSQL's code for a statement that took too long.
const QUERY_CANCELED: &str = "57014";

async fn call_function(tx: &mut Transaction, name: &FunctionName, input: &Value) -> Result<Option<Value>, Error> {
    let failed = |error: pg::Error| match error.sqlstate() {
        Some(state) if state.code() == QUERY_CANCELED => {
            Error::Refused(Refusal::Hook(HookError::Timeout(FUNCTION_SECONDS)))
        }
        _ => Error::Database(NOT_RUN, error),
    };
    let old: String = tx.query_one(LIMIT, &[]).await.map_err(failed)?.get("old");
    let statement = format!("select ({}($1))::text as output", pg::ident::qualified(&name.schema, &name.function));
    let row = tx.call(&statement, &[&pg::Text(&input.to_string())]).await.map_err(failed)?;
    tx.query_one(RESTORE, &[&old]).await.map_err(failed)?;
    let text: Option<String> = row.get("output");
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let output = serde_json::from_str(&text).map_err(|error| Refusal::Hook(HookError::NotJson(error)))?;
    hook::check(&output).map_err(|error| Error::Refused(Refusal::Hook(error)))?;
    Ok(Some(output))
}

/// Asks whether a user may be made; runs before anything is written.
pub(crate) async fn before_user_created(
    state: &State,
    client: &Client,
    user: impl FnOnce() -> Value,
) -> Result<(), Error> {
    if !state.outside.hooks.has(HookName::BeforeUserCreated) {
        return Ok(());
    }
    call(state, None, HookName::BeforeUserCreated, client, json!({"user": user()})).await.map(drop)
}

/// Tells of a user who was made. The user stays when the hook fails.
pub(crate) async fn after_user_created(state: &State, client: &Client, user: &User) -> Result<(), Error> {
    if !state.outside.hooks.has(HookName::AfterUserCreated) {
        return Ok(());
    }
    call(state, None, HookName::AfterUserCreated, client, json!({"user": user})).await.map(drop)
}

/// What a hook that is told of an attempt decides. What it leaves out, or says as `null`, is nothing.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Decision {
    decision: Option<Verdict>,
    message: Option<String>,
    should_logout_user: Option<bool>,
}

/// The words for a decision. Any other is an error: it might be meant as a rejection.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
enum Verdict {
    Continue,
    Reject,
}

impl TryFrom<String> for Verdict {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, &'static str> {
        match &*word {
            "" | "continue" => Ok(Self::Continue),
            "reject" => Ok(Self::Reject),
            _ => Err("the decision is neither continue nor reject"),
        }
    }
}

impl Decision {
    pub(crate) fn is_rejection(&self) -> bool {
        self.decision == Some(Verdict::Reject)
    }

    /// Whether all sessions of the user end.
    pub(crate) fn should_logout_user(&self) -> bool {
        self.should_logout_user.unwrap_or_default()
    }

    /// What the client is told of a rejection; may be empty.
    pub(crate) fn into_message(self) -> String {
        self.message.unwrap_or_default()
    }
}

/// Ends all sessions of a user because a hook has rejected an attempt.
pub(crate) async fn end_sessions(state: &State, user: &User, name: HookName) -> Result<(), pg::Error> {
    let (_turns, mut tx) = state.change(user.id).await?;
    // Not once more for each further attempt that is rejected.
    if sessions::delete_all(&mut tx, user.id).await? > 0 {
        let traits = json!({
            "user_id": user.id, "user_email": user.email, "user_phone": user.phone, "reason": "attempt_rejected",
        });
        let entry = audit::payload(&Actor::hook(name), Action::SessionRevoked, Some(traits));
        audit::insert(&mut tx, state, &entry, state.clock.now()).await?;
    }
    tx.commit().await
}

/// Tells a hook of an attempt; `None` when there is no such hook. It runs in a transaction of its own, so that what
/// it counts stays.
pub(crate) async fn decide(
    state: &State,
    client: &Client,
    name: HookName,
    input: Value,
) -> Result<Option<Decision>, Error> {
    decision(state, client, name, input).await.map_err(|error| error.of_hook(name))
}

async fn decision(state: &State, client: &Client, name: HookName, input: Value) -> Result<Option<Decision>, Error> {
    if !state.outside.hooks.has(name) {
        return Ok(None);
    }
    let output = call(state, None, name, client, input).await?;
    let decision = output.map_or(Ok(None), serde_json::from_value::<Option<Decision>>);
    let decision = decision.map_err(|error| Refusal::HookOutput(format!("no decision: {error}").into()))?;
    Ok(Some(decision.unwrap_or_default()))
}
