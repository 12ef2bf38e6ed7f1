//! A schema and the check that user text reached SQL only as a parameter or as a quoted identifier; for property
//! tests and for `examples/hammer.rs`.

use http::{HeaderName, HeaderValue};

use crate::Settings;
use crate::plan::{Plan, plan};
use crate::request::Request;
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
    SchemaCache::new(vec![films, directors], relationships, vec![routine()], &["public".to_owned()])
}

fn routine() -> Routine {
    let parameter = |name: &str, variadic| Parameter {
        name: name.to_owned(),
        type_name: "text".to_owned(),
        unlimited_type: "text".to_owned(),
        required: false,
        variadic,
    };
    Routine {
        oid: 0,
        name: Name::new("public", "f"),
        parameters: vec![parameter("a", false), parameter("\"b", false), parameter("c", true)],
        returns: Returns { type_name: Name::new("public", "films"), set: true, composite: true },
        volatility: Volatility::Volatile,
        settings: Vec::new(),
    }
}

/// The statement of a request, when it can be planned.
#[cfg(test)]
pub(super) fn statement(method: http::Method, path: &str, body: &str, prefer: &str) -> Option<String> {
    let request = http::Request::builder().method(method).uri(path).header("prefer", prefer).body(()).ok()?;
    planned(&request.into_parts().0, body.as_bytes())
}

fn planned(parts: &http::request::Parts, body: &[u8]) -> Option<String> {
    let settings = Settings { aggregates: true, max_rows: None, ..Settings::default() };
    let request = Request::read(parts, body, &settings).ok()?;
    let counting = Counting::new(&request.preferences, Some(1000));
    let statement = match plan(&request, &cache(), &settings).ok()? {
        Plan::Read(plan) => sql::read(&plan, counting),
        Plan::Write(plan) => sql::write(&plan),
        Plan::Call(plan) => sql::call(&plan, counting),
        Plan::Methods(_) | Plan::Describe { .. } => return None,
    };
    Some(statement.text)
}

/// Takes bytes as a request: method and path in the first line, then headers, an empty line and the body. Whether
/// it was planned.
///
/// # Panics
/// When text of the request is in the statement outside of quoted identifiers.
pub fn hostile(bytes: &[u8]) -> bool {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let mut line = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let mut request = http::Request::builder().method(method).uri(path);
    let mut rest = lines.next().unwrap_or_default();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (header, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&header[..colon]);
        let value = HeaderValue::from_bytes(header[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return false };
    let Some(statement) = planned(&request.into_parts().0, rest) else { return false };
    let found = foreign(&statement);
    assert!(found.is_empty(), "{found:?} in {statement}");
    true
}

/// What is not ours in a statement, after quoted identifiers were left out.
pub(super) fn foreign(statement: &str) -> Vec<String> {
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
            c if c.is_ascii_digit() || " \n().,*=<>&|@~:$+-/".contains(c) => {}
            other => found.push(other.to_string()),
        }
    }
    found
}
