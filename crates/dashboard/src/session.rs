//! Signing in and out, and the operator's own password.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use base::http::ClientAddr;
use http::header::{HOST, ORIGIN, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Entry;
use crate::error::Error;
use crate::extract::Json;
use crate::guard::COOKIE_NAME;
use crate::operators::sessions::{self, NewSession, Operator, Token};
use crate::operators::{Account, passwords, set_password, throttle};
use crate::state::State;

const NOTE_LOGIN: &str = "update vestibule.operators set last_sign_in_at = $2 where id = $1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    email: String,
    password: SecretString,
}

/// `POST /login`
pub(crate) async fn login(
    Extract(state): Extract<State>,
    address: Option<axum::Extension<ClientAddr>>,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Error> {
    refuse_other_sites(&headers)?;
    let now = state.deps().clock.now();
    let address = address.map(|axum::Extension(ClientAddr(address))| address);
    let attempt = throttle::reserve(state.db(), &credentials.email, address, now).await?;
    let account = Account::find(state.db(), credentials.email.trim()).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let fits = verify(&state, credentials.password, hash).await?;
    let account = account.filter(|_| fits).ok_or(Error::InvalidCredentials)?;

    let token = Token::new(state.deps().random.bytes());
    let operator = Operator::signed_in(&account, &token, address);
    let mut transaction = state.db().write(&pg::Context::service()).await?;
    throttle::forgive(&mut transaction, &attempt, now).await?;
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let new = NewSession { operator: account.id, token: &token, address, user_agent };
    sessions::start(&state, &mut transaction, &new).await?;
    transaction.execute(NOTE_LOGIN, &[&account.id, &now]).await?;
    let entry = Entry { operator: &operator, action: "session.start", target: None, detail: json!({}) };
    entry.write_in(&mut transaction).await?;
    transaction.commit().await?;
    Ok(with_cookie(&state, &headers, Some(&token), JsonBody(shape(&operator)).into_response()))
}

/// `GET /session`
pub(crate) async fn current(operator: Operator) -> JsonBody<Value> {
    JsonBody(shape(&operator))
}

/// `POST /logout`
pub(crate) async fn logout(
    Extract(state): Extract<State>,
    operator: Operator,
    headers: HeaderMap,
) -> Result<Response, Error> {
    sessions::end(state.db(), &operator.token_hash).await?;
    let entry = Entry { operator: &operator, action: "session.end", target: None, detail: json!({}) };
    entry.write(state.db()).await?;
    Ok(with_cookie(&state, &headers, None, StatusCode::NO_CONTENT.into_response()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: SecretString,
    new_password: SecretString,
}

/// `POST /password`: sets a new password, ends every session and starts a new one here.
pub(crate) async fn change_password(
    Extract(state): Extract<State>,
    operator: Operator,
    headers: HeaderMap,
    Json(change): Json<PasswordChange>,
) -> Result<Response, Error> {
    let now = state.deps().clock.now();
    let attempt = throttle::reserve(state.db(), &operator.email, operator.address, now).await?;
    let account = Account::find(state.db(), &operator.email).await?.ok_or(Error::NotSignedIn)?;
    if !verify(&state, change.current_password.clone(), Some(account.password_hash.clone())).await? {
        return Err(Error::InvalidCredentials);
    }
    passwords::check_strength(change.new_password.expose_secret()).map_err(Error::WeakPassword)?;
    if change.new_password.expose_secret() == change.current_password.expose_secret() {
        return Err(Error::WeakPassword("the new password must differ from the current one"));
    }
    let hash = state.hashing().hash(change.new_password).await.map_err(hashing_failed)?;

    let token = Token::new(state.deps().random.bytes());
    let mut transaction = state.db().write(&pg::Context::service()).await?;
    throttle::forgive(&mut transaction, &attempt, now).await?;
    set_password(&mut transaction, operator.id, &hash, now).await?;
    sessions::end_all(&mut transaction, operator.id).await?;
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let new = NewSession { operator: operator.id, token: &token, address: operator.address, user_agent };
    sessions::start(&state, &mut transaction, &new).await?;
    let entry = Entry { operator: &operator, action: "operator.password", target: None, detail: json!({}) };
    entry.write_in(&mut transaction).await?;
    transaction.commit().await?;
    let account = Account { must_change_password: false, ..account };
    let renewed = Operator::signed_in(&account, &token, operator.address);
    Ok(with_cookie(&state, &headers, Some(&token), JsonBody(shape(&renewed)).into_response()))
}

async fn verify(state: &State, password: SecretString, hash: Option<SecretString>) -> Result<bool, Error> {
    state.hashing().verify(password, hash).await.map_err(hashing_failed)
}

fn hashing_failed(_: passwords::Failed) -> Error {
    Error::Internal("a password could not be hashed or compared")
}

fn shape(operator: &Operator) -> Value {
    json!({
        "operator": {
            "id": operator.id,
            "email": operator.email,
            "role": operator.role,
            "must_change_password": operator.must_change_password,
        },
        "csrf_token": operator.csrf,
    })
}

/// A log-in has no session yet that a CSRF token could belong to: browsers say where it comes from instead.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(site) = text(http::HeaderName::from_static("sec-fetch-site")) {
        return if matches!(site, "same-origin" | "none") { Ok(()) } else { Err(Error::CrossSite) };
    }
    let Some(origin) = text(ORIGIN) else { return Ok(()) };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority.is_some() && authority == text(HOST) { Ok(()) } else { Err(Error::CrossSite) }
}

fn with_cookie(state: &State, headers: &HeaderMap, token: Option<&Token>, mut response: Response) -> Response {
    let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_https = forwarded.split(',').next().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
    let secure = if is_https || state.settings().secure_cookie { "; Secure" } else { "" };
    let (value, age) = match token {
        Some(token) => (token.cookie(), state.settings().session_lifetime.as_secs()),
        None => (String::new(), 0),
    };
    let cookie = format!("{COOKIE_NAME}={value}; Path=/dashboard; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::try_from(cookie).expect("base64url and numbers are header text");
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_log_in_from_another_site_is_refused() {
        for allowed in [
            vec![],
            vec![("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "none")],
            vec![("origin", "http://127.0.0.1:54321"), ("host", "127.0.0.1:54321")],
            vec![("origin", "https://inner.example"), ("host", "x"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(refuse_other_sites(&headers(&allowed)).is_ok(), "{allowed:?}");
        }
        for refused in [
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("origin", "https://evil.example"), ("host", "127.0.0.1:54321")],
            vec![("origin", "null"), ("host", "127.0.0.1:54321")],
            vec![("origin", "null"), ("host", "null")],
        ] {
            assert!(refuse_other_sites(&headers(&refused)).is_err(), "{refused:?}");
        }
    }
}
