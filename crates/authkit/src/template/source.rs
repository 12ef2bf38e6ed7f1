//! A part of a letter as the operator gives it: read at the start, and again, while nobody waits, when it is old.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Clock;
use jiff::{SignedDuration, Timestamp};

use super::definition::CatalogueError;
use super::engine::{Part, TemplateError};
use super::load::{self, LoadError};

/// Where the text of a part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// It is this text.
    Text(String),
    /// It is fetched.
    Url(String),
    /// It is read from a file; relative to [`Reading::root`].
    File(PathBuf),
}

impl Body {
    /// A text at an address; one without scheme and host is below the site's.
    #[must_use]
    pub fn at(address: &str, site_url: &str) -> Self {
        if address.starts_with("http://") || address.starts_with("https://") {
            return Self::Url(address.to_owned());
        }
        Self::Url(format!("{}/{}", site_url.trim_end_matches('/'), address.trim_start_matches('/')))
    }
}

/// How texts are read from elsewhere, and which of them are for whom.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What relative file names are relative to.
    pub root: PathBuf,
    /// The most bytes of a text.
    pub max_size: usize,
    /// How old a text may be before it is read again.
    pub max_age: Duration,
    /// How long to wait after a failure.
    pub retry_interval: Duration,
    /// How long a text may take to arrive. The start waits for it, letters do not.
    pub timeout: Duration,
    /// The language of the letters that are for everybody.
    pub language: String,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            root: PathBuf::from("."),
            max_size: 1_000_000,
            max_age: Duration::from_secs(600),
            retry_interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            language: "en".to_owned(),
        }
    }
}

/// Reads texts.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) reading: Reading,
    pub(super) client: reqwest::Client,
    pub(super) clock: Clock,
}

impl Reader {
    async fn text(&self, body: &Body) -> Result<String, LoadError> {
        match body {
            Body::Text(text) => Ok(text.clone()),
            Body::Url(url) => load::url(&self.client, url, &self.reading).await,
            Body::File(path) => load::file(&self.reading.root.join(path), self.reading.max_size).await,
        }
    }

    fn after(&self, time: Duration) -> Option<Timestamp> {
        self.clock.now().checked_add(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)).ok()
    }
}

/// A part and where it comes from.
pub(super) struct Source<P> {
    name: String,
    part: Part,
    body: Body,
    parse: fn(&str, &str) -> Result<P, TemplateError>,
    state: Mutex<State<P>>,
}

/// What was read, and when that is due again; `None` is never.
struct State<P> {
    part: Option<P>,
    due: Option<Timestamp>,
}

impl<P> std::fmt::Debug for Source<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("body", &self.body).finish_non_exhaustive()
    }
}

impl<P: Clone + Send + 'static> Source<P> {
    pub(super) fn new(
        name: &str,
        part: Part,
        body: Body,
        parse: fn(&str, &str) -> Result<P, TemplateError>,
    ) -> Arc<Self> {
        let state = Mutex::new(State { part: None, due: None });
        Arc::new(Self { name: name.to_owned(), part, body, parse, state })
    }

    /// Reads it for the first time. What a URL serves is no setting: when it cannot be used that is logged, and it is
    /// tried again later.
    ///
    /// # Errors
    /// [`CatalogueError`] when a text or a file is broken, too long or missing.
    pub(super) async fn load(&self, reader: &Reader) -> Result<(), CatalogueError> {
        match self.read(reader).await {
            Ok(part) => self.keep(reader, part),
            Err(error) if matches!(self.body, Body::Url(_)) => {
                tracing::warn!(template = self.name, error = chain(&error), "template is not there yet");
                self.state().due = reader.after(reader.reading.retry_interval);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What there is of it. When that is old it is read again in the background, and goes on to be used meanwhile: a
    /// server that hangs is to hold up no letter.
    pub(super) fn current(self: &Arc<Self>, reader: &Arc<Reader>) -> Option<P> {
        let mut state = self.state();
        if state.due.is_some_and(|due| due <= reader.clock.now()) {
            state.due = reader.after(reader.reading.retry_interval);
            let (source, reader) = (Arc::clone(self), Arc::clone(reader));
            tokio::spawn(async move { source.renew(&reader).await });
        }
        state.part.clone()
    }

    async fn renew(&self, reader: &Reader) {
        match self.read(reader).await {
            Ok(part) => self.keep(reader, part),
            Err(error) => tracing::warn!(template = self.name, error = chain(&error), "template could not be renewed"),
        }
    }

    async fn read(&self, reader: &Reader) -> Result<P, CatalogueError> {
        let text = reader.text(&self.body).await;
        let text = text.map_err(|cause| CatalogueError::Missing { part: self.part, cause })?;
        Ok((self.parse)(&self.name, &text)?)
    }

    fn keep(&self, reader: &Reader, part: P) {
        let due = match self.body {
            Body::Text(_) => None,
            Body::Url(_) | Body::File(_) => reader.after(reader.reading.max_age),
        };
        *self.state() = State { part: Some(part), due };
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
