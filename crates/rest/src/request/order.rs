//! `order=a.desc.nullslast,embed(b)`.

use super::ast::{Direction, Nulls, OrderTerm};
use super::cursor::{Cursor, Step};
use super::names::{delimiter, field, field_name, lexeme};

/// All terms of an order.
pub(super) fn terms(cursor: &mut Cursor) -> Step<Vec<OrderTerm>> {
    cursor.separated(|c| lexeme(c, term), |c| c.char(',').map(drop))
}

fn term(cursor: &mut Cursor) -> Step<OrderTerm> {
    if let Ok(term) = cursor.attempt(related) {
        return Ok(term);
    }
    let field = field(cursor)?;
    let (direction, nulls) = modifiers(cursor)?;
    Ok(OrderTerm { relation: None, field, direction, nulls })
}

fn related(cursor: &mut Cursor) -> Step<OrderTerm> {
    let relation = Some(field_name(cursor)?);
    cursor.char('(')?;
    let field = field(cursor)?;
    cursor.char(')')?;
    let (direction, nulls) = modifiers(cursor)?;
    Ok(OrderTerm { relation, field, direction, nulls })
}

fn modifiers(cursor: &mut Cursor) -> Step<(Option<Direction>, Option<Nulls>)> {
    let direction = one_of(cursor, &[("asc", Direction::Ascending), ("desc", Direction::Descending)]);
    let nulls = one_of(cursor, &[("nullsfirst", Nulls::First), ("nullslast", Nulls::Last)]);
    if cursor.ahead(|c| c.char(',').map(drop)).is_err() {
        cursor.end()?;
    }
    Ok((direction, nulls))
}

fn one_of<T: Copy>(cursor: &mut Cursor, words: &[(&str, T)]) -> Option<T> {
    for (word, value) in words {
        if let Ok(()) = cursor.attempt(|c| delimiter(c).and_then(|()| c.literal(word))) {
            return Some(*value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Stop;
    use super::*;

    fn parsed(text: &str) -> Result<Vec<OrderTerm>, (String, String)> {
        let mut cursor = Cursor::new(text);
        terms(&mut cursor).map_err(|Stop| cursor.explain())
    }

    #[test]
    fn terms_have_directions_and_nulls() {
        let terms = parsed("a.desc.nullslast,clients(name).asc,b->>c").expect("parses");
        assert_eq!(terms[0].direction, Some(Direction::Descending));
        assert_eq!(terms[0].nulls, Some(Nulls::Last));
        assert_eq!(terms[1].relation.as_deref(), Some("clients"));
        assert_eq!(terms[2].field.path.len(), 1);
    }

    #[test]
    fn trailing_text_is_explained() {
        let (place, reason) = parsed("id.asc.nullslasttt").expect_err("trailing text");
        assert_eq!(place, "(line 1, column 17)");
        assert_eq!(reason, "unexpected 't' expecting \",\" or end of input");
    }
}
