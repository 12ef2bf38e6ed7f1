//! Reading values from text. No message repeats a secret: who reads one says what is expected and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use http::HeaderMap;
use secrecy::SecretString;

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

/// How long others may take to answer.
pub(super) fn patience(text: &str) -> Result<Duration> {
    duration(text)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| expected(text, "a duration such as 10s, over zero"))
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

/// The sets of characters that a word of the project file stands for.
pub(super) fn requirements(text: &str) -> Result<Vec<String>> {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &str = "0123456789";
    const SYMBOLS: &str = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~";
    let sets = |sets: &[&str]| Ok(sets.iter().map(|set| (*set).to_owned()).collect());
    match text {
        "" => Ok(Vec::new()),
        "letters_digits" => Ok(vec![format!("{LOWER}{UPPER}"), DIGITS.to_owned()]),
        "lower_upper_letters_digits" => sets(&[LOWER, UPPER, DIGITS]),
        "lower_upper_letters_digits_symbols" => sets(&[LOWER, UPPER, DIGITS, SYMBOLS]),
        _ => Err(expected(
            text,
            "`letters_digits`, `lower_upper_letters_digits` or `lower_upper_letters_digits_symbols`",
        )),
    }
}

/// Pairs `number:code,…`. Numbers are normalised; codes are not repeated in messages.
pub(super) fn codes(text: &str) -> Result<BTreeMap<String, String>> {
    let pair = |pair: String| {
        let (number, code) = pair.split_once(':').unwrap_or((&pair, ""));
        let number = number.trim().trim_start_matches('+').replace(' ', "");
        if code.is_empty() || !code.trim().bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("a code of digits is expected for {number:?}, as in `4152127777:123456`");
        }
        Ok((number, code.trim().to_owned()))
    };
    list(text).into_iter().map(pair).collect()
}

/// Pairs `name:secret,…`. Secrets are not repeated in messages.
pub(super) fn named_secrets(text: &str) -> Result<BTreeMap<String, SecretString>> {
    let mut secrets = BTreeMap::new();
    for pair in list(text) {
        let Some((name, secret)) = pair.split_once(':').filter(|(name, secret)| !name.is_empty() && !secret.is_empty())
        else {
            bail!("pairs such as `name:key,other-name:other-key` are expected")
        };
        if secrets.insert(name.to_owned(), secret.into()).is_some() {
            bail!("{name:?} is there twice");
        }
    }
    Ok(secrets)
}

pub(super) fn port(text: &str) -> Result<u16> {
    at_least(text, 1, "a port (1 to 65535)")
}

pub(super) fn at_least<T: std::str::FromStr>(text: &str, least: u64, what: &str) -> Result<T> {
    let is_enough = text.trim().parse::<u64>().is_ok_and(|number| number >= least);
    text.trim().parse().ok().filter(|_| is_enough).ok_or_else(|| expected(text, what))
}

pub(super) fn url(text: &str) -> Result<String> {
    let expected = |what| expected(&auth::settings::shown_address(text), what);
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(expected("a URL that starts with http:// or https://"));
    }
    match auth::settings::is_web_address(text) {
        true => Ok(text.to_owned()),
        false => Err(expected("a URL with a host, and a port that can be")),
    }
}

/// Where a text is: a path of the site, or an address of the web, or a file.
pub(super) fn place(text: &str) -> Result<String> {
    if text.contains("://") && !text.starts_with(super::outside::FILE) {
        return url(text);
    }
    Ok(text.to_owned())
}

/// The name or address of a mail server; none when empty.
pub(super) fn host(text: &str) -> Result<String> {
    let is_good = text.is_empty() || auth::is_host(text);
    if is_good { Ok(text.to_owned()) } else { Err(expected(text, "the name or address of a host")) }
}

/// What a mail server is greeted with; nothing special when empty.
pub(super) fn greeting(text: &str) -> Result<String> {
    let is_good = text.is_empty() || auth::is_greeting(text);
    if is_good { Ok(text.to_owned()) } else { Err(expected(text, "the name of a host, or an address in brackets")) }
}

/// Algorithms of tokens, by the names that JWTs have for them.
pub(super) fn algorithms(text: &str) -> Result<Vec<String>> {
    const KNOWN: [&str; 13] = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
        "EdDSA",
    ];
    let named = list(text);
    match named.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(unknown) => Err(expected(unknown, &format!("one of {}", KNOWN.join(", ")))),
        None if named.is_empty() => Err(expected(text, "a list of algorithms such as HS256,ES256")),
        None => Ok(named),
    }
}

