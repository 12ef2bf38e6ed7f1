//! Media types: what a body is and what a client accepts.

use http::HeaderMap;

/// A media type that the data API knows or passes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// `application/json`
    Json,
    /// `application/vnd.pgrst.object+json`, one row as an object.
    Object {
        /// Members that are null are left out.
        strips_nulls: bool,
    },
    /// `application/vnd.pgrst.array+json;nulls=stripped`
    StrippedArray,
    /// `text/csv`
    Csv,
    /// `application/geo+json`
    GeoJson,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `text/plain`
    Text,
    /// `text/xml`
    Xml,
    /// `application/octet-stream`
    Binary,
    /// `application/openapi+json`
    OpenApi,
    /// `application/vnd.pgrst.plan`, how the database would answer.
    Plan(Box<PlanMedia>),
    /// `*/*`
    Any,
    /// Any other.
    Other(String),
}

/// A plan instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlanMedia {
    /// Type that the answer would have.
    pub of: MediaType,
    /// JSON and no text.
    pub is_json: bool,
    /// What is added to the plan.
    pub options: Vec<PlanOption>,
    name: String,
}

/// What can be added to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlanOption {
    /// The statement is run.
    Analyze,
    /// Output columns.
    Verbose,
    /// Settings that are not the default.
    Settings,
    /// Use of buffers.
    Buffers,
    /// Use of the write-ahead log.
    Wal,
}

impl PlanOption {
    /// Its name in `options=` and in `explain (…)`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Verbose => "verbose",
            Self::Settings => "settings",
            Self::Buffers => "buffers",
            Self::Wal => "wal",
        }
    }
}

impl PlanMedia {
    /// From the parameters of the type.
    fn parse(is_json: bool, parameters: &[&str]) -> Self {
        let value = |wanted: &str| {
            let mut pairs = parameters.iter().filter_map(|parameter| parameter.split_once('='));
            pairs.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim().trim_matches('"'))
        };
        let of = match value("for").map(MediaType::parse) {
            None | Some(MediaType::Any | MediaType::Plan(_)) => MediaType::Json,
            Some(of) => of,
        };
        let asked: Vec<&str> = value("options").unwrap_or_default().split('|').map(str::trim).collect();
        let all =
            [PlanOption::Analyze, PlanOption::Verbose, PlanOption::Settings, PlanOption::Buffers, PlanOption::Wal];
        let options: Vec<PlanOption> = all.into_iter().filter(|option| asked.contains(&option.name())).collect();
        let format = if is_json { "json" } else { "text" };
        let mut name = format!("application/vnd.pgrst.plan+{format}; for=\"{}\"", of.name());
        if !options.is_empty() {
            let names: Vec<&str> = options.iter().map(|option| option.name()).collect();
            name.push_str(&format!("; options={}", names.join("|")));
        }
        Self { of, is_json, options, name }
    }
}

impl MediaType {
    /// Reads one media type with its parameters.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let parameters: Vec<&str> = parts.clone().skip(1).collect();
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let strips_nulls = parts.any(|parameter| {
            parameter
                .split_once('=')
                .is_some_and(|(key, value)| key.trim().eq_ignore_ascii_case("nulls") && value.trim() == "stripped")
        });
        match name.as_str() {
            "application/json" => Self::Json,
            "application/vnd.pgrst.object" | "application/vnd.pgrst.object+json" => Self::Object { strips_nulls },
            "application/vnd.pgrst.array" | "application/vnd.pgrst.array+json" => {
                if strips_nulls {
                    Self::StrippedArray
                } else {
                    Self::Json
                }
            }
            "application/vnd.pgrst.plan" | "application/vnd.pgrst.plan+text" => {
                Self::Plan(Box::new(PlanMedia::parse(false, &parameters)))
            }
            "application/vnd.pgrst.plan+json" => Self::Plan(Box::new(PlanMedia::parse(true, &parameters))),
            "text/csv" => Self::Csv,
            "application/geo+json" => Self::GeoJson,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/plain" => Self::Text,
            "text/xml" => Self::Xml,
            "application/octet-stream" => Self::Binary,
            "application/openapi+json" => Self::OpenApi,
            "*/*" => Self::Any,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// Its name, with the parameters that matter.
    pub fn name(&self) -> &str {
        match self {
            Self::Json => "application/json",
            Self::Object { strips_nulls: false } => "application/vnd.pgrst.object+json",
            Self::Object { strips_nulls: true } => "application/vnd.pgrst.object+json;nulls=stripped",
            Self::StrippedArray => "application/vnd.pgrst.array+json;nulls=stripped",
            Self::Csv => "text/csv",
            Self::GeoJson => "application/geo+json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
            Self::Binary => "application/octet-stream",
            Self::OpenApi => "application/openapi+json",
            Self::Plan(plan) => &plan.name,
            Self::Any => "*/*",
            Self::Other(name) => name,
        }
    }

    /// The `Content-Type` of a body of this type.
    pub fn content_type(&self) -> String {
        match self {
            Self::Binary | Self::Other(_) => self.name().to_owned(),
            _ => format!("{}; charset=utf-8", self.name()),
        }
    }

    /// One row is wanted as an object.
    pub fn is_singular(&self) -> bool {
        matches!(self, Self::Object { .. })
    }
}

/// The type of the body, JSON when none is given.
pub(super) fn content_type(headers: &HeaderMap) -> MediaType {
    let value = headers.get(http::header::CONTENT_TYPE);
    value.map_or(MediaType::Json, |value| MediaType::parse(&String::from_utf8_lossy(value.as_bytes())))
}

/// What the client accepts, most wanted first.
pub(super) fn accepted(headers: &HeaderMap) -> Vec<MediaType> {
    let Some(value) = headers.get(http::header::ACCEPT) else { return vec![MediaType::Any] };
    let text = String::from_utf8_lossy(value.as_bytes());
    let mut weighted: Vec<(f32, &str)> =
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| (quality(item), item)).collect();
    // Stable: equal weights keep the client's order.
    weighted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let accepted: Vec<MediaType> =
        weighted.into_iter().map(|(_, item)| MediaType::parse(without_quality(item))).collect();
    if accepted.is_empty() { vec![MediaType::Any] } else { accepted }
}

fn quality(item: &str) -> f32 {
    let weight = item.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    weight.and_then(|weight| weight.trim().parse().ok()).unwrap_or(1.0)
}

fn without_quality(item: &str) -> &str {
    match item.find(";q=").or_else(|| item.find("; q=")) {
        Some(at) => &item[..at],
        None => item,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn weights_decide_the_order() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "accept",
            HeaderValue::from_static("text/csv;q=0.5, application/vnd.pgrst.object+json;nulls=stripped, */*;q=0.1"),
        );
        assert_eq!(accepted(&headers), [MediaType::Object { strips_nulls: true }, MediaType::Csv, MediaType::Any]);
    }

    #[test]
    fn names_are_case_insensitive() {
        assert_eq!(MediaType::parse("APPLICATION/VND.PGRST.OBJECT"), MediaType::Object { strips_nulls: false });
        assert_eq!(MediaType::parse("application/vnd.pgrst.array+json"), MediaType::Json);
    }
}
