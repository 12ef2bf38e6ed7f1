//! PostgreSQL's tokens, as far as it takes to find where statements end and what they begin with. Never fails:
//! what is not understood is passed on character by character, and no byte is lost.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// White space.
    Space,
    /// A comment of either form.
    Comment,
    /// A key word or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string in any of its forms.
    Literal,
    /// A number.
    Number,
    /// `;`
    Semicolon,
    /// `(`
    Open,
    /// `)`
    Close,
    /// Anything else: an operator's character, a parameter.
    Other,
}

/// A token and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, a part of the whole.
    pub text: &'a str,
}

impl Token<'_> {
    /// Whether the token means something to the parser.
    #[must_use]
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }

    /// Whether it is this key word, given in lower case.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// All tokens of a text; together they are the text.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (kind, length) = measure(rest, first);
        let (text, after) = rest.split_at(length);
        rest = after;
        Some(Token { kind, text })
    })
}

/// Kind and length in bytes of the token that a text begins with.
fn measure(rest: &str, first: char) -> (Kind, usize) {
    match first {
        character if is_space(character) => (Kind::Space, run(rest, is_space)),
        '-' if rest.starts_with("--") => (Kind::Comment, run(rest, |c| c != '\n' && c != '\r')),
        '/' if rest.starts_with("/*") => (Kind::Comment, block_comment(rest)),
        '\'' => (Kind::Literal, string(rest, 0, false)),
        '"' => (Kind::Quoted, until_quote(rest, 1, '"', false)),
        '$' => dollar(rest),
        ';' => (Kind::Semicolon, 1),
        '(' => (Kind::Open, 1),
        ')' => (Kind::Close, 1),
        character if character.is_ascii_digit() => {
            (Kind::Number, run(rest, |c| c == '.' || (c != '$' && continues_word(c))))
        }
        character if begins_word(character) => word(rest),
        other => (Kind::Other, other.len_utf8()),
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn begins_word(character: char) -> bool {
    character.is_ascii_alphabetic() || character == '_' || !character.is_ascii()
}

fn continues_word(character: char) -> bool {
    begins_word(character) || character.is_ascii_digit() || character == '$'
}

/// Length of the characters at the beginning that pass.
fn run(text: &str, passes: impl Fn(char) -> bool) -> usize {
    text.find(|character| !passes(character)).unwrap_or(text.len())
}

/// A word, or a string whose prefix looks like one: `e'…'`, `b'…'`, `x'…'`, `n'…'`, `u&'…'`, `u&"…"`.
fn word(rest: &str) -> (Kind, usize) {
    let length = run(rest, continues_word);
    let (prefix, after) = rest.split_at(length);
    match prefix {
        "e" | "E" if after.starts_with('\'') => (Kind::Literal, string(rest, 1, true)),
        "b" | "B" | "x" | "X" | "n" | "N" if after.starts_with('\'') => (Kind::Literal, string(rest, 1, false)),
        "u" | "U" if after.starts_with("&'") => (Kind::Literal, string(rest, 2, false)),
        "u" | "U" if after.starts_with("&\"") => (Kind::Quoted, until_quote(rest, 3, '"', false)),
        _ => (Kind::Word, length),
    }
}

/// A string whose opening quote is at `quote`, with the parts that follow on later lines, which belong to it.
fn string(text: &str, quote: usize, escapes: bool) -> usize {
    let mut end = until_quote(text, quote + 1, '\'', escapes);
    while let Some(next) = continuation(&text[end..]) {
        end = until_quote(text, end + next + 1, '\'', escapes);
    }
    end
}

/// Where a string goes on: the quote after white space and `--` comments that hold a line break.
fn continuation(after: &str) -> Option<usize> {
    let mut at = 0;
    let mut has_line_break = false;
    loop {
        let rest = &after[at..];
        let first = rest.chars().next()?;
        if is_space(first) {
            has_line_break |= matches!(first, '\n' | '\r');
            at += 1;
        } else if rest.starts_with("--") {
            at += run(rest, |c| c != '\n' && c != '\r');
        } else {
            return (first == '\'' && has_line_break).then_some(at);
        }
    }
}

/// The end of what is in quotes, from the first character inside; a doubled quote does not end it.
fn until_quote(text: &str, from: usize, quote: char, escapes: bool) -> usize {
    let mut characters = text[from..].char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return from + at + 1;
        }
    }
    text.len()
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let rest = &text[at..];
        let Some(next) = rest.find(['*', '/']) else { return text.len() };
        at += next;
        match &text.as_bytes()[at..] {
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            _ => at += 1,
        }
    }
    at
}

