//! Keys as they are made and given.

use super::*;
use crate::Random;

fn made(kind: Kind) -> Value {
    generate(kind, &Random::system())
}

fn with(jwk: &Value, member: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[member] = value;
    jwk
}

fn reason(jwk: &Value) -> String {
    Key::from_jwk(jwk).expect_err("a bad key").to_string()
}

#[test]
fn a_generated_key_reads_back_and_publishes_no_private_part() {
    for (kind, algorithm) in
        [(Kind::Es256, Algorithm::Es256), (Kind::Rs256, Algorithm::Rs256), (Kind::EdDsa, Algorithm::EdDsa)]
    {
        let jwk = made(kind);
        let key = Key::from_jwk(&jwk).expect("a generated key is valid");
        assert_eq!((key.algorithm, jwk["alg"].as_str(), key.signs()), (algorithm, Some(algorithm.name()), true));
        let public = key.public().expect("a public part");
        assert_eq!((&public["kid"], &public["key_ops"]), (&jwk["kid"], &json!(["verify"])));
        for member in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(public.get(member).is_none(), "{member}");
        }
        assert!(!Key::from_jwk(public).expect("a public key is valid too").signs());
        assert!(!format!("{key:?}").contains(jwk["d"].as_str().expect("d is text")));
    }
}

#[test]
fn given_keys_sign_with_their_algorithm() {
    let file = |text: &str| serde_json::from_str::<Value>(text).expect("a JWK");
    let rsa = file(include_str!("../../testdata/rsa.jwk.json"));
    for (jwk, algorithm) in [
        (rsa.clone(), Algorithm::Rs256),
        (with(&rsa, "alg", json!("RS512")), Algorithm::Rs512),
        (file(include_str!("../../testdata/ed25519.jwk.json")), Algorithm::EdDsa),
        (file(include_str!("../../testdata/p521.jwk.json")), Algorithm::Es512),
    ] {
        let key = Key::from_jwk(&jwk).expect("a valid key");
        assert!(key.algorithm == algorithm && key.signs());
        assert_eq!(key.public().expect("a public part")["alg"], algorithm.name());
    }
}

