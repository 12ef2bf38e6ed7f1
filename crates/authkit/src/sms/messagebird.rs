//! MessageBird.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Answer, Line, Pending, Provider, Text, only_sms};

const BASE_URL: &str = "https://rest.messagebird.com";

/// Sends through MessageBird.
#[derive(Clone, Debug)]
pub struct MessageBird {
    /// The account's key.
    pub access_key: SecretString,
    /// Who the messages are from.
    pub originator: String,
    /// How MessageBird is reached.
    pub line: Line,
}

#[derive(Deserialize)]
struct Sent {
    id: String,
    recipients: Recipients,
}

#[derive(Deserialize)]
struct Recipients {
    #[serde(rename = "totalSentCount")]
    total_sent_count: u64,
}

#[derive(Deserialize)]
struct Faults {
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    description: String,
}

impl Provider for MessageBird {
    fn name(&self) -> &'static str {
        "messagebird"
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            only_sms(self, text)?;
            let form = [
                ("originator", &*self.originator),
                ("body", &text.body),
                ("recipients", &text.phone),
                ("type", "sms"),
                ("datacoding", "unicode"),
            ];
            let request = self
                .line
                .post(BASE_URL, "/messages")
                .header("authorization", format!("AccessKey {}", self.access_key.expose_secret()))
                .form(&form);
            let answer = Answer::of(self.name(), request).await?;
            if !answer.is_success() {
                let faults: Faults = answer.read()?;
                let fault = faults.errors.into_iter().next().ok_or_else(|| answer.not_understood())?;
                return Err(answer.refused(fault.description, fault.code));
            }
            let sent: Sent = answer.read()?;
            if sent.recipients.total_sent_count == 0 {
                Err(answer.refused("nothing was sent", ""))
            } else {
                Ok(sent.id)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::super::fake::{Fake, form, text};
    use super::*;

    fn messagebird(fake: &Fake) -> MessageBird {
        MessageBird { access_key: "key".into(), originator: "App".into(), line: fake.line() }
    }

    #[tokio::test]
    async fn a_message_is_sent() {
        let sent = r#"{"id":"efa6405d518d4c0c88cce11f7db775fb","direction":"mt","type":"sms","originator":"App",
            "recipients":{"totalCount":1,"totalSentCount":1,"totalDeliveredCount":0,"totalDeliveryFailedCount":0,
            "items":[{"recipient":15550100,"status":"sent"}]}}"#;
        let fake = Fake::answering(201, sent).await;
        let id = messagebird(&fake).send(&text(Channel::Sms)).await.unwrap();
        assert_eq!(id, "efa6405d518d4c0c88cce11f7db775fb");
        let (path, authorization, sent) = fake.last().await;
        assert_eq!((&*path, &*authorization), ("/messages", "AccessKey key"));
        let expected = [
            ("originator", "App"),
            ("body", "Your code is 123456"),
            ("recipients", "15550100"),
            ("type", "sms"),
            ("datacoding", "unicode"),
        ];
        assert_eq!(sent, form(&expected));
    }

    #[tokio::test]
    async fn refusals_say_why() {
        for (status, body, expected) in [
            (
                422,
                r#"{"errors":[{"code":9,"description":"no (correct) recipients found","parameter":"recipients"}]}"#,
                "messagebird refuses: no (correct) recipients found (code 9)",
            ),
            (201, r#"{"id":"1","recipients":{"totalSentCount":0}}"#, "messagebird refuses: nothing was sent (code )"),
            (401, r#"{"errors":[]}"#, "messagebird answered with status 401 and a body that is not understood"),
        ] {
            let fake = Fake::answering(status, body).await;
            assert_eq!(messagebird(&fake).send(&text(Channel::Sms)).await.unwrap_err().to_string(), expected);
        }
    }
}
