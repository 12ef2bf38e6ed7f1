//! Filters of the table editor: `<column>.<operator>.<value>`. Values are bound as untyped text, so that
//! PostgreSQL reads them as the column's type.

use pg::ident;

use super::catalog::Table;
use crate::error::Error;

/// The most filters of one request.
const MAX_FILTERS: usize = 50;
/// The most values of one `in`.
const MAX_VALUES: usize = 500;

/// Conditions and the values they compare with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) sql: Vec<String>,
    pub(crate) values: Vec<String>,
}

impl Conditions {
    /// Reads filters.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown column, operator or form, [`Error::Masked`] for a column with secrets.
    pub(crate) fn parse<'a>(table: &Table, filters: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut conditions = Self::default();
        for (index, filter) in filters.enumerate() {
            if index >= MAX_FILTERS {
                return Err(Error::Invalid(format!("more than {MAX_FILTERS} filters")));
            }
            conditions.add(table, filter)?;
        }
        Ok(conditions)
    }

    /// Binds a value and gives its place.
    pub(crate) fn bind(&mut self, value: impl Into<String>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn add(&mut self, table: &Table, filter: &str) -> Result<(), Error> {
        let Parts { column, operator, value } = parts(table, filter)?;
        let name = ident::quote(&table.comparable(column)?.name);
        let condition = match operator {
            "in" => {
                let values = list(value)?;
                let places: Vec<_> = values.into_iter().map(|value| self.bind(value)).collect();
                format!("{name} in ({})", places.join(", "))
            }
            "is" => format!("{name} is {}", known(value)?),
            "like" | "ilike" => format!("{name}::text {operator} {}", self.bind(value)),
            other => format!("{name} {} {}", comparison(other)?, self.bind(value)),
        };
        self.sql.push(condition);
        Ok(())
    }

    /// ` where …`, or nothing.
    pub(crate) fn clause(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!(" where {}", self.sql.join(" and ")) }
    }
}

struct Parts<'a> {
    column: &'a str,
    operator: &'a str,
    value: &'a str,
}

/// Column names may hold dots: the longest one that fits is meant.
fn parts<'a>(table: &Table, filter: &'a str) -> Result<Parts<'a>, Error> {
    let fits = table
        .columns
        .iter()
        .filter_map(|column| {
            let rest = filter.strip_prefix(column.name.as_str())?.strip_prefix('.')?;
            let (operator, value) = rest.split_once('.')?;
            comparison(operator).ok().or(["in", "is", "like", "ilike"].contains(&operator).then_some(""))?;
            Some(Parts { column: &filter[..column.name.len()], operator, value })
        })
        .max_by_key(|parts| parts.column.len());
    fits.ok_or_else(|| {
        let form = "`<column>.<operator>.<value>` with an operator of eq neq gt gte lt lte like ilike is in";
        Error::Invalid(format!("filter `{filter}` is not of the form {form}, or names no column"))
    })
}

fn comparison(operator: &str) -> Result<&'static str, Error> {
    Ok(match operator {
        "eq" => "=",
        "neq" => "<>",
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        _ => return Err(Error::Invalid(format!("unknown operator `{operator}`"))),
    })
}

fn known(value: &str) -> Result<&'static str, Error> {
    Ok(match value.to_ascii_lowercase().as_str() {
        "null" => "null",
        "not_null" | "not.null" | "not null" => "not null",
        "true" => "true",
        "false" => "false",
        "unknown" => "unknown",
        _ => return Err(Error::Invalid(format!("`is` takes null, not_null, true, false or unknown, not `{value}`"))),
    })
}

/// Values separated by commas, in parentheses or not; in quotes where they hold commas.
fn list(text: &str) -> Result<Vec<String>, Error> {
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    let mut values = vec![String::new()];
    let mut characters = inner.chars();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let last = values.len() - 1;
        match character {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => values[last].extend(characters.next()),
            ',' if !is_quoted => values.push(String::new()),
            other => values[last].push(other),
        }
    }
    if is_quoted {
        return Err(Error::Invalid(format!("a quote in `{text}` is not closed")));
    }
    if values.len() > MAX_VALUES {
        return Err(Error::Invalid(format!("`in` takes at most {MAX_VALUES} values")));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::catalog::Column;

    fn table(columns: &[&str]) -> Table {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            kind: "text".into(),
            nullable: true,
            default: None,
            primary_key: false,
            masked: *name == "secret",
            generated: false,
            references: None,
            comment: None,
            type_id: 25,
            key_place: None,
        };
        Table {
            schema: "public".into(),
            name: "t".into(),
            kind: "table",
            locked: false,
            rls_enabled: Some(true),
            columns: columns.iter().map(column).collect(),
        }
    }

    fn parse(filters: &[&str]) -> Result<Conditions, Error> {
        Conditions::parse(&table(&["a", "a.eq", "secret", "x\"y"]), filters.iter().copied())
    }

    #[test]
    fn values_are_bound_and_names_quoted() {
        let conditions = parse(&["a.eq.1' or true --", "x\"y.neq.2", "a.is.null"]).expect("valid");
        assert_eq!(conditions.clause(), r#" where "a" = $1 and "x""y" <> $2 and "a" is null"#);
        assert_eq!(conditions.values, ["1' or true --", "2"]);
    }

    #[test]
    fn the_longest_column_name_wins() {
        let conditions = parse(&["a.eq.eq.5", "a.eq.like"]).expect("valid");
        assert_eq!(conditions.clause(), r#" where "a.eq" = $1 and "a" = $2"#);
        assert_eq!(conditions.values, ["5", "like"]);
    }

    #[test]
    fn lists_are_split_outside_of_quotes() {
        assert_eq!(list(r#"(1,"a,b","c\"d",)"#).expect("valid"), ["1", "a,b", "c\"d", ""]);
        assert_eq!(list("1,2").expect("valid"), ["1", "2"]);
        assert!(list("(\"a)").is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for filter in ["", "a", "a.eq", "b.eq.1", "a.drop.1", "a.is.maybe", "a;--.eq.1"] {
            assert!(matches!(parse(&[filter]), Err(Error::Invalid(_))), "{filter}");
        }
        assert!(matches!(parse(&["secret.eq.x"]), Err(Error::Masked(_))));
        assert!(matches!(parse(&["secret.is.null"]), Err(Error::Masked(_))));
    }
}
