//! `POST /factors`: a new factor, which counts once it has been verified.

use authkit::totp::Key;
use axum::extract::State as With;
use jiff::SignedDuration;
use pg::Transaction;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::denials::{ENROLL_NEEDS_AAL2, PHONE_TAKEN, TOO_MANY_FACTORS, WEBAUTHN_ENROLL_DISABLED, name_conflict};
use super::member::Member;
use crate::client::Client;
use crate::error::Error;
use crate::json::{Body, Json};
use crate::model::audit::{self, Action, Actor};
use crate::model::factors::{self, Factor, NAME_KEY, NewFactor, PHONE_KEY};
use crate::model::users::{self, User};
use crate::sms::check_number;
use crate::state::State;

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    factor_type: String,
    friendly_name: String,
    issuer: String,
    phone: String,
}

/// The answer.
#[derive(Serialize)]
pub(super) struct Enrolled {
    id: Uuid,
    r#type: &'static str,
    friendly_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    totp: Option<TotpKey>,
    /// The number as it was given.
    #[serde(skip_serializing_if = "String::is_empty")]
    phone: String,
}

/// What is to be a factor.
enum Device {
    App { key: Key, shown: TotpKey },
    Phone(String),
}

/// What an authenticator app has to know.
#[derive(Serialize)]
struct TotpKey {
    qr_code: String,
    secret: String,
    uri: String,
}

/// How many characters the name of a factor may have, which stands in an index.
const LONGEST_NAME: usize = 255;

/// Whether a name is short enough.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.chars().count() <= LONGEST_NAME {
        return Ok(());
    }
    Err(Error::validation(format!("friendly_name cannot be longer than {LONGEST_NAME} characters")))
}

/// Adds a factor.
pub(super) async fn post(
    With(state): With<State>,
    member: Member,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Json<Enrolled>, Error> {
    let kind = Kind::parse(&request.factor_type)
        .ok_or_else(|| Error::validation("factor_type needs to be totp, phone, or webauthn"))?;
    kind.check_enroll(&state.settings.mfa)?;
    check_name(&request.friendly_name)?;
    let device = Device::read(&state, &member.user, kind, &request)?;
    let failed = |error: pg::Error| match error.constraint_in("auth") {
        Some(NAME_KEY) => name_conflict(&request.friendly_name).into(),
        Some(PHONE_KEY) => PHONE_TAKEN.into(),
        _ => Error::Database("Database error creating factor", error),
    };
    let (_turns, mut tx) = state.change(member.user.id).await.map_err(failed)?;
    let member = member.hold(&state, &mut tx).await?;
    let user = tidy(&state, &mut tx, member.user.id, device.phone()).await.map_err(failed)?;
    let user = user.ok_or(Error::TokenUserNotFound)?;
    if user.factors.iter().any(|factor| Some(&*factor.phone) == device.phone()) {
        return Err(PHONE_TAKEN.into());
    }
    check(&state, &member, &user.factors, &request.friendly_name)?;
    let id = state.random.uuid();
    let factor = NewFactor {
        id,
        user_id: user.id,
        friendly_name: &request.friendly_name,
        kind: kind.name(),
        secret: device.secret().map(|secret| state.seal(id, secret.expose_secret())),
        phone: device.phone(),
        at: state.clock.now(),
    };
    factors::insert(&mut tx, &factor).await.map_err(failed)?;
    let traits = json!({"factor_id": factor.id, "factor_type": kind.name()});
    let entry = audit::payload(&Actor::user(&user), Action::FactorInProgress, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    let Request { friendly_name, phone, .. } = request;
    let (totp, phone) = match device {
        Device::App { shown, .. } => (Some(shown), String::new()),
        Device::Phone(_) => (None, phone),
    };
    Ok(Json(Enrolled { id, r#type: kind.name(), friendly_name, totp, phone }))
}

impl Device {
    fn read(state: &State, user: &User, kind: Kind, request: &Request) -> Result<Self, Error> {
        match kind {
            Kind::Totp => {
                let key = Key::generate(&state.random);
                describe(state, user, &request.issuer, &key).map(|shown| Self::App { key, shown })
            }
            Kind::Phone if request.phone.is_empty() => {
                Err(Error::validation("Phone number required to enroll Phone factor"))
            }
            Kind::Phone => check_number(&request.phone).map(Self::Phone),
            Kind::Webauthn => Err(WEBAUTHN_ENROLL_DISABLED.into()),
        }
    }

    fn secret(&self) -> Option<SecretString> {
        match self {
            Self::App { key, .. } => Some(key.base32()),
            Self::Phone(_) => None,
        }
    }

    fn phone(&self) -> Option<&str> {
        match self {
            Self::App { .. } => None,
            Self::Phone(number) => Some(number),
        }
    }
}

/// The user without factors that nobody went on with and one with the same number that was not verified.
async fn tidy(state: &State, tx: &mut Transaction, id: Uuid, phone: Option<&str>) -> Result<Option<User>, pg::Error> {
    let lifetime = SignedDuration::try_from(state.settings.mfa.factor_lifetime()).unwrap_or(SignedDuration::MAX);
    if let Ok(before) = state.clock.now().checked_sub(lifetime) {
        factors::delete_stale(tx, id, before).await?;
    }
    if let Some(phone) = phone {
        factors::delete_unverified_phone(tx, id, phone).await?;
    }
    users::reload(tx, id).await
}

fn check(state: &State, member: &Member, factors: &[Factor], name: &str) -> Result<(), Error> {
    let settings = &state.settings.mfa;
    let verified = factors.iter().filter(|factor| factor.is_verified()).count();
    if factors.iter().any(|factor| factor.friendly_name == name) {
        return Err(name_conflict(name).into());
    }
    if factors.len() >= settings.max_enrolled_factors || verified >= settings.max_verified_factors {
        return Err(TOO_MANY_FACTORS.into());
    }
    if verified > 0 && !member.is_second_level() {
        return Err(ENROLL_NEEDS_AAL2.into());
    }
    Ok(())
}

/// The key as text and picture. The issuer is the app's host where none is given.
fn describe(state: &State, user: &User, issuer: &str, key: &Key) -> Result<TotpKey, Error> {
    let issuer = if issuer.is_empty() { host(&state.settings.site_url) } else { issuer };
    let account = if user.email.is_empty() { &user.phone } else { &user.email };
    let picture = key.qr_svg(issuer, account).map_err(|error| Error::validation(error.to_string()))?;
    Ok(TotpKey {
        qr_code: picture.expose_secret().to_owned(),
        secret: key.base32().expose_secret().to_owned(),
        uri: key.uri(issuer, account).expose_secret().to_owned(),
    })
}

/// Host and port of an address.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_host_and_port_of_the_app() {
        for (address, expected) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("https://app.example.com/start?x#y", "app.example.com"),
            ("https://user:secret@app.example.com/", "app.example.com"),
        ] {
            assert_eq!(host(address), expected);
        }
    }
}
