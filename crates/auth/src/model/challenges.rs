//! `auth.mfa_challenges`: questions put to second factors.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use pg::Transaction;
use secrecy::SecretString;
use uuid::Uuid;

/// A challenge with its factor's secret.
pub(crate) struct Challenge {
    pub(crate) id: Uuid,
    pub(crate) factor_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) ip: IpAddr,
    pub(crate) secret: Option<SecretString>,
}

/// A challenge to be made.
pub(crate) struct NewChallenge {
    pub(crate) id: Uuid,
    pub(crate) factor_id: Uuid,
    pub(crate) ip: IpAddr,
    pub(crate) at: Timestamp,
}

/// The address in a challenge; the column takes no null.
pub(crate) fn address(ip: Option<IpAddr>) -> IpAddr {
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

// last_challenged_at is unique over all factors, so what is taken is passed by.
const INSERT: &str = "
    with challenge as (
        insert into auth.mfa_challenges (id, factor_id, created_at, ip_address) values ($1, $2, $3, $4)
    )
    update auth.mfa_factors
    set last_challenged_at = greatest($3, (
          select max(o.last_challenged_at) + interval '1 microsecond' from auth.mfa_factors o
          where o.id <> $2 and o.last_challenged_at between $3 and $3::timestamptz + interval '1 millisecond')),
        updated_at = $3
    where id = $2";

/// Adds a challenge and notes its time with the factor.
pub(crate) async fn insert(tx: &mut Transaction, challenge: &NewChallenge) -> Result<(), pg::Error> {
    let NewChallenge { id, factor_id, ip, at } = challenge;
    tx.execute(INSERT, &[id, factor_id, at, ip]).await.map(drop)
}

const LOCK: &str = "
    select c.created_at, c.verified_at, c.ip_address, f.secret
    from auth.mfa_challenges c join auth.mfa_factors f on f.id = c.factor_id
    where c.id = $1 and c.factor_id = $2
    for update of c";

/// The challenge of a factor, locked, so that it is answered once.
pub(crate) async fn lock(tx: &mut Transaction, id: Uuid, factor_id: Uuid) -> Result<Option<Challenge>, pg::Error> {
    let row = tx.query_opt(LOCK, &[&id, &factor_id]).await?;
    Ok(row.map(|row| Challenge {
        id,
        factor_id,
        created_at: row.get("created_at"),
        verified_at: row.get("verified_at"),
        ip: row.get("ip_address"),
        secret: row.get::<_, Option<String>>("secret").map(SecretString::from),
    }))
}

const SET_VERIFIED: &str = "update auth.mfa_challenges set verified_at = $2 where id = $1";

/// Notes that a challenge was answered.
pub(crate) async fn set_verified(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(SET_VERIFIED, &[&id, &at]).await.map(drop)
}

const DELETE: &str = "delete from auth.mfa_challenges where id = $1";

/// Deletes a challenge.
pub(crate) async fn delete(tx: &mut Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE, &[&id]).await.map(drop)
}
