//! How many requests an address may make, and how much may be sent to all together.

use std::fmt;
use std::time::Duration;

/// Settings of rate limits: requests in the time that [`super::Bucket`] names for each. The defaults are Supabase's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Whether addresses are counted at all.
    pub per_address: bool,
    /// Anonymous sign-ups in an hour.
    pub anonymous_users: u32,
    /// Sign-ups, requests for mails and codes, and changes of users in five minutes; each kind on its own.
    pub otp: u32,
    /// Uses of links and codes in five minutes.
    pub verify: u32,
    /// Codes that are typed in for one address, number or user in five minutes, whether addresses are counted or not.
    pub codes: u32,
    /// Sign-ins and refreshes in five minutes.
    pub token_refresh: u32,
    /// Challenges of second factors, and answers to them, in a minute; each kind on its own.
    pub mfa_challenge_and_verify: u32,
    /// Mails to everybody together.
    pub email_sent: SendLimit,
    /// Messages to all phones together.
    pub sms_sent: SendLimit,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_address: false,
            anonymous_users: 30,
            otp: 30,
            verify: 30,
            codes: 30,
            token_refresh: 150,
            mfa_challenge_and_verify: 15,
            email_sent: SendLimit::default(),
            sms_sent: SendLimit::default(),
        }
    }
}

/// How much may be sent to all together. Written as `30`, which is so many in each hour, or as `30/2m`, which is so
/// many at once and one more every two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimit {
    /// How many at once.
    pub count: u32,
    /// The time in which one comes back; `None` where all come back with each new hour.
    pub refill: Option<Duration>,
}

impl Default for SendLimit {
    fn default() -> Self {
        Self { count: 30, refill: None }
    }
}

impl fmt::Display for SendLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refill {
            Some(refill) => write!(f, "{}/{}s", self.count, refill.as_secs_f64()),
            None => write!(f, "{}", self.count),
        }
    }
}

/// Reads a limit on what is sent, as the environment gives it: `N` or `N/duration`, the duration in Go's form.
///
/// # Errors
/// What is wrong with the text.
pub fn send_limit(text: &str) -> Result<SendLimit, String> {
    let (count, refill) = match text.split_once('/') {
        Some((count, refill)) => (count, Some(crate::settings::duration(refill)?)),
        None => (text, None),
    };
    let wrong = || format!("{text:?} is neither a number nor a number/duration, like 30/2m");
    // The original takes fractions of what is sent in an hour; there are whole letters only.
    let fraction = || count.parse::<f64>().ok().filter(|number| refill.is_none() && *number >= 0.0);
    let whole = |number: f64| format!("{:.0}", number.ceil()).parse().ok();
    let count = count.parse().ok().or_else(|| fraction().and_then(whole)).ok_or_else(wrong)?;
    if refill.is_some_and(|refill| refill.is_zero()) {
        return Err(format!("{text:?}: the time in which one comes back must not be zero"));
    }
    Ok(SendLimit { count, refill })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_on_what_is_sent_are_per_hour_or_one_by_one() {
        assert_eq!(send_limit("30"), Ok(SendLimit::default()));
        assert_eq!(send_limit("0"), Ok(SendLimit { count: 0, refill: None }));
        let refilled = SendLimit { count: 5, refill: Some(Duration::from_secs(90)) };
        assert_eq!(send_limit("5/1m30s"), Ok(refilled));
        assert_eq!((refilled.to_string(), SendLimit::default().to_string()), ("5/90s".into(), "30".into()));
        assert_eq!(send_limit("30.0"), Ok(SendLimit::default()));
        assert_eq!(send_limit("1.5"), Ok(SendLimit { count: 2, refill: None }));
        for wrong in ["", "x", "-1", "-1.5", "NaN", "inf", "1e99", "1.5/1m", "5/", "5/90", "5/0s", "5/-1m", "5/1m/1m"] {
            assert!(send_limit(wrong).is_err(), "{wrong:?}");
        }
    }
}
