//! Sending requests over several connections at once, each of which sends its next one when it has the answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::requests;

/// What is sent.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// `host:port`.
    #[arg(long)]
    address: String,
    /// The file with the requests. The first connection takes the first request and then every n-th of n connections.
    #[arg(long)]
    requests: PathBuf,
    /// How many connections.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// For how long.
    #[arg(long)]
    seconds: f64,
    /// Requests in a second on each connection, at even distances; as fast as they are answered without. Time counts
    /// from when a request was due, so that a server which stalls is not spared the requests it kept waiting.
    #[arg(long)]
    rate: Option<f64>,
    /// Each request is sent once; the run ends with the last.
    #[arg(long)]
    once: bool,
    /// Every connection has one request, in which the refresh token is replaced by that of each answer.
    #[arg(long)]
    chain: bool,
}

/// What one connection has seen.
struct Seen {
    /// Microseconds of each answer.
    times: Vec<u32>,
    bytes: u64,
}

impl Run {
    /// Sends them; the figures.
    ///
    /// # Errors
    /// When a connection breaks, or an answer is no success.
    pub(crate) fn report(&self) -> Result<Value> {
        let requests = requests::read(&self.requests)?;
        ensure!(self.connections > 0 && requests.len() >= self.connections, "there are more connections than requests");
        let shares =
            (0..self.connections).map(|n| requests.iter().skip(n).step_by(self.connections).cloned().collect());
        let shares: Vec<(Connection, Vec<Vec<u8>>)> =
            shares.map(|share| Ok((Connection::open(&self.address)?, share))).collect::<Result<_>>()?;
        let begun = Instant::now();
        let seen: Vec<Seen> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                shares.into_iter().map(|share| scope.spawn(move || self.connection(begun, share))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
                .collect::<Result<_>>()
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        let each: Vec<Value> = seen.iter().map(|seen| figures(seen.times.clone(), seconds)).collect();
        let bytes: u64 = seen.iter().map(|seen| seen.bytes).sum();
        let mut all = figures(seen.into_iter().flat_map(|seen| seen.times).collect(), seconds);
        all["seconds"] = json!(seconds);
        all["bytes"] = json!(bytes);
        if self.rate.is_some() {
            all["each"] = json!(each);
        }
        Ok(all)
    }

    fn connection(&self, begun: Instant, (mut connection, mut requests): (Connection, Vec<Vec<u8>>)) -> Result<Seen> {
        let end = begun + Duration::from_secs_f64(self.seconds);
        let mut seen = Seen { times: Vec::with_capacity(1 << 16), bytes: 0 };
        let count = requests.len();
        let sent = (0..count).cycle().take(if self.once { count } else { usize::MAX });
        let mut due = Instant::now();
        for n in sent {
            match self.rate {
                Some(_) => std::thread::sleep(due.saturating_duration_since(Instant::now())),
                None => due = Instant::now(),
            }
            if due >= end {
                break;
            }
            let answer = connection.ask(&requests[n])?;
            seen.times.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
            seen.bytes += answer.bytes;
            if !(200..300).contains(&answer.status) {
                bail!("{}: {}", answer.status, String::from_utf8_lossy(&connection.body));
            }
            if self.chain {
                follow(&mut requests[n], &connection.body)?;
            }
            due += self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        }
        Ok(seen)
    }
}

/// Puts the refresh token of an answer into the request in place of its own, which is as long.
fn follow(request: &mut [u8], answer: &[u8]) -> Result<()> {
    const FIELD: &[u8] = b"\"refresh_token\":\"";
    let token = |text: &[u8]| {
        let from = text.windows(FIELD.len()).position(|part| part == FIELD)? + FIELD.len();
        let length = text[from..].iter().position(|byte| *byte == b'"')?;
        Some(from..from + length)
    };
    let new = token(answer).context("the answer has no refresh token")?;
    let old = token(request).context("the request has no refresh token")?;
    ensure!(new.len() == old.len(), "the new refresh token is not as long as the old one");
    request[old].copy_from_slice(&answer[new]);
    Ok(())
}

fn figures(mut times: Vec<u32>, seconds: f64) -> Value {
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied();
    json!({
        "answers": times.len(),
        "rate": times.len() as f64 / seconds,
        "p50": at(50),
        "p90": at(90),
        "p99": at(99),
        "max": times.last(),
    })
}

#[cfg(test)]
mod tests {
    use super::{figures, follow};

    #[test]
    fn a_refresh_uses_the_token_of_the_last_answer() {
        let mut request = b"POST / HTTP/1.1\r\n\r\n{\"refresh_token\":\"aaaa\"}".to_vec();
        follow(&mut request, b"{\"user\":1,\"refresh_token\":\"bbbb\",\"x\":\"y\"}").expect("a token");
        assert!(request.ends_with(b"{\"refresh_token\":\"bbbb\"}"));
        assert!(follow(&mut request, b"{\"refresh_token\":\"ccccc\"}").is_err(), "another length");
        assert!(follow(&mut request, b"{}").is_err(), "no token");
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let figures = figures((1..=200).rev().collect(), 2.0);
        assert_eq!((figures["p50"].as_u64(), figures["p99"].as_u64()), (Some(101), Some(199)));
        assert_eq!((figures["max"].as_u64(), figures["rate"].as_f64()), (Some(200), Some(100.0)));
    }
}
