//! What the accounts service reaches outside of itself: reading its settings, and putting together what they say.

mod sms;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use auth::{
    Body, CaptchaSettings, Definition, HookName, HookSetting, Judge, Kind, LeakSettings, OutsideSettings,
    ProtectionSettings, Reading, Security, SmtpSettings, TemplateSetting,
};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use super::values::{
    at_least, duration, expected, greeting, header_value, headers, host, json_names, limit, locale, patience, place,
    port, switch, url,
};

pub(super) use sms::PROVIDERS as SMS_PROVIDERS;
use sms::is_field as is_sms_field;

/// The settings as they were read; what is not switched on is not looked at.
#[derive(Clone, Debug)]
pub struct Outside {
    smtp: SmtpSettings,
    letters: BTreeMap<(Kind, Option<String>), Letter>,
    reading: Reading,
    hooks: BTreeMap<HookName, Hook>,
    sms_provider: String,
    sms_account: BTreeMap<String, SecretString>,
    sms_url: String,
    http_timeout: Option<Duration>,
    captcha_is_on: bool,
    captcha: CaptchaSettings,
    leaks_is_on: bool,
    leaks: LeakSettings,
    leaked_passwords: Option<PathBuf>,
    extended_email_validation: bool,
    blocked_mail_servers: Vec<String>,
    email_validation_url: Option<String>,
    email_validation_headers: HeaderMap,
}

/// The texts of a letter, as addresses.
#[derive(Clone, Debug, Default)]
struct Letter {
    subject: Option<String>,
    html: Option<String>,
    plain: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Hook {
    is_on: bool,
    setting: HookSetting,
}

/// What a text in a file is given as.
pub(super) const FILE: &str = "file:";

/// How long who judges captchas may take where the environment says nothing, or zero.
const CAPTCHA_TIMEOUT: Duration = Duration::from_secs(10);

impl Default for Outside {
    fn default() -> Self {
        Self {
            smtp: SmtpSettings::default(),
            letters: BTreeMap::new(),
            reading: Reading::default(),
            hooks: BTreeMap::new(),
            sms_provider: String::new(),
            sms_account: BTreeMap::new(),
            sms_url: String::new(),
            http_timeout: None,
            captcha_is_on: false,
            captcha: CaptchaSettings {
                judge: Judge::default(),
                secret: SecretString::default(),
                timeout: CAPTCHA_TIMEOUT,
                url: String::new(),
            },
            leaks_is_on: false,
            leaks: LeakSettings::default(),
            leaked_passwords: None,
            extended_email_validation: false,
            blocked_mail_servers: Vec::new(),
            email_validation_url: None,
            email_validation_headers: HeaderMap::new(),
        }
    }
}

impl Outside {
    /// Sets what the table calls `name`; whether it is one of these settings.
    ///
    /// # Errors
    /// When the text is not a value of that setting.
    pub(super) fn apply(&mut self, name: &str, text: &str) -> Result<bool> {
        match name {
            "GOTRUE_SMTP_HOST" => self.smtp.host = host(text)?,
            "GOTRUE_SMTP_PORT" => self.smtp.port = port(text)?,
            "GOTRUE_SMTP_USER" => text.clone_into(&mut self.smtp.user),
            "GOTRUE_SMTP_PASS" => self.smtp.password = text.into(),
            "VESTIBULE_SMTP_SECURITY" => {
                let what = "`auto`, `tls`, `starttls` or `plain`";
                self.smtp.security = Security::parse(text).ok_or_else(|| expected(text, what))?;
            }
            "VESTIBULE_SMTP_GREETING" => self.smtp.greeting = greeting(text)?,
            "GOTRUE_MAILER_TEMPLATE_MAX_SIZE" => self.reading.max_size = at_least(text, 1, "a number of bytes")?,
            "GOTRUE_MAILER_TEMPLATE_MAX_AGE" => self.reading.max_age = duration(text)?,
            "GOTRUE_MAILER_TEMPLATE_RETRY_INTERVAL" => self.reading.retry_interval = duration(text)?,
            "VESTIBULE_MAILER_LOCALE" => self.reading.language = locale(text)?,
            "VESTIBULE_SMS_URL" => self.sms_url = url(text)?,
            "GOTRUE_INTERNAL_HTTP_TIMEOUT" => self.http_timeout = Some(patience(text)?),
            "GOTRUE_SMS_PROVIDER" => {
                if !text.is_empty() && !SMS_PROVIDERS.iter().any(|(provider, ..)| *provider == text) {
                    let known = SMS_PROVIDERS.map(|(provider, ..)| provider).join(", ");
                    return Err(expected(text, &format!("one of {known}")));
                }
                text.clone_into(&mut self.sms_provider);
            }
            _ => return self.apply_protection(name, text),
        }
        Ok(true)
    }

