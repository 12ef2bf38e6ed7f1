//! The secrets that hook requests are signed with, as Standard Webhooks writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// What is wrong with a secret. The secret itself is never part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It has another form.
    #[error("hook secret is not of the form v1,whsec_<base64 of 32 characters at least>")]
    Form,
    /// It is a pair of keys, which cannot sign here.
    #[error("asymmetric hook secrets (v1a) are not supported")]
    Asymmetric,
}

/// One or more secrets: each signs, so that receivers can change over.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretSlice<u8>>);

impl Secrets {
    /// Reads secrets: `v1,whsec_<base64>`, several separated by `|`. An empty text has none.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        text.split('|').filter(|part| !part.is_empty()).map(secret).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing signs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The `webhook-signature` of a request.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let sign = |secret: &SecretSlice<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret()).expect("keys have any length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(", ")
    }
}

fn secret(text: &str) -> Result<SecretSlice<u8>, SecretError> {
    if text.starts_with("v1a,") {
        return Err(SecretError::Asymmetric);
    }
    let key = text.strip_prefix("v1,whsec_").ok_or(SecretError::Form)?;
    if key.len() < 32 {
        return Err(SecretError::Form);
    }
    STANDARD.decode(key).map(SecretSlice::from).map_err(|_| SecretError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks libraries.
        let secrets = Secrets::parse(SECRET).unwrap();
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_secret_signs_and_none_shows() {
        let secrets = Secrets::parse(&format!("{SECRET}|v1,whsec_{}", "QUJD".repeat(8))).unwrap();
        let signature = secrets.sign("1", 2, b"3");
        assert_eq!(signature.split(", ").filter(|part| part.starts_with("v1,")).count(), 2);
        assert!(!format!("{secrets:?}").contains("77"), "{secrets:?}");
        assert!(Secrets::parse("").unwrap().is_empty());
    }

    #[test]
    fn other_forms_are_refused() {
        for wrong in ["secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,whsec_short"] {
            assert_eq!(Secrets::parse(wrong).unwrap_err(), SecretError::Form, "{wrong}");
        }
        assert_eq!(Secrets::parse(&format!("{SECRET}|")).unwrap().0.len(), 1, "as in the original");
        assert_eq!(Secrets::parse("v1a,whpk_x:whsk_y").unwrap_err(), SecretError::Asymmetric);
    }
}
