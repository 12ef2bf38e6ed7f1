//! The one stage that touches the database.

use pg::{Context, Param, Row, Text, Transaction, ident};

use crate::error::{DatabaseError, Error, OutcomeError};
use crate::identity::Identity;
use crate::plan::{CallPlan, Plan, ReadNode, ReadPlan, WritePlan};
use crate::request::media::MediaType;
use crate::request::prefer::{Count, TransactionEnd};
use crate::request::{Mutation, Request};
use crate::sql::{self, Counting, Statement, Value};
use crate::state::State;

/// What the statement returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// All rows, when they were counted.
    pub total: Option<i64>,
    /// Rows here.
    pub page: i64,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// `response.headers`
    pub headers: Option<String>,
    /// `response.status`
    pub status: Option<String>,
    /// Key of the new row, as a JSON array of pairs.
    pub location: Option<String>,
    /// How many rows an upsert inserted.
    pub inserted: Option<i64>,
}

/// Runs a plan.
///
/// # Errors
/// [`Error::Database`] when the database refuses, [`Error::Outcome`] when the result is not what was asked for; in
/// both cases nothing has changed.
pub(crate) async fn execute(
    state: &State,
    identity: &Identity,
    request: &Request,
    plan: &Plan,
) -> Result<Outcome, Error> {
    let run = Run { state, identity, request };
    let counting = Counting::new(&request.preferences, state.settings().max_rows);
    match plan {
        Plan::Read(plan) => run.read(plan, counting).await,
        Plan::Write(plan) => run.write(plan).await,
        Plan::Call(plan) => run.call(plan, counting).await,
        Plan::Methods(_) | Plan::Describe { .. } => Ok(Outcome::default()),
    }
}

/// When a transaction may end.
#[derive(Debug, Clone, Copy)]
enum Check<'a> {
    /// Once its statement succeeded.
    None,
    /// When exactly one row came.
    Singular,
    /// When PUT hit exactly one row.
    Put,
    /// When no more rows changed than allowed.
    MaxAffected(i64),
    /// After the planner's estimate was asked for.
    Estimate(&'a ReadNode),
}

struct Run<'a> {
    state: &'a State,
    identity: &'a Identity,
    request: &'a Request,
}

