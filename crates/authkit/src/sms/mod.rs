//! Short messages: one trait, and the providers that send them.

mod messagebird;
mod textlocal;
mod twilio;
mod twilio_verify;
mod vonage;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::outbound::{self, ReadError};
use crate::template::{TemplateError, TextTemplate, Variables};

pub use messagebird::MessageBird;
pub use textlocal::Textlocal;
pub use twilio::Twilio;
pub use twilio_verify::TwilioVerify;
pub use vonage::Vonage;

/// The text of a message, in Go's text/template syntax, when there is no setting.
pub const DEFAULT_TEMPLATE: &str = "Your code is {{ .Code }}";

/// How long a provider may take where nothing is said.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Checks a text of messages: it is a template, has no other variables than `Code`, and tells the code.
///
/// # Errors
/// What is wrong.
pub fn check_template(text: &str) -> Result<(), String> {
    let told = |error: TemplateError| error.cause.to_string();
    let template = TextTemplate::parse("sms", text).map_err(told)?;
    if let Some(variable) = TextTemplate::unknown("sms", text, &["Code"]).map_err(told)?.first() {
        return Err(format!("there is no variable .{variable}; the code is .Code"));
    }
    let with = |code| template.render(&Variables::new().text("Code", code)).map_err(told);
    if with("123456")? == with("987654")? {
        return Err("the code is not in the text: {{ .Code }} is missing".to_owned());
    }
    Ok(())
}

/// Longer answers of providers are not read.
const MAX_ANSWER: usize = 64 * 1024;

/// How a message travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// As a short message.
    #[default]
    Sms,
    /// Through WhatsApp.
    Whatsapp,
}

impl Channel {
    /// The name that requests use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sms, Self::Whatsapp].into_iter().find(|channel| channel.name() == name)
    }
}

/// A message on its way.
#[derive(Clone)]
pub struct Text {
    /// The number, without its plus.
    pub phone: String,
    /// The whole text.
    pub body: String,
    /// The code in it.
    pub code: String,
    /// How it travels.
    pub channel: Channel,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("phone", &self.phone).field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Why a message was not sent or a code not checked.
#[derive(Debug, thiserror::Error)]
pub enum SmsError {
    /// The provider does not know the channel.
    #[error("{provider} cannot send through {}", channel.name())]
    Channel {
        /// The provider.
        provider: &'static str,
        /// The channel.
        channel: Channel,
    },
    /// The provider sends codes but does not check them.
    #[error("{0} does not check codes")]
    NoVerification(&'static str),
    /// The provider cannot be reached, or not in time.
    #[error("{provider} cannot be reached")]
    Unreachable {
        /// The provider.
        provider: &'static str,
        /// What went wrong.
        #[source]
        cause: reqwest::Error,
    },
    /// The provider's answer has another form than it should.
    #[error("{provider} answered with status {status} and a body that is not understood")]
    NotUnderstood {
        /// The provider.
        provider: &'static str,
        /// The status.
        status: u16,
    },
    /// The provider refuses.
    #[error("{provider} refuses: {message} (code {code})")]
    Refused {
        /// The provider.
        provider: &'static str,
        /// What it says.
        message: String,
        /// Its code for that; may be empty.
        code: String,
    },
}

/// The outcome of a request to a provider, to be awaited.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, SmsError>> + Send + 'a>>;

/// Sends messages with codes.
pub trait Provider: Send + Sync + fmt::Debug {
    /// The name that settings use.
    fn name(&self) -> &'static str;

    /// Whether it knows a channel.
    fn knows(&self, channel: Channel) -> bool {
        channel == Channel::Sms
    }

    /// Sends a message and returns the provider's id of it.
    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String>;

    /// Whether the provider makes the codes itself, so that only [`Provider::verify`] knows them.
    fn makes_codes(&self) -> bool {
        false
    }

    /// Whether a code is the one that the provider sent to a number.
    fn verify<'a>(&'a self, phone: &'a str, code: &'a str) -> Pending<'a, bool> {
        let _ = (phone, code);
        Box::pin(async { Err(SmsError::NoVerification(self.name())) })
    }
}

/// How providers are reached.
#[derive(Clone, Debug)]
pub struct Line {
    /// The client of all outgoing requests.
    pub client: reqwest::Client,
    /// How long a provider may take.
    pub timeout: Duration,
    /// Where the provider is, without a path; its own address when empty.
    pub base_url: String,
}

impl Line {
    /// A line to the provider's own address, with [`PATIENCE`].
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self { client, timeout: PATIENCE, base_url: String::new() }
    }

    /// A request with the address below the given one, unless another base is set.
    fn post(&self, base_url: &str, path: &str) -> reqwest::RequestBuilder {
        let base = if self.base_url.is_empty() { base_url } else { self.base_url.trim_end_matches('/') };
        self.client.post(format!("{base}{path}")).timeout(self.timeout)
    }
}

