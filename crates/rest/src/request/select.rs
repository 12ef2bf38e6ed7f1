//! `select=a,alias:b::text,rel!inner(c,...other(d))`.

use super::ast::{Aggregate, Field, SelectColumn, SelectItem, SelectRelation};
use super::cursor::{Cursor, Step, Stop};
use super::names::{comma, field, field_name, identifier, lexeme};

/// Deepest nesting of embedded resources.
pub(super) const MAX_DEPTH: usize = 32;

/// A whole select list, possibly empty.
pub(super) fn items(cursor: &mut Cursor) -> Step<Vec<SelectItem>> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor, depth: usize) -> Step<Vec<SelectItem>> {
    let Some(first) = cursor.optional(|c| item(c, depth))? else { return Ok(Vec::new()) };
    let mut items = vec![first];
    while cursor.optional(comma)?.is_some() {
        items.push(item(cursor, depth)?);
    }
    Ok(items)
}

fn item(cursor: &mut Cursor, depth: usize) -> Step<SelectItem> {
    for head in [spread, relation] {
        let Ok(mut relation) = cursor.attempt(|c| lexeme(c, head)) else { continue };
        if depth >= MAX_DEPTH {
            return Err(Stop);
        }
        cursor.char('(')?;
        relation.items = nested(cursor, depth + 1)?;
        cursor.char(')')?;
        return Ok(SelectItem::Relation(relation));
    }
    column(cursor).map(SelectItem::Column)
}

fn spread(cursor: &mut Cursor) -> Step<SelectRelation> {
    cursor.literal("...")?;
    let name = field_name(cursor)?;
    relation_end(cursor, SelectRelation { name, spread: true, ..SelectRelation::default() })
}

fn relation(cursor: &mut Cursor) -> Step<SelectRelation> {
    let alias = alias(cursor);
    let name = field_name(cursor)?;
    if name == "count" {
        return Err(Stop);
    }
    relation_end(cursor, SelectRelation { name, alias, ..SelectRelation::default() })
}

/// `!hint` and `!inner` or `!left`, in any order.
fn relation_end(cursor: &mut Cursor, mut relation: SelectRelation) -> Step<SelectRelation> {
    for _ in 0..2 {
        if cursor.optional(|c| c.char('!'))?.is_none() {
            break;
        }
        if cursor.literal("left").is_ok() {
            continue;
        }
        if cursor.literal("inner").is_ok() {
            relation.inner = true;
            continue;
        }
        let hint = cursor.attempt(field_name)?;
        relation.hint.get_or_insert(hint);
    }
    cursor.ahead(|c| c.literal("("))?;
    Ok(relation)
}

fn alias(cursor: &mut Cursor) -> Option<String> {
    cursor
        .attempt(|c| {
            let name = field_name(c)?;
            c.char(':')?;
            c.not_ahead(|next| next == ':').map(|()| name)
        })
        .ok()
}

fn column(cursor: &mut Cursor) -> Step<SelectColumn> {
    lexeme(cursor, |c| {
        if let Ok(all) = c.attempt(star) {
            return Ok(all);
        }
        if let Ok(count) = c.attempt(count_rows) {
            return Ok(count);
        }
        let alias = alias(c);
        let field = field(c)?;
        let cast = cast(c)?;
        let aggregate = c.attempt(aggregate).ok();
        let aggregate_cast = self::cast(c)?;
        item_end(c)?;
        Ok(SelectColumn { field, cast, aggregate, aggregate_cast, alias })
    })
}

fn star(cursor: &mut Cursor) -> Step<SelectColumn> {
    cursor.literal("*")?;
    item_end(cursor)?;
    Ok(all_columns())
}

/// `*`
pub(super) fn all_columns() -> SelectColumn {
    let field = Field { name: "*".to_owned(), path: Vec::new() };
    SelectColumn { field, cast: None, aggregate: None, aggregate_cast: None, alias: None }
}

fn count_rows(cursor: &mut Cursor) -> Step<SelectColumn> {
    let alias = alias(cursor);
    cursor.literal("count()")?;
    let aggregate_cast = cast(cursor)?;
    item_end(cursor)?;
    Ok(SelectColumn { aggregate: Some(Aggregate::Count), aggregate_cast, alias, ..all_columns() })
}

fn cast(cursor: &mut Cursor) -> Step<Option<String>> {
    match cursor.optional(|c| c.literal("::"))? {
        Some(()) => identifier(cursor).map(Some),
        None => Ok(None),
    }
}

fn aggregate(cursor: &mut Cursor) -> Step<Aggregate> {
    cursor.char('.')?;
    let all = [Aggregate::Sum, Aggregate::Avg, Aggregate::Count, Aggregate::Max, Aggregate::Min];
    let found = all.into_iter().find(|function| cursor.literal(function.name()).is_ok()).ok_or(Stop)?;
    cursor.literal("()").map(|()| found)
}

fn item_end(cursor: &mut Cursor) -> Step<()> {
    for end in [")", ","] {
        if cursor.ahead(|c| c.literal(end)).is_ok() {
            return Ok(());
        }
    }
    cursor.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<SelectItem>, (String, String)> {
        let mut cursor = Cursor::new(text);
        let result = items(&mut cursor).and_then(|items| cursor.end().map(|()| items));
        result.map_err(|Stop| cursor.explain())
    }

    #[test]
    fn columns_have_aliases_casts_and_paths() {
        let items = parsed("id,full name:data->>name::text,total.sum()::int").expect("parses");
        let SelectItem::Column(named) = &items[1] else { unreachable!("a column") };
        assert_eq!(named.alias.as_deref(), Some("full name"));
        assert_eq!(named.cast.as_deref(), Some("text"));
        let SelectItem::Column(sum) = &items[2] else { unreachable!("a column") };
        assert_eq!(sum.aggregate, Some(Aggregate::Sum));
        assert_eq!(sum.aggregate_cast.as_deref(), Some("int"));
    }

    #[test]
    fn relations_nest() {
        let items = parsed("*, c:clients!fk!inner(*, ...nested(a)) , empty()").expect("parses");
        let SelectItem::Relation(clients) = &items[1] else { unreachable!("a relation") };
        assert_eq!((clients.alias.as_deref(), clients.hint.as_deref(), clients.inner), (Some("c"), Some("fk"), true));
        assert!(matches!(&clients.items[1], SelectItem::Relation(nested) if nested.spread));
    }

    #[test]
    fn errors_tell_place_and_expectation() {
        let (place, reason) = parsed("data->(!@#$%^&*_d->>!@#$%^&*_e::integer").expect_err("reserved character");
        assert_eq!(place, "(line 1, column 7)");
        assert_eq!(
            reason,
            "unexpected \"(\" expecting \"-\", digit or any non reserved character different from: .,>()"
        );
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parsed(&"a(".repeat(100_000)).is_err());
    }
}
