//! Times that PostgreSQL knows and clocks do not.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::types::{FromSql, Type};

/// A `timestamptz` of any value: `infinity`, and years beyond those of [`Timestamp`], are its greatest or least value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamped(pub Timestamp);

/// 2000-01-01 00:00 UTC, from which PostgreSQL counts microseconds.
const EPOCH: Timestamp = Timestamp::constant(946_684_800, 0);

impl<'a> FromSql<'a> for Clamped {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let since = i64::from_be_bytes(bytes.try_into()?);
        let end = if since < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Ok(Self(EPOCH.checked_add(SignedDuration::from_micros(since)).unwrap_or(end)))
    }

    fn accepts(type_: &Type) -> bool {
        *type_ == Type::TIMESTAMPTZ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_all_clocks_are_the_first_or_last() {
        let read = |since: i64| Clamped::from_sql(&Type::TIMESTAMPTZ, &since.to_be_bytes()).expect("eight bytes").0;
        assert_eq!(read(1_000_001), "2000-01-01T00:00:01.000001Z".parse().expect("a time"));
        assert_eq!(read(-1), "1999-12-31T23:59:59.999999Z".parse().expect("a time"));
        assert_eq!((read(i64::MAX), read(i64::MIN)), (Timestamp::MAX, Timestamp::MIN));
        assert_eq!(read(568_024_704_000_000_000), Timestamp::MAX, "the year 20000");
        assert!(Clamped::from_sql(&Type::TIMESTAMPTZ, &[1]).is_err());
    }
}
