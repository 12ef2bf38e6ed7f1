//! What operators can decide about the data API.

mod named;

/// Settings of the data API. Names in brackets are PostgREST's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Exposed schemas, the first is the default (`db-schemas`).
    pub schemas: Vec<String>,
    /// Searched after the schema of a request (`db-extra-search-path`).
    pub extra_search_path: Vec<String>,
    /// Most rows of a read, on each level (`db-max-rows`).
    pub max_rows: Option<u32>,
    /// Role of requests without a token; without one they are refused (`db-anon-role`).
    pub anon_role: Option<String>,
    /// Function called before each statement: optional schema and name (`db-pre-request`).
    pub pre_request: Option<FunctionName>,
    /// Function called before the settings are read from the database, to make settings of its own
    /// (`db-pre-config`).
    pub pre_config: Option<FunctionName>,
    /// Function that makes the description of the API instead of us (`db-root-spec`).
    pub root_spec: Option<FunctionName>,
    /// Settings of functions that hold for the whole transaction (`db-hoisted-tx-settings`).
    pub hoisted_settings: Vec<String>,
    /// Aggregates may be used (`db-aggregates-enabled`).
    pub aggregates: bool,
    /// Plans of statements may be asked for (`db-plan-enabled`).
    pub plans: bool,
    /// What the root document tells (`openapi-mode`).
    pub openapi_mode: OpenApiMode,
    /// The root document tells how to authenticate (`openapi-security-active`).
    pub openapi_security: bool,
    /// Where clients find the API, for the root document (`openapi-server-proxy-uri`).
    pub proxy_uri: Option<String>,
    /// How transactions end (`db-tx-end`).
    pub tx_end: TxEnd,
    /// Audience that tokens must be for (`jwt-aud`).
    pub audience: Option<String>,
    /// Claim that holds the role; a path of object keys (`jwt-role-claim-key`).
    pub role_claim: Vec<String>,
    /// Longest request body in bytes.
    pub max_body_bytes: usize,
    /// Settings that statements can read as `app.settings.*`, by full name (`app.settings.*`).
    pub app_settings: Vec<(String, String)>,
    /// Origins that browsers may call from, all when the list is empty; without it whoever stands in front of the
    /// data API has to answer that (`server-cors-allowed-origins`).
    pub allowed_origins: Option<Vec<String>>,
    /// Embedded resources with an alias may also be filtered by their relation's name
    /// (`url-use-legacy-target-names`).
    pub legacy_target_names: bool,
    /// Errors tell details and hints (`client-error-verbosity`).
    pub verbose_errors: bool,
    /// Request header that is sent back (`server-trace-header`).
    pub trace_header: Option<http::HeaderName>,
    /// Responses tell how long each stage took (`server-timing-enabled`).
    pub server_timing: bool,
}

/// A function by its name and, unless it is found on the search path, its schema.
pub type FunctionName = (Option<String>, String);

/// What the root document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenApiMode {
    /// What the role may use.
    FollowPrivileges,
    /// Everything.
    IgnorePrivileges,
    /// There is none.
    Disabled,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxEnd {
    /// It is committed.
    Commit,
    /// It is committed unless the client prefers otherwise.
    CommitAllowOverride,
    /// It is undone.
    Rollback,
    /// It is undone unless the client prefers otherwise.
    RollbackAllowOverride,
}

impl TxEnd {
    /// `Prefer: tx=…` counts.
    pub fn may_be_chosen(self) -> bool {
        matches!(self, Self::CommitAllowOverride | Self::RollbackAllowOverride)
    }

    /// Without a preference the transaction is undone.
    pub fn is_rollback(self) -> bool {
        matches!(self, Self::Rollback | Self::RollbackAllowOverride)
    }
}

/// Settings of functions that hold for the whole transaction unless others are chosen.
const HOISTED: [&str; 3] = ["statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"];

impl Default for Settings {
    fn default() -> Self {
        Self {
            schemas: vec!["public".to_owned()],
            extra_search_path: vec!["public".to_owned(), "extensions".to_owned()],
            max_rows: Some(1000),
            anon_role: Some("anon".to_owned()),
            pre_request: None,
            pre_config: None,
            root_spec: None,
            hoisted_settings: HOISTED.map(str::to_owned).to_vec(),
            aggregates: false,
            plans: false,
            openapi_mode: OpenApiMode::FollowPrivileges,
            openapi_security: false,
            proxy_uri: None,
            tx_end: TxEnd::Commit,
            audience: None,
            role_claim: vec!["role".to_owned()],
            max_body_bytes: 10 * 1024 * 1024,
            app_settings: Vec::new(),
            allowed_origins: None,
            legacy_target_names: true,
            verbose_errors: true,
            trace_header: None,
            server_timing: false,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct InvalidSetting {
    /// Its PostgREST name.
    pub setting: &'static str,
    /// Why.
    pub reason: String,
}

impl Settings {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        let wrong = |setting, reason: &str| Err(InvalidSetting { setting, reason: reason.to_owned() });
        if self.schemas.is_empty() {
            return wrong("db-schemas", "at least one schema is needed");
        }
        if let Some(system) =
            self.schemas.iter().find(|name| matches!(name.as_str(), "pg_catalog" | "information_schema"))
        {
            return wrong("db-schemas", &format!("system schema `{system}` cannot be exposed"));
        }
        if self.role_claim.is_empty() {
            return wrong("jwt-role-claim-key", "a claim is needed");
        }
        if self.app_settings.iter().any(|(name, _)| !name.starts_with("app.settings.")) {
            return wrong("app.settings", "names begin with `app.settings.`");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Settings::default().validate(), Ok(()));
    }

    #[test]
    fn system_schemas_are_refused() {
        let settings = Settings { schemas: vec!["pg_catalog".to_owned()], ..Settings::default() };
        assert!(settings.validate().is_err());
    }
}
