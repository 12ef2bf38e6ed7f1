//! The door: finds out which API key a request carries and turns it into the token that services understand.
//!
//! Behaves as the gateway in front of a Supabase project does. A publishable or secret key, or a lone `apikey`,
//! becomes the legacy JWT of its role in `Authorization` (for accounts a lone JWT goes there itself); a user's token is
//! left as it is.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base::Clock;
use base::jwt::{Keyring, TimeError};
use base::project::{ApiKey, ProjectKeys};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};

static API_KEY: HeaderName = HeaderName::from_static("apikey");

/// Paths that browsers open from links and redirects, where no key can be sent.
const OPEN_PATHS: [&str; 11] = [
    "/auth/v1/.well-known/",
    "/auth/v1/authorize",
    "/auth/v1/callback",
    "/auth/v1/health",
    "/auth/v1/oauth/",
    "/auth/v1/sso/saml/",
    "/auth/v1/verify",
    "/storage/v1/object/public/",
    "/storage/v1/object/sign/",
    "/storage/v1/render/image/public/",
    "/storage/v1/s3",
];

/// The services that a key opens.
const KEYED_PATHS: [&str; 3] = ["/auth/v1/", "/rest/v1", "/storage/v1/"];

/// The accounts service.
const ACCOUNTS: &str = "/auth/v1/";

/// What the gateway knows. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    keys: ProjectKeys,
    keyring: Keyring,
    anon: SecretString,
    service_role: SecretString,
    require_api_key: bool,
    clock: Clock,
}

/// What a request carries to tell who asks.
pub struct Credentials {
    key: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It carries no key.
    NoKey,
    /// It carries one that is not the project's.
    WrongKey,
}

impl Gateway {
    /// A gateway for a project; `require_api_key` refuses requests to services that carry no key at all.
    pub fn new(keys: ProjectKeys, keyring: Keyring, require_api_key: bool) -> Self {
        let anon = keys.legacy_key(&keyring, ApiKey::Anon).into();
        let service_role = keys.legacy_key(&keyring, ApiKey::ServiceRole).into();
        Self(Arc::new(Inner { keys, keyring, anon, service_role, require_api_key, clock: Clock::system() }))
    }

    /// The legacy JWT of a role.
    pub fn legacy_key(&self, key: ApiKey) -> &SecretString {
        match key {
            ApiKey::Anon => &self.0.anon,
            ApiKey::ServiceRole => &self.0.service_role,
        }
    }

    /// Which role a key stands for: an opaque key of the project, or a JWT of role anon or service_role that the
    /// project signed, within its time. What a person has signed in for is no key, whatever the role: it ends with the
    /// session, which is not known here.
    fn recognise(&self, key: &str) -> Option<ApiKey> {
        if is_opaque(key) {
            return self.0.keys.api_key(key);
        }
        let token = self.0.keyring.verify(key).ok()?;
        let is_of_person = token.claims.contains_key("session_id")
            || token.text("sub").is_some_and(|subject| uuid::Uuid::parse_str(subject).is_ok());
        // As the accounts service has it: clocks differ, so `iat` does not count.
        let times = token.check_times(self.0.clock.unix_seconds(), 0);
        if is_of_person || !matches!(times, Ok(()) | Err(TimeError::IssuedInFuture)) {
            return None;
        }
        match token.text("role")? {
            "anon" => Some(ApiKey::Anon),
            "service_role" | "supabase_admin" => Some(ApiKey::ServiceRole),
            _ => None,
        }
    }

    /// What of a request tells who asks, to be judged later.
    pub fn credentials(request: &Request) -> Credentials {
        let header = |name| request.headers().get(name).cloned();
        Credentials { key: header(&API_KEY), authorization: header(&AUTHORIZATION) }
    }

    /// Whether a request carried the secret key or the legacy JWT of the same role, which must not have expired.
    pub fn is_operator(&self, credentials: &Credentials) -> bool {
        let key = credentials.key.as_ref().and_then(|key| key.to_str().ok());
        let bearer = credentials.authorization.as_ref().and_then(base::http::bearer_of);
        [key, bearer].into_iter().flatten().any(|key| self.recognise(key) == Some(ApiKey::ServiceRole))
    }

