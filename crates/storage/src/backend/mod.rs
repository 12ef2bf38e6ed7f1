//! Where the bytes lie. A file is written once under a fresh name, read, copied and removed; it never changes.
//!
//! [`Disk`] keeps files in a folder. An S3-compatible store is to become a second file here.

mod disk;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use uuid::Uuid;

pub use disk::Disk;

/// The name of a file: the version in the object's row. Nothing that a user chose is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blob(pub Uuid);

impl Blob {
    /// Reads the version of a row; a row of a foreign origin may hold anything there, and then there is no file.
    #[must_use]
    pub fn parse(version: &str) -> Option<Self> {
        Uuid::try_parse(version).ok().map(Self)
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a file could not be written, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("file {0} does not exist")]
    NotFound(Blob),
    /// The store failed: a full disk, a lost connection, a missing right.
    #[error("storage backend: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The bytes of a file, or of a part of it.
pub struct Content {
    /// How many bytes come.
    pub length: u64,
    /// The bytes.
    pub bytes: BoxStream<'static, Result<Bytes, Error>>,
}

/// A store of files.
pub trait Backend: Send + Sync + 'static {
    /// Begins a file. It exists only once [`Draft::finish`] has returned.
    fn create(&self, blob: Blob) -> BoxFuture<'_, Result<Box<dyn Draft>, Error>>;

    /// Reads a file, or the given part of it, which must lie within the file.
    fn read(&self, blob: Blob, range: Option<Range<u64>>) -> BoxFuture<'_, Result<Content, Error>>;

    /// Copies a file to a fresh name.
    fn copy(&self, from: Blob, to: Blob) -> BoxFuture<'_, Result<(), Error>>;

    /// Removes a file; one that does not exist is removed already.
    fn delete(&self, blob: Blob) -> BoxFuture<'_, Result<(), Error>>;
}

/// A file that is being written. Dropped before it is finished, it leaves nothing behind.
pub trait Draft: Send {
    /// Appends bytes. They may be held back until enough have come together.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>>;

    /// Writes what was held back and gives the file its name, so that it exists as a whole or not at all.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}
