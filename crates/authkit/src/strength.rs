//! What a password must be like: its length in bytes and the kinds of characters it must have.

/// Passwords longer than this many bytes are refused: bcrypt would not look at the rest.
pub const MAX_LENGTH: usize = 72;

/// The least minimum length that may be set.
pub const LEAST_MIN_LENGTH: usize = 6;

/// Rules for new passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// The minimum length in bytes; values below [`LEAST_MIN_LENGTH`] count as that.
    pub min_length: usize,
    /// Sets of characters; a password needs one of each.
    pub required_characters: Vec<String>,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_length: LEAST_MIN_LENGTH, required_characters: Vec::new() }
    }
}

/// Why a password is not strong enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// All reasons in sentences, as clients show them.
    pub message: String,
    /// `length`, `characters`.
    pub reasons: Vec<&'static str>,
}

/// What is wrong with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// Longer than [`MAX_LENGTH`] bytes.
    TooLong,
    /// Against the rules.
    Weak(Weakness),
}

impl PasswordRules {
    /// Checks a password.
    ///
    /// # Errors
    /// [`PasswordError`] with all reasons at once.
    pub fn check(&self, password: &str) -> Result<(), PasswordError> {
        if password.len() > MAX_LENGTH {
            return Err(PasswordError::TooLong);
        }
        let (mut messages, mut reasons) = (Vec::new(), Vec::new());
        let min_length = self.min_length.max(LEAST_MIN_LENGTH);
        if password.len() < min_length {
            reasons.push("length");
            messages.push(format!("Password should be at least {min_length} characters."));
        }
        let lacks = |set: &String| !set.is_empty() && !password.contains(|c| set.contains(c));
        if self.required_characters.iter().any(lacks) {
            reasons.push("characters");
            let sets = self.required_characters.join(", ");
            messages.push(format!("Password should contain at least one character of each: {sets}."));
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(PasswordError::Weak(Weakness { message: messages.join(" "), reasons }))
    }

    /// Reads sets of characters from their one-line form: separated by `:`, a colon itself written `\:`.
    #[must_use]
    pub fn parse_required_characters(text: &str) -> Vec<String> {
        let mut sets = vec![String::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&':') => {
                    characters.next();
                    sets.last_mut().expect("there is always a set").push(':');
                }
                ':' => sets.push(String::new()),
                other => sets.last_mut().expect("there is always a set").push(other),
            }
        }
        sets.retain(|set| !set.is_empty());
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weakness(rules: &PasswordRules, password: &str) -> Weakness {
        match rules.check(password) {
            Err(PasswordError::Weak(weakness)) => weakness,
            other => panic!("{password:?}: {other:?}"),
        }
    }

    /// Behaviour 44: the least length counts bytes as well.
    /// Behaviour 45: no configured minimum is under 6.
    #[test]
    fn length_counts_bytes_and_never_goes_below_six() {
        let rules = PasswordRules { min_length: 3, ..PasswordRules::default() };
        assert_eq!(weakness(&rules, "12345").reasons, ["length"]);
        assert_eq!(rules.check("ééé"), Ok(()));
        assert_eq!(rules.check(&"x".repeat(72)), Ok(()));
        assert_eq!(rules.check(&"x".repeat(73)), Err(PasswordError::TooLong));
    }

    /// Behaviour 46: missing sets of characters are one reason, and the text lists all.
    #[test]
    fn missing_sets_are_reported_once_and_all_listed() {
        let required_characters = PasswordRules::parse_required_characters(r"abc:0123:\:!");
        assert_eq!(required_characters, ["abc", "0123", ":!"]);
        let rules = PasswordRules { min_length: 8, required_characters };
        let weakness = weakness(&rules, "xyz");
        assert_eq!(weakness.reasons, ["length", "characters"]);
        assert_eq!(
            weakness.message,
            "Password should be at least 8 characters. \
             Password should contain at least one character of each: abc, 0123, :!."
        );
        assert_eq!(rules.check("a1:xxxxx"), Ok(()));
    }
}
