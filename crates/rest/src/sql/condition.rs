//! Columns and conditions.

use super::Sql;
use crate::plan::{Column, Condition, Embed, JoinOn, Label, OrderBy, Shape};
use crate::request::ast::{
    Direction, FullTextOperator, IsValue, JsonKey, Junction, Nulls, Operation, QuantOperator, Quantifier,
    SimpleOperator,
};

/// How a condition on embedded rows is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmbedTest {
    /// Their subquery is joined.
    Joined,
    /// It is not: the rows are looked for.
    Searched,
}

/// The level that conditions are on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) label: &'a Label,
    pub(super) embeds: &'a [Embed],
    pub(super) test: EmbedTest,
}

impl Sql {
    /// A column with its JSON steps, turned into what the operation needs.
    pub(super) fn value_of(&mut self, label: &Label, column: &Column) -> &mut Self {
        if let Some(configuration) = &column.to_tsvector {
            self.push("to_tsvector(");
            if let Some(configuration) = configuration {
                self.bind(configuration).push(", ");
            }
            return self.json_value_of(label, column).push(")");
        }
        self.json_value_of(label, column)
    }

    fn json_value_of(&mut self, label: &Label, column: &Column) -> &mut Self {
        if column.to_json {
            self.push("to_jsonb(").column(label, &column.name).push(")");
        } else {
            self.column(label, &column.name);
        }
        for step in &column.path {
            self.push(if step.as_text { "->>" } else { "->" });
            match &step.key {
                JsonKey::Name(name) => self.bind(name),
                JsonKey::Index(index) => self.bind(index).push("::int"),
            };
        }
        self
    }

    /// `where` with all conditions and joins, or nothing.
    pub(super) fn filtered(&mut self, level: Level<'_>, conditions: &[Condition], joins: &[JoinOn]) -> &mut Self {
        if conditions.is_empty() && joins.is_empty() {
            return self;
        }
        self.push(" where ");
        self.each(" and ", conditions, |sql, condition| {
            sql.condition(level, condition);
        });
        if !conditions.is_empty() && !joins.is_empty() {
            self.push(" and ");
        }
        self.each(" and ", joins, |sql, join| {
            sql.column(&join.left.0, &join.left.1).push(" = ").column(&join.right.0, &join.right.1);
        })
    }

    fn condition(&mut self, level: Level<'_>, condition: &Condition) -> &mut Self {
        match condition {
            Condition::Filter { column, negated, operation, read_by } => {
                if *negated {
                    self.push("not ");
                }
                self.value_of(level.label, column).operation(operation, read_by.as_deref())
            }
            Condition::Embedded { embed, exists } => self.embedded(level, *embed, *exists),
            Condition::Group { negated, junction, terms } => {
                self.push(if *negated { "not (" } else { "(" });
                let between = match junction {
                    Junction::And => " and ",
                    Junction::Or => " or ",
                };
                self.each(between, terms, |sql, term| {
                    sql.condition(level, term);
                });
                self.push(")")
            }
        }
    }

    fn embedded(&mut self, level: Level<'_>, embed: usize, exists: bool) -> &mut Self {
        let Some(embed) = level.embeds.get(embed) else { return self.push("true") };
        if level.test == EmbedTest::Searched {
            self.push(if exists { "exists (" } else { "not exists (" });
            return self.existence(&embed.rows).push(")");
        }
        match embed.shape {
            Shape::Object | Shape::SpreadObject => self.push("(").ident(&embed.alias).push(".*)"),
            Shape::Array | Shape::SpreadArray => self.ident(&embed.alias).push(".").ident(&embed.alias),
        };
        self.push(if exists { " is distinct from null" } else { " is not distinct from null" })
    }

    /// A value, read by the function of its type if there is one.
    fn read_value(&mut self, value: &str, read_by: Option<&str>) -> &mut Self {
        match read_by {
            Some(function) => self.catalog(function).push("(").bind(value).push(")"),
            None => self.bind(value),
        }
    }

