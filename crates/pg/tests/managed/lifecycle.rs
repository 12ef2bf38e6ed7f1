//! Start, stop, start again; and what happens when a process is killed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use pg::managed::{Cluster, Health, Running, Settings};
use secrecy::ExposeSecret;

use crate::setting::{Home, eventually, noted_pid, query, servers};

#[tokio::test]
async fn first_start_creates_and_the_second_keeps() {
    let home = Home::new();
    let first = Cluster::start(Settings { durable: true, ..home.settings() }).await.unwrap();
    assert!(first.is_new());
    let facts = "select concat_ws(' ', current_setting('cluster_name'), current_setting('server_encoding'), \
         current_setting('listen_addresses'), current_setting('timezone'), current_setting('password_encryption'), \
         current_user, current_setting('fsync'))";
    assert_eq!(query(&first.url(), facts).await.unwrap(), "vestibule UTF8 127.0.0.1 UTC scram-sha-256 postgres on");
    query(&first.url(), "select pg_catalog.lo_from_bytea(4711, 'kept')::text").await.unwrap();
    let (url, data) = (first.url(), first.data_dir().to_owned());
    first.stop().await;
    assert!(servers(&data).is_empty());
    assert!(!data.join("postmaster.pid").exists());

    let second = home.start().await;
    assert!(!second.is_new());
    let password = |url: &str| url.split('@').next().map(str::to_owned);
    assert_eq!(password(second.url().expose_secret()), password(url.expose_secret()));
    let kept = "select convert_from(pg_catalog.lo_get(4711), 'utf8')";
    assert_eq!(query(&second.url(), kept).await.unwrap(), "kept");
    second.stop().await;
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let home = Home::new();
    let cluster = home.start().await;
    let file = home.path().join("postgres-password");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", cluster.port()).into();
    let code = query(&refused, "select 'in'").await.unwrap_err().code().cloned();
    assert_eq!(code.unwrap().code(), "28P01");
    let mut by_socket = tokio_postgres::Config::new();
    by_socket.host_path(cluster.socket_dir()).port(cluster.port()).user("postgres").password("wrong");
    let error = by_socket.connect(tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(error.code().unwrap().code(), "28P01");
    let data = fs::metadata(cluster.data_dir()).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    assert_ne!(data.uid(), 0);
    assert_eq!(fs::metadata(cluster.socket_dir()).unwrap().permissions().mode() & 0o777, 0o700);
    cluster.stop().await;
}

#[tokio::test]
async fn running_cluster_is_found_and_a_stopped_one_is_not() {
    let home = Home::new();
    assert!(Running::find(&home.path()).unwrap().is_none());
    let cluster = home.start().await;
    let found = Running::find(&home.path()).unwrap().unwrap();
    assert_eq!(found.url().expose_secret(), cluster.url().expose_secret());
    assert_eq!((found.port(), found.socket_dir()), (cluster.port(), cluster.socket_dir()));
    assert_eq!(found.pid(), noted_pid(cluster.data_dir()));
    assert_eq!(query(&found.url(), "select 'in'").await.unwrap(), "in");
    cluster.stop().await;
    assert!(Running::find(&home.path()).unwrap().is_none());
}

#[tokio::test]
async fn killed_server_is_restarted() {
    let home = Home::new();
    let cluster = home.start().await;
    let mut health = cluster.health();
    let before = noted_pid(cluster.data_dir());
    kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
    health.wait_for(|now| matches!(now, Health::Running { pid } if *pid != before)).await.unwrap();
    assert_eq!(query(&cluster.url(), "select 'in'").await.unwrap(), "in");
    assert_eq!(servers(cluster.data_dir()), [noted_pid(cluster.data_dir())]);
    let data = cluster.data_dir().to_owned();
    cluster.stop().await;
    assert!(servers(&data).is_empty());
    assert_eq!(*health.borrow(), Health::Stopped);
}

#[tokio::test]
async fn server_that_cannot_live_is_given_up() {
    let home = Home::new();
    let cluster = home.start().await;
    let died = cluster.died();
    fs::remove_file(cluster.data_dir().join("global/pg_control")).unwrap();
    kill(Pid::from_raw(noted_pid(cluster.data_dir())), Signal::SIGKILL).unwrap();
    let error = died.await.to_string();
    assert!(error.starts_with("PostgreSQL died 6 times"), "{error}");
    assert!(error.contains("pg_control"), "{error}");
    cluster.stop().await;
}

/// A server on `data` that is not the product's child, like one whose parent was killed.
struct Orphan {
    child: Child,
}

impl Orphan {
    async fn spawn(bin: &Path, data: &Path, socket_dir: &Path) -> Self {
        let mut command = Command::new(bin.join("postgres"));
        command.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", "port=5432", "-k"]).arg(socket_dir);
        if geteuid().is_root() {
            let owner = fs::metadata(data).unwrap();
            command.uid(owner.uid()).gid(owner.gid());
        }
        // Nobody reads its log any more: the pipe's other end is closed at once.
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        eventually("the orphan to be ready", || {
            let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
            text.lines().nth(7).filter(|status| status.trim() == "ready").map(drop)
        })
        .await;
        Self { child }
    }

    fn has_ended(&mut self) -> Option<()> {
        self.child.try_wait().unwrap().map(drop)
    }
}

fn installed_bin(data: &Path) -> std::path::PathBuf {
    let options = fs::read_to_string(data.join("postmaster.opts")).unwrap();
    let program = options.split_whitespace().next().unwrap();
    Path::new(program).parent().unwrap().to_owned()
}

#[tokio::test]
async fn server_left_by_a_killed_start_is_replaced() {
    let home = Home::new();
    let cluster = home.start().await;
    let (data, socket_dir) = (cluster.data_dir().to_owned(), cluster.socket_dir().to_owned());
    let bin = installed_bin(&data);
    cluster.stop().await;
    let mut orphan = Orphan::spawn(&bin, &data, &socket_dir).await;
    let before = noted_pid(&data);

    let cluster = home.start().await;
    eventually("the orphan to end", || orphan.has_ended()).await;
    let now = noted_pid(&data);
    assert_ne!(now, before);
    assert_eq!(servers(&data), [now]);
    assert_eq!(query(&cluster.url(), "select 'in'").await.unwrap(), "in");
    cluster.stop().await;
    assert!(servers(&data).is_empty());
}

#[tokio::test]
async fn stale_pid_file_does_not_matter() {
    let home = Home::new();
    let cluster = home.start().await;
    let data = cluster.data_dir().to_owned();
    let (port, run) = (cluster.port(), cluster.socket_dir().to_owned());
    cluster.stop().await;
    // One id is of nobody, the other of a program that is not PostgreSQL but runs as the server's user.
    let mut sleeper = Command::new("sleep");
    sleeper.arg("1000");
    if geteuid().is_root() {
        let owner = fs::metadata(&data).unwrap();
        sleeper.uid(owner.uid()).gid(owner.gid());
    }
    let mut sleeper = sleeper.spawn().unwrap();
    for pid in ["4194000".to_owned(), sleeper.id().to_string()] {
        let text =
            format!("{pid}\n{}\n1700000000\n{port}\n{}\n127.0.0.1\n  1 1\nready   \n", data.display(), run.display());
        fs::write(data.join("postmaster.pid"), &text).unwrap();
        fs::write(run.join(format!(".s.PGSQL.{port}.lock")), &text).unwrap();
        assert!(Running::find(&home.path()).unwrap().is_none());
        let cluster = Cluster::start(Settings { port, ..home.settings() }).await.unwrap();
        assert_eq!(query(&cluster.url(), "select 'in'").await.unwrap(), "in");
        cluster.stop().await;
    }
    assert!(sleeper.try_wait().unwrap().is_none(), "the innocent program was ended");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[tokio::test]
async fn dropped_cluster_shuts_down() {
    let home = Home::new();
    let cluster = home.start().await;
    let data = cluster.data_dir().to_owned();
    drop(cluster);
    eventually("the server to end", || servers(&data).is_empty().then_some(())).await;
    // The lock goes with it.
    eventually("the pid file to go", || (!data.join("postmaster.pid").exists()).then_some(())).await;
}

#[tokio::test]
async fn interrupted_creation_is_begun_anew() {
    let home = Home::new();
    let half = home.path().join("pgdata.new-0123");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();
    let cluster = home.start().await;
    assert!(cluster.is_new());
    assert!(!half.exists());
    cluster.stop().await;
}

#[tokio::test]
async fn closed_home_works_for_root_and_owner_alike() {
    let home = Home::closed();
    let first = home.start().await;
    let data = first.data_dir().to_owned();
    assert!(first.is_new());
    assert_eq!(data.starts_with(home.path()), !geteuid().is_root());
    assert_eq!(query(&first.url(), "select 'in'").await.unwrap(), "in");
    assert_eq!(Running::find(&home.path()).unwrap().map(|found| found.port()), Some(first.port()));
    first.stop().await;
    let second = home.start().await;
    assert_eq!((second.is_new(), second.data_dir()), (false, data.as_path()));
    second.stop().await;
    // What is removed is gone, wherever the cluster was.
    let base = data.parent().unwrap().to_owned();
    fs::remove_dir_all(home.path()).unwrap();
    let third = home.start().await;
    assert!(third.is_new());
    third.stop().await;
    if base.exists() {
        fs::remove_dir_all(base).unwrap();
    }
}

#[tokio::test]
async fn lost_password_is_set_anew() {
    let home = Home::new();
    let cluster = home.start().await;
    let before = cluster.url();
    cluster.stop().await;
    fs::remove_file(home.path().join("postgres-password")).unwrap();
    let cluster = home.start().await;
    assert_ne!(cluster.url().expose_secret(), before.expose_secret());
    assert_eq!(query(&cluster.url(), "select 'in'").await.unwrap(), "in");
    cluster.stop().await;
}
