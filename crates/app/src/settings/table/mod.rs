//! Every setting that can be given from outside: its environment name, its key in `supabase/config.toml` where
//! the Supabase CLI has one, and what it means. `docs/configuration.md` is printed from this table.

mod accounts;
mod data;
mod families;
mod protection;
mod reaching;
mod server;

use std::borrow::Cow;
use std::sync::LazyLock;

use super::{foreign, originals};

/// One setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The environment variable; also accepted with the prefix `VESTIBULE_` where it has none of our three.
    pub name: Cow<'static, str>,
    /// The key in the project file.
    pub key: Option<Cow<'static, str>>,
    /// The value when nothing is given, as text.
    pub default: &'static str,
    /// What it means.
    pub meaning: Cow<'static, str>,
}

const fn setting(
    name: &'static str,
    key: Option<&'static str>,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    let key = match key {
        Some(key) => Some(Cow::Borrowed(key)),
        None => None,
    };
    Setting { name: Cow::Borrowed(name), key, default, meaning: Cow::Borrowed(meaning) }
}

/// All settings, in the order in which the documentation lists them.
pub fn all() -> &'static [Setting] {
    static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let parts = [server::SERVER, accounts::ACCOUNTS, reaching::REACHING, protection::PROTECTION];
        let fixed = parts.into_iter().flatten().cloned();
        fixed.chain(families::families()).chain(data::DATA.iter().cloned()).collect()
    });
    &ALL
}

/// The setting that an environment name sets.
pub fn find(name: &str) -> Option<&'static Setting> {
    all().iter().find(|setting| environment_names(&setting.name).any(|known| known == name))
}

/// The environment names of a setting, the one that counts first: with our prefix, those that the services that we
/// stand in for have for the same, and its own where that has no prefix, since others may mean something else by it.
pub fn environment_names(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let has_prefix = ["VESTIBULE_", "GOTRUE_", "PGRST_"].iter().any(|prefix| name.starts_with(prefix));
    let aliases: &[&'static str] = match name {
        "JWT_SECRET" => &["GOTRUE_JWT_SECRET", "PGRST_JWT_SECRET"],
        "PORT" => &["GOTRUE_API_PORT"],
        "VESTIBULE_LISTEN" => &["GOTRUE_API_HOST"],
        "DATABASE_URL" => &["GOTRUE_DB_DATABASE_URL"],
        "API_EXTERNAL_URL" => &["GOTRUE_API_API_EXTERNAL_URL", "GOTRUE_API_EXTERNAL_URL"],
        "VESTIBULE_PREPARE" => &["PGRST_DB_PREPARED_STATEMENTS"],
        "GOTRUE_JWT_VALID_METHODS" => &["GOTRUE_JWT_VALIDMETHODS"],
        "REQUEST_ID_HEADER" => &["GOTRUE_API_REQUEST_ID_HEADER"],
        _ => &[],
    };
    let first = if has_prefix { Cow::Borrowed(name) } else { Cow::Owned(format!("VESTIBULE_{name}")) };
    let last = (!has_prefix).then_some(Cow::Borrowed(name));
    std::iter::once(first).chain(aliases.iter().map(|alias| Cow::Borrowed(*alias))).chain(last)
}

/// The documentation page.
pub fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Flags win over the environment, that over the project file `supabase/config.toml`, that over defaults. A \
         wrong value stops the start and is named; so does a name that begins with `GOTRUE_`, `PGRST_` or \
         `VESTIBULE_`, or a key of the section `auth`, that nobody knows. In the project file `env(NAME)` stands for \
         an environment variable, or one of the files that the Supabase CLI reads for it: `.env.development.local`, \
         `.env.local`, `.env.development` and `.env` (instead of `development` what `SUPABASE_ENV` names), in \
         `supabase/` and then beside it. A switch is `true` or `false`, as text too (`1`, `on`, `0` and `off` are the \
         same). A section with `enabled = false` is not looked at. Texts may be empty in the file, numbers, switches and \
         durations not.\n\n\
         A variable that is empty is not given, as `${NAME:-}` in a compose file makes it, nor is a key whose `env(NAME)` \
         is. Values that dotenvx has encrypted (`encrypted:…`) stop the start. Numbers and durations below \
         the least that the table names (`at least …`) count as that, which the log says. Of two names that say the \
         opposite (`GOTRUE_DISABLE_SIGNUP` and `VESTIBULE_ENABLE_SIGNUP`) both may be given if they agree.\n\n\
         Names without a prefix are also read with `VESTIBULE_` in front. Further names of the same: `GOTRUE_API_PORT`, \
         `GOTRUE_API_HOST` (`VESTIBULE_LISTEN`), `GOTRUE_DB_DATABASE_URL`, `GOTRUE_API_REQUEST_ID_HEADER`, \
         `PGRST_DB_PREPARED_STATEMENTS` (`VESTIBULE_PREPARE`). Where several are given, the one with `VESTIBULE_` counts \
         before that of another service, and the one without a prefix last.\n\n\
         A letter in another language: `VESTIBULE_MAILER_SUBJECTS_<LETTER>__<LOCALE>`, `…_TEMPLATES_…`, `…_TEXTS_…`, \
         such as `VESTIBULE_MAILER_TEMPLATES_MAGIC_LINK__PT_BR`. \
         The first language that the user wants (`locale` and `lang` of the metadata, then `Accept-Language`) and that \
         there is a letter in wins; those without a locale are in `VESTIBULE_MAILER_LOCALE`. A part that a locale lacks, \
         or whose URL serves nothing usable, is taken from the letter without a locale, then from the built-in one.\n\n\
         This page is printed by `vestibule settings`.\n\n",
    );
    page.push_str(&originals::page());
    page.push_str("| environment | `config.toml` | default | meaning |\n|---|---|---|---|\n");
    for Setting { name, key, default, meaning } in all() {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let key = code(key.as_deref().unwrap_or_default());
        let is_value = !default.contains(' ') || default.contains("{{");
        let default = if is_value { code(default) } else { (*default).to_owned() };
        page.push_str(&format!("| `{name}` | {key} | {default} | {meaning} |\n"));
    }
    page.push_str(&foreign::page());
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let written = std::fs::read_to_string(path).expect("docs/configuration.md is there");
        assert!(written == page(), "run `vestibule settings > docs/configuration.md`");
    }

    #[test]
    fn each_name_and_key_is_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for setting in all() {
            assert!(seen.insert(setting.name.to_string()), "{}", setting.name);
            assert!(foreign::treatment(&setting.name).is_none(), "{}", setting.name);
            if let Some(key) = &setting.key {
                assert!(seen.insert(key.to_string()), "{key}");
            }
        }
    }
}
