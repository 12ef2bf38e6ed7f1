//! A schema and the check that user text reached SQL only as a parameter or as a quoted identifier; for property
//! tests, for `examples/hammer.rs` and for `fuzz/`.

use std::collections::BTreeSet;

use http::{HeaderName, HeaderValue};

use crate::plan::{Plan, plan};
use crate::request::Request;
use crate::request::media::MediaType;
use crate::schema::relationship::{Cardinality, Link, Relationship};
use crate::schema::routine::{Parameter, Returns, Routine, Volatility};
use crate::schema::{Column, Name, SchemaCache, Table};
use crate::sql::{self, Counting, Statement};
use crate::{Error, Settings};

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
    answer total page body headers status part at for generate_series greatest octet_length bytea
    explain format analyze verbose settings buffers wal";

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
pub(super) fn statement(method: http::Method, path: &str, body: &str, prefer: &str) -> Option<Statement> {
    let request = http::Request::builder().method(method).uri(path).header("prefer", prefer).body(()).ok()?;
    planned(&request.into_parts().0, body.as_bytes()).ok()?.into_iter().next()
}

/// The statement of a request, the one that counts, and the one that explains.
fn planned(parts: &http::request::Parts, body: &[u8]) -> Result<Vec<Statement>, Error> {
    let settings = Settings { aggregates: true, max_rows: None, ..Settings::default() };
    let request = Request::read(parts, body, &settings)?;
    let counting = Counting::new(&request.preferences, Some(1000));
    let plan = plan(&request, &cache(), &settings)?;
    let mut statements = match &plan {
        Plan::Read(plan) => vec![sql::read(plan, counting), sql::count(&plan.rows)],
        Plan::Write(plan) => vec![sql::write(plan)],
        Plan::Call(plan) => vec![sql::call(plan, counting)],
        Plan::Methods(_) | Plan::Describe { .. } => Vec::new(),
    };
    if let (Some(MediaType::Plan(wanted)), Some(statement)) = (plan.media(), statements.first()) {
        statements.push(sql::explained(statement, wanted));
    }
    Ok(statements)
}

/// Takes bytes as a request: method and path in the first line, then headers, an empty line and the body. Whether
/// it was planned.
///
/// # Panics
/// When text of the request is in a statement outside of quoted identifiers, when a statement cannot be complete, and when
/// the request is refused as if that were not the client's fault.
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
    match planned(&request.into_parts().0, rest) {
        Ok(statements) => {
            for statement in &statements {
                let found = wrong(statement);
                assert!(found.is_empty(), "{found:?} in {}", statement.text);
            }
            !statements.is_empty()
        }
        Err(error) => {
            let status = error.answer(true).status();
            assert!(status.is_client_error(), "{status} for {error:?}");
            false
        }
    }
}

/// What a statement must not have: what is not ours, outside of quoted identifiers; an open quote or parenthesis; a comment;
/// a parameter that is missing or not used.
pub(super) fn wrong(statement: &Statement) -> Vec<String> {
    // Every quote opens or closes, so that each second piece is outside; what is in single quotes is ours alone.
    let outside = || statement.text.split('"').step_by(2);
    let mut found = foreign(&statement.text);
    found.extend(
        ["--", "/*"].into_iter().filter(|comment| outside().any(|text| text.contains(comment))).map(str::to_owned),
    );
    let numbers: BTreeSet<usize> = outside().flat_map(numbers).collect();
    if !numbers.iter().copied().eq(1..=statement.params.len()) {
        found.push(format!("parameters {numbers:?} of {}", statement.params.len()));
    }
    found
}

/// The numbers of the parameters in a part of a statement; zero for a dollar without one, which could open a quote.
fn numbers(text: &str) -> impl Iterator<Item = usize> {
    text.split('$').skip(1).map(|text| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..digits].parse().unwrap_or(0)
    })
}

/// What is not ours in a statement, after quoted identifiers were left out, and what was not closed.
fn foreign(statement: &str) -> Vec<String> {
    let known: Vec<&str> = WORDS.split_whitespace().collect();
    let (mut found, mut open) = (Vec::new(), 0_i64);
    let mut chars = statement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.any(|inner| inner == '"') => {}
            '(' => open += 1,
            ')' if open > 0 => open -= 1,
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
            c if c.is_ascii_digit() || " \n.,*=<>&|@~:$+-/".contains(c) => {}
            other => found.push(other.to_string()),
        }
    }
    found.extend((open > 0).then(|| "(".to_owned()));
    found
}
