//! Who is calling, by the bearer token: a signed-in user, or an administrator.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use base::http::{OperatorName, bearer};
use base::jwt::{TimeError, Token};
use http::request::Parts;
use pg::Transaction;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::login::validity;
use crate::model::sessions::{self, Session};
use crate::model::users::{self, User};
use crate::state::State;

/// A caller whose token names a user who is there, not banned, and a session that is the user's and is there.
/// A token that names no session passes without one.
pub(crate) struct Authenticated {
    pub(crate) claims: Arc<Token>,
    pub(crate) user: User,
    pub(crate) session: Option<Session>,
}

/// A caller whose token has an administrator's role; if it names a session, that is valid.
pub(crate) struct Admin {
    pub(crate) claims: Arc<Token>,
    pub(crate) role: String,
    /// The user whose token it is; tokens of services are nobody's.
    pub(crate) user: Option<User>,
    /// The operator for whom the console calls.
    pub(crate) operator: Option<OperatorName>,
}

impl Authenticated {
    /// Whether the user has a second factor and has not proven it in this session.
    pub(crate) fn lacks_second_level(&self) -> bool {
        self.user.has_verified_factor() && !self.session.as_ref().is_some_and(Session::is_second_level)
    }

    /// The caller as it is now, see [`hold`].
    pub(crate) async fn hold(&self, state: &State, tx: &mut Transaction) -> Result<Self, Error> {
        let session_id = self.session.as_ref().map(|session| session.id);
        let (user, session) = hold(state, tx, self.user.id, session_id).await?;
        Ok(Self { claims: Arc::clone(&self.claims), user, session })
    }
}

/// Locks a caller's user and reads what the token was judged by once more: much may have happened since, while a
/// password was hashed or somebody outside was asked. Whose session has been ended meanwhile changes nothing.
pub(crate) async fn hold(
    state: &State,
    tx: &mut Transaction,
    user_id: Uuid,
    session_id: Option<Uuid>,
) -> Result<(User, Option<Session>), Error> {
    let failed = Error::database("Database error loading user");
    users::hold(tx, user_id).await.map_err(&failed)?;
    let found = sessions::reload_with_user(tx, user_id, session_id).await.map_err(failed)?;
    let (user, session) = found.ok_or(Error::TokenUserNotFound)?;
    if session_id.is_some() && session.is_none() {
        return Err(Error::TokenSessionNotFound);
    }
    check_may_act(state, &user)?;
    Ok((user, session))
}

/// Refuses who is deleted, whose tokens without a session outlive the account, and who is banned.
fn check_may_act(state: &State, user: &User) -> Result<(), Error> {
    if user.deleted_at.is_some() {
        return Err(Error::TokenUserNotFound);
    }
    if user.is_banned(state.clock.now()) { Err(Error::Banned) } else { Ok(()) }
}

impl FromRequestParts<State> for Authenticated {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let claims = claims(parts, state)?;
        let (user, session) = load(&claims, state).await?;
        check_may_act(state, &user)?;
        Ok(Self { claims, user, session })
    }
}

impl FromRequestParts<State> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let claims = claims(parts, state)?;
        let of_session = match session_claim(&claims) {
            Some(_) => Some(load(&claims, state).await?),
            None => None,
        };
        if let Some((user, session)) = &of_session {
            check_may_act(state, user)?;
            let now = state.clock.now();
            let is_over = |session| validity::check(&state.settings, user, session, None, now).is_err();
            if session.as_ref().is_some_and(is_over) {
                return Err(Error::AdminSessionExpired);
            }
        }
        let role = claims.text("role").unwrap_or_default().to_owned();
        if !state.settings.jwt_admin_roles.contains(&role) {
            return Err(Error::NotAdmin("User not allowed"));
        }
        let user = match of_session {
            Some((user, _)) => Some(user),
            None => subject(&claims, state).await?,
        };
        user.as_ref().map_or(Ok(()), |user| check_may_act(state, user))?;
        let operator = parts.extensions.get::<OperatorName>().cloned();
        Ok(Self { claims, role, user, operator })
    }
}

