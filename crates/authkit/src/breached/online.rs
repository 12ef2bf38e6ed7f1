//! The range API of Have I Been Pwned: five digits of the hash are sent, all hashes that begin so come back, padded
//! so that their number tells nothing.

use std::time::Duration;

use crate::outbound::{self, ReadError};

const BASE_URL: &str = "https://api.pwnedpasswords.com";

/// How long the service may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longer answers are not read; usual ones have 40 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

/// How many digits are sent.
const PREFIX: usize = 5;

/// Why the service gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OnlineError {
    /// It cannot be reached, or not in time.
    #[error("the service of leaked passwords cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It answered with another status than 200.
    #[error("the service of leaked passwords answered with status {0}")]
    Status(u16),
    /// Its answer is too long or no text.
    #[error("the answer of the service of leaked passwords is not understood")]
    NotUnderstood,
}

/// Asks the online service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Online {
    /// The client of all outgoing requests.
    pub client: reqwest::Client,
    /// How this server names itself; the client's name when empty.
    pub user_agent: String,
    /// Where the service is, without a path.
    pub base_url: String,
    /// How long it may take.
    pub timeout: Duration,
}

impl Online {
    /// The public service, with its 5 seconds.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self { client, user_agent: String::new(), base_url: BASE_URL.to_owned(), timeout: TIMEOUT }
    }

    /// Whether a hash is known; entries that count nothing are padding.
    pub(super) async fn has(&self, hash: &str) -> Result<bool, OnlineError> {
        let unreachable = |error: reqwest::Error| OnlineError::Unreachable(error.without_url());
        let (prefix, rest) = hash.split_at(PREFIX);
        let url = format!("{}/range/{prefix}", self.base_url.trim_end_matches('/'));
        let mut request = self.client.get(url).timeout(self.timeout).header("add-padding", "true");
        if !self.user_agent.is_empty() {
            request = request.header("user-agent", &self.user_agent);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(OnlineError::Status(response.status().as_u16()));
        }
        let body = outbound::read(&mut response, MAX_ANSWER).await.map_err(|error| match error {
            ReadError::Broken(error) => unreachable(error),
            ReadError::TooLong(_) => OnlineError::NotUnderstood,
        })?;
        let body = std::str::from_utf8(&body).map_err(|_| OnlineError::NotUnderstood)?;
        let is_it = |line: &str| {
            let (suffix, count) = line.split_once(':').unwrap_or((line, ""));
            suffix.eq_ignore_ascii_case(rest) && count.trim() != "0"
        };
        Ok(body.lines().any(is_it))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::hex;
    use super::*;

    async fn service(template: ResponseTemplate) -> (MockServer, Online) {
        let server = MockServer::start().await;
        Mock::given(path("/range/5BAA6"))
            .and(header("add-padding", "true"))
            .and(header("user-agent", "my app"))
            .respond_with(template)
            .mount(&server)
            .await;
        let online =
            Online { base_url: server.uri(), user_agent: "my app".into(), ..Online::new(reqwest::Client::new()) };
        (server, online)
    }

    #[tokio::test]
    async fn only_five_digits_are_sent_and_padding_does_not_count() {
        let body = "1E2AAA439972480CEC7F16C795BBB429372:1\r\n\
            1E4C9B93F3F0682250B6CF8331B7EE68FD8:52256179\r\n\
            1E4C9B93F3F0682250B6CF8331B7EE68FD9:0\r\n";
        let (server, online) = service(ResponseTemplate::new(200).set_body_string(body)).await;
        assert_eq!(hex("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        assert!(online.has(&hex("password")).await.unwrap());
        assert!(!online.has("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD9").await.unwrap());
        assert!(!online.has("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDA").await.unwrap());
        let paths: Vec<_> = server.received_requests().await.unwrap().iter().map(|r| r.url.path().to_owned()).collect();
        assert_eq!(paths, ["/range/5BAA6"; 3]);
    }

    #[tokio::test]
    async fn no_answer_is_an_error() {
        let (_server, online) = service(ResponseTemplate::new(503)).await;
        assert!(matches!(online.has(&hex("password")).await, Err(OnlineError::Status(503))));
        let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
        let (_server, online) = service(slow).await;
        let online = Online { timeout: Duration::from_millis(50), ..online };
        assert!(matches!(online.has(&hex("password")).await, Err(OnlineError::Unreachable(_))));
    }
}
