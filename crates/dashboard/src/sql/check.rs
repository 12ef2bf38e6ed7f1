//! Judging statements before they run: what destroys or opens data is pointed out, nothing is forbidden.

use std::collections::HashSet;

use axum::Json as JsonBody;
use pg::statements::{Kind, Token};
use serde::{Deserialize, Serialize};

use super::statement::{Statement, main_verb, outer, split_runnable};
use crate::error::Error;
use crate::extract::Json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    query: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Answer<'a> {
    statements: Vec<Judged<'a>>,
}

#[derive(Debug, Serialize)]
struct Judged<'a> {
    text: &'a str,
    kind: String,
    warnings: Vec<Warning>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    code: &'static str,
    message: String,
}

/// `POST /sql/check`
pub(crate) async fn check(Json(request): Json<Request>) -> Result<JsonBody<serde_json::Value>, Error> {
    let answer = judge(&request.query);
    serde_json::to_value(&answer).map(JsonBody).map_err(|_| Error::Internal("warnings could not be written"))
}

/// What is to be said about each statement of a text.
fn judge(text: &str) -> Answer<'_> {
    let statements = split_runnable(text);
    let secured: HashSet<Name> = statements.iter().filter_map(secured_table).collect();
    let judged = statements.iter().map(|statement| Judged {
        text: statement.text.trim(),
        kind: statement.kind(),
        warnings: warnings(statement, &secured),
    });
    Answer { statements: judged.collect() }
}

fn warnings(statement: &Statement<'_>, secured: &HashSet<Name>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let tokens = executed(&statement.tokens);
    let is_first = |word: &str| tokens.first().is_some_and(|token| token.is(word));
    let kind = statement.kind();
    if is_first("drop") {
        warnings.push(warning("drop", format!("{} removes something for good", kind.to_lowercase())));
    } else if is_first("truncate") {
        warnings.push(warning("truncate", "removes every row of the table"));
    } else if is_first("alter") {
        warnings.push(alteration(statement, &kind));
    } else if is_first("reassign") || is_first("revoke") {
        warnings.push(warning("privileges", "changes who may do what"));
    }
    warnings.extend(changes(tokens));
    warnings.extend(open_table(statement, secured));
    warnings
}

/// The tokens that run: those behind `explain analyze`; a plain `explain` runs nothing.
fn executed<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    if !tokens.first().is_some_and(|token| token.is("explain")) {
        return tokens;
    }
    let mut depth = 0_usize;
    let mut analyzes = false;
    for (index, token) in tokens.iter().enumerate().skip(1) {
        match token.kind {
            Kind::Open if depth == 0 && index > 1 => return if analyzes { &tokens[index..] } else { &[] },
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ if token.is("analyze") || token.is("analyse") => analyzes = true,
            _ if depth > 0 || token.is("verbose") => {}
            _ => return if analyzes { &tokens[index..] } else { &[] },
        }
    }
    &[]
}

fn alteration(statement: &Statement<'_>, kind: &str) -> Warning {
    let opens = statement.has("disable") && statement.has("row") && statement.has("security");
    if opens {
        return warning("rls_disabled", "without row level security every caller sees every row");
    }
    if statement.has("drop") {
        return warning("alter_drop", format!("{} … drop removes something for good", kind.to_lowercase()));
    }
    warning("alter", format!("{} changes the database's structure or settings", kind.to_lowercase()))
}

