//! Filters: `[not.]operator.value`.

use super::ast::{Filter, FullTextOperator, IsValue, Operation, QuantOperator, Quantifier, SimpleOperator};
use super::cursor::{Cursor, Step, Stop};
use super::names::{delimiter, field, identifier, lexeme, quoted};

const SIMPLE: [(&str, SimpleOperator); 9] = [
    ("neq", SimpleOperator::NotEqual),
    ("cs", SimpleOperator::Contains),
    ("cd", SimpleOperator::Contained),
    ("ov", SimpleOperator::Overlaps),
    ("sl", SimpleOperator::StrictlyLeft),
    ("sr", SimpleOperator::StrictlyRight),
    ("nxr", SimpleOperator::NotExtendsRight),
    ("nxl", SimpleOperator::NotExtendsLeft),
    ("adj", SimpleOperator::Adjacent),
];

/// Longer names first where one begins with another.
const QUANTIFIED: [(&str, QuantOperator); 9] = [
    ("eq", QuantOperator::Equal),
    ("gte", QuantOperator::GreaterOrEqual),
    ("gt", QuantOperator::Greater),
    ("lte", QuantOperator::LessOrEqual),
    ("lt", QuantOperator::Less),
    ("like", QuantOperator::Like),
    ("ilike", QuantOperator::ILike),
    ("match", QuantOperator::Match),
    ("imatch", QuantOperator::IMatch),
];

const FULL_TEXT: [(&str, FullTextOperator); 4] = [
    ("fts", FullTextOperator::Raw),
    ("plfts", FullTextOperator::Plain),
    ("phfts", FullTextOperator::Phrase),
    ("wfts", FullTextOperator::WebSearch),
];

const IS_VALUES: [(&str, IsValue); 5] = [
    ("null", IsValue::Null),
    ("not_null", IsValue::NotNull),
    ("true", IsValue::True),
    ("false", IsValue::False),
    ("unknown", IsValue::Unknown),
];

/// A value that ends with the parameter, or one inside a logic tree.
type Value = fn(&mut Cursor) -> Step<String>;

/// Negation and operation of `column=[not.]operator.value`.
pub(super) fn condition(cursor: &mut Cursor) -> Step<(bool, Operation)> {
    expression(cursor, |c| Ok(c.rest()))
}

/// A filter inside a logic tree: `column.[not.]operator.value`.
pub(super) fn nested(cursor: &mut Cursor) -> Step<Filter> {
    let field = field(cursor)?;
    delimiter(cursor)?;
    let (negated, operation) = expression(cursor, nested_value)?;
    Ok(Filter { field, negated, operation })
}

fn expression(cursor: &mut Cursor, value: Value) -> Step<(bool, Operation)> {
    let negated = cursor.attempt(|c| c.literal("not").and_then(|()| delimiter(c))).is_ok();
    let operation = cursor.label("operator (eq, gt, ...)", |c| operation(c, value))?;
    Ok((negated, operation))
}

fn operation(cursor: &mut Cursor, value: Value) -> Step<Operation> {
    if word(cursor, "in").is_ok() {
        return list(cursor).map(Operation::In);
    }
    if word(cursor, "is").is_ok() {
        return is_value(cursor).map(Operation::Is);
    }
    if word(cursor, "isdistinct").is_ok() {
        return value(cursor).map(Operation::IsDistinct);
    }
    let start = cursor.position();
    for attempt in [full_text, simple, quantified] {
        match cursor.attempt(|c| attempt(c, value)) {
            Err(Stop) if cursor.position() == start => {}
            done => return done,
        }
    }
    Err(Stop)
}

fn word(cursor: &mut Cursor, name: &str) -> Step<()> {
    cursor.attempt(|c| c.literal(name).and_then(|()| delimiter(c)))
}

fn first_of<T: Copy>(cursor: &mut Cursor, names: &[(&str, T)]) -> Step<T> {
    names.iter().find(|(name, _)| cursor.literal(name).is_ok()).map(|(_, operator)| *operator).ok_or(Stop)
}

