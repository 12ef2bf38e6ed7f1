//! `supabase/config.toml`, with the keys of the Supabase CLI. Keys outside of the section `auth` that concern parts
//! we do not have are left alone, since a project's file serves other programs too.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use toml::{Table, Value};

use super::{project_auth, table};

/// One value of the file that is a setting of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The setting's environment name.
    pub name: &'static str,
    /// Its key in the file.
    pub key: String,
    /// Its value as text; lists are joined by commas.
    pub text: String,
}

/// Reads the file; a missing file has no settings.
///
/// # Errors
/// When it is not TOML (with line and column), or a value has the wrong kind.
pub fn read(path: &Path, environment: &HashMap<String, String>) -> Result<Vec<Found>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        anyhow!("{}: line {line}: {}", path.display(), error.message())
    })?;
    let mut found = Vec::new();
    for setting in table::all() {
        let Some(key) = setting.key.as_deref().filter(|key| !key.starts_with("auth.")) else { continue };
        let Some(value) = look_up(&file, key) else { continue };
        let text = as_text(value, environment).with_context(|| format!("{}: `{key}`", path.display()))?;
        found.push(Found { name: &setting.name, key: key.to_owned(), text });
    }
    found.extend(project_auth::read(&file, path, environment)?);
    Ok(found)
}

pub(super) fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
    let table =
        path.split('.').filter(|part| !part.is_empty()).try_fold(table, |table, part| table.get(part)?.as_table());
    table?.get(last)
}

/// A value as text. `env(NAME)` stands for an environment variable, as in the Supabase CLI.
pub(super) fn as_text(value: &Value, environment: &HashMap<String, String>) -> Result<String> {
    match value {
        Value::String(text) => match text.strip_prefix("env(").and_then(|rest| rest.strip_suffix(')')) {
            Some(name) => {
                environment.get(name).cloned().ok_or_else(|| anyhow!("environment variable {name} is not set"))
            }
            None => Ok(text.clone()),
        },
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(value) => Ok(value.to_string()),
        Value::Array(values) => {
            Ok(values.iter().map(|value| as_text(value, environment)).collect::<Result<Vec<_>>>()?.join(","))
        }
        other => Err(anyhow!("a {} is not expected here", other.type_str())),
    }
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
        let texts: Vec<_> = found.iter().map(|found| (found.key.as_str(), found.text.as_str())).collect();
        assert_eq!(texts, [("api.port", "1"), ("api.schemas", "a,b"), ("auth.site_url", "https://a.example")]);
        let error = read(&path, &HashMap::new()).expect_err("SITE is not set");
        assert!(format!("{error:#}").ends_with("`auth.site_url`: environment variable SITE is not set"));
    }
}
