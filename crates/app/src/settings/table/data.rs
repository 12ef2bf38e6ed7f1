//! Settings of the data API, of files, and of the project's own database objects.

use super::{Setting, setting};

/// These settings, in the order of the documentation.
pub(super) const DATA: &[Setting] = &[
    setting("PGRST_DB_SCHEMAS", Some("api.schemas"), "public", "schemas of the data API; the first is the default"),
    setting(
        "PGRST_DB_EXTRA_SEARCH_PATH",
        Some("api.extra_search_path"),
        "public,extensions",
        "schemas that functions and operators are also found in",
    ),
    setting("PGRST_DB_MAX_ROWS", Some("api.max_rows"), "1000", "most rows of one answer of the data API"),
    setting("PGRST_DB_ANON_ROLE", None, "anon", "role of requests without a token; empty refuses them"),
    setting("PGRST_DB_PRE_REQUEST", None, "", "function called before each statement, `name` or `schema.name`"),
    setting("PGRST_DB_PRE_CONFIG", None, "", "function that makes settings (`pgrst.*`) when they are read"),
    setting("PGRST_DB_ROOT_SPEC", None, "", "function that answers `/rest/v1/` instead of the description"),
    setting(
        "PGRST_DB_HOISTED_TX_SETTINGS",
        None,
        "statement_timeout,plan_filter.statement_cost_limit,default_transaction_isolation",
        "settings of functions that hold for the whole transaction",
    ),
    setting("PGRST_DB_AGGREGATES_ENABLED", None, "false", "`count()`, `sum()` and the others in `select`"),
    setting("PGRST_DB_PLAN_ENABLED", None, "false", "plans of statements may be asked for"),
    setting("PGRST_DB_TX_END", None, "commit", "`commit`, `rollback`, or either with `-allow-override`"),
    setting("PGRST_JWT_AUD", None, "", "audience that tokens must be for, in the data API"),
    setting("PGRST_JWT_ROLE_CLAIM_KEY", None, ".role", "claim that holds the role"),
    setting(
        "PGRST_OPENAPI_MODE",
        None,
        "follow-privileges",
        "what `/rest/v1/` describes: also `ignore-privileges` or `disabled`",
    ),
    setting("PGRST_OPENAPI_SECURITY_ACTIVE", None, "false", "the description tells how to authenticate"),
    setting("PGRST_OPENAPI_SERVER_PROXY_URI", None, "the public address and `/rest/v1`", "address in the description"),
    setting(
        "PGRST_SERVER_CORS_ALLOWED_ORIGINS",
        None,
        "",
        "origins that browsers may read the data API from; all when empty",
    ),
    setting(
        "PGRST_URL_USE_LEGACY_TARGET_NAMES",
        None,
        "true",
        "embedded resources with an alias may be filtered by their relation's name",
    ),
    setting("PGRST_CLIENT_ERROR_VERBOSITY", None, "verbose", "`minimal` leaves details and hints out of errors"),
    setting("PGRST_SERVER_TRACE_HEADER", None, "", "request header that is sent back"),
    setting("PGRST_SERVER_TIMING_ENABLED", None, "false", "`Server-Timing` in answers"),
    setting("FILE_SIZE_LIMIT", Some("storage.file_size_limit"), "50MiB", "largest file"),
    setting("VESTIBULE_MIGRATIONS", Some("db.migrations.enabled"), "true", "apply `supabase/migrations` at the start"),
    setting("VESTIBULE_SEED", Some("db.seed.enabled"), "true", "run the seed files on a new database"),
    setting("VESTIBULE_SEED_PATHS", Some("db.seed.sql_paths"), "./seed.sql", "seed files, relative to `supabase/`"),
];
