//! Access tokens (RFC 7519): signing, and verifying a signature with the key that the token may use.
//!
//! The key decides the algorithm, never the token's header. Verified tokens are remembered by their hash,
//! since a client sends the same one with each request.

mod token;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::jwk::Key;
use crate::jws::Algorithm;
pub use token::{TimeError, Token, VerifyError};

/// How many verified tokens are remembered; at about 2 KiB each this bounds the cache to some 8 MiB.
const REMEMBERED: usize = 4096;

/// The keys of a project: one signs, all verify. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Keys>);

/// Verifies tokens; the name that services know the keyring by when they do not sign.
pub type Verifier = Keyring;

struct Keys {
    secret: Key,
    signing: Option<usize>,
    keys: Vec<Key>,
    remembered: Mutex<HashMap<[u8; 32], Arc<Token>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("keys", &self.keys).field("signing", &self.signing).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring that signs with the first of `keys` that has a private part, else with the shared secret
    /// (HS256). The secret and every key verify.
    #[must_use]
    pub fn new(secret: &[u8], keys: Vec<Key>) -> Self {
        let signing = keys.iter().position(Key::signs);
        Self(Arc::new(Keys { secret: Key::secret(secret), signing, keys, remembered: Mutex::default() }))
    }

    /// Signs claims with the project's signing key.
    ///
    /// # Panics
    /// When the signing key cannot sign, which reading it has excluded.
    #[must_use]
    pub fn sign<T: Serialize>(&self, claims: &T) -> String {
        let key = self.0.signing.and_then(|index| self.0.keys.get(index)).unwrap_or(&self.0.secret);
        sign_with(key, claims)
    }

    /// Signs claims with the shared secret (HS256), as the long-lived anon and service_role keys are.
    ///
    /// # Panics
    /// Never for claims that serialise to JSON.
    #[must_use]
    pub fn sign_with_secret<T: Serialize>(&self, claims: &T) -> String {
        sign_with(&self.0.secret, claims)
    }

    /// A secret for another purpose, made from the shared one: all nodes of an installation have it and none stores it.
    ///
    /// # Panics
    /// Never: the shared secret signs.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Vec<u8> {
        // No token begins like this, so that none tells a derived secret.
        let purpose = format!("derived secret: {purpose}");
        let signer = self.0.secret.signer.as_ref().expect("a shared secret signs");
        signer.sign(purpose.as_bytes()).expect("a shared secret needs no randomness")
    }

    /// The names of the algorithms whose tokens are accepted: those of the keys, and the secret's.
    #[must_use]
    pub fn algorithms(&self) -> BTreeSet<String> {
        let keys = self.0.keys.iter().chain([&self.0.secret]);
        keys.map(|key| key.algorithm.name().to_owned()).collect()
    }

    /// The public keys as a JWK set; shared secrets are left out.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": self.0.keys.iter().filter_map(Key::public).collect::<Vec<_>>()})
    }

    /// Checks a token's signature. Times are not looked at: see [`Token::check_times`].
    ///
    /// # Errors
    /// [`VerifyError`] when the token is malformed, no key may be used for it, or the signature is wrong.
    pub fn verify(&self, token: &str) -> Result<Arc<Token>, VerifyError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.remembered().get(&hash) {
            return Ok(Arc::clone(known));
        }
        let verified = Arc::new(self.verify_signature(token)?);
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Arc<Token>>> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify_signature(&self, token: &str) -> Result<Token, VerifyError> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err(VerifyError::Parts(parts.len())) };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| VerifyError::Malformed)?;
        let algorithm = Algorithm::named(&header.alg).ok_or(VerifyError::Algorithm)?;
        let keys = self.keys_for(algorithm, header.kid.as_deref())?;
        let signature = decode(signature)?;
        let signed = &token.as_bytes()[..token.len() - parts[2].len() - 1];
        if !keys.iter().any(|key| key.verifier.accepts(signed, &signature)) {
            return Err(VerifyError::Signature);
        }
        let claims: Map<String, Value> =
            serde_json::from_slice(&decode(claims)?).map_err(|_| VerifyError::Malformed)?;
        let claims_json = serde_json::to_string(&claims).map_err(|_| VerifyError::Malformed)?;
        Ok(Token { claims, claims_json })
    }

    /// The keys that a header may use: that of its `kid`; without `kid` those without one; for HS256 then the secret.
    fn keys_for(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Vec<&Key>, VerifyError> {
        let kid = kid.filter(|kid| !kid.is_empty());
        if let Some(named) = self.0.keys.iter().find(|key| kid.is_some() && key.id.as_deref() == kid) {
            return if named.algorithm == algorithm { Ok(vec![named]) } else { Err(VerifyError::NoKey) };
        }
        let fits = |key: &&Key| key.algorithm == algorithm;
        let nameless = self.0.keys.iter().filter(|key| kid.is_none() && key.id.is_none());
        let fitting: Vec<_> = nameless.chain([&self.0.secret]).filter(fits).collect();
        if fitting.is_empty() { Err(VerifyError::NoKey) } else { Ok(fitting) }
    }
}

