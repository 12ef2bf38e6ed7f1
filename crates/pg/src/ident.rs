//! Identifiers in SQL text. Everything that names something in a statement and is not a constant goes through
//! here; values are bound and never do.

use std::fmt::Write as _;

/// An identifier, quoted always: `user` becomes `"user"`, and a quote inside is doubled.
///
/// PostgreSQL cannot hold NUL in a name; U+FFFD stands in, so that the name is simply not found.
#[must_use]
pub fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for character in
        name.chars().map(|character| if character == '\0' { char::REPLACEMENT_CHARACTER } else { character })
    {
        if character == '"' {
            quoted.push('"');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// `schema.name`, both quoted.
#[must_use]
pub fn qualified(schema: &str, name: &str) -> String {
    let mut text = quote(schema);
    let _ = write!(text, ".{}", quote(name));
    text
}

/// A list of identifiers, each quoted, separated by `, `.
#[must_use]
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

/// A string literal, for the few statements that take no parameters (`copy`, `alter role … password`).
#[must_use]
pub fn literal(value: &str) -> String {
    let escaped = value.replace('\0', "").replace('\\', "\\\\").replace('\'', "''");
    format!("E'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled_and_nul_is_replaced() {
        assert_eq!(quote("plain"), r#""plain""#);
        assert_eq!(quote(r#"a"; drop table x; --"#), r#""a""; drop table x; --""#);
        assert_eq!(quote("a\0b"), "\"a\u{fffd}b\"");
        assert_eq!(qualified("auth", "users"), r#""auth"."users""#);
        assert_eq!(list(["a", "b"]), r#""a", "b""#);
        assert_eq!(literal(r"it's \"), r"E'it''s \\'");
    }
}
