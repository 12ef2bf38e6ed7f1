//! How relations belong together: foreign keys, their inverses, and junctions.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Name, Table};

/// A way from one relation to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// Where it starts.
    pub from: Name,
    /// Where it leads.
    pub to: Name,
    /// What leads there.
    pub link: Link,
    /// The target is a view, whose keys have no names of their own.
    pub to_view: bool,
    /// The start is a view.
    pub from_view: bool,
    /// The start has the columns that refer to the target.
    pub holds_key: bool,
}

/// What a relationship rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A foreign key, in one of its two directions.
    Key {
        /// How many rows are on either side.
        cardinality: Cardinality,
        /// Name of the constraint.
        constraint: String,
        /// Column of `from` and the column of `to` that it equals.
        columns: Vec<(String, String)>,
    },
    /// Two foreign keys of a third relation.
    Junction {
        /// The third relation.
        table: Name,
        /// Key to `from`: constraint, columns of `from` and of the junction.
        near: (String, Vec<(String, String)>),
        /// Key to `to`: constraint, columns of `to` and of the junction.
        far: (String, Vec<(String, String)>),
    },
    /// A function from a row of `from` to rows of `to`.
    Function {
        /// The function.
        function: Name,
        /// It gives at most one row.
        is_single: bool,
    },
}

/// Rows on both sides of a foreign key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// The key's columns are in `from`.
    ManyToOne,
    /// The key's columns are in `to`.
    OneToMany,
    /// The key's columns are unique, on whichever side.
    OneToOne,
}

impl Relationship {
    /// At most one row of `to` belongs to a row of `from`.
    pub fn is_to_one(&self) -> bool {
        match &self.link {
            Link::Key { cardinality, .. } => *cardinality != Cardinality::OneToMany,
            Link::Junction { .. } => false,
            Link::Function { is_single, .. } => *is_single,
        }
    }

    /// Both sides are the same relation.
    pub fn is_self(&self) -> bool {
        self.from == self.to
    }

    /// Columns of `from` that the join needs.
    pub fn near_columns(&self) -> impl Iterator<Item = &str> {
        let columns: &[(String, String)] = match &self.link {
            Link::Key { columns, .. } => columns,
            Link::Junction { near, .. } => &near.1,
            Link::Function { .. } => &[],
        };
        columns.iter().map(|(column, _)| column.as_str())
    }

    /// How errors describe it.
    pub fn described(&self) -> Value {
        let embedding = format!("{} with {}", self.from.name, self.to.name);
        let listed = |names: &mut dyn Iterator<Item = &String>| {
            format!("({})", names.map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        match &self.link {
            Link::Key { cardinality, constraint, columns } => {
                let cardinality = match cardinality {
                    Cardinality::ManyToOne => "many-to-one",
                    Cardinality::OneToMany => "one-to-many",
                    Cardinality::OneToOne => "one-to-one",
                };
                let near = listed(&mut columns.iter().map(|(near, _)| near));
                let far = listed(&mut columns.iter().map(|(_, far)| far));
                let relationship = format!("{constraint} using {}{near} and {}{far}", self.from.name, self.to.name);
                json!({"cardinality": cardinality, "embedding": embedding, "relationship": relationship})
            }
            Link::Junction { table, near, far } => {
                let near = format!("{}{}", near.0, listed(&mut near.1.iter().map(|(_, column)| column)));
                let far = format!("{}{}", far.0, listed(&mut far.1.iter().map(|(_, column)| column)));
                let relationship = format!("{} using {near} and {far}", table.name);
                json!({"cardinality": "many-to-many", "embedding": embedding, "relationship": relationship})
            }
            Link::Function { .. } => json!({}),
        }
    }

    /// Everything that it needs is in one of these schemas.
    pub(super) fn is_within(&self, schemas: &[String]) -> bool {
        let is_within = |name: &Name| schemas.contains(&name.schema);
        let through = match &self.link {
            Link::Junction { table, .. } => is_within(table),
            Link::Key { .. } | Link::Function { .. } => true,
        };
        is_within(&self.from) && is_within(&self.to) && through
    }

    /// Where it stands among others, by kind and then by name.
    pub fn rank(&self) -> (u8, String) {
        let kind = match &self.link {
            Link::Key { cardinality: Cardinality::OneToMany, .. } => 0,
            Link::Key { cardinality: Cardinality::ManyToOne, .. } => 1,
            Link::Key { cardinality: Cardinality::OneToOne, .. } => 2,
            Link::Junction { .. } => 3,
            Link::Function { .. } => 4,
        };
        (kind, self.hint())
    }

    /// The hint that picks this one: `'target!hint'`.
    pub fn hint(&self) -> String {
        let hint = match &self.link {
            Link::Key { constraint, .. } => constraint,
            Link::Junction { table, .. } => &table.name,
            Link::Function { function, .. } => &function.name,
        };
        format!("'{}!{hint}'", self.to.name)
    }
}

/// A foreign key as it is in the catalog, or as a view shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ForeignKey {
    pub(super) from: Name,
    pub(super) to: Name,
    pub(super) constraint: String,
    pub(super) columns: Vec<(String, String)>,
    pub(super) is_unique: bool,
    pub(super) from_oid: u32,
    pub(super) from_columns: Vec<i16>,
    pub(super) to_oid: u32,
    pub(super) to_columns: Vec<i16>,
    /// It is seen through a view.
    #[serde(default)]
    pub(super) from_view: bool,
    /// It leads to a view.
    #[serde(default)]
    pub(super) to_view: bool,
}

/// A function that leads from a row to rows.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RowFunction {
    pub(super) function: Name,
    pub(super) from: Name,
    pub(super) to: Name,
    pub(super) is_single: bool,
}