/// `$$ … $$`, `$tag$ … $tag$`, or a parameter `$1`.
fn dollar(rest: &str) -> (Kind, usize) {
    let inside = &rest[1..];
    let tag = run(inside, |c| c != '$' && continues_word(c));
    let is_tag = !inside.starts_with(|c: char| c.is_ascii_digit()) && inside[tag..].starts_with('$');
    if !is_tag {
        return (Kind::Other, 1 + run(inside, |c| c.is_ascii_digit()));
    }
    let delimiter = &rest[..tag + 2];
    let body = &rest[delimiter.len()..];
    let end = body.find(delimiter).map_or(rest.len(), |end| delimiter.len() * 2 + end);
    (Kind::Literal, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Kind::{Close, Comment, Literal, Number, Open, Other, Quoted, Semicolon, Word};
    use super::*;

    fn lex(text: &str) -> Vec<(Kind, &str)> {
        tokens(text).filter(|token| token.kind != Kind::Space).map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn strings_end_where_postgres_ends_them() {
        assert_eq!(lex("'it''s';"), [(Literal, "'it''s'"), (Semicolon, ";")]);
        assert_eq!(lex(r"'a\';"), [(Literal, r"'a\'"), (Semicolon, ";")]);
        assert_eq!(lex(r"e'a\';' x"), [(Literal, r"e'a\';'"), (Word, "x")]);
        assert_eq!(lex("E'a'\n -- c\n 'b\\';' x"), [(Literal, "E'a'\n -- c\n 'b\\';'"), (Word, "x")]);
        assert_eq!(lex("'a' 'b'"), [(Literal, "'a'"), (Literal, "'b'")]);
        assert_eq!(lex("u&'\\0041' U&\"x;\""), [(Literal, "u&'\\0041'"), (Quoted, "U&\"x;\"")]);
        assert_eq!(lex("'open; "), [(Literal, "'open; ")]);
    }

    #[test]
    fn dollar_quotes_need_their_own_tag() {
        assert_eq!(lex("$$a;$x$b$$;"), [(Literal, "$$a;$x$b$$"), (Semicolon, ";")]);
        assert_eq!(lex("$f$ $$;$$ $f$ y"), [(Literal, "$f$ $$;$$ $f$"), (Word, "y")]);
        assert_eq!(lex("$1 $ä$;$ä$"), [(Other, "$1"), (Literal, "$ä$;$ä$")]);
        assert_eq!(lex("a$b$ c"), [(Word, "a$b$"), (Word, "c")]);
        assert_eq!(lex("$"), [(Other, "$")]);
    }

    #[test]
    fn comments_nest_and_names_hide_semicolons() {
        assert_eq!(lex("/* a /* ; */ ; */ b"), [(Comment, "/* a /* ; */ ; */"), (Word, "b")]);
        assert_eq!(lex("-- a;\nb"), [(Comment, "-- a;"), (Word, "b")]);
        assert_eq!(lex("\"a;\"\"b\""), [(Quoted, "\"a;\"\"b\"")]);
        assert_eq!(lex("(1.5e3)"), [(Open, "("), (Number, "1.5e3"), (Close, ")")]);
        assert_eq!(lex("/* open /* x */"), [(Comment, "/* open /* x */")]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in r#"([ \na-eE0-9;()'"$/*\\ü-]|--|/\*|\*/|\$\$|begin|end)*"#) {
            prop_assert_eq!(tokens(&text).map(|token| token.text).collect::<String>(), text);
        }

        #[test]
        fn any_text_can_be_read(text: String) {
            prop_assert_eq!(tokens(&text).map(|token| token.text).collect::<String>(), text);
        }
    }
}
