//! The one HTTP client with which hooks, providers and templates are called.

use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client could not be made: no certificate authorities are known, or the TLS library failed.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing http requests cannot be made")]
pub struct ClientError(#[source] reqwest::Error);

/// Makes the client: TLS by rustls with the system's certificate authorities, at most five redirections,
/// the proxies of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. Callers set a timeout with each request. Cheap to clone; make
/// it once.
///
/// # Errors
/// [`ClientError`].
pub fn client() -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(5))
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
}
