//! One database per test, cloned from a template that is migrated once per set of migrations.

use std::env;
use std::sync::Arc;

use pg::migrate::MIGRATIONS;
use pg::{Db, Param, PoolSettings, Session, SessionRow, Target, ident};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Only one process at a time makes the template or copies it: PostgreSQL copies only templates that nobody uses.
const LOCK: &str = "select pg_advisory_lock(5150)";

const TEMPLATE_EXISTS: &str = "select true from pg_database where datname = $1";

/// Databases of tests that ended long ago on a server that lives on; the name tells when they were made.
const STALE: &str = "
    select datname from pg_database
    where datname ~ '^test_[0-9]{10,}_' and split_part(datname, '_', 2)::bigint < extract(epoch from now()) - 3600";

/// Takes from a database what Supabase's own service does not make, and adds its record of migrations.
const AS_SUPABASES: &str = "
    drop schema vestibule, storage cascade;
    drop function auth.session_is_live();
    drop index auth.users_list_idx, auth.idx_users_email, auth.idx_users_created_at_desc,
      auth.mfa_challenges_factor_id_idx, auth.oauth_authorizations_user_id_idx,
      auth.oauth_authorizations_client_id_idx, auth.oauth_consents_client_id_idx,
      auth.saml_relay_states_flow_state_id_idx;
    alter table auth.users alter column encrypted_password type varchar(255);
    insert into auth.schema_migrations values ('00'), ('20210710035447'), ";

/// A database of one test, dropped with the last clone.
#[derive(Clone, Debug)]
pub struct TestDb {
    target: Target,
    _database: Arc<Database>,
}

/// A database on the test server. Some ten megabytes each, they would fill a disk if they stayed.
#[derive(Debug)]
struct Database(String);

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", ident::quote(&self.0));
        // A thread of its own: the test's runtime may be gone or busy.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(async { Session::open(&server()).await?.batch(&drop).await }))
        });
        // A database that stays is a matter for the next run, and no failure of this test.
        let _ = dropping.join();
    }
}

impl TestDb {
    /// Clones the template.
    ///
    /// # Panics
    /// When the test server is not there or a migration fails.
    pub async fn new() -> Self {
        let server = server();
        let template = ensure_template(&server).await;
        create(&server, &template).await
    }

    /// An empty database, as a server has it before our first start.
    ///
    /// # Panics
    /// When the test server is not there.
    pub async fn empty() -> Self {
        let server = server();
        create(&server, "template0").await
    }

    /// The database, logged in as the administrator.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A pool of a few connections logged in as `role` (`authenticator`, `supabase_auth_admin` …).
    ///
    /// # Panics
    /// Never in practice: the target is valid.
    #[must_use]
    pub fn db(&self, role: &str) -> Db {
        let target = self.target.as_role(role, &String::new().into());
        Db::new(target, &PoolSettings { max_connections: 4, ..PoolSettings::default() }).expect("a valid target")
    }

    /// Runs statements as the administrator.
    ///
    /// # Panics
    /// When one fails, with what the database said.
    #[track_caller]
    pub fn sql(&self, sql: &str) -> impl Future<Output = ()> {
        let (sql, target) = (sql.to_owned(), self.target.clone());
        async move {
            let session = Session::open(&target).await.expect("the test server answers");
            session.batch(&sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
    }

    /// Makes it a database that Supabase's own service of a version keeps its accounts in; rows stay.
    ///
    /// # Panics
    /// When it is no migrated database.
    pub async fn make_supabases(&self, version: &str) {
        self.sql(&format!("{AS_SUPABASES} ({})", ident::literal(version))).await;
    }

    /// Runs one query as the administrator.
    ///
    /// # Panics
    /// When it fails, with what the database said.
    pub async fn query(&self, sql: &str, params: &[Param<'_>]) -> Vec<SessionRow> {
        let session = Session::open(&self.target).await.expect("the test server answers");
        session.query(sql, params).await.unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The one value that a query of one row and column gives.
    ///
    /// # Panics
    /// When it gives none or one of another type.
    pub async fn value<T: for<'a> pg::FromSql<'a>>(&self, sql: &str) -> T {
        self.query(sql, &[]).await.first().unwrap_or_else(|| panic!("no row: {sql}")).get(0)
    }
}

fn server() -> Target {
    let url = env::var("VESTIBULE_TEST_DATABASE_URL").expect(
        "set VESTIBULE_TEST_DATABASE_URL, or run through `cargo run -p testkit --bin with-postgres -- cargo test`",
    );
    Target::parse(&url.into()).expect("VESTIBULE_TEST_DATABASE_URL is a database URL")
}

async fn ensure_template(server: &Target) -> String {
    // The number counts too: a migration that got another one is pending in a template that knows it by the old.
    let hash = MIGRATIONS.iter().fold(Sha256::new(), |hash, migration| {
        hash.chain_update(migration.version.to_le_bytes()).chain_update(migration.sql)
    });
    let hash = hash.finalize();
    let name = format!("template_{:016x}", u64::from_be_bytes(hash[..8].try_into().expect("eight bytes")));
    let session = Session::open(server).await.expect("the test server answers");
    session.batch(LOCK).await.expect("a lock can be taken");
    if session.query(TEMPLATE_EXISTS, &[&name]).await.expect("a query").is_empty() {
        for row in session.query(STALE, &[]).await.expect("a query") {
            let stale = ident::quote(row.get(0));
            session.batch(&format!("drop database if exists {stale} with (force)")).await.expect("a drop");
        }
        let draft = format!("draft_{}", Uuid::new_v4().simple());
        session.batch(&format!("create database {}", ident::quote(&draft))).await.expect("a database");
        pg::migrate::migrate(&server.with_database(&draft)).await.expect("the migrations apply");
        wait_until_unused(&session, &draft).await;
        let rename = format!("alter database {} rename to {}", ident::quote(&draft), ident::quote(&name));
        session.batch(&rename).await.expect("a rename");
    }
    name
}

/// Ends what still is connected to a database: the connection that migrated closes in the background.
async fn wait_until_unused(session: &Session, database: &str) {
    const END: &str = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1";
    session.query(END, &[&database]).await.expect("a query");
}

async fn create(server: &Target, template: &str) -> TestDb {
    let seconds = jiff::Timestamp::now().as_second();
    let name = format!("test_{seconds}_{}", Uuid::new_v4().simple());
    let session = Session::open(server).await.expect("the test server answers");
    let create = format!("create database {} template {}", ident::quote(&name), ident::quote(template));
    session.batch(&create).await.expect("a database can be created");
    TestDb { target: server.with_database(&name), _database: Arc::new(Database(name)) }
}
