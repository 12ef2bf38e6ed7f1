//! Comparisons of templates. In Go all numbers of JSON are of one type, so that templates compare them with `18` and
//! with `18.0`; here whole ones are integers, which the engine compares with integers only.

use std::cmp::Ordering;
use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value};

/// The functions that compare, in place of the engine's.
pub(super) fn functions() -> FuncMap {
    let mut functions = FuncMap::new();
    let mut add = |name: &'static str, holds: fn(&[Value]) -> Result<bool, TemplateError>, most: usize| {
        let function = move |values: &[Value]| {
            if values.len() < 2 || values.len() > most {
                return Err(TemplateError::ArgCount { name: name.to_owned(), expected: 2, got: values.len() });
            }
            holds(values).map(Value::Bool)
        };
        functions.insert(name.to_owned(), Arc::new(function));
    };
    add("eq", is_any, usize::MAX);
    add("ne", |values| is_any(values).map(|is_any| !is_any), 2);
    add("lt", |values| order(values).map(Ordering::is_lt), 2);
    add("le", |values| order(values).map(Ordering::is_le), 2);
    add("gt", |values| order(values).map(Ordering::is_gt), 2);
    add("ge", |values| order(values).map(Ordering::is_ge), 2);
    functions
}

/// Whether the first is equal to any other.
fn is_any(values: &[Value]) -> Result<bool, TemplateError> {
    let Some((first, others)) = values.split_first() else { return Ok(false) };
    for other in others {
        if is_equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_equal(one: &Value, other: &Value) -> Result<bool, TemplateError> {
    match (one, other) {
        (Value::Nil, _) | (_, Value::Nil) => Ok(matches!((one, other), (Value::Nil, Value::Nil))),
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        _ => compare(one, other).map(|order| order == Some(Ordering::Equal)),
    }
}

fn order(values: &[Value]) -> Result<Ordering, TemplateError> {
    let [one, other] = values else { return Err(TemplateError::Exec("two values are compared".to_owned())) };
    compare(one, other)?.ok_or_else(|| TemplateError::Exec("invalid type for comparison".to_owned()))
}

/// The order of two numbers or two texts; `None` of what is no number.
fn compare(one: &Value, other: &Value) -> Result<Option<Ordering>, TemplateError> {
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Ok(Some(one.cmp(&other)));
    }
    if let (Some(one), Some(other)) = (one.as_float(), other.as_float()) {
        return Ok(one.partial_cmp(&other));
    }
    if let (Some(one), Some(other)) = (one.as_str(), other.as_str()) {
        return Ok(Some(one.cmp(other)));
    }
    let message = format!("incompatible types for comparison: {} and {}", one.type_name(), other.type_name());
    Err(TemplateError::Exec(message))
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::template::{TextTemplate, Variables};

    fn render(text: &str) -> String {
        let data = json!({"age": 20, "half": 0.5, "long": 12_345_678, "big": u64::MAX, "name": "Ann", "yes": true});
        let variables = Variables::new().json("Data", &data);
        TextTemplate::parse("x", text).unwrap().render(&variables).unwrap_or_else(|_| "fails".to_owned())
    }

    #[test]
    fn whole_numbers_are_compared_with_any_number() {
        for holds in [
            "ge .Data.age 18.0",
            "ge .Data.age 18",
            "eq .Data.age 20",
            "eq .Data.age 20.0",
            "eq .Data.age 1 2 20",
            "ne .Data.age 20.5",
            "lt .Data.half .Data.age",
            "gt .Data.big 1",
            "le .Data.age .Data.age",
            "eq .Data.name \"Ann\"",
            "lt .Data.name \"Bob\"",
            "eq .Data.yes true",
            "ne .Data.missing 1",
        ] {
            assert_eq!(render(&format!("{{{{ if {holds} }}}}yes{{{{ end }}}}")), "yes", "{holds}");
        }
        for fails in ["lt .Data.missing 1", "eq .Data.name 1", "lt .Data.yes true", "eq .Data 1", "eq 1", "lt 1 2 3"] {
            assert_eq!(render(&format!("{{{{ {fails} }}}}")), "fails", "{fails}");
        }
    }

    #[test]
    fn whole_numbers_are_printed_as_they_are_written() {
        let text = r#"{{ .Data.age }} {{ .Data.long }} {{ printf "%.0f" .Data.age }} {{ printf "%.2f" .Data.half }}"#;
        assert_eq!(render(text), "20 12345678 20 0.50");
    }
}
