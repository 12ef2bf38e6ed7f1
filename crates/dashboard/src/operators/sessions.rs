//! Console sessions. The browser holds a random token in a cookie; the database holds its hash, and the hash of
//! the CSRF token that is derived from it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use pg::{Context, Db, Row};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::access::Role;
use crate::error::Error;
use crate::operators::Account;
use crate::state::State;

/// A session token as the cookie carries it.
pub(crate) struct Token([u8; 32]);

impl Token {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn parse(cookie: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok().map(Self)
    }

    pub(crate) fn cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The CSRF token: a hash, so that it does not give the session away.
    pub(crate) fn csrf(&self) -> String {
        let hash = Sha256::new().chain_update(b"vestibule console csrf").chain_update(self.0).finalize();
        URL_SAFE_NO_PAD.encode(hash)
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

fn csrf_hash(csrf: &str) -> Vec<u8> {
    Sha256::digest(csrf.as_bytes()).to_vec()
}

/// Who signed in and with which session; what a handler gets after the guard let the request in.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) must_change_password: bool,
    pub(crate) address: Option<IpAddr>,
    pub(crate) csrf: String,
    pub(crate) token_hash: Vec<u8>,
    csrf_hash: Vec<u8>,
}

impl Operator {
    /// An account whose password was right, with the token of its new session.
    pub(crate) fn signed_in(account: &Account, token: &Token, address: Option<IpAddr>) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            role: account.role,
            must_change_password: account.must_change_password,
            address,
            csrf: token.csrf(),
            token_hash: token.hash(),
            csrf_hash: csrf_hash(&token.csrf()),
        }
    }

    /// Whether this is the session's CSRF token.
    pub(crate) fn check_csrf(&self, given: &str) -> Result<(), Error> {
        if bool::from(csrf_hash(given).ct_eq(&self.csrf_hash)) { Ok(()) } else { Err(Error::Csrf) }
    }
}

const START: &str = "
    insert into vestibule.operator_sessions
        (token_hash, operator_id, csrf_token_hash, created_at, last_used_at, expires_at, ip, user_agent)
    values ($1, $2, $3, $4, $4, $5, $6, left($7, 500))";

/// Finds a live session and notes its use, at most once a minute.
const FIND: &str = "
    with found as (
        select session.token_hash, session.csrf_token_hash, session.last_used_at,
               operator.id, operator.email, operator.role, operator.must_change_password
        from vestibule.operator_sessions session
        join vestibule.operators operator on operator.id = session.operator_id
        where session.token_hash = $1 and session.expires_at > $2 and session.last_used_at > $3
          and operator.disabled_at is null
    ), used as (
        update vestibule.operator_sessions set last_used_at = $2
        where token_hash in (select token_hash from found where last_used_at < $2::timestamptz - interval '1 minute')
    )
    select csrf_token_hash, id, email, role, must_change_password from found";

const END: &str = "delete from vestibule.operator_sessions where token_hash = $1";

const END_OF_OPERATOR: &str = "delete from vestibule.operator_sessions where operator_id = $1";

const FORGET_OLD: &str = "delete from vestibule.operator_sessions where expires_at < $1 or last_used_at < $2";

/// A session about to start.
pub(crate) struct NewSession<'a> {
    pub(crate) operator: Uuid,
    pub(crate) token: &'a Token,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<&'a str>,
}

pub(crate) async fn start(
    state: &State,
    transaction: &mut pg::Transaction,
    new: &NewSession<'_>,
) -> Result<(), pg::Error> {
    let now = state.deps().clock.now();
    let (expires, idle_since) = (after(now, state.settings().session_lifetime), idle_since(state, now));
    transaction.execute(FORGET_OLD, &[&now, &idle_since]).await?;
    let (token, csrf) = (new.token.hash(), csrf_hash(&new.token.csrf()));
    transaction.execute(START, &[&token, &new.operator, &csrf, &now, &expires, &new.address, &new.user_agent]).await?;
    Ok(())
}

/// The live session of a token.
pub(crate) async fn find(state: &State, token: &Token) -> Result<Option<Operator>, pg::Error> {
    let now = state.deps().clock.now();
    let hash = token.hash();
    let rows = state.db().read(&Context::service(), FIND, &[&hash, &now, &idle_since(state, now)]).await?;
    Ok(rows.first().and_then(|row| operator(row, token, hash)))
}

fn operator(row: &Row, token: &Token, token_hash: Vec<u8>) -> Option<Operator> {
    Some(Operator {
        csrf_hash: row.get(0),
        id: row.get(1),
        email: row.get(2),
        role: Role::named(row.get(3))?,
        must_change_password: row.get(4),
        address: None,
        csrf: token.csrf(),
        token_hash,
    })
}

pub(crate) async fn end(db: &Db, token_hash: &[u8]) -> Result<(), pg::Error> {
    db.read(&Context::service(), END, &[&token_hash]).await.map(drop)
}

pub(crate) async fn end_all(transaction: &mut pg::Transaction, operator: Uuid) -> Result<(), pg::Error> {
    transaction.execute(END_OF_OPERATOR, &[&operator]).await.map(drop)
}

fn idle_since(state: &State, now: Timestamp) -> Timestamp {
    now.checked_sub(state.settings().session_idle).unwrap_or(Timestamp::MIN)
}

fn after(now: Timestamp, time: std::time::Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_reads_back_and_shows_neither_in_its_hash_nor_in_its_csrf_token() {
        let token = Token::new([7; 32]);
        let again = Token::parse(&token.cookie()).expect("our own form");
        assert_eq!(again.hash(), token.hash());
        assert_ne!(token.csrf(), token.cookie());
        for wrong in ["", "abc", "%%%", &"A".repeat(44)] {
            assert!(Token::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
