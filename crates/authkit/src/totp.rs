//! Codes of authenticator apps: SHA-1, 6 digits, 30 seconds, one step early or late, as every app knows them.

use std::fmt;

use base::Random;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// The seconds that a code is valid.
const PERIOD: u64 = 30;

/// How many steps early or late a code may be.
const SKEW: u16 = 1;

/// What stands as it is in an otpauth address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// The number of a period since 1970. Codes of a step must count once: keep the last step and refuse all up to it.
pub type Step = u64;

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TotpError {
    /// It is not base32.
    #[error("totp secret is not base32")]
    Base32,
    /// It is too long for a picture, because of the names in it.
    #[error("the otpauth address is too long for a qr code")]
    TooLong,
}

/// The secret that an authenticator app shares.
#[derive(Clone)]
pub struct Key(SecretSlice<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

impl Key {
    /// A new key of 160 bits.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self(random.bytes::<20>().to_vec().into())
    }

    /// Reads a key in base32, with or without padding.
    ///
    /// # Errors
    /// [`TotpError::Base32`]; also for an empty one.
    pub fn parse(base32: &str) -> Result<Self, TotpError> {
        let secret = Secret::try_from_base32(base32.trim_end_matches('=')).map_err(|_| TotpError::Base32)?;
        if secret.as_bytes().is_empty() { Err(TotpError::Base32) } else { Ok(Self(secret.as_bytes().to_vec().into())) }
    }

    /// The key in base32 without padding.
    #[must_use]
    pub fn base32(&self) -> SecretString {
        Secret::from(self.0.expose_secret()).to_base32().into()
    }

    /// The address that apps read: `otpauth://totp/<issuer>:<account>?…`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> SecretString {
        let [issuer, account] = [issuer, account].map(|text| utf8_percent_encode(text, ESCAPED));
        let secret = self.base32();
        let secret = secret.expose_secret();
        format!(
            "otpauth://totp/{issuer}:{account}?algorithm=SHA1&digits=6&issuer={issuer}&period={PERIOD}&secret={secret}"
        )
        .into()
    }

    /// The address as a picture in SVG, for apps to scan.
    ///
    /// # Errors
    /// [`TotpError::TooLong`] when issuer and account have thousands of bytes.
    pub fn qr_svg(&self, issuer: &str, account: &str) -> Result<SecretString, TotpError> {
        let uri = self.uri(issuer, account);
        let code = QrCode::new(uri.expose_secret()).map_err(|_| TotpError::TooLong)?;
        let picture = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
        Ok(picture.replacen("<?xml version=\"1.0\" standalone=\"yes\"?>", "", 1).into())
    }

    /// The step whose code this is, at a time in seconds since 1970; nothing when it is none of now, just before and
    /// just after.
    #[must_use]
    pub fn step_of(&self, code: &str, unix_seconds: i64) -> Option<Step> {
        self.totp().check(code, u64::try_from(unix_seconds).ok()?)
    }

    /// The code at a time in seconds since 1970.
    #[must_use]
    pub fn code_at(&self, unix_seconds: i64) -> String {
        self.totp().generate(u64::try_from(unix_seconds).unwrap_or_default()).to_string()
    }

    /// Keys of other programs may be shorter than the standard wants.
    fn totp(&self) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(SKEW)
            .with_step_duration(PERIOD)
            .with_secret(self.0.expose_secret())
            .build_noncompliant()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6238's examples, `12345678901234567890`.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_standard() {
        let key = Key::parse(RFC).unwrap();
        // The last six digits of the examples in RFC 6238, appendix B.
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(key.code_at(time), code);
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_tells_its_step() {
        let key = Key::parse(RFC).unwrap();
        let code = key.code_at(1_111_111_111);
        let step = 1_111_111_111 / 30;
        for (time, expected) in [(0, Some(step)), (30, Some(step)), (-30, Some(step)), (60, None), (-60, None)] {
            assert_eq!(key.step_of(&code, 1_111_111_111 + time), expected.map(|step: i64| step.unsigned_abs()));
        }
        for wrong in ["", "05047", "0504711", "+50471", "05047a", " 50471"] {
            assert_eq!(key.step_of(wrong, 1_111_111_111), None, "{wrong}");
        }
        assert_eq!(key.step_of(&code, -1), None);
    }

    #[test]
    fn keys_are_random_and_survive_base32() {
        let random = Random::seeded(1);
        let (one, two) = (Key::generate(&random), Key::generate(&random));
        assert_eq!(one.base32().expose_secret().len(), 32);
        assert_ne!(one.base32().expose_secret(), two.base32().expose_secret());
        assert_eq!(Key::parse(one.base32().expose_secret()).unwrap().code_at(0), one.code_at(0));
        assert!(Key::parse("MFRGG===").is_ok());
        for wrong in ["", "1", "MFRGG!"] {
            assert_eq!(Key::parse(wrong).unwrap_err(), TotpError::Base32, "{wrong}");
        }
        assert_eq!(format!("{one:?}"), "Key(hidden)");
    }

    #[test]
    fn the_address_names_issuer_and_account() {
        let key = Key::parse(RFC).unwrap();
        assert_eq!(
            key.uri("localhost:3000 & co", "ann+x@example.com").expose_secret(),
            "otpauth://totp/localhost%3A3000%20%26%20co:ann%2Bx@example.com?algorithm=SHA1&digits=6\
             &issuer=localhost%3A3000%20%26%20co&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        let picture = key.qr_svg("example.com", "ann@example.com").unwrap();
        let picture = picture.expose_secret();
        assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && picture.ends_with("</svg>"));
        assert_eq!(key.qr_svg(&"x".repeat(4000), "a").unwrap_err(), TotpError::TooLong);
    }
}