/// All relationships that foreign keys give: each key, its inverse, and the pairs that make a junction.
pub(super) fn from_keys(keys: &[ForeignKey], tables: &[Table]) -> Vec<Relationship> {
    let primary: HashMap<&Name, BTreeSet<&str>> =
        tables.iter().map(|table| (&table.name, table.key.iter().map(String::as_str).collect())).collect();
    let mut by_table: HashMap<&Name, Vec<&ForeignKey>> = HashMap::new();
    let mut all = Vec::new();
    for key in keys {
        by_table.entry(&key.from).or_default().push(key);
        all.extend(both_ways(key));
    }
    for (table, keys) in by_table {
        let Some(primary) = primary.get(table) else { continue };
        for near in &keys {
            all.extend(keys.iter().filter_map(|far| junction(table, near, far, primary)));
        }
    }
    all
}

fn both_ways(key: &ForeignKey) -> [Relationship; 2] {
    let (there, back) = match key.is_unique {
        true => (Cardinality::OneToOne, Cardinality::OneToOne),
        false => (Cardinality::ManyToOne, Cardinality::OneToMany),
    };
    let link = |cardinality, columns| Link::Key { cardinality, constraint: key.constraint.clone(), columns };
    [
        Relationship {
            from: key.from.clone(),
            to: key.to.clone(),
            link: link(there, key.columns.clone()),
            to_view: key.to_view,
            from_view: key.from_view,
            holds_key: true,
        },
        Relationship {
            from: key.to.clone(),
            to: key.from.clone(),
            link: link(back, swapped(&key.columns)),
            to_view: key.from_view,
            from_view: key.to_view,
            holds_key: false,
        },
    ]
}

/// A table whose primary key holds the columns of two foreign keys joins their targets.
fn junction(table: &Name, near: &ForeignKey, far: &ForeignKey, primary: &BTreeSet<&str>) -> Option<Relationship> {
    let columns = near.columns.iter().chain(&far.columns);
    if near.constraint == far.constraint || near.is_unique || far.is_unique {
        return None;
    }
    if !columns.map(|(column, _)| column.as_str()).all(|column| primary.contains(column)) {
        return None;
    }
    let link = Link::Junction {
        table: table.clone(),
        near: (near.constraint.clone(), swapped(&near.columns)),
        far: (far.constraint.clone(), swapped(&far.columns)),
    };
    Some(Relationship {
        from: near.to.clone(),
        to: far.to.clone(),
        link,
        to_view: far.to_view,
        from_view: near.to_view,
        holds_key: false,
    })
}

fn swapped(columns: &[(String, String)]) -> Vec<(String, String)> {
    columns.iter().map(|(a, b)| (b.clone(), a.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(from: &str, to: &str, column: &str) -> ForeignKey {
        ForeignKey {
            from: Name::new("public", from),
            to: Name::new("public", to),
            constraint: format!("{from}_{column}_fkey"),
            columns: vec![(column.to_owned(), "id".to_owned())],
            is_unique: false,
            from_oid: 0,
            from_columns: Vec::new(),
            to_oid: 0,
            to_columns: Vec::new(),
            from_view: false,
            to_view: false,
        }
    }

    fn table(name: &str, primary: &[&str]) -> Table {
        Table {
            name: Name::new("public", name),
            is_view: false,
            insertable: true,
            updatable: true,
            deletable: true,
            key: primary.iter().map(|column| (*column).to_owned()).collect(),
            columns: Vec::new(),
        }
    }

    #[test]
    fn a_key_goes_both_ways() {
        let found = from_keys(&[key("films", "directors", "director_id")], &[table("films", &["id"])]);
        assert_eq!(found.len(), 2);
        assert!(found[0].is_to_one() && !found[1].is_to_one());
    }

    #[test]
    fn two_keys_in_a_primary_key_make_a_junction() {
        let keys = [key("roles", "films", "film_id"), key("roles", "actors", "actor_id")];
        let found = from_keys(&keys, &[table("roles", &["actor_id", "film_id"])]);
        let junctions: Vec<_> = found.iter().filter(|found| matches!(found.link, Link::Junction { .. })).collect();
        assert_eq!(junctions.len(), 2);
        let none = from_keys(&keys, &[table("roles", &["id"])]);
        assert!(none.iter().all(|found| matches!(found.link, Link::Key { .. })));
    }
}
