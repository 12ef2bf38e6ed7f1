//! What a change has made of a user, for the audit log: old and new values, but of secrets only that they changed.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::model::users::User;

/// What stands for values that are secret or too long to be kept twice.
const CHANGED: &str = "changed";

/// The longest value that is kept, as JSON text in bytes.
const LONGEST: usize = 1000;

/// The fields that differ, each with `from` and `to`. Those of metadata are told one by one.
pub(crate) fn between(before: &User, after: &User) -> Value {
    let mut changes = Map::new();
    let (old, new) = (columns(before), columns(after));
    for (name, old) in old {
        let new = &new[&name];
        note(&mut changes, name, &old, new);
    }
    for (name, old, new) in [
        ("app_metadata", &before.app_metadata, &after.app_metadata),
        ("user_metadata", &before.user_metadata, &after.user_metadata),
    ] {
        let keys = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        let keys = [old, new].into_iter().filter_map(keys).flatten();
        for key in keys.collect::<std::collections::BTreeSet<_>>() {
            note(&mut changes, format!("{name}.{key}"), &old[&key], &new[&key]);
        }
    }
    let password = |user: &User| user.encrypted_password.as_ref().map(|hash| hash.expose_secret().to_owned());
    if password(before) != password(after) {
        changes.insert("password".to_owned(), json!(CHANGED));
    }
    Value::Object(changes)
}

/// Adds the fields that differ to the traits of an audit entry, if any do.
pub(crate) fn note_in(traits: &mut Value, before: &User, after: &User) {
    let changes = between(before, after);
    if changes.as_object().is_some_and(|changes| !changes.is_empty()) {
        traits["changes"] = changes;
    }
}

fn columns(user: &User) -> Map<String, Value> {
    let columns = json!({
        "email": user.email,
        "phone": user.phone,
        "new_email": user.new_email,
        "new_phone": user.new_phone,
        "role": user.role,
        "email_confirmed_at": user.email_confirmed_at,
        "phone_confirmed_at": user.phone_confirmed_at,
        "banned_until": user.banned_until,
        "deleted_at": user.deleted_at,
        "is_anonymous": user.is_anonymous,
    });
    match columns {
        Value::Object(columns) => columns,
        _ => Map::new(),
    }
}

fn note(changes: &mut Map<String, Value>, name: String, old: &Value, new: &Value) {
    if old == new {
        return;
    }
    let is_long = |value: &Value| value.to_string().len() > LONGEST;
    let change = if is_long(old) || is_long(new) { json!(CHANGED) } else { json!({"from": old, "to": new}) };
    changes.insert(name, change);
}
