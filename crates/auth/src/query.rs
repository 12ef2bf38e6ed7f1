//! Query parameters. Repeated ones keep their order, and nothing that is not text fails.

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::Error;

/// What Go leaves as it is in a query.
const QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

/// All query parameters in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = Self::parse(parts.uri.query().unwrap_or_default());
        if query.0.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(Error::NulCharacter);
        }
        Ok(query)
    }
}

impl Query {
    /// Reads the query of an address.
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        Self(text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    /// The first value of a parameter; empty when absent.
    pub(crate) fn first(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets a parameter to one value.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The query as text, encoded as Go does: sorted by name.
    pub(crate) fn encode(self) -> String {
        encode(self.0)
    }

    /// The query as text with one parameter set to one value.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut query = self.clone();
        query.set(name, value);
        query.encode()
    }
}

/// Encodes pairs as Go does: sorted by name, repeated ones in their order.
pub(crate) fn encode(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// Escapes a text for a query as Go does.
pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, &QUERY).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_encoded_again() {
        let query = Query::parse("filter=a%20b+c%26&page=3&sort=created_at%20asc&x");
        assert_eq!(query.first("filter"), "a b c&");
        assert_eq!(query.first("missing"), "");
        assert_eq!(query.with("page", "4"), "filter=a+b+c%26&page=4&sort=created_at+asc&x=");
        assert_eq!(Query::parse("%ff=%zz").first("\u{fffd}"), "%zz");
    }
}
