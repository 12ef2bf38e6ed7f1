//! Slowing down whoever guesses passwords: attempts are counted per account and per client address in the
//! database, so that all nodes count together.
//!
//! An attempt is counted before its password is looked at, so that many at once gain nothing. Waiting never
//! exceeds a minute for an account, waiting attempts do not prolong it, and an operator who signed in from an
//! address before has a count of their own there: strangers cannot keep them out.

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use pg::{Context, Db};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// How many failures are free, and the longest wait after more, in seconds.
struct Patience {
    free: i32,
    longest: f64,
}

const ACCOUNT: Patience = Patience { free: 5, longest: 60.0 };
const ADDRESS: Patience = Patience { free: 20, longest: 900.0 };

/// Counts an attempt unless the key is waiting. From the last free one on each doubles the wait. Counting
/// starts again after a quiet hour.
const RESERVE: &str = "
    insert into vestibule.operator_login_attempts as attempt (key, count, first_at, last_at)
    values ($1, 1, $2, $2)
    on conflict (key) do update set
        count = case when attempt.last_at < $2::timestamptz - interval '1 hour' then 1 else attempt.count + 1 end,
        first_at = case when attempt.last_at < $2::timestamptz - interval '1 hour' then $2 else attempt.first_at end,
        last_at = $2,
        blocked_until = case
            when attempt.last_at < $2::timestamptz - interval '1 hour' or attempt.count + 1 < $3 then null
            else $2::timestamptz + least(power(2, least(attempt.count + 1 - $3, 30)), $4) * interval '1 second'
        end
    where attempt.blocked_until is null or attempt.blocked_until <= $2
    returning count";

const WAIT: &str = "
    select ceil(extract(epoch from blocked_until - $2::timestamptz))::bigint
    from vestibule.operator_login_attempts where key = $1 and blocked_until > $2";

const FORGET: &str =
    "delete from vestibule.operator_login_attempts where key = $1 or last_at < $2::timestamptz - interval '1 day'";

const GIVE_BACK: &str = "
    update vestibule.operator_login_attempts set count = greatest(count - 1, 1), blocked_until = null where key = $1";

const IS_KNOWN_ADDRESS: &str = "
    select exists (select from vestibule.operator_audit
                   where action = 'session.start' and lower(operator_email) = lower($1) and ip = $2
                     and created_at > $3::timestamptz - interval '30 days')";

/// A counted attempt.
pub(crate) struct Attempt {
    account: String,
    address: Option<String>,
}

/// Counts an attempt.
///
/// # Errors
/// [`Error::TooManyAttempts`] while the account or the address has to wait; the password must not be looked at
/// then.
pub(crate) async fn reserve(db: &Db, email: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Attempt, Error> {
    let email = email.trim().to_lowercase();
    let address_key = address.map(|address| format!("address:{}", network(address)));
    if let Some(key) = &address_key {
        count(db, key, &ADDRESS, now).await?;
    }
    let is_known = match address {
        Some(address) => {
            let context = Context::service().read_only();
            let rows = db.read(&context, IS_KNOWN_ADDRESS, &[&email, &address, &now]).await?;
            rows.first().is_some_and(|row| row.get(0))
        }
        None => false,
    };
    let account = account_key(&email, address.filter(|_| is_known));
    count(db, &account, &ACCOUNT, now).await?;
    Ok(Attempt { account, address: address_key })
}

/// Takes an attempt back whose password was right.
pub(crate) async fn forgive(
    transaction: &mut pg::Transaction,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<(), pg::Error> {
    transaction.execute(FORGET, &[&attempt.account, &now]).await?;
    if let Some(key) = &attempt.address {
        transaction.execute(GIVE_BACK, &[key]).await?;
    }
    Ok(())
}

async fn count(db: &Db, key: &str, patience: &Patience, now: Timestamp) -> Result<(), Error> {
    let context = Context::service();
    let counted = db.read(&context, RESERVE, &[&key, &now, &patience.free, &patience.longest]).await?;
    if !counted.is_empty() {
        return Ok(());
    }
    let rows = db.read(&context, WAIT, &[&key, &now]).await?;
    let seconds: i64 = rows.first().map_or(1, |row| row.get(0));
    Err(Error::TooManyAttempts(u64::try_from(seconds).unwrap_or(1).max(1)))
}

/// Addresses are kept as hashes: what was typed into the field need not be anyone's business.
fn account_key(email: &str, known_from: Option<IpAddr>) -> String {
    let hash: String = Sha256::digest(email.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    match known_from {
        Some(address) => format!("account:{hash}:{}", network(address)),
        None => format!("account:{hash}"),
    }
}

/// The part of an address that one customer has: IPv6 is given out by /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_counts_by_its_network_and_mapped_ipv4_by_itself() {
        let network = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }
}