/// A network such as `10.0.0.0/8`, or the one of a single address.
pub(super) fn network(text: &str) -> Result<ipnet::IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into());
    let network = text.parse().ok().or_else(single);
    network.ok_or_else(|| expected(text, "an IP address or a network such as `10.0.0.0/8`"))
}

/// A language tag, as it is compared.
pub(super) fn locale(text: &str) -> Result<String> {
    auth::locale_tag(text).ok_or_else(|| expected(text, "a language such as `en` or `pt-BR`"))
}

/// The name of a request header.
pub(super) fn header(text: &str) -> Result<http::HeaderName> {
    text.parse().map_err(|_| expected(text, "the name of a header"))
}

/// Names of hosts as `["mx.example.com"]`.
pub(super) fn json_names(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|_| expected(text, "a JSON array of names such as [\"mx.example.com\"]"))
}

/// Headers of requests as `{"X-Name": ["value"]}`, which may be secret.
pub(super) fn headers(text: &str) -> Result<HeaderMap> {
    let wrong = || anyhow!("headers such as {{\"X-Name\": [\"value\"]}} are expected");
    let named: BTreeMap<String, Vec<String>> = serde_json::from_str(text).map_err(|_| wrong())?;
    let mut headers = HeaderMap::new();
    for (name, values) in named {
        let name: http::HeaderName = name.parse().map_err(|_| wrong())?;
        for value in values {
            let mut value = http::HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.append(&name, value);
        }
    }
    Ok(headers)
}

pub(super) fn api_key(text: &str, prefix: &str) -> Result<String> {
    let is_key =
        text.starts_with(prefix) && text.len() >= prefix.len() + 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key { Ok(text.to_owned()) } else { bail!("a key that starts with {prefix} is expected") }
}

/// A size in bytes: a number, or one with KB, MB, GB, KiB, MiB, GiB.
pub(super) fn size(text: &str) -> Result<u64> {
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
    fn networks_are_addresses_too() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ] {
            assert_eq!(network(text).expect(text).to_string(), expected);
        }
        for text in ["10.0.0.0/33", "10.0.0", "proxy", ""] {
            let message = network(text).expect_err(text).to_string();
            assert!(message.contains("an IP address or a network"), "{message}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("50MiB").expect("a size"), 50 << 20);
        assert_eq!(size("10").expect("a size"), 10);
        assert_eq!(size("2 GB").expect("a size"), 2 << 30);
        assert!(size("big").is_err() && size("99999999999GiB").is_err());
    }

    #[test]
    fn codes_belong_to_normal_numbers_and_are_not_repeated() {
        let found = codes("+1 415:123456, 49:000000").expect("codes");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("1415", "123456"), ("49", "000000")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let wrong = codes("1415:12x456").expect_err("no digits").to_string();
        assert!(wrong.contains("1415") && !wrong.contains("12x456"), "{wrong}");
    }

    #[test]
    fn keys_have_names_and_are_not_repeated() {
        assert_eq!(named_secrets("a:b:c, d:e").expect("pairs").len(), 2);
        for text in ["hidden", "a:hidden,a:other", ":hidden", "hidden:"] {
            let wrong = named_secrets(text).expect_err("no pairs").to_string();
            assert!(!wrong.contains("hidden"), "{wrong}");
        }
    }

    #[test]
    fn headers_are_read_and_not_repeated() {
        let found = headers(r#"{"X-Key": ["hidden"], "a": ["1", "2"]}"#).expect("headers");
        assert_eq!((found.len(), &found["x-key"]), (3, &http::HeaderValue::from_static("hidden")));
        assert!(!format!("{found:?}").contains("hidden"));
        for text in ["hidden", r#"{"hidden": "x"}"#, r#"{"a b": ["hidden"]}"#, "{\"a\": [\"hidden\\n\"]}"] {
            assert!(!headers(text).expect_err("no headers").to_string().contains("hidden"));
        }
    }

    #[test]
    fn words_stand_for_sets() {
        assert_eq!(requirements("letters_digits").expect("known").len(), 2);
        assert_eq!(requirements("lower_upper_letters_digits_symbols").expect("known")[3].matches(':').count(), 1);
        assert!(requirements("").expect("known").is_empty() && requirements("strong").is_err());
    }
}
