//! One template: a subject, an HTML part and a plain text part, checked when it is read.

use std::fmt;
use std::sync::Arc;

use gotmpl::{Value, html};

use super::check::{self, check};
use super::compare;
use super::plain;
use super::variables::Variables;

/// How often loops of one template may turn in total, so that metadata cannot make a letter endless.
const MAX_TURNS: u64 = 10_000;

/// What Go prints in plain text for a name without a value; letters leave it out.
const NO_VALUE: &str = "<no value>";

/// The texts that a template is made of, in Go's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain text part; made from the HTML part where there is none.
    pub plain: Option<String>,
}

/// A part of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The subject.
    Subject,
    /// The HTML part.
    Html,
    /// The plain text part.
    Plain,
    /// The text of a short message.
    Sms,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Html => "html",
            Self::Plain => "plain text",
            Self::Sms => "message",
        })
    }
}

/// Why a template cannot be used: what the engine says, which starts with `template: <name>:<line>:<column>:` for
/// errors of syntax.
#[derive(Debug, thiserror::Error)]
#[error("{part} template {name:?} is broken")]
pub struct TemplateError {
    /// The template.
    pub name: String,
    /// Its part.
    pub part: Part,
    /// What is wrong with it, and where.
    #[source]
    pub cause: gotmpl::TemplateError,
}

/// A letter that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject; one line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub plain: String,
}

/// A subject or an HTML part that was read and checked. Cheap to clone.
#[derive(Clone)]
pub(super) struct HtmlPart {
    name: Arc<str>,
    part: Part,
    template: Arc<html::Template>,
}

impl fmt::Debug for HtmlPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HtmlPart").field(&self.name).finish()
    }
}

impl HtmlPart {
    /// Reads the subject of a template.
    pub(super) fn subject(name: &str, text: &str) -> Result<Self, TemplateError> {
        Self::parse(name, Part::Subject, text)
    }

    /// Reads the HTML part of a template.
    pub(super) fn html(name: &str, text: &str) -> Result<Self, TemplateError> {
        Self::parse(name, Part::Html, text)
    }

    fn parse(name: &str, part: Part, text: &str) -> Result<Self, TemplateError> {
        let template = html_of(name, text).map_err(|cause| TemplateError { name: name.to_owned(), part, cause })?;
        Ok(Self { name: name.into(), part, template: Arc::new(template) })
    }

    fn render(&self, values: &Value) -> Result<String, TemplateError> {
        let error = |cause| TemplateError { name: self.name.to_string(), part: self.part, cause };
        self.template.execute_to_string(values).map_err(error)
    }
}

/// A plain text part that was read and checked. Cheap to clone.
#[derive(Clone)]
pub(super) struct PlainPart {
    name: Arc<str>,
    template: Arc<gotmpl::Template>,
}

impl PlainPart {
    /// Reads the plain text part of a template.
    pub(super) fn plain(name: &str, text: &str) -> Result<Self, TemplateError> {
        let error = |cause| TemplateError { name: name.to_owned(), part: Part::Plain, cause };
        Ok(Self { name: name.into(), template: Arc::new(text_of(name, text).map_err(error)?) })
    }

    fn render(&self, values: &Value) -> Result<String, TemplateError> {
        let error = |cause| TemplateError { name: self.name.to_string(), part: Part::Plain, cause };
        Ok(self.template.execute_to_string(values).map_err(error)?.replace(NO_VALUE, ""))
    }
}

/// A template that was read and checked. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    pub(super) subject: HtmlPart,
    pub(super) html: HtmlPart,
    /// Made from the HTML part where there is none.
    pub(super) plain: Option<PlainPart>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.html.name).finish()
    }
}

impl Template {
    /// Reads a template. Values are escaped for where they stand: in text, attributes, links, scripts, styles.
    ///
    /// # Errors
    /// [`TemplateError`] for the first part that is broken; also for what the engine finds out only when it
    /// prints, as names of functions that are not there.
    pub fn parse(name: &str, texts: &Texts) -> Result<Self, TemplateError> {
        Ok(Self {
            plain: texts.plain.as_deref().map(|text| PlainPart::plain(name, text)).transpose()?,
            subject: HtmlPart::subject(name, &texts.subject)?,
            html: HtmlPart::html(name, &texts.html)?,
        })
    }

