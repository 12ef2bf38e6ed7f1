//! Reading one setting from text.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base::project::PrivateJwk;

use super::{Settings, accounts};

impl Settings {
    /// Sets what the table calls `name` from text.
    ///
    /// # Errors
    /// When the text is not a value of that setting; the message says what is expected.
    pub(super) fn apply(&mut self, name: &str, text: &str) -> Result<()> {
        match name {
            "VESTIBULE_HOME" => self.home = text.into(),
            "VESTIBULE_PROJECT" => self.project = Some(text.into()),
            "VESTIBULE_LISTEN" => self.listen = text.parse().map_err(|_| expected(text, "an IP address"))?,
            "PORT" => self.port = port(text)?,
            "VESTIBULE_TRUSTED_PROXIES" => {
                let address = |text: &String| text.parse().map_err(|_| expected(text, "an IP address"));
                self.trusted_proxies = list(text).iter().map(address).collect::<Result<_>>()?;
            }
            "VESTIBULE_REQUIRE_API_KEY" => self.require_api_key = Some(switch(text)?),
            "VESTIBULE_OPEN_MAILBOX" => self.open_mailbox = Some(switch(text)?),
            "DATABASE_URL" => self.database_url = Some(text.to_owned().into()),
            "VESTIBULE_DB_PORT" => self.database_port = port(text)?,
            "VESTIBULE_PG_BIN" => self.pg_bin = Some(text.into()),
            "VESTIBULE_PG_USER" => self.pg_user = Some(text.to_owned()),
            "VESTIBULE_PREPARE" => self.prepares = switch(text)?,
            "VESTIBULE_DIRECT_URL" => self.direct_url = Some(text.to_owned().into()),
            "VESTIBULE_POOL_SIZE" => self.pool_size = at_least(text, 1, "a number of connections (at least 1)")?,
            "VESTIBULE_MIGRATIONS" => self.migrations = switch(text)?,
            "VESTIBULE_SEED" => self.seed = switch(text)?,
            "VESTIBULE_SEED_PATHS" => self.seed_paths = list(text),
            "VESTIBULE_LOG" => self.log = text.to_owned(),
            "VESTIBULE_LOG_FORMAT" => {
                self.log_json = match text {
                    "json" => true,
                    "text" => false,
                    _ => return Err(expected(text, "`text` or `json`")),
                }
            }
            _ => return self.apply_key(name, text),
        }
        Ok(())
    }

    fn apply_key(&mut self, name: &str, text: &str) -> Result<()> {
        match name {
            "JWT_SECRET" => {
                if text.len() < 32 {
                    bail!("a secret of at least 32 characters is expected, not {}", text.len());
                }
                self.keys.jwt_secret = Some(text.to_owned().into());
            }
            "GOTRUE_JWT_KEYS" => {
                let keys: Vec<PrivateJwk> = serde_json::from_str(text).context("a JSON array of JWKs is expected")?;
                for key in &keys {
                    base::jwk::Key::from_jwk(&key.0)?;
                }
                self.keys.jwt_keys = Some(keys);
            }
            "PUBLISHABLE_KEY" => self.keys.publishable = Some(api_key(text, "sb_publishable_")?),
            "SECRET_KEY" => self.keys.secret = Some(api_key(text, "sb_secret_")?.into()),
            "API_EXTERNAL_URL" => self.external_url = Some(url(text)?.trim_end_matches('/').to_owned()),
            _ => return self.apply_data(name, text),
        }
        Ok(())
    }

    fn apply_data(&mut self, name: &str, text: &str) -> Result<()> {
        match name {
            "PGRST_DB_SCHEMAS" => {
                self.rest.schemas = list(text);
                if self.rest.schemas.is_empty() {
                    return Err(expected(text, "a list of schemas"));
                }
            }
            "PGRST_DB_MAX_ROWS" => self.rest.max_rows = Some(at_least(text, 1, "a number of rows (at least 1)")?),
            named if named.starts_with("PGRST_") => {
                let own = named.trim_start_matches("PGRST_").to_ascii_lowercase();
                self.rest.set(&own, text).map_err(|wrong| anyhow!("{text:?} is wrong: {}", wrong.reason))?;
            }
            "FILE_SIZE_LIMIT" => self.storage.file_size_limit = size(text)?,
            _ => return accounts::apply(&mut self.auth, name, text),
        }
        Ok(())
    }
}

pub(super) fn expected(text: &str, what: &str) -> anyhow::Error {
    anyhow!("{text:?} is not {what}")
}

pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// A boolean as Go's `ParseBool` takes it, since the names come from Go programs.
pub(super) fn switch(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" | "on" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "off" => Ok(false),
        _ => Err(expected(text, "`true` or `false`")),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration> {
    at_least(text, 0, "a number of seconds").map(Duration::from_secs)
}

pub(super) fn duration(text: &str) -> Result<Duration> {
    auth::settings::duration(text).map_err(|_| expected(text, "a duration such as 1h30m"))
}

/// A limit that is none when it is zero or empty, as the Supabase CLI writes it.
pub(super) fn limit(text: &str) -> Result<Option<Duration>> {
    if text.is_empty() { Ok(None) } else { duration(text).map(|limit| Some(limit).filter(|limit| !limit.is_zero())) }
}

/// Sets of characters separated by colons; `\\:` is a colon itself.
pub(super) fn character_sets(text: &str) -> Vec<String> {
    let sets = text.replace("\\:", "\u{0}");
    sets.split(':').filter(|set| !set.is_empty()).map(|set| set.replace('\u{0}', ":")).collect()
}

pub(super) fn port(text: &str) -> Result<u16> {
    at_least(text, 1, "a port (1 to 65535)")
}

pub(super) fn at_least<T: std::str::FromStr>(text: &str, least: u64, what: &str) -> Result<T> {
    let is_enough = text.trim().parse::<u64>().is_ok_and(|number| number >= least);
    text.trim().parse().ok().filter(|_| is_enough).ok_or_else(|| expected(text, what))
}

pub(super) fn url(text: &str) -> Result<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err(expected(text, "a URL that starts with http:// or https://")),
    }
}

fn api_key(text: &str, prefix: &str) -> Result<String> {
    let is_key =
        text.starts_with(prefix) && text.len() >= prefix.len() + 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key { Ok(text.to_owned()) } else { bail!("a key that starts with {prefix} is expected") }
}

/// A size in bytes: a number, or one with KB, MB, GB, KiB, MiB, GiB.
fn size(text: &str) -> Result<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1 << 10),
        ("MB", 1 << 20),
        ("GB", 1 << 30),
        ("B", 1),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, *unit)))
        .unwrap_or((text, 1));
    number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| expected(text, "a size such as 50MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("50MiB").expect("a size"), 50 << 20);
        assert_eq!(size("10").expect("a size"), 10);
        assert_eq!(size("2 GB").expect("a size"), 2 << 30);
        assert!(size("big").is_err() && size("99999999999GiB").is_err());
    }
}
