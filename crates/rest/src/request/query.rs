//! The query string as a whole: which parameter says what.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::ast::{At, Filter, Logic, OrderTerm, SelectItem};
use super::cursor::{Cursor, Step, Stop};
use super::range::RowRange;
use super::{filter, logic, names, order, select};
use crate::error::RequestError;

/// Everything that the query string says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Parameters sorted by name, encoded again.
    pub canonical: String,
    /// `select`, by default all columns.
    pub select: Vec<SelectItem>,
    /// Filters, in the order given.
    pub filters: Vec<At<Filter>>,
    /// Names of all parameters that filter, for PUT.
    pub filter_names: Vec<String>,
    /// `and` and `or` trees.
    pub logic: Vec<At<Logic>>,
    /// `order` of each level.
    pub order: Vec<At<Vec<OrderTerm>>>,
    /// `limit` and `offset` of each level, by embed path.
    pub ranges: BTreeMap<Vec<String>, RowRange>,
    /// Arguments of a function called by GET.
    pub arguments: Vec<(String, String)>,
    /// `columns`
    pub columns: Option<Vec<String>>,
    /// `on_conflict`
    pub on_conflict: Option<Vec<String>>,
}

/// How a parameter that is no filter is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfiltered {
    /// It is an argument of the function that is called.
    Argument,
    /// It is an error.
    Error,
}

const RESERVED: [&str; 3] = ["select", "columns", "on_conflict"];

impl Query {
    /// Reads a raw query string.
    ///
    /// # Errors
    /// [`RequestError::QuerySyntax`] with place and expectation of the first parameter that does not parse.
    pub fn parse(raw: &str, unfiltered: Unfiltered) -> Result<Self, RequestError> {
        let pairs = split(raw)?;
        let present: Vec<(&str, &str)> =
            pairs.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?))).collect();
        let mut query = Self {
            canonical: canonical(&pairs),
            select: Vec::new(),
            filters: Vec::new(),
            filter_names: Vec::new(),
            logic: Vec::new(),
            order: Vec::new(),
            ranges: BTreeMap::new(),
            arguments: Vec::new(),
            columns: None,
            on_conflict: None,
        };
        for (key, value) in &present {
            if last_word(key) == "order" {
                query.order.push(At { path: tree_path(key)?, value: parsed("order", value, order::terms)? });
            }
        }
        for (key, value) in &present {
            if matches!(last_word(key), "and" | "or") {
                query.logic.push(logic_tree(key, value)?);
            }
        }
        query.columns = column_list("columns", first(&present, "columns"))?;
        let select = first(&present, "select").unwrap_or("*");
        query.select = parsed("select parameter", select, select::items)?;
        for (key, value) in &present {
            query.take_filter(key, value, unfiltered)?;
        }
        query.on_conflict = column_list("on_conflict", first(&present, "on_conflict"))?;
        query.take_ranges(&present)?;
        Ok(query)
    }

    fn take_filter(&mut self, key: &str, value: &str, unfiltered: Unfiltered) -> Result<(), RequestError> {
        let reserved_end = matches!(last_word(key), "order" | "limit" | "offset" | "and" | "or");
        if reserved_end || RESERVED.contains(&key) {
            return Ok(());
        }
        self.filter_names.push(key.to_owned());
        let condition = parsed("filter", value, filter::condition);
        if condition.is_err() && unfiltered == Unfiltered::Argument {
            self.arguments.push((argument_name(key)?, value.to_owned()));
            return Ok(());
        }
        let (path, field) = parsed_as("tree path", key, key, |c| {
            let mut parts = c.separated(names::field_name, names::delimiter)?;
            let name = parts.pop().ok_or(Stop)?;
            let path = names::json_path(c)?;
            // PostgREST ignores what follows the name, so that `DELETE /t?id)x=eq.1` deletes by `id`.
            c.end()?;
            Ok((parts, crate::request::ast::Field { name, path }))
        })?;
        let (negated, operation) = condition?;
        self.filters.push(At { path, value: Filter { field, negated, operation } });
        Ok(())
    }

    fn take_ranges(&mut self, present: &[(&str, &str)]) -> Result<(), RequestError> {
        for (key, value) in present {
            let is_limit = match last_word(key) {
                "limit" => true,
                "offset" => false,
                _ => continue,
            };
            let range = self.ranges.entry(tree_path(key)?).or_default();
            match (value.trim().parse::<i64>(), is_limit) {
                (Ok(limit), true) => range.limit = Some(limit),
                (Ok(offset), false) => range.offset = offset.max(0),
                (Err(_), _) => {}
            }
        }
        Ok(())
    }
}

fn first<'a>(present: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    present.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

