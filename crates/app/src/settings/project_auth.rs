//! The section `auth` of `supabase/config.toml`, with the keys of the Supabase CLI. A key that nobody knows is
//! refused here, since one that is mistyped may leave accounts open.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use super::project_file::{Found, Given, as_switch, as_text, given, is_not_given, look_up};
use super::{foreign, names, outside, table, values};

/// Keys for which the empty text is none, as with the Supabase CLI.
const MAY_BE_EMPTY: [&str; 3] = ["auth.jwt_secret", "auth.publishable_key", "auth.secret_key"];

/// Keys that the file may have and that set nothing: the keys of older projects follow from the secret.
const IGNORED: [&str; 3] = ["auth.anon_key", "auth.service_role_key", WEB3_LIMIT];

const WEB3_LIMIT: &str = "auth.rate_limit.web3";

/// Sections of what comes later: their switches, which stop the start when they are on, and their other keys.
const LATER: &[(&str, &[&str], &[&str])] = &[
    ("auth.web3.solana", &["enabled"], &[]),
    ("auth.web3.ethereum", &["enabled"], &[]),
    ("auth.oauth_server", &["enabled"], &["authorization_url_path", "allow_dynamic_registration"]),
    ("auth.passkey", &["enabled"], &[]),
    ("auth.webauthn", &[], &["rp_display_name", "rp_id", "rp_origins"]),
    ("auth.mfa.web_authn", &["enroll_enabled", "verify_enabled"], &[]),
    ("auth.third_party.firebase", &["enabled"], &["project_id"]),
    ("auth.third_party.auth0", &["enabled"], &["tenant", "tenant_region"]),
    ("auth.third_party.aws_cognito", &["enabled"], &["user_pool_id", "user_pool_region"]),
    ("auth.third_party.clerk", &["enabled"], &["domain"]),
    ("auth.third_party.workos", &["enabled"], &["issuer_url"]),
];

/// Keys of each section `auth.external.<provider>`.
const PROVIDER_KEYS: [&str; 6] = ["client_id", "secret", "url", "redirect_uri", "skip_nonce_check", "email_optional"];

