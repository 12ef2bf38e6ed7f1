//! All letters: the built-in ones, those that replace them, and those of other locales.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Clock;
use tokio::task::JoinSet;

use super::definition::{CatalogueError, Definition, Unusable};
use super::engine::{HtmlPart, Letter, Part, PlainPart, Template, TemplateError};
use super::kind::Kind;
use super::source::{Reader, Reading, Source, chain};
use super::variables::Variables;
use super::{builtin, locale};

/// The language of the built-in letters.
const BUILTIN_LANGUAGE: &str = "en";

/// All letters, by locale and kind.
#[derive(Debug)]
pub struct Catalogue {
    builtin: BTreeMap<Kind, Template>,
    /// What replaces the built-in letters, for everybody.
    general: BTreeMap<Kind, Entry>,
    locales: BTreeMap<String, BTreeMap<Kind, Entry>>,
    reader: Arc<Reader>,
}

/// What the operator has given of a letter.
#[derive(Debug)]
struct Entry {
    subject: Option<HtmlPart>,
    html: Option<Arc<Source<HtmlPart>>>,
    plain: Option<Arc<Source<PlainPart>>>,
}

impl Catalogue {
    /// The built-in letters alone.
    #[must_use]
    pub fn new(client: reqwest::Client, clock: Clock, reading: Reading) -> Self {
        let template = |kind: Kind| {
            Template::parse(kind.name(), &builtin::texts(kind)).expect("a test reads every built-in template")
        };
        let builtin = Kind::ALL.into_iter().map(|kind| (kind, template(kind))).collect();
        let reader = Arc::new(Reader { reading, client, clock });
        Self { builtin, general: BTreeMap::new(), locales: BTreeMap::new(), reader }
    }

    /// Replaces a letter, for everybody or for a locale (`de`, `pt-BR`). Its texts are there once they are loaded.
    ///
    /// # Errors
    /// [`CatalogueError`] when the subject is broken or the locale is none.
    pub fn define(&mut self, locale: Option<&str>, kind: Kind, definition: Definition) -> Result<(), CatalogueError> {
        let locale = match locale {
            Some(name) => Some(locale::tag(name).ok_or_else(|| CatalogueError::Locale(name.to_owned()))?),
            None => None,
        };
        let name = locale.as_ref().map_or_else(|| kind.name().to_owned(), |locale| format!("{}.{locale}", kind.name()));
        let Definition { subject, html, plain } = definition;
        let entry = Entry {
            subject: subject.map(|text| HtmlPart::subject(&name, &text)).transpose()?,
            html: html.map(|body| Source::new(&name, Part::Html, body, HtmlPart::html)),
            plain: plain.map(|body| Source::new(&name, Part::Plain, body, PlainPart::plain)),
        };
        match locale {
            Some(locale) => self.locales.entry(locale).or_default().insert(kind, entry),
            None => self.general.insert(kind, entry),
        };
        Ok(())
    }

    /// Reads all texts, at once. One whose URL serves nothing that can be used is logged, tried again later and
    /// meanwhile stood in for.
    ///
    /// # Errors
    /// [`Unusable`] for a text or a file that is broken, too long or cannot be read.
    pub async fn load(&self) -> Result<(), Unusable> {
        let general = self.general.iter().map(|(kind, entry)| (None, *kind, entry));
        let of_locales = self.locales.iter().flat_map(|(locale, letters)| {
            letters.iter().map(move |(kind, entry)| (Some(locale.clone()), *kind, entry))
        });
        let mut tasks = JoinSet::new();
        for (locale, kind, entry) in general.chain(of_locales) {
            let (html, plain, reader) = (entry.html.clone(), entry.plain.clone(), Arc::clone(&self.reader));
            tasks.spawn(async move {
                let loaded = tokio::try_join!(load(html, &reader), load(plain, &reader));
                loaded.map(drop).map_err(|cause| Unusable { locale, kind, cause })
            });
        }
        tasks.join_all().await.into_iter().collect()
    }

