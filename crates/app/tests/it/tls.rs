//! TLS on the way to the database: the driver negotiates it, and the connections of the pools go on with it.

use base::jwt::Keyring;
use serde_json::json;

use crate::program::{Program, database_url};

const SECRET: &str = "a-secret-that-all-services-of-the-project-share";

/// Writes a text to a file of the database server, which only that may read.
async fn put(program: &Program, name: &str, text: &str) {
    let text = text.replace('\'', "''");
    let to = format!("cat > {name} && chmod 600 {name}");
    program.db.sql(&format!("copy (select unnest(string_to_array(trim('{text}'), e'\\n'))) to program '{to}'")).await;
}

#[tokio::test]
async fn pools_speak_tls_where_the_url_asks_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::serve(folder, &[], &[]).await;
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    put(&program, "vestibule-test.crt", &own.cert.pem()).await;
    put(&program, "vestibule-test.key", &own.signing_key.serialize_pem()).await;
    for setting in ["ssl_cert_file = 'vestibule-test.crt'", "ssl_key_file = 'vestibule-test.key'", "ssl = on"] {
        program.db.sql(&format!("alter system set {setting}")).await;
    }
    program.db.sql("select pg_reload_conf()").await;
    while program.db.value::<String>("select current_setting('ssl')").await != "on" {}

    let url = format!("{}?sslmode=require", database_url("postgres", &program.db).await);
    let flags = ["--database-url", &url];
    // Nobody has vouched for the certificate.
    let refused = program.restart_as("postgres", &flags, &[]).await.expect_err("an unknown certificate");
    assert!(refused.contains("certificate"), "{refused}");

    let trusted = program.folder.path().join("trusted.pem");
    std::fs::write(&trusted, own.cert.pem()).expect("a file");
    let variables = [("SSL_CERT_FILE", trusted.to_str().expect("a path")), ("GOTRUE_JWT_SECRET", SECRET)];
    program.restart_as("postgres", &flags, &variables).await.expect("it starts");
    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    let token = Keyring::new(SECRET.as_bytes(), Vec::new()).sign(&json!({"role": "service_role"}));
    let bearer = format!("Bearer {token}");
    let service = [("authorization", bearer.as_str())];
    let create = program.call("POST", "/auth/v1/admin/users", &service, Some(account));
    let read = program.call("GET", "/rest/v1/rpc/none", &service, None);
    let (created, missing) = tokio::join!(create, read);
    assert_eq!((created.status, missing.status), (200, 404), "{} {}", created.body, missing.body);
    let secured = "select coalesce(bool_and(ssl), false) from pg_stat_ssl join pg_stat_activity using (pid)
        where datname = current_database() and usename in ('supabase_auth_admin', 'authenticator')";
    assert!(program.db.value::<bool>(secured).await, "all connections of the pools");
    for setting in ["ssl", "ssl_cert_file", "ssl_key_file"] {
        program.db.sql(&format!("alter system reset {setting}")).await;
    }
    program.db.sql("select pg_reload_conf()").await;
}
