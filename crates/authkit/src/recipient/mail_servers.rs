//! Which servers take mail for a host, as the servers of names say.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};

/// How long one server of names may take before it is asked again, so that a lost datagram does not use up all time.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The servers of names that this machine has cannot be known.
#[derive(Debug, thiserror::Error)]
#[error("hosts of addresses cannot be looked up, as the system names no servers for that")]
pub struct NamesError(#[source] NetError);

/// Looks up who takes mail for a host. Cheap to clone; answers are kept for as long as they may be.
#[derive(Clone, Debug)]
pub struct MailServers {
    resolver: Arc<TokioResolver>,
    blocked: Arc<BTreeSet<String>>,
    /// How long a look-up may take; after that the host counts as good.
    pub patience: Duration,
}

impl MailServers {
    /// Prepares to ask a server of names, or those of the system. Hosts whose mail one of `blocked` takes count as having
    /// no mail server; case and a dot at the end make no difference.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn new(name_server: Option<SocketAddr>, blocked: &[String]) -> Result<Self, NamesError> {
        let mut builder = match name_server {
            Some(address) => {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|connection| connection.port = address.port());
                let server = NameServerConfig::new(address.ip(), true, connections);
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().map_err(NamesError)?,
        };
        let options = builder.options_mut();
        options.timeout = options.timeout.min(ATTEMPT);
        let resolver = Arc::new(builder.build().map_err(NamesError)?);
        let blocked = Arc::new(blocked.iter().map(|server| normal(server)).collect());
        Ok(Self { resolver, blocked, patience: super::TIMEOUT })
    }

    /// Whether mail to a host may arrive: it has a mail server that is not blocked or, without any mail server, an
    /// address. Where that cannot be found out it may.
    pub(super) async fn take_mail_for(&self, host: &str) -> bool {
        let taken = tokio::time::timeout(self.patience, self.look_up(host)).await;
        taken.unwrap_or_else(|_| {
            tracing::warn!(error = "timeout", "the mail servers of a host could not be looked up");
            true
        })
    }

    async fn look_up(&self, host: &str) -> bool {
        // The dot at the end keeps the search domains of the system out.
        let Ok(name) = Name::from_ascii(format!("{host}.")) else { return false };
        let mut found = servers(self.resolver.mx_lookup(name.clone()).await);
        if found.as_ref().is_some_and(Vec::is_empty) {
            let (four, six) = tokio::join!(self.resolver.ipv4_lookup(name.clone()), self.resolver.ipv6_lookup(name));
            found = match (servers(four), servers(six)) {
                (Some(four), Some(six)) => Some([four, six].concat()),
                (four, six) => four.or(six).filter(|known| !known.is_empty()),
            };
        }
        found.is_none_or(|found| !found.is_empty() && !found.iter().any(|server| self.blocked.contains(server)))
    }
}

/// Names of mail servers, or addresses; `None` where it could not be found out.
fn servers(answer: Result<Lookup, NetError>) -> Option<Vec<String>> {
    match answer {
        Ok(lookup) => Some(lookup.answers().iter().filter_map(|record| server(&record.data)).collect()),
        Err(error) if error.is_no_records_found() => Some(Vec::new()),
        Err(error) => {
            // The error itself may name the host.
            tracing::warn!(error = error.as_metrics_label(), "the mail servers of a host could not be looked up");
            None
        }
    }
}

fn server(data: &RData) -> Option<String> {
    match data {
        RData::MX(mx) => Some(normal(&mx.exchange.to_ascii())),
        data => data.ip_addr().map(|address| address.to_string()),
    }
}

fn normal(server: &str) -> String {
    server.strip_suffix('.').unwrap_or(server).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use testkit::{NameServer, Zone};

    use super::*;

    const ZONES: [(&str, Zone); 10] = [
        ("mail.co", Zone::Known { mail: &["mx1.mail.co", "MX2.mail.co"], addresses: &[] }),
        ("address.co", Zone::Known { mail: &[], addresses: &["192.0.2.1"] }),
        ("six.co", Zone::Known { mail: &[], addresses: &["2001:db8::1"] }),
        ("bare.co", Zone::Known { mail: &[], addresses: &[] }),
        ("bad.co", Zone::Known { mail: &["mx.good.co", "mx.bad.co"], addresses: &["192.0.2.2"] }),
        ("worse.co", Zone::Known { mail: &[], addresses: &["192.0.2.9"] }),
        ("none.co", Zone::Known { mail: &["."], addresses: &[] }),
        ("halting.co", Zone::Halting),
        ("failing.co", Zone::Failing),
        ("silent.co", Zone::Silent),
    ];

    async fn accepted(blocked: &[&str]) -> Vec<&'static str> {
        let names = NameServer::start(&ZONES).await;
        let blocked: Vec<String> = blocked.iter().map(|server| (*server).to_owned()).collect();
        let servers = MailServers::new(Some(names.address), &blocked).expect("a server of names");
        let servers = MailServers { patience: Duration::from_millis(300), ..servers };
        let mut accepted = Vec::new();
        for host in ZONES.map(|(host, _)| host).into_iter().chain(["unknown.co", "not-a-name..co"]) {
            if servers.take_mail_for(host).await {
                accepted.push(host);
            }
        }
        accepted
    }

    const UNSURE: [&str; 3] = ["halting.co", "failing.co", "silent.co"];

    #[tokio::test]
    async fn hosts_without_mail_server_and_address_are_told_apart_from_what_is_not_known() {
        let sure = ["mail.co", "address.co", "six.co", "bad.co", "worse.co", "none.co"];
        assert_eq!(accepted(&[]).await, [&sure[..], &UNSURE].concat());
    }

    #[tokio::test]
    async fn one_blocked_server_is_enough() {
        let blocked = ["MX.BAD.co.", "mx2.mail.co", "192.0.2.9", ".", "192.0.2.2"];
        assert_eq!(accepted(&blocked).await, [&["address.co", "six.co"][..], &UNSURE].concat());
    }

    #[tokio::test]
    async fn addresses_are_asked_for_only_without_mail_servers_and_answers_are_kept() {
        let names = NameServer::start(&ZONES).await;
        let servers = MailServers::new(Some(names.address), &[]).expect("a server of names");
        for _ in 0..2 {
            assert!(servers.take_mail_for("mail.co").await && servers.take_mail_for("address.co").await);
        }
        let mut asked = names.asked();
        asked.sort();
        asked.retain(|query| query != "address.co. MX" && query != "address.co. AAAA");
        assert_eq!(asked, ["address.co. A", "mail.co. MX"], "what is not there may be asked for again");
    }
}
