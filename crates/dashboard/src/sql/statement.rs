//! Statements of a text: where each ends and what kind it is.

use pg::statements::{Kind, Token, tokens};

/// A statement that the console judges.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    /// Its text with everything around it: the texts of all statements together are the whole text.
    pub(crate) text: &'a str,
    /// Its tokens without white space and comments.
    pub(crate) tokens: Vec<Token<'a>>,
}

/// Only what PostgreSQL would run.
pub(crate) fn split_runnable(text: &str) -> Vec<Statement<'_>> {
    let statements = pg::statements::split(text).into_iter().filter(|statement| !statement.tokens.is_empty());
    statements.map(|statement| Statement { text: statement.whole, tokens: statement.tokens }).collect()
}

impl<'a> Statement<'a> {
    /// What the statement does, in capitals as PostgreSQL reports it: `SELECT`, `CREATE TABLE` …
    pub(crate) fn kind(&self) -> String {
        let verb = self.verb();
        let Some(first) = verb.first().filter(|token| token.kind == Kind::Word) else { return String::new() };
        let first = first.text.to_ascii_uppercase();
        let takes_object = ["CREATE", "DROP", "ALTER", "REFRESH", "START", "COMMENT", "REINDEX", "PREPARE"];
        if !takes_object.contains(&first.as_str()) {
            return first;
        }
        let object = self.object().map(|(words, _)| words).unwrap_or_default();
        if object.is_empty() { first } else { format!("{first} {object}") }
    }

    /// The tokens from the word that says what is done: past the parentheses of a query and past a `with` list.
    pub(crate) fn verb(&self) -> &[Token<'a>] {
        main_verb(&self.tokens)
    }

    /// What kind of object a `create`, `drop` or `alter` is about, and the tokens after it.
    pub(crate) fn object(&self) -> Option<(String, &[Token<'a>])> {
        const FILLERS: [&str; 12] = [
            "or",
            "replace",
            "temp",
            "temporary",
            "unlogged",
            "global",
            "local",
            "unique",
            "recursive",
            "trusted",
            "default",
            "constraint",
        ];
        const TWO_WORDS: [(&str, &str); 9] = [
            ("materialized", "view"),
            ("foreign", "table"),
            ("foreign", "data"),
            ("event", "trigger"),
            ("access", "method"),
            ("text", "search"),
            ("user", "mapping"),
            ("operator", "class"),
            ("operator", "family"),
        ];
        let rest = self.tokens.get(1..)?;
        let skipped = rest.iter().take_while(|token| FILLERS.iter().any(|filler| token.is(filler))).count();
        let rest = &rest[skipped..];
        let first = rest.first().filter(|token| token.kind == Kind::Word)?;
        let is_pair = |(one, two): &&(&str, &str)| first.is(one) && rest.get(1).is_some_and(|next| next.is(two));
        let (words, length) = match TWO_WORDS.iter().find(is_pair) {
            Some((one, two)) => (format!("{one} {two}"), 2),
            None => (first.text.to_owned(), 1),
        };
        Some((words.to_ascii_uppercase(), &rest[length..]))
    }

    /// Whether a word stands anywhere outside parentheses.
    pub(crate) fn has(&self, word: &str) -> bool {
        outer(&self.tokens).any(|token| token.is(word))
    }

    /// Whether the statement gives rows, as far as its words tell.
    pub(crate) fn returns_rows(&self) -> bool {
        let kind = self.kind();
        ["SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "FETCH", "EXECUTE", "CALL"].contains(&kind.as_str())
            || self.has("returning")
    }
}

/// See [`Statement::verb`].
pub(crate) fn main_verb<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while tokens.first().is_some_and(|token| token.kind == Kind::Open) {
        tokens = &tokens[1..];
    }
    if !tokens.first().is_some_and(|token| token.is("with")) {
        return tokens;
    }
    const VERBS: [&str; 7] = ["select", "insert", "update", "delete", "merge", "values", "table"];
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 && VERBS.iter().any(|verb| token.is(verb)) => return &tokens[index..],
            _ => {}
        }
    }
    tokens
}

/// The tokens outside parentheses, up to the one that closes a group that was open before.
pub(crate) fn outer<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    let mut depth = 0_i32;
    tokens
        .iter()
        .take_while(move |token| {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            depth >= 0
        })
        .scan(0_i32, |depth, token| {
            let before = *depth;
            match token.kind {
                Kind::Open => *depth += 1,
                Kind::Close => *depth -= 1,
                _ => {}
            }
            Some((before == 0 && *depth == 0).then_some(token))
        })
        .flatten()
}

/// The text of a statement list without its literals and comments, for the audit trail.
pub(crate) fn without_literals(text: &str, max_bytes: usize) -> String {
    let mut out = String::new();
    for token in tokens(text) {
        match token.kind {
            Kind::Comment => {}
            Kind::Literal => out.push_str("'…'"),
            Kind::Space => out.push(' '),
            _ => out.push_str(token.text),
        }
        if out.len() >= max_bytes {
            let end = out.floor_char_boundary(max_bytes);
            out.truncate(end);
            out.push('…');
            break;
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        split_runnable(text).iter().map(Statement::kind).collect()
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_everything() {
        assert_eq!(kinds("select ';'; -- ;\n insert into t values ($$;$$);; "), ["SELECT", "INSERT"]);
        assert_eq!(kinds("create rule r as on insert to t do (delete from a; delete from b); select 1").len(), 2);
        let body = "create or replace function f() returns int begin atomic \
                    select case when true then 1 else 2 end; select 2; end; select 3";
        assert_eq!(kinds(body), ["CREATE FUNCTION", "SELECT"]);
        assert_eq!(kinds("begin; select 1; end"), ["BEGIN", "SELECT", "END"]);
        assert_eq!(kinds(" /* nothing */ ; "), Vec::<String>::new());
    }

    #[test]
    fn kinds_are_named_past_fillers_parentheses_and_with() {
        for (text, kind) in [
            ("create unlogged table x()", "CREATE TABLE"),
            ("CREATE MATERIALIZED VIEW v as select 1", "CREATE MATERIALIZED VIEW"),
            ("(select 1) union select 2", "SELECT"),
            ("with a as (select 1), b as (delete from t) update x set y = 1", "UPDATE"),
            ("with recursive a as (values (1)) select * from a", "SELECT"),
            ("drop trigger t on x", "DROP TRIGGER"),
            ("refresh materialized view v", "REFRESH MATERIALIZED VIEW"),
            ("start transaction", "START TRANSACTION"),
            ("do $$ begin end $$", "DO"),
            ("\"select\"", ""),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
    }

    #[test]
    fn the_trail_keeps_no_literals() {
        let text = "alter role x password 'secret'; -- secret\nselect $$secret$$, e'secret', \"col\"";
        assert_eq!(without_literals(text, 200), "alter role x password '…';  select '…', '…', \"col\"");
        assert_eq!(without_literals("select üüüü", 8), "select …");
    }

    proptest! {
        #[test]
        fn any_text_can_be_judged(text in r#"([ \na-c;()'"$/*ü-]|--|/\*|\*/|\$\$|create|function|begin|atomic|case|end|with|select|delete)*"#) {
            for statement in split_runnable(&text) {
                let _ = (statement.returns_rows(), statement.object());
                prop_assert!(!statement.kind().contains(|c: char| c.is_ascii_lowercase()));
            }
            prop_assert!(without_literals(&text, 16).len() <= 16 + '…'.len_utf8());
        }
    }
}
