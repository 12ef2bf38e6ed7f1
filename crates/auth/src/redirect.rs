//! Where a link leads in the end: only to the app, or to addresses that are on the list.

use axum::extract::FromRequestParts;
use http::header::REFERER;
use http::request::Parts;
use std::net::{IpAddr, Ipv6Addr};

use crate::error::Error;
use crate::glob::Glob;
use crate::query::{self, Query};
use crate::settings::Settings;
use crate::state::State;

/// The addresses that links may lead to.
#[derive(Clone, Debug)]
pub(crate) struct AllowList {
    site_url: String,
    patterns: Vec<Glob>,
}

impl AllowList {
    /// The list of an installation. Patterns that cannot be read were refused with the settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        let patterns = settings.uri_allow_list.iter().filter_map(|pattern| Glob::parse(pattern)).collect();
        Self { site_url: settings.site_url.clone(), patterns }
    }

    /// Whether a link may lead there.
    pub(crate) fn allows(&self, address: &str) -> bool {
        let (Some(site), Some(asked)) = (Address::parse(&self.site_url), Address::parse(address)) else {
            return false;
        };
        let is_site = site.scheme == asked.scheme && site.host == asked.host;
        if is_site && (site.port == asked.port || asked.is_local()) {
            return true;
        }
        if !asked.host.is_empty() && asked.host.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        if let Ok(ip) = asked.host.parse::<IpAddr>() {
            return ip.is_loopback();
        }
        if matches!(&*asked.scheme, "http" | "https") && !is_plain_host(asked.host) {
            return false;
        }
        let without_fragment = address.split('#').next().unwrap_or_default();
        self.patterns.iter().any(|pattern| pattern.matches(without_fragment))
    }

    /// The first of the asked-for addresses that is allowed, else the app's.
    fn choose<'a>(&'a self, asked: [&'a str; 2]) -> &'a str {
        asked.into_iter().find(|address| self.allows(address)).unwrap_or(&self.site_url)
    }
}

/// The parts of an address that decide.
struct Address<'a> {
    scheme: String,
    host: &'a str,
    port: &'a str,
}

/// Whether a text is an address that others can be compared with.
pub(crate) fn is_address(text: &str) -> bool {
    Address::parse(text).is_some()
}

impl<'a> Address<'a> {
    fn parse(address: &'a str) -> Option<Self> {
        if address.chars().any(char::is_control) {
            return None;
        }
        let (scheme, rest) = address.split_once(':')?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !is_scheme {
            return None;
        }
        let authority = match rest.strip_prefix("//") {
            Some(rest) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
            None => "",
        };
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match host_and_port.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, if port.is_empty() { port } else { port.strip_prefix(':')? })
            }
            None => host_and_port.split_once(':').unwrap_or((host_and_port, "")),
        };
        // Not `\`, which browsers take for a slash that ends the host.
        let is_host = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "-._~!$&'()*+,;=:%@[]".contains(c);
        let is_valid = authority.chars().all(is_host) && port.bytes().all(|byte| byte.is_ascii_digit());
        is_valid.then(|| Self { scheme: scheme.to_ascii_lowercase(), host, port })
    }

    fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

fn is_plain_host(host: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    host.starts_with(is_end) && host.ends_with(is_end) && host.chars().all(|c| is_end(c) || matches!(c, '.' | '-'))
}

/// Where a request asks to be led in the end: by header, by query, else where it came from; the app where none
/// of these is allowed.
#[derive(Clone, Debug)]
pub(crate) struct RedirectTo(pub(crate) String);

impl FromRequestParts<State> for RedirectTo {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await?;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let asked = match header("redirect_to") {
            "" => query.first("redirect_to"),
            address => address,
        };
        Ok(Self(state.allow_list.choose([asked, header(REFERER.as_str())]).to_owned()))
    }
}