    fn apply_protection(&mut self, name: &str, text: &str) -> Result<bool> {
        match name {
            "GOTRUE_SECURITY_CAPTCHA_ENABLED" => self.captcha_is_on = switch(text)?,
            "GOTRUE_SECURITY_CAPTCHA_PROVIDER" => {
                self.captcha.judge = Judge::parse(text).ok_or_else(|| expected(text, "`hcaptcha` or `turnstile`"))?;
            }
            "GOTRUE_SECURITY_CAPTCHA_SECRET" => self.captcha.secret = text.trim().into(),
            "GOTRUE_SECURITY_CAPTCHA_TIMEOUT" => {
                self.captcha.timeout = limit(text)?.unwrap_or(CAPTCHA_TIMEOUT);
            }
            "VESTIBULE_CAPTCHA_URL" => self.captcha.url = url(text)?,
            "GOTRUE_PASSWORD_HIBP_ENABLED" => self.leaks_is_on = switch(text)?,
            "GOTRUE_PASSWORD_HIBP_FAIL_CLOSED" => self.leaks.fail_closed = switch(text)?,
            "GOTRUE_PASSWORD_HIBP_USER_AGENT" => self.leaks.user_agent = header_value(text)?,
            "VESTIBULE_HIBP_URL" => self.leaks.url = url(text)?,
            "VESTIBULE_LEAKED_PASSWORDS" => self.leaked_passwords = Some(text.into()).filter(|_| !text.is_empty()),
            "GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED" => self.extended_email_validation = switch(text)?,
            "GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX" => self.blocked_mail_servers = json_names(text)?,
            "GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL" => {
                self.email_validation_url = if text.is_empty() { None } else { Some(url(text)?) };
            }
            "GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_HEADERS" => self.email_validation_headers = headers(text)?,
            _ => return self.apply_family(name, text),
        }
        Ok(true)
    }

