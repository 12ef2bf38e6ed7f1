//! Settings of the server as a whole.

use super::{Setting, setting};

/// These settings, in the order of the documentation.
pub(super) const SERVER: &[Setting] = &[
    setting("VESTIBULE_HOME", None, ".vestibule", "data directory: keys, files, and the database of `start`"),
    setting("VESTIBULE_PROJECT", None, "the current folder if it has `supabase/`", "project folder"),
    setting("VESTIBULE_ONLY", None, "", "`auth`: serve accounts alone"),
    setting(
        "VESTIBULE_NO_PREFIX",
        None,
        "false",
        "with `VESTIBULE_ONLY`: paths begin at `/` and no API key is asked for, as behind another gateway",
    ),
    setting("VESTIBULE_LISTEN", None, "127.0.0.1", "address to listen on"),
    setting("PORT", Some("api.port"), "54321", "port of the API and the console"),
    setting(
        "VESTIBULE_TRUSTED_PROXIES",
        None,
        "",
        "addresses and networks (`10.0.0.0/8`), comma separated, whose `X-Forwarded-For` counts (loopback always does)",
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
    setting(
        "DATABASE_URL",
        None,
        "",
        "an existing PostgreSQL for `serve`, as an administrator; for accounts alone `supabase_auth_admin` is enough, after `vestibule migrate`",
    ),
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
    setting(
        "VESTIBULE_POOL_SIZE",
        None,
        "10",
        "most database connections of each service; accounts have two more, for what is counted",
    ),
    setting(
        "API_EXTERNAL_URL",
        Some("api.external_url"),
        "http://<listen>:<port>",
        "the URL at which clients reach this server",
    ),
    setting("VESTIBULE_LOG", None, "info,postgres=warn", "what is logged, as `level` or `target=level,…`"),
    setting("VESTIBULE_LOG_FORMAT", None, "text", "`text` or `json`"),
    setting("REQUEST_ID_HEADER", None, "x-request-id", "header in which a proxy tells the id of a request"),
    setting(
        "GOTRUE_RATE_LIMIT_HEADER",
        None,
        "",
        "header whose first address is the client's; naming it counts requests by address. From anyone, or from `VESTIBULE_TRUSTED_PROXIES` alone where that is given",
    ),
    setting(
        "GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED",
        None,
        "false",
        "the same with `Sb-Forwarded-For`, which goes first",
    ),
];
