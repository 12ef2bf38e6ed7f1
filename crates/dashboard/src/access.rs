//! Who may do what: every action of the console and the roles that may take it. The server decides by this
//! table alone; what the web app shows or hides is a courtesy.

use serde::Serialize;

/// What an operator is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, other operators included.
    Owner,
    /// Everything about users and data.
    Admin,
    /// Users, but neither SQL nor other tables' rows.
    Support,
    /// Looking only.
    ReadOnly,
}

impl Role {
    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Support => "support",
            Self::ReadOnly => "read-only",
        }
    }

    /// The role of a name in the database.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Owner, Self::Admin, Self::Support, Self::ReadOnly].into_iter().find(|role| role.name() == name)
    }
}

/// What can be done in the console. Every route names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The operator's own session and password; the only action before a password that must change was changed.
    OwnSession,
    ReadProject,
    ReadUsers,
    ManageUsers,
    ReadTables,
    WriteTables,
    RunSql,
}

use Action::{ManageUsers, OwnSession, ReadProject, ReadTables, ReadUsers, RunSql, WriteTables};
use Role::{Admin, Owner, ReadOnly, Support};

const PERMISSIONS: [(Action, &str, &[Role]); 7] = [
    (OwnSession, "use a session", &[Owner, Admin, Support, ReadOnly]),
    (ReadProject, "see the project", &[Owner, Admin, Support, ReadOnly]),
    (ReadUsers, "see users", &[Owner, Admin, Support, ReadOnly]),
    (ManageUsers, "change users", &[Owner, Admin, Support]),
    (ReadTables, "see tables", &[Owner, Admin, Support, ReadOnly]),
    (WriteTables, "change rows", &[Owner, Admin]),
    (RunSql, "run SQL", &[Owner, Admin]),
];

impl Action {
    fn entry(self) -> (&'static str, &'static [Role]) {
        let (_, words, roles) = PERMISSIONS[self as usize];
        (words, roles)
    }

    /// Whether a role may do this.
    pub(crate) fn is_allowed_for(self, role: Role) -> bool {
        self.entry().1.contains(&role)
    }

    /// The action in words, for refusals.
    pub(crate) fn words(self) -> &'static str {
        self.entry().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_finds_its_own_entry() {
        for (index, (action, ..)) in PERMISSIONS.iter().enumerate() {
            assert_eq!(*action as usize, index);
        }
    }

    #[test]
    fn support_manages_users_only_and_read_only_changes_nothing() {
        let may = |role| PERMISSIONS.iter().filter(|entry| entry.0.is_allowed_for(role)).count();
        assert_eq!((may(Owner), may(Admin), may(Support), may(ReadOnly)), (7, 7, 5, 4));
        assert!(ManageUsers.is_allowed_for(Support) && !RunSql.is_allowed_for(Support));
        assert!(!ManageUsers.is_allowed_for(ReadOnly));
    }

    #[test]
    fn roles_read_back_from_their_names() {
        for role in [Owner, Admin, Support, ReadOnly] {
            assert_eq!(Role::named(role.name()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
        assert_eq!(Role::named("root"), None);
    }
}
