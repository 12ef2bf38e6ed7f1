//! The outermost select: what the response needs, in one row.
//!
//! Columns: total of all rows, number of rows here, body, `response.headers`, `response.status`, location,
//! number of inserted rows. A long answer comes in parts, one in each row.

use super::{Sql, Statement};
use crate::plan::{CallPlan, Change, Format, ReadNode, ReadPlan, WritePlan};
use crate::request::media::PlanMedia;
use crate::request::prefer::{Count, Preferences, Resolution};
use crate::schema::media::Handler;
use crate::schema::routine::Returns;

/// What the server asks of reads.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// What the client prefers.
    pub count: Option<Count>,
    /// Most rows that are counted one by one for an estimate.
    pub max_rows: Option<u32>,
}

impl Counting {
    /// From the preferences and the row limit of the server.
    pub fn new(preferences: &Preferences, max_rows: Option<u32>) -> Self {
        Self { count: preferences.count, max_rows }
    }

    fn is_counted(self) -> bool {
        matches!(self.count, Some(Count::Exact | Count::Estimated))
    }
}

const SETTINGS: &str = "nullif(current_setting('response.headers', true), ''), \
                        nullif(current_setting('response.status', true), '')";

/// The statement of a read.
pub fn read(plan: &ReadPlan, counting: Counting) -> Statement {
    let mut sql = Sql::default();
    sql.push("with pgrst_source as (").rows(&plan.rows).push(")");
    sql.counted(&plan.rows, counting);
    let is_parted = plan.is_parted();
    sql.push(if is_parted { PARTS } else { "select " });
    sql.total(&plan.rows, counting, PAGE).push(if is_parted { " as total, " } else { ", " });
    sql.push(PAGE).push(if is_parted { " as page, convert_to((" } else { ", " });
    sql.body_of(&plan.format, None).push(if is_parted { ")::text, 'UTF8') as body, " } else { ", " });
    sql.push(if is_parted { NAMED_SETTINGS } else { SETTINGS });
    sql.push(if is_parted { "" } else { ", null::text, null::bigint" });
    sql.push(" from (select * from pgrst_source) pgrst_rows");
    // The offset keeps the body from being made anew for each part.
    sql.push(if is_parted { OF_ANSWER } else { "" });
    sql.statement
}

/// The answer in parts of 256 KiB, one in each row, with the length of the whole as a further column. The body is
/// complete before the first part is sent, so that an error cannot come later.
const PARTS: &str = "select answer.total, answer.page, substring(answer.body from part.at * 262144 + 1 for 262144), \
     answer.headers, answer.status, null::text, null::bigint, octet_length(answer.body)::bigint from (select ";
const NAMED_SETTINGS: &str = "nullif(current_setting('response.headers', true), '') as headers, \
     nullif(current_setting('response.status', true), '') as status";
const OF_ANSWER: &str = " offset 0) answer cross join lateral \
     generate_series(0, greatest(octet_length(answer.body) - 1, 0) / 262144) part(at)";

/// The statement of a change.
pub fn write(plan: &WritePlan) -> Statement {
    let mut sql = Sql::default();
    sql.push("with pgrst_source as (").change(plan).push(") select null::bigint, ").push(PAGE).push(", ");
    sql.body_of(&plan.format, None).push(", ").push(SETTINGS).push(", ");
    match &plan.change {
        Change::Insert(insert) => {
            if insert.locates && !insert.key.is_empty() {
                sql.location(&insert.key);
            } else {
                sql.push("null::text");
            }
            let counts = matches!(insert.conflict, Some((Resolution::MergeDuplicates, _)));
            sql.push(if counts {
                ", nullif(current_setting('pgrst.inserted', true), '')::bigint"
            } else {
                ", null::bigint"
            });
        }
        Change::Update { .. } | Change::Delete { .. } => {
            sql.push("null::text, null::bigint");
        }
    }
    sql.push(" from (");
    if plan.format == Format::Nothing {
        sql.push("select * from pgrst_source");
    } else {
        sql.rows(&plan.rows);
    }
    sql.push(") pgrst_rows");
    sql.statement
}

/// The statement of a call.
pub fn call(plan: &CallPlan, counting: Counting) -> Statement {
    let returns = &plan.routine.returns;
    let page = if returns.set { PAGE } else { "1::bigint" };
    // What functions return is not estimated: it is counted to the last row.
    let counting = Counting { max_rows: None, ..counting };
    let mut sql = Sql::default();
    sql.push("with pgrst_source as (").called(plan).push(")");
    sql.counted(&plan.rows, counting);
    sql.push("select ").total(&plan.rows, counting, page).push(", ").push(page).push(", ");
    sql.body_of(&plan.format, Some(returns)).push(", ").push(SETTINGS).push(", null::text, null::bigint");
    sql.push(" from (").rows(&plan.rows).push(") pgrst_rows");
    sql.statement
}

