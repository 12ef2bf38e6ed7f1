//! Whatever a request says, its text reaches SQL only as a parameter or as a quoted identifier.

use http::Method;
use proptest::prelude::*;

use crate::Settings;
use crate::plan::{Plan, plan};
use crate::request::Request;
use crate::request::query::encoded;
use crate::schema::relationship::{Cardinality, Link, Relationship};
use crate::schema::routine::{Parameter, Returns, Routine, Volatility};
use crate::schema::{Column, Name, SchemaCache, Table};
use crate::sql::{self, Counting};

/// Every word that statements may have outside of quotes.
const WORDS: &str = "
    select from where and or not group by order asc desc nulls first last limit offset as on true false is null unknown
    distinct with inner left cross join lateral insert into update set delete returning values conflict do nothing
    excluded case when then end exists any all like ilike cast sum avg count max min coalesce
    pg_catalog pgrst_source pgrst_source_count pgrst_rows pgrst_body pgrst_payload pgrst_defaults pgrst_call pgrst_scalar
    json_data val elem _ one first fields header name part key value row_to_json json_agg json_strip_nulls json_each_text
    json_object_keys json_build_array json_build_object json_to_record json_to_recordset json_array_elements
    jsonb_agg jsonb_build_object jsonb_to_record jsonb_to_recordset jsonb_array_elements to_jsonb to_tsvector to_tsquery
    plainto_tsquery phraseto_tsquery websearch_to_tsquery string_agg substring length nullif current_setting set_config
    ST_AsGeoJSON json jsonb text int integer bigint tsvector nextval regclass E variadic convert_from convert_to
    answer total page body headers status part at for generate_series greatest octet_length bytea";

/// Every text in single quotes that statements may have.
const TEXTS: [&str; 16] = [
    "",
    "[]",
    "{}",
    "null",
    "response.headers",
    "response.status",
    "pgrst.inserted",
    "0",
    "-1",
    ",",
    "\\n",
    "type",
    "FeatureCollection",
    "features",
    "films_id_seq",
    "UTF8",
];

fn cache() -> SchemaCache {
    let column = |name: &str, type_name: &str, default: Option<&str>| Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        base_type: type_name.to_owned(),
        default: default.map(str::to_owned),
        representation: crate::schema::Representation::default(),
    };
    let table = |name: &str, columns: Vec<Column>| Table {
        name: Name::new("public", name),
        is_view: false,
        insertable: true,
        updatable: true,
        deletable: true,
        key: vec!["id".to_owned()],
        columns,
    };
    let films = table(
        "films",
        vec![
            column("id", "integer", Some("nextval('films_id_seq'::regclass)")),
            column("title", "text", None),
            column("data", "jsonb", None),
            column("\"; drop table x; --", "text", None),
        ],
    );
    let directors = table("directors", vec![column("id", "integer", None), column("name", "text", None)]);
    let link = |cardinality| Link::Key {
        cardinality,
        constraint: "films_director_id_fkey".to_owned(),
        columns: vec![("director_id".to_owned(), "id".to_owned())],
    };
    let relationship = |from: &str, to: &str, cardinality| Relationship {
        from: Name::new("public", from),
        to: Name::new("public", to),
        link: link(cardinality),
        to_view: false,
        from_view: false,
        holds_key: false,
    };
    let relationships = vec![
        relationship("films", "directors", Cardinality::ManyToOne),
        relationship("directors", "films", Cardinality::OneToMany),
    ];
    let parameter = |name: &str, variadic| Parameter {
        name: name.to_owned(),
        type_name: "text".to_owned(),
        unlimited_type: "text".to_owned(),
        required: false,
        variadic,
    };
    let routine = Routine {
        oid: 0,
        name: Name::new("public", "f"),
        parameters: vec![parameter("a", false), parameter("\"b", false), parameter("c", true)],
        returns: Returns { type_name: Name::new("public", "films"), set: true, composite: true },
        volatility: Volatility::Volatile,
        settings: Vec::new(),
    };
    SchemaCache::new(vec![films, directors], relationships, vec![routine], &["public".to_owned()])
}

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

/// The statement of a request, when it can be planned.
fn statement(method: Method, path: &str, body: &str, prefer: &str) -> Option<String> {
    let settings = Settings::default();
    let request = http::Request::builder().method(method).uri(path).header("prefer", prefer).body(()).ok()?;
    let (parts, ()) = request.into_parts();
    let request = Request::read(&parts, body.as_bytes(), &settings).ok()?;
    let counting = Counting::new(&request.preferences, settings.max_rows);
    let statement = match plan(&request, &cache(), &settings).ok()? {
        Plan::Read(plan) => sql::read(&plan, counting),
        Plan::Write(plan) => sql::write(&plan),
        Plan::Call(plan) => sql::call(&plan, counting),
        Plan::Methods(_) | Plan::Describe { .. } => return None,
    };
    Some(statement.text)
}

/// What is not ours in a statement, after quoted identifiers were left out.
fn foreign(statement: &str) -> Vec<String> {
    let known: Vec<&str> = WORDS.split_whitespace().collect();
    let mut found = Vec::new();
    let mut chars = statement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => while chars.next().is_some_and(|inner| inner != '"') {},
            '\'' => {
                let literal: String = chars.by_ref().take_while(|inner| *inner != '\'').collect();
                if !TEXTS.contains(&literal.as_str()) {
                    found.push(literal);
                }
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut word = c.to_string();
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                    word.push(next);
                }
                if !known.contains(&word.as_str()) {
                    found.push(word);
                }
            }
            c if c.is_ascii_digit() || " \n().,*=<>&|@~:$+-".contains(c) => {}
            other => found.push(other.to_string()),
        }
    }
    found
}

#[test]
fn the_check_finds_what_is_foreign() {
    assert_eq!(foreign("select \"a\"\"; drop\" from $1; drop"), [";", "drop"]);
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
                    prop_assert_eq!(foreign(&statement), Vec::<String>::new(), "{} {}\n{}", method, path, statement);
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
