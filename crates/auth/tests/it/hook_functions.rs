//! Hooks in the database, which share connections with everything else.

use auth::{HookName, Settings};
use serde_json::json;

use crate::hooks::{event, with_function};
use crate::support::{PASSWORD, Service, text};

/// Replaces the function `public.hook` by one that takes and returns a type.
async fn replace(service: &Service, kind: &str, body: &str) {
    let sql = format!(
        "drop function public.hook;
         create function public.hook(event {kind}) returns {kind} language plpgsql as $$ begin {body}; end $$;
         grant execute on function public.hook to supabase_auth_admin"
    );
    service.db.sql(&sql).await;
}

/// A function that keeps what it finds set, and sets it for the session.
const SETTING: &str = "insert into public.calls (event)
        values (jsonb_build_object('timeout', current_setting('lock_timeout'), 'left', current_setting('app.left', true)));
    perform set_config('lock_timeout', '4321', false), set_config('app.left', 'over', false),
        set_config('search_path', 'pg_temp', false), set_config('statement_timeout', '1500', false);
    return event";

#[tokio::test]
async fn what_a_function_sets_ends_with_its_transaction() {
    for name in [HookName::CustomAccessToken, HookName::PasswordVerificationAttempt] {
        let service = with_function(Settings::default(), name, "event").await;
        replace(&service, "jsonb", SETTING).await;
        let session = service.sign_up("john@example.com").await;
        for _ in 0..3 {
            assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
            let found = event(&service).await;
            assert_eq!(found["timeout"], "0", "{name:?}");
            assert!(found["left"].as_str().unwrap_or_default().is_empty(), "{name:?}: {found}");
        }
        assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
    }
}

#[tokio::test]
async fn a_function_may_become_another_one_meanwhile() {
    for name in [HookName::CustomAccessToken, HookName::PasswordVerificationAttempt] {
        let service = with_function(Settings::default(), name, "event").await;
        service.sign_up("john@example.com").await;
        for kind in ["jsonb", "json", "jsonb", "json"] {
            replace(&service, kind, "return event").await;
            for _ in 0..2 {
                let answer = service.sign_in("john@example.com", PASSWORD).await;
                assert_eq!(answer.status, 200, "{name:?}, {kind}: {}", answer.text());
            }
        }
        assert_eq!(
            service.sign_in("john@example.com", "wrong").await.json()["error_code"],
            json!("invalid_credentials")
        );
    }
}