/// What a key of the section is.
enum Key {
    /// A setting of the table.
    Setting(&'static str),
    /// A switch that is no setting of the table.
    Switch(Switch),
    /// What sets nothing.
    Nothing,
}

/// What a switch switches.
enum Switch {
    /// A section, which is looked at or not.
    Section,
    /// A provider of messages.
    Sms(String),
    /// Accounts as a whole.
    Accounts,
    /// What is not there yet.
    Later,
}

impl Switch {
    /// The provider of messages that is switched on.
    ///
    /// # Errors
    /// When it cannot be switched so.
    fn check(self, is_on: bool) -> Result<Option<String>> {
        match (self, is_on) {
            (Self::Accounts, false) => {
                bail!(
                    "only `true` is possible: accounts are part of every server: other services check tokens with their keys"
                )
            }
            (Self::Later, true) => bail!("not supported yet"),
            (Self::Sms(provider), true) => Ok(Some(provider)),
            _ => Ok(None),
        }
    }
}

/// Reads the section of a file at `path`.
///
/// # Errors
/// For a key that nobody knows, for what is on and not supported, and for a value of the wrong kind.
pub(super) fn read(file: &Table, path: &Path, environment: &HashMap<String, String>) -> Result<Vec<Found>> {
    let Some(section) = file.get("auth") else { return Ok(Vec::new()) };
    let section = section.as_table().with_context(|| format!("{}: `auth` is no section", path.display()))?;
    let mut found: Vec<Found> = Vec::new();
    let mut leaves = Vec::new();
    walk(section, "auth", &mut leaves);
    for (key, value) in leaves {
        let place = || format!("{}: `{key}`", path.display());
        if value.as_table().is_some_and(Table::is_empty) {
            if is_section(&key) {
                continue;
            }
            return Err(anyhow::anyhow!("there is no such section")).with_context(place);
        }
        let recognised = recognise(&key).with_context(place)?;
        if is_not_given(value, environment) {
            continue;
        }
        let name = match recognised {
            Key::Nothing if key == WEB3_LIMIT => {
                let text = as_text(value, environment).with_context(place)?;
                values::count::<u32>(&text, "a number of requests").with_context(place)?;
                continue;
            }
            Key::Nothing => continue,
            Key::Switch(switch) => {
                let is_on = as_switch(value, environment).with_context(place)?;
                if let Some(provider) = switch.check(is_on).with_context(place)? {
                    if found.iter().any(|other| other.name == SMS_PROVIDER) {
                        return Err(anyhow::anyhow!("another provider of messages is on already")).with_context(place);
                    }
                    found.push(Found { name: SMS_PROVIDER, key, value: Given::Text(provider) });
                }
                continue;
            }
            Key::Setting(name) => name,
        };
        if is_off(file, &key, environment).with_context(place)? {
            continue;
        }
        let value = match (&*key, value) {
            ("auth.sms.test_otp", Value::Table(codes)) => {
                let pair = |(number, code): (&String, &Value)| Ok(format!("{number}:{}", as_text(code, environment)?));
                codes.iter().map(pair).collect::<Result<Vec<_>>>().map(|pairs| Given::Text(pairs.join(",")))
            }
            _ => given(&key, value, environment),
        };
        let value = match value.with_context(place)? {
            Given::Text(text) if text.is_empty() && MAY_BE_EMPTY.contains(&&*key) => continue,
            Given::Text(text) => Given::Text(resolve(&key, text, path)),
            list @ Given::List(_) => list,
        };
        found.push(Found { name, key, value });
    }
    Ok(found)
}

/// Whether the file has the section of the mail server and does not switch it off.
///
/// # Errors
/// When the switch is none.
pub(super) fn has_mail_section(file: &Table, path: &Path, environment: &HashMap<String, String>) -> Result<bool> {
    let is_there = look_up(file, MAIL_SERVER).is_some();
    let place = || format!("{}: `{MAIL_SERVER}.enabled`", path.display());
    Ok(is_there && !is_off(file, &format!("{MAIL_SERVER}.host"), environment).with_context(place)?)
}

/// The section of the mail server.
const MAIL_SERVER: &str = "auth.email.smtp";

const SMS_PROVIDER: &str = "GOTRUE_SMS_PROVIDER";

fn walk<'a>(table: &'a Table, path: &str, leaves: &mut Vec<(String, &'a Value)>) {
    for (name, value) in table {
        let key = format!("{path}.{name}");
        match value {
            Value::Table(inner) if key != "auth.sms.test_otp" && !inner.is_empty() => walk(inner, &key, leaves),
            _ => leaves.push((key, value)),
        }
    }
}

/// Whether there may be keys below one.
fn is_section(key: &str) -> bool {
    let is_above = |known: &str| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let is_provider = key.strip_prefix("auth.external.").is_some_and(|name| foreign::PROVIDERS.contains(&name));
    let known = table::all().iter().filter_map(|setting| setting.key.as_deref());
    let mut later = LATER.iter().map(|(later, ..)| *later);
    is_provider
        || ["auth.external", "auth.sms.test_otp"].contains(&key)
        || later.any(|later| later == key || is_above(later))
        || known.into_iter().any(is_above)
}

fn recognise(key: &str) -> Result<Key> {
    if let Some(setting) = table::all().iter().find(|setting| setting.key.as_deref() == Some(key)) {
        return Ok(Key::Setting(&setting.name));
    }
    let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
    if let Some((_, switches, details)) = LATER.iter().find(|(later, ..)| *later == section) {
        if switches.contains(&last) {
            return Ok(Key::Switch(Switch::Later));
        }
        if details.contains(&last) {
            return Ok(Key::Nothing);
        }
    }
    let provider = |of: &str| section.strip_prefix(of).map(str::to_owned);
    if let Some(provider) = provider("auth.external.").filter(|name| foreign::PROVIDERS.contains(&name.as_str())) {
        match last {
            "enabled" => return Ok(Key::Switch(Switch::Later)),
            last if PROVIDER_KEYS.contains(&last) => return Ok(Key::Nothing),
            _ => bail!("there is no such setting of the provider {provider}"),
        }
    }
    let sms = provider("auth.sms.").filter(|name| outside::SMS_PROVIDERS.iter().any(|(known, ..)| known == name));
    match (sms, last) {
        (Some(provider), "enabled") => Ok(Key::Switch(Switch::Sms(provider))),
        (None, "enabled") if section == MAIL_SERVER => Ok(Key::Switch(Switch::Section)),
        (None, "enabled") if section == "auth" => Ok(Key::Switch(Switch::Accounts)),
        _ if IGNORED.contains(&key) => Ok(Key::Nothing),
        _ => {
            let keys = table::all().iter().filter_map(|setting| setting.key.as_deref().map(str::to_owned));
            bail!("there is no such setting{}", names::hint(key, keys.filter(|key| key.starts_with("auth."))))
        }
    }
}

/// Whether the section of a key says that it is off. The switch itself is looked at always.
fn is_off(file: &Table, key: &str, environment: &HashMap<String, String>) -> Result<bool> {
    let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
    let is_below = |outer: &str| section.strip_prefix(outer).is_some_and(|rest| !rest.is_empty());
    // The mail server of a section without a switch is used, as with the CLI, and a letter may be switched on from the
    // environment; anything else needs its switch.
    let needs_none = section == MAIL_SERVER || is_below("auth.email.notification.");
    let needs_one = section == "auth.captcha" || is_below("auth.hook.") || is_below("auth.sms.");
    if last == "enabled" || !(needs_none || needs_one) {
        return Ok(false);
    }
    match look_up(file, &format!("{section}.enabled")).filter(|value| !is_not_given(value, environment)) {
        Some(value) => Ok(!as_switch(value, environment).context("its switch `enabled`")?),
        None => Ok(needs_one),
    }
}

/// Paths are relative to the project's folder (letters) or to `supabase/` in it (notifications, keys), as the CLI
/// has it.
fn resolve(key: &str, text: String, config: &Path) -> String {
    let supabase = config.parent().unwrap_or(Path::new("."));
    let project = supabase.parent().unwrap_or(Path::new("."));
    let file = |folder: &Path| folder.join(&text).display().to_string();
    match key {
        _ if text.is_empty() => text,
        "auth.signing_keys_path" => file(supabase),
        _ if !key.ends_with(".content_path") => text,
        _ if key.starts_with("auth.email.template.") => format!("{}{}", outside::FILE, file(project)),
        _ => format!("{}{}", outside::FILE, file(supabase)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<(String, String)>> {
        let file: Table = text.parse().expect("valid TOML");
        let environment = [("TOKEN", "t"), ("ON", "true"), ("OFF", "false"), ("EMPTY", "")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let found = read(&file, Path::new("/app/supabase/config.toml"), &environment)?;
        let text = |value| match value {
            Given::Text(text) => text,
            Given::List(members) => members.join(" "),
        };
        Ok(found.into_iter().map(|found| (found.name.to_owned(), text(found.value))).collect())
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", read_text(text).expect_err("refused"))
    }

    #[test]
    fn sections_become_settings() {
        let found = read_text(
            "[auth.sms.twilio]\nenabled = true\naccount_sid = 'AC'\nauth_token = 'env(TOKEN)'\n\
             [auth.sms.vonage]\nenabled = false\napi_secret = 'env(MISSING)'\n\
             [auth.sms.test_otp]\n4152127777 = '123456'\n\
             [auth.email.template.invite]\ncontent_path = './supabase/templates/invite.html'\n\
             [auth.email.notification.password_changed]\nenabled = true\ncontent_path = './templates/changed.html'\n\
             [auth.external.apple]\nenabled = false\nsecret = 'env(MISSING)'\n",
        );
        let mut found = found.expect("valid");
        found.sort();
        let expected = [
            ("GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED", "true"),
            ("GOTRUE_MAILER_TEMPLATES_INVITE", "file:/app/./supabase/templates/invite.html"),
            ("GOTRUE_MAILER_TEMPLATES_PASSWORD_CHANGED_NOTIFICATION", "file:/app/supabase/./templates/changed.html"),
            ("GOTRUE_SMS_PROVIDER", "twilio"),
            ("GOTRUE_SMS_TEST_OTP", "4152127777:123456"),
            ("GOTRUE_SMS_TWILIO_ACCOUNT_SID", "AC"),
            ("GOTRUE_SMS_TWILIO_AUTH_TOKEN", "t"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_nobody_knows_or_has_is_refused_with_its_key() {
        let expected =
            "/app/supabase/config.toml: `auth.site_uri`: there is no such setting; did you mean auth.site_url?";
        assert_eq!(refusal("[auth]\nsite_uri = 'x'\n"), expected);
        assert!(
            refusal("[auth.external.apple]\nenabled = true\n")
                .ends_with("`auth.external.apple.enabled`: not supported yet")
        );
        assert!(refusal("[auth.passkey]\nenabled = true\n").ends_with("not supported yet"));
        assert!(refusal("[auth.external.nobody]\nenabled = false\n").contains("no such setting"));
        let both = "[auth.sms.twilio]\nenabled = true\n[auth.sms.vonage]\nenabled = true\n";
        assert!(refusal(both).contains("another provider"));
        assert!(refusal("[auth.captcha]\nenabled = true\nsecret = 'env(NONE)'\n").ends_with("NONE is not set"));
        assert!(read_text("[auth.captcha]\nenabled = false\nsecret = 'env(NONE)'\n").is_ok());
    }

    #[test]
    fn a_switch_is_read_wherever_it_is_and_nothing_else_is_one() {
        let switches = [
            "[auth]\nenabled",
            "[auth.email.smtp]\nhost = 'localhost'\nenabled",
            "[auth.sms.twilio]\nenabled",
            "[auth.external.github]\nenabled",
            "[auth.passkey]\nenabled",
            "[auth.web3.solana]\nenabled",
            "[auth.third_party.clerk]\nenabled",
            "[auth.oauth_server]\nenabled",
            "[auth.mfa.web_authn]\nenroll_enabled",
            "[auth.mfa.web_authn]\nverify_enabled",
        ];
        for switch in switches {
            for wrong in ["'yes'", "''", "7", "1.5", "1979-05-27", "[true]", "'env(NONE)'"] {
                let message = refusal(&format!("{switch} = {wrong}\n"));
                let is_told = ["is not `true` or `false`", "is not expected here", "NONE is not set"]
                    .iter()
                    .any(|reason| message.ends_with(reason));
                assert!(is_told && message.contains("config.toml: `auth."), "{switch} = {wrong}: {message}");
            }
        }
        for on in ["true", "'true'", "'env(ON)'"] {
            let found = read_text(&format!("[auth.email.smtp]\nenabled = {on}\nhost = 'localhost'\n")).expect("valid");
            assert_eq!(found, [("GOTRUE_SMTP_HOST".to_owned(), "localhost".to_owned())], "{on}");
            let found = read_text(&format!("[auth.captcha]\nenabled = {on}\nsecret = 's'\n")).expect("valid");
            assert!(found.iter().any(|(name, text)| name.ends_with("CAPTCHA_SECRET") && text == "s"), "{on}");
            assert!(refusal(&format!("[auth.external.github]\nenabled = {on}\n")).ends_with("not supported yet"));
        }
        for off in ["false", "'false'", "'env(OFF)'"] {
            let smtp = format!("[auth.email.smtp]\nenabled = {off}\nhost = 'localhost'\n");
            assert!(read_text(&smtp).expect("valid").is_empty(), "{off}");
            assert!(read_text(&format!("[auth.external.github]\nenabled = {off}\n")).expect("valid").is_empty());
        }
    }

    #[test]
    fn variables_that_are_empty_are_not_given() {
        let file = "[auth]\nsite_url = 'env(EMPTY)'\njwt_expiry = 'env(EMPTY)'\nenable_signup = 'env(EMPTY)'\n\
                    [auth.email.smtp]\nenabled = 'env(EMPTY)'\nhost = 'localhost'\npass = 'env(EMPTY)'\n\
                    [auth.captcha]\nenabled = 'env(EMPTY)'\nsecret = 's'\n\
                    [auth.external.github]\nenabled = 'env(EMPTY)'\n";
        let found = read_text(file).expect("valid");
        assert_eq!(found, [("GOTRUE_SMTP_HOST".to_owned(), "localhost".to_owned())]);
        assert!(refusal("[auth]\nsite_uri = 'env(EMPTY)'\n").contains("there is no such setting"));
    }

    #[test]
    fn encrypted_values_are_refused_with_their_key() {
        let file = "[auth.captcha]\nenabled = true\nsecret = 'encrypted:hidden'\n";
        let expected = "config.toml: `auth.captcha.secret`: values that dotenvx has encrypted are not supported";
        assert!(refusal(file).contains(expected), "{}", refusal(file));
        assert!(read_text("[auth.external.apple]\nenabled = false\nsecret = 'encrypted:hidden'\n").is_ok());
    }

    #[test]
    fn a_letter_that_is_off_is_not_looked_at() {
        let letter =
            |switch: &str| format!("[auth.email.notification.password_changed]\n{switch}content_path = './x'\n");
        let found = read_text(&letter("enabled = false\n")).expect("valid");
        let switch = ("GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED".to_owned(), "false".to_owned());
        assert_eq!(found, [switch]);
        assert_eq!(read_text(&letter("")).expect("valid").len(), 1, "it may be switched on from the environment");
    }
}
