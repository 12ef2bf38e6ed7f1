//! Durations in Go's syntax (`1h30m`, `-1.5h`, `300ms`), which settings and `ban_duration` use.

/// A duration in nanoseconds, negative ones included.
pub type Nanoseconds = i64;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a sequence of numbers with units.
    #[error("invalid duration {0:?}")]
    Syntax(String),
    /// A number without a unit.
    #[error("missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that Go does not know; it has no days.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Reads a duration: an optional sign, then numbers with an optional fraction, each with a unit of
/// `ns`, `us` (`µs`), `ms`, `s`, `m`, `h`. `0` needs no unit.
///
/// # Errors
/// [`DurationError`], naming the text.
pub fn parse(text: &str) -> Result<Nanoseconds, DurationError> {
    let syntax = || DurationError::Syntax(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(syntax());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_length);
        let unit_length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(syntax());
        }
        let scale = unit_scale(unit, text)?;
        total = total.checked_add(scaled(whole, fraction, scale).ok_or_else(syntax)?).ok_or_else(syntax)?;
        rest = after;
    }
    Nanoseconds::try_from(if negative { -total } else { total }).map_err(|_| syntax())
}

fn unit_scale(unit: &str, text: &str) -> Result<i128, DurationError> {
    match unit {
        "" => Err(DurationError::MissingUnit(text.to_owned())),
        "ns" => Ok(1),
        "us" | "µs" | "μs" => Ok(1_000),
        "ms" => Ok(1_000_000),
        "s" => Ok(1_000_000_000),
        "m" => Ok(60_000_000_000),
        "h" => Ok(3_600_000_000_000),
        other => Err(DurationError::UnknownUnit { unit: other.to_owned(), text: text.to_owned() }),
    }
}

fn scaled(whole: &str, fraction: &str, scale: i128) -> Option<i128> {
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond the eighteenth are less than a nanosecond of any unit.
    let fraction = &fraction[..fraction.len().min(18)];
    let part = if fraction.is_empty() {
        0
    } else {
        let digits = u32::try_from(fraction.len()).ok()?;
        fraction.parse::<i128>().ok()? * scale / 10_i128.pow(digits)
    };
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn go_durations_are_read() {
        for (text, expected) in [
            ("24h", 86_400 * SECOND),
            ("1h30m", 5_400 * SECOND),
            ("-1.5h", -5_400 * SECOND),
            ("+5s", 5 * SECOND),
            (".5s", SECOND / 2),
            ("1.s", SECOND),
            ("300ms", 300_000_000),
            ("2µs", 2_000),
            ("0", 0),
            ("0s", 0),
            ("876000h", 876_000 * 3_600 * SECOND),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        assert!(matches!(parse("1d"), Err(DurationError::UnknownUnit { .. })));
        assert!(matches!(parse("10"), Err(DurationError::MissingUnit(_))));
        for wrong in ["", "-", "h", "1.2.3s", ".s", "1h-2m", "9999999999999h", "none", "ü", "1é"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
