//! Who is at the other end: program and address, kept with sessions; and which audience a request is for.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use base::http::ClientAddr;
use base::jwt::Token;
use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, HOST, USER_AGENT};
use http::request::Parts;

use crate::error::Error;
use crate::settings::Settings;

const AUDIENCE: &str = "x-jwt-aud";

/// How many characters of an audience a user's row holds.
const LONGEST_AUDIENCE: usize = 255;

/// The program and the address that a request came from, and the audience that it names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<IpAddr>,
    audience: Option<String>,
    /// The languages that the program asks for.
    pub(crate) accept_language: Option<String>,
    /// The scheme and host by which the service was reached, as a proxy tells it.
    pub(crate) forwarded_proto: Option<String>,
    pub(crate) host: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let audience = text(&parts.headers, AUDIENCE);
        if audience.as_ref().is_some_and(|audience| audience.chars().count() > LONGEST_AUDIENCE) {
            return Err(Error::validation(format!("X-JWT-AUD must not be longer than {LONGEST_AUDIENCE} characters")));
        }
        Ok(Self {
            user_agent: text(&parts.headers, USER_AGENT.as_str()),
            ip: parts.extensions.get::<ClientAddr>().map(|address| address.0),
            audience,
            accept_language: text(&parts.headers, ACCEPT_LANGUAGE.as_str()),
            forwarded_proto: text(&parts.headers, "x-forwarded-proto"),
            host: text(&parts.headers, "x-forwarded-host").or_else(|| text(&parts.headers, HOST.as_str())),
        })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
    (!text.is_empty()).then_some(text)
}

impl Client {
    /// The audience of the request: that of the header, else the first of the token, unless it is that of an
    /// administrator, else the installation's.
    pub(crate) fn audience(&self, claims: Option<&Token>, settings: &Settings) -> String {
        let of_token = || {
            let claims = claims?;
            let is_admin = claims.text("role").is_some_and(|role| settings.jwt_admin_roles.iter().any(|r| r == role));
            if is_admin { None } else { first_audience(claims) }
        };
        self.audience
            .clone()
            .or_else(|| of_token().filter(|audience| !audience.is_empty()).map(str::to_owned))
            .unwrap_or_else(|| settings.jwt_aud.clone())
    }
}

/// The `aud` of a token, or the first of several.
pub(crate) fn first_audience(claims: &Token) -> Option<&str> {
    match claims.claims.get("aud")? {
        serde_json::Value::String(audience) => Some(audience),
        serde_json::Value::Array(audiences) => audiences.first()?.as_str(),
        _ => None,
    }
}
