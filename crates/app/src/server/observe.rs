//! What surrounds every request: its id, the client's address, one log line, and a 500 in place of a panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::Random;
use base::http::{ClientAddr, Failure, RequestId};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ipnet::IpNet;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which peers may tell the client's address in `X-Forwarded-For`, and which other headers tell it.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Arc<[IpNet]>,
    headers: Arc<[HeaderName]>,
    request_id: Option<HeaderName>,
}

impl TrustedProxies {
    /// The networks that the proxies are in; loopback is always trusted.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks: networks.into(), ..Self::default() }
    }

    /// The headers whose first address is the client's, the best first. Whoever names one has a gateway that sets
    /// it: without networks of proxies anyone is believed, as in Supabase's service.
    pub fn with_headers(self, headers: Vec<HeaderName>) -> Self {
        Self { headers: headers.into(), ..self }
    }

    /// The header in which proxies tell a request's id, instead of `x-request-id`.
    pub fn with_request_id(self, request_id: Option<HeaderName>) -> Self {
        Self { request_id, ..self }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.networks.iter().any(|network| network.contains(&address))
    }

    /// The first address of a header that was named for it.
    fn named(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let is_believed = self.networks.is_empty() || self.trusts(peer);
        let first = |name: &HeaderName| headers.get(name)?.to_str().ok()?.split(',').next().and_then(address);
        self.headers.iter().find_map(first).filter(|_| is_believed)
    }

    /// The nearest address that is not a trusted proxy: clients can write anything further left.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if let Some(client) = self.named(peer, headers) {
            return client;
        }
        let mut client = peer;
        let lists = headers.get_all(&X_FORWARDED_FOR);
        let hops: Vec<&str> =
            lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop) else { break };
            client = address;
        }
        client
    }
}

/// An address as gateways write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// Gives the request its id and client address. An id of reasonable form sent by a proxy is kept.
pub fn identify(request: &mut Request, random: &Random, proxies: &TrustedProxies) -> Arc<str> {
    let header = proxies.request_id.as_ref().unwrap_or(&X_REQUEST_ID);
    let given = request.headers().get(header).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
    let id: Arc<str> = given.map_or_else(|| random.uuid().to_string().into(), Arc::from);
    let peer = request.extensions().get::<SocketAddr>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), SocketAddr::ip);
    let client = proxies.client(peer, request.headers());
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    request.extensions_mut().insert(ClientAddr(client));
    id
}

/// Tells the client the id of its request.
pub fn tell_id(id: &str, response: &mut Response) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
}

fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// The pattern of the route that answered, in a response's extensions.
#[derive(Clone, Debug)]
struct Route(Arc<str>);

/// Middleware of the service mounted at `mount`: notes the route's pattern, which only the inside knows. Paths that
/// the service tells apart itself, such as names of tables, count as one.
pub async fn note_route(State(mount): State<&'static str>, request: Request, next: Next) -> Response {
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) => Arc::from(path.as_str()),
        None => Arc::from(format!("{mount}/…")),
    };
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(route));
    response
}

/// The line that a request gets in the log, with the route's pattern rather than its path, which may hold tokens, and
/// the real cause of a failure.
pub struct Line {
    begun: Instant,
    method: Method,
    id: Arc<str>,
}

impl Line {
    /// Notes what the answer does not tell.
    pub fn begin(request: &Request, id: &Arc<str>) -> Self {
        Self { begun: Instant::now(), method: request.method().clone(), id: Arc::clone(id) }
    }

    /// Writes it.
    pub fn write(&self, response: &Response) {
        let Self { begun, method, id } = self;
        let route = response.extensions().get::<Route>().map_or("-", |route| &*route.0);
        let status = response.status().as_u16();
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // PostgreSQL's detail is left out: it quotes row values.
        macro_rules! with_cause {
            ($level:ident, $failure:ident, $text:literal) => {
                tracing::$level!(
                    request = %id, %method, route, status, ms,
                    cause = $failure.message, hook = $failure.hook, function = $failure.function,
                    sqlstate = $failure.sqlstate, table = $failure.table, constraint = $failure.constraint,
                    hint = $failure.hint, $text
                )
            };
        }
        match response.extensions().get::<Failure>() {
            Some(failure) if status >= 500 => with_cause!(error, failure, "request failed"),
            Some(failure) if failure.is_operators => with_cause!(warn, failure, "request refused"),
            // Ordinary refusals, such as a policy's, are the client's business and no event for operators.
            Some(failure) => with_cause!(info, failure, "request"),
            None if status >= 500 => tracing::error!(request = %id, %method, route, status, ms, "request failed"),
            None => tracing::info!(request = %id, %method, route, status, ms, "request"),
        }
    }
}

