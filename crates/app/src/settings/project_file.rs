//! `supabase/config.toml`, with the keys of the Supabase CLI. Keys outside of the section `auth` that concern parts
//! we do not have are left alone, since a project's file serves other programs too.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};

use super::{project_auth, table, values};

/// Keys that an array may be given for.
const LISTS: [&str; 4] = ["api.schemas", "api.extra_search_path", "auth.additional_redirect_urls", "db.seed.sql_paths"];

/// What the file says.
#[derive(Debug, Default)]
pub struct Project {
    /// The values that are settings of ours.
    pub found: Vec<Found>,
    /// Whether the section of the mail server is there and on.
    pub has_mail_section: bool,
}

/// One value of the file that is a setting of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The setting's environment name.
    pub name: &'static str,
    /// Its key in the file.
    pub key: String,
    /// Its value.
    pub value: Given,
}

/// A value of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text, number or switch, as text.
    Text(String),
    /// An array. It stays one, since commas may be part of its members.
    List(Vec<String>),
}

/// Reads the file; a missing file has no settings.
///
/// # Errors
/// When it is not TOML (with line and column), or a value has the wrong kind.
pub fn read(path: &Path, environment: &HashMap<String, String>) -> Result<Project> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Project::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        anyhow!("{}: line {line}: {}", path.display(), error.message())
    })?;
    let mut found = Vec::new();
    for setting in table::all() {
        let Some(key) = setting.key.as_deref().filter(|key| !key.starts_with("auth.")) else { continue };
        let Some(value) = look_up(&file, key).filter(|value| !is_not_given(value, environment)) else { continue };
        let value = given(key, value, environment).with_context(|| format!("{}: `{key}`", path.display()))?;
        found.push(Found { name: &setting.name, key: key.to_owned(), value });
    }
    found.extend(project_auth::read(&file, path, environment)?);
    let has_mail_section = project_auth::has_mail_section(&file, path, environment)?;
    Ok(Project { found, has_mail_section })
}

pub(super) fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
    let table =
        path.split('.').filter(|part| !part.is_empty()).try_fold(table, |table, part| table.get(part)?.as_table());
    table?.get(last)
}

/// The value of a key that is a setting.
pub(super) fn given(key: &str, value: &Value, environment: &HashMap<String, String>) -> Result<Given> {
    match value {
        Value::Array(members) if LISTS.contains(&key) => {
            let members = members.iter().map(|member| as_text(member, environment)).collect::<Result<Vec<_>>>()?;
            let members = members.iter().map(|member| member.trim().to_owned());
            Ok(Given::List(members.filter(|member| !member.is_empty()).collect()))
        }
        _ => as_text(value, environment).map(Given::Text),
    }
}

/// A value as a switch; a text counts too, as it is what `env(NAME)` stands for.
pub(super) fn as_switch(value: &Value, environment: &HashMap<String, String>) -> Result<bool> {
    values::switch(&as_text(value, environment)?)
}

/// A value as text. `env(NAME)` stands for an environment variable, as in the Supabase CLI.
pub(super) fn as_text(value: &Value, environment: &HashMap<String, String>) -> Result<String> {
    let text = match value {
        Value::String(text) => match variable(text) {
            Some(name) => {
                environment.get(name).cloned().ok_or_else(|| anyhow!("environment variable {name} is not set"))?
            }
            None => text.clone(),
        },
        Value::Integer(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        other => bail!("a value of the kind {} is not expected here", other.type_str()),
    };
    if text.starts_with(ENCRYPTED) {
        bail!("values that dotenvx has encrypted are not supported: decrypt it, and give it as env(NAME)");
    }
    Ok(text)
}

/// What values begin with that the CLI decrypts.
const ENCRYPTED: &str = "encrypted:";

/// Whether a value stands for a variable that is set and empty, which counts as if the key were not there.
pub(super) fn is_not_given(value: &Value, environment: &HashMap<String, String>) -> bool {
    let name = value.as_str().and_then(variable);
    name.is_some_and(|name| environment.get(name).is_some_and(String::is_empty))
}

/// The name in `env(NAME)`.
fn variable(text: &str) -> Option<&str> {
    text.strip_prefix("env(")?.strip_suffix(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_as_text_and_env_is_looked_up() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("config.toml");
        let text = "project_id = \"x\"\n[api]\nport = 1\nschemas = [\"a\", \"b\"]\n[auth]\nsite_url = \"env(SITE)\"\n[studio]\nport = 3\n";
        std::fs::write(&path, text).expect("a file");
        let environment = HashMap::from([("SITE".to_owned(), "https://a.example".to_owned())]);
        let found = read(&path, &environment).expect("a valid file");
        let values: Vec<_> = found.found.into_iter().map(|found| (found.key, found.value)).collect();
        let text = |key: &str, text: &str| (key.to_owned(), Given::Text(text.to_owned()));
        let schemas = ("api.schemas".to_owned(), Given::List(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(values, [text("api.port", "1"), schemas, text("auth.site_url", "https://a.example")]);
        let error = read(&path, &HashMap::new()).expect_err("SITE is not set");
        assert!(format!("{error:#}").ends_with("`auth.site_url`: environment variable SITE is not set"));
    }

    #[test]
    fn variables_that_are_empty_give_nothing_and_encrypted_ones_are_refused() {
        let text = |value: &str, variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let value = Value::from(value);
            (is_not_given(&value, &variables), as_text(&value, &variables).map_err(|error| error.to_string()))
        };
        assert_eq!(text("env(A)", &[("A", "")]), (true, Ok(String::new())));
        assert_eq!(text("env(A)", &[("A", "a")]), (false, Ok("a".to_owned())));
        assert_eq!(text("", &[]), (false, Ok(String::new())));
        assert!(text("env(A)", &[]).1.expect_err("not set").contains("A is not set"));
        for (value, variables) in [("encrypted:hidden", vec![]), ("env(A)", vec![("A", "encrypted:hidden")])] {
            let wrong = text(value, &variables).1.expect_err("nobody can read it");
            assert!(wrong.starts_with("values that dotenvx has encrypted") && !wrong.contains("hidden"), "{wrong}");
        }
    }
}