/// What a token says of its key; further members have no effect.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// The header of our own tokens.
#[derive(Serialize)]
struct OwnHeader<'a> {
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

fn sign_with<T: Serialize>(key: &Key, claims: &T) -> String {
    let header = OwnHeader { typ: "JWT", alg: key.algorithm.name(), kid: key.id.as_deref() };
    let header = serde_json::to_vec(&header).expect("a header serialises");
    let claims = serde_json::to_vec(claims).expect("claims serialise");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signer = key.signer.as_ref().expect("a keyring signs with a key that has a private part");
    let signature = signer.sign(signed.as_bytes()).expect("the system gives randomness");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::jwk::{self, Kind};
    use jsonwebtoken::{DecodingKey, EncodingKey, Validation};

    const SECRET: &[u8] = b"a-secret-of-at-least-32-characters";

    fn generate_es256() -> Value {
        jwk::generate(Kind::Es256, &Random::system())
    }

    fn keyring() -> Keyring {
        Keyring::new(SECRET, vec![Key::from_jwk(&generate_es256()).expect("a valid key")])
    }

    /// A token as another library makes it.
    fn foreign(algorithm: jsonwebtoken::Algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
        let header = jsonwebtoken::Header { kid: kid.map(str::to_owned), ..jsonwebtoken::Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, key).expect("a token")
    }

    fn header_of(token: &str) -> Value {
        let part = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a part")).expect("base64url");
        serde_json::from_slice(&part).expect("JSON")
    }

    #[test]
    fn signs_with_es256_and_verifies_both_kinds() {
        let keys = keyring();
        let claims = json!({"sub": "u", "role": "authenticated", "exp": 100});
        for token in [keys.sign(&claims), keys.sign_with_secret(&claims)] {
            let verified = keys.verify(&token).expect("our own token");
            assert_eq!(verified.text("role"), Some("authenticated"));
            assert_eq!(verified.claims_json, r#"{"exp":100,"role":"authenticated","sub":"u"}"#);
        }
        assert_eq!(keys.jwks()["keys"].as_array().map(Vec::len), Some(1));
    }

    /// Behaviour 99: a key that nobody knows is the shared secret for HS256 and nothing for others.
    #[test]
    fn an_unknown_key_is_the_secret_for_hs256_only() {
        let keyring = keyring();
        let token = |secret| {
            let key = EncodingKey::from_secret(secret);
            foreign(jsonwebtoken::Algorithm::HS256, Some("unknown"), &key, &json!({"sub": "x"}))
        };
        assert_eq!(keyring.verify(&token(SECRET)).expect("the secret's").text("sub"), Some("x"));
        assert_eq!(keyring.verify(&token(b"another")).expect_err("another secret"), VerifyError::Signature);
        let mut twin = generate_es256();
        twin["kid"] = json!("unknown");
        let twin = Keyring::new(SECRET, vec![Key::from_jwk(&twin).expect("a valid key")]);
        assert_eq!(keyring.verify(&twin.sign(&json!({}))).expect_err("no key"), VerifyError::NoKey);
    }

    /// What every algorithm signs, another library verifies; ES512 is not in that library.
    #[test]
    fn other_libraries_verify_what_is_signed() {
        for (kind, algorithm) in [
            (Kind::Es256, jsonwebtoken::Algorithm::ES256),
            (Kind::Rs256, jsonwebtoken::Algorithm::RS256),
            (Kind::Rs256, jsonwebtoken::Algorithm::RS512),
            (Kind::EdDsa, jsonwebtoken::Algorithm::EdDSA),
        ] {
            let mut jwk = jwk::generate(kind, &Random::system());
            jwk["alg"] = json!(format!("{algorithm:?}"));
            let keyring = Keyring::new(SECRET, vec![Key::from_jwk(&jwk).expect("a valid key")]);
            let token = keyring.sign(&json!({"sub": "x"}));
            assert_eq!(header_of(&token), json!({"typ": "JWT", "alg": jwk["alg"], "kid": jwk["kid"]}));
            let public = serde_json::from_value(keyring.jwks()["keys"][0].clone()).expect("a JWK");
            let key = DecodingKey::from_jwk(&public).expect("a public key");
            let mut validation = Validation::new(algorithm);
            validation.required_spec_claims.clear();
            assert_eq!(jsonwebtoken::decode::<Value>(&token, &key, &validation).expect("valid").claims["sub"], "x");
            assert_eq!(keyring.verify(&token).expect("our own").text("sub"), Some("x"));
            let (signed, _) = token.rsplit_once('.').expect("three parts");
            assert_eq!(keyring.verify(&format!("{signed}.AAAA")).expect_err("forged"), VerifyError::Signature);
        }
    }

    #[test]
    fn es512_signs_and_verifies() {
        let jwk: Value = serde_json::from_str(include_str!("../../testdata/p521.jwk.json")).expect("a JWK");
        let keyring = Keyring::new(SECRET, vec![Key::from_jwk(&jwk).expect("a valid key")]);
        // Made with Node: sign('sha512', …, {dsaEncoding: 'ieee-p1363'}).
        let token = include_str!("../../testdata/p521.jwt").trim_end();
        assert_eq!(keyring.verify(token).expect("another's").text("sub"), Some("x"));
        let own = keyring.sign(&json!({"sub": "y"}));
        assert_eq!(header_of(&own)["alg"], "ES512");
        assert_eq!(keyring.verify(&own).expect("our own").text("sub"), Some("y"));
        assert_eq!(keyring.algorithms().into_iter().collect::<Vec<_>>(), ["ES512", "HS256"]);
    }

    /// A token without `kid` is checked with the keys without one, and then with the secret.
    #[test]
    fn a_key_without_id_signs_without_kid() {
        let without = |kind| {
            let mut jwk = jwk::generate(kind, &Random::system());
            jwk.as_object_mut().expect("an object").remove("kid");
            Key::from_jwk(&jwk).expect("a valid key")
        };
        let oct = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([1; 32]), "key_ops": ["verify"]});
        let oct = Key::from_jwk(&oct).expect("a valid key");
        let keyring = Keyring::new(SECRET, vec![without(Kind::Es256), without(Kind::Es256), oct]);
        let token = keyring.sign(&json!({"sub": "x"}));
        assert_eq!(header_of(&token), json!({"typ": "JWT", "alg": "ES256"}));
        assert!(keyring.jwks()["keys"][0].get("kid").is_none());
        keyring.verify(&token).expect("our own token");
        keyring.verify(&keyring.sign_with_secret(&json!({}))).expect("the secret's");
        let old = foreign(
            jsonwebtoken::Algorithm::HS256,
            Some(""),
            &EncodingKey::from_secret(&[1; 32]),
            &json!({"sub": "x"}),
        );
        keyring.verify(&old).expect("an empty kid is none");
        assert_eq!(keyring.verify(&self::keyring().sign(&json!({}))).expect_err("a kid"), VerifyError::NoKey);
        let other = Keyring::new(SECRET, vec![without(Kind::Es256)]).sign(&json!({}));
        assert_eq!(keyring.verify(&other).expect_err("another key"), VerifyError::Signature);
    }

    /// Behaviour 100: one key signs; the keys that verify are published, secrets are not.
    #[test]
    fn the_first_private_key_signs_and_secrets_stay_hidden() {
        let mut standby = generate_es256();
        standby["key_ops"] = json!(["verify"]);
        let (first, second) = (generate_es256(), generate_es256());
        let oct = json!({"kty": "oct", "kid": "hidden", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode([1; 32])});
        let keys = [&standby, &first, &second, &oct].map(|jwk| Key::from_jwk(jwk).expect("a valid key"));
        let keyring = Keyring::new(SECRET, keys.into());
        assert_eq!(header_of(&keyring.sign(&json!({})))["kid"], first["kid"]);
        let jwks = keyring.jwks();
        let published: Vec<_> = jwks["keys"].as_array().expect("keys").iter().map(|key| &key["kid"]).collect();
        assert_eq!(published, [&standby["kid"], &first["kid"], &second["kid"]]);
        assert!(!jwks.to_string().contains("\"d\"") && !jwks.to_string().contains("hidden"));
    }

    #[test]
    fn refuses_forged_none_and_foreign_tokens() {
        let keys = keyring();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
        assert_eq!(keys.verify(none).expect_err("alg none"), VerifyError::Algorithm);
        let foreign = Keyring::new(b"another-secret-of-32-characters-x", Vec::new()).sign(&json!({"role": "x"}));
        assert_eq!(keys.verify(&foreign).expect_err("another secret"), VerifyError::Signature);
        assert_eq!(keys.verify(&keyring().sign(&json!({}))).expect_err("unknown kid"), VerifyError::NoKey);
        assert_eq!(keys.verify("a.b").expect_err("two parts"), VerifyError::Parts(2));
        assert_eq!(keys.verify("a.b.c").expect_err("no base64"), VerifyError::Malformed);
    }

    #[test]
    fn a_public_key_used_as_a_secret_is_refused() {
        // The classic confusion attack: HS256 with the published key as the secret, under its kid.
        let keys = keyring();
        let public = keys.jwks()["keys"][0].clone();
        let key = EncodingKey::from_secret(public.to_string().as_bytes());
        let claims = json!({"role": "service_role"});
        let token = foreign(jsonwebtoken::Algorithm::HS256, public["kid"].as_str(), &key, &claims);
        assert_eq!(keys.verify(&token).expect_err("confused algorithm"), VerifyError::NoKey);
    }
}
