//! Mail servers nearby that know no accounts, as those that catch mail beside a server in development. The original
//! signs in only where a server offers that, and many an installation has an account set that nobody knows.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::{SmtpSettings, hello};

/// All ways of signing in that the library knows.
const MECHANISMS: [Mechanism; 3] = [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2];

/// A way to the server without credentials. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bare {
    pub(super) transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    port: u16,
    hello: ClientId,
    timeout: Duration,
    /// Whether the operator has been told.
    is_told: Arc<AtomicBool>,
}

impl Bare {
    pub(super) fn new(settings: &SmtpSettings, transport: AsyncSmtpTransport<Tokio1Executor>) -> Self {
        let SmtpSettings { host, port, timeout, .. } = settings;
        let (host, hello, is_told) = (host.clone(), hello(settings), Arc::default());
        Self { transport, host, port: *port, hello, timeout: *timeout, is_told }
    }

    /// Whether the server offers nobody to sign in, which it is asked without saying who asks. One that does so without
    /// encryption gets nothing: credentials are for it, and they do not travel in clear.
    pub(super) async fn is_what_it_takes(&self) -> bool {
        let server = (self.host.as_str(), self.port);
        let connected = AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, None, None).await;
        let Ok(mut connection) = connected else { return false };
        let offers = connection.server_info();
        // Many a server offers to sign in only once the connection is encrypted.
        let knows_accounts =
            offers.supports_feature(Extension::StartTls) || offers.get_auth_mechanism(&MECHANISMS).is_some();
        connection.abort().await;
        if !knows_accounts && !self.is_told.swap(true, Ordering::Relaxed) {
            let host = &self.host;
            tracing::warn!(host, "the mail server offers no sign-in: mail goes there without the account that is set");
        }
        !knows_accounts
    }
}

/// Whether a server is on this machine.
pub(super) fn is_here(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

/// Whether a server is on this machine or in a private network: by its address, or by a name that no public name server
/// knows, as services of a compose file have.
pub(super) fn is_near(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        // A number is an address too, in hexadecimal digits as well.
        None => host.starts_with(|first: char| first.is_ascii_alphabetic()) && !host.contains('.'),
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_has_a_private_address_or_a_short_name() {
        for host in [
            "localhost",
            "127.0.0.1",
            "::1",
            "supabase-mail",
            "inbucket",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_near(host), "{host}");
        }
        for host in [
            "",
            "mail.example.com",
            "8.8.8.8",
            "172.32.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "134744072",
            "0x08080808",
            "mail.",
        ] {
            assert!(!is_near(host), "{host}");
        }
        assert!(is_here("::ffff:127.0.0.1") && is_here("localhost") && !is_here("10.1.2.3") && !is_here("mail"));
    }
}
