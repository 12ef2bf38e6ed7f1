//! argon2i and argon2id, version 19: `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;

/// How long a hash has to be in bytes.
const LEAST_OUTPUT: usize = 16;

/// Limits, so that one hash cannot take the machine's memory.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 20;
const MAX_LANES: u32 = 16;

/// The parts of an argon2 hash.
pub struct Argon2Hash {
    algorithm: Algorithm,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    pub(super) fn parse(hash: &str) -> Option<Self> {
        let mut parts = hash.strip_prefix('$')?.split('$');
        let algorithm = match parts.next()? {
            "argon2i" => Algorithm::Argon2i,
            "argon2id" => Algorithm::Argon2id,
            _ => return None,
        };
        if parts.next()? != "v=19" {
            return None;
        }
        let mut settings = parts.next()?.split(',');
        let mut number = |name: &str| settings.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
        if settings.next().is_some() || memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return None;
        }
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let output = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        // A shorter salt would never be right; of a hash that was cut short little is left to compare.
        if parts.next().is_some() || salt.len() < argon2::MIN_SALT_LEN || output.len() < LEAST_OUTPUT {
            return None;
        }
        let params = Params::new(memory, passes, lanes, Some(output.len())).ok()?;
        Some(Self { algorithm, params, salt, output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        let argon2 = Argon2::new(self.algorithm, Version::V0x13, self.params.clone());
        argon2.hash_password_into(password, &self.salt, &mut output).is_ok() && bool::from(output.ct_eq(&self.output))
    }
}
