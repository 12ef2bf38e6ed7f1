//! Storing a file: ask the policies, take in the bytes, write the row.
//!
//! The order keeps rows and files together whatever happens. The policies are asked with a trial that is undone,
//! before a byte is read. The bytes go to a file under a fresh name, which nobody can find yet. The row is
//! written under the policies again, now with what is known of the file, and from then on it stands for the new
//! file; the old one goes afterwards. What breaks off before leaves neither row nor file.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use http::HeaderMap;
use md5::{Digest, Md5};
use pg::Transaction;
use serde_json::json;
use uuid::Uuid;

use crate::backend::{Blob, Draft};
use crate::body::ObjectPath;
use crate::caller::{Caller, Owner};
use crate::error::{Error, Result};
use crate::form::{Incoming, MAX_FORM_OVERHEAD, declared_length};
use crate::model::buckets;
use crate::model::objects::{self, Metadata, NewObject};
use crate::state::State;
use crate::{limits, names};

/// A file to be stored.
pub(crate) struct Upload {
    pub(crate) caller: Caller,
    pub(crate) operation: &'static str,
    pub(crate) path: ObjectPath,
    pub(crate) owner: Owner,
    pub(crate) is_upsert: bool,
}

/// Stores the file of a request and returns the object's id.
///
/// # Errors
/// [`Error`]; nothing has changed then, and part of the body may be left: see [`drain`].
pub(crate) async fn store(
    state: &State,
    upload: Upload,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<Uuid> {
    let Upload { caller, operation, path, owner, is_upsert } = upload;
    let rules = buckets::rules(state.db(), &path.bucket).await?;
    let is_placeholder = names::is_folder_placeholder(&path.name);
    let max_size = match rules.file_size_limit {
        _ if is_placeholder => 0,
        Some(limit) => limit.min(state.settings().file_size_limit),
        None => state.settings().file_size_limit,
    };
    let is_form = Incoming::is_form(headers);
    let mut incoming = Incoming::open(headers, body, &path.name).await?;
    if !is_form && incoming.facts.declared_length.is_some_and(|length| length > max_size) {
        return Err(Error::EntityTooLarge("object"));
    }
    if !is_placeholder {
        limits::check_type(&incoming.facts.mimetype, &rules.allowed_mime_types)?;
    }
    let version = Blob(state.random().uuid());
    let mut row = NewObject {
        id: state.random().uuid(),
        path,
        owner,
        version,
        metadata: json!({
            "mimetype": incoming.facts.mimetype,
            "contentLength": incoming.facts.declared_length,
        }),
        user_metadata: incoming.facts.user_metadata.clone(),
        is_upsert,
    };
    try_out(state, &caller, operation, &row).await?;

    let mut draft = state.backend().create(version).await?;
    let received = receive(&mut incoming, &mut *draft, max_size).await?;
    let facts = incoming.facts;
    row.metadata = Metadata {
        etag: received.etag,
        size: received.size,
        mimetype: facts.mimetype,
        cache_control: facts.cache_control.unwrap_or_else(|| "no-cache".to_owned()),
        last_modified: state.clock().now(),
    }
    .to_json();
    row.user_metadata = Some(facts.user_metadata.unwrap_or_else(|| json!({})));
    let work = finish(state.clone(), caller, operation, draft, row);
    state.carry_through(work).await
}

/// For how long the rest of a refused upload is taken in.
const DRAIN: Duration = Duration::from_secs(30);

/// Takes in what is left of a refused upload, if it is no more than an upload may be. Clients write before they
/// read: a server that closes the connection with bytes unread has it reset, and they never see the answer.
pub(crate) async fn drain(state: &State, headers: &HeaderMap, mut body: BodyDataStream) {
    let mut left = state.settings().file_size_limit.saturating_add(MAX_FORM_OVERHEAD);
    if declared_length(headers).is_some_and(|length| length > left) {
        return;
    }
    let read = async {
        while let Some(Ok(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // What has not come by then is not worth waiting for.
    let _ = tokio::time::timeout(DRAIN, read).await;
}

/// Asks the policies whether the row may be written, by writing it and undoing that.
pub(crate) async fn try_out(state: &State, caller: &Caller, operation: &'static str, row: &NewObject) -> Result<()> {
    let mut transaction = state.db().write(&caller.context(operation)).await?;
    objects::write(&mut transaction, row).await?;
    transaction.rollback().await?;
    Ok(())
}

struct Received {
    size: u64,
    etag: String,
}

async fn receive(incoming: &mut Incoming<'_>, draft: &mut dyn Draft, max_size: u64) -> Result<Received> {
    let mut size = 0;
    let mut hash = Md5::new();
    while let Some(bytes) = incoming.next().await? {
        size += bytes.len() as u64;
        if size > max_size {
            return Err(Error::EntityTooLarge("object"));
        }
        hash.update(&bytes);
        draft.write(bytes).await?;
    }
    let hash = u128::from_be_bytes(hash.finalize().into());
    Ok(Received { size, etag: format!("\"{hash:032x}\"") })
}

async fn finish(
    state: State,
    caller: Caller,
    operation: &'static str,
    draft: Box<dyn Draft>,
    row: NewObject,
) -> Result<Uuid> {
    draft.finish().await?;
    write_row(&state, &caller, operation, &row).await
}

/// Writes the row of a file that is complete, and removes the file that it replaces. When the row cannot be
/// written, the new file is removed.
pub(crate) async fn write_row(
    state: &State,
    caller: &Caller,
    operation: &'static str,
    row: &NewObject,
) -> Result<Uuid> {
    let (transaction, id, replaced) = match replace(state, caller, operation, row).await {
        Ok(written) => written,
        Err(error) => {
            state.remove_files([row.version]).await;
            return Err(error);
        }
    };
    if let Err(error) = transaction.commit().await {
        // Where the connection broke, the row may be there all the same, and then it needs its file.
        if error.db().is_some() {
            state.remove_files([row.version]).await;
        }
        return Err(error.into());
    }
    state.remove_files(replaced.filter(|replaced| *replaced != row.version)).await;
    Ok(id)
}

async fn replace(
    state: &State,
    caller: &Caller,
    operation: &'static str,
    row: &NewObject,
) -> Result<(Transaction, Uuid, Option<Blob>)> {
    let mut transaction = state.db().write(&caller.context(operation)).await?;
    let replaced = objects::lock_current(&mut transaction, caller, &row.path).await?;
    let id = objects::write(&mut transaction, row).await?;
    Ok((transaction, id, replaced))
}
