//! Calling a hook over HTTP.

use std::time::Duration;

use base::{Clock, Random};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

use super::{Answer, HookError, Secrets, check};
use crate::outbound::{self, ReadError};

/// What a call may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time for all attempts.
    pub budget: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// The pause after an attempt that reached nobody.
    pub back_off: Duration,
    /// The most bytes of an answer.
    pub size: usize,
}

impl Default for Limits {
    /// Supabase's.
    fn default() -> Self {
        Self { budget: Duration::from_secs(5), attempts: 3, back_off: Duration::from_secs(2), size: 200 * 1024 }
    }
}

/// Calls hooks over HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hooks {
    /// The client of all outgoing requests.
    pub client: reqwest::Client,
    /// For timestamps.
    pub clock: Clock,
    /// For ids.
    pub random: Random,
    /// What a call may cost.
    pub limits: Limits,
}

/// How an attempt ended that gave no answer.
enum Miss {
    /// Nobody was reached.
    Unreachable(reqwest::Error),
    /// The hook asks to be tried again.
    Again,
    /// There is no use in another attempt.
    Final(HookError),
}

impl From<HookError> for Miss {
    fn from(error: HookError) -> Self {
        Self::Final(error)
    }
}

impl Hooks {
    /// Sends the input to a hook and returns what it says; `None` for status 204. Tried again at once after 429 and
    /// 503 with `retry-after`, and after a pause when nobody is reached.
    ///
    /// # Errors
    /// [`HookError`].
    pub async fn call(&self, url: &Url, secrets: &Secrets, input: &Value) -> Result<Answer, HookError> {
        let body = serde_json::to_vec(input).expect("a json value can be written");
        let deadline = Instant::now() + self.limits.budget;
        let timeout = || HookError::Timeout(self.limits.budget.as_secs_f64());
        let mut unreachable = None;
        for attempt in 1..=self.limits.attempts {
            let outcome = tokio::time::timeout_at(deadline, self.attempt(url, secrets, body.clone())).await;
            match outcome.map_err(|_| timeout())? {
                Ok(answer) => return Ok(answer),
                Err(Miss::Final(error)) => return Err(error),
                Err(Miss::Again) => unreachable = None,
                Err(Miss::Unreachable(error)) => {
                    tracing::warn!(attempt, %error, "hook was not reached");
                    unreachable = Some(error);
                    if attempt < self.limits.attempts {
                        let pause = tokio::time::sleep(self.limits.back_off);
                        tokio::time::timeout_at(deadline, pause).await.map_err(|_| timeout())?;
                    }
                }
            }
        }
        Err(unreachable.map_or(HookError::Unavailable, HookError::Unreachable))
    }

