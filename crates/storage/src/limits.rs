//! How large files may be and of which types.

use crate::error::{Error, Result};

/// Reads a size such as `20MB` (units of 1000, in any case), as Supabase's buckets are configured with.
///
/// # Errors
/// [`Error::InvalidFileSizeLimit`] when it is no number followed by a unit.
pub(crate) fn parse_size(text: &str) -> Result<u64> {
    let lower = text.to_ascii_lowercase();
    let (number, factor) = [("gb", 1e9), ("mb", 1e6), ("kb", 1e3), ("b", 1.0)]
        .into_iter()
        .find_map(|(unit, factor)| lower.strip_suffix(unit).map(|number| (number, factor)))
        .ok_or(Error::InvalidFileSizeLimit)?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match number.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(number),
    };
    let size: f64 = number.parse().ok().filter(|_| is_number).ok_or(Error::InvalidFileSizeLimit)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; the limit is checked next")]
    Ok((size * factor) as u64)
}

/// Checks a list of allowed types before it is stored in a bucket.
///
/// # Errors
/// [`Error::InvalidMimeType`] naming the first that is neither a type nor a wildcard.
pub(crate) fn check_allowed_types(allowed: &[String]) -> Result<()> {
    match allowed.iter().find(|pattern| !is_type_or_wildcard(pattern)) {
        Some(pattern) => Err(Error::InvalidMimeType(pattern.chars().take(MAX_TYPE).collect())),
        None => Ok(()),
    }
}

const MAX_TYPE: usize = 1000;

fn is_type_or_wildcard(pattern: &str) -> bool {
    let (essence, parameters) = match pattern.split_once(';') {
        Some((essence, parameters)) => (essence, Some(parameters.trim_start())),
        None => (pattern, None),
    };
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte))
    };
    let is_essence = match essence.split_once('/') {
        Some((kind, "*")) => kind == "*" || is_token(kind),
        Some((kind, subtype)) => is_token(kind) && is_token(subtype),
        None => essence == "*",
    };
    let is_charset = |text: &str| text.strip_prefix("charset=").is_some_and(is_token);
    pattern.len() <= MAX_TYPE && is_essence && parameters.is_none_or(is_charset)
}

/// Checks a file's type against a bucket's list: in any case, and without the parameters that the list does not
/// name itself, so that `text/plain;charset=UTF-8` is a `text/plain`. An empty list allows every type.
///
/// # Errors
/// [`Error::InvalidMimeType`].
pub(crate) fn check_type(mime: &str, allowed: &[String]) -> Result<()> {
    let normal = |text: &str| text.to_ascii_lowercase().replace(' ', "");
    let mime_normal = normal(mime);
    let essence = mime_normal.split(';').next().unwrap_or_default();
    let kind = essence.split_once('/').map(|(kind, _)| kind);
    let matches = |pattern: &String| {
        let pattern = normal(pattern);
        match pattern.strip_suffix("/*") {
            Some(wanted) => wanted == "*" || Some(wanted) == kind,
            None => pattern == "*" || pattern == essence || pattern == mime_normal,
        }
    };
    let is_allowed = allowed.is_empty() || (kind.is_some() && allowed.iter().any(matches));
    if is_allowed { Ok(()) } else { Err(Error::InvalidMimeType(mime.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        assert_eq!(parse_size("20MB").ok(), Some(20_000_000));
        assert_eq!(parse_size("1.5kb").ok(), Some(1500));
        assert_eq!(parse_size("3B").ok(), Some(3));
        assert_eq!(parse_size("1Gb").ok(), Some(1_000_000_000));
        for wrong in ["", "MB", "20", "20 MB", "-1MB", "1e3MB", "nanMB", ".5MB", "5.MB", "infGB", "20TB"] {
            assert!(matches!(parse_size(wrong), Err(Error::InvalidFileSizeLimit)), "{wrong:?}");
        }
    }

    #[test]
    fn types_match_lists() {
        let list = |types: &[&str]| types.iter().map(|&mime| mime.to_owned()).collect::<Vec<_>>();
        let images = list(&["image/*", "text/plain"]);
        for mime in ["image/png", "IMAGE/PNG", "text/plain", "text/plain; charset=UTF-8"] {
            assert!(check_type(mime, &images).is_ok(), "{mime}");
        }
        for mime in ["imagex/png", "text/html", "image", "", "application/json"] {
            assert!(check_type(mime, &images).is_err(), "{mime}");
        }
        assert!(check_type("anything", &[]).is_ok());
        assert!(check_type("a/b", &list(&["*/*"])).is_ok());
    }

    #[test]
    fn lists_are_made_of_types() {
        let check = |mime: &str| check_allowed_types(&[mime.to_owned()]);
        for mime in ["image/*", "*/*", "*", "image/svg+xml", "text/plain; charset=utf-8", "application/vnd.ms-excel"] {
            assert!(check(mime).is_ok(), "{mime}");
        }
        for mime in ["", "image", "image/", "/png", "image/png, image/jpeg", "im age/png", "text/plain; q=1"] {
            assert!(check(mime).is_err(), "{mime}");
        }
    }
}
