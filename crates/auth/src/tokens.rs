//! Access tokens, and the answer that carries a session to a client.

use std::time::Duration;

use authkit::refresh::Key;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::error::Error;
use crate::hooks::make_claims;
use crate::json::Json;
use crate::model::audit::{self, Action, Actor};
use crate::model::refresh_tokens;
use crate::model::sessions::{Grant, Method, Session};
use crate::model::users::User;
use crate::state::State;

/// The ways to open a session, as the `amr` claim names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A password, or a sign-up with one.
    Password,
    /// A link or code from a mail.
    Otp,
    /// A confirmation link whose code was exchanged.
    EmailSignup,
    /// The same with the link of an invitation.
    Invite,
    /// The same with a recovery link.
    Recovery,
    /// The same with a magic link.
    MagicLink,
    /// The same with the link of a change of address.
    EmailChange,
    /// A sign-up with nothing.
    Anonymous,
}

impl Proof {
    const ALL: [Self; 8] = [
        Self::Password,
        Self::Otp,
        Self::EmailSignup,
        Self::Invite,
        Self::Recovery,
        Self::MagicLink,
        Self::EmailChange,
        Self::Anonymous,
    ];

    /// The name in the claim.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
            Self::EmailSignup => "email/signup",
            Self::Invite => "invite",
            Self::Recovery => "recovery",
            Self::MagicLink => "magiclink",
            Self::EmailChange => "email_change",
            Self::Anonymous => "anonymous",
        }
    }

    /// The way with a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proof| proof.name() == name)
    }
}

/// A session on its way to the client.
pub(crate) struct Issued {
    pub(crate) user: User,
    pub(crate) session: Session,
    pub(crate) refresh_token: String,
    /// The claims of the access token, where a hook has made them.
    pub(crate) claims: Option<Value>,
}

/// What is written when a user signs in; see [`Sign::prepare`].
pub(crate) struct Sign<'a> {
    state: &'a State,
    client: &'a Client,
    session: Session,
    refresh_token: String,
    audit: Option<Value>,
    verified: Option<SecretString>,
}

impl<'a> Sign<'a> {
    /// A new session of a user. `traits` are those of the audit entry of the sign-in; none is written without.
    pub(crate) fn prepare(
        state: &'a State,
        client: &'a Client,
        user: &User,
        proof: Proof,
        traits: Option<Value>,
    ) -> Self {
        let at = state.clock.now();
        let id = state.random.uuid();
        let key = (state.settings.refresh_token_algorithm_version == 2).then(|| Key::generate(&state.random));
        let refresh_token =
            key.as_ref().map_or_else(|| refresh_tokens::generate(&state.random), |key| key.token(id, 0));
        let session = Session {
            id,
            user_id: user.id,
            created_at: at,
            aal: Some("aal1".to_owned()),
            not_after: None,
            refreshed_at: None,
            oauth_client_id: None,
            scopes: None,
            tag: None,
            refresh_token_counter: key.as_ref().map(|_| 0),
            refresh_token_hmac_key: key.map(|key| state.seal(id, key.stored().expose_secret())),
            methods: vec![Method { method: proof.name().to_owned(), at }],
        };
        let audit = traits.map(|traits| audit::payload(&Actor::user(user), Action::Login, Some(traits)));
        let audit = audit.and_then(|entry| audit::unless_disabled(state, entry));
        Self { state, client, session, refresh_token, audit, verified: None }
    }

    /// The same where a password was verified against what was stored: nothing is opened once that has changed.
    pub(crate) fn verified(self, stored: Option<&SecretString>) -> Self {
        Self { verified: stored.cloned(), ..self }
    }

