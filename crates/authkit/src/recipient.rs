//! Whether mail to an address would arrive: addresses and hosts that cannot have a reader, and a service that knows more.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use crate::outbound;

/// How long the service may take; after that the address counts as good.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Longer answers are not read.
const MAX_ANSWER: usize = 64 * 1024;

/// Ends of hosts that are reserved (RFC 2606, RFC 6762).
const RESERVED: [&str; 5] = ["test", "example", "invalid", "local", "localhost"];

/// Hosts without readers that are often given: reserved, mistyped, or no providers of mail.
const HOSTS: [&str; 8] =
    ["test.com", "example.com", "example.net", "example.org", "gamil.com", "gamai.com", "anonymous.com", "email.com"];

/// Addresses that are often given and are nobody's.
const ADDRESSES: [&str; 3] = ["test@gmail.com", "example@gmail.com", "someone@gmail.com"];

/// The shortest name that Gmail gives out.
const GMAIL_NAME: usize = 6;

/// Checks the addresses that mail goes to. Cheap to clone; by default all are good.
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    /// Addresses and hosts that are known to have no reader are refused.
    pub extended: bool,
    /// A service that is asked.
    pub service: Option<Service>,
}

/// A service that knows addresses: it is sent `{"email": "…"}` and answers `{"valid": false}` for one that is not good.
#[derive(Clone, Debug)]
pub struct Service {
    /// The client of all outgoing requests.
    pub client: reqwest::Client,
    /// Where it is.
    pub url: String,
    /// Headers of each request.
    pub headers: HeaderMap,
}

#[derive(Deserialize)]
struct Verdict {
    valid: Option<bool>,
}

impl Recipients {
    /// Whether mail may go to an address. A service that does not answer as it should refuses nobody.
    pub async fn accept(&self, address: &str) -> bool {
        if self.extended && !is_plausible(address) {
            return false;
        }
        match &self.service {
            Some(service) => service.verdict(address).await != Some(false),
            None => true,
        }
    }
}

impl Service {
    async fn verdict(&self, address: &str) -> Option<bool> {
        let request = self.client.post(&self.url).headers(self.headers.clone()).timeout(TIMEOUT);
        let request = request.header("content-type", "application/json").body(json!({"email": address}).to_string());
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "the service that knows addresses did not answer");
                return None;
            }
        };
        let body = outbound::read(&mut answer, MAX_ANSWER).await.ok()?;
        serde_json::from_slice::<Verdict>(&body).ok()?.valid
    }
}

/// Whether an address may have a reader, as far as can be told by its text.
fn is_plausible(address: &str) -> bool {
    let Some((name, host)) = address.rsplit_once('@') else { return false };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_known = RESERVED.contains(&last) || HOSTS.contains(&host) || ADDRESSES.contains(&address);
    host.contains('.') && !is_known && !(host == "gmail.com" && name.len() < GMAIL_NAME)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, header, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[test]
    fn some_addresses_are_nobodys() {
        for nobodys in
            ["a@localhost", "a@b", "a@b.test", "a@example.com", "test@gmail.com", "short@gmail.com", "a@gamil.com", "a"]
        {
            assert!(!is_plausible(nobodys), "{nobodys}");
        }
        for plausible in ["longer@gmail.com", "a@b.co", "a@sub.example.com", "a@contest.com"] {
            assert!(is_plausible(plausible), "{plausible}");
        }
    }

    #[tokio::test]
    async fn the_service_has_a_say_if_it_answers() {
        for (answer, expected) in [
            (ResponseTemplate::new(200).set_body_json(json!({"valid": false})), false),
            (ResponseTemplate::new(200).set_body_json(json!({"valid": true})), true),
            (ResponseTemplate::new(200).set_body_json(json!({})), true),
            (ResponseTemplate::new(200).set_body_string("no"), true),
            (ResponseTemplate::new(500).set_body_json(json!({"valid": false})), true),
        ] {
            let server = MockServer::start().await;
            let asked =
                Mock::given(method("POST")).and(header("x-key", "k")).and(body_json(json!({"email": "a@b.co"})));
            asked.respond_with(answer).expect(1).mount(&server).await;
            let headers = HeaderMap::from_iter([("x-key".parse().unwrap(), "k".parse().unwrap())]);
            let client = outbound::client().unwrap();
            let service = Some(Service { client, url: server.uri(), headers });
            let recipients = Recipients { extended: true, service };
            assert_eq!(recipients.accept("a@b.co").await, expected);
            assert!(!recipients.accept("a@b.test").await, "the service is not asked");
        }
        assert!(Recipients::default().accept("a@b.test").await);
    }
}
