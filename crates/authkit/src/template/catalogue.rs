//! All letters: the built-in ones, those that replace them, and those of other locales.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Clock;
use jiff::{SignedDuration, Timestamp};

use super::engine::{Letter, Part, Template, TemplateError, Texts};
use super::kind::Kind;
use super::load::{self, LoadError};
use super::variables::Variables;
use super::{builtin, locale};

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

/// How the operator wants a letter; what is not given stays as it is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// The subject.
    pub subject: Option<String>,
    /// The HTML part.
    pub html: Option<Body>,
    /// The plain text part; made from the HTML part when only that is given.
    pub plain: Option<Body>,
}

/// How texts are read from elsewhere.
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
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            root: PathBuf::from("."),
            max_size: 1_000_000,
            max_age: Duration::from_secs(600),
            retry_interval: Duration::from_secs(10),
        }
    }
}

/// Why a letter cannot be as it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A text is broken.
    #[error(transparent)]
    Broken(#[from] TemplateError),
    /// A text did not come.
    #[error("there is no {part} part")]
    Missing {
        /// The part of the letter.
        part: Part,
        /// What went wrong.
        #[source]
        cause: LoadError,
    },
    /// The name of a locale is no language tag.
    #[error("{0:?} is no locale")]
    Locale(String),
}

impl CatalogueError {
    /// The part of the letter that cannot be, when it is one.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::Broken(error) => Some(error.part),
            Self::Missing { part, .. } => Some(*part),
            Self::Locale(_) => None,
        }
    }
}

/// All letters, by locale and kind. Share it behind an [`Arc`].
#[derive(Debug)]
pub struct Catalogue {
    builtin: BTreeMap<Kind, Arc<Template>>,
    /// What replaces the built-in letters, for everybody.
    general: BTreeMap<Kind, Entry>,
    locales: BTreeMap<String, BTreeMap<Kind, Entry>>,
    reading: Reading,
    client: reqwest::Client,
    clock: Clock,
}

#[derive(Debug)]
struct Entry {
    name: String,
    kind: Kind,
    definition: Definition,
    state: Mutex<State>,
}

/// What of an entry was read, and when it is due again; `None` is never.
#[derive(Debug, Default)]
struct State {
    template: Option<Arc<Template>>,
    due: Option<Timestamp>,
}

impl Catalogue {
    /// The built-in letters alone.
    #[must_use]
    pub fn new(client: reqwest::Client, clock: Clock, reading: Reading) -> Self {
        let template = |kind: Kind| {
            Template::parse(kind.name(), &builtin::texts(kind)).expect("a test reads every built-in template")
        };
        let builtin = Kind::ALL.into_iter().map(|kind| (kind, Arc::new(template(kind)))).collect();
        Self { builtin, general: BTreeMap::new(), locales: BTreeMap::new(), reading, client, clock }
    }

    /// Replaces a letter, for everybody or for a locale (`de`, `pt-BR`), and reads it. One whose URL cannot be
    /// reached is logged, tried again later and meanwhile is the built-in one.
    ///
    /// # Errors
    /// [`CatalogueError`] when a text is broken, too long, a file that cannot be read, or the locale is none.
    pub async fn define(
        &mut self,
        locale: Option<&str>,
        kind: Kind,
        definition: Definition,
    ) -> Result<(), CatalogueError> {
        let locale = match locale {
            Some(name) => Some(locale::tag(name).ok_or_else(|| CatalogueError::Locale(name.to_owned()))?),
            None => None,
        };
        let name = locale.as_ref().map_or_else(|| kind.name().to_owned(), |locale| format!("{}.{locale}", kind.name()));
        let entry = Entry { name, kind, definition, state: Mutex::default() };
        match self.read(&entry).await {
            Ok(template) => entry.keep(template, self.due(&entry, self.reading.max_age)),
            Err(CatalogueError::Missing {
                cause: cause @ (LoadError::Unreachable { .. } | LoadError::Status { .. }),
                ..
            }) => {
                tracing::warn!(template = entry.name, error = chain(&cause), "template is not there yet");
                entry.state().due = self.due(&entry, self.reading.retry_interval);
            }
            Err(error) => return Err(error),
        }
        match locale {
            Some(locale) => self.locales.entry(locale).or_default().insert(kind, entry),
            None => self.general.insert(kind, entry),
        };
        Ok(())
    }

