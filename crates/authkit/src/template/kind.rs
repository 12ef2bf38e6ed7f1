//! The kinds of letters.

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Somebody was invited.
    Invite,
    /// A new address is to be confirmed.
    Confirmation,
    /// A password is to be reset.
    Recovery,
    /// A link to sign in with.
    MagicLink,
    /// A change of the address is to be confirmed.
    EmailChange,
    /// A code that proves presence.
    Reauthentication,
    /// The password was changed.
    PasswordChanged,
    /// The address was changed.
    EmailChanged,
    /// The phone number was changed.
    PhoneChanged,
    /// An identity was linked.
    IdentityLinked,
    /// An identity was unlinked.
    IdentityUnlinked,
    /// A second factor was added.
    MfaFactorEnrolled,
    /// A second factor was removed.
    MfaFactorUnenrolled,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Invite,
        Self::Confirmation,
        Self::Recovery,
        Self::MagicLink,
        Self::EmailChange,
        Self::Reauthentication,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::PhoneChanged,
        Self::IdentityLinked,
        Self::IdentityUnlinked,
        Self::MfaFactorEnrolled,
        Self::MfaFactorUnenrolled,
    ];

    /// The name that settings use, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Confirmation => "confirmation",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::EmailChange => "email_change",
            Self::Reauthentication => "reauthentication",
            Self::PasswordChanged => "password_changed_notification",
            Self::EmailChanged => "email_changed_notification",
            Self::PhoneChanged => "phone_changed_notification",
            Self::IdentityLinked => "identity_linked_notification",
            Self::IdentityUnlinked => "identity_unlinked_notification",
            Self::MfaFactorEnrolled => "mfa_factor_enrolled_notification",
            Self::MfaFactorUnenrolled => "mfa_factor_unenrolled_notification",
        }
    }

    /// What `$messageType` in mail headers stands for.
    #[must_use]
    pub fn message_type(self) -> &'static str {
        // The original's name for it from before there were templates.
        if self == Self::Reauthentication { "reauthenticate" } else { self.name() }
    }

    /// Whether it only tells what has happened already. Such a letter is sent only when it is switched on, and
    /// a failure to send it fails nothing.
    #[must_use]
    pub fn is_notification(self) -> bool {
        self >= Self::PasswordChanged
    }
}
