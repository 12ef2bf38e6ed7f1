//! Textlocal.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Line, Pending, Provider, Text, only_sms};

const BASE_URL: &str = "https://api.textlocal.in";

/// Sends through Textlocal.
#[derive(Clone, Debug)]
pub struct Textlocal {
    /// The account's key.
    pub api_key: SecretString,
    /// Who the messages are from.
    pub sender: String,
    /// How Textlocal is reached.
    pub line: Line,
}

#[derive(Deserialize)]
struct Outcome {
    status: String,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    messages: Vec<Sent>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Sent {
    /// A text or a number.
    id: Value,
}

impl Provider for Textlocal {
    fn name(&self) -> &'static str {
        "textlocal"
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            only_sms(self, text)?;
            let form = [
                ("sender", &*self.sender),
                ("apikey", self.api_key.expose_secret()),
                ("message", &text.body),
                ("numbers", &text.phone),
            ];
            let answer = Answer::of(self.name(), self.line.post(BASE_URL, "/send").form(&form)).await?;
            let outcome: Outcome = answer.read()?;
            if outcome.status == "success" {
                let id = outcome.messages.into_iter().next().map(|sent| sent.id);
                return Ok(match id {
                    Some(Value::String(id)) => id,
                    Some(Value::Number(id)) => id.to_string(),
                    _ => String::new(),
                });
            }
            let fault = outcome.errors.into_iter().next().ok_or_else(|| answer.not_understood())?;
            Err(answer.refused(fault.message, fault.code))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::super::fake::{Fake, form, text};
    use super::*;

    fn textlocal(fake: &Fake) -> Textlocal {
        Textlocal { api_key: "key".into(), sender: "APPAPP".into(), line: fake.line() }
    }

    #[tokio::test]
    async fn a_message_is_sent() {
        let sent = r#"{"balance":1162,"batch_id":24,"cost":1,"num_messages":1,"message":{"num_parts":1,
            "sender":"APPAPP","content":"Your code is 123456"},"messages":[{"id":"2245","recipient":15550100}],
            "status":"success"}"#;
        let fake = Fake::answering(200, sent).await;
        assert_eq!(textlocal(&fake).send(&text(Channel::Sms)).await.unwrap(), "2245");
        let (path, _, sent) = fake.last().await;
        assert_eq!(path, "/send");
        let expected =
            [("sender", "APPAPP"), ("apikey", "key"), ("message", "Your code is 123456"), ("numbers", "15550100")];
        assert_eq!(sent, form(&expected));
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let refused = r#"{"errors":[{"code":80,"message":"Invalid template"}],"status":"failure"}"#;
        let fake = Fake::answering(200, refused).await;
        let error = textlocal(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "textlocal refuses: Invalid template (code 80)");
        let fake = Fake::answering(200, r#"{"status":"failure"}"#).await;
        let error = textlocal(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "textlocal answered with status 200 and a body that is not understood");
    }
}