    fn grant(&self) -> Grant<'_> {
        Grant {
            session_id: self.session.id,
            user_id: self.session.user_id,
            at: self.session.created_at,
            user_agent: self.client.user_agent.as_deref(),
            ip: self.client.ip,
            refresh_token: &self.refresh_token,
            key: self.session.refresh_token_hmac_key.as_ref().map(ExposeSecret::expose_secret),
            claim_id: self.state.random.uuid(),
            method: &self.session.methods[0].method,
            audit_id: self.state.random.uuid(),
            audit: self.audit.clone(),
            verified: self.verified.as_ref().map(ExposeSecret::expose_secret),
        }
    }

    /// Lets the hook make the claims before anything is written, so that nobody holds a connection while it is asked;
    /// to be given to what is opened then.
    pub(crate) async fn claims(&self, user: &User) -> Result<Option<Value>, Error> {
        let method = &self.session.methods[0].method;
        make_claims(self.state, self.client, None, (user, &self.session), method).await
    }

    /// Opens the session in a transaction of its own; `None` when the user is gone, deleted, banned
    /// or has another password.
    pub(crate) async fn open(self) -> Result<Option<Issued>, pg::Error> {
        let user = self.grant().write(&self.state.db).await?;
        Ok(user.map(|user| self.issued(user)))
    }

    /// Opens the session as part of a transaction; `None` as with [`Sign::open`].
    pub(crate) async fn open_in(self, tx: &mut pg::Transaction) -> Result<Option<Issued>, pg::Error> {
        let user = self.grant().write_in(tx).await?;
        Ok(user.map(|user| self.issued(user)))
    }

    fn issued(self, user: User) -> Issued {
        Issued { user, session: self.session, refresh_token: self.refresh_token, claims: None }
    }
}

/// The claims of an access token, in the order in which Supabase writes them.
#[derive(Serialize)]
struct Claims<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    exp: i64,
    iat: i64,
    email: &'a str,
    phone: &'a str,
    app_metadata: &'a Value,
    user_metadata: &'a Value,
    role: &'a str,
    aal: &'a str,
    amr: Vec<Value>,
    session_id: Uuid,
    is_anonymous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

/// The answer with a session.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    expires_at: i64,
    refresh_token: &'a str,
    user: &'a User,
    /// Present, if only as `null`, where somebody signed in with a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    weak_password: Option<Value>,
}

/// An access token, how many seconds are left of it, and when it ends, in seconds since 1970.
struct Access {
    token: String,
    expires_in: i64,
    expires_at: i64,
}

impl Issued {
    /// The answer of a sign-up or a refresh.
    pub(crate) fn answer(&self, state: &State) -> Result<Response, Error> {
        self.answer_with(state, None)
    }

    /// The answer of a sign-in with a password: what is weak about it, or `null`.
    pub(crate) fn answer_with(&self, state: &State, weak_password: Option<Value>) -> Result<Response, Error> {
        let Access { token, expires_in, expires_at } = self.access(state)?;
        let answer = Answer {
            access_token: token,
            token_type: "bearer",
            expires_in,
            expires_at,
            refresh_token: &self.refresh_token,
            user: &self.user,
            weak_password,
        };
        let mut response = Json(answer).into_response();
        response.headers_mut().extend(self.headers());
        Ok(response)
    }

    /// The session as parameters of an address, and the headers of the answer that redirects there.
    pub(crate) fn parameters(&self, state: &State) -> Result<(Vec<(String, String)>, HeaderMap), Error> {
        let Access { token, expires_in, expires_at } = self.access(state)?;
        let parameters = [
            ("access_token", token),
            ("expires_at", expires_at.to_string()),
            ("expires_in", expires_in.to_string()),
            ("refresh_token", self.refresh_token.clone()),
            ("sb", String::new()),
            ("token_type", "bearer".to_owned()),
        ];
        Ok((parameters.map(|(name, value)| (name.to_owned(), value)).into(), self.headers()))
    }

