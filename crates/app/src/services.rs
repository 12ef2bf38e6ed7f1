//! The services, each with a pool of its own that is logged in as its own role, behind one router.

use anyhow::{Context, Result};
use auth::{OutsideError, ProtectionError};
use axum::Router;
use base::jwt::Keyring;
use base::project::ProjectKeys;
use base::{Clock, Random};
use pg::{Bus, Db, PoolSettings, Target};

use crate::server::{Gateway, Parts, Surroundings, TrustedProxies, router};
use crate::settings::{Settings, name_of_part};

/// The channel on which the data API is told to reload what it knows of the schema.
const SCHEMA_CHANNEL: &str = "pgrst";

/// The role that the accounts service logs in as.
pub const ACCOUNTS: &str = "supabase_auth_admin";

/// Whether the database was given with the login of the accounts service, as to Supabase's own: it serves accounts
/// alone, and changes neither the schema nor roles.
pub fn is_own_login(settings: &Settings, given: &Target) -> bool {
    settings.only_accounts && given.role() == ACCOUNTS
}

/// All services over a migrated database.
pub struct Services {
    /// The whole server.
    pub router: Router,
    accounts: auth::State,
    storage: Option<storage::State>,
}

impl Services {
    /// Waits for what goes on without a client: letters, complete uploads whose client left, files that are being
    /// removed.
    pub async fn idle(&self) {
        self.accounts.idle().await;
        if let Some(storage) = &self.storage {
            storage.idle().await;
        }
    }
}

/// What accounts need besides the database, read and checked before that is reached.
pub struct Prepared {
    outside: auth::Outside,
    protection: auth::Protection,
}

impl Prepared {
    /// Reads templates and lists, and prepares whom to ask.
    ///
    /// # Errors
    /// When a setting is refused, with its name.
    pub async fn read(settings: &Settings) -> Result<Self> {
        let outside = settings.reach()?.within(settings.auth.max_request_duration);
        let outside = auth::Outside::prepare(outside, Clock::system(), Random::system()).await;
        let protection = auth::Protection::prepare(settings.outside.protection()?).await;
        Ok(Self { outside: outside.map_err(of_outside)?, protection: protection.map_err(of_protection)? })
    }
}

/// The setting that is to blame, and why.
fn of_outside(error: OutsideError) -> anyhow::Error {
    match error {
        OutsideError::Template { locale, kind, cause } => {
            let name = name_of_part(cause.part(), kind, locale.as_deref());
            anyhow::Error::new(*cause).context(name)
        }
        OutsideError::Mail(error) => anyhow::Error::new(error).context("GOTRUE_SMTP_…"),
        error @ (OutsideError::Client(_) | OutsideError::Hook(..)) => anyhow::Error::new(error),
    }
}

fn of_protection(error: ProtectionError) -> anyhow::Error {
    match error {
        ProtectionError::List(error) => anyhow::Error::new(error).context("VESTIBULE_LEAKED_PASSWORDS"),
        ProtectionError::Names(error) => anyhow::Error::new(error).context("GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED"),
        ProtectionError::Client(error) => anyhow::Error::new(error),
    }
}

/// Builds the services over a migrated database.
///
/// # Errors
/// When the database cannot be reached or a setting is refused.
pub async fn build(
    settings: &Settings,
    administrator: &Target,
    keys: &ProjectKeys,
    prepared: Prepared,
) -> Result<Services> {
    let keyring = keys.keyring()?;
    let (clock, random) = (Clock::system(), Random::system());
    let login = |role: &str| pool(administrator.as_role(role, &keys.role_password(role)), settings);
    let auth = auth_state(settings, administrator, keys, &keyring, prepared)?;
    if settings.only_accounts {
        let gateway = Gateway::new(keys.clone(), keyring, settings.requires_api_key());
        let surroundings = Surroundings { gateway, proxies: proxies(settings), random };
        let mount = if settings.no_prefix { router::accounts_at_root } else { router::accounts };
        return Ok(Services { router: mount(auth::router(auth.clone()), surroundings), accounts: auth, storage: None });
    }
    let authenticator = login("authenticator")?;
    let direct = past_pooler(settings, administrator)?;
    let listener = direct.as_role("authenticator", &keys.role_password("authenticator"));
    let bus = Bus::start(listener, &[SCHEMA_CHANNEL]).await.context("cannot listen for notifications")?;
    let deps = rest::Deps { db: authenticator, verifier: keyring.clone(), bus, clock: clock.clone() };
    let rest = rest::State::start(settings.rest.clone(), deps).await.context("the data API cannot read the schema")?;
    let storage = storage::State::new(
        settings.storage.clone(),
        storage::Deps {
            db: login("supabase_storage_admin")?,
            keyring: keyring.clone(),
            clock: clock.clone(),
            random: random.clone(),
        },
    )?;
    tokio::spawn(report_open_tables(rest.clone()));
    let mailbox = settings.opens_mailbox();
    let dashboard = dashboard::State::new(
        dashboard_settings(settings, keys, mailbox),
        dashboard::Deps {
            db: pool(administrator.clone(), settings)?,
            target: direct,
            auth: auth::router(auth.clone()),
            keyring: keyring.clone(),
            clock,
            random: random.clone(),
        },
    )?;
    let surroundings = Surroundings {
        gateway: Gateway::new(keys.clone(), keyring, settings.requires_api_key()),
        proxies: proxies(settings),
        random,
    };
    let parts = Parts {
        mailbox: mailbox.then(|| auth::mailbox_router(auth.clone())),
        auth: auth::router(auth.clone()),
        rest: rest::router(rest),
        storage: storage::router(storage.clone()),
        dashboard: dashboard::router(dashboard),
    };
    Ok(Services { router: router::all(parts, surroundings), accounts: auth, storage: Some(storage) })
}

