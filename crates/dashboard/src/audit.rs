//! The operators' trail: who did what to what, from where. No secrets go in.

use pg::{Context, Db};
use serde_json::Value;

use crate::operators::sessions::Operator;

const INSERT: &str = "
    insert into vestibule.operator_audit (operator_id, operator_email, action, target, detail, ip)
    values ($1, $2, $3, left($4, 500), $5, $6)";

/// What happened.
pub(crate) struct Entry<'a> {
    pub(crate) operator: &'a Operator,
    /// Such as `user.delete`.
    pub(crate) action: &'static str,
    /// Such as the user's id.
    pub(crate) target: Option<String>,
    pub(crate) detail: Value,
}

impl Entry<'_> {
    /// Writes it on its own, for actions that happen elsewhere.
    pub(crate) async fn write(&self, db: &Db) -> Result<(), pg::Error> {
        let Self { operator, action, target, detail } = self;
        let params: [pg::Param<'_>; 6] = [&operator.id, &operator.email, action, target, detail, &operator.address];
        db.read(&Context::service(), INSERT, &params).await.map(drop)
    }

    /// Writes it in the transaction of the action itself.
    pub(crate) async fn write_in(&self, transaction: &mut pg::Transaction) -> Result<(), pg::Error> {
        let Self { operator, action, target, detail } = self;
        let params: [pg::Param<'_>; 6] = [&operator.id, &operator.email, action, target, detail, &operator.address];
        transaction.execute(INSERT, &params).await.map(drop)
    }
}
