//! Vonage.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Answer, Line, Pending, Provider, Text, only_sms};

const BASE_URL: &str = "https://rest.nexmo.com";

/// Sends through Vonage.
#[derive(Clone, Debug)]
pub struct Vonage {
    /// The account's key.
    pub key: String,
    /// The account's secret.
    pub secret: SecretString,
    /// Who the messages are from.
    pub from: String,
    /// How Vonage is reached.
    pub line: Line,
}

#[derive(Deserialize)]
struct Outcome {
    messages: Vec<Sent>,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default, rename = "message-id")]
    id: String,
    /// `0` is success.
    status: String,
    #[serde(default, rename = "error-text")]
    error: String,
}

impl Provider for Vonage {
    fn name(&self) -> &'static str {
        "vonage"
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            only_sms(self, text)?;
            let mut form = vec![
                ("from", &*self.from),
                ("to", &text.phone),
                ("text", &text.body),
                ("api_key", &self.key),
                ("api_secret", self.secret.expose_secret()),
            ];
            if !text.body.is_ascii() {
                form.push(("type", "unicode"));
            }
            let answer = Answer::of(self.name(), self.line.post(BASE_URL, "/sms/json").form(&form)).await?;
            let outcome: Outcome = answer.read()?;
            let Sent { id, status, error } =
                outcome.messages.into_iter().next().ok_or_else(|| answer.not_understood())?;
            if status == "0" { Ok(id) } else { Err(answer.refused(error, status)) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::super::fake::{Fake, form, text};
    use super::*;

    fn vonage(fake: &Fake) -> Vonage {
        Vonage { key: "key".into(), secret: "secret".into(), from: "App".into(), line: fake.line() }
    }

    const SENT: &str = r#"{"message-count":"1","messages":[{"to":"15550100","message-id":"0A0000000123ABCD1","status":"0",
        "remaining-balance":"3.14159265","message-price":"0.03330000","network":"12345"}]}"#;

    #[tokio::test]
    async fn a_message_is_sent() {
        let fake = Fake::answering(200, SENT).await;
        assert_eq!(vonage(&fake).send(&text(Channel::Sms)).await.unwrap(), "0A0000000123ABCD1");
        let (path, _, sent) = fake.last().await;
        assert_eq!(path, "/sms/json");
        let mut expected = form(&[
            ("from", "App"),
            ("to", "15550100"),
            ("text", "Your code is 123456"),
            ("api_key", "key"),
            ("api_secret", "secret"),
        ]);
        assert_eq!(sent, expected);

        let unicode = Text { body: "Dein Schlüssel: 123456".into(), ..text(Channel::Sms) };
        vonage(&fake).send(&unicode).await.unwrap();
        expected[2].1 = unicode.body;
        expected.extend(form(&[("type", "unicode")]));
        assert_eq!(fake.last().await.2, expected);
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let refused = r#"{"message-count":"1","messages":[{"status":"4","error-text":"Bad Credentials"}]}"#;
        let fake = Fake::answering(200, refused).await;
        let error = vonage(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "vonage refuses: Bad Credentials (code 4)");
        let fake = Fake::answering(200, r#"{"messages":[]}"#).await;
        let error = vonage(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "vonage answered with status 200 and a body that is not understood");
    }
}
