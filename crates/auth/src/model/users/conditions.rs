//! Which users a list is to have.

use jiff::Timestamp;
use pg::Param;
use serde_json::Value;

/// The second before the year 1, which stands for no time at all.
pub(crate) const BEFORE_ALL: Timestamp = Timestamp::constant(-62_135_596_801, 0);

/// What all users of a list have in common. What is `None` (or empty) does not count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conditions {
    pub(crate) aud: String,
    /// What the address or the full name must contain.
    pub(crate) filter: String,
    /// A provider of one of the user's identities.
    pub(crate) provider: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) confirmed: Option<bool>,
    pub(crate) banned: Option<bool>,
    pub(crate) anonymous: Option<bool>,
    pub(crate) sso: Option<bool>,
    pub(crate) deleted: Option<bool>,
    /// Whether there is a verified second factor.
    pub(crate) mfa: Option<bool>,
    /// The level of one of the user's sessions.
    pub(crate) aal: Option<String>,
    pub(crate) app_metadata: Option<Value>,
    pub(crate) user_metadata: Option<Value>,
    pub(crate) created_after: Timestamp,
    pub(crate) created_before: Timestamp,
    pub(crate) last_sign_in_after: Option<Timestamp>,
    pub(crate) last_sign_in_before: Option<Timestamp>,
    /// The time that bans are compared with.
    pub(crate) now: Timestamp,
}

impl Conditions {
    /// All users of an audience.
    pub(crate) fn all(aud: String, now: Timestamp) -> Self {
        Self {
            aud,
            filter: String::new(),
            provider: None,
            role: None,
            confirmed: None,
            banned: None,
            anonymous: None,
            sso: None,
            deleted: None,
            mfa: None,
            aal: None,
            app_metadata: None,
            user_metadata: None,
            created_after: BEFORE_ALL,
            created_before: Timestamp::MAX,
            last_sign_in_after: None,
            last_sign_in_before: None,
            now,
        }
    }

    /// Whether nothing but the audience counts.
    pub(crate) fn are_none(&self) -> bool {
        *self == Self::all(self.aud.clone(), self.now)
    }

    /// The parameters of [`conditions`].
    pub(super) fn params(&self) -> [Param<'_>; 18] {
        [
            &self.aud,
            &self.filter,
            &self.provider,
            &self.role,
            &self.confirmed,
            &self.banned,
            &self.anonymous,
            &self.sso,
            &self.deleted,
            &self.mfa,
            &self.aal,
            &self.app_metadata,
            &self.user_metadata,
            &self.now,
            &self.created_after,
            &self.created_before,
            &self.last_sign_in_after,
            &self.last_sign_in_before,
        ]
    }

    /// The stretches of the filter that stand for themselves and are long enough to be looked up: three letters.
    pub(super) fn parts(&self) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut letters = self.filter.chars();
        while let Some(letter) = letters.next() {
            let letter = match letter {
                '%' | '_' => None,
                '\\' => letters.next(),
                letter => Some(letter),
            };
            match (letter, parts.last_mut()) {
                (Some(letter), Some(part)) => part.push(letter),
                _ => parts.push(String::new()),
            }
        }
        parts.retain(|part| part.chars().count() >= 3);
        parts
    }
}

/// The conditions on a user `u` as SQL with [`Conditions::params`]. The time of creation is written as in the index
/// `users_list_idx`.
macro_rules! conditions {
    () => {
        "u.instance_id = '00000000-0000-0000-0000-000000000000' and u.aud = $1::text
         and coalesce(u.created_at, '0001-01-01 00:00:00+00') >= $15::timestamptz
         and coalesce(u.created_at, '0001-01-01 00:00:00+00') < $16::timestamptz
         and ($2::text = '' or u.email like '%' || $2 || '%'
              or u.raw_user_meta_data ->> 'full_name' ilike '%' || $2 || '%')
         and ($3::text is null
              or exists (select from auth.identities i where i.user_id = u.id and i.provider = $3))
         and ($4::text is null or u.role = $4)
         and ($5::boolean is null or (u.confirmed_at is not null) = $5)
         and ($6::boolean is null or coalesce(u.banned_until > $14::timestamptz, false) = $6)
         and ($7::boolean is null or u.is_anonymous = $7)
         and ($8::boolean is null or u.is_sso_user = $8)
         and ($9::boolean is null or (u.deleted_at is not null) = $9)
         and ($10::boolean is null
              or exists (select from auth.mfa_factors f where f.user_id = u.id and f.status = 'verified') = $10)
         and ($11::text is null
              or exists (select from auth.sessions s
                where s.user_id = u.id and coalesce(s.aal, 'aal1') = $11::text::auth.aal_level))
         and ($12::jsonb is null or u.raw_app_meta_data @> $12)
         and ($13::jsonb is null or u.raw_user_meta_data @> $13)
         and ($17::timestamptz is null or u.last_sign_in_at >= $17)
         and ($18::timestamptz is null or u.last_sign_in_at < $18)"
    };
}

/// The users that can have parts of a text in address or name, by the index `users_search_idx`. The planner is kept
/// from using another one beside it (`offset 0`).
macro_rules! candidates {
    ($parts:literal) => {
        concat!(
            "(select * from auth.users u where vestibule.user_trigrams(u.email::text, u.raw_user_meta_data ->> 'full_name')
               @> (select vestibule.trigrams(",
            $parts,
            "::text[]))
              or vestibule.user_trigrams(u.email::text, u.raw_user_meta_data ->> 'full_name') @> array[''] offset 0)"
        )
    };
}

pub(super) use {candidates, conditions};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_divide_a_filter() {
        for (filter, parts) in [
            ("", &[][..]),
            ("jo", &[]),
            ("john", &["john"]),
            ("john%exa_ple.com", &["john", "exa", "ple.com"]),
            (r"a\_bc\", &["a_bc"]),
            ("Öya", &["Öya"]),
        ] {
            let conditions =
                Conditions { filter: filter.to_owned(), ..Conditions::all(String::new(), Timestamp::UNIX_EPOCH) };
            assert_eq!(conditions.parts(), parts, "{filter}");
        }
    }
}
