//! Inserts, updates and deletes over the rows of a JSON body.

use super::Sql;
use super::condition::{EmbedTest, Level};
use crate::plan::{Change, Condition, Label, WritePlan};
use crate::plan::{Insert, Values};
use crate::request::body::JsonRows;
use crate::request::prefer::Resolution;
use crate::schema::Name;

/// A field of a record that a JSON body is read as.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// From the catalog.
    pub(super) type_name: &'a str,
    /// From the catalog.
    pub(super) default: Option<&'a str>,
    /// Function that reads it from json; from the catalog.
    pub(super) read_by: Option<&'a str>,
}

/// How the rows of a body are read.
pub(super) struct Body<'a> {
    pub(super) fields: Vec<Field<'a>>,
    pub(super) rows: &'a JsonRows,
    /// Missing keys become defaults.
    pub(super) uses_defaults: bool,
    /// Only the first row counts.
    pub(super) first_only: bool,
}

impl<'a> From<&'a Values> for Body<'a> {
    fn from(values: &'a Values) -> Self {
        let field = |column: &'a crate::schema::Column| Field {
            name: &column.name,
            type_name: &column.type_name,
            default: column.default.as_deref(),
            read_by: column.representation.json_input.as_deref(),
        };
        Self {
            fields: values.columns.iter().map(field).collect(),
            rows: &values.body,
            uses_defaults: values.uses_defaults,
            first_only: false,
        }
    }
}

impl Sql {
    /// The statement that changes rows and returns what is needed of them.
    pub(super) fn change(&mut self, plan: &WritePlan) -> &mut Self {
        let table = &plan.relation;
        match &plan.change {
            Change::Insert(insert) => self.insert(table, insert, plan.mutation == crate::request::Mutation::Replace),
            Change::Update { values, .. } if values.columns.is_empty() => return self.no_change(plan),
            Change::Update { values, conditions } => self.update(table, values, conditions),
            Change::Delete { conditions } => {
                self.push("delete from ").name(table);
                self.where_on(&Label::Relation(table.clone()), conditions)
            }
        };
        self.push(" returning ");
        if plan.returning.is_empty() {
            return self.push("1");
        }
        self.returned(&Label::Relation(table.clone()), &plan.returning)
    }

    fn returned(&mut self, label: &Label, columns: &[String]) -> &mut Self {
        self.each(", ", columns, |sql, column| {
            sql.column(label, column);
        })
    }

    /// Nothing to set: no rows, with the columns that the response needs.
    fn no_change(&mut self, plan: &WritePlan) -> &mut Self {
        self.push("select ");
        if plan.returning.is_empty() {
            self.push("null");
        } else {
            self.returned(&Label::Relation(plan.relation.clone()), &plan.returning);
        }
        self.push(" from ").name(&plan.relation).push(" where false")
    }

    fn where_on(&mut self, label: &Label, conditions: &[Condition]) -> &mut Self {
        self.filtered(Level { label, embeds: &[], test: EmbedTest::Searched }, conditions, &[])
    }

    fn insert(&mut self, table: &Name, insert: &Insert, is_put: bool) -> &mut Self {
        let columns = &insert.values.columns;
        self.push("insert into ").name(table);
        if !columns.is_empty() {
            self.push(" (").each(", ", columns, |sql, column| {
                sql.ident(&column.name);
            });
            self.push(")");
        }
        self.push(" select ").each(", ", columns, |sql, column| {
            sql.push("pgrst_body.").ident(&column.name);
        });
        self.push(" from ").body(&Body::from(&insert.values));
        let merges = matches!(insert.conflict, Some((Resolution::MergeDuplicates, _)));
        let body = Label::Alias("pgrst_body".to_owned());
        self.where_on(&body, &insert.must_be);
        if is_put || merges {
            self.push(if insert.must_be.is_empty() { " where " } else { " and " }).push(COUNT_INSERTED);
        }
        self.on_conflict(insert)
    }

