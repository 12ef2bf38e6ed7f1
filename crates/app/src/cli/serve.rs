//! `vestibule serve`: the server over an existing PostgreSQL.

use std::io::IsTerminal;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use pg::Target;
use tokio::net::TcpListener;

use super::status::Facts;
use crate::home::{FirstOperator, Home, Running, Served};
use crate::services::Prepared;
use crate::settings::Settings;
use crate::{project, server, services, telemetry};
use base::project::ProjectKeys;
use base::{Clock, Random};
use pg::migrate::{Before, LOGIN_ROLES};
use secrecy::{ExposeSecret, SecretString};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) listen: Listen,
    /// Serve one service alone
    #[arg(long, value_name = "SERVICE", value_parser = ["auth"])]
    only: Option<String>,
    /// With --only: paths without `/auth/v1`, and no API keys, as behind another gateway
    #[arg(long, requires = "only")]
    no_prefix: bool,
}

/// Where to listen.
#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Port of the API and the console [default: 54321]
    #[arg(long)]
    port: Option<String>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Prepare no statements: for a pooler in transaction mode
    #[arg(long)]
    no_prepare: bool,
    /// What is logged: `info`, `debug`, `target=level,…`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

impl Listen {
    pub(super) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("PORT", self.port.clone()),
            ("VESTIBULE_LISTEN", self.listen.clone()),
            ("VESTIBULE_PREPARE", self.no_prepare.then(|| "false".to_owned())),
            ("VESTIBULE_LOG", self.log.clone()),
        ]
    }
}

impl Serve {
    pub(super) async fn run(self, common: &super::Common) -> Result<()> {
        let begun = Instant::now();
        let mut flags = self.listen.flags();
        flags.extend([
            ("VESTIBULE_ONLY", self.only),
            ("VESTIBULE_NO_PREFIX", self.no_prefix.then(|| "true".to_owned())),
        ]);
        let settings = common.settings(flags)?;
        telemetry::start(&settings.log, settings.log_json)?;
        let url =
            settings.database_url.clone().context("`serve` needs a database: give --database-url or DATABASE_URL")?;
        settings.database()?;
        let home = Home::open(&settings.home)?;
        let given = Given::read(&settings, &home).await?;
        let listener = server::bind(settings.address()).await?;
        // What is printed to something else is often kept, as in the log of a container.
        let tells_secrets = std::io::stdout().is_terminal();
        let server = Server { settings, home, given, listener, database: url, begun, tells_secrets };
        server.run(std::future::pending(), stop_signal()?).await
    }
}

/// What is read and checked before the database is reached.
pub(super) struct Given {
    keys: ProjectKeys,
    prepared: Prepared,
}

impl Given {
    /// Reads keys and what accounts need.
    pub(super) async fn read(settings: &Settings, home: &Home) -> Result<Self> {
        for line in &settings.warnings {
            tracing::warn!("{line}");
        }
        let mut keys = home.ensure_keys(&Random::system(), &Clock::system())?;
        settings.keys.apply(&mut keys);
        settings.check_methods(&keys.keyring()?)?;
        Ok(Self { keys, prepared: Prepared::read(settings).await? })
    }
}

/// A server that is about to start.
pub(super) struct Server {
    pub(super) settings: Settings,
    pub(super) home: Home,
    pub(super) given: Given,
    pub(super) listener: TcpListener,
    pub(super) database: SecretString,
    pub(super) begun: Instant,
    /// Whether secrets are printed when it is ready.
    pub(super) tells_secrets: bool,
}

impl Server {
    /// Brings the database up to date, serves until `stop`, and ends early with the error of `broken`.
    pub(super) async fn run(
        self,
        broken: impl Future<Output = anyhow::Error>,
        stop: impl Future<Output = ()>,
    ) -> Result<()> {
        let Self { settings, home, given: Given { keys, prepared }, listener, database, begun, tells_secrets } = self;
        let administrator = Target::parse(&database)?;
        let operator = prepare(&settings, &home, &keys, &administrator).await?;
        let services = services::build(&settings, &administrator, &keys, prepared).await?;
        let running = Running {
            pid: std::process::id(),
            api_url: settings.api_url(),
            served: served(&settings),
            keys: keys.clone(),
            database_url: settings.database_url.as_ref().map(|url| url.expose_secret().to_owned()),
        };
        home.keep_running(Some(&running))?;
        let Running { api_url, served, .. } = running;
        let facts = Facts { api_url, served, database: Some(database), keys: &keys, operator };
        let told = if tells_secrets { facts.pretty()? } else { facts.pretty_without_secrets(&home)? };
        super::print_out(&format!("\n{told}\nready in {} ms\n", begun.elapsed().as_millis()))?;
        let served = tokio::select! {
            served = server::serve(listener, services.router.clone(), stop) => served,
            error = broken => Err(error),
        };
        services.idle().await;
        home.keep_running(None)?;
        served
    }
}

