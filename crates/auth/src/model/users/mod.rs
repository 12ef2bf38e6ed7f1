//! `auth.users`: accounts, read together with their identities and factors in one query. The row type is here;
//! statements are in [`find`], [`change`], [`list`] and [`rank`].

mod change;
mod conditions;
mod find;
mod list;
mod rank;

pub(crate) use change::{
    EMAIL_KEY, NewUser, Obscured, PHONE_KEY, PRIMARY_KEY, PromotedEmail, agree_to_email_change, change_email,
    change_phone, confirm_email, confirm_phone, delete, insert, invite, make_permanent, merge_app_metadata,
    merge_user_metadata, promote_email, recover, set_ban, set_email, set_metadata, set_password, set_phone, set_role,
    soft_delete, unlink_phone,
};
pub(crate) use conditions::Conditions;
pub(crate) use find::{
    find, find_by_email, find_by_phone, find_by_phone_change, find_duplicate, has_phone, hold, is_email_confirmed,
    is_phone_confirmed, is_taken, lock, reload,
};
pub(crate) use list::{ListOrder, Page, Slice, list, slice, with_email, with_phone};

use jiff::Timestamp;
use pg::{Json, Row};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::factors::Factor;
use super::identities::Identity;
use super::time;

/// A user; serialises as clients see it, in the order in which they know the fields.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) aud: String,
    pub(crate) role: String,
    pub(crate) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email_confirmed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invited_at: Option<Timestamp>,
    pub(crate) phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone_confirmed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirmation_sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) new_email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email_change_sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) new_phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone_change_sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reauthentication_sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_sign_in_at: Option<Timestamp>,
    pub(crate) app_metadata: Value,
    pub(crate) user_metadata: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) factors: Vec<Factor>,
    /// `None` where they were not read, which is `null` to clients.
    pub(crate) identities: Option<Vec<Identity>>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) banned_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) is_anonymous: bool,

    #[serde(skip)]
    pub(crate) is_sso_user: bool,
    /// 1 after the first of two addresses has agreed to a change.
    #[serde(skip)]
    pub(crate) email_change_confirm_status: i16,
    #[serde(skip)]
    pub(crate) encrypted_password: Option<SecretString>,
}

/// The columns of a user `u`, without identities and factors. Columns that the program never leaves empty are
/// read as empty where somebody else did; a ban without end ends with the year 9999.
macro_rules! bare_user_columns {
    () => {
        "u.id, coalesce(u.aud, '') as aud, coalesce(u.role, '') as role, coalesce(u.email, '') as email,
         u.email_confirmed_at, u.invited_at, coalesce(u.phone, '') as phone, u.phone_confirmed_at,
         u.confirmation_sent_at, u.confirmed_at, u.recovery_sent_at, coalesce(u.email_change, '') as new_email,
         u.email_change_sent_at, coalesce(u.phone_change, '') as new_phone, u.phone_change_sent_at,
         u.reauthentication_sent_at, u.last_sign_in_at, coalesce(u.raw_app_meta_data, '{}') as app_metadata,
         coalesce(u.raw_user_meta_data, '{}') as user_metadata,
         coalesce(u.created_at, '0001-01-01 00:00:00+00') as created_at,
         coalesce(u.updated_at, '0001-01-01 00:00:00+00') as updated_at,
         case when u.banned_until > '9999-12-30 00:00:00+00' then '9999-12-30 00:00:00+00'
           when u.banned_until > '0001-01-01 00:00:00+00' then u.banned_until end as banned_until, u.deleted_at, u.is_anonymous,
         u.is_sso_user, coalesce(u.email_change_confirm_status, 0::smallint) as email_change_confirm_status, nullif(u.encrypted_password, '') as encrypted_password"
    };
}

/// The columns of a user `u` with identities and factors.
macro_rules! user_columns {
    () => {
        concat!(
            $crate::model::users::bare_user_columns!(),
            ", ",
            $crate::model::identities::identities_json!(),
            " as identities, ",
            $crate::model::factors::factors_json!(),
            " as factors"
        )
    };
}

pub(crate) use {bare_user_columns, user_columns};