    /// The template of a letter in the first of the languages (see [`super::preferences`]) that there is one in;
    /// a variety (`pt-br`) counts for its language. What it has no part of is taken from the letter for everybody,
    /// then from the built-in one. What is too old is read again in the background. Needs a running tokio runtime.
    #[must_use]
    pub fn pick(&self, kind: Kind, languages: &[String]) -> Template {
        let (builtin, mut parts) = (&self.builtin[&kind], Parts::default());
        for entry in [self.variant(kind, languages), self.general.get(&kind)].into_iter().flatten() {
            parts.fill(entry, &self.reader);
        }
        Template {
            subject: parts.subject.unwrap_or_else(|| builtin.subject.clone()),
            html: parts.html.unwrap_or_else(|| builtin.html.clone()),
            plain: parts.plain.unwrap_or_else(|| builtin.plain.clone()),
        }
    }

    /// The letter of a locale that suits the languages better than the one for everybody does.
    fn variant(&self, kind: Kind, languages: &[String]) -> Option<&Entry> {
        let general = match self.general.contains_key(&kind) {
            true => &*self.reader.reading.language,
            false => BUILTIN_LANGUAGE,
        };
        for tag in languages.iter().flat_map(|tag| locale::widened(tag)) {
            match self.locales.get(tag).and_then(|letters| letters.get(&kind)) {
                Some(entry) => return Some(entry),
                None if tag == general => return None,
                None => {}
            }
        }
        None
    }

    /// Writes a letter, in the first of the languages that there is one in. When the operator's template does not suit
    /// the values, that is logged and the built-in letter is written: better a plain letter than none.
    ///
    /// # Errors
    /// [`TemplateError`] when the values suit the built-in letter neither.
    pub fn letter(&self, kind: Kind, languages: &[String], variables: &Variables) -> Result<Letter, TemplateError> {
        self.pick(kind, languages).render(variables).or_else(|error| {
            let (template, error) = (&error.name, chain(&error));
            tracing::warn!(template, error, "template failed, the built-in letter is sent");
            self.builtin[&kind].render(variables)
        })
    }
}

async fn load<P: Clone + Send + 'static>(
    source: Option<Arc<Source<P>>>,
    reader: &Reader,
) -> Result<(), CatalogueError> {
    match source {
        Some(source) => source.load(reader).await,
        None => Ok(()),
    }
}

/// What has been found of a letter so far.
#[derive(Default)]
struct Parts {
    subject: Option<HtmlPart>,
    html: Option<HtmlPart>,
    /// Inside there is none where it is to be made from the HTML part.
    plain: Option<Option<PlainPart>>,
}

impl Parts {
    /// Adds what is still missing.
    fn fill(&mut self, entry: &Entry, reader: &Arc<Reader>) {
        let html = entry.html.as_ref().and_then(|html| html.current(reader));
        let plain = entry.plain.as_ref().and_then(|plain| plain.current(reader));
        if self.plain.is_none() && (plain.is_some() || (self.html.is_none() && html.is_some())) {
            self.plain = Some(plain);
        }
        self.html = self.html.take().or(html);
        self.subject = self.subject.take().or_else(|| entry.subject.clone());
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use std::time::Duration;

    use super::super::source::Body;
    use super::*;
    use jiff::Timestamp;

    fn catalogue(clock: &Clock) -> Catalogue {
        Catalogue::new(reqwest::Client::new(), clock.clone(), Reading { max_size: 100, ..Reading::default() })
    }

    fn html(body: Body) -> Definition {
        Definition { html: Some(body), ..Definition::default() }
    }

    fn text(catalogue: &Catalogue, languages: &[&str]) -> String {
        let languages: Vec<String> = languages.iter().map(ToString::to_string).collect();
        catalogue.pick(Kind::Recovery, &languages).render(&Variables::new().text("Token", "42")).unwrap().html
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
            catalogue.define(locale, Kind::Recovery, definition).unwrap();
        }
        catalogue.load().await.unwrap();
        assert_eq!(text(&catalogue, &["fr", "pt-br", "de-at"]), "pt");
        assert_eq!(text(&catalogue, &["de-at-1996"]), "at");
        assert_eq!(text(&catalogue, &["de", "en"]), "general");
        let invite = catalogue.pick(Kind::Invite, &["pt".to_owned()]);
        assert_eq!(invite.render(&Variables::new()).unwrap().subject, "You are invited");
    }