/// The claims of a token whose signature and times are right. A token without `exp` does not expire.
fn claims(parts: &Parts, state: &State) -> Result<Arc<Token>, Error> {
    let bad_jwt =
        |why: &dyn std::fmt::Display| Error::BadJwt(format!("invalid JWT: unable to parse or verify signature, {why}"));
    let token = bearer(&parts.headers).ok_or(Error::NoAuthorization)?;
    let claims = state.keyring.verify(token).map_err(|error| bad_jwt(&error))?;
    if let Some(claim) = claim_of_wrong_type(&claims) {
        return Err(bad_jwt(&format_args!("the claim {claim} is of the wrong type")));
    }
    match claims.check_times(state.clock.unix_seconds(), 0) {
        // Only the type of `iat` is looked at: clocks differ.
        Ok(()) | Err(TimeError::IssuedInFuture) => Ok(claims),
        Err(error) => Err(bad_jwt(&format_args!("token has invalid claims: {error}"))),
    }
}

/// The first claim that is there but is not of the type that it has in our tokens. A hook that makes claims is held
/// to the same list, so that what is issued is accepted.
pub(crate) fn claim_of_wrong_type(token: &Token) -> Option<&'static str> {
    const TEXTS: [&str; 10] =
        ["iss", "sub", "jti", "email", "phone", "role", "aal", "session_id", "client_id", "scope"];
    const OBJECTS: [&str; 2] = ["app_metadata", "user_metadata"];
    let is = |claim: &&&str, has_type: fn(&Value) -> bool| {
        token.claims.get(**claim).is_none_or(|value| value.is_null() || has_type(value))
    };
    let is_audience = |aud: &Value| match aud {
        Value::Array(list) => list.iter().all(Value::is_string),
        aud => aud.is_string(),
    };
    let is_method = |method: &Value| method.is_string() || method.is_object();
    let wrong = TEXTS.iter().find(|claim| !is(claim, Value::is_string));
    let wrong = wrong.or_else(|| OBJECTS.iter().find(|claim| !is(claim, Value::is_object)));
    let wrong = wrong.or_else(|| ["is_anonymous"].iter().find(|claim| !is(claim, Value::is_boolean)));
    let wrong = wrong.or_else(|| ["aud"].iter().find(|claim| !is(claim, is_audience)));
    let methods = token.claims.get("amr").filter(|amr| !amr.is_null());
    let has_methods = methods.is_none_or(|amr| amr.as_array().is_some_and(|list| list.iter().all(is_method)));
    wrong.copied().or((!has_methods).then_some("amr"))
}

/// Whether a request carries a valid token with an administrator's role.
pub(crate) fn is_admin(parts: &Parts, state: &State) -> bool {
    let claims = claims(parts, state).ok();
    let role = claims.as_ref().and_then(|claims| claims.text("role"));
    role.is_some_and(|role| state.settings.jwt_admin_roles.iter().any(|known| known == role))
}

/// The session that a token names; the nil uuid stands for none.
fn session_claim(claims: &Token) -> Option<&str> {
    claims.text("session_id").filter(|id| !id.is_empty() && *id != "00000000-0000-0000-0000-000000000000")
}

/// The user that a token without a session names, if it names one.
async fn subject(claims: &Token, state: &State) -> Result<Option<User>, Error> {
    let Some(id) = claims.text("sub").and_then(|subject| Uuid::parse_str(subject).ok()) else { return Ok(None) };
    users::find(&state.db, id).await.map_err(Error::database("Database error loading user"))
}

async fn load(claims: &Token, state: &State) -> Result<(User, Option<Session>), Error> {
    let subject = claims.text("sub").filter(|subject| !subject.is_empty());
    let subject = subject.ok_or_else(|| Error::BadJwt("invalid claim: missing sub claim".to_owned()))?;
    let user_id = Uuid::parse_str(subject).map_err(|_| Error::BadSubject)?;
    let session_id = session_claim(claims).map(Uuid::parse_str).transpose();
    let looked_for = session_id.as_ref().ok().copied().flatten();
    let found = sessions::find_with_user(&state.db, user_id, looked_for)
        .await
        .map_err(Error::database("Database error loading user"))?;
    let (user, session) = found.ok_or(Error::TokenUserNotFound)?;
    let session_id =
        session_id.map_err(|_| Error::BadJwt("invalid claim: session_id claim must be a UUID".to_owned()))?;
    if session_id.is_some() && session.is_none() {
        return Err(Error::TokenSessionNotFound);
    }
    Ok((user, session))
}
