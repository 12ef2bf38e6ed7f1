//! The small words of the query language: field names, quoted values, JSON paths, identifiers.

use super::ast::{Field, JsonKey, JsonStep};
use super::cursor::{Cursor, Step, Stop};

const FIELD_NAME: &str = "field name (* or [a..z0..9_$])";
const JSON_KEY: &str = "any non reserved character different from: .,>()";

/// Spaces and tabs around `parser`.
pub(super) fn lexeme<T>(cursor: &mut Cursor, parser: impl FnOnce(&mut Cursor) -> Step<T>) -> Step<T> {
    blanks(cursor);
    let value = parser(cursor)?;
    blanks(cursor);
    Ok(value)
}

fn blanks(cursor: &mut Cursor) {
    cursor.take_while(|c| c == ' ' || c == '\t');
}

/// The dot between a name and what follows.
pub(super) fn delimiter(cursor: &mut Cursor) -> Step<()> {
    cursor.label("delimiter (.)", |c| c.char('.')).map(drop)
}

/// A comma with blanks around it.
pub(super) fn comma(cursor: &mut Cursor) -> Step<()> {
    lexeme(cursor, |c| c.char(',')).map(drop)
}

/// A field name: bare or in double quotes.
pub(super) fn field_name(cursor: &mut Cursor) -> Step<String> {
    cursor.label(FIELD_NAME, |c| match c.optional(quoted_name)? {
        Some(name) => Ok(name),
        None => dashed(c, identifier),
    })
}

/// Words joined by dashes that do not begin an arrow.
fn dashed(cursor: &mut Cursor, mut word: impl FnMut(&mut Cursor) -> Step<String>) -> Step<String> {
    let words =
        cursor.separated(&mut word, |c| c.attempt(|c| c.char('-').and_then(|_| c.not_ahead(|next| next == '>'))))?;
    Ok(words.join("-"))
}

/// Letters, digits, `_`, `$` and spaces, trimmed.
pub(super) fn identifier(cursor: &mut Cursor) -> Step<String> {
    let mut word = String::from(identifier_char(cursor)?);
    while let Some(c) = cursor.optional(identifier_char)? {
        word.push(c);
    }
    let word = word.trim();
    if word.is_empty() { Err(Stop) } else { Ok(word.to_owned()) }
}

fn identifier_char(cursor: &mut Cursor) -> Step<char> {
    cursor.take_named(is_identifier_char, &["letter", "digit"])
}

fn is_identifier_char(c: char) -> bool {
    c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '_' | ' ' | '$')
}

/// Text in double quotes; a backslash takes the next character as it is.
pub(super) fn quoted(cursor: &mut Cursor) -> Step<String> {
    cursor.char('"')?;
    let mut text = String::new();
    loop {
        text.push_str(&cursor.take_while(|c| c != '"' && c != '\\'));
        if cursor.optional(|c| c.char('\\'))?.is_none() {
            cursor.char('"')?;
            return Ok(text);
        }
        text.push(cursor.take_if(|_| true)?);
    }
}

/// A quoted name. NUL cannot be part of one, and it cannot be empty: PostgreSQL has no such names either.
fn quoted_name(cursor: &mut Cursor) -> Step<String> {
    let name = quoted(cursor)?;
    if name.is_empty() || name.contains('\0') {
        return Err(Stop);
    }
    Ok(name)
}

/// A field with its JSON path, blanks around it ignored.
pub(super) fn field(cursor: &mut Cursor) -> Step<Field> {
    lexeme(cursor, |c| {
        let name = field_name(c)?;
        let path = json_path(c)?;
        Ok(Field { name, path })
    })
}

/// Most steps of a JSON path: PostgreSQL's parser recurses once for each.
const MAX_STEPS: usize = 64;

/// Some `->` and `->>` steps, possibly none.
pub(super) fn json_path(cursor: &mut Cursor) -> Step<Vec<JsonStep>> {
    let mut path = Vec::new();
    while let Some(as_text) = cursor.optional(arrow)? {
        if path.len() == MAX_STEPS {
            return Err(Stop);
        }
        path.push(JsonStep { as_text, key: json_key(cursor)? });
    }
    Ok(path)
}

fn arrow(cursor: &mut Cursor) -> Step<bool> {
    if cursor.literal("->>").is_ok() {
        return Ok(true);
    }
    cursor.literal("->").map(|()| false)
}

fn json_key(cursor: &mut Cursor) -> Step<JsonKey> {
    if let Ok(index) = cursor.attempt(json_index) {
        return Ok(JsonKey::Index(index));
    }
    cursor
        .attempt(|c| {
            c.label(JSON_KEY, |c| match c.optional(quoted)? {
                Some(key) => Ok(key),
                None => dashed(c, json_key_word),
            })
        })
        .map(JsonKey::Name)
}

fn json_key_word(cursor: &mut Cursor) -> Step<String> {
    let is_plain = |c: char| !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')');
    let first = cursor.take_if(is_plain)?;
    let word = format!("{first}{}", cursor.take_while(is_plain));
    Ok(word.trim().to_owned())
}

fn json_index(cursor: &mut Cursor) -> Step<String> {
    let sign = cursor.optional(|c| c.char('-'))?.map_or("", |_| "-");
    let mut digits = String::from(digit(cursor)?);
    while let Some(c) = cursor.optional(digit)? {
        digits.push(c);
    }
    // The closing parenthesis of an embedded select ends an index as well.
    if cursor.peek() != Some(')') {
        index_end(cursor)?;
    }
    Ok(format!("{sign}{digits}"))
}

fn digit(cursor: &mut Cursor) -> Step<char> {
    cursor.take_named(|c| c.is_ascii_digit(), &["digit"])
}

fn index_end(cursor: &mut Cursor) -> Step<()> {
    for end in ["->", "::", ".", ","] {
        if cursor.ahead(|c| c.literal(end)).is_ok() {
            return Ok(());
        }
    }
    cursor.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Field {
        field(&mut Cursor::new(text)).expect("parses")
    }

    #[test]
    fn names_may_hold_spaces_dashes_and_dollars() {
        assert_eq!(parsed(" a b-c$1 ").name, "a b-c$1");
        assert_eq!(parsed("\"a.b,\\\"c\"").name, "a.b,\"c");
    }

    #[test]
    fn json_steps_tell_indexes_from_keys() {
        let path = parsed("data->a-b->>-2").path;
        assert_eq!(path[0], JsonStep { as_text: false, key: JsonKey::Name("a-b".to_owned()) });
        assert_eq!(path[1], JsonStep { as_text: true, key: JsonKey::Index("-2".to_owned()) });
        assert_eq!(parsed("data->1x").path[0].key, JsonKey::Name("1x".to_owned()));
    }

    #[test]
    fn badly_formed_negatives_are_refused() {
        let mut cursor = Cursor::new("data->>--34");
        assert!(field(&mut cursor).is_err());
        assert_eq!(cursor.explain(), ("(line 1, column 9)".to_owned(), "unexpected \"-\" expecting digit".to_owned()));
    }

    #[test]
    fn nul_is_no_part_of_a_name() {
        assert!(field_name(&mut Cursor::new("\"a\0b\"")).is_err());
    }
}
