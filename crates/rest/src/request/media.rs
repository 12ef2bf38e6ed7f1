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
    /// `*/*`
    Any,
    /// Any other.
    Other(String),
}

impl MediaType {
    /// Reads one media type with its parameters.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
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
