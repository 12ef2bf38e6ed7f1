//! `vestibule users`: acts through the admin API of the accounts service, in process, as any client does over HTTP.

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use base::project::ApiKey;
use clap::{Subcommand, ValueEnum};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use pg::Session;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::database::{self, Format};
use super::local;
use crate::services;

/// Columns that hold hashes of passwords and tokens; exported only on request.
const SECRET_COLUMNS: [&str; 8] = [
    "encrypted_password",
    "confirmation_token",
    "recovery_token",
    "email_change_token_new",
    "email_change_token_current",
    "phone_change_token",
    "reauthentication_token",
    "is_super_admin",
];

const COLUMNS: &str = "
    select column_name::text from information_schema.columns
    where table_schema = 'auth' and table_name = 'users' and column_name <> all ($1) order by ordinal_position";

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// List users, newest first
    List {
        /// Text to look for in e-mail addresses and full names
        #[arg(long)]
        filter: Option<String>,
        /// The page, from 1
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// Users on a page
        #[arg(long, default_value_t = 50)]
        per_page: u32,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a user
    Create {
        /// E-mail address
        #[arg(long)]
        email: Option<String>,
        /// Phone number
        #[arg(long)]
        phone: Option<String>,
        /// Password; `-` reads it from standard input
        #[arg(long)]
        password: Option<String>,
        /// Leave the address unconfirmed
        #[arg(long)]
        unconfirmed: bool,
        /// `user_metadata` as JSON
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
    },
    /// Show a user as JSON
    Show {
        /// Id or e-mail address
        user: String,
    },
    /// Delete a user
    Delete {
        /// Id or e-mail address
        user: String,
        /// Keep the row, without anything that tells who it was
        #[arg(long)]
        soft: bool,
    },
    /// Print all users
    Export {
        /// How to print
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
        /// With the hashes of passwords and tokens, to move users elsewhere
        #[arg(long)]
        with_secrets: bool,
    },
}

/// How an export is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// RFC 4180
    Csv,
    /// A JSON array
    Json,
}

impl Users {
    pub(super) async fn run(self, common: &super::Common) -> Result<()> {
        let settings = common.settings(Vec::new())?;
        if let Self::Export { format, with_secrets } = self {
            let session = Session::open(&local::administrator(&settings)?).await?;
            return export(&session, format, with_secrets).await;
        }
        let keys = local::project_keys(&settings)?;
        let keyring = keys.keyring()?;
        let target = local::administrator(&settings)?;
        let router = services::accounts(&settings, &target, &keys, &keyring).await?;
        let api = AdminApi { router, token: keys.legacy_key(&keyring, ApiKey::ServiceRole).into(), target };
        match self {
            Self::List { filter, page, per_page, json } => api.list(filter.as_deref(), page, per_page, json).await,
            Self::Create { email, phone, password, unconfirmed, metadata } => {
                let password = password.map(read_password).transpose()?;
                let metadata = metadata.map(|text| serde_json::from_str::<Value>(&text)).transpose();
                let metadata = metadata.context("--metadata is not JSON")?;
                let mut body = Map::new();
                let mut set = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
                set("email_confirm", email.is_some().then_some(json!(!unconfirmed)));
                set("phone_confirm", phone.is_some().then_some(json!(!unconfirmed)));
                set("email", email.map(Value::from));
                set("phone", phone.map(Value::from));
                set("password", password.as_ref().map(|password| json!(password.expose_secret())));
                set("user_metadata", metadata);
                show(&api.call(Method::POST, "/admin/users", Some(&Value::Object(body))).await?)
            }
            Self::Show { user } => show(&api.call(Method::GET, &api.path(&user).await?, None).await?),
            Self::Delete { user, soft } => {
                let body = json!({"should_soft_delete": soft});
                api.call(Method::DELETE, &api.path(&user).await?, Some(&body)).await?;
                super::print_out(&format!("deleted {user}\n"))
            }
            Self::Export { .. } => Ok(()),
        }
    }
}

fn read_password(given: String) -> Result<SecretString> {
    if given != "-" {
        return Ok(given.into());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

async fn export(session: &Session, format: ExportFormat, with_secrets: bool) -> Result<()> {
    let left_out: Vec<&str> = if with_secrets { Vec::new() } else { SECRET_COLUMNS.to_vec() };
    let rows = session.query(COLUMNS, &[&left_out]).await?;
    let columns = pg::ident::list(rows.iter().map(|row| row.get(0)));
    let sql = format!("select {columns} from auth.users order by created_at, id");
    let format = match format {
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Json => Format::Json,
    };
    database::print(session, &sql, format, None).await
}

fn show(value: &Value) -> Result<()> {
    super::print_out(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// The accounts service in process, with the service key.
struct AdminApi {
    router: Router,
    token: SecretString,
    target: pg::Target,
}

impl AdminApi {
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token.expose_secret()))
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let failure = answer.extensions().get::<base::http::Failure>().cloned();
        let bytes = answer.into_body().collect().await.context("the accounts service broke off")?.to_bytes();
        if status.is_success() {
            return if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) };
        }
        Err(refusal(status, &bytes, failure))
    }

    async fn list(&self, filter: Option<&str>, page: u32, per_page: u32, as_json: bool) -> Result<()> {
        let filter: String = filter.unwrap_or_default().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/admin/users?page={page}&per_page={per_page}&filter={filter}");
        let answer = self.call(Method::GET, &path, None).await?;
        if as_json {
            return show(&answer);
        }
        let text = |user: &Value, key: &str| user[key].as_str().unwrap_or_default().to_owned();
        let lines: String = answer["users"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|user| {
                let contact =
                    [text(user, "email"), text(user, "phone")].into_iter().find(|contact| !contact.is_empty());
                let contact = contact.unwrap_or_else(|| "(anonymous)".to_owned());
                format!("{}  {}  {contact}\n", text(user, "id"), text(user, "created_at"))
            })
            .collect();
        super::print_out(&lines)
    }

    /// The path of a user given by id or e-mail address.
    async fn path(&self, user: &str) -> Result<String> {
        if let Ok(id) = user.parse::<Uuid>() {
            return Ok(format!("/admin/users/{id}"));
        }
        const BY_EMAIL: &str = "
            select id from auth.users where lower(email) = lower($1) and not is_sso_user and deleted_at is null limit 1";
        let session = Session::open(&self.target).await?;
        let rows = session.query(BY_EMAIL, &[&user]).await?;
        let Some(row) = rows.first() else { bail!("no user has the e-mail address {user}") };
        Ok(format!("/admin/users/{}", row.get::<_, Uuid>(0)))
    }
}

fn refusal(status: StatusCode, body: &[u8], failure: Option<base::http::Failure>) -> anyhow::Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body["msg"].as_str().or_else(|| body["message"].as_str()).unwrap_or("the request failed").to_owned();
    let code = body["error_code"].as_str().unwrap_or_default();
    let mut text = format!("{message} ({} {code})", status.as_u16());
    if let Some(failure) = failure.filter(|failure| failure.message != message) {
        text.push_str(&format!("\ncause: {}", failure.message));
        for (name, value) in [("function", failure.function), ("SQLSTATE", failure.sqlstate), ("hint", failure.hint)] {
            if let Some(value) = value {
                text.push_str(&format!("\n{name}: {value}"));
            }
        }
    }
    anyhow::anyhow!(text)
}
