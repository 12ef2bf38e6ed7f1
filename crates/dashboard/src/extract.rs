//! Reading requests, so that what cannot be read is answered in the console's own form.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !has_type(request.headers(), "application/json") {
            return Err(Error::MediaType("JSON, with content-type application/json"));
        }
        let body = body(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| Error::Invalid(format!("the body: {error}")))
    }
}

/// The fields of an HTML form.
pub(crate) struct Form(pub(crate) Pairs);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !has_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(Error::MediaType("a form, with content-type application/x-www-form-urlencoded"));
        }
        let body = body(request, state).await?;
        Pairs::parse(&body).map(Self)
    }
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ => Error::Invalid("the body could not be read".into()),
    })
}

/// Names and values of a query string or form, in order; a name may come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        let pairs = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(|part| {
            let split = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (name, value) = part.split_at(split);
            Ok((decode(name)?, decode(value.strip_prefix(b"=").unwrap_or_default())?))
        });
        pairs.collect::<Result<_, Error>>().map(Self)
    }

    /// The value of a name that may come once; absent and empty are the same.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Error::Invalid(format!("`{name}` is given more than once"))),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// All values of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A whole number between 1 and `max`.
    pub(crate) fn limit(&self, default: u32, max: u32) -> Result<u32, Error> {
        let Some(text) = self.one("limit")? else { return Ok(default) };
        text.parse()
            .ok()
            .filter(|number| (1..=max).contains(number))
            .ok_or_else(|| Error::Invalid(format!("`limit` must be a whole number from 1 to {max}")))
    }
}

fn decode(text: &[u8]) -> Result<String, Error> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().map_err(|_| Error::Invalid("not valid UTF-8".into()))?;
    Ok(decoded.into_owned())
}

/// The query string.
pub(crate) struct Query(pub(crate) Pairs);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Pairs::parse(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// The variable parts of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|_| Error::NoRoute)
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;

    #[test]
    fn pairs_are_decoded_and_keep_their_order() {
        let pairs = Pairs::parse(b"a=1+2&b=%C3%BC%26&a=&c").expect("valid");
        assert_eq!(pairs.all("a").collect::<Vec<_>>(), ["1 2", ""]);
        assert_eq!(pairs.one("b").expect("once"), Some("ü&"));
        assert_eq!(pairs.one("c").expect("once"), None);
        assert!(pairs.one("a").is_err());
        assert!(Pairs::parse(b"a=%ff").is_err());
    }

    #[test]
    fn a_limit_is_a_number_within_its_bounds() {
        let limit = |text: &str| Pairs::parse(text.as_bytes()).and_then(|pairs| pairs.limit(50, 100)).ok();
        assert_eq!([limit(""), limit("limit=7")], [Some(50), Some(7)]);
        assert_eq!([limit("limit=0"), limit("limit=101"), limit("limit=x"), limit("limit=-1")], [None; 4]);
    }
}
