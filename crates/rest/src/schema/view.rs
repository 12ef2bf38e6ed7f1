//! Keys seen through views: which column of which table each column of a view shows.
//!
//! PostgreSQL keeps a view as a query tree. Its text form says for each entry of the target list where the
//! column came from; that may be another view, so the chain is followed down to a table.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::Name;
use super::relationship::ForeignKey;

/// A column by the number of its relation and its own.
pub(super) type ColumnId = (u32, i16);

/// A view as the catalog has it.
#[derive(Debug, Deserialize)]
pub(super) struct ViewSource {
    pub(super) oid: u32,
    #[serde(flatten)]
    pub(super) name: Name,
    /// Number and name of its columns.
    pub(super) columns: Vec<(i16, String)>,
    /// Text form of its query.
    pub(super) tree: String,
}

/// A primary key as the catalog has it.
#[derive(Debug, Deserialize)]
pub(super) struct PrimaryKey {
    pub(super) table: u32,
    pub(super) columns: Vec<i16>,
}

/// Which columns of a view show which columns of tables.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: Name,
    shown: BTreeMap<ColumnId, Vec<String>>,
}

/// Follows the columns of all views to their tables.
pub(super) fn resolve(sources: &[ViewSource]) -> Vec<View> {
    let origins: HashMap<u32, BTreeMap<i16, ColumnId>> =
        sources.iter().map(|source| (source.oid, origins(&source.tree))).collect();
    sources
        .iter()
        .map(|source| {
            let mut shown: BTreeMap<ColumnId, Vec<String>> = BTreeMap::new();
            for (number, name) in &source.columns {
                if let Some(base) = base((source.oid, *number), &origins) {
                    shown.entry(base).or_default().push(name.clone());
                }
            }
            View { name: source.name.clone(), shown }
        })
        .collect()
}

/// The column of a table that a column of a view shows, through any number of views.
fn base(start: ColumnId, origins: &HashMap<u32, BTreeMap<i16, ColumnId>>) -> Option<ColumnId> {
    let mut column = start;
    // A chain cannot be longer than there are views, unless it is a circle.
    for _ in 0..=origins.len() {
        match origins.get(&column.0) {
            Some(view) => column = *view.get(&column.1)?,
            None => return Some(column),
        }
    }
    None
}

impl View {
    /// The view's columns for a primary key, when it shows all of it.
    pub(super) fn key(&self, key: &PrimaryKey) -> Option<Vec<String>> {
        let first = |number: &i16| self.shown.get(&(key.table, *number))?.first().cloned();
        key.columns.iter().map(first).collect()
    }

    /// Each column of a table that it shows, with its names here.
    pub(super) fn origins(&self) -> impl Iterator<Item = (ColumnId, &[String])> {
        self.shown.iter().map(|(origin, names)| (*origin, names.as_slice()))
    }

    /// Every way in which the view shows all these columns of a table.
    fn ways(&self, table: u32, columns: &[i16]) -> Vec<Vec<String>> {
        /// Views that show a composite key many times over are no reason to multiply without end.
        const MAX_WAYS: usize = 64;
        let mut ways = vec![Vec::new()];
        for number in columns {
            let Some(names) = self.shown.get(&(table, *number)) else { return Vec::new() };
            let extended = |way: &Vec<String>| {
                names.iter().map(|name| way.iter().cloned().chain([name.clone()]).collect()).collect::<Vec<_>>()
            };
            ways = ways.iter().flat_map(extended).take(MAX_WAYS).collect();
        }
        ways
    }
}