/// What a client gets when a handler panicked: the id of the request, by which the panic is found in the log.
pub fn panicked(id: &Arc<str>) -> Response {
    let body =
        format!(r#"{{"code":500,"error_code":"unexpected_failure","msg":"Internal Server Error","error_id":"{id}"}}"#);
    (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(X_FORWARDED_FOR.clone(), value.parse().expect("a header value"))])
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_peers_and_from_the_right() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let proxies = TrustedProxies::new(vec![ip("10.0.0.1").into()]);
        assert_eq!(proxies.client(ip("127.0.0.1"), &forwarded("1.2.3.4")), ip("1.2.3.4"));
        assert_eq!(proxies.client(ip("127.0.0.1"), &forwarded("6.6.6.6, 1.2.3.4, 10.0.0.1")), ip("1.2.3.4"));
        assert_eq!(proxies.client(ip("5.5.5.5"), &forwarded("1.2.3.4")), ip("5.5.5.5"));
        assert_eq!(proxies.client(ip("127.0.0.1"), &forwarded("nonsense")), ip("127.0.0.1"));
        assert_eq!(proxies.client(ip("127.0.0.1"), &HeaderMap::new()), ip("127.0.0.1"));
    }

    #[test]
    fn a_named_header_tells_the_first_address() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let real = HeaderName::from_static("x-real-ip");
        let with = |value: &str| HeaderMap::from_iter([(real.clone(), value.parse().expect("a header value"))]);
        let anyone = TrustedProxies::new(Vec::new()).with_headers(vec![real.clone()]);
        assert_eq!(anyone.client(ip("5.5.5.5"), &with("1.2.3.4, 9.9.9.9")), ip("1.2.3.4"));
        assert_eq!(anyone.client(ip("5.5.5.5"), &with("nonsense")), ip("5.5.5.5"));
        let proxies = TrustedProxies::new(vec![ip("10.0.0.1").into()]).with_headers(vec![real.clone()]);
        assert_eq!(proxies.client(ip("5.5.5.5"), &with("1.2.3.4")), ip("5.5.5.5"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &with("1.2.3.4")), ip("1.2.3.4"));
    }

    #[test]
    fn a_cause_is_told_whatever_the_status() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let failure = Failure {
            hook: Some("send_email".to_owned()),
            function: Some("public.guard".to_owned()),
            table: Some("auth.users".to_owned()),
            constraint: Some("no_spam".to_owned()),
            detail: Some("secret row".to_owned()),
            hint: Some("ask".to_owned()),
            is_operators: true,
            ..Failure::new("no")
        };
        tracing::subscriber::with_default(subscriber, || {
            for status in [303, 422, 500] {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                response.extensions_mut().insert(failure.clone());
                Line::begin(&Request::default(), &Arc::from("1")).write(&response);
            }
            let mut response = Response::default();
            response.extensions_mut().insert(Failure::new("new row violates row-level security policy"));
            Line::begin(&Request::default(), &Arc::from("1")).write(&response);
        });
        let text = String::from_utf8(log.0.lock().expect("no writer panicked").clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        for (line, level) in lines.iter().zip(["WARN", "WARN", "ERROR"]) {
            assert!(line.contains(level), "{line}");
            for part in ["send_email", "public.guard", "auth.users", "no_spam", "hint=\"ask\""] {
                assert!(line.contains(part), "{part} in {line}");
            }
        }
        assert!(lines[3].contains("INFO") && !lines[3].contains("hint"), "{}", lines[3]);
        assert!(!text.contains("secret row"), "{text}");
    }

    /// What was written to the log.
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn proxies_are_trusted_by_network() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
        let proxies = TrustedProxies::new(networks.to_vec());
        for peer in ["10.9.8.7", "::ffff:10.9.8.7", "fd12::1"] {
            assert_eq!(proxies.client(ip(peer), &forwarded("1.2.3.4, 10.1.1.1")), ip("1.2.3.4"), "{peer}");
        }
        for peer in ["11.0.0.1", "fe80::1"] {
            assert_eq!(proxies.client(ip(peer), &forwarded("1.2.3.4")), ip(peer));
        }
    }

    #[test]
    fn addresses_may_have_a_port() {
        for (text, expected) in [
            ("1.2.3.4:1234", Some("1.2.3.4")),
            (" 1.2.3.4 ", Some("1.2.3.4")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("1.2.3.4:", None),
            ("[1.2.3.4]:80", None),
            ("[", None),
        ] {
            assert_eq!(address(text), expected.map(|text| text.parse().expect("an address")), "{text:?}");
        }
    }

    #[test]
    fn only_plain_request_ids_are_taken_over() {
        assert!(is_plain("0b9a-1_2.3:4"));
        assert!(!is_plain("a b") && !is_plain("") && !is_plain("\u{1b}[31m") && !is_plain(&"a".repeat(129)));
    }
}