    /// Writes a letter.
    ///
    /// # Errors
    /// [`TemplateError`] when the values do not suit the template, as a loop over a number.
    pub fn render(&self, variables: &Variables) -> Result<Letter, TemplateError> {
        let values = variables.value();
        let subject = self.subject.render(&values)?;
        let html = self.html.render(&values)?;
        let plain = match &self.plain {
            Some(plain) => plain.render(&values)?,
            None => plain::from_html(&html),
        };
        Ok(Letter { subject: one_line(&plain::unescape(&subject)), html, plain })
    }
}

/// A text in Go's text/template syntax, as short messages are.
pub struct TextTemplate {
    name: String,
    template: gotmpl::Template,
}

impl fmt::Debug for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextTemplate").field(&self.name).finish()
    }
}

impl TextTemplate {
    /// Reads a text.
    ///
    /// # Errors
    /// [`TemplateError`] when it is broken.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let error = |cause| TemplateError { name: name.to_owned(), part: Part::Sms, cause };
        Ok(Self { name: name.to_owned(), template: text_of(name, text).map_err(error)? })
    }

    /// Names of variables in it that are not among `known`.
    ///
    /// # Errors
    /// [`TemplateError`] when it is broken.
    pub fn unknown(name: &str, text: &str, known: &[&str]) -> Result<Vec<String>, TemplateError> {
        let error = |cause| TemplateError { name: name.to_owned(), part: Part::Sms, cause };
        let mut found = check::variables(name, text).map_err(error)?;
        found.retain(|variable| !known.contains(&variable.as_str()));
        Ok(found)
    }

    /// Writes the text.
    ///
    /// # Errors
    /// [`TemplateError`] when the values do not suit the template.
    pub fn render(&self, variables: &Variables) -> Result<String, TemplateError> {
        let error = |cause| TemplateError { name: self.name.clone(), part: Part::Sms, cause };
        Ok(self.template.execute_to_string(&variables.value()).map_err(error)?.replace(NO_VALUE, ""))
    }
}

fn html_of(name: &str, text: &str) -> Result<html::Template, gotmpl::TemplateError> {
    check(name, text)?;
    let template = html::Template::new(name).max_range_iters(MAX_TURNS).funcs(compare::functions()).parse(text)?;
    // Contexts for escaping are found at the first use.
    settled(template.execute_to_string(&Variables::new().value()))?;
    Ok(template)
}

fn text_of(name: &str, text: &str) -> Result<gotmpl::Template, gotmpl::TemplateError> {
    check(name, text)?;
    let template = gotmpl::Template::new(name).max_range_iters(MAX_TURNS).funcs(compare::functions()).parse(text)?;
    settled(template.execute_to_string(&Variables::new().value()))?;
    Ok(template)
}