/// The foreign keys that views show: from the view, to the view, or between two views.
pub(super) fn keys_of_views(keys: &[ForeignKey], views: &[View]) -> Vec<ForeignKey> {
    let mut shown = Vec::new();
    for key in keys {
        let ends = |table: u32, columns: &[i16]| -> Vec<(&Name, Vec<String>)> {
            let ways = |view: &'_ View| view.ways(table, columns);
            views.iter().flat_map(|view| ways(view).into_iter().map(move |way| (&view.name, way))).collect()
        };
        let from = ends(key.from_oid, &key.from_columns);
        let to = ends(key.to_oid, &key.to_columns);
        let near: Vec<String> = key.columns.iter().map(|(near, _)| near.clone()).collect();
        let far: Vec<String> = key.columns.iter().map(|(_, far)| far.clone()).collect();
        let between =
            |(from, near): (&Name, &[String]), (to, far): (&Name, &[String]), views: (bool, bool)| ForeignKey {
                from: from.clone(),
                to: to.clone(),
                columns: near.iter().cloned().zip(far.iter().cloned()).collect(),
                from_view: views.0,
                to_view: views.1,
                ..key.clone()
            };
        for (view, near) in &from {
            shown.push(between((view, near), (&key.to, &far), (true, false)));
        }
        for (view, far) in &to {
            shown.push(between((&key.from, &near), (view, far), (false, true)));
            for (other, near) in &from {
                shown.push(between((other, near), (view, far), (true, true)));
            }
        }
    }
    shown
}

/// Number of each entry of the outermost target list and where it came from.
fn origins(tree: &str) -> BTreeMap<i16, ColumnId> {
    /// The query is an element of a list, its target list another list, each entry a node.
    const QUERY: usize = 2;
    const ENTRY: usize = 4;
    let mut found = BTreeMap::new();
    let (mut depth, mut is_target) = (0_usize, false);
    let (mut number, mut table, mut column) = (0_i16, 0_u32, 0_i16);
    let mut field = "";
    for token in Tokens(tree) {
        match token {
            "{" | "(" => depth += 1,
            "}" | ")" => {
                if is_target && depth == ENTRY && table != 0 {
                    found.insert(number, (table, column));
                }
                depth = depth.saturating_sub(1);
                if is_target && depth == QUERY {
                    return found;
                }
            }
            ":targetList" if depth == QUERY => is_target = true,
            name if name.starts_with(':') => field = name,
            value if is_target && depth == ENTRY => match field {
                ":resno" => number = value.parse().unwrap_or_default(),
                ":resorigtbl" => table = value.parse().unwrap_or_default(),
                ":resorigcol" => column = value.parse().unwrap_or_default(),
                _ => {}
            },
            _ => {}
        }
    }
    found
}

/// Words and brackets of a node tree; a backslash makes the next character part of a word.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0 = self.0.trim_start();
        let first = self.0.chars().next()?;
        let length = if matches!(first, '{' | '}' | '(' | ')') { first.len_utf8() } else { word_length(self.0) };
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn word_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '{' | '}' | '(' | ')' => return at,
            c if c.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "({QUERY :commandType 1 :rtable ({RTE :eref {ALIAS :aliasname a\\ b\\} :colnames (\"id\")} \
        :subquery {QUERY :targetList ({TARGETENTRY :resno 1 :resorigtbl 99 :resorigcol 9})}}) \
        :targetList ({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resname id :resorigtbl 16385 :resorigcol 2 :resjunk false} \
        {TARGETENTRY :expr {CONST} :resno 2 :resorigtbl 0 :resorigcol 0}) :override 0})";

    #[test]
    fn only_the_outermost_target_list_counts() {
        assert_eq!(origins(TREE), BTreeMap::from([(1, (16385, 2))]));
        assert_eq!(origins("({QUERY :targetList <> :x 1})"), BTreeMap::new());
        assert_eq!(origins(")))((("), BTreeMap::new());
    }

    #[test]
    fn views_over_views_are_followed_and_circles_end() {
        let view = |oid: u32, table: u32| (oid, BTreeMap::from([(1, (table, 1))]));
        let origins = HashMap::from([view(10, 11), view(11, 5), view(20, 21), view(21, 20)]);
        assert_eq!(base((10, 1), &origins), Some((5, 1)));
        assert_eq!(base((20, 1), &origins), None);
        assert_eq!(base((10, 2), &origins), None);
    }
}
