//! Times as rows have them. PostgreSQL knows `infinity` and years that no clock shows; who wrote such a row by hand must
//! not keep others from reading theirs, so these are read as the first or the last time that there is.

use std::fmt;

use jiff::Timestamp;
use pg::Row;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A column, which may be null.
pub(super) fn column(row: &Row, name: &str) -> Option<Timestamp> {
    row.get::<_, Option<pg::Clamped>>(name).map(|pg::Clamped(time)| time)
}

/// A column that is not null.
pub(super) fn known(row: &Row, name: &str) -> Timestamp {
    let pg::Clamped(time) = row.get(name);
    time
}

/// A field of JSON that the database built.
pub(super) fn field<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    Read::deserialize(from).map(|Read(time)| time)
}

/// A field that may be null.
pub(super) fn optional_field<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Read>::deserialize(from)?.map(|Read(time)| time))
}

/// A time as [`parse`] reads it.
struct Read(Timestamp);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as PostgreSQL writes it into JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Read, E> {
        Ok(Read(parse(text)))
    }
}

fn parse(text: &str) -> Timestamp {
    let is_past = text.starts_with('-') || text.ends_with("BC");
    text.parse().unwrap_or(if is_past { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_clock_shows_is_the_first_or_last_time() {
        assert_eq!(parse("2026-01-02T03:04:05.678+00:00"), "2026-01-02T03:04:05.678Z".parse().unwrap());
        for (text, expected) in [
            ("infinity", Timestamp::MAX),
            ("-infinity", Timestamp::MIN),
            ("20000-01-01T00:00:00+00:00", Timestamp::MAX),
            ("4714-11-24T00:00:00+00:00 BC", Timestamp::MIN),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
