//! The one list of columns that hold secrets. Their values never leave the database through the table editor
//! or an export of a table; all of them lie in locked schemas.

/// What is shown instead.
pub(crate) const MASK: &str = "••••••••";

/// Schemas whose rows the server keeps consistent itself.
const LOCKED: [&str; 6] = ["auth", "storage", "vestibule", "supabase_migrations", "vault", "extensions"];

const MASKED: &[(&str, &str, &[&str])] = &[
    (
        "auth",
        "users",
        &[
            "encrypted_password",
            "confirmation_token",
            "recovery_token",
            "email_change_token_new",
            "email_change_token_current",
            "phone_change_token",
            "reauthentication_token",
        ],
    ),
    ("auth", "sessions", &["refresh_token_hmac_key"]),
    ("auth", "refresh_tokens", &["token", "parent"]),
    ("auth", "one_time_tokens", &["token_hash"]),
    ("auth", "mfa_factors", &["secret", "web_authn_credential", "last_webauthn_challenge_data"]),
    ("auth", "mfa_challenges", &["otp_code", "web_authn_session_data"]),
    ("auth", "webauthn_challenges", &["session_data"]),
    (
        "auth",
        "flow_state",
        &["auth_code", "code_challenge", "provider_access_token", "provider_refresh_token", "invite_token"],
    ),
    ("auth", "oauth_clients", &["client_secret_hash"]),
    ("auth", "oauth_authorizations", &["authorization_id", "authorization_code", "code_challenge"]),
    ("auth", "oauth_client_states", &["code_verifier"]),
    ("auth", "custom_oauth_providers", &["client_secret"]),
    ("auth", "instances", &["raw_base_config"]),
    ("storage", "s3_multipart_uploads", &["upload_signature"]),
    ("vestibule", "operators", &["password_hash"]),
    ("vestibule", "operator_sessions", &["token_hash", "csrf_token_hash"]),
    ("vestibule", "mailbox", &["subject", "html", "plain", "headers"]),
    ("vestibule", "mfa_recovery_codes", &["code_hash"]),
    ("vestibule", "settings", &["value"]),
    ("vault", "secrets", &["secret"]),
    ("vault", "decrypted_secrets", &["secret", "decrypted_secret"]),
];

/// Whether a column's values are kept from operators.
pub(crate) fn is_masked(schema: &str, table: &str, column: &str) -> bool {
    MASKED.iter().any(|(s, t, columns)| *s == schema && *t == table && columns.contains(&column))
}

/// Whether the table editor may only read a schema.
pub(crate) fn is_locked(schema: &str) -> bool {
    LOCKED.contains(&schema)
}

/// Whether a schema is PostgreSQL's own: its catalogs show statistics and passwords of what is masked here.
pub(crate) fn is_system(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_masked_table_lies_in_a_locked_schema() {
        assert!(MASKED.iter().all(|(schema, ..)| is_locked(schema)));
    }

    #[test]
    fn secrets_are_masked_and_the_rest_is_not() {
        assert!(is_masked("auth", "users", "encrypted_password"));
        assert!(!is_masked("auth", "users", "email"));
        assert!(!is_masked("public", "users", "encrypted_password"));
        assert!(is_system("pg_catalog") && is_system("pg_toast") && !is_system("public"));
    }
}