    fn operation(&mut self, operation: &Operation, read_by: Option<&str>) -> &mut Self {
        match operation {
            Operation::Simple(operator, value) => self.push(simple(*operator)).read_value(value, read_by),
            Operation::Quantified(operator, quantifier, value) => {
                let (value, read_by) = match operator {
                    // Patterns are no values of the type.
                    QuantOperator::Like | QuantOperator::ILike => (value.replace('*', "%"), None),
                    _ => (value.clone(), read_by),
                };
                self.push(quantified(*operator));
                match quantifier {
                    None => self.read_value(&value, read_by),
                    Some(Quantifier::Any) => self.push("any(").read_value(&value, read_by).push(")"),
                    Some(Quantifier::All) => self.push("all(").read_value(&value, read_by).push(")"),
                }
            }
            // An empty list matches nothing, whatever the type; an array of one empty text would not do.
            Operation::In(values) if values.as_slice() == [""] => self.push(" = any('{}')"),
            Operation::In(values) => match read_by {
                Some(function) => {
                    self.push(" = any(select ").catalog(function).push("(given) from unnest(");
                    self.bind_list(values).push("::text[]) given)")
                }
                None => self.push(" = any(").bind_list(values).push(")"),
            },
            Operation::Is(value) => self.push(match value {
                IsValue::Null => " is null",
                IsValue::NotNull => " is not null",
                IsValue::True => " is true",
                IsValue::False => " is false",
                IsValue::Unknown => " is unknown",
            }),
            Operation::IsDistinct(value) => self.push(" is distinct from ").bind(value),
            Operation::FullText(operator, configuration, query) => {
                self.push(match operator {
                    FullTextOperator::Raw => " @@ to_tsquery(",
                    FullTextOperator::Plain => " @@ plainto_tsquery(",
                    FullTextOperator::Phrase => " @@ phraseto_tsquery(",
                    FullTextOperator::WebSearch => " @@ websearch_to_tsquery(",
                });
                if let Some(configuration) = configuration {
                    self.bind(configuration).push(", ");
                }
                self.bind(query).push(")")
            }
        }
    }

    /// `order by` with all terms, or nothing.
    pub(super) fn ordered(&mut self, label: &Label, order: &[OrderBy], embeds: &[Embed]) -> &mut Self {
        if order.is_empty() {
            return self;
        }
        self.push(" order by ").each(", ", order, |sql, term| {
            sql.order_value(label, term, embeds).order_modifiers(term);
        })
    }

    pub(super) fn order_value(&mut self, label: &Label, term: &OrderBy, embeds: &[Embed]) -> &mut Self {
        match term.embed.and_then(|embed| embeds.get(embed)) {
            Some(embed) => self.value_of(&Label::Alias(embed.alias.clone()), &term.column),
            None => self.value_of(label, &term.column),
        }
    }

    pub(super) fn order_modifiers(&mut self, term: &OrderBy) -> &mut Self {
        self.push(match term.direction {
            None => "",
            Some(Direction::Ascending) => " asc",
            Some(Direction::Descending) => " desc",
        });
        self.push(match term.nulls {
            None => "",
            Some(Nulls::First) => " nulls first",
            Some(Nulls::Last) => " nulls last",
        })
    }
}

fn simple(operator: SimpleOperator) -> &'static str {
    match operator {
        SimpleOperator::NotEqual => " <> ",
        SimpleOperator::Contains => " @> ",
        SimpleOperator::Contained => " <@ ",
        SimpleOperator::Overlaps => " && ",
        SimpleOperator::StrictlyLeft => " << ",
        SimpleOperator::StrictlyRight => " >> ",
        SimpleOperator::NotExtendsRight => " &< ",
        SimpleOperator::NotExtendsLeft => " &> ",
        SimpleOperator::Adjacent => " -|- ",
    }
}

fn quantified(operator: QuantOperator) -> &'static str {
    match operator {
        QuantOperator::Equal => " = ",
        QuantOperator::GreaterOrEqual => " >= ",
        QuantOperator::Greater => " > ",
        QuantOperator::LessOrEqual => " <= ",
        QuantOperator::Less => " < ",
        QuantOperator::Like => " like ",
        QuantOperator::ILike => " ilike ",
        QuantOperator::Match => " ~ ",
        QuantOperator::IMatch => " ~* ",
    }
}