fn simple(cursor: &mut Cursor, value: Value) -> Step<Operation> {
    let operator = first_of(cursor, &SIMPLE)?;
    delimiter(cursor)?;
    Ok(Operation::Simple(operator, value(cursor)?))
}

fn quantified(cursor: &mut Cursor, value: Value) -> Step<Operation> {
    let operator = first_of(cursor, &QUANTIFIED)?;
    let quantifier = if cursor.literal("(any)").is_ok() {
        Some(Quantifier::Any)
    } else if cursor.literal("(all)").is_ok() {
        Some(Quantifier::All)
    } else {
        None
    };
    delimiter(cursor)?;
    Ok(Operation::Quantified(operator, quantifier, value(cursor)?))
}

fn full_text(cursor: &mut Cursor, value: Value) -> Step<Operation> {
    let operator = first_of(cursor, &FULL_TEXT)?;
    let configuration = cursor
        .attempt(|c| {
            c.char('(')?;
            let name = identifier(c)?;
            c.char(')').map(|_| name)
        })
        .ok();
    delimiter(cursor)?;
    Ok(Operation::FullText(operator, configuration, value(cursor)?))
}

fn is_value(cursor: &mut Cursor) -> Step<IsValue> {
    cursor.label("isVal: (null, not_null, true, false, unknown)", |c| {
        IS_VALUES.iter().find(|(name, _)| c.keyword(name).is_ok()).map(|(_, value)| *value).ok_or(Stop)
    })
}

fn list(cursor: &mut Cursor) -> Step<Vec<String>> {
    lexeme(cursor, |c| c.char('('))?;
    let values = cursor.separated(plain_value, |c| c.char(',').map(drop))?;
    lexeme(cursor, |c| c.char(')'))?;
    Ok(values)
}

/// An element of a list: a quoted text that is the whole element, else everything up to `,` or `)`.
fn plain_value(cursor: &mut Cursor) -> Step<String> {
    let is_inside = |c: char| c != ',' && c != ')';
    let whole = cursor.attempt(|c| {
        let text = quoted(c)?;
        c.not_ahead(is_inside).map(|()| text)
    });
    Ok(whole.unwrap_or_else(|Stop| cursor.take_while(is_inside)))
}

fn nested_value(cursor: &mut Cursor) -> Step<String> {
    if cursor.peek() == Some('{') {
        let array = cursor.attempt(|c| {
            c.char('{')?;
            let inner = c.take_while(|c| c != '{' && c != '}');
            c.char('}').map(|_| format!("{{{inner}}}"))
        });
        if array.is_ok() {
            return array;
        }
    }
    plain_value(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(bool, Operation), (String, String)> {
        let mut cursor = Cursor::new(text);
        condition(&mut cursor).map_err(|Stop| cursor.explain())
    }

    #[test]
    fn operators_are_read() {
        assert_eq!(
            parsed("eq.1,2)"),
            Ok((false, Operation::Quantified(QuantOperator::Equal, None, "1,2)".to_owned())))
        );
        assert_eq!(
            parsed("not.in.(1,\"a,b\",c\"d\")"),
            Ok((true, Operation::In(["1", "a,b", "c\"d\""].map(str::to_owned).to_vec())))
        );
        assert_eq!(parsed("is.NULL"), Ok((false, Operation::Is(IsValue::Null))));
        assert_eq!(
            parsed("fts(french).chat"),
            Ok((false, Operation::FullText(FullTextOperator::Raw, Some("french".to_owned()), "chat".to_owned())))
        );
        assert_eq!(
            parsed("like(any).{a*,b}"),
            Ok((false, Operation::Quantified(QuantOperator::Like, Some(Quantifier::Any), "{a*,b}".to_owned())))
        );
    }

    #[test]
    fn an_unknown_operator_is_explained() {
        let (place, reason) = parsed("0").expect_err("no operator");
        assert_eq!(place, "(line 1, column 1)");
        assert_eq!(reason, "unexpected \"0\" expecting \"not\" or operator (eq, gt, ...)");
    }
}