    fn on_conflict(&mut self, insert: &Insert) -> &mut Self {
        let Some((resolution, target)) = &insert.conflict else { return self };
        self.push(" on conflict (").each(", ", target, |sql, column| {
            sql.ident(column);
        });
        if *resolution == Resolution::IgnoreDuplicates || insert.values.columns.is_empty() {
            return self.push(") do nothing");
        }
        self.push(") do update set ").each(", ", &insert.values.columns, |sql, column| {
            sql.ident(&column.name).push(" = excluded.").ident(&column.name);
        });
        self.push(" where ").push(COUNT_UPDATED)
    }

    fn update(&mut self, table: &Name, values: &Values, conditions: &[Condition]) -> &mut Self {
        self.push("update ").name(table).push(" set ").each(", ", &values.columns, |sql, column| {
            sql.ident(&column.name).push(" = pgrst_body.").ident(&column.name);
        });
        self.push(" from ").body(&Body::from(values));
        self.where_on(&Label::Relation(table.clone()), conditions)
    }

    /// The rows of a JSON body as `pgrst_body`, for a `from`.
    pub(super) fn body(&mut self, body: &Body<'_>) -> &mut Self {
        let is_object = body.rows.is_object;
        self.push("(select ").bind(&body.rows.text);
        self.push(if body.uses_defaults { "::jsonb" } else { "::json" }).push(" as json_data) pgrst_payload, ");
        if body.uses_defaults {
            self.defaults(body);
        }
        self.push("lateral (select ").each(", ", &body.fields, |sql, field| {
            match field.read_by {
                Some(function) => sql.catalog(function).push("(").ident(field.name).push(") as ").ident(field.name),
                None => sql.ident(field.name),
            };
        });
        self.push(" from ");
        if body.fields.is_empty() {
            self.push(match (is_object, body.uses_defaults) {
                (true, _) => "(values (1)) _",
                (false, true) => "jsonb_array_elements(pgrst_defaults.val) _",
                (false, false) => "json_array_elements(pgrst_payload.json_data) _",
            });
        } else {
            self.push(match (is_object, body.uses_defaults) {
                (true, true) => "jsonb_to_record(pgrst_defaults.val)",
                (false, true) => "jsonb_to_recordset(pgrst_defaults.val)",
                (true, false) => "json_to_record(pgrst_payload.json_data)",
                (false, false) => "json_to_recordset(pgrst_payload.json_data)",
            });
            self.push(" as _(").each(", ", &body.fields, |sql, field| {
                sql.ident(field.name).push(" ");
                if field.read_by.is_some() {
                    sql.push("json")
                } else {
                    sql.catalog(field.type_name)
                };
            });
            self.push(")").push(if body.first_only { " limit 1" } else { "" });
        }
        self.push(") pgrst_body")
    }

    /// The payload with the defaults of the columns that it leaves out, as `pgrst_defaults.val`.
    fn defaults(&mut self, body: &Body<'_>) -> &mut Self {
        let with_default = body.fields.iter().filter_map(|field| Some((field.name, field.default?)));
        self.push(match body.rows.is_object {
            true => "lateral (select jsonb_build_object(",
            false => "lateral (select jsonb_agg(jsonb_build_object(",
        });
        self.each(", ", with_default, |sql, (name, default)| {
            sql.bind(name).push("::text, ").catalog(default);
        });
        self.push(match body.rows.is_object {
            true => ") || pgrst_payload.json_data as val) pgrst_defaults, ",
            false => ") || elem) as val from jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_defaults, ",
        })
    }
}

/// Counts rows that are about to be inserted, in a setting of the transaction; always true.
const COUNT_INSERTED: &str = "set_config('pgrst.inserted', \
    (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) + 1)::text, true) <> '0'";

/// Takes back the count of a row that is updated instead; always true.
const COUNT_UPDATED: &str = "set_config('pgrst.inserted', \
    (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) - 1)::text, true) <> '-1'";
