//! What can be set about storage.

use std::path::PathBuf;

/// The settings of the storage service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds the files; made when missing.
    pub root: PathBuf,
    /// The most bytes that a file may have; buckets may allow less. Supabase's default is 50 MiB.
    pub file_size_limit: u64,
    /// For how many seconds a signed upload URL can be used; two hours, as Supabase documents it.
    pub signed_upload_seconds: u32,
    /// Whether files and their folders are flushed to the disk before an upload is answered. Only a test or a
    /// throw-away server has a reason to say no.
    pub durable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: PathBuf::from("files"),
            file_size_limit: 50 * 1024 * 1024,
            signed_upload_seconds: 7200,
            durable: true,
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// `root` is empty.
    #[error("storage folder is empty")]
    Root,
    /// `file_size_limit` is zero or more than a `bigint` holds.
    #[error("storage file size limit is {0} bytes, possible are 1 to {max}", max = i64::MAX)]
    FileSizeLimit(u64),
    /// `signed_upload_seconds` is zero.
    #[error("signed upload URLs must be valid for at least one second")]
    SignedUploadSeconds,
}

impl Settings {
    /// Checks that the settings can be used together.
    ///
    /// # Errors
    /// The first setting that cannot.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        if self.root.as_os_str().is_empty() {
            return Err(InvalidSettings::Root);
        }
        if self.file_size_limit == 0 || i64::try_from(self.file_size_limit).is_err() {
            return Err(InvalidSettings::FileSizeLimit(self.file_size_limit));
        }
        if self.signed_upload_seconds == 0 {
            return Err(InvalidSettings::SignedUploadSeconds);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let no_size = Settings { file_size_limit: 0, ..Settings::default() };
        assert_eq!(no_size.validate(), Err(InvalidSettings::FileSizeLimit(0)));
        let no_root = Settings { root: PathBuf::new(), ..Settings::default() };
        assert_eq!(no_root.validate(), Err(InvalidSettings::Root));
    }
}
