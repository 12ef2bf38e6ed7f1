//! Settings of which there is one for each hook, letter and provider.

use std::borrow::Cow;

use auth::{HookName, Kind};

use super::super::outside::SMS_PROVIDERS;
use super::Setting;

/// These settings, in the order of the documentation.
pub(super) fn families() -> impl Iterator<Item = Setting> {
    letters().chain(providers()).chain(hooks())
}

fn family(name: String, key: Option<String>, default: &'static str, meaning: String) -> Setting {
    Setting { name: Cow::Owned(name), key: key.map(Cow::Owned), default, meaning: Cow::Owned(meaning) }
}

fn letters() -> impl Iterator<Item = Setting> {
    Kind::ALL.into_iter().flat_map(|kind| {
        let (name, upper) = (kind.name(), kind.name().to_ascii_uppercase());
        let short = name.trim_end_matches("_notification");
        let section = if kind.is_notification() { "notification" } else { "template" };
        let key = |field: &str| Some(format!("auth.email.{section}.{short}.{field}"));
        let own = |part: &str, key, meaning: &str| {
            family(format!("{part}_{upper}"), key, "built in", format!("{meaning} of the letter `{name}`"))
        };
        let switch = kind.is_notification().then(|| {
            let upper = short.to_ascii_uppercase();
            let name = format!("GOTRUE_MAILER_NOTIFICATIONS_{upper}_ENABLED");
            family(name, key("enabled"), "false", format!("send the letter `{}`", kind.name()))
        });
        let texts = [
            own("GOTRUE_MAILER_SUBJECTS", key("subject"), "subject"),
            own("GOTRUE_MAILER_TEMPLATES", key("content_path"), "address of the HTML part, or `file:` and its path,"),
            own("VESTIBULE_MAILER_TEXTS", None, "address or `file:` of the plain part"),
        ];
        switch.into_iter().chain(texts)
    })
}

fn providers() -> impl Iterator<Item = Setting> {
    SMS_PROVIDERS.into_iter().flat_map(|(provider, required, optional)| {
        required.iter().chain(optional).map(move |field| {
            let name = format!("GOTRUE_SMS_{provider}_{field}").to_ascii_uppercase();
            let meaning = format!("`{field}` of the account at `{provider}`");
            family(name, Some(format!("auth.sms.{provider}.{field}")), "", meaning)
        })
    })
}

fn hooks() -> impl Iterator<Item = Setting> {
    HookName::ALL.into_iter().flat_map(|hook| {
        let one = move |field: &str, default, meaning: &str| {
            let name = format!("GOTRUE_HOOK_{}_{field}", hook.name()).to_ascii_uppercase();
            let key = format!("auth.hook.{}.{}", hook.name(), field.to_ascii_lowercase());
            family(name, Some(key), default, meaning.to_owned())
        };
        [
            one("ENABLED", "false", &format!("ask the hook `{}`", hook.name())),
            one("URI", "", "`https://…`, or `pg-functions://<any>/<schema>/<function>`"),
            one("SECRETS", "", "what its requests are signed with, `v1,whsec_<base64>`, several separated by `|`"),
        ]
    })
}
