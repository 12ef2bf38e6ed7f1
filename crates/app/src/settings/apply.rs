//! Reading one setting from text.

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};

use anyhow::{Context, Result, anyhow, bail};
use base::project::PrivateJwk;
use secrecy::SecretString;

use super::values::{algorithms, api_key, at_least, expected, header, list, network, port, size, switch, url};
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
            "VESTIBULE_ONLY" => {
                self.only_accounts = match text {
                    "" => false,
                    "auth" => true,
                    _ => return Err(expected(text, "`auth`")),
                }
            }
            "VESTIBULE_NO_PREFIX" => self.no_prefix = switch(text)?,
            "VESTIBULE_LISTEN" => self.listen = listener(text)?,
            "PORT" => self.port = port(text)?,
            "VESTIBULE_TRUSTED_PROXIES" => {
                self.trusted_proxies = list(text).iter().map(|text| network(text)).collect::<Result<_>>()?;
            }
            "REQUEST_ID_HEADER" => self.request_id_header = Some(header(text)?),
            "GOTRUE_RATE_LIMIT_HEADER" => self.address_header = Some(header(text)?),
            "GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED" => self.sb_forwarded_for = switch(text)?,
            "VESTIBULE_RATE_LIMIT_BY_ADDRESS" => self.by_address = Some(switch(text)?),
            "VESTIBULE_REQUIRE_API_KEY" => self.require_api_key = Some(switch(text)?),
            "VESTIBULE_OPEN_MAILBOX" => self.open_mailbox = Some(switch(text)?),
            // What cannot be read stops only who needs it: others' programs have such a variable too.
            "DATABASE_URL" => {
                let url = SecretString::from(text);
                let target = pg::Target::parse(&url);
                self.note_dropped(target.as_ref().map(pg::Target::dropped).unwrap_or_default());
                self.database_url = Some(url);
            }
            "VESTIBULE_DB_PORT" => self.database_port = port(text)?,
            "VESTIBULE_PG_BIN" => self.pg_bin = Some(text.into()),
            "VESTIBULE_PG_USER" => self.pg_user = Some(text.to_owned()),
            "VESTIBULE_PREPARE" => self.prepares = switch(text)?,
            "VESTIBULE_DIRECT_URL" => {
                let url = SecretString::from(text);
                self.note_dropped(pg::Target::parse(&url)?.dropped());
                self.direct_url = Some(url);
            }
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

    /// Notes what has no effect in the URL of a database: URLs are often made for other programs.
    fn note_dropped(&mut self, parameters: &[&str]) {
        for parameter in parameters {
            let why = match *parameter {
                "search_path" => "the schema of accounts is `auth` always",
                _ => {
                    "`VESTIBULE_PREPARE` says whether statements are prepared, `VESTIBULE_DIRECT_URL` where the pooler ends"
                }
            };
            self.warnings.push(format!("`{parameter}` in the URL of the database has no effect here: {why}"));
        }
    }

    /// Sets what the table calls `name` from a list, whose members may hold commas where that makes sense.
    ///
    /// # Errors
    /// When the list is not a value of that setting.
    pub(super) fn apply_list(&mut self, name: &str, members: &[String]) -> Result<()> {
        match name {
            "GOTRUE_URI_ALLOW_LIST" => self.auth.uri_allow_list = members.to_vec(),
            "VESTIBULE_SEED_PATHS" => self.seed_paths = members.to_vec(),
            _ => return self.apply(name, &members.join(",")),
        }
        Ok(())
    }

    fn apply_key(&mut self, name: &str, text: &str) -> Result<()> {
        match name {
            "JWT_SECRET" => {
                if text.len() < 32 {
                    bail!("a secret of at least 32 characters is expected, not {}", text.len());
                }
                // PostgREST takes keys here, which anybody may know: as a secret they would let anybody sign.
                if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok() {
                    bail!("a secret is expected, not a JWK or a set of them: keys are given as GOTRUE_JWT_KEYS");
                }
                self.keys.jwt_secret = Some(text.to_owned().into());
            }
            "GOTRUE_JWT_KEYS" => self.keys.jwt_keys = Some(signing_keys(text)?),
            "VESTIBULE_SIGNING_KEYS_PATH" if text.is_empty() => {}
            "VESTIBULE_SIGNING_KEYS_PATH" => {
                let json = std::fs::read_to_string(text).with_context(|| format!("cannot read {text}"))?;
                self.keys.jwt_keys = Some(signing_keys(&json).with_context(|| text.to_owned())?);
            }
            "GOTRUE_JWT_VALID_METHODS" => self.jwt_methods = Some(algorithms(text)?),
            "GOTRUE_JWT_KEY_ID" => self.keys.secret_id = Some(text.to_owned()),
            "GOTRUE_JWT_ISSUER" => self.jwt_issuer = Some(text.to_owned()).filter(|issuer| !issuer.is_empty()),
            "VESTIBULE_AUTH_EXTERNAL_URL" if text.is_empty() => {}
            "VESTIBULE_AUTH_EXTERNAL_URL" => {
                self.auth_external_url = Some(url(text)?.trim_end_matches('/').to_owned());
            }
            "GOTRUE_SMTP_ADMIN_EMAIL" if text.is_empty() => {}
            "GOTRUE_SMTP_ADMIN_EMAIL" => {
                text.clone_into(&mut self.auth.mailer_from);
                self.has_sender = true;
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
            _ if self.outside.apply(name, text)? => {}
            _ => return accounts::apply(&mut self.auth, name, text),
        }
        Ok(())
    }
}

