//! The hook that makes the claims of access tokens.

use base::jwt::{TimeError, Token};
use pg::Transaction;
use serde_json::{Value, json};

use super::{HookName, call};
use crate::bearer::claim_of_wrong_type;
use crate::client::Client;
use crate::error::Error;
use crate::model::sessions::Session;
use crate::model::users::User;
use crate::refusal::Refusal;
use crate::state::State;
use crate::tokens::{Issued, stock_claims};

/// The claims that every access token must have.
const REQUIRED: [&str; 10] =
    ["aud", "exp", "iat", "sub", "email", "phone", "role", "aal", "session_id", "is_anonymous"];

impl Issued {
    /// Lets the hook make the claims, where there is one; to be called before the session is committed. `method` is
    /// how the user came by the token.
    pub(crate) async fn customise(
        mut self,
        state: &State,
        client: &Client,
        tx: &mut Transaction,
        method: &str,
    ) -> Result<Self, Error> {
        self.claims = make_claims(state, client, Some(tx), (&self.user, &self.session), method).await?;
        Ok(self)
    }
}

/// Lets the hook make the claims of a session's access token; `None` where there is no hook. One in the database runs
/// in the transaction, if one is given, and else in its own.
pub(crate) async fn make_claims(
    state: &State,
    client: &Client,
    tx: Option<&mut Transaction>,
    (user, session): (&User, &Session),
    method: &str,
) -> Result<Option<Value>, Error> {
    if !state.outside.hooks.has(HookName::CustomAccessToken) {
        return Ok(None);
    }
    let claims = stock_claims(state, user, session)?;
    let input = json!({"user_id": user.id, "claims": claims, "authentication_method": method});
    let output = call(state, tx, HookName::CustomAccessToken, client, input).await?;
    let claims = output.and_then(|mut output| output.get_mut("claims").map(Value::take));
    let claims = claims.ok_or_else(|| Refusal::HookOutput("there are no claims".into()).into());
    let claims = claims.and_then(|claims| check(claims, state.clock.unix_seconds()));
    claims.map(Some).map_err(|error: Error| error.of_hook(HookName::CustomAccessToken))
}

/// Checks that a token with these claims would be accepted: what is issued and then refused everywhere is a session
/// that nobody can use.
fn check(claims: Value, now: i64) -> Result<Value, Error> {
    let refused = |why: String| Error::from(Refusal::HookOutput(why.into()));
    let Value::Object(mut claims) = claims else { return Err(refused("the claims are no object".to_owned())) };
    if let Some(name) = REQUIRED.iter().find(|name| claims.get(**name).is_none_or(Value::is_null)) {
        return Err(refused(format!("claim {name} is missing")));
    }
    for name in ["exp", "iat"] {
        let seconds = whole(&claims[name]).ok_or_else(|| refused(format!("claim {name} is no whole number")))?;
        claims[name] = seconds.into();
    }
    let token = Token { claims, claims_json: String::new() };
    if let Some(name) = claim_of_wrong_type(&token) {
        return Err(refused(format!("claim {name} is of another type")));
    }
    match token.check_times(now, 0) {
        // Clocks differ, and a token may be meant for later.
        Ok(()) | Err(TimeError::IssuedInFuture | TimeError::NotYetValid) => Ok(Value::Object(token.claims)),
        Err(error @ (TimeError::Expired | TimeError::NotANumber(_))) => Err(refused(error.to_string())),
    }
}

/// A number without a fraction, written in whichever way: a language that knows one kind of numbers writes `1.0`.
fn whole(number: &Value) -> Option<i64> {
    let written = || number.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number:.0}"));
    number.as_i64().or_else(|| written()?.parse().ok())
}
