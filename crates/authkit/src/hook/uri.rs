//! Where a hook is.

use reqwest::Url;

use crate::address::shown;

/// The hosts that hooks may be called at without TLS.
const PLAIN_HOSTS: &[&str] = &["localhost", "127.0.0.1", "[::1]", "host.docker.internal"];

/// A function in the database; the names are identifiers, still to be quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The schema.
    pub schema: String,
    /// The function.
    pub function: String,
}

/// Where a hook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// It answers HTTP requests.
    Http(Url),
    /// It is a function in the database.
    Function(FunctionName),
}

/// What is wrong with the URI of a hook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It is no URI.
    #[error("{0:?} is not a uri")]
    Syntax(String),
    /// The scheme is none of hooks.
    #[error("hook uri {0:?} must begin with https://, http:// or pg-functions://")]
    Scheme(String),
    /// `http` for a host that is elsewhere.
    #[error("hook uri {0:?} must be https; http is for localhost, 127.0.0.1, ::1 and host.docker.internal")]
    Insecure(String),
    /// The path of a function is not `/<schema>/<function>` with plain names.
    #[error("hook uri {0:?} must be pg-functions://<database>/<schema>/<function> with plain names")]
    Function(String),
}

impl std::str::FromStr for Target {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        // The errors tell no password and no query.
        let told = || shown(text);
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UriError::Syntax(told()))?;
        match &*scheme.to_ascii_lowercase() {
            "pg-functions" => function(rest).map(Self::Function).ok_or_else(|| UriError::Function(told())),
            scheme @ ("http" | "https") => {
                let url = Url::parse(text).map_err(|_| UriError::Syntax(told()))?;
                let is_near = url.host_str().is_some_and(|host| PLAIN_HOSTS.contains(&host));
                if scheme == "https" || is_near { Ok(Self::Http(url)) } else { Err(UriError::Insecure(told())) }
            }
            _ => Err(UriError::Scheme(told())),
        }
    }
}

/// Reads `<anything>/<schema>/<function>`.
fn function(rest: &str) -> Option<FunctionName> {
    let (_, path) = rest.split_once('/')?;
    let (schema, function) = path.trim_end_matches('/').split_once('/')?;
    let names = [schema, function];
    names.into_iter().all(is_name).then(|| FunctionName { schema: schema.to_owned(), function: function.to_owned() })
}

fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_functions_or_secure_addresses() {
        let function = FunctionName { schema: "public".into(), function: "my_Hook1".into() };
        for text in ["pg-functions://postgres/public/my_Hook1", "pg-functions://postgres/public/my_Hook1/"] {
            assert_eq!(text.parse(), Ok(Target::Function(function.clone())));
        }
        for good in [
            "https://example.com/hook",
            "http://localhost:3000",
            "http://127.0.0.1/x",
            "http://[::1]:1/",
            "http://host.docker.internal:54321/functions/v1/x",
            "HTTPS://example.com",
        ] {
            assert!(matches!(good.parse(), Ok(Target::Http(_))), "{good}");
        }
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        let error = |text: &str| text.parse::<Target>().unwrap_err();
        assert!(matches!(error("http://example.com"), UriError::Insecure(_)));
        assert!(matches!(error("http://localhost.example.com"), UriError::Insecure(_)));
        assert!(matches!(error("ftp://localhost"), UriError::Scheme(_)));
        assert!(matches!(error("localhost:3000"), UriError::Syntax(_)));
        assert!(matches!(error("https://"), UriError::Syntax(_)));
        for wrong in
            ["ftp://me:hidden@h/x?k=hidden", "http://me:hidden@h?hidden", "https://me:hidden@h:x", "me:hidden@h"]
        {
            assert!(!error(wrong).to_string().contains("hidden"), "{wrong}");
        }
        for wrong in ["pg-functions://x/f", "pg-functions://x/s/f/g", "pg-functions://x/s/1f", "pg-functions://x/s/f-g"]
        {
            assert!(matches!(error(wrong), UriError::Function(_)), "{wrong}");
        }
        assert!(matches!(error(&format!("pg-functions://x/s/{}", "f".repeat(64))), UriError::Function(_)));
    }
}