/// Keeps those errors of a trial that no values can cure.
fn settled(trial: Result<String, gotmpl::TemplateError>) -> Result<(), gotmpl::TemplateError> {
    use gotmpl::TemplateError as E;
    match trial {
        Err(
            error @ (E::Escape { .. } | E::UndefinedFunction(_) | E::UndefinedTemplate(_) | E::UndefinedVariable(_)),
        ) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The most characters of a subject. Values may be of any length, and a header line may not.
const MOST_OF_SUBJECT: usize = 255;

/// Control characters in values must not start new header lines.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(MOST_OF_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::json;

    use super::*;

    fn texts(subject: &str, html: &str, plain: Option<&str>) -> Texts {
        Texts { subject: subject.into(), html: html.into(), plain: plain.map(Into::into) }
    }

    fn render(subject: &str, html: &str, plain: Option<&str>) -> Letter {
        let variables = Variables::new()
            .text("ConfirmationURL", "https://a.example/verify?token=x&type=signup")
            .text("Token", "123456")
            .json(
                "Data",
                &json!({ "name": "O'Brien <b>", "age": 12345678, "tags": ["a", "b"], "nested": { "x": true } }),
            );
        Template::parse("invite", &texts(subject, html, plain)).unwrap().render(&variables).unwrap()
    }

    #[test]
    fn values_are_escaped_for_where_they_stand() {
        let letter = render(
            "For {{ .Data.name }}",
            r#"<a href="{{ .ConfirmationURL }}">{{ .Data.name }}</a>"#,
            Some("{{ .Data.name }}: {{ .ConfirmationURL }}"),
        );
        assert_eq!(letter.subject, "For O'Brien <b>");
        assert_eq!(
            letter.html,
            r#"<a href="https://a.example/verify?token=x&amp;type=signup">O&#39;Brien &lt;b&gt;</a>"#
        );
        assert_eq!(letter.plain, "O'Brien <b>: https://a.example/verify?token=x&type=signup");
    }

    #[test]
    fn what_is_not_there_prints_nothing() {
        let letter = render("a{{ .Data.missing }}b{{ .NewEmail }}", "[{{ .Data.missing }}]", Some("[{{ .Data.a.b }}]"));
        assert_eq!((&*letter.subject, &*letter.html, &*letter.plain), ("ab", "[]", "[]"));
    }

    #[test]
    fn branches_loops_and_functions_work() {
        let html = r#"{{ if .Data.nested.x }}yes{{ else }}no{{ end }} {{ range .Data.tags }}<{{ "i" }}>{{ . }}{{ end }} {{ .Data.age }} {{ printf "%.0f" 3.0 }} {{ len .Data.tags }}"#;
        let letter = render("x", &html.replace(r#"<{{ "i" }}>"#, "-"), None);
        assert_eq!(letter.html, "yes -a-b 12345678 3 2");
        assert_eq!(letter.plain, "yes -a-b 12345678 3 2");
    }

    #[test]
    fn numbers_of_metadata_are_used_as_in_go() {
        let html = r#"{{ if ge .Data.age 18.0 }}{{ printf "%.0f" .Data.age }}{{ end }} {{ .Data.age }}"#;
        assert_eq!(render("x", html, None).html, "12345678 12345678");
    }

    #[test]
    fn a_value_cannot_add_a_header_line() {
        let variables = Variables::new().text("Email", "a\r\nBcc: b@c.d");
        let template = Template::parse("x", &texts("{{ .Email }}", "", None)).unwrap();
        assert_eq!(template.render(&variables).unwrap().subject, "a Bcc: b@c.d");
    }

    #[test]
    fn a_broken_template_is_refused_with_its_position() {
        for (html, expected) in [
            ("<p>\n{{ .Token </p>", "invite:2"),
            ("<p>\n\n{{ if .Token }}x</p>", "invite:3"),
            ("{{ if .X }}{{ nothing .Token }}{{ end }}", "invite:1:15: function \"nothing\" not defined"),
            ("<a href='{{ if .Token }}'>{{ end }}", "invite:1"),
        ] {
            let error = Template::parse("invite", &texts("s", html, None)).expect_err(html);
            let cause = error.source().unwrap().to_string();
            assert_eq!(error.part, Part::Html);
            assert!(cause.contains(expected), "{html}: {cause}");
        }
        assert_eq!(Template::parse("x", &texts("{{", "", None)).unwrap_err().part, Part::Subject);
        assert_eq!(Template::parse("x", &texts("", "", Some("{{ end }}"))).unwrap_err().part, Part::Plain);
    }

    #[test]
    fn short_messages_are_plain_text() {
        let template = TextTemplate::parse("sms", "Your code is {{ .Code }}{{ .Missing }} <ok>").unwrap();
        assert_eq!(template.render(&Variables::new().text("Code", "0'1")).unwrap(), "Your code is 0'1 <ok>");
        assert!(TextTemplate::parse("sms", "{{ .Code").is_err());
    }
}
