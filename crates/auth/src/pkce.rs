//! Code challenges (RFC 7636) that a flow is started with.

use crate::error::Error;

/// How long a code challenge may be.
const LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// Checks that both are given or neither, and the form of the challenge.
pub(crate) fn check(method: &str, challenge: &str) -> Result<(), Error> {
    if challenge.is_empty() != method.is_empty() {
        return Err(Error::validation("PKCE flow requires code_challenge_method and code_challenge"));
    }
    if challenge.is_empty() {
        return Ok(());
    }
    if !LENGTH.contains(&challenge.len()) {
        return Err(Error::validation("code challenge has to be between 43 and 128 characters"));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !challenge.bytes().all(is_allowed) {
        return Err(Error::validation(
            "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_needs_a_method_and_its_form() {
        assert!(check("", "").is_ok());
        assert!(check("s256", &"a-._~Z9".repeat(7)).is_ok());
        for (method, challenge) in
            [("s256", ""), ("", "x"), ("s256", "short"), ("s256", &*"a".repeat(129)), ("s256", &*"ä".repeat(43))]
        {
            assert!(check(method, challenge).is_err(), "{method} {challenge}");
        }
    }
}