/// Brings the database up to date and makes what is needed in it; the first operator while it must be told.
async fn prepare(
    settings: &Settings,
    home: &Home,
    keys: &ProjectKeys,
    administrator: &Target,
) -> Result<Option<FirstOperator>> {
    if services::is_own_login(settings, administrator) {
        if !pg::migrate::is_up_to_date(administrator).await? {
            let role = administrator.role();
            bail!(
                "the database is not up to date, and {role} may not change that: run `vestibule migrate \
                 --database-url <the same database, as an administrator>`, then start again"
            );
        }
        if settings.project.is_some() {
            tracing::warn!("the project's migrations and seed files are not applied: the login is no administrator's");
        }
        return Ok(None);
    }
    if !settings.only_accounts && pg::adopt::has_others_files(administrator).await? {
        bail!(
            "schema storage of this database is another service's, which is not supported: `vestibule serve --only auth` \
             serves its accounts alone"
        );
    }
    let migrated = pg::migrate::migrate(administrator).await?;
    if migrated == Before::Supabases {
        tracing::info!("the accounts of Supabase's service are taken over");
    }
    // Other services of a database that serves accounts alone here have passwords of their own.
    let roles = if settings.only_accounts { &[services::ACCOUNTS][..] } else { &LOGIN_ROLES[..] };
    ensure_logins(administrator, keys, migrated, roles).await?;
    if let Some(folder) = &settings.project {
        project::apply(folder, settings, administrator, migrated).await?;
    }
    if settings.only_accounts {
        return Ok(None);
    }
    first_operator(home, administrator, settings.prepares).await
}

/// What clients find besides the API.
fn served(settings: &Settings) -> Served {
    let dashboard = !settings.only_accounts;
    Served { dashboard, mailbox: dashboard && settings.opens_mailbox(), api_keys: !settings.no_prefix }
}

/// Makes sure that each service can log in with its password; at the same time, since each takes a few
/// milliseconds of hashing.
async fn ensure_logins(administrator: &Target, keys: &ProjectKeys, before: Before, roles: &[&str]) -> Result<()> {
    let ensure = |role: &&str| {
        let (role, password) = ((*role).to_owned(), keys.role_password(role));
        async move { pg::migrate::ensure_login(administrator, &role, &password, before).await }
    };
    let ensured = futures_util::future::join_all(roles.iter().map(ensure)).await;
    ensured.into_iter().collect::<Result<(), _>>().context("a service's role cannot log in")
}

/// Makes the first operator on a new database; tells its one-time password until that was used.
async fn first_operator(home: &Home, administrator: &Target, prepares: bool) -> Result<Option<FirstOperator>> {
    let pool = pg::PoolSettings { max_connections: 1, prepares, ..pg::PoolSettings::default() };
    let db = pg::Db::new(administrator.clone(), &pool)?;
    if let Some(first) = dashboard::operators::ensure_first(&db, &Clock::system(), &Random::system()).await? {
        let operator = FirstOperator { email: first.email, password: first.password.expose_secret().to_owned() };
        home.keep_first_operator(Some(&operator))?;
        return Ok(Some(operator));
    }
    match home.first_operator()? {
        Some(operator) if dashboard::operators::still_pending(&db).await? => Ok(Some(operator)),
        Some(_) => home.keep_first_operator(None).map(|()| None),
        None => Ok(None),
    }
}

/// Resolves at the first SIGINT or SIGTERM. A second one ends the process at once.
///
/// # Errors
/// When signals cannot be caught.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping: requests under way are finished first; a second signal ends at once");
        tokio::spawn(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            std::process::exit(130);
        });
    })
}
