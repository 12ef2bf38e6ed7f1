//! scrypt, `$scrypt$ln=17,r=8,p=1$<salt>$<hash>` (base64 without padding, as passlib writes it), and Firebase's kind:
//! `$fbscrypt$v=1,n=14,r=8,p=1,ss=<separator>,sk=<signer key>$<salt>$<hash>` (base64), where scrypt makes a key by which
//! the signer key is encrypted.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use scrypt::Params;
use secrecy::{ExposeSecret, SecretSlice};
use subtle::ConstantTimeEq;

use super::decode;

/// Limits, so that one hash cannot take the machine's memory: 128 · r · 2ⁿ bytes are used, and 128 · r for each lane.
const MAX_MEMORY: u64 = 1 << 30;
const MAX_BLOCK: u32 = 1 << 10;
const MAX_LANES: u32 = 16;

/// How long a hash may be in bytes.
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=128;

/// The length of the key that encrypts Firebase's signer key, with AES-256.
const FIREBASE_KEY: usize = 32;

/// The parts of a scrypt hash.
pub struct ScryptHash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// The parts of a Firebase hash.
pub struct FirebaseHash {
    params: Params,
    /// The user's salt and the project's separator.
    salt: Vec<u8>,
    signer_key: SecretSlice<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    pub(super) fn parse(hash: &str) -> Option<Self> {
        let mut parts = hash.strip_prefix("$scrypt$")?.split('$');
        let mut settings = parts.next()?.split(',');
        let params = params(settings.next()?.strip_prefix("ln=")?, &mut settings)?;
        let (salt, output) = (decode(parts.next()?)?, decode(parts.next()?)?);
        let is_whole = settings.next().is_none() && parts.next().is_none() && OUTPUT.contains(&output.len());
        is_whole.then_some(Self { params, salt, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        scrypt::scrypt(password, &self.salt, &self.params, &mut output).is_ok()
            && bool::from(output.ct_eq(&self.output))
    }
}

impl FirebaseHash {
    pub(super) fn parse(hash: &str) -> Option<Self> {
        let mut parts = hash.strip_prefix("$fbscrypt$")?.split('$');
        let mut settings = parts.next()?.split(',');
        if settings.next()? != "v=1" {
            return None;
        }
        let params = params(settings.next()?.strip_prefix("n=")?, &mut settings)?;
        let (mut separator, mut signer_key) = (Vec::new(), Vec::new());
        for setting in settings {
            match setting.split_at_checked(3)? {
                ("ss=", value) => separator = STANDARD.decode(value).ok()?,
                ("sk=", value) => signer_key = STANDARD.decode(value).ok()?,
                _ => return None,
            }
        }
        let mut salt = STANDARD.decode(parts.next()?).ok()?;
        salt.extend(separator);
        let output = STANDARD.decode(parts.next()?).ok()?;
        // Without a signer key every password would do.
        let is_whole = parts.next().is_none() && OUTPUT.contains(&output.len()) && signer_key.len() == output.len();
        is_whole.then(|| Self { params, salt, signer_key: signer_key.into(), output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut key = [0; FIREBASE_KEY];
        if scrypt::scrypt(password, &self.salt, &self.params, &mut key).is_err() {
            return false;
        }
        let mut output = self.signer_key.expose_secret().to_vec();
        Ctr128BE::<Aes256>::new(&key.into(), &[0; 16].into()).apply_keystream(&mut output);
        bool::from(output.ct_eq(&self.output))
    }
}

/// Reads the cost, and `r=` and `p=` of the settings that follow.
fn params<'a>(log_n: &str, settings: &mut impl Iterator<Item = &'a str>) -> Option<Params> {
    let log_n: u8 = log_n.parse().ok()?;
    let mut number = |name: &str| settings.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (r, p) = (number("r=")?, number("p=")?);
    let memory = 1_u64.checked_shl(log_n.into())?.checked_mul(u64::from(r))?.checked_mul(128)?;
    if log_n == 0 || r > MAX_BLOCK || p > MAX_LANES || memory > MAX_MEMORY {
        None
    } else {
        Params::new(log_n, r, p).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Python: hashlib.scrypt(b"password", salt=b"NaCl-salt-16byte", n=16, r=8, p=1, dklen=32)
    const SCRYPT: &str = "$scrypt$ln=4,r=8,p=1$TmFDbC1zYWx0LTE2Ynl0ZQ$5/htjjavptdfEnE6QxaI7Q8ek6h4KmaPrXebm1+As4o";

    // The example in the description of Firebase's program; the password is `user1password`.
    const FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,\
        sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==\
        $42xEC+ixf3L2lw==\
        $lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

    #[test]
    fn scrypt_hashes_of_other_programs_verify() {
        let hash = ScryptHash::parse(SCRYPT).unwrap();
        assert!(hash.is_of(b"password"));
        assert!(!hash.is_of(b"Password"));
    }

    #[test]
    fn firebase_hashes_verify() {
        let hash = FirebaseHash::parse(FIREBASE).unwrap();
        assert!(hash.is_of(b"user1password"));
        assert!(!hash.is_of(b"user1passwore"));
    }

    #[test]
    fn other_forms_and_costs_are_refused() {
        for (from, to) in [("ln=4", "ln=40"), ("ln=4", "ln=0"), ("r=8", "r=1025"), ("r=8", "r=0"), ("p=1", "p=17")] {
            assert!(ScryptHash::parse(&SCRYPT.replace(from, to)).is_none(), "{to}");
        }
        assert!(ScryptHash::parse(&SCRYPT[..SCRYPT.len() - 30]).is_none());
        assert!(ScryptHash::parse(&format!("{SCRYPT}$")).is_none());
        for (from, to) in
            [("v=1", "v=2"), ("n=14", "n=0"), ("n=14", "n=64"), ("sk=", "xx="), ("r=8", "r=0"), (",sk=jx", ",sk=")]
        {
            assert!(FirebaseHash::parse(&FIREBASE.replace(from, to)).is_none(), "{to}");
        }
        assert!(FirebaseHash::parse("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=$42xEC+ixf3L2lw==$").is_none());
    }
}
