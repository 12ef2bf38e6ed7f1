//! The embedded web app, and the headers around it.

use http::Method;
use testkit::{Answer, Call};

use crate::console::Console;

async fn get(console: &Console, path: &str) -> Answer {
    Call::get(path).send(&console.router).await
}

fn check_headers(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'self'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn every_screen_is_the_same_page_and_says_so_when_it_is_not_built() {
    let console = Console::new().await;
    let index = get(&console, "/dashboard").await;
    check_headers(&index);
    if index.status == 503 {
        assert_eq!(index.text(), "the console is not built into this server: run `make`, then start again\n");
        assert_eq!(index.header("cache-control"), "no-store");
    } else {
        assert_eq!(index.status, 200);
        assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(index.header("cache-control"), "no-cache");
        let known = Call::get("/dashboard").header("if-none-match", index.header("etag")).send(&console.router).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    }
    for path in ["/dashboard/", "/dashboard/users", "/dashboard/tables/public/films", "/dashboard/sql?x=1"] {
        let answer = get(&console, path).await;
        assert_eq!((answer.status, &answer.body), (index.status, &index.body), "{path}");
    }
}

#[tokio::test]
async fn unknown_files_are_missing_and_nothing_outside_is_served() {
    let console = Console::new().await;
    for path in [
        "/dashboard/assets/nothing.js",
        "/dashboard/../Cargo.toml",
        "/dashboard/%2e%2e/package.json",
        "/dashboard/assets/..%2f..%2fpackage.json",
        "/dashboard//etc/hosts.txt",
    ] {
        let answer = get(&console, path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    let page =
        Call::get("/dashboard/tables/public/odd.name").header("accept", "text/html,*/*").send(&console.router).await;
    assert_ne!(page.status, 404);
    let script = Call::get("/dashboard/assets/x.js").header("accept", "text/html").send(&console.router).await;
    assert_eq!(script.status, 404);
    let post = Call::new(Method::POST, "/dashboard/users").send(&console.router).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_api_can_only_be_framed_by_the_console_and_is_not_kept() {
    fn check_headers(answer: &Answer) {
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'self'");
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    let console = Console::new().await;
    let answer = get(&console, "/dashboard/api/session").await;
    check_headers(&answer);
    let browser = console.owner().await;
    let project = browser.get("/project").await;
    check_headers(&project);
    assert_eq!(project.json()["name"], "vestibule");
    assert_eq!(project.header("cache-control"), "no-store");
}
