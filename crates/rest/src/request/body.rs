//! The request body: which rows or arguments it holds, without building values of them.
//!
//! JSON goes to the database as the text that came. Here only what the plan needs is found out: the keys, and
//! that all objects have the same.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::media::MediaType;
use super::query;
use crate::error::RequestError;

/// Deepest nesting of a JSON body; PostgreSQL's own parser would run out of stack further down.
const MAX_DEPTH: usize = 512;

/// What the body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// There is none, or it does not matter.
    None,
    /// JSON text: rows or named arguments.
    Json(JsonRows),
    /// Fields of a form, for functions.
    Form(Vec<(String, String)>),
    /// One value as it came, for functions with a single unnamed parameter.
    Raw(Vec<u8>),
}

/// Rows in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonRows {
    /// The text, an object or an array of objects.
    pub text: String,
    /// The text is one object.
    pub is_object: bool,
    /// The keys of its objects, or the columns that were asked for; sorted.
    pub keys: Vec<String>,
}

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Rows to write.
    Rows,
    /// Arguments of a function.
    Arguments,
}

/// Reads a body.
///
/// # Errors
/// [`RequestError::Body`] when its type is not for this purpose, or it is not what its type says.
pub(super) fn read(
    bytes: &[u8],
    content_type: &MediaType,
    purpose: Purpose,
    columns: Option<&[String]>,
) -> Result<Payload, RequestError> {
    match (content_type, purpose) {
        (MediaType::Json, _) => json(bytes, purpose, columns).map(Payload::Json),
        (MediaType::Csv, _) => csv_rows(bytes, columns).map(Payload::Json),
        (MediaType::Form, Purpose::Arguments) => Ok(Payload::Form(query::form(utf8(bytes)?)?)),
        (MediaType::Form, Purpose::Rows) => form_row(bytes).map(Payload::Json),
        (MediaType::Text | MediaType::Xml | MediaType::Binary, Purpose::Arguments) => Ok(Payload::Raw(bytes.to_vec())),
        (other, _) => Err(RequestError::Body(format!("Content-Type not acceptable: {}", other.name()))),
    }
}

fn invalid() -> RequestError {
    RequestError::Body("Empty or invalid json".to_owned())
}

fn utf8(bytes: &[u8]) -> Result<&str, RequestError> {
    std::str::from_utf8(bytes).map_err(|_| RequestError::Body("Body is not valid UTF-8".to_owned()))
}

fn json(bytes: &[u8], purpose: Purpose, columns: Option<&[String]>) -> Result<JsonRows, RequestError> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid())?;
    if is_too_deep(bytes) {
        return Err(invalid());
    }
    let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    if let Some(columns) = columns {
        return Ok(JsonRows { text: text.to_owned(), is_object, keys: columns.to_vec() });
    }
    if text.is_empty() && purpose == Purpose::Arguments {
        return Ok(JsonRows { text: "{}".to_owned(), is_object: true, keys: Vec::new() });
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let shape = reader.deserialize_any(ShapeVisitor).map_err(|_| invalid())?;
    reader.end().map_err(|_| invalid())?;
    match shape {
        Shape::Rows(keys) => Ok(JsonRows { text: text.to_owned(), is_object, keys }),
        Shape::NoRows => Ok(JsonRows { text: "[]".to_owned(), is_object: false, keys: Vec::new() }),
        Shape::Mixed => Err(RequestError::Body("All object keys must match".to_owned())),
    }
}

/// More brackets open at once than allowed; strings are skipped.
fn is_too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for byte in bytes {
        match (is_string, *byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => is_string = !is_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

enum Shape {
    /// An object, or an array of objects with these keys.
    Rows(Vec<String>),
    /// An empty array or no object at all.
    NoRows,
    /// An array whose elements differ.
    Mixed,
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        Ok(Shape::Rows(owned(keys(map)?)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Shape, A::Error> {
        let Some(first) = rows.next_element::<RowKeys<'de>>()? else { return Ok(Shape::NoRows) };
        let mut is_uniform = first.0.is_some();
        while let Some(row) = rows.next_element::<RowKeys<'de>>()? {
            is_uniform &= row.0 == first.0;
        }
        Ok(match first.0 {
            Some(keys) if is_uniform => Shape::Rows(owned(keys)),
            _ => Shape::Mixed,
        })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::NoRows)
    }
}

/// The keys of an element when it is an object.
struct RowKeys<'de>(Option<Vec<Cow<'de, str>>>);

impl<'de> serde::Deserialize<'de> for RowKeys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Raw text first: an element that is no object must still be skipped as a whole.
        let raw = <&'de serde_json::value::RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Ok(Self(None));
        }
        let mut reader = serde_json::Deserializer::from_str(raw.get());
        reader.deserialize_map(KeysVisitor).map(|keys| Self(Some(keys))).map_err(serde::de::Error::custom)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        keys(map)
    }
}

