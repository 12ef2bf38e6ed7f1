//! Where the request that a task works for came from, for the audit log: every entry tells it, whoever writes it.

use std::net::IpAddr;

use base::http::ClientAddr;
use http::Request;
use http::header::USER_AGENT;

/// The longest name of a program that is kept.
const LONGEST_AGENT: usize = 512;

tokio::task_local! {
    /// Set by the outermost layer for as long as it takes to answer.
    static ORIGIN: Origin;
}

/// Address and program of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
}

impl Origin {
    /// That of a request.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        Self {
            ip: request.extensions().get::<ClientAddr>().map(|address| address.0),
            user_agent: agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect()),
        }
    }

    /// Answers a request that came from here.
    pub(crate) async fn scope<F: Future>(self, answer: F) -> F::Output {
        ORIGIN.scope(self, answer).await
    }

    /// That of the request that is being answered; empty outside of one.
    pub(crate) fn current() -> Self {
        ORIGIN.try_with(Clone::clone).unwrap_or_default()
    }
}