fn last_word(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Path of `a.b.order`: everything before the last dot.
fn tree_path(key: &str) -> Result<Vec<String>, RequestError> {
    let mut path = parsed_as("tree path", key, key, |c| c.separated(names::field_name, names::delimiter))?;
    path.pop();
    Ok(path)
}

fn argument_name(key: &str) -> Result<String, RequestError> {
    let field = parsed_as("tree path", key, key, |c| {
        let mut parts = c.separated(names::field_name, names::delimiter)?;
        parts.pop().ok_or(Stop)
    })?;
    Ok(field)
}

fn logic_tree(key: &str, value: &str) -> Result<At<Logic>, RequestError> {
    let (path, operator) = parsed_as("logic path", key, key, logic::path)?;
    let value = parsed_as("logic tree", value, &format!("{operator}{value}"), logic::tree)?;
    Ok(At { path, value })
}

fn column_list(name: &str, value: Option<&str>) -> Result<Option<Vec<String>>, RequestError> {
    let Some(value) = value else { return Ok(None) };
    let mut columns =
        parsed_as(&format!("{name} parameter"), value, value, |c| c.separated(names::field_name, names::comma))?;
    columns.sort();
    columns.dedup();
    Ok(Some(columns))
}

fn parsed<T>(what: &str, text: &str, parser: impl Fn(&mut Cursor) -> Step<T>) -> Result<T, RequestError> {
    parsed_as(what, text, text, parser)
}

/// Runs `parser` over `text`; errors show `shown` as what was given.
fn parsed_as<T>(
    what: &str,
    shown: &str,
    text: &str,
    parser: impl Fn(&mut Cursor) -> Step<T>,
) -> Result<T, RequestError> {
    // What follows a complete value, such as a parenthesis too many, is ignored: clients in the field rely on it.
    if let Ok(parsed) = parser(&mut Cursor::quick(text)) {
        return Ok(parsed);
    }
    let mut cursor = Cursor::new(text);
    parser(&mut cursor).map_err(|Stop| {
        let (place, reason) = cursor.explain();
        RequestError::QuerySyntax { message: format!("\"failed to parse {what} ({shown})\" {place}"), details: reason }
    })
}

type Pair = (String, Option<String>);

/// Splits at `&` and `;`-free `=`, decodes `+` and percent escapes.
fn split(raw: &str) -> Result<Vec<Pair>, RequestError> {
    raw.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (part, None),
            };
            Ok((decoded(key)?, value.map(decoded).transpose()?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, RequestError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(Into::into).map_err(|_| RequestError::QuerySyntax {
        message: format!("\"failed to decode query string ({text})\""),
        details: "percent-encoded text is not valid UTF-8".to_owned(),
    })
}

/// Fields and values of an `application/x-www-form-urlencoded` body.
///
/// # Errors
/// When a percent escape is no UTF-8.
pub(super) fn form(raw: &str) -> Result<Vec<(String, String)>, RequestError> {
    Ok(split(raw)?.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// Everything but unreserved characters.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'!');

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn canonical(pairs: &[Pair]) -> String {
    let mut sorted: Vec<&Pair> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let parts: Vec<String> = sorted
        .iter()
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value.as_deref().unwrap_or_default())))
        .collect();
    parts.join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::ast::Operation;

    fn query(raw: &str) -> Query {
        Query::parse(raw, Unfiltered::Error).expect("parses")
    }

    #[test]
    fn parameters_find_their_places() {
        let query = query(
            "id=eq.1&clients.name=like.*a&order=id.desc&limit=3&clients.offset=2&select=id,clients(name)&or=(a.eq.1,b.eq.2)&clients.not.and=(a.is.null)",
        );
        assert_eq!(query.filters.len(), 2);
        assert_eq!(query.filters[1].path, ["clients"]);
        assert_eq!(query.order.len(), 1);
        assert_eq!(query.ranges[&Vec::new()].limit, Some(3));
        assert_eq!(query.ranges[&vec!["clients".to_owned()]].offset, 2);
        assert_eq!(query.logic[1].path, ["clients"]);
        assert_eq!(query.select.len(), 2);
    }

    #[test]
    fn text_behind_a_filters_name_is_refused() {
        for key in ["id)x", "id) or (1", "body\" from auth.users --", "a->b)"] {
            let raw = format!("{}=eq.1", encoded(key));
            assert!(Query::parse(&raw, Unfiltered::Error).is_err(), "{key}");
        }
    }

    #[test]
    fn canonical_is_sorted_and_encoded() {
        assert_eq!(query("b=eq.1%202&a=eq.x+y").canonical, "a=eq.x%20y&b=eq.1%202");
    }

    #[test]
    fn a_value_without_operator_is_an_argument_only_of_functions() {
        assert!(Query::parse("a=0", Unfiltered::Error).is_err());
        let call = Query::parse("a=0&b=eq.1", Unfiltered::Argument).expect("parses");
        assert_eq!(call.arguments, [("a".to_owned(), "0".to_owned())]);
        assert_eq!(call.filters.len(), 1);
    }

    #[test]
    fn invalid_utf8_is_an_error() {
        assert!(Query::parse("a=eq.%ff", Unfiltered::Error).is_err());
    }

    proptest! {
        #[test]
        fn any_query_string_is_read_or_refused(raw in "\\PC{0,80}") {
            let _ = Query::parse(&raw, Unfiltered::Error);
            let _ = Query::parse(&raw, Unfiltered::Argument);
        }

        #[test]
        fn anything_made_of_the_languages_own_characters_is_read_or_refused(
            raw in "(select|order|or|and|a|limit|b\\.c|on_conflict|columns)=[a-z0-9(){}\",.:!*>\\-\\\\ =&]{0,60}"
        ) {
            let _ = Query::parse(&raw, Unfiltered::Error);
        }

        #[test]
        fn values_arrive_unchanged(value in "\\PC{0,40}") {
            let raw = format!("a=eq.{}", encoded(&value));
            let query = Query::parse(&raw, Unfiltered::Error).expect("parses");
            let Operation::Quantified(_, None, read) = &query.filters[0].value.operation else {
                return Err(TestCaseError::fail("another operation"));
            };
            prop_assert_eq!(read, &value);
        }
    }
}