fn keys<'de, A: MapAccess<'de>>(mut map: A) -> Result<Vec<Cow<'de, str>>, A::Error> {
    let mut keys = Vec::new();
    while let Some(key) = map.next_key::<Key<'de>>()? {
        map.next_value::<IgnoredAny>()?;
        keys.push(key.0);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// A key, borrowed when it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn owned(keys: Vec<Cow<'_, str>>) -> Vec<String> {
    keys.into_iter().map(Cow::into_owned).collect()
}

/// A form as one row of texts.
fn form_row(bytes: &[u8]) -> Result<JsonRows, RequestError> {
    let fields = query::form(utf8(bytes)?)?;
    let row: serde_json::Map<String, serde_json::Value> =
        fields.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect();
    let mut keys: Vec<String> = row.keys().cloned().collect();
    keys.sort();
    Ok(JsonRows { text: serde_json::Value::Object(row).to_string(), is_object: true, keys })
}

/// CSV with a header line; `NULL` is null, everything else text.
fn csv_rows(bytes: &[u8], columns: Option<&[String]>) -> Result<JsonRows, RequestError> {
    let ragged = |_| RequestError::Body("All lines must have same number of fields".to_owned());
    let mut reader = csv::ReaderBuilder::new().from_reader(utf8(bytes)?.as_bytes());
    let header = reader.headers().map_err(ragged)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(ragged)?;
        let cell = |text: &str| match text {
            "NULL" => serde_json::Value::Null,
            text => serde_json::Value::String(text.to_owned()),
        };
        let row = header.iter().zip(record.iter()).map(|(name, text)| (name.to_owned(), cell(text)));
        rows.push(serde_json::Value::Object(row.collect()));
    }
    let mut keys: Vec<String> = match (columns, rows.is_empty()) {
        (Some(columns), _) => columns.to_vec(),
        (None, true) => Vec::new(),
        (None, false) => header.iter().map(str::to_owned).collect(),
    };
    keys.sort();
    keys.dedup();
    Ok(JsonRows { text: serde_json::Value::Array(rows).to_string(), is_object: false, keys })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Result<Payload, RequestError> {
        read(text.as_bytes(), &MediaType::Json, Purpose::Rows, None)
    }

    fn keys_of(text: &str) -> Vec<String> {
        match rows(text) {
            Ok(Payload::Json(rows)) => rows.keys,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn keys_are_found_and_must_match() {
        assert_eq!(keys_of(r#"{"b": {"x": 1}, "a": [1]}"#), ["a", "b"]);
        assert_eq!(keys_of(r#"[{"a": 1, "\u0062": 2}, {"b": 1, "a": null}]"#), ["a", "b"]);
        assert!(rows(r#"[{"a": 1}, {"b": 1}]"#).is_err());
        assert!(rows(r#"[{"a": 1}, 1]"#).is_err());
        assert!(rows("[1]").is_err());
    }

    #[test]
    fn other_values_are_no_rows() {
        for text in ["1", "\"a\"", "null", "true", "-1.5", "[]"] {
            let Ok(Payload::Json(rows)) = rows(text) else { unreachable!("{text}") };
            assert_eq!(rows.text, "[]");
        }
    }

    #[test]
    fn unusable_bodies_are_refused() {
        for text in ["", "{", "{\"a\": }", "[{\"a\":1}] x"] {
            assert_eq!(rows(text), Err(invalid()), "{text}");
        }
        assert!(read(b"{\"a\": \"\xff\"}", &MediaType::Json, Purpose::Rows, None).is_err());
        assert!(rows(&format!("{{\"a\": {}", "[".repeat(1_000_000))).is_err());
    }

    #[test]
    fn csv_becomes_rows() {
        let read = |text: &str| read(text.as_bytes(), &MediaType::Csv, Purpose::Rows, None);
        let Ok(Payload::Json(rows)) = read("a,b\n1,NULL\n\"x,y\",\n") else { unreachable!("parses") };
        assert_eq!(rows.text, r#"[{"a":"1","b":null},{"a":"x,y","b":""}]"#);
        assert!(read("a,b\n1\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for content_type in [MediaType::Json, MediaType::Csv, MediaType::Form] {
                let _ = read(&bytes, &content_type, Purpose::Rows, None);
                let _ = read(&bytes, &content_type, Purpose::Arguments, None);
            }
        }
    }
}
