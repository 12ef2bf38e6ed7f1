//! Whether mail to an address would arrive: addresses and hosts that cannot have a reader, hosts without mail server, and a
//! service that knows more.

mod mail_servers;

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use crate::outbound;

pub use mail_servers::{MailServers, NamesError};

/// How long looking up and the service may take, both at once; after that the address counts as good.
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
    /// With it, addresses and hosts that are known to have no reader are refused, and so are hosts without mail server.
    pub mail_servers: Option<MailServers>,
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

/// Mail would not arrive.
struct Refused;

#[derive(Deserialize)]
struct Verdict {
    valid: Option<bool>,
}

impl Recipients {
    /// Whether mail may go to an address. Who does not answer as it should refuses nobody.
    pub async fn accept(&self, address: &str) -> bool {
        if self.mail_servers.is_some() && !is_plausible(address) {
            return false;
        }
        tokio::try_join!(self.ask_mail_servers(address), self.ask_service(address)).is_ok()
    }

    async fn ask_mail_servers(&self, address: &str) -> Result<(), Refused> {
        let host = address.rsplit_once('@').map_or("", |(_, host)| host);
        match &self.mail_servers {
            Some(servers) if !servers.take_mail_for(host).await => Err(Refused),
            _ => Ok(()),
        }
    }

    async fn ask_service(&self, address: &str) -> Result<(), Refused> {
        match &self.service {
            Some(service) if service.verdict(address).await == Some(false) => Err(Refused),
            _ => Ok(()),
        }
    }
}

impl Service {
    async fn verdict(&self, address: &str) -> Option<bool> {
        let request = self.client.post(&self.url).timeout(TIMEOUT).body(json!({"email": address}).to_string());
        // The operator's headers come last: they replace.
        let request = request.header("content-type", "application/json").headers(self.headers.clone());
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "the service that knows addresses did not answer");
                return None;
            }
        };
        if answer.status().is_redirection() {
            tracing::warn!("the service that knows addresses is elsewhere, where nobody is asked");
            return None;
        }
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
    use testkit::{NameServer, Zone};
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
    async fn hosts_without_mail_server_are_refused_whatever_the_service_says() {
        let names = NameServer::start(&[("b.co", Zone::Known { mail: &["mx.b.co"], addresses: &[] })]).await;
        let server = MockServer::start().await;
        let fine = ResponseTemplate::new(200).set_body_json(json!({"valid": true}));
        Mock::given(method("POST")).respond_with(fine).mount(&server).await;
        let (client, headers) = (outbound::client().unwrap(), HeaderMap::new());
        let service = Some(Service { client, url: server.uri(), headers });
        let mail_servers = Some(MailServers::new(Some(names.address), &[]).unwrap());
        let recipients = Recipients { mail_servers, service };
        assert!(recipients.accept("a@b.co").await);
        assert!(!recipients.accept("a@c.co").await);
    }

    #[tokio::test]
    async fn the_service_has_a_say_if_it_answers() {
        let names = NameServer::start(&[("b.co", Zone::Failing)]).await;
        for (answer, expected) in [
            (ResponseTemplate::new(200).set_body_json(json!({"valid": false})), false),
            (ResponseTemplate::new(200).set_body_json(json!({"valid": true})), true),
            (ResponseTemplate::new(200).set_body_json(json!({})), true),
            (ResponseTemplate::new(200).set_body_string("no"), true),
            (ResponseTemplate::new(500).set_body_json(json!({"valid": false})), true),
            (ResponseTemplate::new(307).insert_header("location", "/"), true),
        ] {
            let server = MockServer::start().await;
            let asked =
                Mock::given(method("POST")).and(header("x-key", "k")).and(body_json(json!({"email": "a@b.co"})));
            asked.respond_with(answer).expect(1).mount(&server).await;
            let headers = HeaderMap::from_iter([("x-key".parse().unwrap(), "k".parse().unwrap())]);
            let client = outbound::client().unwrap();
            let service = Some(Service { client, url: server.uri(), headers });
            let mail_servers = Some(MailServers::new(Some(names.address), &[]).unwrap());
            let recipients = Recipients { mail_servers, service };
            assert_eq!(recipients.accept("a@b.co").await, expected);
            assert!(!recipients.accept("a@b.test").await, "nobody is asked");
        }
        assert!(names.asked().iter().all(|query| query == "b.co. MX"), "{:?}", names.asked());
        assert!(Recipients::default().accept("a@b.test").await);
    }
}
