//! Which languages a letter may be in.

use serde_json::Value;

/// Longer tags and longer lists are not looked at.
const MAX_TAG_LENGTH: usize = 35;
const MAX_TAGS: usize = 16;

/// The languages that a user wants, best first: `locale` and `lang` of the metadata, then those of the
/// `Accept-Language` header by their weight. Tags are in lower case with hyphens.
#[must_use]
pub fn preferences(user_metadata: &Value, accept_language: Option<&str>) -> Vec<String> {
    let mut tags: Vec<String> =
        ["locale", "lang"].iter().filter_map(|name| tag(user_metadata.get(name)?.as_str()?)).collect();
    let mut accepted: Vec<(String, f32)> = accept_language
        .unwrap_or_default()
        .split(',')
        .take(MAX_TAGS)
        .filter_map(|entry| {
            let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = match weight.trim().strip_prefix("q=") {
                Some(weight) => weight.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
                None => 1.0,
            };
            (weight > 0.0).then_some((tag(name)?, weight))
        })
        .collect();
    accepted.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    tags.extend(accepted.into_iter().map(|(tag, _)| tag));
    tags
}

/// A tag and what it is a variety of: `pt-br` gives `pt-br`, `pt`.
pub(super) fn widened(tag: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(tag), |tag| tag.rsplit_once('-').map(|(wider, _)| wider))
}

/// A tag as it is compared; nothing for what is no tag.
#[must_use]
pub fn tag(text: &str) -> Option<String> {
    let text = text.trim();
    let is_tag = (1..=MAX_TAG_LENGTH).contains(&text.len())
        && text.split(['-', '_']).all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    is_tag.then(|| text.replace('_', "-").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_comes_before_the_browser_and_weights_count() {
        let user = json!({ "locale": "pt_BR", "lang": "es" });
        assert_eq!(preferences(&user, Some("en;q=0.5, fr-CH, *;q=0.1, de;q=0")), ["pt-br", "es", "fr-ch", "en"]);
        assert!(preferences(&json!({ "locale": 7, "lang": "../x" }), None).is_empty());
        assert!(preferences(&json!(null), Some(";;,q=1,en;q=NaN,de;q=2")).is_empty());
    }

    #[test]
    fn a_variety_widens_to_its_language() {
        assert_eq!(widened("zh-hant-tw").collect::<Vec<_>>(), ["zh-hant-tw", "zh-hant", "zh"]);
    }
}
