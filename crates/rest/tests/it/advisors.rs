//! What is open by mistake is told to the service role, and to nobody else.

use testkit::Call;

use crate::api::Api;

async fn found(api: &Api) -> Vec<(String, String)> {
    let answer = api.send(Call::get("/advisors/security").bearer(&api.service())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let lints = answer.json()["lints"].as_array().expect("a list").clone();
    let text = |lint: &serde_json::Value, key: &str| lint[key].as_str().expect("text").to_owned();
    for lint in &lints {
        assert!(["ERROR", "INFO"].contains(&text(lint, "level").as_str()) && !text(lint, "detail").is_empty());
        assert!(!text(lint, "remediation").is_empty() && text(lint, "schema") == "public");
    }
    lints.iter().map(|lint| (text(lint, "name"), text(lint, "table"))).collect()
}

#[tokio::test]
async fn each_mistake_is_named_until_it_is_mended() {
    let api = Api::new(
        "create table public.open (id int); grant select on public.open to anon;
         create table public.forgotten (id int); grant select on public.forgotten to authenticated;
         create policy all_rows on public.forgotten using (true);
         create table public.closed (id int); grant select on public.closed to anon;
         alter table public.closed enable row level security;
         create view public.through as select * from public.closed; grant select on public.through to anon;
         create view public.fine with (security_invoker = on) as select * from public.closed;
         grant select on public.fine to anon;
         create table public.unreachable (id int); revoke all on public.unreachable from anon, authenticated;
         create schema hidden; create table hidden.secret (id int); grant select on hidden.secret to anon;",
    )
    .await;
    let expected = [
        ("policy_exists_rls_disabled", "forgotten"),
        ("rls_disabled_in_public", "forgotten"),
        ("rls_disabled_in_public", "open"),
        ("security_definer_view", "through"),
        ("rls_enabled_no_policy", "closed"),
    ];
    assert_eq!(found(&api).await, expected.map(|(name, table)| (name.to_owned(), table.to_owned())));
    api.db
        .sql(
            "alter table public.open enable row level security; create policy mine on public.open using (true);
             alter table public.forgotten enable row level security;
             create policy mine on public.closed using (true);
             alter view public.through set (security_invoker = true);",
        )
        .await;
    assert_eq!(found(&api).await, []);
}

#[tokio::test]
async fn only_the_service_role_may_ask() {
    let api = Api::new("create table public.open (id int);").await;
    let user = api.user("11111111-1111-4111-8111-111111111111");
    for call in [Call::get("/advisors/security"), Call::get("/advisors/security").bearer(&user)] {
        let answer = api.send(call).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &"42501".into()));
        assert!(!answer.text().contains("open"));
    }
    let answer = api.send(Call::new(http::Method::POST, "/advisors/security").bearer(&api.service())).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &"PGRST125".into()));
}
