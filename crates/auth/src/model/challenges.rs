//! `auth.mfa_challenges`: questions put to second factors.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use secrecy::SecretString;
use uuid::Uuid;

/// A challenge with its factor's secret.
pub(crate) struct Challenge {
    pub(crate) id: Uuid,
    pub(crate) factor_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) verified_at: Option<Timestamp>,
    pub(crate) ip: IpAddr,
    /// The key of the authenticator app.
    pub(crate) secret: Option<SecretString>,
    /// The number of the phone.
    pub(crate) phone: String,
    /// The hash of the code that was sent to it.
    pub(crate) code_hash: Option<String>,
}

/// A challenge to be made.
pub(crate) struct NewChallenge {
    pub(crate) id: Uuid,
    pub(crate) factor_id: Uuid,
    pub(crate) ip: IpAddr,
    /// The hash of the code that is sent.
    pub(crate) code_hash: Option<String>,
    pub(crate) at: Timestamp,
}

/// The address in a challenge; the column takes no null.
pub(crate) fn address(ip: Option<IpAddr>) -> IpAddr {
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

// last_challenged_at is unique over all factors, so what is taken is passed by.
const INSERT: &str = "
    with challenge as (
        insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code)
        values ($1, $2, $3, $4, $5)
    )
    update auth.mfa_factors
    set last_challenged_at = greatest($3, (
          select max(o.last_challenged_at) + interval '1 microsecond' from auth.mfa_factors o
          where o.id <> $2 and o.last_challenged_at between $3 and $3::timestamptz + interval '1 millisecond')),
        updated_at = $3
    where id = $2";

/// Adds a challenge and notes its time with the factor.
pub(crate) async fn insert(tx: &mut Transaction, challenge: &NewChallenge) -> Result<(), pg::Error> {
    let NewChallenge { id, factor_id, ip, code_hash, at } = challenge;
    tx.execute(INSERT, &[id, factor_id, at, ip, code_hash]).await.map(drop)
}

const FIND: &str = "
    select c.created_at, c.verified_at, c.ip_address, c.otp_code, nullif(f.secret, '') as secret,
      coalesce(f.phone, '') as phone
    from auth.mfa_challenges c join auth.mfa_factors f on f.id = c.factor_id
    where c.id = $1 and c.factor_id = $2";

/// The challenge of a factor.
pub(crate) async fn find(db: &Db, id: Uuid, factor_id: Uuid) -> Result<Option<Challenge>, pg::Error> {
    let rows = db.read(&Context::service(), FIND, &[&id, &factor_id]).await?;
    Ok(rows.first().map(|row| Challenge {
        id,
        factor_id,
        created_at: row.get("created_at"),
        verified_at: row.get("verified_at"),
        ip: row.get("ip_address"),
        secret: row.get::<_, Option<String>>("secret").map(SecretString::from),
        phone: row.get("phone"),
        code_hash: row.get("otp_code"),
    }))
}

const SET_VERIFIED: &str = "
    update auth.mfa_challenges set verified_at = $3 where id = $1 and factor_id = $2 and verified_at is null";

/// Notes that a challenge was answered; false when it was already, or is gone.
pub(crate) async fn set_verified(
    tx: &mut Transaction,
    challenge: &Challenge,
    at: Timestamp,
) -> Result<bool, pg::Error> {
    Ok(tx.execute(SET_VERIFIED, &[&challenge.id, &challenge.factor_id, &at]).await? > 0)
}

const DELETE: &str = "delete from auth.mfa_challenges where id = $1";

/// Deletes a challenge.
pub(crate) async fn delete(db: &Db, id: Uuid) -> Result<(), pg::Error> {
    db.read(&Context::service(), DELETE, &[&id]).await.map(drop)
}
