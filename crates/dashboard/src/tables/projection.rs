//! How rows become JSON: in the database, so that masked values never leave it and numbers that JavaScript
//! cannot hold come as text.

use pg::ident;

use super::catalog::{Column, Table};
use super::masked::MASK;

/// `int8`; beyond 2^53 JavaScript rounds.
const INT8: i64 = 20;
/// `numeric`; it has no limit, and its scale means something.
const NUMERIC: i64 = 1700;
/// `money`, `xid8`, `oid` and the like come as JSON strings or small numbers anyway.
const LARGEST_EXACT: i64 = 9_007_199_254_740_991;

/// One column's expression, named as the column.
fn expression(column: &Column, row: &str) -> String {
    let name = ident::quote(&column.name);
    let value = format!("{row}.{name}");
    if column.masked {
        return format!("case when {value} is not null then {} end as {name}", ident::literal(MASK));
    }
    match column.type_id {
        INT8 => format!(
            "case when {value} between -{LARGEST_EXACT} and {LARGEST_EXACT} then to_json({value}) \
             else to_json({value}::text) end as {name}"
        ),
        NUMERIC => format!("{value}::text as {name}"),
        _ => format!("{value} as {name}"),
    }
}

/// The list of all columns of `row`, an alias, for `row_to_json` over it.
pub(crate) fn for_json(table: &Table, row: &str) -> String {
    table.columns.iter().map(|column| expression(column, row)).collect::<Vec<_>>().join(", ")
}

/// The list of all columns as they are, masked ones masked, for CSV.
pub(crate) fn for_csv(table: &Table, row: &str) -> String {
    let plain = |column: &Column| {
        if column.masked { expression(column, row) } else { format!("{row}.{}", ident::quote(&column.name)) }
    };
    table.columns.iter().map(plain).collect::<Vec<_>>().join(", ")
}
