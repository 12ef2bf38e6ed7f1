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

/// How long something is valid. Zero stands for what the original takes where nothing is said.
pub(super) fn validity(text: &str, original: Duration) -> Result<Duration> {
    seconds(text).map(|time| if time.is_zero() { original } else { time })
}

/// A number of seconds that may have a fraction.
pub(super) fn exact_seconds(text: &str) -> Result<Duration> {
    let seconds = text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| expected(text, "a number of seconds"))
}

/// A number of things, of which there are whole ones only: a fraction, which the original takes, counts as the next.
pub(super) fn count<T: std::str::FromStr>(text: &str, what: &str) -> Result<T> {
    at_least(text, 0, what).or_else(|wrong| {
        let number = text.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
        number.and_then(|number| format!("{:.0}", number.ceil()).parse().ok()).ok_or(wrong)
    })
}

/// How many digits a code has. Zero stands for what the original takes where nothing is said.
pub(super) fn digits(text: &str) -> Result<usize> {
    if text.trim() == "0" { Ok(6) } else { at_least(text, 6, "a number of digits (6 to 10)") }
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
        let Some((number, code)) = pair.split_once(':') else {
            bail!("a number and a code are expected, as in `4152127777:123456`");
        };
        let number = auth::normalise_phone(number.trim());
        if code.trim().is_empty() {
            bail!("a code is expected for {number:?}, as in `4152127777:123456`");
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
    if is_good {
        Ok(text.to_owned())
    } else {
        Err(expected(&auth::settings::shown_address(text), "the name or address of a host"))
    }
}

/// Hosts that links may begin with, with a port or without.
pub(super) fn hosts(text: &str) -> Result<Vec<String>> {
    let is_host = |host: &str| {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        literal.map_or_else(|| auth::is_host(host), |literal| literal.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let without_port = |host: &str| {
        let (name, port) = host.rsplit_once(':')?;
        port.parse::<u16>().is_ok().then(|| name.to_owned())
    };
    let hosts = list(text);
    match hosts.iter().find(|host| !is_host(host) && !without_port(host).is_some_and(|name| is_host(&name))) {
        Some(wrong) => {
            Err(expected(&auth::settings::shown_address(wrong), "a host such as `app.example` or `app.example:8443`"))
        }
        None => Ok(hosts),
    }
}

/// Addresses of people.
pub(super) fn mail_addresses(text: &str) -> Result<Vec<String>> {
    let addresses = list(text);
    match addresses.iter().find(|address| !auth::settings::is_mail_address(address)) {
        Some(wrong) => Err(expected(wrong, "an e-mail address")),
        None => Ok(addresses),
    }
}

/// Where links lead: a path, or a whole address. It stands in letters as it is.
pub(super) fn link_path(text: &str) -> Result<String> {
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'<>".contains(c));
    if is_plain { Ok(text.to_owned()) } else { Err(expected(text, "a path or an address without blanks and quotes")) }
}

/// The value of a header.
pub(super) fn header_value(text: &str) -> Result<String> {
    let is_good = http::HeaderValue::from_str(text).is_ok();
    if is_good { Ok(text.to_owned()) } else { Err(expected(text, "the value of a header")) }
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
        let found = codes("+1 415:123456, 49:letters").expect("codes");
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("1415", "123456"), ("49", "letters")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let wrong = codes("49:hidden,1415:").expect_err("no code").to_string();
        assert!(wrong.contains("1415") && !wrong.contains("hidden"), "{wrong}");
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
    fn numbers_may_have_fractions_where_the_original_takes_them() {
        let number = |text: &str| count::<u32>(text, "a number").ok();
        assert_eq!(["30", "0.5", "0", "2.0", " 7 "].map(number), [30, 1, 0, 2, 7].map(Some));
        assert_eq!(["-1", "-0.5", "NaN", "inf", "1e99", "", "many"].map(number), [None; 7]);
        assert_eq!(exact_seconds("300.5").expect("seconds").as_millis(), 300_500);
        assert!(["-1", "NaN", "inf", "", "5m"].iter().all(|text| exact_seconds(text).is_err()));
        let day = Duration::from_secs(86400);
        assert_eq!(["0", "60"].map(|text| validity(text, day).expect("seconds")), [day, Duration::from_secs(60)]);
    }

    #[test]
    fn what_stands_in_letters_has_a_form() {
        assert_eq!(hosts("app.example, app.example:8443,[::1]:80,::1").expect("hosts").len(), 4);
        for wrong in ["https://app.example", "app.example/x", "a b", "app.example:x", "*.example"] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
        assert_eq!(mail_addresses("a@b.c, d@e.f").expect("addresses"), ["a@b.c", "d@e.f"]);
        for wrong in ["nobody", "a@b.c d@e.f", "Ann <a@b.c>", "@b.c"] {
            assert!(mail_addresses(wrong).is_err(), "{wrong}");
        }
        assert!(link_path("/verify").is_ok() && link_path("myapp://x").is_ok() && link_path("/my verify").is_err());
        assert!(header_value("me/1 (x)").is_ok() && header_value("me\r\nX: y").is_err());
    }

    #[test]
    fn words_stand_for_sets() {
        assert_eq!(requirements("letters_digits").expect("known").len(), 2);
        assert_eq!(requirements("lower_upper_letters_digits_symbols").expect("known")[3].matches(':').count(), 1);
        assert!(requirements("").expect("known").is_empty() && requirements("strong").is_err());
    }
}
