//! What can be set about the console.

use std::time::Duration;

/// How the console behaves and what its header shows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The project's name.
    pub name: String,
    /// Where apps reach the API, such as `http://127.0.0.1:54321`.
    pub api_url: String,
    /// The server's version.
    pub version: String,
    /// Where kept mail can be read, if it is kept.
    pub mailbox_url: Option<String>,
    /// The key that apps may show to anyone.
    pub publishable_key: String,
    /// The schemas of the data API.
    pub api_schemas: Vec<String>,
    /// A session ends when it was not used for this long.
    pub session_idle: Duration,
    /// A session ends at this age, however much it is used.
    pub session_lifetime: Duration,
    /// Marks the session cookie `Secure` always, and not only when the request came over https.
    pub secure_cookie: bool,
    /// The longest that a statement of the SQL editor or an export may run.
    pub statement_timeout: Duration,
    /// The longest that reading one page of a table or of users may take.
    pub read_timeout: Duration,
    /// How many rows of a result the SQL editor gets when it does not say.
    pub default_rows: usize,
    /// The most rows of a result that the SQL editor may ask for.
    pub max_rows: usize,
    /// The most bytes of values that one answer holds; further rows are counted only.
    pub max_result_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "vestibule".into(),
            api_url: "http://127.0.0.1:54321".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            mailbox_url: None,
            publishable_key: String::new(),
            api_schemas: vec!["public".into()],
            session_idle: Duration::from_secs(12 * 3600),
            session_lifetime: Duration::from_secs(7 * 24 * 3600),
            secure_cookie: false,
            statement_timeout: Duration::from_secs(120),
            read_timeout: Duration::from_secs(20),
            default_rows: 1000,
            max_rows: 10_000,
            max_result_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dashboard setting `{name}` {reason}")]
pub struct Invalid {
    /// Its field.
    pub name: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Settings {
    /// Checks that the values make sense together.
    ///
    /// # Errors
    /// [`Invalid`] for the first that does not.
    pub fn validate(&self) -> Result<(), Invalid> {
        let check = |holds: bool, name, reason| if holds { Ok(()) } else { Err(Invalid { name, reason }) };
        let year = Duration::from_secs(366 * 24 * 3600);
        check(!self.session_idle.is_zero(), "session_idle", "must be longer than zero")?;
        check(self.session_lifetime >= self.session_idle, "session_lifetime", "is shorter than session_idle")?;
        check(self.session_lifetime <= year, "session_lifetime", "is longer than a year")?;
        check(!self.statement_timeout.is_zero(), "statement_timeout", "must be longer than zero")?;
        check(!self.read_timeout.is_zero(), "read_timeout", "must be longer than zero")?;
        check(self.default_rows > 0, "default_rows", "must be at least 1")?;
        check(self.max_rows >= self.default_rows, "max_rows", "is less than default_rows")?;
        check(self.max_result_bytes >= 64 * 1024, "max_result_bytes", "must be at least 65536")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let none = Settings { session_idle: Duration::ZERO, ..Settings::default() };
        assert_eq!(none.validate().unwrap_err().name, "session_idle");
        let short = Settings { session_lifetime: Duration::from_secs(1), ..Settings::default() };
        assert_eq!(
            short.validate().unwrap_err().to_string(),
            "dashboard setting `session_lifetime` is shorter than session_idle"
        );
    }
}
