//! Whatever a request says, its text reaches SQL only as a parameter or as a quoted identifier.

use http::Method;
use proptest::prelude::*;

use super::fixture::{hostile, statement, wrong};
use super::{Statement, Value};
use crate::request::query::encoded;

/// Text of a kind that is dangerous in SQL. It is not empty, since names are not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,12}",
        "['\";$\\\\(){}*,.:-]{1,8}",
        Just("'; drop table films; --".to_owned()),
        Just("\"; drop table x; --".to_owned()),
        Just("$$ evil $$".to_owned()),
        Just("id".to_owned()),
    ]
}

fn quoted(text: &str) -> String {
    encoded(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A query string with user text in every position that takes some.
fn query() -> impl Strategy<Value = String> {
    let operator = prop_oneof![
        Just("eq"),
        Just("neq"),
        Just("like"),
        Just("match(any)"),
        Just("cs"),
        Just("isdistinct"),
        Just("fts(x%20y)"),
        Just("not.in")
    ];
    (proptest::collection::vec(text(), 12), operator, any::<[bool; 6]>()).prop_map(|(texts, operator, parts)| {
        let q = |index: usize| quoted(&texts[index]);
        let spread = if parts[0] { "..." } else { "" };
        let inner = if parts[1] { "!inner" } else { "" };
        let value = if operator == "not.in" { format!("({},{})", q(0), q(1)) } else { encoded(&texts[0]) };
        let mut all = vec![format!(
            "select={}:{}->{}->>1::{},data->{},{spread}directors{inner}({},x:films({}),films())",
            q(1),
            q(2),
            q(3),
            encoded("text $$ x"),
            q(4),
            q(5),
            q(6)
        )];
        all.push(format!("{}->{}={operator}.{value}", q(7), q(8)));
        if parts[2] {
            all.push(format!("or=({}.eq.{},and({}.in.({}),directors.is.null))", q(9), q(10), q(11), q(0)));
        }
        if parts[3] {
            all.push(format!("order={}->{}.desc.nullslast,directors({})&directors.order={}", q(1), q(2), q(3), q(4)));
        }
        if parts[4] {
            all.push(format!("limit=5&offset=2&directors.limit=1&directors.{}=gt.{}", q(5), encoded(&texts[6])));
        }
        if parts[5] {
            all.push(format!("on_conflict={},{}", q(7), q(8)));
        }
        all.join("&").replace('>', "%3E")
    })
}

#[test]
fn the_check_finds_what_is_foreign() {
    let found = |text: &str, params: usize| {
        wrong(&Statement { text: text.to_owned(), params: vec![Value::Text(String::new()); params] })
    };
    assert_eq!(found("select \"a\"\"; drop\" from $1; drop", 1), [";", "drop"]);
    assert_eq!(found("select (\"a\"\"($3\"), $2, $1", 2), [""; 0]);
    assert_eq!(found("select \"a", 0), ["\""]);
    assert_eq!(found("select )((", 0), [")", "("]);
    assert_eq!(found("select $1, $3", 2), ["parameters {1, 3} of 2"]);
    assert_eq!(found("select $1", 2), ["parameters {1} of 2"]);
    assert_eq!(found("select $$ from $1$", 1), ["parameters {0, 1} of 1"]);
    assert_eq!(found("select -1 -- \"--\" /*", 0), ["--", "/*"]);
}

proptest! {
    #[test]
    fn no_user_text_is_in_the_statement(query in query(), nasty in text()) {
        let body = serde_json::json!([{"title": nasty, "\"; drop table x; --": nasty}]).to_string();
        let arguments = serde_json::json!({"a": nasty, "\"b": nasty}).to_string();
        let prefer = "return=representation, count=estimated, resolution=merge-duplicates, missing=default";
        let statements = [
            (Method::GET, format!("/films?{query}"), ""),
            (Method::HEAD, format!("/films?{query}"), ""),
            (Method::POST, format!("/films?{query}"), body.as_str()),
            (Method::POST, format!("/films?{query}"), "[{}]"),
            (Method::PATCH, format!("/films?{query}"), body.as_str()),
            (Method::DELETE, format!("/films?{query}"), ""),
            (Method::PUT, format!("/films?id=eq.{}", encoded(&nasty)), r#"{"id": 1}"#),
            (Method::POST, format!("/rpc/f?{query}"), arguments.as_str()),
            (Method::GET, format!("/rpc/f?{query}&a={0}&c={0}&c=x", encoded(&nasty)), ""),
        ];
        for (method, path, body) in statements {
            for prefer in [prefer, "return=headers-only", ""] {
                if let Some(statement) = statement(method.clone(), &path, body, prefer) {
                    prop_assert_eq!(wrong(&statement), Vec::<String>::new(), "{} {}\n{}", method, path, statement.text);
                }
            }
        }
    }

    #[test]
    fn requests_with_text_everywhere_are_planned(query in query()) {
        // Without this the property above could hold because nothing is ever planned.
        let path = format!("/films?{query}");
        let planned = statement(Method::GET, &path, "", "");
        prop_assert!(planned.is_some(), "{}", path);
    }
}

#[test]
fn the_corpus_does_no_harm() {
    let corpus = include_str!("../../tests/hostile/requests.txt");
    let planned = corpus.split("\n===\n").filter(|request| hostile(request.as_bytes())).count();
    // Without this the test could pass because nothing is ever planned.
    assert!(planned >= 20, "{planned}");
}
