//! Embedded resources: lateral joins, and their columns in the parent.

use super::Sql;
use crate::plan::{Embed, Label, LiftedAggregate, Shape};

/// Prefix of the columns that carry the order of a spread; no field name can begin so unless it is quoted.
const ORDER_COLUMN: &str = "~order ";

impl Embed {
    /// Names of the columns that a spread gives to its parent.
    fn spread_columns(&self) -> Vec<String> {
        let own = self.rows.select.iter().map(|selected| {
            let aggregate = selected.aggregate.map(|aggregate| aggregate.name().to_owned());
            selected.alias.clone().or(aggregate).unwrap_or_else(|| selected.column.name.clone())
        });
        let nested = self.rows.embeds.iter().filter(|embed| !embed.is_hidden).flat_map(|embed| match embed.shape {
            Shape::Object | Shape::Array => vec![embed.name.clone()],
            Shape::SpreadObject | Shape::SpreadArray => embed.spread_columns(),
        });
        own.chain(nested).collect()
    }

    /// Of each column that it gives to its parent whether an aggregate is computed over it there.
    pub(super) fn aggregated_columns(&self) -> Vec<bool> {
        match self.shape {
            Shape::Object | Shape::Array => vec![false],
            Shape::SpreadObject | Shape::SpreadArray => {
                self.spread_columns().iter().map(|column| self.lifted(column).is_some()).collect()
            }
        }
    }

    fn lifted(&self, column: &str) -> Option<&LiftedAggregate> {
        self.lifted.iter().find(|lifted| lifted.carrier == column)
    }
}

impl Sql {
    /// What an embed adds to the select list of its parent, which computes aggregates or leaves that to its own.
    pub(super) fn embedded_columns(&mut self, embed: &Embed, lifts: bool) -> &mut Self {
        let alias = &embed.alias;
        match embed.shape {
            Shape::Object => self.push("row_to_json(").ident(alias).push(".*)::jsonb as ").ident(&embed.name),
            Shape::Array => {
                self.push("coalesce(").ident(alias).push(".").ident(alias).push(", '[]') as ").ident(&embed.name)
            }
            Shape::SpreadObject | Shape::SpreadArray => {
                let label = Label::Alias(alias.clone());
                self.each(", ", embed.spread_columns(), |sql, column| {
                    match embed.lifted(&column).filter(|_| !lifts) {
                        Some(lifted) => sql.lifted(&label, lifted),
                        None => sql.column(&label, &column),
                    };
                })
            }
        }
    }

    fn lifted(&mut self, label: &Label, lifted: &LiftedAggregate) -> &mut Self {
        self.push(if lifted.cast.is_some() { "cast(" } else { "" });
        self.push(lifted.aggregate.name()).push("(").column(label, &lifted.carrier).push(")");
        if let Some(cast) = &lifted.cast {
            self.push(" as ").type_name(cast).push(")");
        }
        self.push(" as ").ident(&lifted.name)
    }

    /// Joins an embed's subquery.
    pub(super) fn joined(&mut self, embed: &Embed) -> &mut Self {
        self.push(if embed.inner { " inner join lateral (" } else { " left join lateral (" });
        let has_own_row = matches!(embed.shape, Shape::Array | Shape::SpreadArray);
        match embed.shape {
            Shape::Object | Shape::SpreadObject => self.rows(&embed.rows),
            Shape::Array => self.collected(embed),
            Shape::SpreadArray => self.collected_columns(embed),
        };
        self.push(") as ").ident(&embed.alias);
        // An aggregate gives a row even when there is nothing to aggregate.
        if embed.inner && has_own_row {
            self.push(" on ").ident(&embed.alias).push(".").ident(&embed.alias).push(" is not null")
        } else {
            self.push(" on true")
        }
    }

    fn collected(&mut self, embed: &Embed) -> &mut Self {
        let alias = &embed.alias;
        self.push("select json_agg(").ident(alias).push(".*)::jsonb as ").ident(alias);
        self.push(" from (").rows(&embed.rows).push(") as ").ident(alias)
    }

    /// Each column as an array, all in the same order.
    fn collected_columns(&mut self, embed: &Embed) -> &mut Self {
        let alias = &embed.alias;
        let label = Label::Alias(alias.clone());
        let order = &embed.rows.order;
        self.push("select json_agg(").ident(alias).push(".*)::jsonb as ").ident(alias);
        for column in embed.spread_columns() {
            self.push(", coalesce(json_agg(").column(&label, &column);
            if !order.is_empty() {
                self.push(" order by ").each(", ", order.iter().enumerate(), |sql, (place, term)| {
                    sql.column(&label, &order_column(place)).order_modifiers(term);
                });
            }
            self.push("), '[]')::jsonb as ").ident(&column);
        }
        self.push(" from (").rows_with(&embed.rows, |sql| {
            for (place, term) in order.iter().enumerate() {
                sql.push(", ").order_value(&embed.rows.label, term, &embed.rows.embeds);
                sql.push(" as ").ident(&order_column(place));
            }
        });
        self.push(") as ").ident(alias)
    }
}

fn order_column(place: usize) -> String {
    format!("{ORDER_COLUMN}{place}")
}
