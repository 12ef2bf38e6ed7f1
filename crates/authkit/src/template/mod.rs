//! The letters of account flows: Go template syntax for subject, HTML and plain text, built-in texts for every
//! kind of letter, a set of texts per locale, and texts that are read from files or URLs.

mod builtin;
mod catalogue;
mod check;
mod compare;
mod definition;
mod engine;
mod kind;
mod load;
mod locale;
mod plain;
mod source;
mod variables;

pub use builtin::texts as builtin_texts;
pub use catalogue::Catalogue;
pub use definition::{CatalogueError, Definition, Unusable};
pub use engine::{Letter, Part, Template, TemplateError, TextTemplate, Texts};
pub use kind::Kind;
pub use load::LoadError;
pub use locale::{preferences, tag as locale_tag};
pub use plain::from_html as plain_from_html;
pub(crate) use source::chain;
pub use source::{Body, Reading};
pub use variables::Variables;
