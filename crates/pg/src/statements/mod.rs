//! Splitting SQL text into statements, as `psql` does: comments, strings, dollar quotes, quoted names and the
//! bodies of SQL-standard functions are skipped, nothing is interpreted.

mod lexer;

pub use lexer::{Kind, Token, tokens};

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// Its text with the white space and comments before it and the semicolon after it: the wholes of all
    /// statements together are the text.
    pub whole: &'a str,
    /// Where `whole` begins, in bytes.
    pub start: usize,
    /// Its tokens without white space, comments and the semicolon; none for a part that is no statement, such as a
    /// comment at the end.
    pub tokens: Vec<Token<'a>>,
}

/// Splits a text.
#[must_use]
pub fn split(text: &str) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    let mut splitter = Splitter::default();
    let (mut start, mut at) = (0, 0);
    for token in tokens(text) {
        at += token.text.len();
        if splitter.ends_at(token) {
            let tokens = std::mem::take(&mut splitter).tokens;
            statements.push(Statement { whole: &text[start..at], start, tokens });
            start = at;
        }
    }
    if start < text.len() {
        statements.push(Statement { whole: &text[start..], start, tokens: splitter.tokens });
    }
    statements
}

#[derive(Default)]
struct Splitter<'a> {
    tokens: Vec<Token<'a>>,
    parentheses: usize,
    /// `begin atomic … end` and `case … end` inside the body of a function in standard SQL.
    blocks: usize,
}

impl<'a> Splitter<'a> {
    /// Takes a token and says whether it is the semicolon that ends the statement.
    fn ends_at(&mut self, token: Token<'a>) -> bool {
        match token.kind {
            Kind::Open => self.parentheses += 1,
            Kind::Close => self.parentheses = self.parentheses.saturating_sub(1),
            Kind::Semicolon if self.parentheses == 0 && self.blocks == 0 => return true,
            Kind::Word if self.parentheses == 0 => self.track_block(token),
            _ => {}
        }
        if token.is_significant() {
            self.tokens.push(token);
        }
        false
    }

    fn track_block(&mut self, token: Token<'a>) {
        let opens = match self.blocks {
            0 => token.is("atomic") && self.tokens.last().is_some_and(|last| last.is("begin")) && self.is_routine(),
            _ => token.is("case"),
        };
        if opens {
            self.blocks += 1;
        } else if token.is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }

    fn is_routine(&self) -> bool {
        self.tokens.first().is_some_and(|first| first.is("create"))
            && self.tokens.iter().take(4).any(|token| token.is("function") || token.is("procedure"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runnable(sql: &str) -> Vec<&str> {
        let statements = split(sql).into_iter().filter(|statement| !statement.tokens.is_empty());
        statements.map(|statement| statement.whole.trim()).collect()
    }

    #[test]
    fn semicolons_in_strings_comments_and_quotes_do_not_split() {
        let sql = "select ';' as \"a;b\"; -- ; none\nselect $$;$$, $x$ $$;$$ $x$; /* ; /* ; */ ; */ select E'\\';'; ;";
        assert_eq!(
            runnable(sql),
            ["select ';' as \"a;b\";", "-- ; none\nselect $$;$$, $x$ $$;$$ $x$;", "/* ; /* ; */ ; */ select E'\\';';"]
        );
    }

    #[test]
    fn functions_with_sql_bodies_stay_whole() {
        let sql =
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3";
        assert_eq!(runnable(sql).len(), 2);
        let rule = "create rule r as on insert to t do (select 1; select 2); select 3";
        assert_eq!(runnable(rule).len(), 2);
        assert_eq!(runnable("begin; select 1; end; commit"), ["begin;", "select 1;", "end;", "commit"]);
    }

    #[test]
    fn wholes_are_the_text_and_starts_are_places_in_it() {
        let sql = "select 1;\n\n  select 2; -- end";
        let statements = split(sql);
        assert_eq!(statements.iter().map(|statement| statement.whole).collect::<String>(), sql);
        assert!(statements.iter().all(|statement| sql[statement.start..].starts_with(statement.whole)));
        assert!(statements.last().is_some_and(|last| last.tokens.is_empty()));
    }
}
