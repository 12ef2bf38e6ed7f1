//! The one stage that touches the database.

use pg::{Context, Db, Isolation, Param, Query, Raw, Row, Rows, Streamed, Text, Transaction, ident};

use crate::Settings;
use crate::error::{DatabaseError, Error, OutcomeError};
use crate::identity::Identity;
use crate::openapi;
use crate::plan::{CallPlan, Plan, ReadPlan, WritePlan};
use crate::request::media::{MediaType, PlanMedia};
use crate::request::prefer::{Count, TransactionEnd};
use crate::request::{Mutation, Request};
use crate::schema::Loaded;
use crate::sql::{self, Counting, Statement, Value};

/// What the statement returned.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// All rows, when they were counted.
    pub total: Option<i64>,
    /// Rows here.
    pub page: i64,
    /// The body, or its beginning.
    pub body: Option<Vec<u8>>,
    /// The rest of the body with the length of the whole in bytes.
    pub rest: Option<(u64, Rows)>,
    /// `response.headers`
    pub headers: Option<String>,
    /// `response.status`
    pub status: Option<String>,
    /// Key of the new row, as a JSON array of pairs.
    pub location: Option<String>,
    /// How many rows an upsert inserted.
    pub inserted: Option<i64>,
}

/// What a plan runs with.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// The database.
    pub db: &'a Db,
    /// What is known of it.
    pub loaded: &'a Loaded,
    /// Who is asking.
    pub identity: &'a Identity,
    /// What for.
    pub request: &'a Request,
}

/// What must hold of a result, besides that its statement succeeded.
#[derive(Debug, Clone, Copy, Default)]
struct Check {
    /// Exactly one row came.
    singular: bool,
    /// PUT hit exactly one row.
    put: bool,
    /// No more rows changed than this.
    max_affected: Option<i64>,
}

impl Check {
    fn is_needed(self) -> bool {
        self.singular || self.put || self.max_affected.is_some()
    }

    fn of(self, outcome: &Outcome) -> Result<(), OutcomeError> {
        match self {
            Self { singular: true, .. } if outcome.page != 1 => Err(OutcomeError::NotSingular(outcome.page)),
            Self { put: true, .. } if outcome.page != 1 => Err(OutcomeError::PutKey),
            Self { max_affected: Some(max), .. } if outcome.page > max => Err(OutcomeError::MaxAffected(outcome.page)),
            Self { .. } => Ok(()),
        }
    }
}

/// One statement with everything that decides how it runs.
struct Job<'a> {
    context: Context,
    statement: Statement,
    media: &'a MediaType,
    check: Check,
    /// Nothing can be changed, so that everything may be decided after the transaction.
    is_read_only: bool,
    /// Its rows are estimated.
    estimated: Option<Statement>,
    /// Its answer comes in parts.
    is_parted: bool,
}

