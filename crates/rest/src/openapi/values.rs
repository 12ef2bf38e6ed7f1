//! PostgreSQL's types, defaults and comments in the words of JSON schema.

use serde_json::Value;

use super::document::{Schema, SchemaOrRef};

/// The JSON type of a PostgreSQL type; `json` can be anything.
pub(super) fn kind(type_name: &str) -> Option<&'static str> {
    match type_name {
        "boolean" => Some("boolean"),
        "smallint" | "integer" | "bigint" => Some("integer"),
        "numeric" | "real" | "double precision" => Some("number"),
        "json" | "jsonb" => None,
        array if array.ends_with("[]") => Some("array"),
        _ => Some("string"),
    }
}

/// The format of a PostgreSQL type: its name, or that of the integers.
pub(super) fn format(type_name: &str) -> String {
    match type_name {
        "smallint" | "integer" => "int32",
        "bigint" => "int64",
        other => other,
    }
    .to_owned()
}

/// The elements of an array type.
pub(super) fn items(type_name: &str) -> Option<Box<SchemaOrRef>> {
    let element = type_name.strip_suffix("[]")?;
    Some(Box::new(SchemaOrRef::Schema(Box::new(Schema { kind: kind(element), ..Schema::default() }))))
}

/// A default that is a constant; `expression` is PostgreSQL's text of it.
pub(super) fn default(type_name: &str, expression: &str) -> Option<Value> {
    let constant = expression.strip_suffix(type_name).and_then(|rest| rest.strip_suffix("::"));
    match kind(type_name) {
        // What is not a constant of the type itself is shown as the expression that it is.
        Some("string") => Some(Value::String(constant.unwrap_or(expression).trim_matches('\'').to_owned())),
        _ => serde_json::from_str(expression).ok(),
    }
}

/// The first line of a comment and what follows it.
pub(super) fn summary(comment: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(comment) = comment else { return (None, None) };
    let (first, rest) = comment.split_once('\n').unwrap_or((comment, ""));
    let rest = rest.trim_start_matches('\n');
    (Some(first.to_owned()), (!rest.is_empty()).then(|| rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn constants_are_defaults() {
        assert_eq!(default("text", "'default'::text"), Some(json!("default")));
        assert_eq!(default("date", "'1900-01-01'::date"), Some(json!("1900-01-01")));
        assert_eq!(default("numeric", "42.2"), Some(json!(42.2)));
        assert_eq!(default("integer", "nextval('a_seq'::regclass)"), None);
        assert_eq!(default("uuid", "gen_random_uuid()"), Some(json!("gen_random_uuid()")));
    }

    #[test]
    fn comments_begin_with_a_summary() {
        assert_eq!(summary(Some("a")), (Some("a".to_owned()), None));
        assert_eq!(summary(Some("a\n\nb\nc")), (Some("a".to_owned()), Some("b\nc".to_owned())));
    }
}
