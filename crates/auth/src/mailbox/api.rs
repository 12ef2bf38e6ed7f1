//! Mailpit's API, as far as tests of clients use it: list, search, get, headers, delete.

use authkit::mailer::Sender;
use axum::extract::{Path, State as With};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::json::{Json, OptionalBody};
use crate::model::mailbox::{self, Mail, Search};
use crate::query::Query;
use crate::state::State;

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 1000;

/// How many characters of the text a list shows.
const SNIPPET: usize = 250;

const FAILED: &str = "Database error reading the mailbox";

#[derive(Serialize)]
struct Address {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Address")]
    address: String,
}

impl Address {
    /// Reads `name <address>` or a bare address.
    fn read(text: &str) -> Self {
        match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => Self { name: name.trim().to_owned(), address: address.to_owned() },
            None => Self { name: String::new(), address: text.to_owned() },
        }
    }
}

/// What lists and single mails tell alike.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    #[serde(rename = "ID")]
    id: Uuid,
    #[serde(rename = "MessageID")]
    message_id: String,
    from: Address,
    to: Vec<Address>,
    cc: [Value; 0],
    bcc: [Value; 0],
    reply_to: [Value; 0],
    subject: String,
    tags: [Value; 0],
    size: usize,
}

impl Envelope {
    fn of(mail: &Mail) -> Self {
        let from = Address::read(&mail.from);
        let sender = Sender { address: from.address, name: from.name };
        let message_id = sender.message_id(mail.id);
        Self {
            id: mail.id,
            message_id,
            from: Address { name: sender.name, address: sender.address },
            to: mail.to.iter().map(|to| Address::read(to)).collect(),
            cc: [],
            bcc: [],
            reply_to: [],
            subject: mail.subject.clone(),
            tags: [],
            size: mail.html.len() + mail.plain.len(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(flatten)]
    envelope: Envelope,
    read: bool,
    created: jiff::Timestamp,
    attachments: u32,
    snippet: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(flatten)]
    envelope: Envelope,
    return_path: String,
    date: jiff::Timestamp,
    text: String,
    #[serde(rename = "HTML")]
    html: String,
    inline: [Value; 0],
    attachments: [Value; 0],
}

#[derive(Serialize)]
pub(super) struct Messages {
    total: i64,
    unread: i64,
    count: usize,
    messages_count: i64,
    messages_unread: i64,
    start: i64,
    tags: [Value; 0],
    messages: Vec<Summary>,
}

/// `GET /api/v1/messages?start&limit`: the newest first.
pub(super) async fn list(With(state): With<State>, query: Query) -> Result<Json<Messages>, Error> {
    messages(&state, &query, &Search::default()).await
}

/// `GET /api/v1/search?query`: words like `to:…`, `from:…`, `subject:…`, or any text.
pub(super) async fn search(With(state): With<State>, query: Query) -> Result<Json<Messages>, Error> {
    let mut search = Search::default();
    for word in words(query.first("query")) {
        let (name, value) = word.split_once(':').unwrap_or(("", word));
        let value = value.trim_matches('"');
        match name {
            "to" | "addressed" => search.to = value,
            "from" => search.from = value,
            "subject" => search.subject = value,
            _ => search.text = word.trim_matches('"'),
        }
    }
    messages(&state, &query, &search).await
}

/// Splits at spaces outside of quotes.
fn words(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let split = text.split(move |c: char| {
        is_quoted ^= c == '"';
        c == ' ' && !is_quoted
    });
    split.filter(|word| !word.is_empty()).collect()
}

async fn messages(state: &State, query: &Query, search: &Search<'_>) -> Result<Json<Messages>, Error> {
    let failed = Error::database(FAILED);
    let number = |name: &str, default: i64| query.first(name).parse().unwrap_or(default).max(0);
    let (start, limit) = (number("start", 0), number("limit", DEFAULT_LIMIT).min(MAX_LIMIT));
    let (total, unread) = mailbox::count(&state.db, &Search::default()).await.map_err(&failed)?;
    let (found, found_unread) = mailbox::count(&state.db, search).await.map_err(&failed)?;
    let mails = mailbox::list(&state.db, search, limit, start).await.map_err(&failed)?;
    let messages: Vec<_> = mails.iter().map(summary).collect();
    Ok(Json(Messages {
        total,
        unread,
        count: messages.len(),
        messages_count: found,
        messages_unread: found_unread,
        start,
        tags: [],
        messages,
    }))
}

fn summary(mail: &Mail) -> Summary {
    let snippet = mail.plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SNIPPET).collect();
    let envelope = Envelope::of(mail);
    Summary { envelope, read: mail.is_read, created: mail.created_at, attachments: 0, snippet }
}

/// The mail that a path names; `latest` is the newest.
pub(super) async fn open(state: &State, id: &str) -> Result<Mail, Error> {
    let id = match id {
        "latest" => None,
        id => Some(Uuid::parse_str(id).map_err(|_| Error::PathNotFound("message not found"))?),
    };
    let mail = mailbox::open(&state.db, id).await.map_err(Error::database(FAILED))?;
    mail.ok_or(Error::PathNotFound("message not found"))
}

/// `GET /api/v1/message/{id}`.
pub(super) async fn message(With(state): With<State>, Path(id): Path<String>) -> Result<Json<impl Serialize>, Error> {
    let mail = open(&state, &id).await?;
    let envelope = Envelope::of(&mail);
    Ok(Json(Message {
        return_path: envelope.from.address.clone(),
        envelope,
        date: mail.created_at,
        text: mail.plain,
        html: mail.html,
        inline: [],
        attachments: [],
    }))
}

/// `GET /api/v1/message/{id}/headers`.
pub(super) async fn headers(With(state): With<State>, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    Ok(Json(open(&state, &id).await?.headers))
}

/// The body of a delete.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Ids {
    #[serde(rename = "IDs")]
    ids: Vec<Uuid>,
}

/// `DELETE /api/v1/messages`: those named, or all.
pub(super) async fn delete(
    With(state): With<State>,
    OptionalBody(ids): OptionalBody<Ids>,
) -> Result<&'static str, Error> {
    let ids = ids.unwrap_or_default().ids;
    mailbox::delete(&state.db, &ids).await.map_err(Error::database(FAILED))?;
    Ok("ok")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_split_into_words() {
        assert_eq!(words(r#"to:"a b@c" subject:x  y"#), [r#"to:"a b@c""#, "subject:x", "y"]);
        let address = Address::read("Vestibule <admin@b.c>");
        assert_eq!((address.name.as_str(), address.address.as_str()), ("Vestibule", "admin@b.c"));
    }
}
