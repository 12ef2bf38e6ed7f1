//! Connection strings as other programs write them. Parameters of URLs that the driver has other words for are put
//! into its own, and what means something to other drivers alone is left out.

/// Parameters that have no effect here.
const WITHOUT_EFFECT: [&str; 3] = ["pgbouncer", "search_path", "statement_cache_mode"];

/// A connection string that the driver can read.
pub(crate) struct Adapted {
    pub(crate) text: String,
    /// The parameters that were left out.
    pub(crate) dropped: Vec<&'static str>,
}

/// Adapts a URL; a string of another form stays as it is.
pub(crate) fn adapt(url: &str) -> Adapted {
    let mut adapted = Adapted { text: url.to_owned(), dropped: Vec::new() };
    if !is_url(url) {
        return adapted;
    }
    // As the driver does: the password ends at the first `@`, and may hold a question mark.
    let host = url.find('@').unwrap_or(0);
    let Some(query) = url[host..].find('?').map(|at| host + at) else { return adapted };
    let mut kept = Vec::new();
    for parameter in url[query + 1..].split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (WITHOUT_EFFECT.iter().find(|known| **known == name), name, value) {
            (Some(known), ..) => adapted.dropped.push(known),
            // The certificate and the name in it are checked in any case.
            (None, "sslmode", "verify-ca" | "verify-full") => kept.push("sslmode=require"),
            _ => kept.push(parameter),
        }
    }
    adapted.text = url[..query].to_owned();
    if !kept.is_empty() {
        adapted.text.push('?');
        adapted.text.push_str(&kept.join("&"));
    }
    adapted
}

/// Why the driver cannot read a string. What it says of a URL names a parameter; what is none, or stands in another form,
/// might be a part of a password.
pub(crate) fn reason(url: &str, error: &tokio_postgres::Error) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let is_name = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    };
    match std::error::Error::source(error).filter(|_| is_url(url) && query.split('&').all(is_name)) {
        Some(cause) => format!("{error}: {cause}"),
        None if !is_url(url) => error.to_string(),
        None => format!("{error} (in a password `@`, `/` and `?` are written `%40`, `%2F` and `%3F`)"),
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_other_drivers_are_left_out() {
        let adapted = |parameters: &str| {
            let Adapted { text, dropped } = adapt(&format!("postgres://me:p?a&b@h:5/db{parameters}"));
            (text.strip_prefix("postgres://me:p?a&b@h:5/db").expect("what is before stays").to_owned(), dropped)
        };
        assert_eq!(adapted(""), (String::new(), vec![]));
        assert_eq!(adapted("?search_path=auth"), (String::new(), vec!["search_path"]));
        let found = adapted("?sslmode=disable&pgbouncer=true&connect_timeout=3&statement_cache_mode=describe");
        assert_eq!(found, ("?sslmode=disable&connect_timeout=3".to_owned(), vec!["pgbouncer", "statement_cache_mode"]));
        for mode in ["verify-ca", "verify-full"] {
            assert_eq!(
                adapted(&format!("?sslmode={mode}&application_name=x")).0,
                "?sslmode=require&application_name=x"
            );
        }
        let reason = |url: &str| reason(url, &url.parse::<tokio_postgres::Config>().expect_err("no such parameter"));
        assert!(reason("postgres://me@h/db?nonsense=1").contains("nonsense"));
        assert!(!reason("postgres://me:pa@ss?hidden@h/db?sslmode=require").contains("hidden"));
        assert_eq!(adapt("host=h search_path=auth").text, "host=h search_path=auth");
    }
}
