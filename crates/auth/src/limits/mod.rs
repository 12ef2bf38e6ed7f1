//! How often one address may ask, and how much is sent to all together: buckets in the database, which all instances
//! of the service share.
//!
//! Supabase limits addresses only where it is told a header with the address; here it is a switch, since the
//! address is known anyway. Codes that are typed in are counted by whom they are for, always: six digits can be tried
//! out.

mod bucket;
mod gate;
mod sending;
mod settings;

pub(crate) use bucket::Bucket;
pub(crate) use gate::gate;
pub(crate) use sending::{Sending, check_factor_messages, check_sending};
pub use settings::{RateLimits, SendLimit, send_limit};

use std::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::Timestamp;
use pg::Db;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::denial::Denial;
use crate::error::Error;
use crate::model::rate_limits::{self, Taken};
use crate::state::State;

/// Takes one from an address's bucket.
pub(crate) async fn check(state: &State, bucket: Bucket, ip: Option<IpAddr>) -> Result<(), Error> {
    match ip {
        Some(ip) if state.settings.rate_limits.per_address => take(state, bucket, &network(ip)).await,
        _ => Ok(()),
    }
}

/// Takes one from a user's bucket, whatever the address.
pub(crate) async fn check_user(state: &State, bucket: Bucket, user: Uuid) -> Result<(), Error> {
    take(state, bucket, &format!("user {user}")).await
}

/// Takes one from the bucket of an address or number, whether anybody has it or not. The database keeps a hash.
pub(crate) async fn check_contact(state: &State, bucket: Bucket, contact: &str) -> Result<(), Error> {
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(contact));
    take(state, bucket, &format!("contact {hash}")).await
}

async fn take(state: &State, bucket: Bucket, key: &str) -> Result<(), Error> {
    let rate = bucket.rate(&state.settings.rate_limits);
    let failed = Error::database("Internal Server Error");
    let now = state.clock.now();
    tidy(state, &state.db, now).await?;
    match rate_limits::take(&state.db, bucket.name(), key, rate, now).await.map_err(&failed)? {
        Taken::One => Ok(()),
        Taken::None { retry_after } => {
            let text = format!("Request rate limit reached: too many requests of the bucket {:?}", bucket.name());
            let denial = Denial::telling(StatusCode::TOO_MANY_REQUESTS, "over_request_rate_limit", text);
            Err(Denial { retry_after: Some(retry_after), ..denial }.into())
        }
    }
}

/// Now and then forgets buckets that are full again.
async fn tidy(state: &State, db: &Db, now: Timestamp) -> Result<(), Error> {
    /// One request of so many tidies up.
    const TIDY: u8 = 128;
    if state.random.bytes::<1>()[0].is_multiple_of(TIDY) {
        rate_limits::delete_full(db, now).await.map_err(Error::database("Internal Server Error"))?;
    }
    Ok(())
}

/// What counts as one address: of version 6 the network of 64 bits, which one customer has as a whole.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_version_6_count_by_their_network() {
        for (ip, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ] {
            assert_eq!(network(ip.parse().unwrap()), expected);
        }
    }
}
