//! A list of leaked passwords on this machine: a text file with a SHA-1 in hexadecimal digits at the start of each
//! line, in ascending order, as Have I Been Pwned gives it away («ordered by hash»); a count after a colon is ignored. To
//! save room, all hashes may be cut to their first 16 digits or more. The file is searched by halving and not loaded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// The fewest digits of a hash: with fewer, good passwords would be taken for leaked ones.
const LEAST_DIGITS: usize = 16;

/// The digits of a whole hash.
const MOST_DIGITS: usize = 40;

/// No line is longer.
const MAX_LINE: u64 = 256;

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file cannot be read.
    #[error("list of leaked passwords {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: io::Error,
    },
    /// A line does not start with a hash.
    #[error("list of leaked passwords {} has no hash of 16 to 40 digits in the line at byte {offset}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where the line begins.
        offset: u64,
    },
    /// The last line is before the first.
    #[error("list of leaked passwords {} is not sorted by hash", path.display())]
    Order {
        /// The file.
        path: PathBuf,
    },
}

/// A list in a file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Offline(Arc<PathBuf>);

impl Offline {
    /// Takes a file after a look at its first and last line. It is opened for each search, so that it may be replaced
    /// while the server runs.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn open(path: PathBuf) -> Result<Self, ListError> {
        let list = Self(Arc::new(path));
        list.work(|search| {
            let first = search.line(0)?;
            let last = search.line(search.size.saturating_sub(1))?;
            if first.hash > last.hash { Err(ListError::Order { path: search.path.clone() }) } else { Ok(()) }
        })
        .await?;
        Ok(list)
    }

    /// Whether a hash, in capital digits, is in the list.
    pub(super) async fn has(&self, hash: &str) -> Result<bool, ListError> {
        let hash = hash.to_owned();
        self.work(move |search| search.has(&hash)).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Search) -> Result<T, ListError> + Send + 'static,
    ) -> Result<T, ListError> {
        let path = self.0.as_ref().clone();
        let failed = {
            let path = path.clone();
            move |cause| ListError::Read { path, cause }
        };
        let task = tokio::task::spawn_blocking(move || work(&mut Search::open(path)?));
        task.await.map_err(|error| failed(io::Error::other(error)))?
    }
}

struct Search {
    path: PathBuf,
    file: BufReader<File>,
    size: u64,
}

struct Line {
    /// Where it begins.
    start: u64,
    /// Where the next one begins.
    end: u64,
    hash: String,
}

impl Search {
    fn open(path: PathBuf) -> Result<Self, ListError> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            // Lines have some 45 bytes.
            Ok((size, file)) => Ok(Self { path, file: BufReader::with_capacity(512, file), size }),
            Err(cause) => Err(ListError::Read { path, cause }),
        }
    }

    /// Lines from `low` on, which is where one begins, to `high` are still possible.
    fn has(&mut self, hash: &str) -> Result<bool, ListError> {
        let (mut low, mut high) = (0, self.size);
        while low < high {
            let line = self.line(low + (high - low) / 2)?;
            if hash.starts_with(&line.hash) {
                return Ok(true);
            }
            if line.hash.as_str() < hash {
                low = line.end;
            } else {
                high = line.start;
            }
        }
        Ok(false)
    }

    /// The line that a byte is part of.
    fn line(&mut self, offset: u64) -> Result<Line, ListError> {
        self.read(offset)
            .map_err(|cause| ListError::Read { path: self.path.clone(), cause })?
            .ok_or_else(|| ListError::Form { path: self.path.clone(), offset })
    }

    fn read(&mut self, offset: u64) -> io::Result<Option<Line>> {
        let mut start = offset.saturating_sub(MAX_LINE);
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        let mut is_at_start = start == 0;
        loop {
            bytes.clear();
            let length = io::Read::take(&mut self.file, MAX_LINE + 1).read_until(b'\n', &mut bytes)?;
            let end = start + u64::try_from(length).unwrap_or(u64::MAX);
            if length == 0 {
                return Ok(None);
            }
            if end > offset {
                let hash = is_at_start.then(|| hash_of(&bytes)).flatten();
                return Ok(hash.map(|hash| Line { start, end, hash }));
            }
            is_at_start = bytes.ends_with(b"\n");
            start = end;
        }
    }
}

fn hash_of(line: &[u8]) -> Option<String> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_whole = line.get(digits).is_none_or(|byte| b":\r\n \t".contains(byte));
    let hash = std::str::from_utf8(&line[..digits]).ok()?.to_ascii_uppercase();
    (is_whole && (LEAST_DIGITS..=MOST_DIGITS).contains(&digits)).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::*;

    fn list(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    /// A list of the hashes of 1 to `count`, cut to `digits`, and lines of different lengths.
    fn hashes(count: u32, digits: usize, end: &str) -> String {
        let mut hashes: Vec<String> = (1..=count).map(|n| hex(&n.to_string())[..digits].to_owned()).collect();
        hashes.sort();
        let counted = hashes.iter().enumerate().map(|(n, hash)| format!("{hash}:{}", 10_u64.pow(n as u32 % 8)));
        counted.collect::<Vec<_>>().join(end)
    }

    #[tokio::test]
    async fn every_hash_is_found_and_no_other() {
        for (count, digits, end) in [(1, 40, "\n"), (2, 40, "\n"), (150, 40, "\r\n"), (151, 16, "\n")] {
            let content = hashes(count, digits, end);
            for content in [content.clone(), content.to_ascii_lowercase(), format!("{content}{end}")] {
                let (_folder, path) = list(&content);
                let offline = Offline::open(path).await.unwrap();
                for n in 0..count + 10 {
                    let found = offline.has(&hex(&n.to_string())).await.unwrap();
                    assert_eq!(found, (1..=count).contains(&n), "{n} of {count}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_sorted_list_is_refused() {
        let (one, two) = (hex("1"), hex("2"));
        let sorted = hashes(2, 40, "\n");
        let unsorted = if one < two { format!("{two}\n{one}\n") } else { format!("{one}\n{two}\n") };
        let error = |content: String| async move {
            let (_folder, path) = list(&content);
            Offline::open(path).await.unwrap_err()
        };
        assert!(matches!(error(unsorted).await, ListError::Order { .. }));
        for content in ["", "password\n", &one[..15], &format!("{one}0"), &format!("{sorted}\nx"), &"A".repeat(2000)] {
            assert!(matches!(error(content.to_owned()).await, ListError::Form { .. }), "{content}");
        }
        let error = Offline::open(PathBuf::from("/nowhere/list")).await.unwrap_err();
        assert_eq!(error.to_string(), "list of leaked passwords /nowhere/list cannot be read");
    }
}
