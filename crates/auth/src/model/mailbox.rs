//! `vestibule.mailbox`: mail that is kept instead of sent.

use jiff::Timestamp;
use pg::{Context, Db, Row, Transaction};
use serde_json::Value;
use uuid::Uuid;

/// A mail to be kept.
pub(crate) struct NewMail<'a> {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) from: &'a str,
    pub(crate) to: Vec<&'a str>,
    pub(crate) subject: &'a str,
    pub(crate) html: &'a str,
    pub(crate) plain: &'a str,
    pub(crate) headers: Value,
}

const INSERT: &str = "
    insert into vestibule.mailbox (id, created_at, mail_from, mail_to, subject, html, plain, headers)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Keeps a mail as part of the transaction that is its cause.
pub(crate) async fn insert(tx: &mut Transaction, mail: &NewMail<'_>) -> Result<(), pg::Error> {
    let NewMail { id, at, from, to, subject, html, plain, headers } = mail;
    tx.execute(INSERT, &[id, at, from, to, subject, html, plain, headers]).await.map(drop)
}

/// A kept mail.
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) html: String,
    pub(crate) plain: String,
    pub(crate) headers: Value,
    pub(crate) is_read: bool,
}

impl Mail {
    fn from_row(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            created_at: row.get("created_at"),
            from: row.get("mail_from"),
            to: row.get("mail_to"),
            subject: row.get("subject"),
            html: row.get("html"),
            plain: row.get("plain"),
            headers: row.get("headers"),
            is_read: row.get("read"),
        }
    }
}

macro_rules! columns {
    () => {
        "id, created_at, mail_from, mail_to, subject, coalesce(html, '') as html, coalesce(plain, '') as plain,
         headers, read"
    };
}

/// Which mails are looked for; empty texts look for all.
#[derive(Default)]
pub(crate) struct Search<'a> {
    /// Part of a recipient's address.
    pub(crate) to: &'a str,
    /// Part of the sender's address.
    pub(crate) from: &'a str,
    /// Part of the subject.
    pub(crate) subject: &'a str,
    /// Part of anything.
    pub(crate) text: &'a str,
}

macro_rules! matching {
    () => {
        " from vestibule.mailbox
          where ($1 = '' or array_to_string(mail_to, ' ') ilike '%' || $1 || '%')
            and ($2 = '' or mail_from ilike '%' || $2 || '%')
            and ($3 = '' or subject ilike '%' || $3 || '%')
            and ($4 = '' or concat_ws(' ', mail_from, array_to_string(mail_to, ' '), subject, plain)
                 ilike '%' || $4 || '%')"
    };
}

const LIST: &str = concat!("select ", columns!(), matching!(), " order by created_at desc, id limit $5 offset $6");
const COUNT: &str = concat!("select count(*) as total, count(*) filter (where not read) as unread", matching!());

/// The newest mails that match.
pub(crate) async fn list(db: &Db, search: &Search<'_>, limit: i64, offset: i64) -> Result<Vec<Mail>, pg::Error> {
    let params: [pg::Param<'_>; 6] = [&search.to, &search.from, &search.subject, &search.text, &limit, &offset];
    Ok(db.read(&Context::service(), LIST, &params).await?.iter().map(Mail::from_row).collect())
}

/// How many mails match, and how many of them are unread.
pub(crate) async fn count(db: &Db, search: &Search<'_>) -> Result<(i64, i64), pg::Error> {
    let params: [pg::Param<'_>; 4] = [&search.to, &search.from, &search.subject, &search.text];
    let rows = db.read(&Context::service(), COUNT, &params).await?;
    Ok(rows.first().map_or((0, 0), |row| (row.get("total"), row.get("unread"))))
}

const OPEN: &str = concat!(
    "update vestibule.mailbox set read = true
     where id = coalesce($1, (select id from vestibule.mailbox order by created_at desc, id limit 1))
     returning ",
    columns!()
);

/// A mail, or the latest one, which counts as read then.
pub(crate) async fn open(db: &Db, id: Option<Uuid>) -> Result<Option<Mail>, pg::Error> {
    Ok(db.read(&Context::service(), OPEN, &[&id]).await?.first().map(Mail::from_row))
}

const DELETE: &str = "delete from vestibule.mailbox where $1::uuid[] = '{}' or id = any($1)";

/// Deletes mails; all of them when none is named.
pub(crate) async fn delete(db: &Db, ids: &[Uuid]) -> Result<(), pg::Error> {
    db.read(&Context::service(), DELETE, &[&ids]).await.map(drop)
}
