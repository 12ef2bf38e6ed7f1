//! What every service shares and what needs no database: tokens and keys, clock, randomness, the request
//! extensions that the gateway sets, and the failure that is attached to a response for the log.

pub mod clock;
pub mod http;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod project;
pub mod random;
pub mod rotation;

pub use clock::Clock;
pub use random::Random;
