//! How many requests an address may make.

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
    /// Sign-ins and refreshes in five minutes.
    pub token_refresh: u32,
    /// Challenges of second factors, and answers to them, in a minute; each kind on its own.
    pub mfa_challenge_and_verify: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_address: false,
            anonymous_users: 30,
            otp: 30,
            verify: 30,
            token_refresh: 150,
            mfa_challenge_and_verify: 15,
        }
    }
}