    /// Lets a request to a service in, with the token of its key; all other paths are open.
    pub fn admit(&self, request: &mut Request) -> Result<(), Refusal> {
        if !KEYED_PATHS.iter().any(|path| request.uri().path().starts_with(path)) {
            return Ok(());
        }
        let key = take_query_key(request.uri_mut());
        let key = match request.headers().get(&API_KEY) {
            Some(header) => Some(header.to_str().map(str::to_owned).map_err(|_| Refusal::WrongKey)?),
            None => key,
        };
        let role = key.as_ref().map(|key| self.recognise(key).ok_or(Refusal::WrongKey)).transpose()?;
        // A key in place of a token: older clients send it in both headers.
        let opaque = match base::http::bearer(request.headers()) {
            Some(token) if is_opaque(token) => Some(self.recognise(token).ok_or(Refusal::WrongKey)?),
            _ => None,
        };
        let is_of_accounts = request.uri().path().starts_with(ACCOUNTS);
        let token = match opaque {
            Some(role) => Some(self.legacy_key(role).expose_secret()),
            None if request.headers().contains_key(AUTHORIZATION) => None,
            None => key.as_deref().zip(role).and_then(|key| self.token_of(key, is_of_accounts)),
        };
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).expect("a JWT is a valid header value");
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let is_open = role.is_some() || opaque.is_some() || !self.0.require_api_key;
        if is_open || OPEN_PATHS.iter().any(|path| request.uri().path().starts_with(path)) {
            Ok(())
        } else {
            Err(Refusal::NoKey)
        }
    }

    /// The token that a key stands for which comes without one.
    fn token_of<'a>(&'a self, (key, role): (&'a str, ApiKey), is_of_accounts: bool) -> Option<&'a str> {
        if !is_of_accounts {
            // Other services know fewer roles than there are keys.
            return Some(self.legacy_key(role).expose_secret());
        }
        match role {
            ApiKey::ServiceRole if is_opaque(key) => Some(self.legacy_key(role).expose_secret()),
            ApiKey::ServiceRole => Some(key),
            // A publishable key alone is nobody's token: the accounts service is to say that a bearer is missing.
            ApiKey::Anon => None,
        }
    }
}

/// Whether it is, or is meant to be, a key that says nothing itself; else it is a token.
fn is_opaque(key: &str) -> bool {
    key.starts_with("sb_")
}

/// Answers 401 in the form that Supabase's gateway uses.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self {
            Self::NoKey => {
                r#"{"message":"No API key found in request","hint":"No `apikey` request header or url param was found."}"#
            }
            Self::WrongKey => {
                r#"{"message":"Invalid API key","hint":"Check that the key is one of this project's: see `vestibule status`."}"#
            }
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Takes `apikey=…` out of the query, so that the data API does not see a filter there.
fn take_query_key(uri: &mut Uri) -> Option<String> {
    let query = uri.query()?;
    let (keys, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with("apikey="));
    let key = keys.first()?.strip_prefix("apikey=")?;
    let key = percent_decode(key).into_owned();
    let path = uri.path();
    let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    *uri = target.parse().expect("a part of a valid query is valid");
    Some(key)
}