    /// The template of a letter in the first of the languages (see [`super::preferences`]) that there is one in;
    /// a variety (`pt-br`) counts for its language. Reads it again when it is too old.
    pub async fn pick(&self, kind: Kind, languages: &[String]) -> Arc<Template> {
        let entry = languages
            .iter()
            .flat_map(|tag| locale::widened(tag))
            .find_map(|tag| self.locales.get(tag)?.get(&kind))
            .or_else(|| self.general.get(&kind));
        let known = match entry {
            Some(entry) => self.current(entry).await,
            None => None,
        };
        known.unwrap_or_else(|| Arc::clone(&self.builtin[&kind]))
    }

    /// Writes a letter, in the first of the languages that there is one in. When the operator's template does not suit
    /// the values, that is logged and the built-in letter is written: better a plain letter than none.
    ///
    /// # Errors
    /// [`TemplateError`] when the values suit the built-in letter neither.
    pub async fn letter(
        &self,
        kind: Kind,
        languages: &[String],
        variables: &Variables,
    ) -> Result<Letter, TemplateError> {
        match self.pick(kind, languages).await.render(variables) {
            Ok(letter) => Ok(letter),
            Err(error) => {
                tracing::warn!(error = chain(&error), "template failed, the built-in letter is sent");
                self.builtin[&kind].render(variables)
            }
        }
    }

    /// What there is of an entry; while one caller reads it again, others go on with the old one.
    async fn current(&self, entry: &Entry) -> Option<Arc<Template>> {
        let now = self.clock.now();
        {
            let mut state = entry.state();
            if state.due.is_none_or(|due| due > now) {
                return state.template.clone();
            }
            state.due = self.due(entry, self.reading.retry_interval);
        }
        match self.read(entry).await {
            Ok(template) => entry.keep(template, self.due(entry, self.reading.max_age)),
            Err(error) => tracing::warn!(template = entry.name, error = chain(&error), "template could not be renewed"),
        }
        entry.state().template.clone()
    }

    async fn read(&self, entry: &Entry) -> Result<Template, CatalogueError> {
        let Definition { subject, html, plain } = &entry.definition;
        let builtin = builtin::texts(entry.kind);
        let plain = match (plain, html) {
            (Some(plain), _) => Some(self.text(plain, Part::Plain).await?),
            (None, Some(_)) => None,
            (None, None) => builtin.plain,
        };
        let html = match html {
            Some(html) => self.text(html, Part::Html).await?,
            None => builtin.html,
        };
        let texts = Texts { subject: subject.clone().unwrap_or(builtin.subject), html, plain };
        Ok(Template::parse(&entry.name, &texts)?)
    }

    async fn text(&self, body: &Body, part: Part) -> Result<String, CatalogueError> {
        let text = match body {
            Body::Text(text) => Ok(text.clone()),
            Body::Url(url) => load::url(&self.client, url, self.reading.max_size).await,
            Body::File(path) => load::file(&self.reading.root.join(path), self.reading.max_size).await,
        };
        text.map_err(|cause| CatalogueError::Missing { part, cause })
    }

    fn due(&self, entry: &Entry, after: Duration) -> Option<Timestamp> {
        let is_fixed = |body: &Option<Body>| matches!(body, None | Some(Body::Text(_)));
        if is_fixed(&entry.definition.html) && is_fixed(&entry.definition.plain) {
            return None;
        }
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(after).ok()
    }
}

impl Entry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, template: Template, due: Option<Timestamp>) {
        *self.state() = State { template: Some(Arc::new(template)), due };
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

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn catalogue(clock: &Clock) -> Catalogue {
        Catalogue::new(reqwest::Client::new(), clock.clone(), Reading { max_size: 100, ..Reading::default() })
    }

    fn html(body: Body) -> Definition {
        Definition { html: Some(body), ..Definition::default() }
    }

    async fn text(catalogue: &Catalogue, languages: &[&str]) -> String {
        let languages: Vec<String> = languages.iter().map(ToString::to_string).collect();
        let template = catalogue.pick(Kind::Recovery, &languages).await;
        template.render(&Variables::new().text("Token", "42")).unwrap().html
    }

    async fn answers(server: &MockServer, template: ResponseTemplate) {
        server.reset().await;
        Mock::given(path("/recovery.html")).respond_with(template).mount(server).await;
    }

    #[tokio::test]
    async fn the_first_language_that_there_is_wins() {
        let mut catalogue = catalogue(&Clock::system());
        for (locale, content) in [(None, "general"), (Some("pt"), "pt"), (Some("de-AT"), "at")] {
            let definition = html(Body::Text(content.into()));
            catalogue.define(locale, Kind::Recovery, definition).await.unwrap();
        }
        assert_eq!(text(&catalogue, &["fr", "pt-br", "de-at"]).await, "pt");
        assert_eq!(text(&catalogue, &["de-at-1996"]).await, "at");
        assert_eq!(text(&catalogue, &["de", "en"]).await, "general");
        let invite = catalogue.pick(Kind::Invite, &["pt".to_owned()]).await;
        assert_eq!(invite.render(&Variables::new()).unwrap().subject, "You are invited");
    }

