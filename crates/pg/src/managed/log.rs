//! Reads the server's log (its standard error) into `tracing`, target `postgres`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// A longer line is cut into pieces, so that memory stays bounded.
const LONGEST_LINE: usize = 16 * 1024;

/// How many lines are kept to explain a death.
const KEPT_LINES: usize = 30;

/// The last lines of a server's log.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// The lines, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads lines until the last process of the server has closed the pipe.
pub(super) async fn follow(stderr: impl AsyncRead + Unpin, tail: Tail) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    let mut level = Level::Info;
    loop {
        let (taken, is_whole) = match reader.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let room = &bytes[..bytes.len().min(LONGEST_LINE - line.len())];
                let end = room.iter().position(|byte| *byte == b'\n');
                let taken = end.map_or(room.len(), |at| at + 1);
                line.extend_from_slice(&room[..taken]);
                (taken, end.is_some())
            }
        };
        reader.consume(taken);
        if is_whole || line.len() == LONGEST_LINE {
            level = emit(&line, level, &tail);
            line.clear();
        }
    }
    if !line.is_empty() {
        emit(&line, level, &tail);
    }
}

/// Passes one line on; returns its level, which further lines of the same message share.
fn emit(line: &[u8], before: Level, tail: &Tail) -> Level {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if text.is_empty() {
        return before;
    }
    let (level, message) = Level::split(text).unwrap_or((before, text));
    match level {
        Level::Debug => tracing::debug!(target: "postgres", "{message}"),
        Level::Info => tracing::info!(target: "postgres", "{message}"),
        Level::Warn => tracing::warn!(target: "postgres", "{message}"),
        Level::Error => tracing::error!(target: "postgres", "{message}"),
    }
    tail.push(text.to_owned());
    level
}

/// How much a line matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// Reads `LEVEL:  message`; `None` for the further lines of a message.
    fn split(line: &str) -> Option<(Self, &str)> {
        let (word, message) = line.split_once(':')?;
        let message = message.trim_start();
        let level = match word {
            "DEBUG1" | "DEBUG2" | "DEBUG3" | "DEBUG4" | "DEBUG5" => Self::Debug,
            "LOG" | "INFO" | "NOTICE" => Self::Info,
            // The end of a session that somebody ended on purpose, not of the server.
            "FATAL" if message.starts_with("terminating ") => Self::Info,
            "WARNING" => Self::Warn,
            "ERROR" | "FATAL" | "PANIC" => Self::Error,
            _ => return None,
        };
        Some((level, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_from_the_line() {
        assert_eq!(Level::split("LOG:  ready"), Some((Level::Info, "ready")));
        assert_eq!(Level::split("FATAL:  lock file exists"), Some((Level::Error, "lock file exists")));
        assert_eq!(
            Level::split("FATAL:  terminating connection due to administrator command").map(|l| l.0),
            Some(Level::Info)
        );
        assert_eq!(Level::split("\tcontinued LOG: not a level"), None);
        assert_eq!(Level::split("HINT:  do this"), None);
    }

    #[tokio::test]
    async fn any_bytes_and_any_length_are_read() {
        let mut bytes = b"LOG:  caf\xe9\n\nWARNING:  w\n\tmore\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', LONGEST_LINE + 10));
        let tail = Tail::default();
        follow(&bytes[..], tail.clone()).await;
        let lines = tail.lines();
        assert_eq!(lines[..3], ["LOG:  caf\u{fffd}", "WARNING:  w", "\tmore"]);
        assert_eq!((lines[3].len(), lines[4].len(), lines.len()), (LONGEST_LINE, 10, 5));
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let text: String = (0..100).map(|n| format!("LOG:  {n}\n")).collect();
        let tail = Tail::default();
        follow(text.as_bytes(), tail.clone()).await;
        assert_eq!(tail.lines().len(), KEPT_LINES);
        assert_eq!(tail.lines().last().unwrap(), "LOG:  99");
    }
}
