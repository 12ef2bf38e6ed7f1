//! The `Prefer` header.

use http::HeaderMap;

/// What the client prefers; the first recognised value of each preference counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// What an insert does about rows that exist.
    pub resolution: Option<Resolution>,
    /// What a write returns.
    pub representation: Option<Representation>,
    /// Whether and how rows are counted.
    pub count: Option<Count>,
    /// How the transaction ends; only where the server allows to choose.
    pub transaction: Option<TransactionEnd>,
    /// What keys that are missing in a row become.
    pub missing: Option<Missing>,
    /// Whether unknown preferences are an error.
    pub handling: Option<Handling>,
    /// Time zone of the transaction.
    pub timezone: Option<String>,
    /// Most rows that may be changed.
    pub max_affected: Option<i64>,
    /// What was not understood, in order.
    pub invalid: Vec<String>,
}

/// `resolution=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Update the row.
    MergeDuplicates,
    /// Leave the row.
    IgnoreDuplicates,
}

/// `return=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// The rows.
    Full,
    /// Nothing.
    Minimal,
    /// Only where the new row is.
    HeadersOnly,
}

/// `count=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Count the rows.
    Exact,
    /// Ask the planner.
    Planned,
    /// Count up to the row limit, then ask the planner.
    Estimated,
}

/// `tx=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Keep the changes.
    Commit,
    /// Undo them.
    Rollback,
}

/// `missing=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The column's default.
    Default,
    /// Null.
    Null,
}

/// `handling=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Unknown preferences are an error.
    Strict,
    /// They are ignored.
    Lenient,
}

impl Preferences {
    /// Reads all `Prefer` headers.
    pub fn read(headers: &HeaderMap, may_choose_end: bool) -> Self {
        let mut preferences = Self::default();
        for value in headers.get_all("prefer") {
            let text = String::from_utf8_lossy(value.as_bytes());
            for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                preferences.take(item, may_choose_end);
            }
        }
        preferences
    }

    fn take(&mut self, item: &str, may_choose_end: bool) {
        match item {
            "resolution=merge-duplicates" => keep(&mut self.resolution, Resolution::MergeDuplicates),
            "resolution=ignore-duplicates" => keep(&mut self.resolution, Resolution::IgnoreDuplicates),
            "return=representation" => keep(&mut self.representation, Representation::Full),
            "return=minimal" => keep(&mut self.representation, Representation::Minimal),
            "return=headers-only" => keep(&mut self.representation, Representation::HeadersOnly),
            "count=exact" => keep(&mut self.count, Count::Exact),
            "count=planned" => keep(&mut self.count, Count::Planned),
            "count=estimated" => keep(&mut self.count, Count::Estimated),
            "tx=commit" if may_choose_end => keep(&mut self.transaction, TransactionEnd::Commit),
            "tx=rollback" if may_choose_end => keep(&mut self.transaction, TransactionEnd::Rollback),
            "tx=commit" | "tx=rollback" => {}
            "missing=default" => keep(&mut self.missing, Missing::Default),
            "missing=null" => keep(&mut self.missing, Missing::Null),
            "handling=strict" => keep(&mut self.handling, Handling::Strict),
            "handling=lenient" => keep(&mut self.handling, Handling::Lenient),
            other => self.take_valued(other),
        }
    }

    fn take_valued(&mut self, item: &str) {
        match item.split_once('=') {
            Some(("timezone", zone)) => keep(&mut self.timezone, zone.to_owned()),
            Some(("max-affected", number)) => match number.parse() {
                Ok(number) => keep(&mut self.max_affected, number),
                Err(_) => self.invalid.push(item.to_owned()),
            },
            _ => self.invalid.push(item.to_owned()),
        }
    }

    /// Unknown preferences are an error.
    pub fn is_strict(&self) -> bool {
        self.handling == Some(Handling::Strict)
    }

    /// The whole result is counted with a count query.
    pub fn counts_exactly(&self) -> bool {
        matches!(self.count, Some(Count::Exact | Count::Estimated))
    }

    /// `Preference-Applied` of what is set here, in the fixed order; `None` when nothing is.
    pub fn applied(&self) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut push = |text: Option<&str>| parts.extend(text.map(str::to_owned));
        push(self.resolution.map(|value| match value {
            Resolution::MergeDuplicates => "resolution=merge-duplicates",
            Resolution::IgnoreDuplicates => "resolution=ignore-duplicates",
        }));
        push(self.missing.map(|value| match value {
            Missing::Default => "missing=default",
            Missing::Null => "missing=null",
        }));
        push(self.representation.map(|value| match value {
            Representation::Full => "return=representation",
            Representation::Minimal => "return=minimal",
            Representation::HeadersOnly => "return=headers-only",
        }));
        push(self.count.map(|value| match value {
            Count::Exact => "count=exact",
            Count::Planned => "count=planned",
            Count::Estimated => "count=estimated",
        }));
        push(self.transaction.map(|value| match value {
            TransactionEnd::Commit => "tx=commit",
            TransactionEnd::Rollback => "tx=rollback",
        }));
        push(self.handling.map(|value| match value {
            Handling::Strict => "handling=strict",
            Handling::Lenient => "handling=lenient",
        }));
        push(self.timezone.as_ref().map(|zone| format!("timezone={zone}")).as_deref());
        let max_affected = self.max_affected.filter(|_| self.is_strict());
        push(max_affected.map(|number| format!("max-affected={number}")).as_deref());
        if parts.is_empty() { None } else { Some(parts.join(", ")) }
    }
}

fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Preferences {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_str(value).expect("a header value"));
        }
        Preferences::read(&headers, true)
    }

    #[test]
    fn headers_and_commas_are_merged_and_the_first_value_counts() {
        let preferences = read(&["count=exact, tx=commit ,return=representation", "count=planned,anything, else"]);
        assert_eq!(preferences.count, Some(Count::Exact));
        assert_eq!(preferences.transaction, Some(TransactionEnd::Commit));
        assert_eq!(preferences.invalid, ["anything", "else"]);
    }

    #[test]
    fn applied_has_a_fixed_order() {
        let preferences =
            read(&["max-affected=5, timezone=UTC, handling=strict, count=exact, return=minimal, missing=default"]);
        assert_eq!(
            preferences.applied().as_deref(),
            Some("missing=default, return=minimal, count=exact, handling=strict, timezone=UTC, max-affected=5")
        );
    }
}