impl Run<'_> {
    async fn read(&self, plan: &ReadPlan, counting: Counting) -> Result<Outcome, Error> {
        let context = self.context(&[]).read_only();
        let mut checks = vec![self.singular(&plan.media)];
        checks.extend(self.estimate(&plan.rows));
        self.run(&context, &sql::read(plan, counting), &checks).await
    }

    async fn write(&self, plan: &WritePlan) -> Result<Outcome, Error> {
        let checks = match plan.mutation {
            Mutation::Replace => vec![Check::Put],
            Mutation::Insert => vec![self.singular(&plan.media)],
            Mutation::Update | Mutation::Delete => vec![self.singular(&plan.media), self.max_affected()],
        };
        self.run(&self.context(&[]), &sql::write(plan), &checks).await
    }

    async fn call(&self, plan: &CallPlan, counting: Counting) -> Result<Outcome, Error> {
        let mut context = self.context(&plan.routine.settings);
        if plan.is_read_only {
            context = context.read_only();
        }
        let checks = [self.singular(&plan.media), self.max_affected()];
        self.run(&context, &sql::call(plan, counting), &checks).await
    }

    fn singular(&self, media: &MediaType) -> Check<'static> {
        if media.is_singular() { Check::Singular } else { Check::None }
    }

    fn max_affected(&self) -> Check<'static> {
        let preferences = &self.request.preferences;
        match preferences.max_affected.filter(|_| preferences.is_strict()) {
            Some(max) => Check::MaxAffected(max),
            None => Check::None,
        }
    }

    fn estimate<'a>(&self, rows: &'a ReadNode) -> Option<Check<'a>> {
        matches!(self.request.preferences.count, Some(Count::Planned | Count::Estimated))
            .then_some(Check::Estimate(rows))
    }

    /// One round trip where nothing has to be decided between statement and commit.
    async fn run(&self, context: &Context, statement: &Statement, checks: &[Check<'_>]) -> Result<Outcome, Error> {
        let undecided = checks.iter().any(|check| !matches!(check, Check::None));
        if undecided || self.is_undone() || self.state.settings().pre_request.is_some() {
            return self.run_stepwise(context, statement, checks).await;
        }
        let params = bound(statement);
        let rows = self.state.deps().db.read(context, &statement.text, &references(&params)).await;
        outcome(rows.map_err(|source| self.refused(source))?.first())
    }

    async fn run_stepwise(
        &self,
        context: &Context,
        statement: &Statement,
        checks: &[Check<'_>],
    ) -> Result<Outcome, Error> {
        let mut transaction = self.state.deps().db.write(context).await.map_err(|source| self.refused(source))?;
        if let Some((schema, name)) = &self.state.settings().pre_request {
            let schema = schema.as_ref().map(|schema| format!("{}.", ident::quote(schema))).unwrap_or_default();
            let call = format!("select {schema}{}()", ident::quote(name));
            transaction.query(&call, &[]).await.map_err(|source| self.refused(source))?;
        }
        let params = bound(statement);
        let rows = transaction.query(&statement.text, &references(&params)).await;
        let mut outcome = outcome(rows.map_err(|source| self.refused(source))?.first())?;
        for check in checks {
            self.check(*check, &mut transaction, &mut outcome).await?;
        }
        self.end(transaction).await?;
        Ok(outcome)
    }

    async fn check(&self, check: Check<'_>, transaction: &mut Transaction, outcome: &mut Outcome) -> Result<(), Error> {
        match check {
            Check::Singular if outcome.page != 1 => Err(OutcomeError::NotSingular(outcome.page).into()),
            Check::Put if outcome.page != 1 => Err(OutcomeError::PutKey.into()),
            Check::MaxAffected(max) if outcome.page > max => Err(OutcomeError::MaxAffected(outcome.page).into()),
            Check::Estimate(rows) => {
                let counted = outcome.total;
                let max_rows = self.state.settings().max_rows.map(i64::from);
                let is_exact = self.request.preferences.count == Some(Count::Estimated)
                    && counted.is_some_and(|counted| max_rows.is_some_and(|max| counted <= max));
                if !is_exact {
                    outcome.total = self.planned(rows, transaction).await?.max(counted);
                }
                Ok(())
            }
            Check::None | Check::Singular | Check::Put | Check::MaxAffected(_) => Ok(()),
        }
    }

    async fn planned(&self, rows: &ReadNode, transaction: &mut Transaction) -> Result<Option<i64>, Error> {
        let statement = sql::count(rows);
        let params = bound(&statement);
        let rows = transaction.query(&statement.text, &references(&params)).await;
        let rows = rows.map_err(|source| self.refused(source))?;
        let plan = rows.first().map(|row| row.try_get::<_, serde_json::Value>(0)).transpose();
        let plan = plan.map_err(|error| OutcomeError::Internal(error.to_string()))?;
        Ok(plan.and_then(|plan| plan.pointer("/0/Plan/Plan Rows")?.as_i64()))
    }

    fn is_undone(&self) -> bool {
        match self.request.preferences.transaction {
            Some(TransactionEnd::Commit) => false,
            Some(TransactionEnd::Rollback) => true,
            None => self.state.settings().tx_end.is_rollback(),
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
    fn context(&self, function_settings: &[(String, String)]) -> Context {
        let settings = self.state.settings();
        let path = std::iter::once(&self.request.schema).chain(&settings.extra_search_path);
        let about = &self.request.about;
        let mut context = Context::caller(self.identity.role.as_str(), self.identity.claims.as_str())
            .search_path(ident::list(path.map(String::as_str)))
            .set("request.method", about.method.as_str())
            .set("request.path", about.path.as_str())
            .set("request.headers", about.headers.as_str())
            .set("request.cookies", about.cookies.as_str());
        if let Some(timezone) = &self.request.preferences.timezone {
            context = context.set("timezone", timezone.as_str());
        }
        // The isolation level of a transaction that has begun is not changed by this setting.
        let hoisted = function_settings.iter().filter(|(name, _)| name != "default_transaction_isolation");
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
    })
}

fn column<'a, T: pg::FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, OutcomeError> {
    row.try_get(index).map_err(|error| OutcomeError::Internal(error.to_string()))
}

/// Text, or the bytes that a handler made.
fn body(row: &Row, index: usize) -> Result<Option<Vec<u8>>, OutcomeError> {
    match row.try_get::<_, Option<String>>(index) {
        Ok(text) => Ok(text.map(String::into_bytes)),
        Err(_) => column(row, index),
    }
}
