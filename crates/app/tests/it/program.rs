//! The binary, running over a database of the test's own.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use testkit::TestDb;

/// The binary with nothing of our own in its environment, and a data directory of its own.
pub(crate) fn command(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["VESTIBULE_", "GOTRUE_", "PGRST_", "DATABASE_URL", "PORT"].iter().any(|ours| text.starts_with(ours)) {
            command.env_remove(name);
        }
    }
    command.current_dir(home).env("VESTIBULE_HOME", home.join("home"));
    command
}

/// A server that runs until it is dropped.
pub(crate) struct Program {
    child: Child,
    stderr: Option<JoinHandle<String>>,
    /// What it printed until it was ready.
    pub(crate) banner: String,
    pub(crate) url: String,
    pub(crate) db: TestDb,
    pub(crate) folder: tempfile::TempDir,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Program {
    /// Starts `serve` with flags and variables and waits until it is ready.
    pub(crate) async fn serve(folder: tempfile::TempDir, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let db = TestDb::new().await;
        let database = database_url("postgres", &db).await;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let (child, stderr, is_ready, banner) = spawn(&folder, &database, port, flags, variables);
        let mut program =
            Self { child, stderr: Some(stderr), banner, url: format!("http://127.0.0.1:{port}"), db, folder };
        assert!(is_ready, "the server did not start: {}", program.stop());
        program
    }

    /// Ends it and starts it again over the same database, which it reaches as `role`; its log if it does not start.
    pub(crate) async fn restart_as(
        &mut self,
        role: &str,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<(), String> {
        self.stop();
        let database = database_url(role, &self.db).await;
        let port = self.url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let (child, stderr, is_ready, banner) = spawn(&self.folder, &database, port, flags, variables);
        (self.child, self.stderr, self.banner) = (child, Some(stderr), banner);
        if is_ready { Ok(()) } else { Err(self.stop()) }
    }

    /// Runs `migrate` over its database; what it prints.
    pub(crate) async fn migrate(&self) -> String {
        let database = database_url("postgres", &self.db).await;
        let output = command(self.folder.path()).args(["migrate", "--database-url", &database]).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Calls it.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let method = method.parse().expect("a method");
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("the server answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// Ends it; its log.
    pub(crate) fn stop(&mut self) -> String {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("it ends");
        self.stderr.take().map(|log| log.join().expect("the log is read")).unwrap_or_default()
    }
}

pub(crate) async fn database_url(role: &str, db: &TestDb) -> String {
    let name: String = db.value("select current_database()::text").await;
    let server = std::env::var("VESTIBULE_TEST_DATABASE_URL").expect("a test server");
    let (_, host) = server.split_once('@').expect("a URL with a user");
    let (host, _) = host.rsplit_once('/').expect("a URL with a database");
    format!("postgres://{role}@{host}/{name}")
}

/// Starts `serve`; its log to come, whether it became ready, and what it printed.
fn spawn(
    folder: &tempfile::TempDir,
    database: &str,
    port: u16,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> (Child, JoinHandle<String>, bool, String) {
    let mut child = command(folder.path())
        .arg("serve")
        .args(flags)
        .envs(variables.iter().copied())
        .env("GOTRUE_DB_DATABASE_URL", database)
        .env("GOTRUE_API_PORT", port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut log = child.stderr.take().expect("a pipe");
    let stderr = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).expect("the log is text");
        text
    });
    let mut banner = String::new();
    let is_ready = BufReader::new(child.stdout.take().expect("a pipe")).lines().any(|line| {
        let line = line.expect("text");
        banner.push_str(&line);
        banner.push('\n');
        line.starts_with("ready in")
    });
    (child, stderr, is_ready, banner)
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}
