//! Plain text from HTML, for letters whose template has no plain text part, and text from entities.

/// Elements that start on a line of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "body",
    "br",
    "div",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "td",
    "th",
    "tr",
    "ul",
];

/// Elements with an empty line before and after.
const PARAGRAPHS: &[&str] = &["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "table", "ul"];

/// Elements whose content is not text.
const HIDDEN: &[&str] = &["head", "script", "style", "title"];

/// The text of an HTML document: links are followed by their target, blocks start new lines.
#[must_use]
pub fn from_html(html: &str) -> String {
    let mut text = Writer::default();
    let mut rest = html;
    let mut link: Option<(String, usize)> = None;
    while let Some(start) = rest.find('<') {
        text.write(&unescape(&rest[..start]));
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = tag_end(rest) else { break };
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        let is_end = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or("");
        let name = name.to_ascii_lowercase();
        if !is_end && HIDDEN.contains(&&*name) {
            rest = after_element(rest, &name);
        } else if name == "a" && !is_end {
            link = attribute(tag, "href").map(|target| (target, text.0.len()));
        } else if name == "a" {
            if let Some((target, start)) = link.take()
                && text.0.get(start..).is_none_or(|label| label.trim() != target)
            {
                text.write(&format!(": {target}"));
            }
        } else if PARAGRAPHS.contains(&&*name) {
            text.lines(2);
        } else if BLOCKS.contains(&&*name) {
            text.lines(1);
        }
    }
    if !rest.starts_with('<') {
        text.write(&unescape(rest));
    }
    text.0.trim().to_owned()
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    /// Adds text with its white space folded.
    fn write(&mut self, text: &str) {
        for character in text.chars() {
            if !character.is_whitespace() {
                self.0.push(character);
            } else if !self.0.is_empty() && !self.0.ends_with([' ', '\n']) {
                self.0.push(' ');
            }
        }
    }

    /// Ends the line so that the text ends in `count` line feeds.
    fn lines(&mut self, count: usize) {
        self.0.truncate(self.0.trim_end_matches(' ').len());
        let already = self.0.len() - self.0.trim_end_matches('\n').len();
        if !self.0.is_empty() {
            self.0.extend(std::iter::repeat_n('\n', count.saturating_sub(already)));
        }
    }
}

/// Where a tag that starts the text ends, `>` in quoted attributes left aside.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn after_element<'a>(text: &'a str, name: &str) -> &'a str {
    let lower = text.to_ascii_lowercase();
    let Some(start) = lower.find(&format!("</{name}")) else { return "" };
    tag_end(&text[start..]).map_or("", |end| &text[start + end + 1..])
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.to_ascii_lowercase().find(&format!("{name}="))? + name.len() + 1;
    let value = &tag[start..];
    let value = match value.as_bytes().first()? {
        quote @ (b'"' | b'\'') => value[1..].split(char::from(*quote)).next()?,
        _ => value.split(char::is_whitespace).next()?,
    };
    Some(unescape(value))
}

/// Resolves numeric entities and the few named ones that letters use.
#[must_use]
pub(super) fn unescape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        result.push_str(&rest[..start]);
        rest = &rest[start..];
        let entity = rest[1..].find(';').filter(|length| *length <= 10).map(|length| &rest[1..=length]);
        match entity.and_then(|entity| Some((entity, character(entity)?))) {
            Some((entity, character)) => {
                result.push(character);
                rest = &rest[entity.len() + 2..];
            }
            None => {
                result.push('&');
                rest = &rest[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

fn character(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "mdash" => Some('—'),
        "ndash" => Some('–'),
        "hellip" => Some('…'),
        "copy" => Some('©'),
        entity => match entity.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16),
            None => number(&entity[1..], 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_keep_their_target_and_blocks_their_lines() {
        let html = "<html><head><title>T</title><style>p > a { color: red }</style></head><body>\n\
            <h2>Hello&nbsp;there</h2><!-- <p>no</p> -->\n<p>Follow  this\nlink:<br><a class='>' href=\"https://a/?x=1&amp;y=2\">Go on</a></p>\
            <ul><li>one</li><li>two &lt;3</li></ul><a href='https://b'>https://b</a></body></html>";
        assert_eq!(
            from_html(html),
            "Hello there\n\nFollow this link:\nGo on: https://a/?x=1&y=2\n\none\n\ntwo <3\n\nhttps://b"
                .replace("one\n\n", "one\n")
        );
    }

    #[test]
    fn entities_are_resolved_and_what_is_none_stays() {
        assert_eq!(
            unescape("a &amp; b &#39;c&#x27; &unknown; & &#; &#99999999999;"),
            "a & b 'c' &unknown; & &#; &#99999999999;"
        );
    }

    proptest! {
        #[test]
        fn no_html_makes_it_stumble(html in "[<>a-z/!\"'=& é;#-]{0,80}") {
            let _ = from_html(&html);
        }
    }
}
