//! Patterns of addresses: `*` is a run without `.` and `/`, `**` anything, `?` one character but these two,
//! `[a-z]` one of a class, `{a,b}` alternatives. The meaning is that of Go's gobwas library.

/// A pattern, its alternatives spelled out.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Vec<Vec<Token>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    One,
    Run,
    Anything,
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

/// The most alternatives that one pattern may have.
const MAX_ALTERNATIVES: usize = 256;

impl Glob {
    /// Reads a pattern; `None` when a bracket is not closed or there are too many alternatives.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        expand(pattern)?.iter().map(|alternative| tokens(alternative)).collect::<Option<_>>().map(Self)
    }

    /// Whether the whole text fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.0.iter().any(|tokens| fits(tokens, &text))
    }
}

/// Spells out the first group of alternatives, then the rest.
fn expand(pattern: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        if done.len() + open.len() > MAX_ALTERNATIVES {
            return None;
        }
        match group(&pattern)? {
            None => done.push(pattern),
            Some((start, end, choices)) => {
                let (before, after) = (&pattern[..start], &pattern[end..]);
                open.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
            }
        }
    }
    Some(done)
}

/// The first group of a pattern: where it starts and ends, and its choices.
type Group<'a> = (usize, usize, Vec<&'a str>);

fn group(pattern: &str) -> Option<Option<Group<'_>>> {
    let (mut depth, mut start, mut choice, mut choices) = (0, 0, 0, Vec::new());
    let (mut is_escaped, mut in_class) = (false, false);
    for (index, character) in pattern.char_indices() {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match character {
            '\\' => is_escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '{' => {
                depth += 1;
                if depth == 1 {
                    (start, choice) = (index, index + 1);
                }
            }
            ',' if depth == 1 => {
                choices.push(&pattern[choice..index]);
                choice = index + 1;
            }
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    choices.push(&pattern[choice..index]);
                    return Some(Some((start, index + 1, choices)));
                }
            }
            _ => {}
        }
    }
    (depth == 0).then_some(None)
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '\\' => Token::Literal(rest.next()?),
            '?' => Token::One,
            '*' if rest.next_if_eq(&'*').is_some() => {
                while rest.next_if_eq(&'*').is_some() {}
                Token::Anything
            }
            '*' => Token::Run,
            '[' => class(&mut rest)?,
            other => Token::Literal(other),
        });
    }
    Some(tokens)
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let is_negated = rest.next_if_eq(&'!').is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if !ranges.is_empty() => return Some(Token::Class { is_negated, ranges }),
            '\\' => rest.next()?,
            other => other,
        };
        if rest.next_if_eq(&'-').is_some() {
            match rest.peek() {
                Some(']') => ranges.extend([(low, low), ('-', '-')]),
                _ => ranges.push((low, rest.next()?)),
            }
        } else {
            ranges.push((low, low));
        }
    }
}

/// Walks through the text with the set of all places in the pattern that the text so far leads to.
fn fits(tokens: &[Token], text: &[char]) -> bool {
    let mut places = vec![false; tokens.len() + 1];
    places[0] = true;
    skip(tokens, &mut places);
    for &character in text {
        let mut next = vec![false; tokens.len() + 1];
        for (index, token) in tokens.iter().enumerate().filter(|(index, _)| places[*index]) {
            match token {
                Token::Run if !is_separator(character) => next[index] = true,
                Token::Anything => next[index] = true,
                token if token.takes(character) => next[index + 1] = true,
                _ => {}
            }
        }
        skip(tokens, &mut next);
        places = next;
    }
    places[tokens.len()]
}

/// Runs may be empty: whoever stands before one stands behind it too.
fn skip(tokens: &[Token], places: &mut [bool]) {
    for (index, token) in tokens.iter().enumerate() {
        if places[index] && matches!(token, Token::Run | Token::Anything) {
            places[index + 1] = true;
        }
    }
}

fn is_separator(character: char) -> bool {
    matches!(character, '.' | '/')
}

impl Token {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == character,
            Self::One => !is_separator(character),
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *is_negated
            }
            Self::Run | Self::Anything => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap_or_else(|| panic!("{pattern}")).matches(text)
    }

    #[test]
    fn patterns_mean_what_they_mean_in_gobwas() {
        for (pattern, text, expected) in [
            ("http://*.x.dev:3000", "http://s.x.dev:3000", true),
            ("http://*.dev:3000", "http://s.x.dev:3000", false),
            ("http://x.dev/*", "http://x.dev/a/b", false),
            ("http://x.dev/**", "http://x.dev/a/b", true),
            ("http://h/*", "http://h/p?q=1", true),
            ("http://h", "http://h/docs", false),
            ("com.app://**", "com.app://in/v2", true),
            ("http://{a,b{c,d}}.x/?", "http://bd.x/7", true),
            ("http://{a,b{c,d}}.x/?", "http://b.x/7", false),
            ("[a-c]?[!x]", "b1y", true),
            ("[a-c]?[!x]", "b1x", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("**", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        for wrong in ["{a", "[a", "{a,{b}", "\\"] {
            assert!(Glob::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Glob::parse(&"{a,b}".repeat(12)).is_none(), "too many alternatives");
        assert!(!matches(&"**a".repeat(40), &"a".repeat(39)));
    }
}
