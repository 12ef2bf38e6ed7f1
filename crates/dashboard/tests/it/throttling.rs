//! Guessing passwords gets slower, and the right password is never kept out for long.

use dashboard::operators::Role;

use crate::console::{Console, EMAIL, PASSWORD, refused};

#[tokio::test]
async fn an_account_makes_guessers_wait_longer_and_longer() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    for attempt in 0..5 {
        let address = format!("198.51.100.{attempt}");
        refused(&console.login_from(&address, EMAIL, "a wrong password").await, 401, "invalid_credentials");
    }
    let mut waits = Vec::new();
    for attempt in 0..8 {
        let address = format!("203.0.113.{attempt}");
        let blocked = console.login_from(&address, EMAIL, PASSWORD).await;
        refused(&blocked, 429, "too_many_attempts");
        let seconds: u64 = blocked.header("retry-after").parse().unwrap();
        waits.push(seconds);
        console.pass(seconds);
        refused(&console.login_from(&address, EMAIL, "a wrong password").await, 401, "invalid_credentials");
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    console.pass(60);
    assert_eq!(console.login_from("203.0.113.99", EMAIL, PASSWORD).await.status, 200);
    refused(&console.login_from("203.0.113.99", EMAIL, "a wrong password").await, 401, "invalid_credentials");
}

#[tokio::test]
async fn strangers_cannot_keep_an_operator_out_of_a_known_address() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    assert_eq!(console.login_from("192.0.2.9", EMAIL, PASSWORD).await.status, 200);
    for attempt in 0..6 {
        console.login_from(&format!("198.51.100.{attempt}"), EMAIL, "a wrong password").await;
    }
    refused(&console.login_from("198.51.100.77", EMAIL, PASSWORD).await, 429, "too_many_attempts");
    assert_eq!(console.login_from("192.0.2.9", EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_has_to_wait() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    for attempt in 0..20 {
        // One customer's network, whatever the lower half says.
        let address = format!("2001:db8::{attempt:x}");
        let answer = console.login_from(&address, &format!("u{attempt}@example.com"), "a wrong password").await;
        refused(&answer, 401, "invalid_credentials");
    }
    refused(&console.login_from("2001:db8::ffff", EMAIL, PASSWORD).await, 429, "too_many_attempts");
    assert_eq!(console.login_from("2001:db8:0:1::1", EMAIL, PASSWORD).await.status, 200);
    console.pass(2);
    assert_eq!(console.login_from("2001:db8::ffff", EMAIL, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn attempts_at_the_same_time_are_all_counted() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let attempts = (0..12).map(|_| console.login(EMAIL, "a wrong password"));
    let answers = futures_util::future::join_all(attempts).await;
    let let_in = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(let_in, 5, "five are free, however they come");
}
