//! A character cursor that remembers what it expected.
//!
//! Clients see the texts of syntax errors (`unexpected "x" expecting "not" or operator (eq, gt, ...)`), so the
//! cursor keeps the furthest failure and everything that would have been accepted there, merged in the order in
//! which it was tried. The rules are those of predictive combinator parsers: consuming input forgets older
//! failures, `attempt` turns a failure after consumption into one without, `label` renames what was expected.
//!
//! Keeping all that costs more than parsing, and most requests are right: a [`Cursor::quick`] keeps nothing. Only what it
//! cannot parse is parsed once more by one that explains.

/// What stood where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unexpected {
    /// Found by a character test; shown only when no other kind is known.
    Token(String),
    /// Found by a negative look-ahead.
    Explicit(String),
}

/// The failure that is known best so far.
#[derive(Debug, Clone, Default)]
struct Failure {
    at: usize,
    unexpected: Vec<Unexpected>,
    expected: Vec<String>,
}

impl Failure {
    fn is_silent(&self) -> bool {
        self.unexpected.is_empty() && self.expected.is_empty()
    }

    fn merged(self, other: Self) -> Self {
        if other.is_silent() && !self.is_silent() {
            return self;
        }
        if self.is_silent() || other.at > self.at {
            return other;
        }
        if other.at < self.at {
            return self;
        }
        let mut all = self;
        all.unexpected.extend(other.unexpected);
        all.expected.extend(other.expected);
        all
    }
}

/// A parser stopped; the cursor holds the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop;

/// Result of a parsing step.
pub(super) type Step<T> = Result<T, Stop>;

/// Position in a parameter's text plus the best failure so far.
#[derive(Debug)]
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
    failure: Failure,
    /// Failures are kept, to be explained.
    explains: bool,
}

impl Cursor {
    /// Starts at the beginning of `text`.
    pub(super) fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0, failure: Failure::default(), explains: true }
    }

    /// The same, of which nobody will ask why it failed.
    pub(super) fn quick(text: &str) -> Self {
        Self { explains: false, ..Self::new(text) }
    }

    /// Index of the next character.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next character without taking it.
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// The rest of the text, taken.
    pub(super) fn rest(&mut self) -> String {
        let rest = self.chars[self.at..].iter().collect();
        if self.at < self.chars.len() {
            self.at = self.chars.len();
            self.failure = Failure { at: self.at, ..Failure::default() };
        }
        rest
    }

    /// Fails with what `tell` says was found and expected here.
    fn fail<T>(&mut self, tell: impl FnOnce() -> (Unexpected, Option<String>)) -> Step<T> {
        if self.explains {
            let (unexpected, expected) = tell();
            let new = Failure { at: self.at, unexpected: vec![unexpected], expected: expected.into_iter().collect() };
            self.failure = std::mem::take(&mut self.failure).merged(new);
        }
        Err(Stop)
    }

    fn advance(&mut self, by: usize) {
        self.at += by;
        self.failure = Failure { at: self.at, ..Failure::default() };
    }

    /// Takes one character that satisfies `test`.
    pub(super) fn take_if(&mut self, test: impl Fn(char) -> bool) -> Step<char> {
        match self.peek() {
            Some(c) if test(c) => {
                self.advance(1);
                Ok(c)
            }
            found => self.fail(|| (token(found), None)),
        }
    }

    /// Takes one character that satisfies `test`, known to clients by `names`.
    pub(super) fn take_named(&mut self, test: impl Fn(char) -> bool, names: &[&str]) -> Step<char> {
        let result = self.take_if(test);
        if result.is_err() && self.explains {
            let expected = names.iter().map(|name| (*name).to_owned());
            let new = Failure { at: self.at, unexpected: Vec::new(), expected: expected.collect() };
            self.failure = std::mem::take(&mut self.failure).merged(new);
        }
        result
    }

    /// Takes as many characters as satisfy `test`.
    pub(super) fn take_while(&mut self, test: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Ok(c) = self.take_if(&test) {
            taken.push(c);
        }
        taken
    }

    /// Takes exactly this character.
    pub(super) fn char(&mut self, wanted: char) -> Step<char> {
        match self.peek() {
            Some(c) if c == wanted => {
                self.advance(1);
                Ok(c)
            }
            found => self.fail(|| (token(found), Some(format!("{:?}", wanted.to_string())))),
        }
    }

    /// Takes exactly this text, or nothing.
    pub(super) fn literal(&mut self, wanted: &str) -> Step<()> {
        for (offset, c) in wanted.chars().enumerate() {
            let found = self.chars.get(self.at + offset).copied();
            if found != Some(c) {
                return self.fail(|| (token(found), Some(format!("{wanted:?}"))));
            }
        }
        self.advance(wanted.chars().count());
        Ok(())
    }

    /// Like [`Self::literal`], ASCII letters of either case.
    pub(super) fn keyword(&mut self, wanted: &str) -> Step<()> {
        let start = self.at;
        for c in wanted.chars() {
            if self.take_if(|found| found.eq_ignore_ascii_case(&c)).is_err() {
                let failure = std::mem::take(&mut self.failure);
                self.at = start;
                self.failure = failure;
                return Err(Stop);
            }
        }
        Ok(())
    }

    /// Succeeds at the end of the text only.
    pub(super) fn end(&mut self) -> Step<()> {
        match self.peek() {
            None => Ok(()),
            Some(c) => self.fail(|| (Unexpected::Explicit(format!("{c:?}")), Some("end of input".to_owned()))),
        }
    }

    /// Runs `parser`; on failure the position is where it was.
    pub(super) fn attempt<T>(&mut self, parser: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        let start = self.at;
        let before = self.failure.clone();
        let result = parser(self);
        if result.is_err() && self.at != start {
            self.at = start;
            let inner = std::mem::take(&mut self.failure);
            self.failure = before.merged(inner);
        }
        result
    }

    /// Runs `parser` if it can start here: a failure without consumption is `None`.
    ///
    /// # Errors
    /// When `parser` failed after taking input.
    pub(super) fn optional<T>(&mut self, parser: impl FnOnce(&mut Self) -> Step<T>) -> Step<Option<T>> {
        let start = self.at;
        match parser(self) {
            Ok(value) => Ok(Some(value)),
            Err(Stop) if self.at == start => Ok(None),
            Err(Stop) => Err(Stop),
        }
    }

    /// Succeeds when `parser` would, without moving.
    pub(super) fn ahead(&mut self, parser: impl FnOnce(&mut Self) -> Step<()>) -> Step<()> {
        let start = self.at;
        let before = self.failure.clone();
        let result = parser(self);
        if result.is_ok() {
            self.at = start;
            self.failure = before;
        }
        result
    }

    /// Fails when `test` accepts the next character.
    pub(super) fn not_ahead(&mut self, test: impl Fn(char) -> bool) -> Step<()> {
        match self.peek() {
            Some(c) if test(c) => self.fail(|| (Unexpected::Explicit(format!("{c:?}")), None)),
            _ => Ok(()),
        }
    }

    /// Names what `parser` expects at its first character.
    pub(super) fn label<T>(&mut self, name: &str, parser: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        let start = self.at;
        let before = std::mem::replace(&mut self.failure, Failure { at: start, ..Failure::default() });
        let result = parser(self);
        if self.at == start && self.explains {
            let mut own = std::mem::take(&mut self.failure);
            if result.is_err() || !own.is_silent() {
                own.expected = vec![name.to_owned()];
            }
            self.failure = before.merged(own);
        }
        result
    }

    /// One or more of `item`, separated by `separator`.
    pub(super) fn separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Step<T>,
        mut separator: impl FnMut(&mut Self) -> Step<()>,
    ) -> Step<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.optional(&mut separator)?.is_some() {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The failure as clients see it: `(line 1, column 5)` and what was unexpected and expected.
    pub(super) fn explain(&self) -> (String, String) {
        (self.place(), self.reason())
    }

    fn place(&self) -> String {
        let (mut line, mut column) = (1_usize, 1_usize);
        for c in self.chars.iter().take(self.failure.at) {
            match c {
                '\n' => (line, column) = (line + 1, 1),
                '\t' => column += 8 - (column - 1) % 8,
                _ => column += 1,
            }
        }
        format!("(line {line}, column {column})")
    }

    fn reason(&self) -> String {
        let explicit: Vec<&str> = self.failure.unexpected.iter().filter_map(explicit).collect();
        let unexpected = if explicit.is_empty() {
            match self.failure.unexpected.first() {
                Some(Unexpected::Token(token)) if token.is_empty() => "unexpected end of input".to_owned(),
                Some(Unexpected::Token(token)) => format!("unexpected {token}"),
                _ => String::new(),
            }
        } else {
            format!("unexpected {}", listed(&explicit))
        };
        let wanted: Vec<&str> = self.failure.expected.iter().map(String::as_str).collect();
        if wanted.is_empty() {
            return if unexpected.is_empty() { "unknown parse error".to_owned() } else { unexpected };
        }
        format!("{unexpected} expecting {}", listed(&wanted)).trim().to_owned()
    }
}

