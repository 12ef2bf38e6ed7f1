//! Making, changing and deleting users, through the auth service.
//!
//! A change runs to its end also when the browser hangs up in the middle, so that nothing happens without its
//! entry in the audit trail.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::auth_api::Call;
use super::metadata::difference;
use super::ownership::{Owned, is_refusal};
use crate::audit::Entry;
use crate::error::Error;
use crate::extract::{Json, Path, Query};
use crate::operators::sessions::Operator;
use crate::state::State;

/// The fields of a user that the console sets. Absent ones stay as they are.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_confirm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_confirm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ban_duration: Option<String>,
}

impl Fields {
    fn body(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(|_| Error::Internal("a user's fields could not be written"))
    }
}

/// The names of what was set, for the trail; the values are the users' own business.
fn names(body: &Value) -> Value {
    json!({ "fields": body.as_object().map(|fields| fields.keys().collect::<Vec<_>>()) })
}

/// `POST /users`
pub(crate) async fn create(
    Extract(state): Extract<State>,
    operator: Operator,
    Json(fields): Json<Fields>,
) -> Result<JsonBody<Value>, Error> {
    to_the_end(async move {
        let body = fields.body()?;
        let detail = names(&body);
        let call = Call { method: Method::POST, path: "/admin/users".into(), body: Some(body) };
        let user = call.send(&state, &operator).await?;
        let target = user["id"].as_str().map(str::to_owned);
        Entry { operator: &operator, action: "user.create", target, detail }.write(state.db()).await?;
        Ok(JsonBody(user))
    })
    .await
}

const METADATA: &str =
    "select coalesce(raw_user_meta_data, '{}'), coalesce(raw_app_meta_data, '{}') from auth.users where id = $1";

/// `PATCH /users/<id>`
pub(crate) async fn update(
    Extract(state): Extract<State>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Json(mut fields): Json<Fields>,
) -> Result<JsonBody<Value>, Error> {
    to_the_end(async move {
        if fields.user_metadata.is_some() || fields.app_metadata.is_some() {
            let rows = state.db().read(&state.reading(), METADATA, &[&id]).await?;
            let row = rows.first().ok_or_else(|| Error::NotFound("user".into()))?;
            fields.user_metadata = changed("user_metadata", &row.get(0), fields.user_metadata)?;
            fields.app_metadata = changed("app_metadata", &row.get(1), fields.app_metadata)?;
        }
        let body = fields.body()?;
        let detail = names(&body);
        let call = Call { method: Method::PUT, path: format!("/admin/users/{id}"), body: Some(body) };
        let user = call.send(&state, &operator).await?;
        let entry = Entry { operator: &operator, action: "user.update", target: Some(id.to_string()), detail };
        entry.write(state.db()).await?;
        Ok(JsonBody(user))
    })
    .await
}

/// The difference to send for one metadata field, or `None` when nothing changes.
fn changed(field: &str, old: &Value, new: Option<Map<String, Value>>) -> Result<Option<Map<String, Value>>, Error> {
    let empty = Map::new();
    let Some(new) = new else { return Ok(None) };
    let change = difference(old.as_object().unwrap_or(&empty), &new).map_err(|key| {
        Error::Invalid(format!("`{field}` cannot hold null at its top level: leave key `{key}` out to remove it"))
    })?;
    Ok(Some(change).filter(|change| !change.is_empty()))
}

/// `DELETE /users/<id>?soft=true|false`
pub(crate) async fn delete(
    Extract(state): Extract<State>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Query(query): Query,
) -> Result<StatusCode, Error> {
    let is_soft = match query.one("soft")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Error::Invalid("`soft` must be true or false".into())),
    };
    to_the_end(async move {
        let body = json!({ "should_soft_delete": is_soft });
        let call = Call { method: Method::DELETE, path: format!("/admin/users/{id}"), body: Some(body) };
        if let Err(error) = call.send(&state, &operator).await {
            return Err(name_owner(&state, id, error).await);
        }
        let detail = json!({ "soft": is_soft });
        let entry = Entry { operator: &operator, action: "user.delete", target: Some(id.to_string()), detail };
        entry.write(state.db()).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// A delete that failed because the user owns objects says so, with their number as it is now.
async fn name_owner(state: &State, id: Uuid, error: Error) -> Error {
    let Error::Auth(refusal) = &error else { return error };
    let is_refused = refusal.code == "user_owns_objects" || refusal.failure.as_ref().is_some_and(is_refusal);
    if !is_refused {
        return error;
    }
    match Owned::count(state, state.db(), id).await {
        Ok(owned) => Error::UserOwnsObjects(owned),
        Err(failed) => Error::Database(failed),
    }
}

/// Runs a change in a task of its own, which a dropped request does not drop.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(change).await.map_err(|_| Error::Internal("a change of a user ended unexpectedly"))?
}
