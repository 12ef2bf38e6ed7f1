//! What PostgreSQL says about an operator's statement, with the place in the text.

use pg::ErrorPosition;
use serde::Serialize;

/// An error of a statement.
#[derive(Debug)]
pub(crate) struct SqlFailure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) detail: Detail,
}

/// Its particulars.
#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    pub(crate) sqlstate: String,
    /// The character of the text, counted from one.
    pub(crate) position: Option<u32>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    /// The functions it came from.
    #[serde(rename = "where")]
    pub(crate) context: Option<String>,
    pub(crate) detail: Option<String>,
}

impl SqlFailure {
    /// Reads an error; `None` when it was not PostgreSQL that failed.
    pub(crate) fn read(error: &pg::Error, query: &str) -> Option<Self> {
        let db = error.db()?;
        let position = match db.position() {
            Some(ErrorPosition::Original(position)) => Some(*position),
            _ => None,
        };
        let place = position.map(|position| place(query, position));
        Some(Self {
            message: db.message().to_owned(),
            hint: db.hint().map(str::to_owned),
            detail: Detail {
                sqlstate: db.code().code().to_owned(),
                position,
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
                context: db.where_().map(str::to_owned),
                detail: db.detail().map(str::to_owned),
            },
        })
    }
}

/// Line and column of a character, all counted from one.
fn place(query: &str, position: u32) -> (u32, u32) {
    let before = query.chars().take(position.saturating_sub(1) as usize);
    before.fold((1, 1), |(line, column), character| if character == '\n' { (line + 1, 1) } else { (line, column + 1) })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_count_characters_not_bytes() {
        assert_eq!(place("select 1", 1), (1, 1));
        assert_eq!(place("ää\nöx", 5), (2, 2));
        assert_eq!(place("a", 99), (1, 2));
    }
}