impl User {
    /// Reads a row with [`user_columns`].
    ///
    /// # Panics
    /// When the statement does not return these columns, which the test of all statements excludes.
    pub(crate) fn from_row(row: &Row) -> Self {
        Self { identities: Some(json(row, "identities")), factors: json(row, "factors"), ..Self::bare(row) }
    }

    /// Reads a row with [`bare_user_columns`].
    pub(crate) fn bare(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            aud: row.get("aud"),
            role: row.get("role"),
            email: row.get("email"),
            email_confirmed_at: time::column(row, "email_confirmed_at"),
            invited_at: time::column(row, "invited_at"),
            phone: row.get("phone"),
            phone_confirmed_at: time::column(row, "phone_confirmed_at"),
            confirmation_sent_at: time::column(row, "confirmation_sent_at"),
            confirmed_at: time::column(row, "confirmed_at"),
            recovery_sent_at: time::column(row, "recovery_sent_at"),
            new_email: row.get("new_email"),
            email_change_sent_at: time::column(row, "email_change_sent_at"),
            new_phone: row.get("new_phone"),
            phone_change_sent_at: time::column(row, "phone_change_sent_at"),
            reauthentication_sent_at: time::column(row, "reauthentication_sent_at"),
            last_sign_in_at: time::column(row, "last_sign_in_at"),
            app_metadata: row.get("app_metadata"),
            user_metadata: row.get("user_metadata"),
            factors: Vec::new(),
            identities: None,
            created_at: time::known(row, "created_at"),
            updated_at: time::known(row, "updated_at"),
            banned_until: time::column(row, "banned_until"),
            deleted_at: time::column(row, "deleted_at"),
            is_anonymous: row.get("is_anonymous"),
            is_sso_user: row.get("is_sso_user"),
            email_change_confirm_status: row.get("email_change_confirm_status"),
            encrypted_password: row.get::<_, Option<String>>("encrypted_password").map(SecretString::from),
        }
    }

    /// A user of whom nothing is known.
    pub(crate) fn blank(id: Uuid, at: Timestamp) -> Self {
        Self {
            id,
            aud: String::new(),
            role: String::new(),
            email: String::new(),
            email_confirmed_at: None,
            invited_at: None,
            phone: String::new(),
            phone_confirmed_at: None,
            confirmation_sent_at: None,
            confirmed_at: None,
            recovery_sent_at: None,
            new_email: String::new(),
            email_change_sent_at: None,
            new_phone: String::new(),
            phone_change_sent_at: None,
            reauthentication_sent_at: None,
            last_sign_in_at: None,
            app_metadata: Value::Null,
            user_metadata: Value::Null,
            factors: Vec::new(),
            identities: None,
            created_at: at,
            updated_at: at,
            banned_until: None,
            deleted_at: None,
            is_anonymous: false,
            is_sso_user: false,
            email_change_confirm_status: 0,
            encrypted_password: None,
        }
    }

    /// The user with one time for all that was written at once. What lies between would tell who is new.
    pub(crate) fn at_once(mut self) -> Self {
        let at = self.created_at;
        self.updated_at = at;
        self.confirmation_sent_at = self.confirmation_sent_at.map(|_| at);
        for identity in self.identities.iter_mut().flatten() {
            (identity.created_at, identity.updated_at) = (at, at);
            identity.last_sign_in_at = identity.last_sign_in_at.map(|_| at);
        }
        self
    }

    pub(crate) fn is_banned(&self, now: Timestamp) -> bool {
        self.banned_until.is_some_and(|until| now < until)
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.email_confirmed_at.is_some()
    }

    /// Whether nobody has confirmed an address or number of it, so that it may be anybody's who has made it.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.email_confirmed_at.is_none() && self.phone_confirmed_at.is_none()
    }

    pub(crate) fn has_verified_factor(&self) -> bool {
        self.factors.iter().any(Factor::is_verified)
    }

    pub(crate) fn identity(&self, provider: &str) -> Option<&Identity> {
        self.identities.iter().flatten().find(|identity| identity.provider == provider)
    }
}

/// Reads a column that holds what our own `json_build_object` made.
fn json<T: DeserializeOwned>(row: &Row, column: &str) -> T {
    row.get::<_, Json<T>>(column).0
}
