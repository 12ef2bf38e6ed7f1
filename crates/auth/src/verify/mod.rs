//! `/verify`: what a link or a code from a mail is good for. GET is what the link opens and answers with a
//! redirect; POST is for apps and answers a session.

mod effects;
mod page;
mod take;

pub(crate) use effects::{after_first_password, change_email, change_phone, modified, with_providers};

use axum::extract::{FromRequest, State as With};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::{Body, Json};
use crate::letters::Letters;
use crate::limits::{self, Bucket};
use crate::model::flow_states;
use crate::model::one_time_tokens::Purpose;
use crate::query::Query;
use crate::redirect::{RedirectTo, with_fragment, with_query};
use crate::sms;
use crate::state::State;
use crate::tokens::{Issued, Proof, Sign};
use take::{Claim, Kind};

/// What is told after the first of two confirmations of a new address.
const FIRST_OF_TWO: &str = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    #[serde(rename = "type")]
    kind: String,
    token: String,
    token_hash: String,
    email: String,
    phone: String,
    redirect_to: String,
}

/// What a link or code came to.
enum Verified {
    /// A session, and what the code was for.
    Session(Box<Issued>, Purpose),
    /// A code to be exchanged for a session.
    Code(String),
    /// The other address has still to agree.
    FirstOfTwo,
}

/// `POST /verify`: an app presents a link or code, or a person agrees on the page that GET has shown.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(target): RedirectTo,
    query: Query,
    request: axum::extract::Request,
) -> Result<Response, Error> {
    if state.settings.verify_asks_first && page::is_form(request.headers()) {
        return follow(&state, &client, &target, &query).await;
    }
    let Body(request) = Body::<Request>::from_request(request, &state).await?;
    let claim = posted(&state, &client, &request)?;
    if let Some(contact) = &claim.contact {
        limits::check_contact(&state, Bucket::Code, contact).await?;
    }
    match verify(&state, &client, &claim, None).await? {
        Verified::Session(issued, _) => issued.answer(&state),
        Verified::FirstOfTwo => Ok(Json(json!({"msg": FIRST_OF_TWO, "code": "200"})).into_response()),
        Verified::Code(code) => Err(Error::Internal("Internal Server Error", format!("a code for a POST: {code}"))),
    }
}

/// `GET /verify`: what the link of a letter opens.
pub(crate) async fn get(
    With(state): With<State>,
    client: Client,
    RedirectTo(target): RedirectTo,
    query: Query,
) -> Result<Response, Error> {
    if state.settings.verify_asks_first { page::answer(&query) } else { follow(&state, &client, &target, &query).await }
}

/// Does what a link is for. What is wrong with it is told to the app, by redirect.
async fn follow(state: &State, client: &Client, target: &str, query: &Query) -> Result<Response, Error> {
    let (kind, token) = named(query)?;
    let is_pkce = authkit::otp::is_pkce(token);
    let claim = Kind::parse(kind).filter(|kind| kind.is_of_mail()).map(|kind| Claim::link(kind, token));
    let outcome = match &claim {
        Some(claim) => verify(state, client, claim, is_pkce.then_some(&claim.kind)).await,
        None => Err(Error::validation("Invalid email verification type")),
    };
    Ok(match outcome {
        Ok(Verified::Session(issued, purpose)) => {
            let (mut fields, headers) = issued.parameters(state)?;
            fields.push(("type".to_owned(), issued_kind(kind, purpose).to_owned()));
            let mut response = see_other(&format!("{target}#{}", crate::query::encode(fields)));
            response.headers_mut().extend(headers);
            response
        }
        Ok(Verified::Code(code)) => see_other(&with_query(target, &[("code", &code)])),
        Ok(Verified::FirstOfTwo) => see_other(&message(target, is_pkce)),
        Err(error) => {
            let mut response = see_other(&failure(target, &error, is_pkce));
            if let Some(failure) = error.failure() {
                response.extensions_mut().insert(failure);
            }
            response
        }
    })
}

/// Type and token of a link, which both must be there.
fn named(query: &Query) -> Result<(&str, &str), Error> {
    let (kind, token) = (query.first("type"), query.first("token"));
    if kind.is_empty() {
        return Err(Error::validation("Verify requires a verification type"));
    }
    if token.is_empty() {
        return Err(Error::validation("Verify requires a token or a token hash"));
    }
    Ok((kind, token))
}

/// The type that the app is told: `email` has become what the code was for.
fn issued_kind(kind: &str, purpose: Purpose) -> &str {
    match (kind, purpose) {
        ("email", Purpose::Recovery) => "magiclink",
        ("email", _) => "signup",
        (other, _) => other,
    }
}

