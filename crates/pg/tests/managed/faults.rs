//! Each way a start can fail: one clear line, what to do, and nothing left behind.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use pg::managed::{Cluster, Error, Settings};

use crate::setting::{Home, servers};

/// Starts in vain; whatever the reason, it is one line.
async fn failure(settings: Settings) -> Error {
    let error = Cluster::start(settings).await.expect_err("this start has to fail");
    assert!(!error.to_string().contains('\n'), "more than a line: {error}");
    error
}

#[tokio::test]
async fn taken_port_is_named_and_nothing_is_created() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let error = failure(Settings { port, ..home.settings() }).await;
    assert_eq!(error.to_string(), format!("database port {port} on 127.0.0.1 is already in use by another program"));
    assert!(error.hint().unwrap().contains("choose another database port"));
    assert!(!home.path().join("pgdata").exists());
}

#[tokio::test]
async fn data_of_another_major_is_refused() {
    let home = Home::new();
    let cluster = home.start().await;
    let version = cluster.version().to_owned();
    let data = cluster.data_dir().to_owned();
    cluster.stop().await;
    fs::write(data.join("PG_VERSION"), "14\n").unwrap();
    let error = failure(home.settings()).await;
    let expected = format!("data directory {} was created by PostgreSQL 14, but found only ", data.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(error.to_string().contains(&version), "{error}");
    assert!(error.hint().unwrap().starts_with("install PostgreSQL 14, or dump"));
    assert_eq!(fs::read_to_string(data.join("PG_VERSION")).unwrap(), "14\n");
}

#[tokio::test]
async fn second_start_on_the_same_home_names_the_first() {
    let home = Home::new();
    let cluster = home.start().await;
    let error = failure(home.settings()).await;
    assert_eq!(
        error.to_string(),
        format!("another vestibule (process {}) already runs on {}", std::process::id(), home.path().display())
    );
    assert_eq!(servers(cluster.data_dir()).len(), 1);
    cluster.stop().await;
    home.start().await.stop().await;
}

#[tokio::test]
async fn wrong_server_folder_is_named() {
    let home = Home::new();
    let settings = Settings { pg_bin: Some("/etc".into()), ..home.settings() };
    let error = failure(settings).await;
    assert_eq!(error.to_string(), "no usable PostgreSQL server in /etc: `postgres` and `initdb` are not both in it");
}

#[tokio::test]
async fn changed_password_is_told() {
    let home = Home::new();
    home.start().await.stop().await;
    fs::write(home.path().join("postgres-password"), "another").unwrap();
    let error = failure(home.settings()).await;
    assert!(matches!(&error, Error::Password { file } if file == &home.path().join("postgres-password")));
    assert!(servers(&home.path().join("pgdata")).is_empty());
}

#[tokio::test]
async fn server_that_ends_at_once_says_why() {
    let home = Home::new();
    let settings = Settings { extra: vec![("max_connections".to_owned(), "lots".to_owned())], ..home.settings() };
    let error = failure(settings).await;
    assert_eq!(
        error.to_string(),
        "PostgreSQL did not start: invalid value for parameter \"max_connections\": \"lots\""
    );
    assert!(servers(&home.path().join("pgdata")).is_empty());
}

#[tokio::test]
async fn unknown_user_is_named() {
    let home = Home::new();
    let settings = Settings { run_as: Some("no-such-user-here".to_owned()), ..home.settings() };
    let error = failure(settings).await;
    assert!(error.to_string().contains("no-such-user-here"), "{error}");
    assert!(!Path::new(&home.path().join("pgdata")).exists());
}