    #[tokio::test]
    async fn only_what_is_given_is_replaced() {
        let mut catalogue = catalogue(&Clock::system());
        let definition = Definition { subject: Some("Code {{ .Token }}".into()), ..Definition::default() };
        catalogue.define(None, Kind::Recovery, definition).unwrap();
        catalogue.load().await.unwrap();
        let letter = catalogue.pick(Kind::Recovery, &[]).render(&Variables::new().text("Token", "42")).unwrap();
        assert_eq!(letter.subject, "Code 42");
        assert!(letter.plain.contains("Choose a new password:"), "{}", letter.plain);
    }

    #[tokio::test]
    async fn a_template_that_fails_is_stood_in_for() {
        let mut catalogue = catalogue(&Clock::system());
        let definition = html(Body::Text("{{ range .Token }}x{{ end }}".into()));
        catalogue.define(None, Kind::Recovery, definition).unwrap();
        catalogue.load().await.unwrap();
        let variables = Variables::new().text("Token", "42");
        assert!(catalogue.pick(Kind::Recovery, &[]).render(&variables).is_err());
        let letter = catalogue.letter(Kind::Recovery, &[], &variables).unwrap();
        assert_eq!(letter.subject, "Reset your password");
    }

    /// Waits for what is read in the background.
    async fn comes(catalogue: &Catalogue, expected: &str) {
        let wait = async {
            while text(catalogue, &[]) != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    }

    /// Waits until the server was asked, and then until what it served was looked at.
    async fn asked(server: &MockServer) {
        while server.received_requests().await.unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    #[tokio::test]
    async fn a_url_is_read_again_when_old_and_kept_when_it_fails() {
        let server = MockServer::start().await;
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let mut catalogue = catalogue(&clock);
        let body = Body::at("recovery.html", &server.uri());
        assert_eq!(body, Body::at("/recovery.html", &format!("{}/", server.uri())));

        answers(&server, ResponseTemplate::new(500)).await;
        catalogue.define(None, Kind::Recovery, html(body)).unwrap();
        catalogue.load().await.unwrap();
        assert!(text(&catalogue, &[]).contains("Reset your password"), "built in while it cannot be had");

        answers(&server, ResponseTemplate::new(200).set_body_string("one {{ .Token }}")).await;
        assert!(text(&catalogue, &[]).contains("Reset your password"), "not tried again at once");
        clock.advance(Duration::from_secs(10));
        comes(&catalogue, "one 42").await;

        answers(&server, ResponseTemplate::new(200).set_body_string("two {{ .Token }}")).await;
        clock.advance(Duration::from_secs(599));
        assert_eq!(text(&catalogue, &[]), "one 42");
        clock.advance(Duration::from_secs(1));
        assert_eq!(text(&catalogue, &[]), "one 42", "the old one while the new one is on its way");
        comes(&catalogue, "two 42").await;

        for broken in ["{{ .Token", &"x".repeat(101)] {
            answers(&server, ResponseTemplate::new(200).set_body_string(broken)).await;
            clock.advance(Duration::from_secs(600));
            assert_eq!(text(&catalogue, &[]), "two 42");
            asked(&server).await;
            assert_eq!(text(&catalogue, &[]), "two 42");
        }
    }

    #[tokio::test]
    async fn what_a_url_serves_stops_no_start() {
        let server = MockServer::start().await;
        for served in [b"{{ .Token".to_vec(), vec![b'x'; 101], vec![0xff]] {
            answers(&server, ResponseTemplate::new(200).set_body_bytes(served)).await;
            let mut catalogue = catalogue(&Clock::system());
            let body = Body::at("recovery.html", &server.uri());
            catalogue.define(None, Kind::Recovery, html(body)).unwrap();
            catalogue.load().await.unwrap();
            assert!(text(&catalogue, &[]).contains("Reset your password"));
        }
    }

    /// Several that hang are waited for together, and hold up no letter later.
    #[tokio::test]
    async fn a_server_that_hangs_is_waited_for_once() {
        let server = MockServer::start().await;
        answers(&server, ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let reading = Reading { timeout: Duration::from_millis(100), ..Reading::default() };
        let mut catalogue = Catalogue::new(reqwest::Client::new(), clock.clone(), reading);
        for locale in [None, Some("de"), Some("fr"), Some("es")] {
            let body = Body::at("recovery.html", &server.uri());
            catalogue.define(locale, Kind::Recovery, html(body)).unwrap();
        }
        let begun = std::time::Instant::now();
        catalogue.load().await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(390), "{:?}", begun.elapsed());
        clock.advance(Duration::from_secs(10));
        assert!(text(&catalogue, &["de"]).contains("Reset your password"));
    }

    #[tokio::test]
    async fn what_is_broken_stops_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("long.html"), "x".repeat(101)).unwrap();
        std::fs::write(folder.path().join("good.html"), "file {{ .Token }}").unwrap();
        let reading = Reading { root: folder.path().to_owned(), max_size: 100, ..Reading::default() };
        let mut catalogue = Catalogue::new(reqwest::Client::new(), Clock::system(), reading);
        for (body, expected) in [
            (Body::Text("{{ if }}".into()), "template \"recovery\" is broken"),
            (Body::File("long.html".into()), "longer than 100 bytes"),
            (Body::File("none.html".into()), "cannot be read"),
        ] {
            catalogue.define(None, Kind::Recovery, html(body)).unwrap();
            let error = catalogue.load().await.unwrap_err().cause;
            assert!(chain(&error).contains(expected), "{error:?}");
        }
        catalogue.define(None, Kind::Recovery, html(Body::File("good.html".into()))).unwrap();
        catalogue.load().await.unwrap();
        assert_eq!(text(&catalogue, &[]), "file 42");
        let definition = html(Body::Text(String::new()));
        let error = catalogue.define(Some("../de"), Kind::Recovery, definition).unwrap_err();
        assert_eq!(error.to_string(), "\"../de\" is no locale");
        let definition = Definition { subject: Some("{{ if }}".into()), ..Definition::default() };
        assert!(catalogue.define(None, Kind::Recovery, definition).is_err());
    }

