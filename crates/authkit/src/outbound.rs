//! The HTTP client with which hooks and providers are called, and the one that fetches templates.

use std::time::Duration;

use reqwest::redirect::Policy;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client could not be made: no certificate authorities are known, or the TLS library failed.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing http requests cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// Makes the client: TLS by rustls with the system's certificate authorities, the proxies of `HTTP_PROXY`,
/// `HTTPS_PROXY` and `NO_PROXY`. Redirections are not followed: what is sent and what is answered is between us and
/// who was configured, and a redirection would hand codes, secrets and people's data to somebody else, without TLS
/// too. Callers set a timeout with each request. Cheap to clone; make it once.
///
/// # Errors
/// [`ClientError`].
pub fn client() -> Result<reqwest::Client, ClientError> {
    with(Policy::none())
}

/// The same for what anybody may read, such as templates: at most five redirections are followed.
///
/// # Errors
/// [`ClientError`].
pub fn following() -> Result<reqwest::Client, ClientError> {
    with(Policy::limited(5))
}

fn with(redirections: Policy) -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirections)
        .build()
        .map_err(ClientError)
}

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The connection broke or the time was up.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
    /// It is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Reads an answer of at most `limit` bytes.
pub(crate) async fn read(response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| ReadError::Broken(error.without_url()))? {
        if content.len() + chunk.len() > limit {
            return Err(ReadError::TooLong(limit));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    #[tokio::test]
    async fn answers_over_the_limit_are_not_read_on() {
        let server = MockServer::start().await;
        Mock::given(matchers::any())
            .respond_with(ResponseTemplate::new(200).set_body_string("x".repeat(10)))
            .mount(&server)
            .await;
        let client = client().unwrap();
        let mut response = client.get(server.uri()).send().await.unwrap();
        assert_eq!(read(&mut response, 10).await.unwrap().len(), 10);
        let mut response = client.get(server.uri()).send().await.unwrap();
        assert!(matches!(read(&mut response, 9).await, Err(ReadError::TooLong(9))));
    }

    #[tokio::test]
    async fn only_what_anybody_may_read_is_followed() {
        let server = MockServer::start().await;
        for status in [301, 302, 303, 307, 308] {
            let moved = ResponseTemplate::new(status).insert_header("location", "/moved");
            Mock::given(matchers::path("/")).respond_with(moved).up_to_n_times(2).mount(&server).await;
            Mock::given(matchers::path("/moved")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
            let answer = client().unwrap().post(server.uri()).send().await.unwrap();
            assert_eq!(answer.status(), status);
            let answer = following().unwrap().get(server.uri()).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{status}");
        }
    }
}