    async fn attempt(&self, url: &Url, secrets: &Secrets, body: Vec<u8>) -> Result<Answer, Miss> {
        let id = self.random.uuid().to_string();
        let timestamp = self.clock.unix_seconds();
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp);
        if !secrets.is_empty() {
            request = request.header("webhook-signature", secrets.sign(&id, timestamp, &body));
        }
        let response = request.body(body).send().await.map_err(|error| Miss::Unreachable(error.without_url()))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK | StatusCode::ACCEPTED => self.output(response).await.map(Some).map_err(Miss::Final),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let asks = response.headers().get(RETRY_AFTER).is_some_and(|value| !value.is_empty());
                Err(if asks { Miss::Again } else { HookError::Unavailable.into() })
            }
            StatusCode::BAD_REQUEST => Err(HookError::InvalidInput.into()),
            StatusCode::UNAUTHORIZED => Err(HookError::Unauthorized.into()),
            status => Err(HookError::Status(status.as_u16()).into()),
        }
    }

    async fn output(&self, mut response: Response) -> Result<Value, HookError> {
        let content_type = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(HookError::ContentType(content_type.to_owned()));
        }
        let body = outbound::read(&mut response, self.limits.size).await.map_err(|error| match error {
            ReadError::Broken(error) => HookError::Broken(error),
            ReadError::TooLong(limit) => HookError::TooLong(limit),
        })?;
        let output = serde_json::from_slice(&body).map_err(HookError::NotJson)?;
        check(&output)?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    const SECRET: &str = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn hooks() -> Hooks {
        let limits = Limits { back_off: Duration::from_millis(1), ..Limits::default() };
        let clock = Clock::fixed(jiff::Timestamp::UNIX_EPOCH);
        Hooks { client: outbound::client().unwrap(), clock, random: Random::seeded(1), limits }
    }

    fn url(server: &MockServer) -> Url {
        server.uri().parse().unwrap()
    }

    async fn answering(template: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(matchers::method("POST")).respond_with(template).mount(&server).await;
        server
    }

    async fn call(template: ResponseTemplate) -> Result<Answer, HookError> {
        let server = answering(template).await;
        hooks().call(&url(&server), &Secrets::default(), &json!({})).await
    }

    fn text(body: &str, content_type: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_raw(body, content_type)
    }

    #[tokio::test]
    async fn the_request_is_signed_and_the_output_comes_back() {
        let server = answering(text(r#"{"claims":{"a":1}}"#, "Application/JSON; charset=utf-8")).await;
        let secrets = Secrets::parse(SECRET).unwrap();
        let output = hooks().call(&url(&server), &secrets, &json!({ "user": 1 })).await.unwrap();
        assert_eq!(output, Some(json!({ "claims": { "a": 1 } })));
        let request = &server.received_requests().await.unwrap()[0];
        let header = |name: &str| request.headers[name].to_str().unwrap();
        assert_eq!(request.body, br#"{"user":1}"#);
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("accept-encoding"), "identity");
        assert_eq!(header("webhook-timestamp"), "0");
        assert!(header("webhook-id").parse::<uuid::Uuid>().is_ok());
        assert_eq!(header("webhook-signature"), secrets.sign(header("webhook-id"), 0, &request.body));
    }

    #[tokio::test]
    async fn statuses_and_content_types_are_told_apart() {
        assert_eq!(call(ResponseTemplate::new(204)).await.unwrap(), None);
        assert_eq!(call(text("{}", "application/json")).await.unwrap(), Some(json!({})));
        let accepted = ResponseTemplate::new(202).set_body_json(json!({}));
        assert_eq!(call(accepted).await.unwrap(), Some(json!({})));
        for (template, expected) in [
            (ResponseTemplate::new(400), "hook refused its input with status 400"),
            (ResponseTemplate::new(401), "hook refused its signature with status 401"),
            (ResponseTemplate::new(418), "hook answered with status 418"),
            (ResponseTemplate::new(503), "service currently unavailable due to hook"),
            (ResponseTemplate::new(200), "hook answered with content type \"\" instead of application/json"),
            (text("{}", "text/plain"), "hook answered with content type \"text/plain\" instead of application/json"),
            (text("{", "application/json"), "hook answer is not json"),
            (text(r#"{"error":{"message":"not you","http_code":403}}"#, "application/json"), "not you"),
        ] {
            assert_eq!(call(template).await.unwrap_err().to_string(), expected);
        }
    }

    #[tokio::test]
    async fn redirections_are_answers_like_other_statuses() {
        for status in [301, 302, 303, 307, 308] {
            let server = answering(ResponseTemplate::new(status).insert_header("location", "/elsewhere")).await;
            Mock::given(matchers::path("/elsewhere")).respond_with(text("{}", "application/json")).mount(&server).await;
            let error = hooks().call(&url(&server), &Secrets::default(), &json!({})).await.unwrap_err();
            assert!(matches!(error, HookError::Status(given) if given == status), "{error:?}");
            assert_eq!(server.received_requests().await.unwrap().len(), 1, "{status}");
        }
    }

    #[tokio::test]
    async fn answers_up_to_the_limit_are_read() {
        let filled = |length: usize| text(&("{}".to_owned() + &" ".repeat(length - 2)), "application/json");
        assert_eq!(call(filled(204_800)).await.unwrap(), Some(json!({})));
        assert!(matches!(call(filled(204_801)).await, Err(HookError::TooLong(204_800))));
    }

    /// Behaviour 135: a hook has one budget for all tries, and busy without `retry-after` fails at once.
    #[tokio::test]
    async fn retry_after_makes_it_try_again_with_a_new_id() {
        let server = MockServer::start().await;
        let busy = ResponseTemplate::new(429).insert_header("retry-after", "true");
        Mock::given(matchers::any()).respond_with(busy).up_to_n_times(2).mount(&server).await;
        Mock::given(matchers::any()).respond_with(text("{}", "application/json")).mount(&server).await;
        let output = hooks().call(&url(&server), &Secrets::default(), &json!({})).await.unwrap();
        assert_eq!(output, Some(json!({})));
        let requests = server.received_requests().await.unwrap();
        let ids: std::collections::HashSet<_> = requests.iter().map(|request| &request.headers["webhook-id"]).collect();
        assert_eq!((requests.len(), ids.len()), (3, 3));

        let server = answering(ResponseTemplate::new(429)).await;
        let error = hooks().call(&url(&server), &Secrets::default(), &json!({})).await.unwrap_err();
        assert!(matches!(error, HookError::Unavailable), "{error:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "nobody asked for another try");

        let busy = ResponseTemplate::new(503).insert_header("retry-after", "1");
        let server = answering(busy).await;
        let error = hooks().call(&url(&server), &Secrets::default(), &json!({})).await.unwrap_err();
        assert!(matches!(error, HookError::Unavailable), "{error:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), 3);
    }

    /// Behaviour 135: a hook has one budget for all tries, and busy without `retry-after` fails at once.
    #[tokio::test]
    async fn nobody_there_and_too_late_are_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let mut hooks = hooks();
        assert_eq!(hooks.limits.budget, Duration::from_secs(5));
        hooks.limits.budget = Duration::from_millis(50);
        let silent = hooks.call(&url, &Secrets::default(), &json!({})).await.unwrap_err();
        assert!(matches!(silent, HookError::Timeout(_)), "{silent:?}");
        let url: Url = "http://127.0.0.1:1".parse().unwrap();
        hooks.limits.budget = Duration::from_secs(5);
        let away = hooks.call(&url, &Secrets::default(), &json!({})).await.unwrap_err();
        assert!(matches!(away, HookError::Unreachable(_)), "{away:?}");
        hooks.limits = Limits { budget: Duration::from_millis(50), back_off: Duration::from_secs(60), ..hooks.limits };
        let late = hooks.call(&url, &Secrets::default(), &json!({})).await.unwrap_err();
        assert!(matches!(late, HookError::Timeout(_)), "{late:?}");
    }
}