/// Logs which tables are open to callers, so that the start does not wait for it.
async fn report_open_tables(rest: rest::State) {
    /// More of them are only counted.
    const LISTED: usize = 20;
    let lints = match rest.lints().await {
        Ok(lints) => lints,
        Err(error) => return tracing::warn!(%error, "tables could not be checked for row level security"),
    };
    let open: Vec<String> = lints
        .iter()
        .filter(|lint| lint.name == "rls_disabled_in_public")
        .map(|lint| format!("{}.{}", lint.schema, lint.table))
        .collect();
    if !open.is_empty() {
        let (count, listed) = (open.len(), open[..open.len().min(LISTED)].join(", "));
        tracing::warn!(count, tables = listed, "tables are in the API without row level security: anyone may use them");
    }
}

/// The database itself: behind a pooler in transaction mode notifications do not arrive and sessions do not last.
fn past_pooler(settings: &Settings, administrator: &Target) -> Result<Target> {
    match &settings.direct_url {
        Some(url) => Target::parse(url).context("VESTIBULE_DIRECT_URL is not valid"),
        None => {
            if !settings.prepares {
                tracing::warn!(
                    "without VESTIBULE_DIRECT_URL a pooler may keep changes of the schema from the data API"
                );
            }
            Ok(administrator.clone())
        }
    }
}

/// The accounts service alone, for commands that act through its admin API.
///
/// # Errors
/// When a setting is refused.
pub async fn accounts(
    settings: &Settings,
    administrator: &Target,
    keys: &ProjectKeys,
    keyring: &Keyring,
) -> Result<Router> {
    let prepared = Prepared::read(settings).await?;
    Ok(auth::router(auth_state(settings, administrator, keys, keyring, prepared)?))
}

fn auth_state(
    settings: &Settings,
    administrator: &Target,
    keys: &ProjectKeys,
    keyring: &Keyring,
    prepared: Prepared,
) -> Result<auth::State> {
    let login = match is_own_login(settings, administrator) {
        true => administrator.clone(),
        false => administrator.as_role(ACCOUNTS, &keys.role_password(ACCOUNTS)),
    };
    let db = pool(login, settings)?;
    let deps = auth::Deps { db, keyring: keyring.clone(), clock: Clock::system(), random: Random::system() };
    let Prepared { outside, protection } = prepared;
    Ok(auth::State::new(settings.auth.clone(), deps).with_outside(outside).with_protection(protection))
}

fn proxies(settings: &Settings) -> TrustedProxies {
    let first_of = |name: &str| http::HeaderName::try_from(name).expect("a plain name is a header name");
    let forwarded = settings.sb_forwarded_for.then(|| first_of("sb-forwarded-for"));
    TrustedProxies::new(settings.trusted_proxies.clone())
        .with_headers(forwarded.into_iter().chain(settings.address_header.clone()).collect())
        .with_request_id(settings.request_id_header.clone())
}

fn dashboard_settings(settings: &Settings, keys: &ProjectKeys, mailbox: bool) -> dashboard::Settings {
    let folder = settings.project.as_ref().and_then(|project| project.canonicalize().ok());
    let name = folder.as_deref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
    let url = settings.api_url();
    dashboard::Settings {
        name: name.unwrap_or_else(|| "vestibule".to_owned()),
        mailbox_url: mailbox.then(|| format!("{url}/mailbox")),
        api_url: url,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_schemas: settings.rest.schemas.clone(),
        publishable_key: keys.publishable_key.clone(),
        ..dashboard::Settings::default()
    }
}

fn pool(target: Target, settings: &Settings) -> Result<Db> {
    let (max_connections, prepares) = (settings.pool_size, settings.prepares);
    let pool = PoolSettings { max_connections, prepares, ..PoolSettings::default() };
    Ok(Db::new(target, &pool)?)
}
