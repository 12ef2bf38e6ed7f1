//! The web app that is embedded in the binary. In debug builds its files are read from the folder of the build.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Files;

const INDEX: &str = "index.html";

/// Scripts, styles, images and calls come from here and nowhere else, nothing is inline, and nobody frames the
/// console.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Serves a file of the app, or its page for any address that is one of its screens.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is possible here\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = uri.path().trim_start_matches('/');
    let name = if path.is_empty() || (Files::get(path).is_none() && is_screen(path, &headers)) { INDEX } else { path };
    match Files::get(name) {
        Some(file) => answer(name, file, &headers),
        None if name == INDEX => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the console is not built into this server: run `make`, then start again\n",
        ),
        None => plain(StatusCode::NOT_FOUND, "no such file\n"),
    }
}

/// Whether an address is one of the app's screens. Those of tables may hold dots, and then only a browser that
/// opens a page means the screen.
fn is_screen(path: &str, headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has_dot = path.rsplit('/').next().unwrap_or_default().contains('.');
    !path.starts_with("assets/") && (!has_dot || accepted.contains("text/html"))
}

fn answer(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hash}\"");
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(file.data))
    };
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    // The build puts a hash into the names below assets/, so what has such a name never changes.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, CONTENT_TYPE, &mime);
    set(&mut response, CACHE_CONTROL, caching);
    set(&mut response, ETAG, &etag);
    secure(response)
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, CACHE_CONTROL, "no-store");
    secure(response)
}

/// An answer of the API, which nobody is to keep. The console itself may frame it: it sends the form of an export
/// into a frame of its own, to read there why an export was refused.
pub(crate) fn secure_api(mut response: Response) -> Response {
    set(&mut response, CACHE_CONTROL, "no-store");
    let mut response = secure(response);
    set(&mut response, CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'self'");
    set(&mut response, X_FRAME_OPTIONS, "SAMEORIGIN");
    response
}

/// The headers that every answer of the console carries.
fn secure(mut response: Response) -> Response {
    set(&mut response, CONTENT_SECURITY_POLICY, POLICY);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, X_FRAME_OPTIONS, "DENY");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    set(&mut response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