    #[tokio::test]
    async fn only_what_is_given_is_replaced() {
        let mut catalogue = catalogue(&Clock::system());
        let definition = Definition { subject: Some("Code {{ .Token }}".into()), ..Definition::default() };
        catalogue.define(None, Kind::Recovery, definition).await.unwrap();
        let letter = catalogue.pick(Kind::Recovery, &[]).await.render(&Variables::new().text("Token", "42")).unwrap();
        assert_eq!(letter.subject, "Code 42");
        assert!(letter.plain.contains("Choose a new password:"), "{}", letter.plain);
    }

    #[tokio::test]
    async fn a_template_that_fails_is_stood_in_for() {
        let mut catalogue = catalogue(&Clock::system());
        let definition = html(Body::Text("{{ range .Token }}x{{ end }}".into()));
        catalogue.define(None, Kind::Recovery, definition).await.unwrap();
        let variables = Variables::new().text("Token", "42");
        assert!(catalogue.pick(Kind::Recovery, &[]).await.render(&variables).is_err());
        let letter = catalogue.letter(Kind::Recovery, &[], &variables).await.unwrap();
        assert_eq!(letter.subject, "Reset your password");
    }

    #[tokio::test]
    async fn a_url_is_read_again_when_old_and_kept_when_it_fails() {
        let server = MockServer::start().await;
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let mut catalogue = catalogue(&clock);
        let body = Body::at("recovery.html", &server.uri());
        assert_eq!(body, Body::at("/recovery.html", &format!("{}/", server.uri())));

        answers(&server, ResponseTemplate::new(500)).await;
        catalogue.define(None, Kind::Recovery, html(body)).await.unwrap();
        assert!(text(&catalogue, &[]).await.contains("Reset your password"), "built in while it cannot be had");

        answers(&server, ResponseTemplate::new(200).set_body_string("one {{ .Token }}")).await;
        assert!(text(&catalogue, &[]).await.contains("Reset your password"), "not tried again at once");
        clock.advance(Duration::from_secs(10));
        assert_eq!(text(&catalogue, &[]).await, "one 42");

        answers(&server, ResponseTemplate::new(200).set_body_string("two {{ .Token }}")).await;
        clock.advance(Duration::from_secs(599));
        assert_eq!(text(&catalogue, &[]).await, "one 42");
        clock.advance(Duration::from_secs(1));
        assert_eq!(text(&catalogue, &[]).await, "two 42");

        for broken in ["{{ .Token", &"x".repeat(101)] {
            answers(&server, ResponseTemplate::new(200).set_body_string(broken)).await;
            clock.advance(Duration::from_secs(600));
            assert_eq!(text(&catalogue, &[]).await, "two 42");
        }
        drop(server);
        clock.advance(Duration::from_secs(600));
        assert_eq!(text(&catalogue, &[]).await, "two 42");
    }

    #[tokio::test]
    async fn what_is_broken_stops_at_once() {
        let server = MockServer::start().await;
        answers(&server, ResponseTemplate::new(200).set_body_string("{{ .Token")).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("long.html"), "x".repeat(101)).unwrap();
        std::fs::write(folder.path().join("good.html"), "file {{ .Token }}").unwrap();
        let mut catalogue = catalogue(&Clock::system());
        catalogue.reading.root = folder.path().to_owned();
        for (body, expected) in [
            (Body::Text("{{ if }}".into()), "template \"recovery\" is broken"),
            (Body::at("recovery.html", &server.uri()), "is broken"),
            (Body::File("long.html".into()), "longer than 100 bytes"),
            (Body::File("none.html".into()), "cannot be read"),
        ] {
            let error = catalogue.define(None, Kind::Recovery, html(body)).await.unwrap_err();
            assert!(chain(&error).contains(expected), "{error:?}");
        }
        catalogue.define(None, Kind::Recovery, html(Body::File("good.html".into()))).await.unwrap();
        assert_eq!(text(&catalogue, &[]).await, "file 42");
        let definition = html(Body::Text(String::new()));
        let error = catalogue.define(Some("../de"), Kind::Recovery, definition).await.unwrap_err();
        assert_eq!(error.to_string(), "\"../de\" is no locale");
    }
}
