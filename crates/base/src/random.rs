//! The source of randomness that services are given: the operating system's generator, or a seeded one in tests.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use uuid::Uuid;

/// Hands out random bytes, ids and codes. Cheap to clone; clones share a seeded sequence.
#[derive(Clone, Debug, Default)]
pub struct Random(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Random {
    /// The cryptographic generator of the thread, seeded by the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A sequence that is the same in each run. For tests only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => rand::rng().fill_bytes(&mut bytes),
            Source::Seeded(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A random (version 4) uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `length` characters drawn evenly from `alphabet`, which must not be empty.
    #[must_use]
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        let draw = |rng: &mut dyn Rng| {
            (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
        };
        match &self.0 {
            Source::System => draw(&mut rand::rng()),
            Source::Seeded(rng) => draw(&mut *rng.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_sequences_repeat_and_system_ones_do_not() {
        assert_eq!(Random::seeded(7).uuid(), Random::seeded(7).uuid());
        assert_ne!(Random::system().uuid(), Random::system().uuid());
        assert_eq!(Random::seeded(7).uuid().get_version_num(), 4);
    }

    #[test]
    fn text_has_the_length_and_alphabet_asked_for() {
        let text = Random::system().text(64, b"ab");
        assert_eq!(text.len(), 64);
        assert!(text.bytes().all(|byte| byte == b'a' || byte == b'b'));
    }
}
