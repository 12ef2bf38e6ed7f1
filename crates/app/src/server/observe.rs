//! What surrounds every request: its id, the client's address, one log line, and a 500 in place of a panic.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::Random;
use base::http::{ClientAddr, Failure, RequestId};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which peers may tell the client's address in `X-Forwarded-For`, and which other headers tell it.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    addresses: Arc<[IpAddr]>,
    headers: Arc<[HeaderName]>,
    request_id: Option<HeaderName>,
}

impl TrustedProxies {
    /// The addresses of the proxies; loopback is always trusted.
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Self { addresses: addresses.into(), ..Self::default() }
    }

    /// The headers whose first address is the client's, the best first. Whoever names one has a gateway that sets
    /// it: without addresses of proxies anyone is believed, as in Supabase's service.
    pub fn with_headers(self, headers: Vec<HeaderName>) -> Self {
        Self { headers: headers.into(), ..self }
    }

    /// The header in which proxies tell a request's id, instead of `x-request-id`.
    pub fn with_request_id(self, request_id: Option<HeaderName>) -> Self {
        Self { request_id, ..self }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback() || self.addresses.contains(&address.to_canonical())
    }

    /// The first address of a header that was named for it.
    fn named(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let is_believed = self.addresses.is_empty() || self.trusts(peer);
        let first = |name: &HeaderName| headers.get(name)?.to_str().ok()?.split(',').next()?.trim().parse().ok();
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
            let Ok(address) = hop.trim().parse() else { break };
            client = address;
        }
        client
    }
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
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        // PostgreSQL's detail is left out: it quotes row values.
        match response.extensions().get::<Failure>() {
            Some(failure) if status >= 500 => tracing::error!(
                request = %id, %method, route, status, ms,
                cause = failure.message, function = text(&failure.function), sqlstate = text(&failure.sqlstate),
                table = text(&failure.table), constraint = text(&failure.constraint), hint = text(&failure.hint),
                "request failed"
            ),
            // Ordinary refusals, such as a policy's, are the client's business and no event for operators.
            Some(failure) => tracing::info!(
                request = %id, %method, route, status, ms,
                cause = failure.message, sqlstate = text(&failure.sqlstate), "request"
            ),
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
        let proxies = TrustedProxies::new(vec![ip("10.0.0.1")]);
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
        let proxies = TrustedProxies::new(vec![ip("10.0.0.1")]).with_headers(vec![real.clone()]);
        assert_eq!(proxies.client(ip("5.5.5.5"), &with("1.2.3.4")), ip("5.5.5.5"));
        assert_eq!(proxies.client(ip("10.0.0.1"), &with("1.2.3.4")), ip("1.2.3.4"));
    }

    #[test]
    fn only_plain_request_ids_are_taken_over() {
        assert!(is_plain("0b9a-1_2.3:4"));
        assert!(!is_plain("a b") && !is_plain("") && !is_plain("\u{1b}[31m") && !is_plain(&"a".repeat(129)));
    }
}
