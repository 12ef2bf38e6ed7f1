//! Settings by the names that PostgREST gave them: in environment variables, and in settings of the login role.

use super::{FunctionName, InvalidSetting, OpenApiMode, Settings, TxEnd};

impl Settings {
    /// Changes one setting by its PostgREST name (`db-max-rows`; `_` stands for `-` as well). An empty value means
    /// that there is none.
    ///
    /// # Errors
    /// [`InvalidSetting`] for a name that is not known and a value that cannot be used.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidSetting> {
        let folded = name.replace('_', "-");
        let known = NAMED.iter().find(|(known, _)| *known == folded);
        match known {
            Some((setting, apply)) => {
                apply(self, value).map_err(|reason| InvalidSetting { setting, reason: reason.to_owned() })
            }
            None if name.starts_with("app.settings.") => {
                self.app_settings.retain(|(known, _)| known != name);
                self.app_settings.push((name.to_owned(), value.to_owned()));
                Ok(())
            }
            None => Err(InvalidSetting { setting: "setting", reason: format!("`{name}` is not known") }),
        }
    }

    /// The PostgREST names of all settings that [`Settings::set`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }
}

/// Changes a setting, or says why the value does not do.
type Apply = fn(&mut Settings, &str) -> Result<(), &'static str>;

const NAMED: [(&str, Apply); 24] = [
    ("db-schemas", |to, value| list(value).map(|names| to.schemas = names)),
    ("db-extra-search-path", |to, value| list(value).map(|names| to.extra_search_path = names)),
    ("db-max-rows", |to, value| optional(value, rows).map(|rows| to.max_rows = rows)),
    ("db-anon-role", |to, value| optional(value, text).map(|role| to.anon_role = role)),
    ("db-pre-request", |to, value| optional(value, function).map(|function| to.pre_request = function)),
    ("db-pre-config", |to, value| optional(value, function).map(|function| to.pre_config = function)),
    ("db-root-spec", |to, value| optional(value, function).map(|function| to.root_spec = function)),
    ("db-hoisted-tx-settings", |to, value| list(value).map(|names| to.hoisted_settings = names)),
    ("db-aggregates-enabled", |to, value| boolean(value).map(|is_on| to.aggregates = is_on)),
    ("db-plan-enabled", |to, value| boolean(value).map(|is_on| to.plans = is_on)),
    ("db-tx-end", |to, value| end(value).map(|end| to.tx_end = end)),
    ("openapi-mode", |to, value| mode(value).map(|mode| to.openapi_mode = mode)),
    ("openapi-security-active", |to, value| boolean(value).map(|is_on| to.openapi_security = is_on)),
    ("openapi-server-proxy-uri", |to, value| optional(value, address).map(|uri| to.proxy_uri = uri)),
    ("jwt-aud", |to, value| optional(value, text).map(|audience| to.audience = audience)),
    ("jwt-role-claim-key", |to, value| path(value).map(|path| to.role_claim = path)),
    ("server-cors-allowed-origins", |to, value| list(value).map(|origins| to.allowed_origins = Some(origins))),
    ("url-use-legacy-target-names", |to, value| boolean(value).map(|is_on| to.legacy_target_names = is_on)),
    ("client-error-verbosity", |to, value| verbosity(value).map(|is_on| to.verbose_errors = is_on)),
    ("server-trace-header", |to, value| optional(value, header).map(|name| to.trace_header = name)),
    ("server-timing-enabled", |to, value| boolean(value).map(|is_on| to.server_timing = is_on)),
    // Earlier names of the same.
    ("db-schema", |to, value| list(value).map(|names| to.schemas = names)),
    ("max-rows", |to, value| optional(value, rows).map(|rows| to.max_rows = rows)),
    ("pre-request", |to, value| optional(value, function).map(|function| to.pre_request = function)),
];

#[expect(clippy::unnecessary_wraps, reason = "one of several readers of values, most of which may refuse")]
fn list(value: &str) -> Result<Vec<String>, &'static str> {
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "one of several readers of values, most of which may refuse")]
fn text(value: &str) -> Result<String, &'static str> {
    Ok(value.to_owned())
}

fn optional<T>(value: &str, read: fn(&str) -> Result<T, &'static str>) -> Result<Option<T>, &'static str> {
    if value.is_empty() { Ok(None) } else { read(value).map(Some) }
}

fn rows(value: &str) -> Result<u32, &'static str> {
    value.trim().parse().map_err(|_| "expected a number of rows")
}

