//! The HTTP server: which service answers where, and what surrounds every request.

mod cors;
mod failure;
mod gateway;
mod listen;
mod observe;
pub mod router;

pub use gateway::Gateway;
pub use listen::{bind, serve};
pub use observe::TrustedProxies;
pub use router::{Parts, Surroundings};
