//! The mailbox: Mailpit's API, and the page.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::support::Service;
use crate::verify::settings;

#[tokio::test]
async fn mails_are_listed_searched_read_and_deleted_as_with_mailpit() {
    let service = Service::with(settings()).await;
    let mailbox = service.mailbox();
    service.sign_up("john@example.com").await;
    service.advance(1);
    service.sign_up("jane@example.com").await;
    let list = Call::get("/mailbox/api/v1/messages").send(&mailbox).await.json();
    assert_eq!((&list["total"], &list["unread"], &list["count"]), (&json!(2), &json!(2), &json!(2)));
    let newest = &list["messages"][0];
    assert_eq!(newest["To"], json!([{"Name": "", "Address": "jane@example.com"}]));
    assert_eq!(newest["From"]["Address"], "admin@email.com");
    assert_eq!((&newest["Read"], &newest["Subject"]), (&json!(false), &json!("Confirm your email address")));
    assert!(newest["Created"].is_string() && newest["Snippet"].is_string());

    let found = Call::get("/mailbox/api/v1/search?query=to:john@example.com").send(&mailbox).await.json();
    assert_eq!((&found["messages_count"], &found["total"]), (&json!(1), &json!(2)));
    let id = found["messages"][0]["ID"].as_str().unwrap().to_owned();
    let message = Call::get(&format!("/mailbox/api/v1/message/{id}")).send(&mailbox).await.json();
    let letter = service.mail("john@example.com").await;
    assert!(message["Text"].as_str().unwrap().contains(&letter.link));
    assert!(message["HTML"].as_str().unwrap().contains(&letter.code));
    assert_eq!(message["ID"], id.as_str());
    let latest = Call::get("/mailbox/api/v1/message/latest").send(&mailbox).await.json();
    assert_eq!(latest["To"][0]["Address"], "jane@example.com");
    let headers = Call::get(&format!("/mailbox/api/v1/message/{id}/headers")).send(&mailbox).await.json();
    assert_eq!(headers["To"], json!(["john@example.com"]));
    assert_eq!(Call::get("/mailbox/api/v1/messages").send(&mailbox).await.json()["unread"], 0);

    let call = Call::new(Method::DELETE, "/mailbox/api/v1/messages");
    assert_eq!(call.json(&json!({"IDs": [id]})).send(&mailbox).await.text(), "ok");
    assert_eq!(service.count("vestibule.mailbox").await, 1);
    assert_eq!(Call::get(&format!("/mailbox/api/v1/message/{id}")).send(&mailbox).await.status, 404);
    assert_eq!(Call::get("/mailbox/api/v1/message/x").send(&mailbox).await.status, 404);
    Call::new(Method::DELETE, "/mailbox/api/v1/messages").send(&mailbox).await;
    assert_eq!(service.count("vestibule.mailbox").await, 0);
    assert_eq!(Call::get("/mailbox/api/v1/message/latest").send(&mailbox).await.status, 404);
}

#[tokio::test]
async fn people_see_a_list_and_each_mail_without_any_script() {
    let service = Service::with(settings()).await;
    let mailbox = service.mailbox();
    assert!(Call::get("/mailbox").send(&mailbox).await.text().contains("No mail yet"));
    service.sign_up("john@example.com").await;
    service.db.sql("update vestibule.mailbox set subject = '<script>alert(1)</script>'").await;
    let page = Call::get("/mailbox").send(&mailbox).await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(!page.text().contains("<script"), "{}", page.text());
    let start = page.text().find("/mailbox/view/").expect("a link");
    let link: String = page.text()[start..].chars().take_while(|c| *c != '"').collect();
    let mail = Call::get(&link).send(&mailbox).await;
    assert_eq!(mail.status, 200, "{link}");
    assert!(mail.text().contains("/verify?token="));
    assert!(mail.header("content-security-policy").starts_with("sandbox "));
    let text = Call::get(&link.replace(".html", ".txt")).send(&mailbox).await;
    assert!(text.header("content-type").starts_with("text/plain"));
    assert_eq!(Call::get("/mailbox/view/x").send(&mailbox).await.status, 404);
}