    fn headers(&self) -> HeaderMap {
        let counted = self.session.refresh_token_hmac_key.is_some();
        let (name, refresh_token) = if counted {
            ("sb-auth-refresh-token-counter", self.session.counter().to_string())
        } else {
            ("sb-auth-refresh-token-prefix", self.refresh_token.chars().take(5).collect())
        };
        let value = |text: &str| HeaderValue::from_str(text).expect("uuids and refresh tokens are visible ASCII");
        HeaderMap::from_iter([
            (HeaderName::from_static("sb-auth-user-id"), value(&self.user.id.to_string())),
            (HeaderName::from_static("sb-auth-session-id"), value(&self.session.id.to_string())),
            (HeaderName::from_static(name), value(&refresh_token)),
        ])
    }

    fn access(&self, state: &State) -> Result<Access, Error> {
        let now = state.clock.now();
        let (token, expires_at) = match &self.claims {
            Some(claims) => (state.keyring.sign(claims), claims["exp"].as_i64().unwrap_or_default()),
            None => {
                let exp = expires_at(state, &self.user, &self.session, now)?.as_second();
                (state.keyring.sign(&claims_until(state, (&self.user, &self.session), now.as_second(), exp)), exp)
            }
        };
        // A hook may have given any end and any beginning.
        let expires_in = expires_at.saturating_sub(now.as_second()).max(0);
        Ok(Access { token, expires_in, expires_at })
    }
}

/// The claims as they are without a hook.
pub(crate) fn stock_claims(state: &State, user: &User, session: &Session) -> Result<Value, Error> {
    let issued_at = state.clock.now();
    let (iat, exp) = (issued_at.as_second(), expires_at(state, user, session, issued_at)?.as_second());
    Ok(json!(claims_until(state, (user, session), iat, exp)))
}

fn claims_until<'a>(state: &'a State, (user, session): (&'a User, &'a Session), iat: i64, exp: i64) -> Claims<'a> {
    Claims {
        iss: &state.settings.jwt_issuer,
        sub: user.id,
        aud: &user.aud,
        exp,
        iat,
        email: &user.email,
        phone: &user.phone,
        app_metadata: &user.app_metadata,
        user_metadata: &user.user_metadata,
        role: &user.role,
        aal: session.level(),
        amr: session.methods.iter().map(|method| entry(user, method)).collect(),
        session_id: session.id,
        is_anonymous: user.is_anonymous,
        client_id: session.oauth_client_id,
        scope: session.scopes.as_deref(),
    }
}

/// When an access token expires: after its lifetime, or earlier where a user with a second factor has not used it and
/// may do without for a limited time only.
fn expires_at(state: &State, user: &User, session: &Session, issued_at: Timestamp) -> Result<Timestamp, Error> {
    let expires_at = later(issued_at, state.settings.jwt_exp)?;
    match state.settings.sessions_allow_low_aal {
        Some(limit) if user.has_verified_factor() && session.level() == "aal1" => {
            Ok(expires_at.min(later(session.created_at, limit)?))
        }
        _ => Ok(expires_at),
    }
}

/// An `amr` entry; the provider is told for SAML only.
fn entry(user: &User, method: &Method) -> Value {
    let mut entry = json!({"method": method.method, "timestamp": method.at.as_second()});
    if method.method == "sso/saml"
        && let [identity] = user.identities.as_deref().unwrap_or_default()
        && let Some(provider) = identity.provider.strip_prefix("sso:")
    {
        entry["provider"] = json!(provider);
    }
    entry
}

fn later(from: Timestamp, by: Duration) -> Result<Timestamp, Error> {
    SignedDuration::try_from(by)
        .and_then(|by| from.checked_add(by))
        .map_err(|error| Error::Internal("error generating jwt token", error.to_string()))
}

impl Session {
    /// The assurance level that the methods amount to.
    pub(crate) fn level(&self) -> &'static str {
        let is_second =
            |method: &Method| matches!(&*method.method, "totp" | "mfa/phone" | "mfa/webauthn" | "mfa/recovery_code");
        if self.methods.iter().any(is_second) { "aal2" } else { "aal1" }
    }
}