/// What a provider answered.
struct Answer {
    provider: &'static str,
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    async fn of(provider: &'static str, request: reqwest::RequestBuilder) -> Result<Self, SmsError> {
        let unreachable = |cause: reqwest::Error| SmsError::Unreachable { provider, cause: cause.without_url() };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = outbound::read(&mut response, MAX_ANSWER).await.map_err(|error| match error {
            ReadError::Broken(cause) => unreachable(cause),
            ReadError::TooLong(_) => SmsError::NotUnderstood { provider, status },
        })?;
        Ok(Self { provider, status, body })
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, SmsError> {
        serde_json::from_slice(&self.body).map_err(|_| self.not_understood())
    }

    fn not_understood(&self) -> SmsError {
        SmsError::NotUnderstood { provider: self.provider, status: self.status }
    }

    fn refused(&self, message: impl Into<String>, code: impl fmt::Display) -> SmsError {
        SmsError::Refused { provider: self.provider, message: message.into(), code: code.to_string() }
    }
}

fn only_sms(provider: &dyn Provider, text: &Text) -> Result<(), SmsError> {
    if provider.knows(text.channel) {
        return Ok(());
    }
    Err(SmsError::Channel { provider: provider.name(), channel: text.channel })
}

#[cfg(test)]
mod fake {
    //! A provider's server that answers as recorded.

    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    pub(super) struct Fake(pub(super) MockServer);

    impl Fake {
        pub(super) async fn answering(status: u16, body: &str) -> Self {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
            Mock::given(matchers::method("POST")).respond_with(answer).mount(&server).await;
            Self(server)
        }

        pub(super) fn line(&self) -> Line {
            Line { base_url: self.0.uri(), ..Line::new(reqwest::Client::new()) }
        }

        /// Path, `Authorization` and form of the last request.
        pub(super) async fn last(&self) -> (String, String, Vec<(String, String)>) {
            let request = self.0.received_requests().await.unwrap().pop().unwrap();
            assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
            let authorization = request.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
            let query = format!("http://x/?{}", String::from_utf8(request.body).unwrap());
            let form = reqwest::Url::parse(&query).unwrap().query_pairs().into_owned().collect();
            (request.url.path().to_owned(), authorization.to_owned(), form)
        }
    }

    pub(super) fn text(channel: Channel) -> Text {
        Text { phone: "15550100".into(), body: "Your code is 123456".into(), code: "123456".into(), channel }
    }

    pub(super) fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_tell_the_code_and_know_nothing_else() {
        for good in [DEFAULT_TEMPLATE, "{{ printf \"%s\" .Code }}", "{{ slice .Code 0 3 }}-{{ slice .Code 3 }}"] {
            assert_eq!(check_template(good), Ok(()), "{good}");
        }
        let wrong = |text: &str| check_template(text).unwrap_err();
        assert_eq!(wrong("{{ .Code }} {{ .Token }}"), "there is no variable .Token; the code is .Code");
        assert!(wrong("{{ .Code").contains("unclosed action"));
        for text in ["", "Your code is 123456", "{{ if .Code }}Your code{{ end }}"] {
            assert!(wrong(text).contains("is missing"), "{text}");
        }
    }

    #[test]
    fn channels_have_their_names() {
        assert_eq!(Channel::parse("whatsapp"), Some(Channel::Whatsapp));
        assert_eq!(Channel::parse("sms"), Some(Channel::Sms));
        assert_eq!(Channel::parse("SMS"), None);
    }

    #[test]
    fn the_default_text_has_the_code_and_codes_do_not_show() {
        let template = TextTemplate::parse("sms", DEFAULT_TEMPLATE).unwrap();
        assert_eq!(template.render(&Variables::new().text("Code", "012345")).unwrap(), "Your code is 012345");
        assert!(!format!("{:?}", fake::text(Channel::Sms)).contains("123456"));
    }

    #[tokio::test]
    async fn a_provider_that_is_away_or_talks_nonsense_is_told_apart() {
        let fake = fake::Fake::answering(502, "<html>").await;
        let vonage = Vonage { key: "k".into(), secret: "s".into(), from: "me".into(), line: fake.line() };
        let error = vonage.send(&fake::text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "vonage answered with status 502 and a body that is not understood");
        assert!(matches!(vonage.verify("1", "2").await, Err(SmsError::NoVerification("vonage"))));
        let error = vonage.send(&fake::text(Channel::Whatsapp)).await.unwrap_err();
        assert_eq!(error.to_string(), "vonage cannot send through whatsapp");
        drop(fake);
        let away = Line { base_url: "http://127.0.0.1:1".into(), ..vonage.line.clone() };
        let error = Vonage { line: away, ..vonage }.send(&fake::text(Channel::Sms)).await.unwrap_err();
        assert!(matches!(error, SmsError::Unreachable { provider: "vonage", .. }), "{error:?}");
    }
}
