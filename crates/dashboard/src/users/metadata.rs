//! The admin API merges metadata; the console's editors send whole objects. This is the difference.

use serde_json::{Map, Value};

/// What to send so that merging it into `old` gives `new`: changed and added keys, and null for removed ones.
///
/// # Errors
/// The key that `new` sets to null: merging would remove it.
pub(crate) fn difference(old: &Map<String, Value>, new: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut change = Map::new();
    for (key, value) in new {
        match (old.get(key), value) {
            (Some(before), after) if before == after => {}
            (_, Value::Null) => return Err(key.clone()),
            (_, after) => {
                change.insert(key.clone(), after.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        change.insert(key.clone(), Value::Null);
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn between(old: &Value, new: &Value) -> Result<Value, String> {
        difference(old.as_object().expect("object"), new.as_object().expect("object")).map(Value::Object)
    }

    #[test]
    fn removed_keys_become_null_and_equal_ones_are_left_out() {
        let (old, new) = (json!({"a": 1, "b": {"x": 1}, "c": null, "d": 2}), json!({"a": 1, "b": {"y": 2}, "c": null}));
        assert_eq!(between(&old, &new), Ok(json!({"b": {"y": 2}, "d": null})));
        assert_eq!(between(&json!({}), &json!({})), Ok(json!({})));
    }

    #[test]
    fn a_new_null_cannot_be_merged() {
        assert_eq!(between(&json!({"a": 1}), &json!({"a": null})), Err("a".into()));
    }
}
