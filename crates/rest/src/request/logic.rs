//! Logic trees: `and=(a.eq.1,or(b.gt.2,not.and(…)))`.

use super::ast::{EmbedPath, Junction, Logic};
use super::cursor::{Cursor, Step, Stop};
use super::filter;
use super::names::{comma, delimiter, field_name, lexeme};

/// Deepest nesting of groups.
pub(super) const MAX_DEPTH: usize = 64;

/// A tree written with its operator in front.
pub(super) fn tree(cursor: &mut Cursor) -> Step<Logic> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor, depth: usize) -> Step<Logic> {
    if let Ok(filter) = cursor.attempt(filter::nested) {
        return Ok(Logic::Filter(filter));
    }
    if depth >= MAX_DEPTH {
        return Err(Stop);
    }
    let negated = negation(cursor);
    let junction = cursor.label("logic operator (and, or)", |c| {
        if c.literal("and").is_ok() { Ok(Junction::And) } else { c.literal("or").map(|()| Junction::Or) }
    })?;
    lexeme(cursor, |c| c.char('('))?;
    let terms = cursor.separated(|c| nested(c, depth + 1), comma)?;
    lexeme(cursor, |c| c.char(')'))?;
    Ok(Logic::Group { negated, junction, terms })
}

fn negation(cursor: &mut Cursor) -> bool {
    let parsed = cursor.label("negation operator (not)", |c| {
        match c.attempt(|c| c.literal("not").and_then(|()| delimiter(c))) {
            Ok(()) => Ok(true),
            Err(Stop) => Ok(false),
        }
    });
    matches!(parsed, Ok(true))
}

/// `embed.not.or` → the embed's path and `not.or`.
pub(super) fn path(cursor: &mut Cursor) -> Step<(EmbedPath, String)> {
    let mut parts = cursor.separated(field_name, delimiter)?;
    let operator = parts.pop().unwrap_or_default();
    let negated = parts.iter().any(|part| part == "not");
    parts.retain(|part| part != "not");
    Ok((parts, if negated { format!("not.{operator}") } else { operator }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_nest() {
        let mut cursor = Cursor::new("or(id.eq.1, and(name.not.like.*3,not.or(x.is.null)))");
        let Ok(Logic::Group { junction: Junction::Or, terms, .. }) = tree(&mut cursor) else { unreachable!("parses") };
        assert_eq!(terms.len(), 2);
        assert!(cursor.end().is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let text = format!("{}a.eq.1{}", "and(".repeat(100_000), ")".repeat(100_000));
        assert!(tree(&mut Cursor::new(&text)).is_err());
    }

    #[test]
    fn an_empty_group_is_explained() {
        let mut cursor = Cursor::new("or()");
        assert!(tree(&mut cursor).is_err());
        let (place, reason) = cursor.explain();
        assert_eq!(place, "(line 1, column 4)");
        assert_eq!(
            reason,
            "unexpected \")\" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)"
        );
    }
}