#[test]
fn bad_keys_are_named() {
    let message = |jwks: &[Value]| read(jwks).expect_err("a bad key").to_string();
    assert_eq!(message(&[json!({"kid": "a"})]), r#"JWK "a": member `kty` is missing"#);
    assert_eq!(message(&[made(Kind::Es256), json!({})]), "JWK number 2: member `kty` is missing");
    assert_eq!(
        message(&[json!({"kid": "a", "kty": "EC", "crv": "P-384"})]),
        r#"JWK "a": key type "EC P-384" is not supported (use EC P-256 or P-521, RSA, OKP Ed25519 or oct)"#
    );
    assert_eq!(
        message(&[json!({"kid": "a", "kty": "EC", "crv": "P-256", "x": "!", "y": "!"})]),
        r#"JWK "a": the key material is not valid"#
    );
    let (first, second) = (made(Kind::Es256), made(Kind::Es256));
    assert_eq!(
        message(&[with(&first, "kid", json!("e1")), with(&second, "kid", json!("e1"))]),
        r#"JWK "e1": another key has the same `kid`"#
    );
}

#[test]
fn a_short_secret_is_refused_and_one_of_the_shortest_length_is_not() {
    let oct = |secret: &[u8]| json!({"kty": "oct", "kid": "a", "k": encode(secret)});
    assert_eq!(reason(&oct(b"")), "the secret `k` has 0 bytes, HS256 needs at least 32");
    assert_eq!(reason(&oct(&[1; 31])), "the secret `k` has 31 bytes, HS256 needs at least 32");
    assert!(Key::from_jwk(&oct(b"0123456789abcdef0123456789abcdef")).is_ok());
}

#[test]
fn algorithms_that_a_key_cannot_have_are_refused_by_name() {
    let rsa = made(Kind::Rs256);
    for algorithm in ["RS384", "PS256", "HS256", "ES256", ""] {
        let expected = format!("`alg` {algorithm:?} is not supported for this type of key (use RS256 or RS512)");
        assert_eq!(reason(&with(&rsa, "alg", json!(algorithm))), expected);
    }
    let ec = reason(&with(&made(Kind::Es256), "alg", json!("RS256")));
    assert_eq!(ec, r#"`alg` "RS256" is not supported for this type of key (use ES256)"#);
    let oct = json!({"kty": "oct", "k": encode(&[1; 64]), "alg": "HS512"});
    assert_eq!(reason(&oct), r#"`alg` "HS512" is not supported for this type of key (use HS256)"#);
    assert_eq!(reason(&with(&rsa, "alg", json!(5))), "member `alg` is not text");
}

#[test]
fn what_a_key_is_for_is_looked_at() {
    let key = made(Kind::Es256);
    assert_eq!(reason(&with(&key, "use", json!("enc"))), r#"`use` "enc" is not supported (use "sig")"#);
    for operations in [json!("sign"), json!([1]), json!({}), json!(null)] {
        assert_eq!(reason(&with(&key, "key_ops", operations)), "`key_ops` is not an array of strings");
    }
    assert_eq!(reason(&with(&key, "kid", json!(1))), "member `kid` is not text");
    let mut plain = key;
    for member in ["use", "key_ops", "alg", "kid"] {
        plain.as_object_mut().expect("an object").remove(member);
    }
    assert!(Key::from_jwk(&plain).expect("all of these may be left out").signs());
}

#[test]
fn keys_that_only_verify_are_checked_too() {
    let public = |jwk: &Value| Key::from_jwk(jwk).expect("a valid key").public().expect("a public part").clone();
    let rsa = public(&made(Kind::Rs256));
    let short = encode(&[0xff; 128]);
    assert_eq!(reason(&with(&rsa, "n", json!(short))), "the modulus `n` has 1024 bits, 2048 to 8192 are possible");
    assert_eq!(Key::from_jwk(&with(&rsa, "e", json!("AQ"))).err(), Some(Reason::Invalid));
    let ec = public(&made(Kind::Es256));
    let elsewhere = public(&made(Kind::Es256))["y"].clone();
    assert_eq!(Key::from_jwk(&with(&ec, "y", elsewhere)).err(), Some(Reason::Invalid));
    assert_eq!(Key::from_jwk(&with(&public(&made(Kind::EdDsa)), "x", json!("AAAA"))).err(), Some(Reason::Invalid));
}

#[test]
fn a_standby_key_only_verifies_and_a_mismatched_pair_is_refused() {
    for kind in [Kind::Es256, Kind::Rs256, Kind::EdDsa] {
        let standby = with(&made(kind), "key_ops", json!(["verify"]));
        assert!(!Key::from_jwk(&standby).expect("a standby key").signs());
        let other = with(&standby, "d", made(kind)["d"].clone());
        assert_eq!(Key::from_jwk(&other).err(), Some(Reason::Invalid), "a standby key must be able to sign");
        assert_eq!(Key::from_jwk(&with(&other, "key_ops", json!(["sign"]))).err(), Some(Reason::Invalid));
    }
}

#[test]
fn an_empty_kid_is_none() {
    let key = Key::from_jwk(&with(&made(Kind::Es256), "kid", json!(""))).expect("a valid key");
    assert_eq!((key.id.as_deref(), key.public().expect("a public part").get("kid")), (None, None));
    let twins = [made(Kind::Es256), made(Kind::Es256)].map(|jwk| with(&jwk, "kid", json!("")));
    assert_eq!(read(&twins).expect("keys without id are no duplicates").len(), 2);
}

/// Supabase's script leaves the old secret beside the key that signs, without `key_ops`.
#[test]
fn where_one_names_what_it_signs_the_silent_ones_verify() {
    let mut silent = json!({"kty": "oct", "kid": "old", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"});
    let named = made(Kind::Es256);
    let signs = |jwks: &[&Value]| {
        let keys = read(jwks.iter().copied()).expect("valid keys");
        keys.iter().map(Key::signs).collect::<Vec<_>>()
    };
    assert_eq!(signs(&[&named, &silent]), [true, false]);
    assert_eq!(signs(&[&silent]), [true]);
    silent["key_ops"] = json!(["verify"]);
    assert_eq!(signs(&[&silent]), [false]);
}
