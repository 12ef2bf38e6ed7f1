//! Texts of templates from files and URLs.

use std::path::{Path, PathBuf};

use super::source::Reading;
use crate::address::shown;
use crate::outbound::{self, ReadError};

/// Why a text did not come.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The server did not answer, or not in time.
    #[error("template {url} cannot be fetched")]
    Unreachable {
        /// Where it is.
        url: String,
        /// What went wrong.
        #[source]
        cause: reqwest::Error,
    },
    /// The server answered with another status than 2xx.
    #[error("template {url} cannot be fetched: status {status}")]
    Status {
        /// Where it is.
        url: String,
        /// The status.
        status: u16,
    },
    /// The file cannot be read.
    #[error("template file {} cannot be read", path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: std::io::Error,
    },
    /// It is longer than allowed.
    #[error("template {place} is longer than {limit} bytes")]
    TooLong {
        /// Where it is.
        place: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("template {place} is not UTF-8 text")]
    NotText {
        /// Where it is.
        place: String,
    },
}

pub(super) async fn url(client: &reqwest::Client, url: &str, reading: &Reading) -> Result<String, LoadError> {
    let unreachable = |cause: reqwest::Error| LoadError::Unreachable { url: shown(url), cause: cause.without_url() };
    let mut response = client.get(url).timeout(reading.timeout).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(LoadError::Status { url: shown(url), status: response.status().as_u16() });
    }
    let content = outbound::read(&mut response, reading.max_size).await.map_err(|error| match error {
        ReadError::Broken(cause) => unreachable(cause),
        ReadError::TooLong(limit) => LoadError::TooLong { place: shown(url), limit },
    })?;
    String::from_utf8(content).map_err(|_| LoadError::NotText { place: shown(url) })
}

pub(super) async fn file(path: &Path, limit: usize) -> Result<String, LoadError> {
    use tokio::io::AsyncReadExt;

    let failed = |cause| LoadError::File { path: path.to_owned(), cause };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut content = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut content).await.map_err(failed)?;
    let place = || path.display().to_string();
    if content.len() > limit {
        return Err(LoadError::TooLong { place: place(), limit });
    }
    String::from_utf8(content).map_err(|_| LoadError::NotText { place: place() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_tells_no_secrets_of_its_address() {
        let server = wiremock::MockServer::start().await;
        let client = reqwest::Client::new();
        for place in [server.address().to_string(), "127.0.0.1:1".to_owned()] {
            let address = format!("http://me:hidden@{place}/invite.html?token=hidden");
            let error = url(&client, &address, &Reading::default()).await.expect_err("there is none");
            let told = crate::template::source::chain(&error);
            assert!(
                told.contains(&format!("template http://{place}/invite.html ")) && !told.contains("hidden"),
                "{told}"
            );
        }
    }
}