/// The plan of a statement.
pub fn explained(statement: &Statement, wanted: &PlanMedia) -> Statement {
    let mut sql = Sql::default();
    sql.push(if wanted.is_json { "explain (format json" } else { "explain (format text" });
    for option in &wanted.options {
        sql.push(", ").push(option.name());
    }
    sql.push(") ").statement.text.push_str(&statement.text);
    Statement { params: statement.params.clone(), ..sql.statement }
}

/// The planner's estimate of how many rows a read has, as the JSON of its plan.
pub fn count(rows: &ReadNode) -> Statement {
    let mut sql = Sql::default();
    sql.push("explain (format json) ").existence(rows);
    sql.statement
}

/// How many rows are here.
const PAGE: &str = "pg_catalog.count(pgrst_rows.*)";

impl Sql {
    /// The query that counts all rows, when that is wanted and the page does not tell.
    fn counted(&mut self, rows: &ReadNode, counting: Counting) -> &mut Self {
        if !counting.is_counted() || rows.range.is_everything() {
            return self.push(" ");
        }
        self.push(", pgrst_source_count as (").existence(rows);
        if let (Some(Count::Estimated), Some(max_rows)) = (counting.count, counting.max_rows) {
            // One more than the limit tells that there are more.
            self.push(" limit ").bind((u64::from(max_rows) + 1).to_string());
        }
        self.push(") ")
    }

    fn total(&mut self, rows: &ReadNode, counting: Counting, page: &'static str) -> &mut Self {
        match (counting.is_counted(), rows.range.is_everything()) {
            (false, _) => self.push("null::bigint"),
            (true, true) => self.push(page),
            (true, false) => self.push("(select pg_catalog.count(*) from pgrst_source_count)"),
        }
    }

    fn body_of(&mut self, format: &Format, returns: Option<&Returns>) -> &mut Self {
        let is_scalar = returns.is_some_and(|returns| !returns.composite);
        let rows = if is_scalar { "json_agg(pgrst_rows.pgrst_scalar)" } else { "json_agg(pgrst_rows.*)" };
        let is_one = returns.is_some_and(|returns| !returns.set);
        let (one, strips_nulls) = match format {
            Format::Nothing => return self.push("null::text"),
            Format::Csv => return self.push(CSV),
            Format::GeoJson => return self.push(GEOJSON),
            Format::Custom(handler) => return self.handled(handler, is_scalar),
            Format::Array { strips_nulls } => (is_one, *strips_nulls),
            Format::Object { strips_nulls } => (true, *strips_nulls),
        };
        self.push("coalesce(");
        self.push(if strips_nulls { "json_strip_nulls(" } else { "" });
        self.push(rows).push(if one { "->0" } else { "" });
        self.push(if strips_nulls { ")" } else { "" });
        self.push(if one { ", 'null')" } else { ", '[]')" })
    }

    /// The body as a handler of the schema makes it.
    fn handled(&mut self, handler: &Handler, is_scalar: bool) -> &mut Self {
        self.name(&handler.function);
        match (&handler.row_type, is_scalar) {
            (_, true) => self.push("(pgrst_rows.pgrst_scalar)"),
            (None, false) => self.push("(pgrst_rows)"),
            (Some(relation), false) => self.push("(pgrst_rows::").name(relation).push(")"),
        };
        self.push(if handler.is_jsonb { "::text" } else { "" })
    }

    /// Key and values of the only row, as a JSON array of pairs.
    fn location(&mut self, key: &[String]) -> &mut Self {
        self.push("case when ").push(PAGE);
        self.push(
            " = 1 then (select json_agg(json_build_array(part.key, part.value))::text \
             from (select row_to_json(one.*) as fields from pgrst_source one limit 1) first, \
             json_each_text(first.fields) part where part.key = any(",
        );
        self.bind_list(key).push(")) end")
    }
}

const CSV: &str = "(select coalesce(string_agg(header.name, ','), '') from (\
     select json_object_keys(first.fields) as name from (\
     select row_to_json(one.*) as fields from pgrst_source one limit 1) first) header) \
     || E'\\n' || coalesce(string_agg(substring(pgrst_rows::text, 2, length(pgrst_rows::text) - 2), E'\\n'), '')";

const GEOJSON: &str = "json_build_object('type', 'FeatureCollection', 'features', \
     coalesce(json_agg(ST_AsGeoJSON(pgrst_rows)::json), '[]'))";
