//! Names of Supabase's services that set nothing here: what has no effect, and what belongs to features that are
//! not there. They are known, so that an environment made for the originals starts, and what would be missed
//! stops the start.

/// What becomes of a name that sets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is accepted, and the log says that it has no effect, and why.
    NoEffect(&'static str),
    /// Switching it on stops the start.
    Switch(&'static str),
    /// It belongs to a feature whose switch stops the start; alone it does nothing.
    Detail,
}

use Treatment::{Detail, NoEffect, Switch};

const POOL: &str = "`VESTIBULE_POOL_SIZE` says how many connections each service has";
const LOG: &str = "`VESTIBULE_LOG` and `VESTIBULE_LOG_FORMAT` say what is logged";
const RELOAD: &str = "settings are read at the start";
const NO_LINK: &str = "such letters have no link";
const NOT_YET: &str = "not supported yet";

/// The switch that lets people sign in whose address only an external provider knows.
pub const UNVERIFIED: &str = "GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS";

/// Names of one setting each.
const SINGLE: &[(&str, Treatment)] = &[
    ("GOTRUE_OPERATOR_TOKEN", NoEffect("the original does not use it either")),
    ("GOTRUE_CORS_ALLOWED_HEADERS", NoEffect("any request header is allowed")),
    ("GOTRUE_API_ENDPOINT", NoEffect("the original does not use it either")),
    ("GOTRUE_DB_AUTOMIGRATE", NoEffect("the database is brought up to date at every start")),
    ("GOTRUE_SESSION_KEY", NoEffect("there are no sessions of cookies")),
    ("GOTRUE_MAX_VERIFIED_FACTORS", NoEffect("`GOTRUE_MFA_MAX_VERIFIED_FACTORS` is the name")),
    ("GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRET", NoEffect("`GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS` is the name")),
    ("GOTRUE_EXTERNAL_SKIP_NONCE_CHECK", Detail),
    ("GOTRUE_DB_DRIVER", NoEffect("it is PostgreSQL always")),
    ("DB_NAMESPACE", NoEffect("the schema is `auth` always")),
    ("GOTRUE_DB_NAMESPACE", NoEffect("the schema is `auth` always")),
    ("GOTRUE_DB_DB_NAMESPACE", NoEffect("the schema is `auth` always")),
    ("GOTRUE_DB_MAX_POOL_SIZE", NoEffect(POOL)),
    ("GOTRUE_DB_MAX_IDLE_POOL_SIZE", NoEffect(POOL)),
    ("GOTRUE_DB_CONN_MAX_LIFETIME", NoEffect(POOL)),
    ("GOTRUE_DB_CONN_MAX_IDLE_TIME", NoEffect(POOL)),
    ("GOTRUE_DB_CONN_PERCENTAGE", NoEffect(POOL)),
    ("GOTRUE_DB_HEALTH_CHECK_PERIOD", NoEffect(POOL)),
    ("GOTRUE_DB_MIGRATIONS_PATH", NoEffect("migrations are part of the program")),
    ("GOTRUE_DB_ADVISOR_ENABLED", NoEffect("there is no advisor of the pool")),
    ("GOTRUE_DB_ADVISOR_SAMPLING_INTERVAL", NoEffect("there is no advisor of the pool")),
    ("GOTRUE_DB_ADVISOR_OBSERVATION_INTERVAL", NoEffect("there is no advisor of the pool")),
    ("GOTRUE_SMTP_LOGGING_ENABLED", NoEffect("what the mail server says to a failure is logged always")),
    ("GOTRUE_MAILER_TEMPLATE_RELOADING_ENABLED", NoEffect("templates are read again when they are old")),
    ("GOTRUE_MAILER_TEMPLATE_RELOADING_MAX_IDLE", NoEffect("templates are read again when they are old")),
    ("GOTRUE_MAILER_URLPATHS_MAGIC_LINK", NoEffect("`GOTRUE_MAILER_URLPATHS_RECOVERY` is for these links too")),
    ("GOTRUE_MAILER_URLPATHS_REAUTHENTICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_PASSWORD_CHANGED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_EMAIL_CHANGED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_PHONE_CHANGED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_IDENTITY_LINKED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_IDENTITY_UNLINKED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_MFA_FACTOR_ENROLLED_NOTIFICATION", NoEffect(NO_LINK)),
    ("GOTRUE_MAILER_URLPATHS_MFA_FACTOR_UNENROLLED_NOTIFICATION", NoEffect(NO_LINK)),
    (
        UNVERIFIED,
        NoEffect(
            "it is about external providers, which are not supported yet; with `GOTRUE_MAILER_AUTOCONFIRM` it stops the start",
        ),
    ),
    ("GOTRUE_PASSWORD_HIBP_BLOOM_ENABLED", NoEffect("each password is looked up")),
    ("GOTRUE_PASSWORD_HIBP_BLOOM_ITEMS", NoEffect("each password is looked up")),
    ("GOTRUE_PASSWORD_HIBP_BLOOM_FALSE_POSITIVES", NoEffect("each password is looked up")),
    ("GOTRUE_EXPERIMENTAL_SCIM_ENABLED", Switch(NOT_YET)),
    ("GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS", Detail),
    ("GOTRUE_EXPERIMENTAL_PROVIDERS_WITH_OWN_LINKING_DOMAIN", Detail),
    ("GOTRUE_INDEX_WORKER_ENSURE_USER_SEARCH_INDEXES_EXIST", NoEffect("the indexes are there from the start")),
    ("GOTRUE_INDEX_WORKER_MAX_USERS_THRESHOLD", NoEffect("the indexes are there from the start")),
    ("GOTRUE_RELOADING_NOTIFY_ENABLED", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_POLLERENABLED", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_POLLER_ENABLED", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_POLLER_INTERVAL", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_SIGNAL_ENABLED", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_SIGNAL_NUMBER", NoEffect(RELOAD)),
    ("GOTRUE_RELOADING_GRACE_PERIOD_INTERVAL", NoEffect(RELOAD)),
    ("GOTRUE_LOG_LEVEL", NoEffect(LOG)),
    ("GOTRUE_LOG_FILE", NoEffect(LOG)),
    ("GOTRUE_LOG_DISABLE_COLORS", NoEffect(LOG)),
    ("GOTRUE_LOG_QUOTE_EMPTY_FIELDS", NoEffect(LOG)),
    ("GOTRUE_LOG_TSFORMAT", NoEffect(LOG)),
    ("GOTRUE_LOG_FIELDS", NoEffect(LOG)),
    ("GOTRUE_LOG_SQL", NoEffect(LOG)),
    ("GOTRUE_TRACING_ENABLED", NoEffect("there are no traces")),
    ("GOTRUE_TRACING_EXPORTER", Detail),
    ("GOTRUE_TRACING_SERVICE_NAME", Detail),
    ("GOTRUE_TRACING_HOST", Detail),
    ("GOTRUE_TRACING_PORT", Detail),
    ("GOTRUE_TRACING_TAGS", Detail),
    ("GOTRUE_TRACING_OTEL_EXPORTER_OTLP_PROTOCOL", Detail),
    ("GOTRUE_METRICS_ENABLED", NoEffect("there are no metrics")),
    ("GOTRUE_METRICS_EXPORTER", Detail),
    ("GOTRUE_METRICS_OTEL_EXPORTER_OTLP_PROTOCOL", Detail),
    ("GOTRUE_METRICS_OTEL_EXPORTER_PROMETHEUS_HOST", Detail),
    ("GOTRUE_METRICS_OTEL_EXPORTER_PROMETHEUS_PORT", Detail),
    ("GOTRUE_PROFILER_ENABLED", NoEffect("there is no profiler")),
    ("GOTRUE_PROFILER_HOST", Detail),
    ("GOTRUE_PROFILER_PORT", Detail),
    ("GOTRUE_RATE_LIMIT_SSO", Detail),
    ("GOTRUE_RATE_LIMIT_WEB3", Detail),
    ("GOTRUE_RATE_LIMIT_PASSKEY", Detail),
    ("GOTRUE_RATE_LIMIT_O_AUTH_DYNAMIC_CLIENT_REGISTER", Detail),
    ("GOTRUE_RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER", Detail),
    ("GOTRUE_EXTERNAL_IOS_BUNDLE_ID", Detail),
    ("GOTRUE_EXTERNAL_REDIRECTURL", Detail),
    ("GOTRUE_EXTERNAL_REDIRECT_URL", Detail),
    ("GOTRUE_EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS", Detail),
    ("GOTRUE_EXTERNAL_OIDC_PROVIDER_CACHE_TTL", Detail),
    ("GOTRUE_CUSTOM_OAUTH_ENABLED", NoEffect("external providers are not supported yet")),
    ("PGRST_DB_URI", NoEffect("`DATABASE_URL` is the database of all services")),
    ("PGRST_DB_CONFIG", NoEffect("settings of the login role are read always")),
    ("PGRST_DB_CHANNEL", NoEffect("the channel is `pgrst` always")),
    ("PGRST_DB_CHANNEL_ENABLED", NoEffect("the channel is listened to always")),
    ("PGRST_DB_POOL", NoEffect(POOL)),
    ("PGRST_DB_POOL_ACQUISITION_TIMEOUT", NoEffect(POOL)),
    ("PGRST_DB_POOL_AUTOMATIC_RECOVERY", NoEffect(POOL)),
    ("PGRST_DB_POOL_MAX_IDLETIME", NoEffect(POOL)),
    ("PGRST_DB_POOL_MAX_LIFETIME", NoEffect(POOL)),
    ("PGRST_DB_TIMEZONE_ENABLED", NoEffect("`Prefer: timezone` is honoured always")),
    ("PGRST_JWT_SECRET_IS_BASE64", Switch("the secret is taken as it is written")),
    ("PGRST_JWT_CACHE_MAX_LIFETIME", NoEffect("verified tokens are remembered always")),
    ("PGRST_JWT_CACHE_MAX_ENTRIES", NoEffect("verified tokens are remembered always")),
    ("PGRST_LOG_LEVEL", NoEffect(LOG)),
    ("PGRST_LOG_QUERY", NoEffect(LOG)),
    ("PGRST_SERVER_HOST", NoEffect("`VESTIBULE_LISTEN` is the address of all services")),
    ("PGRST_SERVER_PORT", NoEffect("`PORT` is the port of all services")),
    ("PGRST_SERVER_UNIX_SOCKET", NoEffect("the server listens on TCP only")),
    ("PGRST_SERVER_UNIX_SOCKET_MODE", NoEffect("the server listens on TCP only")),
    ("PGRST_ADMIN_SERVER_HOST", NoEffect("there is no server for administration")),
    ("PGRST_ADMIN_SERVER_PORT", NoEffect("there is no server for administration")),
];

/// Providers that come later, as `GOTRUE_EXTERNAL_<P>_…` and `[auth.external.<p>]` name them.
pub const PROVIDERS: [&str; 25] = [
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "vercel_marketplace",
    "workos",
    "x",
    "zoom",
];

/// Families of names: what they begin with, their switches, their other members.
const FAMILIES: &[(&str, &[&str], &[&str])] = &[
    ("GOTRUE_EXTERNAL_WEB3_SOLANA_", &["ENABLED"], &["MAXIMUM_VALIDITY_DURATION"]),
    ("GOTRUE_EXTERNAL_WEB3_ETHEREUM_", &["ENABLED"], &["MAXIMUM_VALIDITY_DURATION"]),
    ("GOTRUE_CUSTOM_OAUTH_", &[], &["MAX_PROVIDERS", "EXTERNAL_URL"]),
    (
        "GOTRUE_OAUTH_SERVER_",
        &["ENABLED"],
        &["ALLOW_DYNAMIC_REGISTRATION", "AUTHORIZATION_PATH", "AUTHORIZATION_TTL", "DEFAULT_SCOPE"],
    ),
    (
        "GOTRUE_SAML_",
        &["ENABLED"],
        &[
            "PRIVATE_KEY",
            "PRIVATE_KEY_NEXT",
            "ALLOW_ENCRYPTED_ASSERTIONS",
            "RELAY_STATE_VALIDITY_PERIOD",
            "EXTERNAL_URL",
            "RATE_LIMIT_ASSERTION",
        ],
    ),
    ("GOTRUE_MFA_WEB_AUTHN_", &["ENROLL_ENABLED", "VERIFY_ENABLED"], &[]),
    ("GOTRUE_WEBAUTHN_", &[], &["RP_ID", "RP_DISPLAY_NAME", "RP_ORIGINS", "CHALLENGE_EXPIRY_DURATION"]),
    ("GOTRUE_PASSKEY_", &["ENABLED"], &["MAX_PASSKEYS_PER_USER"]),
];

const PROVIDER_FIELDS: [&str; 7] =
    ["CLIENT_ID", "SECRET", "REDIRECT_URI", "URL", "API_URL", "SKIP_NONCE_CHECK", "EMAIL_OPTIONAL"];

/// What becomes of a name; `None` for one that is not among these.
pub fn treatment(name: &str) -> Option<Treatment> {
    if let Some((_, treatment)) = SINGLE.iter().find(|(known, _)| *known == name) {
        return Some(*treatment);
    }
    let in_family = FAMILIES.iter().find_map(|(family, switches, details)| {
        let rest = name.strip_prefix(family)?;
        if switches.contains(&rest) {
            return Some(Switch(NOT_YET));
        }
        details.contains(&rest).then_some(Detail)
    });
    in_family.or_else(|| {
        let rest = name.strip_prefix("GOTRUE_EXTERNAL_")?;
        PROVIDERS.iter().find_map(|provider| {
            match rest.strip_prefix(&provider.to_ascii_uppercase())?.strip_prefix('_')? {
                "ENABLED" => Some(Switch(NOT_YET)),
                field => PROVIDER_FIELDS.contains(&field).then_some(Detail),
            }
        })
    })
}

/// All names, for whoever mistypes one.
pub fn names() -> impl Iterator<Item = String> {
    let single = SINGLE.iter().map(|(name, _)| (*name).to_owned());
    let families = FAMILIES.iter().flat_map(|(family, switches, details)| {
        switches.iter().chain(*details).map(move |member| format!("{family}{member}"))
    });
    let providers = PROVIDERS.iter().flat_map(|provider| {
        let members = ["ENABLED"].into_iter().chain(PROVIDER_FIELDS);
        members.map(move |member| format!("GOTRUE_EXTERNAL_{}_{member}", provider.to_ascii_uppercase()))
    });
    single.chain(families).chain(providers)
}

/// The part of the documentation page that lists them.
pub fn page() -> String {
    let mut page = String::from(
        "\n## Names that set nothing here\n\n\
         These names of Supabase's services are known. What has no effect is accepted, and the log says so; what cannot be \
         had stops the start when it is switched on.\n\n| environment | what becomes of it |\n|---|---|\n",
    );
    for (name, treatment) in SINGLE {
        let what = match treatment {
            NoEffect(why) => format!("no effect: {why}"),
            Switch(why) => format!("cannot be switched on: {why}"),
            Detail => "no effect without what it belongs to, which cannot be switched on".to_owned(),
        };
        page.push_str(&format!("| `{name}` | {what} |\n"));
    }
    for (family, switches, _) in FAMILIES {
        let what = match *switches {
            [] => "no effect yet".to_owned(),
            switches => format!("`{}` cannot be switched on: {NOT_YET}", switches.join("`, `")),
        };
        page.push_str(&format!("| `{family}…` | {what} |\n"));
    }
    let providers = PROVIDERS.map(str::to_ascii_uppercase).join(", ");
    page.push_str(&format!(
        "| `GOTRUE_EXTERNAL_<P>_…` | `ENABLED` cannot be switched on: {NOT_YET}; P is one of {providers} |\n"
    ));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_treatment() {
        assert_eq!(treatment("GOTRUE_EXTERNAL_SLACK_OIDC_ENABLED"), Some(Switch(NOT_YET)));
        assert_eq!(treatment("GOTRUE_EXTERNAL_APPLE_CLIENT_ID"), Some(Detail));
        assert_eq!(treatment("GOTRUE_SAML_PRIVATE_KEY"), Some(Detail));
        assert_eq!(treatment("GOTRUE_EXTERNAL_APPLE_COLOUR"), None);
        assert_eq!(treatment("GOTRUE_SITE_URL"), None);
        assert!(names().all(|name| treatment(&name).is_some()));
    }
}