/// An address with parameters added to its query; parameters of the same name are replaced.
pub(crate) fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let (address, fragment) = address.split_once('#').map_or((address, None), |(a, f)| (a, Some(f)));
    let (base, old) = address.split_once('?').unwrap_or((address, ""));
    let mut query = Query::parse(old);
    for (name, value) in parameters {
        query.set(name, value);
    }
    // An address of nothing but a scheme is written without slashes, as Go does.
    let base = base.strip_suffix("//").filter(|scheme| scheme.ends_with(':')).unwrap_or(base);
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{base}?{}{fragment}", query.encode())
}

/// An address with a fragment of parameters.
pub(crate) fn with_fragment(address: &str, parameters: Vec<(String, String)>) -> String {
    let base = address.split('#').next().unwrap_or_default();
    format!("{base}#{}", query::encode(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(site: &str, pattern: &str, address: &str) -> bool {
        let settings =
            Settings { site_url: site.to_owned(), uri_allow_list: vec![pattern.to_owned()], ..Settings::default() };
        AllowList::new(&settings).allows(address)
    }

    /// Behaviour 38: fragments do not count for patterns, and numbers are no hosts.
    /// Behaviour 39: loopback addresses need no entry.
    /// Behaviour 40: the app's address is compared by scheme, host and port.
    #[test]
    fn only_the_app_and_listed_addresses_are_allowed() {
        let site = "https://a.example";
        for (site, pattern, address, expected) in [
            (site, "", "https://a.example/any", true),
            (site, "http://**/a", "http://evil.example/#/a", false),
            ("http://a.example", "", "https://a.example/", false),
            (site, "", "http://a.example/", false),
            (site, "", "https://a.example:8443/", false),
            (site, "", "https://a.example.evil.example/", false),
            (site, "", "https://a.example@evil.example/", false),
            (site, "", "https://evil.example\\@a.example/", false),
            (site, "", "//evil.example", false),
            (site, "", "", false),
            ("http://localhost:3000", "", "http://localhost:8080/cb", true),
            (site, "http://*.x.dev:3000", "http://s.x.dev:3000", true),
            (site, "http://*.dev:3000", "http://s.x.dev:3000", false),
            (site, "http://x.dev/**", "http://x.dev/a/b", true),
            (site, "com.app://**", "com.app://in/v2", true),
            (site, "http://*.x.dev/*", "http://evil#.x.dev/a", false),
            (site, "http://**:12345/*", "http://8.8.8.8:12345/p", false),
            (site, "http://**", "http://134744072/p", false),
            (site, "", "http://127.0.0.1:1234/p", true),
            (site, "", "http://[::1]:1234/p", true),
            (site, "**", "javascript:alert(1)\n", false),
            (site, "http://**", "http:///evil.example", false),
            (site, "https://*.a.example", "https://", false),
            (site, "http://x.dev/**", "http://x.dev/a b", true),
            (site, "", "https://a.example/a b?c d", true),
            (site, "", "https://a.example .evil.example", false),
            (site, "", " https://a.example", false),
            (site, "https://**", "https: //a.example", false),
            (site, "", "https:a.example", false),
            (site, "", "https:\\\\a.example", false),
            (site, "", "https://a.example\t.evil.example", false),
            (site, "", "https://a.example%00.evil.example", false),
            (site, "", "https://a.example.", false),
            (site, "", "https://[a.example]", false),
            (site, "", "http://[::1].evil.example/", false),
            (site, "", "http://[::1]evil.example/", false),
        ] {
            assert_eq!(allows(site, pattern, address), expected, "{site} {pattern} {address}");
        }
    }

    /// Behaviour 127: parameters of fragments are sorted and escaped.
    /// Behaviour 128: the address of an app without host loses its slashes.
    #[test]
    fn parameters_are_added_sorted() {
        assert_eq!(with_query("http://a/b?z=1&code=old#f", &[("code", "x y")]), "http://a/b?code=x+y&z=1#f");
        assert_eq!(with_query("com.myapp://", &[("code", "x")]), "com.myapp:?code=x");
        let parameters = vec![("type".to_owned(), "signup".to_owned()), ("sb".to_owned(), String::new())];
        assert_eq!(with_fragment("http://a/#old", parameters), "http://a/#sb=&type=signup");
    }
}