/// An IP address to listen on, in brackets or not, or that of a host, as the original takes it.
fn listener(text: &str) -> Result<IpAddr> {
    let literal = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let resolved = || (literal, 0).to_socket_addrs().ok()?.next().map(|address| address.ip());
    literal.parse().ok().or_else(resolved).ok_or_else(|| expected(text, "an IP address, or a host that has one"))
}

/// Reads private keys, of which exactly one signs; without any the shared secret does. What is wrong is told without the keys.
fn signing_keys(text: &str) -> Result<Vec<PrivateJwk>> {
    let keys: Vec<PrivateJwk> =
        serde_json::from_str(text).map_err(|_| anyhow!("a JSON array of private JWKs is expected"))?;
    let signing = base::jwk::read(keys.iter().map(|key| &key.0))?.iter().filter(|key| key.signs()).count();
    match signing {
        1 => Ok(keys),
        0 if keys.is_empty() => Ok(keys),
        0 => bail!("none of the keys signs: one needs a private part and `sign` among its `key_ops`"),
        several => bail!("{several} of the keys sign: exactly one may have `sign` among its `key_ops`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_key_signs() {
        let key = |id: &str, operations: &str| {
            let k = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA";
            format!(r#"{{"kty":"oct","kid":"{id}","k":"{k}","key_ops":{operations}}}"#)
        };
        let (signs, verifies) = (key("a", r#"["sign","verify"]"#), key("b", r#"["verify"]"#));
        let also_signs = key("c", r#"["sign"]"#);
        assert_eq!(signing_keys(&format!("[{signs},{verifies}]")).expect("valid").len(), 2);
        assert_eq!(signing_keys("[]").expect("valid").len(), 0);
        let message = |text: &str| signing_keys(text).expect_err("wrong keys").to_string();
        assert!(message(&format!("[{signs},{also_signs}]")).starts_with("2 of the keys sign"));
        // As Supabase's own script writes them: the old secret beside the key that signs.
        let silent = key("d", "null").replace(r#","key_ops":null"#, "");
        assert_eq!(signing_keys(&format!("[{signs},{silent}]")).expect("valid").len(), 2);
        assert_eq!(signing_keys(&format!("[{silent}]")).expect("valid").len(), 1);
        assert_eq!(message(&format!("[{signs},{signs}]")), r#"JWK "a": another key has the same `kid`"#);
        let empty = r#"[{"kty":"oct","kid":"a","k":""}]"#;
        assert_eq!(message(empty), r#"JWK "a": the secret `k` has 0 bytes, HS256 needs at least 32"#);
        assert!(message(&format!("[{verifies}]")).starts_with("none of the keys signs"));
        assert!(!message(r#"["c2VjcmV0LXNlY3JldA"]"#).contains("c2Vjc") && !message("c2Vjc").contains("c2Vjc"));
    }
}
