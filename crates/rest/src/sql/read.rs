//! The select of one level, and the count of its rows.

use super::Sql;
use super::condition::{EmbedTest, Level};
use crate::plan::{Embed, Label, ReadNode, SelectedColumn, Source};

impl Sql {
    /// The rows of a level with everything embedded in them.
    pub(super) fn rows(&mut self, node: &ReadNode) -> &mut Self {
        self.rows_with(node, |_| {})
    }

    /// The same with further columns.
    pub(super) fn rows_with(&mut self, node: &ReadNode, further: impl FnOnce(&mut Self)) -> &mut Self {
        self.push("select ");
        self.each(", ", &node.select, |sql, selected| {
            sql.selected(&node.label, selected);
        });
        let mut has_columns = !node.select.is_empty();
        for embed in node.embeds.iter().filter(|embed| !embed.is_hidden) {
            if std::mem::replace(&mut has_columns, true) {
                self.push(", ");
            }
            self.embedded_columns(embed, node.lifts);
        }
        further(self);
        self.from(node);
        for embed in &node.embeds {
            self.joined(embed);
        }
        let level = Level { label: &node.label, embeds: &node.embeds, test: EmbedTest::Joined };
        self.filtered(level, &node.conditions, &node.join);
        self.grouped(node);
        self.ordered(&node.label, &node.order, &node.embeds);
        self.limited(node)
    }

    /// A query with one row for each row of the level, without its columns, order and limit.
    pub(super) fn existence(&mut self, node: &ReadNode) -> &mut Self {
        self.push("select 1").from(node);
        let level = Level { label: &node.label, embeds: &node.embeds, test: EmbedTest::Searched };
        self.filtered(level, &node.conditions, &node.join);
        let mut has_where = !node.conditions.is_empty() || !node.join.is_empty();
        for embed in node.embeds.iter().filter(|embed| embed.inner) {
            self.push(if std::mem::replace(&mut has_where, true) { " and exists (" } else { " where exists (" });
            self.existence(&embed.rows).push(")");
        }
        self
    }

    fn selected(&mut self, label: &Label, selected: &SelectedColumn) -> &mut Self {
        if selected.aggregate_cast.is_some() {
            self.push("cast(");
        }
        if let Some(aggregate) = selected.aggregate {
            self.push(aggregate.name()).push("(");
        }
        if selected.cast.is_some() {
            self.push("cast(");
        }
        // `count(label.*)` would count rows that are not null as a whole; `count(*)` counts all.
        if selected.marks_row {
            self.push("1");
        } else if selected.aggregate.is_some() && selected.column.name == "*" {
            self.push("*");
        } else if let Some(function) = &selected.shown_by {
            self.catalog(function).push("(").value_of(label, &selected.column).push(")");
        } else {
            self.value_of(label, &selected.column);
        }
        if let Some(cast) = &selected.cast {
            self.push(" as ").type_name(cast).push(")");
        }
        if selected.aggregate.is_some() {
            self.push(")");
        }
        if let Some(cast) = &selected.aggregate_cast {
            self.push(" as ").type_name(cast).push(")");
        }
        if let Some(alias) = &selected.alias {
            self.push(" as ").ident(alias);
        }
        self
    }

    fn from(&mut self, node: &ReadNode) -> &mut Self {
        self.push(" from ");
        match &node.source {
            Source::Relation(name) => {
                self.name(name);
            }
            Source::ThroughJunction { relation, junction, alias } => {
                self.name(relation).push(" as ").label(&node.label);
                return self.push(" cross join ").name(junction).push(" as ").ident(alias);
            }
            Source::Statement => {
                self.push("pgrst_source");
            }
            Source::Function { function, argument, row_type } => {
                self.name(function).push("(");
                match argument {
                    Label::Relation(name) => self.ident(&name.name),
                    Label::Alias(alias) => self.ident(alias),
                };
                self.push("::").name(row_type).push(")");
            }
        }
        match &node.label {
            Label::Relation(_) => self,
            Label::Alias(alias) => self.push(" as ").ident(alias),
        }
    }

    /// Everything that is no aggregate is grouped by, by position: names could mean input columns.
    fn grouped(&mut self, node: &ReadNode) -> &mut Self {
        let columns = node.select.iter().map(|selected| selected.aggregate.is_some());
        let shown = node.embeds.iter().filter(|embed| !embed.is_hidden);
        let embeds = shown.flat_map(Embed::aggregated_columns).map(|is_aggregated| is_aggregated && !node.lifts);
        let are_aggregated: Vec<bool> = columns.chain(embeds).collect();
        if !are_aggregated.contains(&true) {
            return self;
        }
        let plain = are_aggregated.iter().enumerate().filter(|(_, is_aggregated)| !**is_aggregated);
        let places: Vec<usize> = plain.map(|(index, _)| index + 1).collect();
        if places.is_empty() {
            return self;
        }
        self.push(" group by ").each(", ", places, |sql, place| {
            sql.number(place);
        })
    }

    fn limited(&mut self, node: &ReadNode) -> &mut Self {
        if node.range.is_everything() {
            return self;
        }
        if let Some(limit) = node.range.limit {
            self.push(" limit ").bind(limit.to_string());
        }
        if node.range.offset != 0 {
            self.push(" offset ").bind(node.range.offset.to_string());
        }
        self
    }
}
