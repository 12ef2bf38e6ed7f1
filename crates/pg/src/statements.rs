//! Splitting SQL text into statements, as `psql` does: comments, strings, dollar quotes, quoted names and the
//! bodies of SQL-standard functions are skipped, nothing is interpreted.

use std::ops::Range;

/// A statement within a text, without the semicolon and the white space and comments around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its text.
    pub text: &'a str,
    /// Where it begins in the whole text, in bytes.
    pub start: usize,
}

/// A lexical part of SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

/// What a token is, as far as splitting and judging statements needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// A quoted name.
    Name,
    /// A string of any form, dollar quotes included.
    Text,
    /// White space or a comment.
    Blank,
    /// `;`
    Semicolon,
    /// Any other character.
    Symbol,
}

/// Cuts a text into tokens that together are the whole text.
#[must_use]
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = sql[start..].chars().next() {
        let (kind, length) = token(&sql[start..], first);
        tokens.push(Token { kind, range: start..start + length });
        start += length;
    }
    tokens
}

/// The statements of a text, in order. Empty ones are left out.
#[must_use]
pub fn split(sql: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut depth = Depth::default();
    for token in tokens(sql) {
        match token.kind {
            Kind::Blank => continue,
            Kind::Semicolon if depth.is_outside() => {
                statements
                    .extend(current.take().map(|range| Statement { text: &sql[range.clone()], start: range.start }));
                depth = Depth::default();
                continue;
            }
            Kind::Word => depth.word(&sql[token.range.clone()]),
            Kind::Symbol => depth.symbol(&sql[token.range.clone()]),
            Kind::Semicolon | Kind::Name | Kind::Text => {}
        }
        let range = current.get_or_insert(token.range.clone());
        range.end = token.range.end;
    }
    statements.extend(current.map(|range| Statement { text: &sql[range.clone()], start: range.start }));
    statements
}

/// Whether a semicolon ends the statement: not inside parentheses, nor inside `begin atomic … end` of a function.
#[derive(Default)]
struct Depth {
    parentheses: usize,
    blocks: usize,
    is_routine: bool,
    words: usize,
    last: String,
}

impl Depth {
    fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn word(&mut self, word: &str) {
        let word = word.to_ascii_lowercase();
        self.words += 1;
        let begins = self.words <= 4 && (word == "function" || word == "procedure");
        self.is_routine |= begins;
        match word.as_str() {
            "atomic" if self.is_routine && self.last == "begin" => self.blocks += 1,
            "case" if self.blocks > 0 => self.blocks += 1,
            "end" if self.blocks > 0 => self.blocks -= 1,
            _ => {}
        }
        self.last = word;
    }

    fn symbol(&mut self, symbol: &str) {
        match symbol {
            "(" => self.parentheses += 1,
            ")" => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        self.last.clear();
    }
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let second = bytes.get(1).copied();
    match (first, second) {
        ('-', Some(b'-')) => (Kind::Blank, rest.find('\n').unwrap_or(rest.len())),
        ('/', Some(b'*')) => (Kind::Blank, comment(rest)),
        ('\'', _) => (Kind::Text, quoted(rest, 1, b'\'', false)),
        ('"', _) => (Kind::Name, quoted(rest, 1, b'"', false)),
        ('e' | 'E', Some(b'\'')) => (Kind::Text, quoted(rest, 2, b'\'', true)),
        ('$', _) => dollar_quoted(rest).map_or((Kind::Symbol, 1), |length| (Kind::Text, length)),
        (';', _) => (Kind::Semicolon, 1),
        (c, _) if c.is_whitespace() => (Kind::Blank, run(rest, char::is_whitespace)),
        (c, _) if is_word_start(c) => (Kind::Word, run(rest, |c| is_word_start(c) || c.is_ascii_digit() || c == '$')),
        // A number is one token, so that the letters of `1e5` are no word and `1$a$` opens no quote.
        (c, _) if c.is_ascii_digit() => {
            (Kind::Symbol, run(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '$'))
        }
        (c, _) => (Kind::Symbol, c.len_utf8()),
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

/// The length of a block comment; they nest. An open one goes to the end.
fn comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a quoted text whose opening part has `open` bytes; a doubled quote stands for one.
fn quoted(rest: &str, open: usize, quote: u8, has_escapes: bool) -> usize {
    let bytes = rest.as_bytes();
    let mut at = open;
    while at < bytes.len() {
        if has_escapes && bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    rest.len()
}

/// The length of `$tag$ … $tag$`, or `None` when it is no dollar quote.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let close = rest[1..].find('$')? + 1;
    let tag = &rest[1..close];
    let is_tag =
        tag.chars().all(|c| is_word_start(c) || c.is_ascii_digit()) && !tag.starts_with(|c: char| c.is_ascii_digit());
    if !is_tag {
        return None;
    }
    let delimiter = &rest[..=close];
    let body = close + 1;
    Some(rest[body..].find(delimiter).map_or(rest.len(), |end| body + end + delimiter.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split(sql).into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn semicolons_in_strings_comments_and_quotes_do_not_split() {
        let sql = "select ';' as \"a;b\"; -- ; none\nselect $$;$$, $x$ $$;$$ $x$; /* ; /* ; */ ; */ select E'\\';'; ;";
        assert_eq!(texts(sql), ["select ';' as \"a;b\"", "select $$;$$, $x$ $$;$$ $x$", "select E'\\';'"]);
    }

    #[test]
    fn functions_with_sql_bodies_stay_whole() {
        let sql =
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3";
        assert_eq!(texts(sql).len(), 2);
        let rule = "create rule r as on insert to t do (select 1; select 2); select 3";
        assert_eq!(texts(rule).len(), 2);
        assert_eq!(texts("begin; select 1; end; commit"), ["begin", "select 1", "end", "commit"]);
    }

    #[test]
    fn open_quotes_reach_the_end_and_parameters_are_no_quotes() {
        assert_eq!(texts("select 'a; b"), ["select 'a; b"]);
        assert_eq!(texts("select $1; select $2"), ["select $1", "select $2"]);
        assert_eq!(texts("select 1$a$; select 2"), ["select 1$a$", "select 2"]);
        assert_eq!(texts("  -- nothing\n ;; "), Vec::<&str>::new());
    }

    #[test]
    fn starts_are_places_in_the_whole_text() {
        let sql = "select 1;\n\n  select 2;";
        let starts: Vec<_> = split(sql).into_iter().map(|statement| &sql[statement.start..]).collect();
        assert_eq!(starts, ["select 1;\n\n  select 2;", "select 2;"]);
    }

    #[test]
    fn tokens_lose_no_byte_of_any_text() {
        for sql in ["é'ü\"$a$ß", "\\'E'\\", "$", "$$", "$a", "/*", "/*/", "--", "'\u{0}'", "E'\\é'", "1e5 a$b$c"] {
            let joined: String = tokens(sql).into_iter().map(|token| &sql[token.range]).collect();
            assert_eq!(joined, sql);
        }
    }
}