fn token(found: Option<char>) -> Unexpected {
    Unexpected::Token(found.map_or_else(String::new, |c| format!("{:?}", c.to_string())))
}

fn explicit(found: &Unexpected) -> Option<&str> {
    match found {
        Unexpected::Explicit(text) => Some(text),
        Unexpected::Token(_) => None,
    }
}

/// `a`, `a or b`, `a, b or c`, each once.
fn listed(items: &[&str]) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for item in items {
        if !item.is_empty() && !unique.contains(item) {
            unique.push(item);
        }
    }
    match unique.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_at_one_place_are_listed_in_order() {
        let mut cursor = Cursor::new("0");
        assert_eq!(cursor.attempt(|c| c.literal("not")), Err(Stop));
        assert_eq!(cursor.label("operator", |c| c.literal("eq")), Err(Stop));
        let (place, reason) = cursor.explain();
        assert_eq!(place, "(line 1, column 1)");
        assert_eq!(reason, "unexpected \"0\" expecting \"not\" or operator");
    }

    #[test]
    fn a_quick_cursor_goes_the_same_way() {
        let parse = |mut cursor: Cursor| {
            let word = cursor.attempt(|c| c.literal("not"));
            let operator = cursor.label("operator", |c| c.keyword("EQ"));
            (word, operator, cursor.optional(|c| c.char('.')), cursor.rest())
        };
        for text in ["", "not", "noteq.1", "eq.1", "no"] {
            assert_eq!(parse(Cursor::quick(text)), parse(Cursor::new(text)), "{text}");
        }
    }

    #[test]
    fn the_furthest_failure_wins() {
        let mut cursor = Cursor::new("ab");
        let both = |c: &mut Cursor| c.char('a').and_then(|_| c.char('x'));
        assert_eq!(cursor.attempt(both), Err(Stop));
        assert_eq!(cursor.char('q'), Err(Stop));
        assert_eq!(cursor.explain().1, "unexpected \"b\" expecting \"x\"");
    }
}
