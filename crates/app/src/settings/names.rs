//! Names that nobody knows: what was probably meant.

use std::collections::HashMap;

use anyhow::{Result, bail};

use super::{foreign, outside, table};

/// What our names and those of the services that we stand in for begin with. Others are none of our business.
const PREFIXES: [&str; 3] = ["GOTRUE_", "PGRST_", "VESTIBULE_"];

/// Names of ours that the program itself does not read: those of tests.
const OF_TESTS: [&str; 2] = ["VESTIBULE_TEST_", "VESTIBULE_BINARY"];

/// Refuses a name in the environment that is not known.
///
/// # Errors
/// The first such name, with the one that is nearest.
pub(super) fn check(environment: &HashMap<String, String>) -> Result<()> {
    let mut names: Vec<&String> = environment.keys().filter(|name| is_ours(name) && !is_known(name)).collect();
    names.sort();
    let Some(name) = names.first() else { return Ok(()) };
    bail!("environment {name}: there is no such setting{}", hint(name, all()));
}

/// `; did you mean …?` with the name that is nearest, if one is near.
pub(super) fn hint(name: &str, known: impl Iterator<Item = String>) -> String {
    let nearest = known.map(|known| (distance(name, &known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 1 + name.len() / 4 => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

fn is_ours(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !OF_TESTS.iter().any(|prefix| name.starts_with(prefix))
}

fn is_known(name: &str) -> bool {
    table::find(name).is_some()
        || foreign::treatment(name).is_some()
        || outside::letter(name).is_some()
        || is_of_data_api(name)
}

/// Whether the data API knows a name that the table leaves out: an earlier one, or a setting of the app.
pub(super) fn is_of_data_api(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("PGRST_") else { return false };
    let folded = rest.to_ascii_lowercase().replace('_', "-");
    folded.starts_with("app-settings-") || rest::Settings::names().any(|known| known == folded)
}

fn all() -> impl Iterator<Item = String> {
    let ours = table::all().iter().flat_map(|setting| table::environment_names(&setting.name));
    ours.map(std::borrow::Cow::into_owned).chain(foreign::names())
}

/// How many letters must be changed, added or removed to come from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let cost = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_told_with_the_right_one() {
        let with = |name: &str| check(&HashMap::from([(name.to_owned(), "x".to_owned())]));
        for known in [
            "GOTRUE_SITE_URL",
            "VESTIBULE_PORT",
            "GOTRUE_JWT_SECRET",
            "GOTRUE_EXTERNAL_APPLE_SECRET",
            "VESTIBULE_MAILER_SUBJECTS_INVITE__DE",
            "PGRST_DB_SCHEMA",
            "PGRST_APP_SETTINGS_X",
            "VESTIBULE_TEST_DATABASE_URL",
            "HOME",
        ] {
            assert!(with(known).is_ok(), "{known}");
        }
        let message = |name: &str| with(name).expect_err("no such name").to_string();
        let expected = "environment GOTRUE_SITE_URI: there is no such setting; did you mean GOTRUE_SITE_URL?";
        assert_eq!(message("GOTRUE_SITE_URI"), expected);
        assert!(message("VESTIBULE_POTR").ends_with("did you mean VESTIBULE_PORT?"));
        assert!(message("GOTRUE_SOMETHING_ENTIRELY_DIFFERENT").ends_with("no such setting"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
