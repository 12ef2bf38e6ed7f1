//! `GET /reauthenticate`: a code that proves presence, and checking it.

use std::sync::Arc;

use authkit::sms::Provider;
use axum::extract::State as With;
use jiff::SignedDuration;
use pg::Transaction;
use serde_json::{Value, json};

use crate::bearer::Authenticated;
use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::Json;
use crate::letters::Letters;
use crate::model::audit::{self, Action, Actor};
use crate::model::one_time_tokens::{self, Purpose};
use crate::model::users::User;
use crate::refusal::Refusal;
use crate::sms::{self, Texting};
use crate::state::State;

/// Sends the code, to the address if there is one, else to the number.
pub(crate) async fn get(With(state): With<State>, client: Client, caller: Authenticated) -> Result<Json<Value>, Error> {
    let failed = Error::database("Reauthentication failed.");
    let user = &caller.user;
    if user.email.is_empty() && user.phone.is_empty() {
        return Err(Error::validation("Reauthentication requires the user to have an email or a phone number"));
    }
    if !user.email.is_empty() && user.email_confirmed_at.is_none() {
        let text = "Please verify your email first.";
        return Err(Refusal::Unconfirmed { code: "email_not_confirmed", text }.into());
    }
    if user.email.is_empty() && user.phone_confirmed_at.is_none() {
        let text = "Please verify your phone first.";
        return Err(Refusal::Unconfirmed { code: "phone_not_confirmed", text }.into());
    }
    let sender = if user.email.is_empty() { HookName::SendSms } else { HookName::SendEmail };
    let (_turns, mut tx) = state.asking([sender]).change(user.id).await.map_err(&failed)?;
    let user = &caller.hold(&state, &mut tx).await?.user;
    let entry = audit::payload(&Actor::user(user), Action::UserReauthenticateRequested, None);
    audit::insert(&mut tx, &state, &entry, state.clock.now()).await.map_err(&failed)?;
    let message_id = if user.email.is_empty() {
        Texting { state: &state, client: &client, channel: "sms" }.reauthentication(&mut tx, user).await?
    } else {
        let letters = Letters { state: &state, client: &client, redirect_to: "", is_pkce: false };
        letters.reauthentication(&mut tx, user).await?;
        None
    };
    tx.commit().await.map_err(&failed)?;
    Ok(Json(message_id.map_or_else(|| json!({}), |id| json!({"message_id": id}))))
}

/// Whether a code is the user's and still good. It is used up by [`consume`].
pub(crate) async fn check(state: &State, user: &User, nonce: &str) -> Result<(), Error> {
    let now = state.clock.now();
    let (contact, lifetime) = if user.email.is_empty() {
        (&user.phone, state.settings.sms.otp_exp)
    } else {
        (&user.email, state.settings.mailer_otp_exp)
    };
    let kept = one_time_tokens::kept(&state.db, user.id, Purpose::Reauthentication)
        .await
        .map_err(Error::database("Reauthentication failed."))?;
    let kept = kept.ok_or(Error::ReauthenticationNotValid)?;
    if let Some(provider) = maker_of_code(state, user) {
        let is_right = sms::check_made_code(&**provider, contact, nonce).await?;
        return if is_right { Ok(()) } else { Err(Error::OtpExpired("Token has expired or is invalid")) };
    }
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    let is_late =
        user.reauthentication_sent_at.is_none_or(|sent_at| sent_at.checked_add(lifetime).is_ok_and(|end| now > end));
    let is_right = state.code_key.is_code(contact, nonce, &kept);
    if is_right && !is_late { Ok(()) } else { Err(Error::ReauthenticationNotValid) }
}

/// The provider that has made the code of a user who has a number only, where it makes them. Codes of numbers for tests
/// are those of the settings.
fn maker_of_code<'a>(state: &'a State, user: &User) -> Option<&'a Arc<dyn Provider>> {
    let is_test = state.settings.sms.test_code(&user.phone, state.clock.now()).is_some();
    sms::maker_of_codes(state).filter(|_| user.email.is_empty() && !is_test)
}

/// Uses a code up, within the change that it was given for. Of two changes at the same time one gets it.
pub(crate) async fn consume(state: &State, tx: &mut Transaction, user: &User, nonce: &str) -> Result<(), Error> {
    let contact = if user.email.is_empty() { &user.phone } else { &user.email };
    let is_there = if maker_of_code(state, user).is_some() {
        one_time_tokens::delete(tx, user.id, Purpose::Reauthentication).await
    } else {
        let hashes = state.code_key.accepted(contact, nonce);
        let taken = one_time_tokens::take(tx, user.id, &hashes, &[Purpose::Reauthentication], Some(contact)).await;
        taken.map(|taken| taken.is_some())
    };
    let is_there = is_there.map_err(Error::database("Reauthentication failed."))?;
    if is_there { Ok(()) } else { Err(Error::ReauthenticationNotValid) }
}
