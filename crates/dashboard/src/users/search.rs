//! What a search text may mean: part of an email address, the beginning of a phone number or of an id.

use uuid::Uuid;

/// A search, ready to be bound.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// A pattern for `ilike`.
    pub(crate) email: String,
    /// A pattern for `like`, when the text looks like a phone number.
    pub(crate) phone: Option<String>,
    /// The lowest and the highest id that begin with the text, when it looks like an id.
    pub(crate) ids: Option<(Uuid, Uuid)>,
}

impl Search {
    /// Reads a text; `None` when there is nothing to search for.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        Some(Self { email: format!("%{}%", escape(text)), phone: phone(text), ids: ids(text) })
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Numbers are stored without `+`; people type spaces, dashes and parentheses between the digits.
fn phone(text: &str) -> Option<String> {
    let is_number = text.chars().all(|character| character.is_ascii_digit() || "+ -().".contains(character));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && !digits.is_empty()).then(|| format!("{digits}%"))
}

/// Ids that begin like this: hexadecimal digits with dashes where ids have them.
fn ids(text: &str) -> Option<(Uuid, Uuid)> {
    const NONE: &str = "00000000-0000-0000-0000-000000000000";
    if text.len() > NONE.len() || !text.is_ascii() {
        return None;
    }
    let fits = text.chars().zip(NONE.chars()).all(|(given, form)| match form {
        '-' => given == '-',
        _ => given.is_ascii_hexdigit(),
    });
    let rest = &NONE[text.len()..];
    let complete = |digit: &str| Uuid::parse_str(&format!("{text}{}", rest.replace('0', digit))).ok();
    if fits { complete("0").zip(complete("f")) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_the_text_are_ordinary_characters() {
        assert_eq!(Search::parse(r" 50%_\ ").expect("a search").email, r"%50\%\_\\%");
        assert_eq!(Search::parse("  "), None);
    }

    #[test]
    fn phones_ignore_what_people_type_between_digits() {
        assert_eq!(phone("+49 (30) 12-3").as_deref(), Some("4930123%"));
        assert_eq!(phone("12a"), None);
        assert_eq!(phone("+"), None);
    }

    #[test]
    fn ids_span_what_begins_with_the_text() {
        let (low, high) = ids("ab12").expect("a beginning");
        assert_eq!(low.to_string(), "ab120000-0000-0000-0000-000000000000");
        assert_eq!(high.to_string(), "ab12ffff-ffff-ffff-ffff-ffffffffffff");
        let whole = "11111111-2222-3333-4444-555555555555";
        assert_eq!(ids(whole).map(|(low, high)| (low == high, low.to_string())), Some((true, whole.into())));
        for no_id in ["ann@x", "ab12ab12ab", "zz", "ü"] {
            assert_eq!(ids(no_id), None, "{no_id}");
        }
    }
}