    /// What there is one of for each hook, letter or provider.
    fn apply_family(&mut self, name: &str, text: &str) -> Result<bool> {
        if let Some(rest) = name.strip_prefix("GOTRUE_HOOK_") {
            let found = HookName::ALL.into_iter().find_map(|hook| {
                Some((hook, rest.strip_prefix(&hook.name().to_ascii_uppercase())?.strip_prefix('_')?))
            });
            let Some((hook, field)) = found else { return Ok(false) };
            let hook = self.hooks.entry(hook).or_default();
            match field {
                "ENABLED" => hook.is_on = switch(text)?,
                "URI" => text.clone_into(&mut hook.setting.uri),
                "SECRETS" => hook.setting.secrets = text.into(),
                _ => return Ok(false),
            }
            return Ok(true);
        }
        if let Some((part, kind, locale)) = letter(name) {
            let text = if part == "SUBJECTS" { text.to_owned() } else { place(text)? };
            let text = Some(text).filter(|text| !text.is_empty());
            let letter = self.letters.entry((kind, locale)).or_default();
            match part {
                "SUBJECTS" => letter.subject = text,
                "TEMPLATES" => letter.html = text,
                _ => letter.plain = text,
            }
            return Ok(true);
        }
        match name.strip_prefix("GOTRUE_SMS_").filter(|field| is_sms_field(field)) {
            Some(field) => {
                self.sms_account.insert(field.to_owned(), text.into());
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// What the accounts service is to reach. Where it sends no messages, the account of a provider need not be whole.
    ///
    /// # Errors
    /// What is missing or wrong, by its name.
    pub fn settings(&self, site_url: &str, sends_messages: bool) -> Result<OutsideSettings> {
        let mut hooks = BTreeMap::new();
        for (name, Hook { setting, .. }) in self.hooks.iter().filter(|(_, hook)| hook.is_on) {
            if let Err((field, reason)) = setting.validate() {
                let (hook, upper) = (name.name(), format!("{}_{field}", name.name()).to_uppercase());
                bail!("the hook {hook} (GOTRUE_HOOK_{upper}, `auth.hook.{hook}.{field}`): {reason}");
            }
            hooks.insert(*name, setting.clone());
        }
        let body = |address: &Option<String>| {
            address.as_ref().map(|address| match address.strip_prefix(FILE) {
                Some(path) => Body::File(path.into()),
                None => Body::at(address, site_url),
            })
        };
        let template = |((kind, locale), letter): (&(Kind, Option<String>), &Letter)| TemplateSetting {
            locale: locale.clone(),
            kind: *kind,
            definition: Definition {
                subject: letter.subject.clone(),
                html: body(&letter.html),
                plain: body(&letter.plain),
            },
        };
        Ok(OutsideSettings {
            smtp: (!self.smtp.host.is_empty()).then(|| self.smtp.clone()),
            templates: self.letters.iter().map(template).collect(),
            reading: self.reading.clone(),
            hooks,
            sms: match self.sms_account() {
                // A hook sends in place of a provider.
                Err(error) if sends_messages && !self.is_on(HookName::SendSms) => return Err(error),
                account => account.unwrap_or_default(),
            },
            sms_url: self.sms_url.clone(),
            sms_timeout: self.http_timeout,
        })
    }

    /// Whom the accounts service is to ask about visitors and passwords.
    ///
    /// # Errors
    /// What is missing, by its name.
    pub fn protection(&self) -> Result<ProtectionSettings> {
        if self.captcha_is_on && self.captcha.secret.expose_secret().is_empty() {
            bail!(
                "captchas are on and have no secret (GOTRUE_SECURITY_CAPTCHA_SECRET, `auth.captcha.secret`); what the \
                 project file says counts with `enabled = true` beside it"
            );
        }
        Ok(ProtectionSettings {
            captcha: self.captcha_is_on.then(|| self.captcha.clone()),
            leaks: self.leaks_is_on.then(|| self.leaks.clone()),
            leaked_passwords: self.leaked_passwords.clone(),
            extended_email_validation: self.extended_email_validation,
            blocked_mail_servers: self.blocked_mail_servers.clone(),
            name_server: None,
            email_validation: self.email_validation_url.clone().map(|url| (url, self.email_validation_headers.clone())),
        })
    }

    /// Whether a mail server is named.
    pub(super) fn has_mail_server(&self) -> bool {
        !self.smtp.host.is_empty()
    }

    /// Whether mail goes to that server: no hook takes it.
    pub(super) fn sends_mail(&self) -> bool {
        self.has_mail_server() && !self.is_on(HookName::SendEmail)
    }

    fn is_on(&self, name: HookName) -> bool {
        self.hooks.get(&name).is_some_and(|hook| hook.is_on)
    }

    /// Greets the mail server with the name of the host in a URL, where there is one and nothing else was said.
    pub(super) fn greet_as(&mut self, url: &str) {
        let url: Option<http::Uri> = url.parse().ok();
        let host = url.as_ref().and_then(http::Uri::host).unwrap_or_default();
        if self.smtp.greeting.is_empty() && auth::is_host(host) && host.parse::<IpAddr>().is_err() {
            host.clone_into(&mut self.smtp.greeting);
        }
    }

    /// The hooks that are on, called over the network, and whose requests nothing signs.
    pub(super) fn unsigned_hooks(&self) -> impl Iterator<Item = HookName> {
        let is_unsigned = |hook: &Hook| {
            let Hook { is_on, setting } = hook;
            *is_on
                && setting.secrets.expose_secret().is_empty()
                && !setting.uri.to_ascii_lowercase().starts_with("pg-functions:")
        };
        self.hooks.iter().filter(move |(_, hook)| is_unsigned(hook)).map(|(name, _)| *name)
    }

    /// Whether there is a way to send messages to phones.
    pub(super) fn reaches_phones(&self) -> bool {
        !self.sms_provider.is_empty() || self.hooks.get(&HookName::SendSms).is_some_and(|hook| hook.is_on)
    }
}

/// Which part of which letter in which language a name is about.
pub(super) fn letter(name: &str) -> Option<(&'static str, Kind, Option<String>)> {
    let (ours, rest) = match name.strip_prefix("VESTIBULE_MAILER_") {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix("GOTRUE_MAILER_")?),
    };
    let parts: &[&'static str] = if ours { &["SUBJECTS", "TEMPLATES", "TEXTS"] } else { &["SUBJECTS", "TEMPLATES"] };
    let (part, rest) = parts.iter().find_map(|part| Some((*part, rest.strip_prefix(part)?.strip_prefix('_')?)))?;
    let (kind, locale) = match rest.split_once("__") {
        Some((kind, locale)) if ours && !locale.is_empty() => {
            (kind, Some(locale.to_ascii_lowercase().replace('_', "-")))
        }
        None if !ours || part == "TEXTS" => (rest, None),
        _ => return None,
    };
    let kind = Kind::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(kind))?;
    Some((part, kind, locale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Outside {
        let mut outside = Outside::default();
        for (name, text) in pairs {
            assert!(outside.apply(name, text).expect("a valid value"), "{name} is a setting");
        }
        outside
    }

    #[test]
    fn what_is_on_must_be_complete_and_what_is_off_is_not_looked_at() {
        let site = "http://app.example";
        let twilio = with(&[("GOTRUE_SMS_PROVIDER", "twilio"), ("GOTRUE_SMS_TWILIO_ACCOUNT_SID", "AC1")]);
        let message = twilio.settings(site, true).expect_err("no token").to_string();
        assert!(message.contains("GOTRUE_SMS_TWILIO_AUTH_TOKEN") && message.contains("auth.sms.twilio.auth_token"));
        let hook = [("GOTRUE_HOOK_SEND_SMS_URI", "ftp://x"), ("GOTRUE_HOOK_SEND_SMS_SECRETS", "v1,whsec_hidden")];
        assert!(with(&hook).settings(site, true).expect("off").hooks.is_empty());
        let on = with(&[hook[0], hook[1], ("GOTRUE_HOOK_SEND_SMS_ENABLED", "true")]);
        let message = format!("{:#}", on.settings(site, true).expect_err("a wrong address"));
        assert!(message.contains("GOTRUE_HOOK_SEND_SMS_") && !message.contains("hidden"), "{message}");
        let captcha = with(&[("GOTRUE_SECURITY_CAPTCHA_ENABLED", "1")]);
        assert!(captcha.protection().expect_err("no secret").to_string().contains("GOTRUE_SECURITY_CAPTCHA_SECRET"));
    }

    #[test]
    fn blocked_mail_servers_are_a_json_array() {
        let name = "GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX";
        let blocked = |text| with(&[(name, text)]).protection().expect("valid").blocked_mail_servers;
        assert_eq!(blocked(r#"["mx.example.com", "192.0.2.1"]"#), ["mx.example.com", "192.0.2.1"]);
        assert!(blocked("[]").is_empty());
        for text in ["mx.example.com", r#"{"mx.example.com": true}"#, "[1]", "[\"mx"] {
            assert!(Outside::default().apply(name, text).is_err(), "{text}");
        }
    }

    #[test]
    fn letters_have_parts_kinds_and_languages() {
        assert_eq!(letter("GOTRUE_MAILER_SUBJECTS_MAGIC_LINK"), Some(("SUBJECTS", Kind::MagicLink, None)));
        let german = Some(("TEMPLATES", Kind::Invite, Some("pt-br".to_owned())));
        assert_eq!(letter("VESTIBULE_MAILER_TEMPLATES_INVITE__PT_BR"), german);
        assert_eq!(letter("VESTIBULE_MAILER_TEXTS_INVITE"), Some(("TEXTS", Kind::Invite, None)));
        assert_eq!(letter("GOTRUE_MAILER_SUBJECTS_HELLO"), None);
        assert_eq!(letter("GOTRUE_MAILER_SUBJECTS_INVITE__DE"), None);
        let outside = with(&[
            ("GOTRUE_MAILER_TEMPLATES_INVITE", "/mail/invite.html"),
            ("VESTIBULE_MAILER_TEMPLATES_INVITE__DE", "file:de.html"),
        ]);
        let templates = outside.settings("http://app.example/", true).expect("valid").templates;
        assert_eq!(templates[0].definition.html, Some(Body::Url("http://app.example/mail/invite.html".to_owned())));
        assert_eq!(templates[1].definition.html, Some(Body::File("de.html".into())));
    }
}
