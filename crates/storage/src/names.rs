//! Which names buckets and objects may have: the characters that S3 calls safe or manageable, as in the original.
//!
//! Names never become paths of files here. Dot segments are refused all the same: they mean something else to
//! every browser and to whatever unpacks an export.

use crate::error::{Error, Result};

/// S3's limit; PostgreSQL's index on names could hold somewhat more.
const MAX_OBJECT_NAME: usize = 1024;

const MAX_BUCKET_NAME: usize = 100;

/// Checks a bucket's name.
///
/// # Errors
/// [`Error::InvalidBucketName`].
pub(crate) fn check_bucket(name: &str) -> Result<()> {
    let is_valid = !name.is_empty()
        && name.len() <= MAX_BUCKET_NAME
        && name != "."
        && name != ".."
        && name.chars().all(is_allowed);
    if is_valid { Ok(()) } else { Err(Error::InvalidBucketName) }
}

/// Checks an object's name.
///
/// # Errors
/// [`Error::InvalidKey`], quoting the beginning of the name.
pub(crate) fn check_object(name: &str) -> Result<()> {
    let is_valid = !name.is_empty()
        && name.len() <= MAX_OBJECT_NAME
        && name.chars().all(|character| character == '/' || is_allowed(character))
        && !name.split('/').any(|segment| segment == "." || segment == "..");
    if is_valid { Ok(()) } else { Err(Error::InvalidKey(name.chars().take(MAX_OBJECT_NAME).collect())) }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_!.*'() &$=@;:+,?-".contains(character)
}

/// The object that marks an empty folder: it must be empty itself and is exempt from the bucket's content types.
pub(crate) fn is_folder_placeholder(name: &str) -> bool {
    name.ends_with(".emptyFolderPlaceholder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_names_pass() {
        for name in ["a", "a/b/c.png", "!-_.*'()&$=@;:+,? x", "a//b", "...", "a/.hidden", "a.", &"x".repeat(1024)] {
            assert!(check_object(name).is_ok(), "{name:?}");
        }
        for name in ["avatars", "public", "a b", "..."] {
            assert!(check_bucket(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn hostile_names_do_not() {
        let long = "x".repeat(1025);
        let objects =
            ["", "..", "a/../b", "../../etc/passwd", "./a", "a/.", "a\\b", "a\0b", "a\nb", "ä", "a%2fb", "a#1", &long];
        for name in objects {
            assert!(matches!(check_object(name), Err(Error::InvalidKey(_))), "{name:?}");
        }
        let long = "x".repeat(101);
        for name in ["", ".", "..", "a/b", "a\0", "ü", "#", "a\\b", &long] {
            assert!(matches!(check_bucket(name), Err(Error::InvalidBucketName)), "{name:?}");
        }
    }
}
