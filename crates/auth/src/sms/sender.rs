//! Who sends messages to phones.

use std::future::Future;
use std::pin::Pin;

/// A message with a code.
#[derive(Clone, Copy)]
pub struct Sms<'a> {
    /// The number, without `+`.
    pub number: &'a str,
    /// The text.
    pub text: &'a str,
    /// The code in the text.
    pub code: &'a str,
    /// `sms` or `whatsapp`.
    pub channel: &'a str,
}

/// The provider did not take a message, or could not check a code.
#[derive(Debug, thiserror::Error)]
#[error("the provider of messages failed")]
pub struct SmsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// An outcome to be awaited.
pub type Sending<'a, T> = Pin<Box<dyn Future<Output = Result<T, SmsError>> + Send + 'a>>;

/// Sends messages to phones.
pub trait SmsSender: Send + Sync + std::fmt::Debug {
    /// The provider's name in settings.
    fn name(&self) -> &'static str;

    /// Whether it reaches people by WhatsApp too.
    fn has_whatsapp(&self) -> bool;

    /// Sends a message; its id, where the provider gives one.
    fn send<'a>(&'a self, sms: &'a Sms<'a>) -> Sending<'a, Option<String>>;

    /// Whether the provider makes and checks codes itself. Then [`SmsSender::check`] decides, not the code that was
    /// handed over.
    fn checks_codes(&self) -> bool {
        false
    }

    /// Whether a code is right for a number.
    fn check<'a>(&'a self, number: &'a str, code: &'a str) -> Sending<'a, bool> {
        let _ = (number, code);
        Box::pin(async { Ok(false) })
    }
}
