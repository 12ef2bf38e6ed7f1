//! On whose behalf a statement runs: role, claims and request data, set for one transaction.

use std::borrow::Cow;
use std::sync::Arc;

/// The settings of one transaction. They are applied in the order that PostgREST applies them: search path,
/// the role's own settings, role, claims, request data.
#[derive(Clone, Debug, Default)]
pub struct Context {
    search_path: Option<Arc<str>>,
    role_settings: Vec<Setting>,
    role: Option<Arc<str>>,
    settings: Vec<Setting>,
    read_only: bool,
    isolation: Isolation,
}

/// How far transactions are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// As the login role has it, read committed by default.
    #[default]
    Default,
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other.
    Serializable,
}

impl Isolation {
    /// Reads a value of `default_transaction_isolation`; what is not known counts as the default.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "read committed" | "read uncommitted" => Self::ReadCommitted,
            "repeatable read" => Self::RepeatableRead,
            "serializable" => Self::Serializable,
            _ => Self::Default,
        }
    }
}

/// What says that statements are one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// That they are one group of messages; a transaction that only reads is told so by a setting.
    Implied,
    /// This statement in front of them, and a commit behind.
    Said(&'static str),
}

type Setting = (Cow<'static, str>, Arc<str>);

impl Context {
    /// The service itself: the role that its pool logged in as, no claims.
    #[must_use]
    pub fn service() -> Self {
        Self::default()
    }

    /// A caller: the role to switch to and the claims of its token as JSON text (`{"role":…}` at least).
    #[must_use]
    pub fn caller(role: impl Into<Arc<str>>, claims: impl Into<Arc<str>>) -> Self {
        Self { role: Some(role.into()), ..Self::default() }.set("request.jwt.claims", claims)
    }

    /// The search path: already quoted identifiers separated by commas (see [`crate::ident::list`]).
    #[must_use]
    pub fn search_path(mut self, path: impl Into<Arc<str>>) -> Self {
        self.search_path = Some(path.into());
        self
    }

    /// A setting that belongs to the role (`statement_timeout` …); applied before the role is switched.
    #[must_use]
    pub fn role_setting(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Arc<str>>) -> Self {
        self.role_settings.push((name.into(), value.into()));
        self
    }

    /// A further setting of the transaction, such as `request.method`; applied after the role.
    #[must_use]
    pub fn set(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Arc<str>>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Makes the transaction read only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Sets the isolation level of the transaction.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// How a transaction is begun that is sent as one group.
    pub(crate) fn bounds(&self) -> Bounds {
        match self.isolation {
            Isolation::Default => Bounds::Implied,
            // No setting changes the level once a statement has run.
            _ => Bounds::Said(self.begin()),
        }
    }

    pub(crate) fn begin(&self) -> &'static str {
        match (self.isolation, self.read_only) {
            (Isolation::Default, false) => "begin",
            (Isolation::Default, true) => "begin read only",
            (Isolation::ReadCommitted, false) => "begin isolation level read committed",
            (Isolation::ReadCommitted, true) => "begin isolation level read committed read only",
            (Isolation::RepeatableRead, false) => "begin isolation level repeatable read",
            (Isolation::RepeatableRead, true) => "begin isolation level repeatable read read only",
            (Isolation::Serializable, false) => "begin isolation level serializable",
            (Isolation::Serializable, true) => "begin isolation level serializable read only",
        }
    }

    /// The statement that applies all settings at once with the values to bind, or `None` when there are none.
    pub(crate) fn statement(&self, bounds: Bounds) -> Option<(String, Vec<&str>)> {
        let is_read_only = self.read_only && matches!(bounds, Bounds::Implied);
        let read_only = is_read_only.then_some(("transaction_read_only", "on"));
        let path = self.search_path.iter().map(|path| ("search_path", &**path));
        let role = self.role.iter().map(|role| ("role", &**role));
        let values: Vec<&str> = read_only
            .into_iter()
            .chain(path)
            .chain(self.role_settings.iter().map(|(name, value)| (&**name, &**value)))
            .chain(role)
            .chain(self.settings.iter().map(|(name, value)| (&**name, &**value)))
            .flat_map(|(name, value)| [name, value])
            .collect();
        if values.is_empty() {
            return None;
        }
        let calls: Vec<_> =
            (1..=values.len()).step_by(2).map(|n| format!("set_config(${n}, ${}, true)", n + 1)).collect();
        Some((format!("select {}", calls.join(", ")), values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_in_the_order_that_policies_rely_on() {
        let context = Context::caller("anon", "{}")
            .set("request.method", "GET")
            .role_setting("statement_timeout", "3s")
            .search_path(r#""public""#);
        let (statement, values) = context.statement(Bounds::Implied).expect("there are settings");
        assert!(statement.starts_with("select set_config($1, $2, true), set_config($3, $4, true)"));
        assert_eq!(
            values,
            [
                "search_path",
                r#""public""#,
                "statement_timeout",
                "3s",
                "role",
                "anon",
                "request.jwt.claims",
                "{}",
                "request.method",
                "GET"
            ]
        );
        assert_eq!(Context::service().statement(Bounds::Implied), None);
    }

    #[test]
    fn that_a_transaction_only_reads_is_said_once() {
        let context = Context::service().read_only();
        let (_, values) = context.statement(Bounds::Implied).expect("a setting");
        assert_eq!(values, ["transaction_read_only", "on"]);
        assert_eq!(context.statement(Bounds::Said(context.begin())), None);
        assert_eq!(context.bounds(), Bounds::Implied);
        assert_eq!(
            context.isolation(Isolation::Serializable).bounds(),
            Bounds::Said("begin isolation level serializable read only")
        );
    }
}
