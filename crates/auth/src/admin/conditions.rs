//! Which users an administrator wants to see: parameters of the list beyond Supabase's `filter`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::error::Error;
use crate::model::users::Conditions;
use crate::query::Query;

/// Reads the conditions of a query. All of them must hold.
pub(super) fn read(query: &Query, aud: String, now: Timestamp) -> Result<Conditions, Error> {
    let all = Conditions::all(aud, now);
    Ok(Conditions {
        filter: query.first("filter").to_owned(),
        provider: text(query, "provider"),
        role: text(query, "role"),
        confirmed: switch(query, "confirmed")?,
        banned: switch(query, "banned")?,
        anonymous: switch(query, "anonymous")?,
        sso: switch(query, "sso")?,
        deleted: switch(query, "deleted")?,
        mfa: switch(query, "mfa")?,
        aal: level(query)?,
        app_metadata: metadata(query, "app_metadata")?,
        user_metadata: metadata(query, "user_metadata")?,
        created_after: time(query, "created_after")?.unwrap_or(all.created_after),
        created_before: time(query, "created_before")?.unwrap_or(all.created_before),
        last_sign_in_after: time(query, "last_sign_in_after")?,
        last_sign_in_before: time(query, "last_sign_in_before")?,
        ..all
    })
}

fn bad(name: &str, text: &str, wanted: &str) -> Error {
    Error::validation(format!("Bad Filter Parameters: {name} {text:?} is not {wanted}"))
}

fn text(query: &Query, name: &str) -> Option<String> {
    Some(query.first(name)).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn switch(query: &Query, name: &str) -> Result<Option<bool>, Error> {
    match query.first(name) {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        text => Err(bad(name, text, "true or false")),
    }
}

fn level(query: &Query) -> Result<Option<String>, Error> {
    match query.first("aal") {
        "" => Ok(None),
        level @ ("aal1" | "aal2" | "aal3") => Ok(Some(level.to_owned())),
        text => Err(bad("aal", text, "aal1, aal2 or aal3")),
    }
}

fn metadata(query: &Query, name: &str) -> Result<Option<Value>, Error> {
    match query.first(name) {
        "" => Ok(None),
        text => match serde_json::from_str(text) {
            Ok(value @ Value::Object(_)) if !text.contains("\\u0000") => Ok(Some(value)),
            _ => Err(bad(name, text, "a JSON object")),
        },
    }
}

/// A time, or a day for its beginning in UTC. A `+` that the address has left unescaped arrives as a space.
fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, Error> {
    let text = query.first(name);
    if text.is_empty() {
        return Ok(None);
    }
    let moment = text.replace(' ', "+").parse::<Timestamp>().ok();
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
    let time = moment.or_else(day).filter(|time| is_storable(*time));
    time.map(Some).ok_or_else(|| bad(name, text, "a time such as 2026-01-31T08:00:00Z or a day"))
}

/// Whether the database can compare with a time: its own begin in 4713 BC.
pub(super) fn is_storable(time: Timestamp) -> bool {
    const FIRST: i64 = -210_800_000_000;
    time.as_second() >= FIRST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Conditions, Error> {
        super::read(&Query::parse(query), "a".to_owned(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn no_parameter_means_no_condition() {
        assert!(read("page=3&sort=created_at+asc&banned=&aal=").unwrap().are_none());
        assert!(!read("banned=false").unwrap().are_none());
    }

    #[test]
    fn days_and_times_are_understood() {
        let read = |text: &str| read(&format!("created_after={text}")).unwrap().created_after.to_string();
        assert_eq!(read("2026-01-31"), "2026-01-31T00:00:00Z");
        assert_eq!(read("2026-01-31T08:00:00+02:00"), "2026-01-31T06:00:00Z");
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (query, name) in [
            ("banned=yes", "banned"),
            ("aal=aal4", "aal"),
            ("created_before=tomorrow", "created_before"),
            ("last_sign_in_after=2026-13-01", "last_sign_in_after"),
            ("app_metadata=[]", "app_metadata"),
            ("user_metadata={", "user_metadata"),
        ] {
            let Err(Error::Validation(text)) = read(query) else { panic!("{query} was taken") };
            assert!(text.contains(name), "{text}");
        }
    }
}