fn boolean(value: &str) -> Result<bool, &'static str> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err("expected `true` or `false`"),
    }
}

/// `name` or `schema.name`.
fn function(value: &str) -> Result<FunctionName, &'static str> {
    match value.split_once('.') {
        Some(("", _) | (_, "")) => Err("expected the name of a function"),
        Some((schema, name)) => Ok((Some(schema.to_owned()), name.to_owned())),
        None => Ok((None, value.to_owned())),
    }
}

fn end(value: &str) -> Result<TxEnd, &'static str> {
    match value {
        "commit" | "" => Ok(TxEnd::Commit),
        "commit-allow-override" => Ok(TxEnd::CommitAllowOverride),
        "rollback" => Ok(TxEnd::Rollback),
        "rollback-allow-override" => Ok(TxEnd::RollbackAllowOverride),
        _ => Err("expected `commit`, `commit-allow-override`, `rollback` or `rollback-allow-override`"),
    }
}

fn mode(value: &str) -> Result<OpenApiMode, &'static str> {
    match value {
        "follow-privileges" | "" => Ok(OpenApiMode::FollowPrivileges),
        "ignore-privileges" => Ok(OpenApiMode::IgnorePrivileges),
        "disabled" => Ok(OpenApiMode::Disabled),
        _ => Err("expected `follow-privileges`, `ignore-privileges` or `disabled`"),
    }
}

fn address(value: &str) -> Result<String, &'static str> {
    let is_web = value.starts_with("http://") || value.starts_with("https://");
    if is_web { Ok(value.to_owned()) } else { Err("expected an address with `http://` or `https://`") }
}

fn verbosity(value: &str) -> Result<bool, &'static str> {
    match value {
        "verbose" | "" => Ok(true),
        "minimal" => Ok(false),
        _ => Err("expected `verbose` or `minimal`"),
    }
}

fn header(value: &str) -> Result<http::HeaderName, &'static str> {
    http::HeaderName::from_bytes(value.as_bytes()).map_err(|_| "expected the name of a header")
}

/// Keys of objects, each after a dot and possibly in quotes: `.realm_access."my.role"`.
fn path(value: &str) -> Result<Vec<String>, &'static str> {
    const EXPECTED: &str = "expected a path of keys such as `.role`";
    let mut keys = Vec::new();
    let mut rest = value.trim_start_matches('$');
    if !rest.starts_with('.') && !rest.is_empty() {
        return Ok(vec![rest.to_owned()]);
    }
    while let Some(after) = rest.strip_prefix('.') {
        let (key, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(EXPECTED)?,
            None => after.split_at(after.find('.').unwrap_or(after.len())),
        };
        if key.is_empty() {
            return Err(EXPECTED);
        }
        keys.push(key.to_owned());
        rest = left;
    }
    if keys.is_empty() || !rest.is_empty() { Err(EXPECTED) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_known_by_both_spellings() {
        let mut settings = Settings::default();
        settings.set("db_max_rows", "5").expect("a number");
        settings.set("db-pre-request", "hooks.check").expect("a name");
        settings.set("app.settings.host", "localhost").expect("a setting of the application");
        assert_eq!(settings.max_rows, Some(5));
        assert_eq!(settings.pre_request, Some((Some("hooks".to_owned()), "check".to_owned())));
        assert_eq!(settings.app_settings, [("app.settings.host".to_owned(), "localhost".to_owned())]);
        settings.set("db-max-rows", "").expect("none");
        assert_eq!(settings.max_rows, None);
    }

    #[test]
    fn wrong_values_name_the_setting() {
        let error = Settings::default().set("db-tx-end", "never").expect_err("no such end");
        assert_eq!(error.setting, "db-tx-end");
        assert!(Settings::default().set("nonsense", "1").is_err());
    }

    #[test]
    fn claims_are_found_by_paths() {
        assert_eq!(path(".role"), Ok(vec!["role".to_owned()]));
        assert_eq!(path(r#".a."b.c".d"#), Ok(vec!["a".to_owned(), "b.c".to_owned(), "d".to_owned()]));
        assert!(path(".a..b").is_err() && path("").is_err());
    }
}