/// What is said about changes of rows, at the top or inside `with`.
fn changes(tokens: &[Token<'_>]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let verb = main_verb(tokens);
    warnings.extend(unbounded(verb));
    let has_with = tokens.first().is_some_and(|token| token.is("with"));
    if !has_with {
        return warnings;
    }
    // PostgreSQL allows changes only in the outermost list.
    let mut depth = 0_usize;
    for (index, pair) in tokens.windows(2).enumerate() {
        match pair[0].kind {
            Kind::Open => {
                if depth == 0 {
                    warnings.extend(change_in_with(&tokens[index + 1..]));
                }
                depth += 1;
            }
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    warnings
}

/// What is said about a query of a `with` list that changes rows.
fn change_in_with(query: &[Token<'_>]) -> Vec<Warning> {
    let Some(first) = query.first() else { return Vec::new() };
    let Some(word) = ["insert", "update", "delete", "merge"].iter().find(|word| first.is(word)) else {
        return Vec::new();
    };
    let mut warnings = vec![warning("write_in_with", format!("{word} inside with changes rows"))];
    warnings.extend(unbounded(query));
    warnings
}

/// A delete or update that concerns every row.
fn unbounded(tokens: &[Token<'_>]) -> Option<Warning> {
    let first = tokens.first()?;
    let (code, message) = if first.is("delete") {
        ("delete_without_where", "deletes every row of the table")
    } else if first.is("update") {
        ("update_without_where", "changes every row of the table")
    } else {
        return None;
    };
    let is_bounded = outer(tokens).any(|token| token.is("where"));
    (!is_bounded).then(|| warning(code, message))
}

fn warning(code: &'static str, message: impl Into<String>) -> Warning {
    Warning { code, message: message.into() }
}

/// A table's schema and name as PostgreSQL folds them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Name {
    schema: String,
    table: String,
}

/// The table that `create table` makes in schema public, unless some statement here secures it.
fn open_table(statement: &Statement<'_>, secured: &HashSet<Name>) -> Option<Warning> {
    let is_temporary = statement.tokens.iter().take(4).any(|token| token.is("temp") || token.is("temporary"));
    if !statement.tokens.first()?.is("create") || is_temporary {
        return None;
    }
    let (object, rest) = statement.object()?;
    if object != "TABLE" {
        return None;
    }
    let words = ["if", "not", "exists"];
    let has_condition = words.iter().zip(rest).all(|(word, token)| token.is(word)) && rest.len() > 3;
    let name = name(if has_condition { &rest[3..] } else { rest })?;
    let is_open = name.schema == "public" && !secured.contains(&name);
    is_open.then(|| {
        let table = name.table;
        warning("rls_missing", format!("table {table} is in the API and has no row level security: anyone may read it"))
    })
}

/// The table that `alter table … enable row level security` names.
fn secured_table(statement: &Statement<'_>) -> Option<Name> {
    let (object, rest) = statement.object()?;
    let enables = statement.tokens.first()?.is("alter")
        && object == "TABLE"
        && statement.has("enable")
        && statement.has("security");
    let skipped = rest.iter().take_while(|token| ["if", "exists", "only"].iter().any(|word| token.is(word))).count();
    name(&rest[skipped..]).filter(|_| enables)
}

/// A name, with schema public where it has none.
fn name(tokens: &[Token<'_>]) -> Option<Name> {
    let first = folded(tokens.first()?)?;
    let is_qualified = tokens.get(1).is_some_and(|token| token.text == ".");
    match tokens.get(2).and_then(folded).filter(|_| is_qualified) {
        Some(table) => Some(Name { schema: first, table }),
        None => Some(Name { schema: "public".into(), table: first }),
    }
}

fn folded(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Word => Some(token.text.to_lowercase()),
        Kind::Quoted => Some(token.text.trim_matches('"').replace("\"\"", "\"")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<Vec<&'static str>> {
        let judged = judge(text).statements;
        judged.iter().map(|statement| statement.warnings.iter().map(|warning| warning.code).collect()).collect()
    }

    #[test]
    fn what_destroys_is_pointed_out() {
        for (text, code) in [
            ("drop table x", "drop"),
            ("TRUNCATE x", "truncate"),
            ("alter table x add column y int", "alter"),
            ("alter table x drop column y", "alter_drop"),
            ("alter table x disable row level security", "rls_disabled"),
            ("delete from x", "delete_without_where"),
            ("delete from x using (select 1 where true) y", "delete_without_where"),
            ("update x set y = (select 1 where true)", "update_without_where"),
            ("explain analyze delete from x", "delete_without_where"),
            ("explain (analyze, verbose) delete from x", "delete_without_where"),
            ("with a as (select 1 where true) delete from x", "delete_without_where"),
            ("create table x (id int)", "rls_missing"),
            ("create table if not exists public.\"X\" (id int)", "rls_missing"),
        ] {
            assert_eq!(codes(text), [[code]], "{text}");
        }
    }

    #[test]
    fn what_is_harmless_is_left_alone() {
        for text in [
            "select 'drop table x'",
            "select 1 -- delete from x",
            "delete from x where id = 1",
            "update x set y = 1 where id = 2 returning *",
            "select * from x for update",
            "insert into x values (1) on conflict (id) do update set y = 1",
            "explain delete from x",
            "create temp table x (id int)",
            "create table private.x (id int)",
            "with a as (select 1) select * from a",
            "create function f() returns void language sql as $$ delete from x $$",
        ] {
            assert_eq!(codes(text), [[""; 0]], "{text}");
        }
    }

    #[test]
    fn changes_inside_with_are_found() {
        assert_eq!(
            codes("with gone as (delete from x returning *) select * from gone"),
            [["write_in_with", "delete_without_where"]]
        );
        assert_eq!(codes("with a as materialized (update x set y = 1 where z) select 1"), [["write_in_with"]]);
    }

    #[test]
    fn a_table_that_is_secured_in_the_same_text_is_fine() {
        let text = "create table Films (id int); alter table public.films enable row level security;";
        assert_eq!(codes(text), [vec![], vec!["alter"]]);
        let other = "create table a (id int); alter table b enable row level security;";
        assert_eq!(codes(other)[0], ["rls_missing"]);
    }
}
