//! Twilio Verify: Twilio makes the code, sends it and checks it.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::twilio::fault;
use super::{Answer, Channel, Line, Pending, Provider, SmsError, Text};

const BASE_URL: &str = "https://verify.twilio.com";

/// Sends and checks through Twilio Verify.
#[derive(Clone, Debug)]
pub struct TwilioVerify {
    /// The account.
    pub account_sid: String,
    /// The account's token.
    pub auth_token: SecretString,
    /// The Verify service.
    pub message_service_sid: String,
    /// How Twilio is reached.
    pub line: Line,
}

#[derive(Deserialize)]
struct Verification {
    #[serde(default)]
    sid: String,
}

#[derive(Deserialize)]
struct Check {
    #[serde(default)]
    status: String,
    #[serde(default)]
    valid: bool,
}

impl TwilioVerify {
    async fn post(&self, what: &str, form: &[(&str, String)]) -> Result<Answer, SmsError> {
        let path = format!("/v2/Services/{}/{what}", self.message_service_sid);
        let request = self
            .line
            .post(BASE_URL, &path)
            .basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()))
            .form(form);
        Answer::of(self.name(), request).await
    }
}

impl Provider for TwilioVerify {
    fn name(&self) -> &'static str {
        "twilio_verify"
    }

    fn knows(&self, _: Channel) -> bool {
        true
    }

    fn makes_codes(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, text: &'a Text) -> Pending<'a, String> {
        Box::pin(async move {
            let form = [("To", format!("+{}", text.phone)), ("Channel", text.channel.name().to_owned())];
            let answer = self.post("Verifications", &form).await?;
            if answer.is_success() { Ok(answer.read::<Verification>()?.sid) } else { Err(fault(&answer)?) }
        })
    }

    /// A verification that is over, or never was, is not there any more: that code is wrong.
    fn verify<'a>(&'a self, phone: &'a str, code: &'a str) -> Pending<'a, bool> {
        Box::pin(async move {
            let answer =
                self.post("VerificationCheck", &[("To", format!("+{phone}")), ("Code", code.to_owned())]).await?;
            if answer.status == 404 {
                return Ok(false);
            }
            if !answer.is_success() {
                return Err(fault(&answer)?);
            }
            let Check { status, valid } = answer.read()?;
            Ok(valid && status == "approved")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Fake, form, text};
    use super::*;

    fn twilio(fake: &Fake) -> TwilioVerify {
        TwilioVerify {
            account_sid: "AC1".into(),
            auth_token: "token".into(),
            message_service_sid: "VA1".into(),
            line: fake.line(),
        }
    }

    #[tokio::test]
    async fn a_verification_is_started() {
        let started = r#"{"sid":"VE1","service_sid":"VA1","account_sid":"AC1","to":"+15550100","channel":"sms",
            "status":"pending","valid":false}"#;
        let fake = Fake::answering(201, started).await;
        assert_eq!(twilio(&fake).send(&text(Channel::Whatsapp)).await.unwrap(), "VE1");
        let (path, authorization, sent) = fake.last().await;
        assert_eq!((&*path, &*authorization), ("/v2/Services/VA1/Verifications", "Basic QUMxOnRva2Vu"));
        assert_eq!(sent, form(&[("To", "+15550100"), ("Channel", "whatsapp")]));
    }

    #[tokio::test]
    async fn a_code_is_checked_by_twilio() {
        for (status, body, expected) in [
            (200, r#"{"sid":"VE1","to":"+15550100","channel":"sms","status":"approved","valid":true}"#, true),
            (200, r#"{"sid":"VE1","to":"+15550100","channel":"sms","status":"pending","valid":false}"#, false),
            (404, r#"{"code":20404,"message":"The requested resource was not found","status":404}"#, false),
        ] {
            let fake = Fake::answering(status, body).await;
            assert_eq!(twilio(&fake).verify("15550100", "123456").await.unwrap(), expected);
            let (path, _, sent) = fake.last().await;
            assert_eq!(path, "/v2/Services/VA1/VerificationCheck");
            assert_eq!(sent, form(&[("To", "+15550100"), ("Code", "123456")]));
        }
    }

    #[tokio::test]
    async fn refusals_say_why() {
        let refused = r#"{"code":60202,"message":"Max check attempts reached",
            "more_info":"https://www.twilio.com/docs/errors/60202","status":429}"#;
        let fake = Fake::answering(429, refused).await;
        for error in [
            twilio(&fake).verify("15550100", "123456").await.unwrap_err(),
            twilio(&fake).send(&text(Channel::Sms)).await.unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("twilio_verify refuses: Max check attempts reached"), "{error}");
        }
    }
}