    #[tokio::test]
    async fn what_a_locale_leaves_out_is_as_for_everybody() {
        let mut catalogue = catalogue(&Clock::system());
        let body = |text: &str| Some(Body::Text(text.to_owned()));
        let subject = |text: &str| Some(text.to_owned());
        let general = Definition { subject: subject("general"), html: body("<p>general</p>"), plain: body("plain") };
        let gone = Some(Body::Url("http://127.0.0.1:9/gone".to_owned()));
        for (locale, definition) in [
            (None, general),
            (Some("pt-BR"), Definition { html: body("<p>pt</p>"), ..Definition::default() }),
            (Some("fr"), Definition { subject: subject("fr"), ..Definition::default() }),
            (Some("de"), Definition { subject: subject("de"), html: gone, ..Definition::default() }),
            (Some("es"), Definition { plain: body("es"), ..Definition::default() }),
        ] {
            catalogue.define(locale, Kind::Recovery, definition).unwrap();
        }
        catalogue.load().await.unwrap();
        for (language, expected) in [
            ("pt-br", ["general", "<p>pt</p>", "pt"]),
            ("fr", ["fr", "<p>general</p>", "plain"]),
            ("de", ["de", "<p>general</p>", "plain"]),
            ("es", ["general", "<p>general</p>", "es"]),
        ] {
            let template = catalogue.pick(Kind::Recovery, &[language.to_owned()]);
            let Letter { subject, html, plain } = template.render(&Variables::new()).unwrap();
            assert_eq!([&*subject, &*html, plain.trim_end()], expected, "{language}");
        }
    }

    #[tokio::test]
    async fn the_letter_for_everybody_has_a_language_too() {
        let of = async |language: &str, locales: &[&str]| {
            let reading = Reading { language: language.to_owned(), ..Reading::default() };
            let mut catalogue = Catalogue::new(reqwest::Client::new(), Clock::system(), reading);
            catalogue.define(None, Kind::Recovery, html(Body::Text("general".into()))).unwrap();
            for locale in locales {
                catalogue.define(Some(locale), Kind::Recovery, html(Body::Text((*locale).to_owned()))).unwrap();
            }
            catalogue.load().await.unwrap();
            catalogue
        };
        let english = of("en", &["de"]).await;
        assert_eq!(text(&english, &["en-us", "en", "de"]), "general");
        assert_eq!(text(&english, &["fr", "de", "en"]), "de");
        assert_eq!(text(&of("en", &["de", "en-GB"]).await, &["en-gb", "de"]), "en-GB");
        assert_eq!(text(&of("en", &["de", "en"]).await, &["en-gb", "de"]), "en");
        let french = of("fr", &["de"]).await;
        assert_eq!(text(&french, &["en", "de"]), "de");
        assert_eq!(text(&french, &["fr-ch", "de"]), "general");
    }
}
