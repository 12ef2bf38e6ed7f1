//! Cursors: opaque to the browser, base64url of JSON. They name what was shown anyway and are no secret; what
//! comes back is bound as values like everything else a browser sends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Writes a position.
pub(crate) fn write<T: Serialize>(position: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).expect("a position is plain data"))
}

/// Reads a position.
///
/// # Errors
/// [`Error::Invalid`] when it is none of ours.
pub(crate) fn read<T: DeserializeOwned>(cursor: &str) -> Result<T, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    serde_json::from_slice(&bytes).map_err(|_| invalid())
}

/// A cursor that does not fit.
pub(crate) fn invalid() -> Error {
    Error::Invalid("`cursor` is not one that this list gave".into())
}