/// Reads the body: a hash alone, or a code with the address or number that it was sent to.
fn posted(state: &State, client: &Client, request: &Request) -> Result<Claim, Error> {
    if request.kind.is_empty() {
        return Err(Error::validation("Verify requires a verification type"));
    }
    if request.token.is_empty() == request.token_hash.is_empty() {
        return Err(Error::validation("Verify requires either a token or a token hash"));
    }
    let kind = Kind::parse(&request.kind);
    if request.token.is_empty() {
        if !(request.email.is_empty() && request.phone.is_empty() && request.redirect_to.is_empty()) {
            return Err(Error::validation("Only the token_hash and type should be provided"));
        }
        let kind = kind.filter(|kind| kind.is_of_mail());
        let kind = kind.ok_or_else(|| Error::validation("Invalid email verification type"))?;
        return Ok(Claim::link(kind, &request.token_hash));
    }
    let contact = match (&*request.email, &*request.phone) {
        (email, "") if !email.is_empty() => {
            Contact::Email(authkit::address::email(email).map_err(|_| Error::InvalidEmail)?)
        }
        ("", phone) if !phone.is_empty() => Contact::Phone(sms::check_number(phone)?),
        _ => {
            let text = "Only an email address or phone number should be provided on verify";
            return Err(Error::validation(text));
        }
    };
    let audience = client.audience(None, &state.settings);
    match (kind, contact) {
        (Some(kind), Contact::Email(email)) if kind.is_of_mail() => {
            Ok(Claim::code(state, kind, email, &request.token, audience))
        }
        (Some(kind), Contact::Phone(phone)) if !kind.is_of_mail() => {
            Ok(Claim::phone_code(state, kind, phone, &request.token, audience))
        }
        // A type that does not suit the contact finds no code, which is all that is told.
        (Some(_), _) => Err(take::NOT_FOUND),
        (None, _) => Err(Error::validation("Unsupported verification type")),
    }
}

/// Takes the code, does what it is good for, and opens a session, or hands out a code for one when the link was
/// asked for that way (`pkce`).
async fn verify(state: &State, client: &Client, claim: &Claim, pkce: Option<&Kind>) -> Result<Verified, Error> {
    let failed = Error::database("Database error updating user");
    let known = take::ask(state, claim).await?;
    let owner = take::owner(state, claim, &known).await?;
    let (_turns, mut tx) = state.asking([HookName::CustomAccessToken]).change(owner).await.map_err(&failed)?;
    let (user, purpose) = take::take(state, &mut tx, claim, (owner, &known)).await?;
    let letters = Letters { state, client, redirect_to: "", is_pkce: false };
    let Some(effect) = effects::apply(&letters, &mut tx, &user, (claim.kind, purpose)).await? else {
        tx.commit().await.map_err(&failed)?;
        return Ok(Verified::FirstOfTwo);
    };
    let before = user;
    let user = with_providers(state, &mut tx, before.id).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
    effect.record(state, &mut tx, (&before, &user)).await.map_err(&failed)?;
    let verified = match pkce {
        Some(kind) => {
            let method = kind.proof(purpose).name();
            let code = flow_states::issue(&mut tx, user.id, method, state.clock.now()).await.map_err(&failed)?;
            Verified::Code(code.ok_or(Error::NoFlowState)?)
        }
        None => {
            let sign = Sign::prepare(state, client, &user, Proof::Otp, None);
            let issued = sign.open_in(&mut tx).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
            let issued = issued.customise(state, client, &mut tx, Proof::Otp.name()).await?;
            Verified::Session(Box::new(issued), purpose)
        }
    };
    tx.commit().await.map_err(&failed)?;
    Ok(verified)
}

/// What an address may hold that a header may not: other than ASCII is always escaped.
const HEADER: AsciiSet = CONTROLS.add(b' ');

fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Addresses are allowed or our own, and parameters are escaped; what still is no header leads nowhere.
    if let Ok(location) = HeaderValue::from_str(&utf8_percent_encode(location, &HEADER).to_string()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn message(target: &str, is_pkce: bool) -> String {
    let target = if is_pkce { with_query(target, &[("message", FIRST_OF_TWO)]) } else { target.to_owned() };
    with_fragment(&target, vec![("message".to_owned(), FIRST_OF_TWO.to_owned()), ("sb".to_owned(), String::new())])
}

/// Where an error is told: in the fragment, and in the query too for apps that exchange codes on a server.
fn failure(target: &str, error: &Error, is_pkce: bool) -> String {
    let public = error.public();
    let kind = match public.status.as_u16() {
        400 => Some("invalid_request"),
        401 => Some("unauthorized_client"),
        403 => Some("access_denied"),
        500 => Some("server_error"),
        503 => Some("temporarily_unavailable"),
        _ => None,
    };
    let fields = kind.map(|kind| ("error", kind)).into_iter();
    let fields: Vec<_> = fields.chain([("error_code", public.code), ("error_description", &*public.text)]).collect();
    let target = if is_pkce { with_query(target, &fields) } else { target.to_owned() };
    let owned = fields.into_iter().chain([("sb", "")]).map(|(name, value)| (name.to_owned(), value.to_owned()));
    with_fragment(&target, owned.collect())
}
