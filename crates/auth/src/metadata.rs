//! Merging into `app_metadata` and `user_metadata`: key by key, `null` deletes, nested objects are replaced.

use serde_json::{Map, Value};

/// The fields of a JSON object.
pub(crate) type Fields = Map<String, Value>;

/// Merges `updates` into what is stored. JSON's `null` (or no object) takes the updates as they are.
pub(crate) fn merge(stored: Value, updates: Fields) -> Value {
    let Value::Object(mut fields) = stored else { return Value::Object(updates) };
    for (key, value) in updates {
        if value.is_null() {
            fields.remove(&key);
        } else {
            fields.insert(key, value);
        }
    }
    Value::Object(fields)
}

/// An object without its fields that are `null`.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

/// The `provider` and `providers` fields of `app_metadata`.
pub(crate) fn of_providers(providers: &[String]) -> Fields {
    let mut fields = Fields::from_iter([("providers".to_owned(), Value::from(providers))]);
    if let Some(first) = providers.first() {
        fields.insert("provider".to_owned(), Value::from(first.as_str()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: &Value) -> Fields {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn merging_is_shallow_and_null_deletes() {
        let stored = json!({"a": 1, "b": {"x": 1}, "c": 3});
        let merged = merge(stored, fields(&json!({"a": null, "b": {"y": 2}, "d": [27]})));
        assert_eq!(merged, json!({"b": {"y": 2}, "c": 3, "d": [27]}));
        assert_eq!(merge(Value::Null, fields(&json!({"a": null}))), json!({"a": null}));
    }
}
