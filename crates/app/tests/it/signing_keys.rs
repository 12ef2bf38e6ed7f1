//! Signing keys: their life from standby to revoked, over restarts, and every algorithm that keys are made for.

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::program::{Program, command};

/// What `vestibule keys …` prints, or says when it fails.
fn keys(folder: &std::path::Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
    let output = command(folder).arg("keys").args(arguments).envs(variables.iter().copied()).output();
    let output = output.expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The states of the keys as `keys list` tells them, by id.
fn states(program: &Program) -> Vec<(String, String)> {
    let list = keys(program.folder.path(), &["list"], &[]).expect("a list");
    let row = |line: &str| {
        let columns: Vec<_> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        (columns[0].to_owned(), columns[2].to_owned())
    };
    list.lines().skip(1).map(row).collect()
}

async fn sign_up(program: &Program, email: &str) -> String {
    let account = json!({"email": email, "password": "correct horse"});
    let answer = program.call("POST", "/auth/v1/signup", &[], Some(account)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["access_token"].as_str().expect("a session").to_owned()
}

fn header(token: &str) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    serde_json::from_slice(&part).expect("JSON")
}

/// How accounts and the data API answer to a token.
async fn taken(program: &Program, token: &str) -> (u16, u16) {
    let bearer = format!("Bearer {token}");
    let call = async |path| program.call("GET", path, &[("authorization", &bearer)], None).await.status;
    (call("/auth/v1/user").await, call("/rest/v1/").await)
}

async fn published(program: &Program) -> Vec<Value> {
    let set = program.call("GET", "/auth/v1/.well-known/jwks.json", &[], None).await.body;
    set["keys"].as_array().expect("keys").clone()
}

#[tokio::test]
async fn a_key_stands_by_signs_and_is_revoked_while_users_stay_signed_in() {
    let mut program = Program::serve(tempfile::tempdir().expect("a folder"), &[], &[]).await;
    let folder = program.folder.path().to_owned();
    let old = sign_up(&program, "ann@example.com").await;
    let first = header(&old)["kid"].as_str().expect("a kid").to_owned();
    assert_eq!(states(&program), [(first.clone(), "in use".to_owned())]);

    let told = keys(&folder, &["add"], &[]).expect("a standby key");
    let second = told.split(' ').next().expect("a kid").to_owned();
    assert_eq!(states(&program)[1], (second.clone(), "standby".to_owned()));
    program.restart_as("postgres", &[], &[]).await.expect("it starts");
    let kids: Vec<_> = published(&program).await.iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, [first.as_str(), second.as_str()], "the standby key is known before it signs");
    let also_old = sign_up(&program, "ben@example.com").await;
    assert_eq!(header(&also_old)["kid"], first);

    keys(&folder, &["rotate"], &[]).expect("rotated");
    program.restart_as("postgres", &[], &[]).await.expect("it starts");
    let new = sign_up(&program, "cleo@example.com").await;
    assert_eq!(header(&new)["kid"], second);
    for token in [&old, &also_old, &new] {
        assert_eq!(taken(&program, token).await, (200, 200));
    }
    assert_eq!(states(&program)[0], (first.clone(), "previously used".to_owned()));

    assert!(keys(&folder, &["remove", &second], &[]).expect_err("in use").contains("is in use"));
    keys(&folder, &["revoke", &first], &[]).expect("revoked");
    program.restart_as("postgres", &[], &[]).await.expect("it starts");
    assert_eq!(taken(&program, &old).await, (403, 401));
    assert_eq!(taken(&program, &new).await, (200, 200));
    assert_eq!(published(&program).await.len(), 1);
    let mode = std::fs::metadata(folder.join("home/keys.json")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let exported = keys(&folder, &["export"], &[]).expect("an export");
    let given = [("GOTRUE_JWT_KEYS", exported.trim())];
    let refused = keys(&folder, &["add"], &given).expect_err("the variable replaces the keys");
    assert!(refused.contains("GOTRUE_JWT_KEYS") && !refused.contains("\"d\""), "{refused}");
    program.restart_as("postgres", &[], &given).await.expect("it starts");
    assert_eq!(taken(&program, &new).await, (200, 200));
}

#[tokio::test]
async fn servers_sign_with_rsa_and_ed25519_keys() {
    for (argument, algorithm, members) in [
        ("rs256", "RS256", ["alg", "e", "ext", "key_ops", "kid", "kty", "n", "use"]),
        ("eddsa", "EdDSA", ["alg", "crv", "ext", "key_ops", "kid", "kty", "use", "x"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let made = keys(folder.path(), &["generate", "--algorithm", argument], &[]).expect("a key");
        let mut jwk: Value = serde_json::from_str(&made).expect("JSON");
        assert_eq!(jwk["key_ops"], json!(["verify"]), "a second key that signs would stop the start");
        jwk["key_ops"] = json!(["sign", "verify"]);
        let given = json!([jwk]).to_string();
        let program = Program::serve(folder, &[], &[("GOTRUE_JWT_KEYS", &given)]).await;
        let token = sign_up(&program, "ann@example.com").await;
        assert_eq!(header(&token), json!({"typ": "JWT", "alg": algorithm, "kid": jwk["kid"]}));
        assert_eq!(taken(&program, &token).await, (200, 200));
        let [key] = &published(&program).await[..] else { panic!("one key") };
        let mut names: Vec<_> = key.as_object().expect("a key").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
    }
}
