//! Captchas: whether a visitor's token is good, as hCaptcha or Turnstile sees it.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::outbound::{self, ReadError};

/// Longer answers are not read.
const MAX_ANSWER: usize = 64 * 1024;

/// Who judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// hCaptcha.
    #[default]
    HCaptcha,
    /// Cloudflare's Turnstile.
    Turnstile,
}

impl Judge {
    /// Reads the name that settings use: `hcaptcha` or `turnstile`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "hcaptcha" => Some(Self::HCaptcha),
            "turnstile" => Some(Self::Turnstile),
            _ => None,
        }
    }

    fn url(self) -> &'static str {
        match self {
            Self::HCaptcha => "https://hcaptcha.com/siteverify",
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        }
    }
}

/// Asks a judge about tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Captcha {
    /// The client of all outgoing requests.
    pub client: reqwest::Client,
    /// Who judges.
    pub judge: Judge,
    /// The site's secret.
    pub secret: SecretString,
    /// How long the judge may take.
    pub timeout: Duration,
    /// Where to ask instead of the judge's own address; empty for that.
    pub url: String,
}

/// Why a visitor does not pass.
#[derive(Debug, thiserror::Error)]
pub enum CaptchaError {
    /// There is no token: 400 `captcha_failed`.
    #[error("no captcha token was given")]
    Missing,
    /// The judge says no, with its codes: 400 `captcha_failed`.
    #[error("captcha is not passed ({})", codes.join(", "))]
    Failed {
        /// The judge's codes.
        codes: Vec<String>,
    },
    /// The judge cannot be reached, or not in time: 500.
    #[error("captcha service cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The judge's answer has another form than it should: 500.
    #[error("captcha service answered with status {0} and a body that is not understood")]
    NotUnderstood(u16),
}

#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    codes: Option<Vec<String>>,
}

impl Captcha {
    /// Asks about a visitor's token.
    ///
    /// # Errors
    /// [`CaptchaError`].
    pub async fn check(&self, token: &str, visitor: Option<IpAddr>) -> Result<(), CaptchaError> {
        let token = token.trim();
        if token.is_empty() {
            return Err(CaptchaError::Missing);
        }
        let unreachable = |error: reqwest::Error| CaptchaError::Unreachable(error.without_url());
        let remote = visitor.map(|address| address.to_string()).unwrap_or_default();
        let form = [("secret", self.secret.expose_secret()), ("response", token), ("remoteip", &*remote)];
        let url = if self.url.is_empty() { self.judge.url() } else { &self.url };
        let request = self.client.post(url).timeout(self.timeout).form(&form);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = outbound::read(&mut response, MAX_ANSWER).await.map_err(|error| match error {
            ReadError::Broken(error) => unreachable(error),
            ReadError::TooLong(_) => CaptchaError::NotUnderstood(status),
        })?;
        let verdict: Verdict = serde_json::from_slice(&body).map_err(|_| CaptchaError::NotUnderstood(status))?;
        if verdict.success { Ok(()) } else { Err(CaptchaError::Failed { codes: verdict.codes.unwrap_or_default() }) }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn judge(template: ResponseTemplate, form: &str) -> (MockServer, Captcha) {
        let server = MockServer::start().await;
        let asked = Mock::given(method("POST")).and(path("/siteverify")).and(body_string(form));
        asked.respond_with(template).mount(&server).await;
        let captcha = Captcha {
            client: reqwest::Client::new(),
            judge: Judge::HCaptcha,
            secret: "0x1".into(),
            timeout: Duration::from_secs(10),
            url: format!("{}/siteverify", server.uri()),
        };
        (server, captcha)
    }

    #[tokio::test]
    async fn the_judge_decides() {
        let passed =
            r#"{"success":true,"challenge_ts":"2026-01-01T00:00:00Z","hostname":"example.com","credit":false}"#;
        let template = ResponseTemplate::new(200).set_body_string(passed);
        let (_server, captcha) = judge(template, "secret=0x1&response=a+b&remoteip=2001%3Adb8%3A%3A1").await;
        captcha.check(" a b ", Some("2001:db8::1".parse().unwrap())).await.unwrap();

        let failed = r#"{"success":false,"error-codes":["timeout-or-duplicate"],"messages":[]}"#;
        let template = ResponseTemplate::new(200).set_body_string(failed);
        let (_server, captcha) = judge(template, "secret=0x1&response=a&remoteip=").await;
        let error = captcha.check("a", None).await.unwrap_err();
        assert_eq!(error.to_string(), "captcha is not passed (timeout-or-duplicate)");
        assert!(!format!("{captcha:?}").contains("0x1"));

        let template = ResponseTemplate::new(200).set_body_string(r#"{"success":false,"error-codes":null}"#);
        let (_server, captcha) = judge(template, "secret=0x1&response=a&remoteip=").await;
        let error = captcha.check("a", None).await.unwrap_err();
        assert!(matches!(&error, CaptchaError::Failed { codes } if codes.is_empty()), "{error:?}");
    }

    #[tokio::test]
    async fn no_token_and_no_judge_are_told_apart() {
        let template = ResponseTemplate::new(503).set_body_string("<html>");
        let (server, captcha) = judge(template, "secret=0x1&response=a&remoteip=").await;
        assert!(matches!(captcha.check(" ", None).await, Err(CaptchaError::Missing)));
        assert!(server.received_requests().await.unwrap().is_empty());
        assert!(matches!(captcha.check("a", None).await, Err(CaptchaError::NotUnderstood(503))));
        let away = Captcha { url: "http://127.0.0.1:1/".into(), ..captcha };
        assert!(matches!(away.check("a", None).await, Err(CaptchaError::Unreachable(_))));
    }

    #[test]
    fn judges_have_names_and_addresses() {
        assert_eq!(Judge::parse("hcaptcha").unwrap().url(), "https://hcaptcha.com/siteverify");
        assert!(Judge::parse("turnstile").unwrap().url().starts_with("https://challenges.cloudflare.com/turnstile/"));
        assert_eq!(Judge::parse("recaptcha"), None);
    }
}
