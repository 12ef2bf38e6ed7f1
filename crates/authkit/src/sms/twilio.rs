//! Twilio's messages, also through WhatsApp.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Channel, Line, Pending, Provider, SmsError, Text};
use crate::address;

const BASE_URL: &str = "https://api.twilio.com";

/// Sends through Twilio's messages.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// The account.
    pub account_sid: String,
    /// The account's token.
    pub auth_token: SecretString,
    /// The messaging service or the number to send from.
    pub message_service_sid: String,
    /// The approved text that WhatsApp wants; empty to send our own.
    pub content_sid: String,
    /// How Twilio is reached.
    pub line: Line,
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    sid: String,
    #[serde(default)]
    status: String,
    /// A number, or nothing.
    #[serde(default)]
    error_code: Value,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: i64,
    message: String,
    #[serde(default)]
    more_info: String,
}

impl Twilio {
    fn form(&self, text: &Text) -> Vec<(&'static str, String)> {
        let to = format!("+{}", text.phone);
        let channel = ("Channel", text.channel.name().to_owned());
        if text.channel == Channel::Sms {
            return vec![("To", to), channel, ("From", self.message_service_sid.clone()), ("Body", text.body.clone())];
        }
        let from = match address::phone(&self.message_service_sid) {
            Some(number) => format!("whatsapp:+{number}"),
            None => self.message_service_sid.clone(),
        };
        let mut form = vec![("To", format!("whatsapp:{to}")), channel, ("From", from)];
        if self.content_sid.is_empty() {
            form.push(("Body", text.body.clone()));
        } else {
            form.push(("ContentSid", self.content_sid.clone()));
            form.push(("ContentVariables", json!({ "1": text.code }).to_string()));
        }
        form
    }
}

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn knows(&self, _: Channel) -> bool {
        true
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            let path = format!("/2010-04-01/Accounts/{}/Messages.json", self.account_sid);
            let request = self
                .line
                .post(BASE_URL, &path)
                .basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()))
                .form(&self.form(text));
            let answer = Answer::of(self.name(), request).await?;
            if !answer.is_success() {
                return Err(fault(&answer)?);
            }
            let Sent { sid, status, error_code, error_message } = answer.read()?;
            if matches!(&*status, "failed" | "undelivered") {
                let code = if error_code.is_null() { String::new() } else { error_code.to_string() };
                return Err(answer.refused(error_message.unwrap_or(status), code));
            }
            Ok(sid)
        })
    }
}

/// The error in an answer; an error itself when there is none to read.
pub(super) fn fault(answer: &Answer) -> Result<SmsError, SmsError> {
    let Fault { code, message, more_info } = answer.read()?;
    let message = if more_info.is_empty() { message } else { format!("{message}, see {more_info}") };
    Ok(answer.refused(message, code))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, form, text};
    use super::*;

    const SENT: &str = r#"{"sid":"SM1f0e8ae6ade43cb3c0ce4525424e404f","status":"queued","error_code":null,
        "error_message":null,"to":"+15550100","from":null,"body":"Your code is 123456","num_segments":"1"}"#;

    fn twilio(fake: &Fake) -> Twilio {
        Twilio {
            account_sid: "AC1".into(),
            auth_token: "token".into(),
            message_service_sid: "MG1".into(),
            content_sid: String::new(),
            line: fake.line(),
        }
    }

    #[tokio::test]
    async fn a_message_is_sent() {
        let fake = Fake::answering(201, SENT).await;
        assert_eq!(twilio(&fake).send(&text(Channel::Sms)).await.unwrap(), "SM1f0e8ae6ade43cb3c0ce4525424e404f");
        let (path, authorization, sent) = fake.last().await;
        assert_eq!(path, "/2010-04-01/Accounts/AC1/Messages.json");
        assert_eq!(authorization, "Basic QUMxOnRva2Vu");
        let expected = [("To", "+15550100"), ("Channel", "sms"), ("From", "MG1"), ("Body", "Your code is 123456")];
        assert_eq!(sent, form(&expected));
    }

    #[tokio::test]
    async fn whatsapp_has_its_own_form() {
        let fake = Fake::answering(201, SENT).await;
        let number = Twilio { message_service_sid: "+1 555 0199".into(), ..twilio(&fake) };
        number.send(&text(Channel::Whatsapp)).await.unwrap();
        let expected = [
            ("To", "whatsapp:+15550100"),
            ("Channel", "whatsapp"),
            ("From", "whatsapp:+15550199"),
            ("Body", "Your code is 123456"),
        ];
        assert_eq!(fake.last().await.2, form(&expected));
        let approved = Twilio { content_sid: "HX1".into(), ..twilio(&fake) };
        approved.send(&text(Channel::Whatsapp)).await.unwrap();
        let expected = [
            ("To", "whatsapp:+15550100"),
            ("Channel", "whatsapp"),
            ("From", "MG1"),
            ("ContentSid", "HX1"),
            ("ContentVariables", r#"{"1":"123456"}"#),
        ];
        assert_eq!(fake.last().await.2, form(&expected));
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let refused = r#"{"code":21211,"message":"The 'To' number is not a valid phone number.",
            "more_info":"https://www.twilio.com/docs/errors/21211","status":400}"#;
        let fake = Fake::answering(400, refused).await;
        let error = twilio(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "twilio refuses: The 'To' number is not a valid phone number., see \
             https://www.twilio.com/docs/errors/21211 (code 21211)"
        );
        let failed = r#"{"sid":"SM1","status":"failed","error_code":30008,"error_message":"Unknown error"}"#;
        let fake = Fake::answering(201, failed).await;
        let error = twilio(&fake).send(&text(Channel::Sms)).await.unwrap_err();
        assert_eq!(error.to_string(), "twilio refuses: Unknown error (code 30008)");
        assert!(!format!("{:?}", twilio(&fake)).contains("\"token\""));
    }
}
