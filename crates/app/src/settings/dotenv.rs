//! The files beside the project file in which `env(NAME)` is looked up after the environment, as the Supabase CLI does.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};

/// The environment, and what the files beside `config` (`supabase/config.toml`) add to it. A file in `supabase/`
/// goes before one beside that folder.
///
/// # Errors
/// When a file cannot be read, without its text.
pub(super) fn variables(config: &Path, environment: &HashMap<String, String>) -> Result<HashMap<String, String>> {
    let stage = environment.get("SUPABASE_ENV").map_or("development", String::as_str);
    let mut variables = environment.clone();
    for folder in config.ancestors().skip(1).take(2) {
        for file in names(stage) {
            read(&folder.join(file), &mut variables)?;
        }
    }
    Ok(variables)
}

/// The files of a stage, the one that counts first. Tests do without what is local.
fn names(stage: &str) -> Vec<String> {
    let mut names =
        vec![format!(".env.{stage}.local"), ".env.local".to_owned(), format!(".env.{stage}"), ".env".to_owned()];
    if stage == "test" {
        names.remove(1);
    }
    names
}

/// Adds what is not there yet.
fn read(path: &Path, variables: &mut HashMap<String, String>) -> Result<()> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(error) if error.not_found() => return Ok(()),
        Err(_) => bail!("cannot read {}", path.display()),
    };
    for (index, line) in lines.enumerate() {
        // The error itself shows the line, which may hold a secret.
        let Ok((name, value)) = line else {
            bail!("{}: what follows value {index} is not of the form NAME=value", path.display())
        };
        variables.entry(name).or_insert(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_add_to_the_environment_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let supabase = folder.path().join("supabase");
        std::fs::create_dir(&supabase).expect("a folder");
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("a file");
        write("supabase/.env", "A=supabase\nB=\"two words\" # why\nexport C=c\n");
        write("supabase/.env.local", "A=local\n");
        write(".env", "B=beside\nD=beside\nE=beside\n");
        let environment = HashMap::from([("E".to_owned(), "environment".to_owned())]);
        let config = supabase.join("config.toml");
        let found = |environment: &HashMap<String, String>| {
            let variables = variables(&config, environment).expect("valid files");
            ["A", "B", "C", "D", "E"].map(|name| variables.get(name).cloned().unwrap_or_default())
        };
        assert_eq!(found(&environment), ["local", "two words", "c", "beside", "environment"]);
        let test = HashMap::from([("SUPABASE_ENV".to_owned(), "test".to_owned())]);
        assert_eq!(found(&test)[0], "supabase");
        write(".env", "B=1\nhidden text\n");
        let wrong = format!("{:#}", variables(&config, &environment).expect_err("no value"));
        assert!(wrong.ends_with(".env: what follows value 1 is not of the form NAME=value"), "{wrong}");
    }
}
