//! From a plan to one statement. User text gets into it in two ways only: as a bound parameter or as a quoted
//! identifier.

mod call;
mod cast;
mod condition;
mod embed;
#[cfg(any(test, feature = "fuzz"))]
mod fixture;
#[cfg(test)]
mod property;
mod read;
mod result;
mod write;

#[cfg(any(test, feature = "fuzz"))]
pub use fixture::hostile;
pub use result::{Counting, call, count, explained, read, write};

use pg::ident;

use crate::plan::Label;

/// A statement with its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// SQL with `$1`, `$2` …
    pub text: String,
    /// The parameters in order.
    pub params: Vec<Value>,
}

/// A parameter. Its type is what PostgreSQL expects at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// PostgreSQL's text form of whatever type it is.
    Text(String),
    /// A `bytea`.
    Bytes(Vec<u8>),
}

/// A statement in the making.
#[derive(Debug, Default)]
struct Sql {
    statement: Statement,
}

impl Sql {
    /// Appends our own words.
    fn push(&mut self, words: &'static str) -> &mut Self {
        self.statement.text.push_str(words);
        self
    }

    /// Appends a quoted identifier.
    fn ident(&mut self, name: &str) -> &mut Self {
        self.statement.text.push_str(&ident::quote(name));
        self
    }

    /// Appends a quoted schema and name.
    fn name(&mut self, name: &crate::schema::Name) -> &mut Self {
        self.statement.text.push_str(&name.quoted());
        self
    }

    /// Appends what columns are qualified with.
    fn label(&mut self, label: &Label) -> &mut Self {
        match label {
            Label::Relation(name) => self.name(name),
            Label::Alias(alias) => self.ident(alias),
        }
    }

    /// Appends `label."column"`, or `label.*`.
    fn column(&mut self, label: &Label, column: &str) -> &mut Self {
        self.label(label).push(".");
        if column == "*" { self.push("*") } else { self.ident(column) }
    }

    /// Appends SQL that PostgreSQL's catalog printed: a type or the expression of a default.
    fn catalog(&mut self, text: &str) -> &mut Self {
        self.statement.text.push_str(text);
        self
    }

    /// Appends a parameter with this text.
    fn bind(&mut self, text: impl Into<String>) -> &mut Self {
        self.bind_value(Value::Text(text.into()))
    }

    fn bind_value(&mut self, value: Value) -> &mut Self {
        self.statement.params.push(value);
        let number = self.statement.params.len();
        self.statement.text.push_str(&format!("${number}"));
        self
    }

    /// Appends a parameter that is an array of these texts.
    fn bind_list(&mut self, items: &[String]) -> &mut Self {
        self.bind(array_literal(items))
    }

    /// Appends a number of ours.
    fn number(&mut self, number: usize) -> &mut Self {
        self.statement.text.push_str(&number.to_string());
        self
    }

    /// Appends each item, with `separator` between them.
    fn each<T>(
        &mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        mut append: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.push(separator);
            }
            append(self, item);
        }
        self
    }
}

/// PostgreSQL's text form of an array of texts.
fn array_literal(items: &[String]) -> String {
    let quoted: Vec<String> =
        items.iter().map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_literals_escape_quotes_and_backslashes() {
        let items = ["a,b".to_owned(), "\"\\".to_owned(), "NULL".to_owned()];
        assert_eq!(array_literal(&items), r#"{"a,b","\"\\","NULL"}"#);
    }

    #[test]
    fn values_are_numbered() {
        let mut sql = Sql::default();
        sql.push("select ").bind("x").push(", ").bind_value(Value::Bytes(vec![1]));
        assert_eq!(sql.statement.text, "select $1, $2");
        assert_eq!(sql.statement.params.len(), 2);
    }
}