/// Keys hold no character that needs escaping but `+` and `=` of foreign ones; those simply do not match.
fn percent_decode(text: &str) -> Cow<'_, str> {
    if text.contains('%') { Cow::Owned(text.replace("%2E", ".").replace("%2e", ".")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn gateway(require_api_key: bool) -> Gateway {
        Gateway::new(testkit::project_keys(), testkit::keyring(), require_api_key)
    }

    fn request(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).expect("a valid request")
    }

    fn role_after(gateway: &Gateway, mut request: Request) -> Result<Option<String>, Refusal> {
        gateway.admit(&mut request)?;
        let token = base::http::bearer(request.headers());
        Ok(token.and_then(|token| testkit::keyring().verify(token).ok()?.text("role").map(str::to_owned)))
    }

    #[test]
    fn keys_become_the_token_of_their_role() {
        let gateway = gateway(true);
        let keys = testkit::project_keys();
        let secret = keys.secret_key.expose_secret();
        let publishable = keys.publishable_key.as_str();
        let anon = role_after(&gateway, request("/rest/v1/t", &[("apikey", publishable)]));
        assert_eq!(anon, Ok(Some("anon".to_owned())));
        let bearer = format!("Bearer {secret}");
        let both = role_after(&gateway, request("/rest/v1/t", &[("apikey", secret), ("authorization", &bearer)]));
        assert_eq!(both, Ok(Some("service_role".to_owned())));
        let bearer_only = role_after(&gateway, request("/rest/v1/t", &[("authorization", &bearer)]));
        assert_eq!(bearer_only, Ok(Some("service_role".to_owned())));
        let accounts = role_after(&gateway, request("/auth/v1/user", &[("apikey", publishable)]));
        assert_eq!(accounts, Ok(None));
        let legacy = gateway.legacy_key(ApiKey::ServiceRole).expose_secret();
        assert_eq!(
            role_after(&gateway, request("/rest/v1/t", &[("apikey", legacy)])),
            Ok(Some("service_role".to_owned()))
        );
    }

    #[test]
    fn a_users_token_wins_over_the_key() {
        let user = testkit::keyring().sign(&json!({"role": "authenticated", "sub": "x"}));
        let keys = testkit::project_keys();
        let bearer = format!("Bearer {user}");
        let headers = [("apikey", keys.secret_key.expose_secret()), ("authorization", bearer.as_str())];
        assert_eq!(role_after(&gateway(true), request("/rest/v1/t", &headers)), Ok(Some("authenticated".to_owned())));
    }

    #[test]
    fn wrong_keys_are_refused_and_missing_ones_where_they_are_required() {
        let open = gateway(false);
        assert_eq!(role_after(&open, request("/rest/v1/t", &[])), Ok(None));
        assert_eq!(role_after(&open, request("/rest/v1/t", &[("apikey", "sb_secret_no")])), Err(Refusal::WrongKey));
        let closed = gateway(true);
        assert_eq!(role_after(&closed, request("/rest/v1/t", &[])), Err(Refusal::NoKey));
        assert_eq!(role_after(&closed, request("/storage/v1/object/public/a/b", &[])), Ok(None));
        let user = testkit::project::user_token("00000000-0000-0000-0000-000000000001");
        assert_eq!(role_after(&closed, request("/rest/v1/t", &[("apikey", &user)])), Err(Refusal::WrongKey));
    }

    /// Tokens that were keys would open for ever what they open for an hour.
    #[test]
    fn a_token_as_key_is_no_more_than_it_is() {
        let gateway = gateway(true);
        let send = |claims: serde_json::Value| {
            let token = testkit::keyring().sign(&claims);
            let mut request = request("/auth/v1/admin/users", &[("apikey", &token)]);
            gateway.admit(&mut request).map(|()| base::http::bearer(request.headers()) == Some(&token))
        };
        let now = Clock::system().unix_seconds();
        assert_eq!(send(json!({"role": "service_role", "exp": now + 60})), Ok(true), "it goes on as it is");
        assert_eq!(send(json!({"role": "service_role", "iat": now + 60})), Ok(true));
        assert_eq!(send(json!({"role": "supabase_admin", "sub": "1234567890"})), Ok(true));
        for wrong in [
            json!({"role": "service_role", "exp": now - 60}),
            json!({"role": "service_role", "nbf": now + 60}),
            json!({"role": "service_role", "session_id": "x"}),
            json!({"role": "service_role", "sub": "00000000-0000-0000-0000-000000000001"}),
            json!({"role": "authenticated"}),
        ] {
            assert_eq!(send(wrong.clone()), Err(Refusal::WrongKey), "{wrong}");
        }
    }

    #[test]
    fn operators_carry_the_secret_key_or_a_valid_token_of_its_role() {
        let gateway = gateway(true);
        let is_operator =
            |headers: &[(&str, &str)]| gateway.is_operator(&Gateway::credentials(&request("/auth/v1/user", headers)));
        let keys = testkit::project_keys();
        let secret = keys.secret_key.expose_secret();
        assert!(is_operator(&[("apikey", secret)]));
        assert!(is_operator(&[("authorization", &format!("Bearer {secret}"))]));
        assert!(is_operator(&[("authorization", &format!("Bearer {}", testkit::project::service_token()))]));
        let expired = testkit::keyring().sign(&json!({"role": "service_role", "exp": 1}));
        let user = testkit::project::user_token("00000000-0000-0000-0000-000000000001");
        let forged = format!("{}x", testkit::project::service_token());
        for other in [keys.publishable_key.as_str(), "sb_secret_x", &expired, &user, &forged] {
            assert!(!is_operator(&[("apikey", other)]), "{other}");
            assert!(!is_operator(&[("authorization", &format!("Bearer {other}"))]), "{other}");
        }
        assert!(!is_operator(&[]));
    }

    #[test]
    fn a_key_in_the_query_works_and_is_taken_out() {
        let key = testkit::project_keys().publishable_key;
        let mut request = request(&format!("/rest/v1/t?select=a&apikey={key}&b=eq.1"), &[]);
        assert_eq!(gateway(true).admit(&mut request), Ok(()));
        assert_eq!(request.uri().to_string(), "/rest/v1/t?select=a&b=eq.1");
    }
}
