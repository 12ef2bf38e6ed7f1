//! The hook that makes the claims of access tokens.

use pg::Transaction;
use serde_json::{Value, json};

use super::{HookName, call};
use crate::client::Client;
use crate::error::Error;
use crate::refusal::Refusal;
use crate::state::State;
use crate::tokens::Issued;

/// The claims that every access token must have, and whether they are numbers.
const REQUIRED: [(&str, Form); 9] = [
    ("aud", Form::Any),
    ("exp", Form::Integer),
    ("iat", Form::Integer),
    ("sub", Form::Text),
    ("email", Form::Text),
    ("phone", Form::Text),
    ("role", Form::Text),
    ("aal", Form::Text),
    ("session_id", Form::Text),
];

#[derive(Clone, Copy)]
enum Form {
    Any,
    Integer,
    Text,
}

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
        if !state.outside.hooks.has(HookName::CustomAccessToken) {
            return Ok(self);
        }
        let claims = self.stock_claims(state)?;
        let input = json!({"user_id": self.user.id, "claims": claims, "authentication_method": method});
        let output = call(state, Some(tx), HookName::CustomAccessToken, client, input).await?;
        let claims = output.and_then(|mut output| output.get_mut("claims").map(Value::take));
        let claims = claims.ok_or(Refusal::HookOutput("there are no claims".into()))?;
        check(&claims)?;
        self.claims = Some(claims);
        Ok(self)
    }
}

fn check(claims: &Value) -> Result<(), Error> {
    let is_good = |(name, form): &(&str, Form)| match (form, claims.get(name)) {
        (_, None) => false,
        (Form::Any, Some(_)) => true,
        (Form::Integer, Some(value)) => value.is_i64(),
        (Form::Text, Some(value)) => value.is_string(),
    };
    match REQUIRED.iter().find(|required| !is_good(required)) {
        Some((name, _)) => {
            Err(Refusal::HookOutput(format!("claim {name} is missing or of another type").into()).into())
        }
        None => Ok(()),
    }
}
