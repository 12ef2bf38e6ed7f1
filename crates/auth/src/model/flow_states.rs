//! `auth.flow_state`: flows that were started with a code challenge and end in a code to be exchanged.

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use uuid::Uuid;

use super::time;

/// A flow to be started.
pub(crate) struct NewFlow<'a> {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) code: String,
    pub(crate) challenge: &'a str,
    /// `s256` or `plain`.
    pub(crate) challenge_method: &'a str,
    pub(crate) provider_type: &'a str,
    /// The `amr` method that the session will have.
    pub(crate) method: &'a str,
    pub(crate) at: Timestamp,
}

const INSERT: &str = "
    insert into auth.flow_state (
        id, user_id, auth_code, code_challenge, code_challenge_method, provider_type, authentication_method,
        created_at, updated_at, provider_access_token, provider_refresh_token)
    values ($1, $2, $3, $4, $5::text::auth.code_challenge_method, $6, $7, $8, $8, '', '')";

/// Starts a flow.
pub(crate) async fn insert(tx: &mut Transaction, flow: &NewFlow<'_>) -> Result<(), pg::Error> {
    let NewFlow { id, user_id, code, challenge, challenge_method, provider_type, method, at } = flow;
    let params: [pg::Param<'_>; 8] = [id, user_id, code, challenge, challenge_method, provider_type, method, at];
    tx.execute(INSERT, &params).await.map(drop)
}

const ISSUE: &str = "
    update auth.flow_state set auth_code_issued_at = $3, updated_at = $3
    where id = (
      select id from auth.flow_state where user_id = $1 and authentication_method = $2
      order by created_at desc, id limit 1)
    returning auth_code";

/// The code of the latest flow of a user with a method, which counts as handed out from now on.
pub(crate) async fn issue(
    tx: &mut Transaction,
    user_id: Uuid,
    method: &str,
    at: Timestamp,
) -> Result<Option<String>, pg::Error> {
    Ok(tx.query_opt(ISSUE, &[&user_id, &method, &at]).await?.and_then(|row| row.get("auth_code")))
}

/// A flow whose code is exchanged.
pub(crate) struct Flow {
    pub(crate) user_id: Option<Uuid>,
    pub(crate) challenge: String,
    pub(crate) challenge_method: String,
    pub(crate) provider_type: String,
    pub(crate) method: String,
    pub(crate) created_at: Timestamp,
    pub(crate) issued_at: Option<Timestamp>,
}

const OWNER: &str = "select user_id from auth.flow_state where auth_code = $1";

/// Whose flow ends in a code.
pub(crate) async fn owner(db: &Db, code: &str) -> Result<Option<Uuid>, pg::Error> {
    let rows = db.read(&Context::service(), OWNER, &[&code]).await?;
    Ok(rows.first().and_then(|row| row.get("user_id")))
}

const TAKE: &str = "
    delete from auth.flow_state where auth_code = $1
    returning user_id, coalesce(code_challenge, '') as challenge,
      coalesce(code_challenge_method::text, '') as challenge_method, provider_type, authentication_method,
      coalesce(created_at, '0001-01-01 00:00:00+00') as created_at, auth_code_issued_at";

/// Takes the flow with a code, which is good for one exchange. Its user is locked already: of an exchange and a change
/// of the password one sees what the other one did. It is back when the transaction fails.
pub(crate) async fn take(tx: &mut Transaction, code: &str) -> Result<Option<Flow>, pg::Error> {
    Ok(tx.query_opt(TAKE, &[&code]).await?.map(|row| Flow {
        user_id: row.get("user_id"),
        challenge: row.get("challenge"),
        challenge_method: row.get("challenge_method"),
        provider_type: row.get("provider_type"),
        method: row.get("authentication_method"),
        created_at: time::known(&row, "created_at"),
        issued_at: time::column(&row, "auth_code_issued_at"),
    }))
}