impl Run<'_> {
    /// Runs a plan.
    ///
    /// # Errors
    /// [`Error::Database`] when the database refuses, [`Error::Outcome`] when the result is not what was asked for;
    /// in both cases nothing has changed.
    pub(crate) async fn plan(self, plan: &Plan) -> Result<Outcome, Error> {
        let counting = Counting::new(&self.request.preferences, self.settings().max_rows);
        match plan {
            Plan::Read(plan) => self.job(self.read(plan, counting)).await,
            Plan::Write(plan) => self.job(self.write(plan)).await,
            Plan::Call(plan) => self.job(self.call(plan, counting)).await,
            Plan::Describe { is_complete, .. } => self.describe(*is_complete).await,
            Plan::Methods(_) => Ok(Outcome::default()),
        }
    }

    /// The root document, as the role sees it.
    async fn describe(&self, is_complete: bool) -> Result<Outcome, Error> {
        let schema = &self.request.schema;
        let params = vec![Value::Text(schema.clone()), Value::Text(is_complete.to_string())];
        let statement = Statement { text: openapi::DESCRIBED.to_owned(), params };
        let rows = self.batch(&self.context(&[]).read_only(), std::iter::once(&statement)).await?;
        let row = rows.first().and_then(|rows| rows.first());
        let text: &str = row.map(|row| column(row, 0)).transpose()?.unwrap_or_default();
        let described = serde_json::from_str(text).map_err(|error| OutcomeError::Internal(error.to_string()))?;
        let about = (self.settings(), self.request.about.host.as_deref());
        let body = openapi::document(schema, &described, &self.loaded.schema, about);
        Ok(Outcome { body: Some(body), ..Outcome::default() })
    }

    fn read<'a>(&self, plan: &'a ReadPlan, counting: Counting) -> Job<'a> {
        let is_estimated = matches!(self.request.preferences.count, Some(Count::Planned | Count::Estimated));
        Job {
            context: self.context(&[]).read_only(),
            statement: sql::read(plan, counting),
            media: &plan.media,
            check: Check { singular: plan.media.is_singular(), ..Check::default() },
            is_read_only: true,
            estimated: is_estimated.then(|| sql::count(&plan.rows)),
            is_parted: plan.is_parted(),
        }
    }

    fn write<'a>(&self, plan: &'a WritePlan) -> Job<'a> {
        let singular = plan.media.is_singular();
        let check = match plan.mutation {
            Mutation::Replace => Check { put: true, ..Check::default() },
            Mutation::Insert => Check { singular, ..Check::default() },
            Mutation::Update | Mutation::Delete => Check { singular, put: false, max_affected: self.max_affected() },
        };
        let (context, statement) = (self.context(&[]), sql::write(plan));
        Job { context, statement, media: &plan.media, check, is_read_only: false, estimated: None, is_parted: false }
    }

    fn call<'a>(&self, plan: &'a CallPlan, counting: Counting) -> Job<'a> {
        let context = self.context(&plan.routine.settings);
        Job {
            context: if plan.is_read_only { context.read_only() } else { context },
            statement: sql::call(plan, counting),
            media: &plan.media,
            check: Check { singular: plan.media.is_singular(), put: false, max_affected: self.max_affected() },
            is_read_only: plan.is_read_only,
            estimated: None,
            is_parted: false,
        }
    }

    fn max_affected(&self) -> Option<i64> {
        let preferences = &self.request.preferences;
        preferences.max_affected.filter(|_| preferences.is_strict())
    }

    /// One round trip where nothing has to be decided between statement and commit.
    async fn job(&self, job: Job<'_>) -> Result<Outcome, Error> {
        if let MediaType::Plan(wanted) = job.media {
            return self.explain(&job, wanted).await;
        }
        if !job.is_read_only && (job.check.is_needed() || self.is_undone()) {
            return self.stepwise(&job).await;
        }
        if job.is_parted {
            return self.parted(&job).await;
        }
        let rows = self.batch(&job.context, std::iter::once(&job.statement).chain(&job.estimated)).await?;
        let mut outcome = outcome(rows.first().and_then(|rows| rows.first()))?;
        if job.estimated.is_some() {
            self.estimate(&mut outcome, rows.last().map(Vec::as_slice).unwrap_or_default())?;
        }
        job.check.of(&outcome)?;
        Ok(outcome)
    }

    /// Runs statements in a transaction of their own, after the function that is called before all others.
    pub(crate) async fn batch<'a>(
        &self,
        context: &Context,
        statements: impl Iterator<Item = &'a Statement>,
    ) -> Result<Vec<Vec<Row>>, Error> {
        let first = self.pre_request();
        let bound: Vec<(&str, Vec<Bound<'_>>)> =
            statements.map(|statement| (statement.text.as_str(), bound(statement))).collect();
        let params: Vec<Vec<Param<'_>>> = bound.iter().map(|(_, values)| references(values)).collect();
        let main = bound.iter().zip(&params).map(|((sql, _), params)| Query { sql, params });
        let queries: Vec<Query<'_>> =
            first.as_deref().map(|sql| Query { sql, params: &[] }).into_iter().chain(main).collect();
        let mut results = self.db.batch(context, &queries).await.map_err(|source| self.refused(source))?;
        if first.is_some() {
            results.remove(0);
        }
        Ok(results)
    }

    /// Runs a read whose answer comes in parts: the first is here when this returns.
    async fn parted(&self, job: &Job<'_>) -> Result<Outcome, Error> {
        let first = self.pre_request();
        let estimated = job.estimated.as_ref().map(|estimated| (estimated.text.as_str(), bound(estimated)));
        let params: Vec<Param<'_>> = estimated.iter().flat_map(|(_, values)| references(values)).collect();
        // Before the rows: the connection is busy until the client has them all.
        let estimate = estimated.iter().map(|(sql, _)| Query { sql, params: &params });
        let before: Vec<Query<'_>> =
            first.as_deref().map(|sql| Query { sql, params: &[] }).into_iter().chain(estimate).collect();
        let values = bound(&job.statement);
        let last = Query { sql: &job.statement.text, params: &references(&values) };
        let streamed = self.db.stream(&job.context, &before, last).await;
        let Streamed { before, first, mut rows } = streamed.map_err(|source| self.refused(source))?;
        let mut outcome = outcome(first.as_ref())?;
        let length: i64 = first.as_ref().map(|row| column(row, 7)).transpose()?.unwrap_or_default();
        let length = u64::try_from(length).unwrap_or_default();
        let here = outcome.body.as_ref().map_or(0, |body| body.len() as u64);
        if here < length {
            outcome.rest = Some((length, rows));
        } else {
            // That was all: what is left is the end of the transaction.
            rows.next().await.map_err(|source| self.refused(source))?;
        }
        if job.estimated.is_some() {
            self.estimate(&mut outcome, before.last().map(Vec::as_slice).unwrap_or_default())?;
        }
        Ok(outcome)
    }

    fn pre_request(&self) -> Option<String> {
        let (schema, name) = self.settings().pre_request.as_ref()?;
        let schema = schema.as_ref().map(|schema| format!("{}.", ident::quote(schema))).unwrap_or_default();
        Some(format!("select {schema}{}()", ident::quote(name)))
    }

    async fn stepwise(&self, job: &Job<'_>) -> Result<Outcome, Error> {
        let (transaction, rows) = self.begun(job, &job.statement).await?;
        let outcome = outcome(rows.first())?;
        job.check.of(&outcome)?;
        self.end(transaction).await?;
        Ok(outcome)
    }

    async fn begun(&self, job: &Job<'_>, statement: &Statement) -> Result<(Transaction, Vec<Row>), Error> {
        let mut transaction = self.db.write(&job.context).await.map_err(|source| self.refused(source))?;
        if let Some(call) = self.pre_request() {
            transaction.query(&call, &[]).await.map_err(|source| self.refused(source))?;
        }
        let params = bound(statement);
        let rows = transaction.query(&statement.text, &references(&params)).await;
        Ok((transaction, rows.map_err(|source| self.refused(source))?))
    }

    /// The plan of the statement. Where that means to run it, nothing of it stays.
    async fn explain(&self, job: &Job<'_>, wanted: &PlanMedia) -> Result<Outcome, Error> {
        let statement = sql::explained(&job.statement, wanted);
        let (transaction, rows) = self.begun(job, &statement).await?;
        transaction.rollback().await.map_err(|source| self.refused(source))?;
        let lines = rows.iter().map(|row| column::<Raw<'_>>(row, 0).map(|line| line.0));
        let lines: Vec<&[u8]> = lines.collect::<Result<_, _>>()?;
        Ok(Outcome { body: Some(lines.join(&b'\n')), ..Outcome::default() })
    }

    /// Takes the planner's estimate where rows were not counted to the last.
    fn estimate(&self, outcome: &mut Outcome, plan: &[Row]) -> Result<(), Error> {
        let counted = outcome.total;
        let max_rows = self.settings().max_rows.map(i64::from);
        let is_exact = self.request.preferences.count == Some(Count::Estimated)
            && counted.is_some_and(|counted| max_rows.is_some_and(|max| counted <= max));
        if !is_exact {
            let plan: Option<serde_json::Value> = plan.first().map(|row| column(row, 0)).transpose()?;
            let planned = plan.and_then(|plan| plan.pointer("/0/Plan/Plan Rows")?.as_i64());
            outcome.total = planned.max(counted);
        }
        Ok(())
    }

    fn settings(&self) -> &Settings {
        &self.loaded.settings
    }

    fn is_undone(&self) -> bool {
        match self.request.preferences.transaction {
            Some(TransactionEnd::Commit) => false,
            Some(TransactionEnd::Rollback) => true,
            None => self.settings().tx_end.is_rollback(),
        }
    }

    async fn end(&self, mut transaction: Transaction) -> Result<(), Error> {
        let ended = if self.is_undone() {
            // Deferred constraints must fail although nothing is committed.
            match transaction.batch("set constraints all immediate").await {
                Ok(()) => transaction.rollback().await,
                Err(error) => Err(error),
            }
        } else {
            transaction.commit().await
        };
        ended.map_err(|source| self.refused(source))
    }

    fn refused(&self, source: pg::Error) -> Error {
        DatabaseError { source, is_anonymous: self.identity.is_anonymous }.into()
    }

    /// The settings of the transaction, in the order in which PostgREST makes them.
    pub(crate) fn context(&self, function_settings: &[(String, String)]) -> Context {
        const ISOLATION: &str = "default_transaction_isolation";
        let settings = self.settings();
        let path = std::iter::once(&self.request.schema).chain(&settings.extra_search_path);
        let about = &self.request.about;
        let mut context = Context::caller(self.identity.role.as_str(), self.identity.claims.as_str())
            .search_path(ident::list(path.map(String::as_str)))
            .set("request.method", about.method.as_str())
            .set("request.path", about.path.as_str())
            .set("request.headers", about.headers.as_str())
            .set("request.cookies", about.cookies.as_str());
        if let Some(role) = self.loaded.roles.of(&self.identity.role) {
            context = context.isolation(role.isolation);
            for (name, value) in &role.settings {
                context = context.role_setting(name.clone(), value.as_str());
            }
        }
        if let Some(timezone) = &self.request.preferences.timezone {
            context = context.set("timezone", timezone.as_str());
        }
        if let Some((_, level)) = function_settings.iter().find(|(name, _)| name == ISOLATION) {
            context = context.isolation(Isolation::parse(level));
        }
        let hoisted = function_settings.iter().filter(|(name, _)| name != ISOLATION);
        for (name, value) in hoisted.chain(&settings.app_settings) {
            context = context.set(name.clone(), value.as_str());
        }
        context
    }
}

/// A parameter in the form that the driver sends.
enum Bound<'a> {
    Text(Text<'a>),
    Bytes(&'a [u8]),
}

fn bound(statement: &Statement) -> Vec<Bound<'_>> {
    statement
        .params
        .iter()
        .map(|value| match value {
            Value::Text(text) => Bound::Text(Text(text)),
            Value::Bytes(bytes) => Bound::Bytes(bytes),
        })
        .collect()
}

fn references<'a>(params: &'a [Bound<'a>]) -> Vec<Param<'a>> {
    params
        .iter()
        .map(|param| match param {
            Bound::Text(text) => text as Param<'a>,
            Bound::Bytes(bytes) => bytes as Param<'a>,
        })
        .collect()
}

fn outcome(row: Option<&Row>) -> Result<Outcome, Error> {
    let row = row.ok_or_else(|| OutcomeError::Internal("no row".to_owned()))?;
    Ok(Outcome {
        total: column(row, 0)?,
        page: column(row, 1)?,
        body: body(row, 2)?,
        headers: column(row, 3)?,
        status: column(row, 4)?,
        location: column(row, 5)?,
        inserted: column(row, 6)?,
        rest: None,
    })
}

fn column<'a, T: pg::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, OutcomeError> {
    row.try_get(index).map_err(|error| OutcomeError::Internal(error.to_string()))
}

/// Text or JSON, or the bytes that a handler made.
fn body(row: &Row, index: usize) -> Result<Option<Vec<u8>>, OutcomeError> {
    let raw: Option<Raw<'_>> = column(row, index)?;
    Ok(raw.map(|raw| raw.0.to_vec()))
}
