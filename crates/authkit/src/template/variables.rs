//! What templates can name.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

/// The values of a letter, by the names that templates know (`ConfirmationURL`, `Token`, `Data`, …). A name that
/// has no value prints nothing.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<Arc<str>, Value>);

impl Variables {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.into(), Value::String(value.into()));
        self
    }

    /// Adds a JSON value, as `Data` (the user's metadata) is one.
    #[must_use]
    pub fn json(mut self, name: &str, value: &serde_json::Value) -> Self {
        self.0.insert(name.into(), from_json(value));
        self
    }

    pub(super) fn value(&self) -> Value {
        Value::Map(Arc::new(self.0.clone()))
    }
}

/// Numbers without a fraction become integers, so that long ones are not printed with an exponent.
fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Uint(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(entries) => Value::Map(Arc::new(
            entries.iter().map(|(name, value)| (Arc::from(name.as_str()), from_json(value))).collect(),
        )),
    }
}
