//! Every setting that can be given from outside: its environment name, its key in `supabase/config.toml` where
//! the Supabase CLI has one, and what it means. `docs/configuration.md` is printed from this table.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable; also accepted with the prefix `VESTIBULE_` where it has none.
    pub name: &'static str,
    /// The key in the project file.
    pub key: Option<&'static str>,
    /// The value when nothing is given, as text.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn setting(
    name: &'static str,
    key: Option<&'static str>,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { name, key, default, meaning }
}

/// All settings, in the order in which the documentation lists them.
pub const SETTINGS: &[Setting] = &[
    setting("VESTIBULE_HOME", None, ".vestibule", "data directory: keys, files, and the database of `start`"),
    setting("VESTIBULE_PROJECT", None, "the current folder if it has `supabase/`", "project folder"),
    setting("VESTIBULE_LISTEN", None, "127.0.0.1", "address to listen on"),
    setting("PORT", Some("api.port"), "54321", "port of the API and the console"),
    setting(
        "VESTIBULE_TRUSTED_PROXIES",
        None,
        "",
        "addresses, comma separated, whose `X-Forwarded-For` counts (loopback always does)",
    ),
    setting(
        "VESTIBULE_REQUIRE_API_KEY",
        None,
        "off on loopback, else on",
        "refuse requests to services that carry no API key",
    ),
    setting(
        "VESTIBULE_OPEN_MAILBOX",
        None,
        "on on loopback, else off",
        "show the mailbox to anyone who reaches the server",
    ),
    setting("DATABASE_URL", None, "", "an existing PostgreSQL for `serve`, as an administrator"),
    setting("VESTIBULE_DB_PORT", Some("db.port"), "54322", "port of the database of `start`"),
    setting("VESTIBULE_PG_BIN", None, "PATH, then the usual places", "folder with `postgres` and `initdb`"),
    setting("VESTIBULE_PG_USER", None, "postgres", "as root: the user that the database of `start` runs as"),
    setting(
        "VESTIBULE_PREPARE",
        None,
        "true",
        "statements are prepared once per connection; `false` behind a pooler in transaction mode",
    ),
    setting(
        "VESTIBULE_DIRECT_URL",
        None,
        "the same database",
        "the database past the pooler, for notifications and the console's SQL",
    ),
    setting("VESTIBULE_POOL_SIZE", None, "10", "most database connections of each service"),
    setting(
        "JWT_SECRET",
        Some("auth.jwt_secret"),
        "made at the first start",
        "shared HS256 secret, at least 32 characters; also `GOTRUE_JWT_SECRET`, `PGRST_JWT_SECRET`",
    ),
    setting(
        "GOTRUE_JWT_KEYS",
        None,
        "an ES256 key, made at the first start",
        "JSON array of private JWKs; the first that can sign does",
    ),
    setting("PUBLISHABLE_KEY", None, "made at the first start", "the publishable API key"),
    setting("SECRET_KEY", None, "made at the first start", "the secret API key"),
    setting("GOTRUE_SITE_URL", Some("auth.site_url"), "http://127.0.0.1:3000", "the app's URL"),
    setting(
        "API_EXTERNAL_URL",
        Some("api.external_url"),
        "http://<listen>:<port>",
        "the URL at which clients reach this server",
    ),
    setting(
        "GOTRUE_URI_ALLOW_LIST",
        Some("auth.additional_redirect_urls"),
        "",
        "redirect targets besides the site URL",
    ),
    setting("GOTRUE_JWT_EXP", Some("auth.jwt_expiry"), "3600", "life of an access token in seconds"),
    setting("GOTRUE_DISABLE_SIGNUP", None, "false", "refuse new accounts"),
    setting(
        "VESTIBULE_ENABLE_SIGNUP",
        Some("auth.enable_signup"),
        "true",
        "the project file's opposite of `GOTRUE_DISABLE_SIGNUP`",
    ),
    setting("GOTRUE_MAILER_AUTOCONFIRM", None, "true", "new e-mail addresses count as confirmed"),
    setting(
        "VESTIBULE_ENABLE_CONFIRMATIONS",
        Some("auth.email.enable_confirmations"),
        "false",
        "the project file's opposite of `GOTRUE_MAILER_AUTOCONFIRM`",
    ),
    setting("GOTRUE_EXTERNAL_EMAIL_ENABLED", Some("auth.email.enable_signup"), "true", "accounts by e-mail"),
    setting(
        "GOTRUE_PASSWORD_MIN_LENGTH",
        Some("auth.minimum_password_length"),
        "6",
        "shortest password in bytes, at least 6",
    ),
    setting(
        "GOTRUE_PASSWORD_REQUIRED_CHARACTERS",
        None,
        "",
        "sets of characters, separated by `:`, of which a password needs one each",
    ),
    setting(
        "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED",
        Some("auth.enable_refresh_token_rotation"),
        "true",
        "reuse of an old refresh token ends its session",
    ),
    setting(
        "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL",
        Some("auth.refresh_token_reuse_interval"),
        "10",
        "seconds in which an old refresh token may be used again",
    ),
    setting(
        "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION",
        None,
        "1",
        "refresh tokens of new sessions: 1 random, with a row each; 2 counted",
    ),
    setting(
        "GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE",
        None,
        "0",
        "how many of a hundred sessions change from 1 to 2 when refreshed",
    ),
    setting(
        "GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE",
        None,
        "false",
        "a counted refresh token may be used again at any time",
    ),
    setting("GOTRUE_SESSIONS_SINGLE_PER_USER", None, "false", "only the session that was used last can be refreshed"),
    setting("GOTRUE_SESSIONS_TAGS", None, "", "tags of sessions that exclude each other only among their own"),
    setting(
        "GOTRUE_SESSIONS_ALLOW_LOW_AAL",
        None,
        "",
        "how long a user with a second factor may go without it, such as `15m`",
    ),
    setting(
        "GOTRUE_MFA_TOTP_ENROLL_ENABLED",
        Some("auth.mfa.totp.enroll_enabled"),
        "true",
        "users may add authenticator apps",
    ),
    setting(
        "GOTRUE_MFA_TOTP_VERIFY_ENABLED",
        Some("auth.mfa.totp.verify_enabled"),
        "true",
        "codes of authenticator apps are taken",
    ),
    setting(
        "GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION",
        None,
        "300",
        "seconds in which a challenge can be answered, at least 300",
    ),
    setting("GOTRUE_MFA_FACTOR_EXPIRY_DURATION", None, "300s", "how long a factor may stay unverified, at least 300s"),
    setting(
        "GOTRUE_MFA_MAX_ENROLLED_FACTORS",
        Some("auth.mfa.max_enrolled_factors"),
        "10",
        "factors of a user, verified or not",
    ),
    setting("GOTRUE_MFA_MAX_VERIFIED_FACTORS", None, "10", "verified factors of a user"),
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
    setting("VESTIBULE_LOG", None, "info,postgres=warn", "what is logged, as `level` or `target=level,…`"),
    setting("VESTIBULE_LOG_FORMAT", None, "text", "`text` or `json`"),
];

/// The documentation page.
pub fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Flags win over the environment, that over the project file `supabase/config.toml`, that over defaults. A \
         wrong value stops the start and is named.\n\n\
         This page is printed by `vestibule settings`.\n\n\
         | environment | `config.toml` | default | meaning |\n|---|---|---|---|\n",
    );
    for Setting { name, key, default, meaning } in SETTINGS {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let key = code(key.unwrap_or_default());
        let default = if default.contains(' ') { (*default).to_owned() } else { code(default) };
        page.push_str(&format!("| `{name}` | {key} | {default} | {meaning} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let written = std::fs::read_to_string(path).expect("docs/configuration.md is there");
        assert!(written == page(), "run `vestibule settings > docs/configuration.md`");
    }
}
