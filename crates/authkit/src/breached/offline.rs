//! A list of leaked passwords on this machine: a text file with a SHA-1 in hexadecimal digits at the start of each
//! line, in ascending order, as Have I Been Pwned gives it away («ordered by hash»); a count after a colon is ignored. To
//! save room, all hashes may be cut to their first 16 digits or more. Blank lines are passed over. The file is searched by
//! halving and not loaded.

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

/// Longer files are not read as a whole when they are opened, but looked at here and there.
const MAX_READ: u64 = 256 * 1024 * 1024;

/// At how many places.
const SAMPLES: u64 = 4096;

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
    #[error("list of leaked passwords {}, line {line}: a hash of 16 to 40 digits is expected", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
    /// A line belongs before an earlier one.
    #[error("list of leaked passwords {}, line {line}: not sorted by hash", path.display())]
    Order {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
    /// There is no hash.
    #[error("list of leaked passwords {} has no hash", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A list in a file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Offline(Arc<PathBuf>);

impl Offline {
    /// Takes a file after a look at its lines; at some of them where there are very many. It is opened for each search, so
    /// that it may be replaced while the server runs.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn open(path: PathBuf) -> Result<Self, ListError> {
        let list = Self(Arc::new(path));
        list.work(|search| if search.size <= MAX_READ { search.check() } else { search.check_samples() }).await?;
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

    /// Reads all lines.
    fn check(&mut self) -> Result<(), ListError> {
        let mut order = Order::default();
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            let length = self.next(&mut bytes).map_err(|cause| self.unreadable(cause))?;
            let path = || self.path.clone();
            if length == 0 {
                return if order.last.is_empty() { Err(ListError::Empty { path: path() }) } else { Ok(()) };
            }
            let is_long = u64::try_from(length).is_ok_and(|length| length > MAX_LINE);
            if is_long || !is_blank(&bytes) {
                let hash = hash_of(&bytes).filter(|_| !is_long);
                let hash = hash.ok_or_else(|| ListError::Form { path: path(), line: number })?;
                if !order.goes_on(hash) {
                    return Err(ListError::Order { path: path(), line: number });
                }
            }
        }
        Ok(())
    }

    /// Reads lines here and there, and the last one.
    fn check_samples(&mut self) -> Result<(), ListError> {
        let mut order = Order::default();
        for sample in 0..=SAMPLES {
            let offset = (self.size.saturating_mul(sample) / SAMPLES).min(self.size.saturating_sub(1));
            if let Some(line) = self.line(offset, self.size)?
                && !order.goes_on(line.hash)
            {
                return Err(ListError::Order { path: self.path.clone(), line: self.number(line.start)? });
            }
        }
        if order.last.is_empty() { Err(ListError::Empty { path: self.path.clone() }) } else { Ok(()) }
    }

    /// Lines from `low` on, which is where one begins, to `high` are still possible.
    fn has(&mut self, hash: &str) -> Result<bool, ListError> {
        let (mut low, mut high) = (0, self.size);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.line(middle, high)? {
                Some(line) if hash.starts_with(&line.hash) => return Ok(true),
                Some(line) if line.hash.as_str() < hash => low = line.end,
                // What lies between a middle in a blank line and the line found is blank.
                Some(line) => high = line.start.min(middle),
                None => high = middle,
            }
        }
        Ok(false)
    }

    /// The line that a byte is part of, or when that is blank the next one that is not and begins before `end`.
    fn line(&mut self, offset: u64, end: u64) -> Result<Option<Line>, ListError> {
        match self.read(offset, end).map_err(|cause| self.unreadable(cause))? {
            Read::Line(line) => Ok(Some(line)),
            Read::End => Ok(None),
            Read::Malformed(start) => Err(ListError::Form { path: self.path.clone(), line: self.number(start)? }),
        }
    }

    fn read(&mut self, offset: u64, until: u64) -> io::Result<Read> {
        let mut start = offset.saturating_sub(MAX_LINE);
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        let mut is_at_start = start == 0;
        while start < until {
            bytes.clear();
            let length = self.next(&mut bytes)?;
            let end = start + u64::try_from(length).unwrap_or(u64::MAX);
            if length == 0 {
                break;
            }
            if end > offset && !(is_at_start && is_blank(&bytes)) {
                let hash = is_at_start.then(|| hash_of(&bytes)).flatten();
                return Ok(hash.map_or(Read::Malformed(start), |hash| Read::Line(Line { start, end, hash })));
            }
            is_at_start = bytes.ends_with(b"\n");
            start = end;
        }
        Ok(Read::End)
    }

    fn next(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        io::Read::take(&mut self.file, MAX_LINE + 1).read_until(b'\n', bytes)
    }

    /// Which line a byte is part of.
    fn number(&mut self, offset: u64) -> Result<u64, ListError> {
        let lines = self.file.seek(SeekFrom::Start(0)).and_then(|_| {
            let mut lines = 1;
            let mut before = io::Read::take(&mut self.file, offset);
            loop {
                let bytes = before.fill_buf()?;
                if bytes.is_empty() {
                    return Ok(lines);
                }
                let length = bytes.len();
                lines += bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                before.consume(length);
            }
        });
        lines.map_err(|cause| self.unreadable(cause))
    }

    fn unreadable(&self, cause: io::Error) -> ListError {
        ListError::Read { path: self.path.clone(), cause }
    }
}

/// What was found at a place.
enum Read {
    Line(Line),
    /// No line that is not blank.
    End,
    /// A line without a hash; where it begins, or something in it.
    Malformed(u64),
}

/// Whether hashes ascend.
#[derive(Default)]
struct Order {
    last: String,
}

impl Order {
    fn goes_on(&mut self, hash: String) -> bool {
        let ascends = self.last <= hash;
        self.last = hash;
        ascends
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
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
            let blanks = format!("{end}{}{end}{end} {end}", content.replace(end, &format!("{end}{end}\t{end}")));
            for content in [content.clone(), content.to_ascii_lowercase(), format!("{content}{end}"), blanks] {
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
        assert!(matches!(error(format!("\n{unsorted}")).await, ListError::Order { line: 3, .. }));
        for (content, wrong) in [
            ("password\n", 1),
            (&one[..15], 1),
            (&format!("{one}0"), 1),
            (&format!("{sorted}\n\nx"), 4),
            (&format!("{one}\n#\n{one}\n"), 2),
            (&"A".repeat(2000), 1),
        ] {
            let error = error(content.to_owned()).await;
            assert!(matches!(error, ListError::Form { line, .. } if line == wrong), "{content}: {error}");
        }
        for content in ["", "\n \r\n"] {
            assert!(matches!(error(content.to_owned()).await, ListError::Empty { .. }), "{content:?}");
        }
        let error = Offline::open(PathBuf::from("/nowhere/list")).await.unwrap_err();
        assert_eq!(error.to_string(), "list of leaked passwords /nowhere/list cannot be read");
    }

    #[test]
    fn of_a_long_list_some_lines_are_looked_at() {
        let check = |content: &str| {
            let (_folder, path) = list(content);
            Search::open(path).expect("the file").check_samples()
        };
        let sorted = hashes(150, 40, "\n\n");
        check(&sorted).expect("a sorted list");
        let wrong = sorted.replacen("\n\n", "\nx\n", 100);
        assert!(matches!(check(&wrong), Err(ListError::Form { line: 2, .. })));
        let unsorted: Vec<_> = sorted.lines().rev().collect();
        assert!(matches!(check(&unsorted.join("\n")), Err(ListError::Order { line: 3, .. })));
    }
}
