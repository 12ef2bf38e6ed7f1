//! One connection that stays open: writes a request, reads its answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};

/// As much of an answer is kept, which is enough to find a token in it; the rest is only counted.
const KEPT: usize = 64 * 1024;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    scratch: Vec<u8>,
    /// The beginning of the last answer's body.
    pub(crate) body: Vec<u8>,
}

/// What an answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
}

/// How an answer's end is told.
enum Length {
    Bytes(u64),
    Chunks,
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(KEPT, stream);
        Ok(Self { stream, line: Vec::new(), scratch: vec![0; KEPT], body: Vec::new() })
    }

    /// Sends a request and reads all of its answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is none of HTTP/1.1.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.get_mut().write_all(request)?;
        self.body.clear();
        let (status, length) = self.head()?;
        let bytes = match length {
            Length::Bytes(bytes) => self.take(bytes)?,
            Length::Chunks => self.chunks()?,
        };
        Ok(Answer { status, bytes })
    }

    fn head(&mut self) -> Result<(u16, Length)> {
        let first = self.line()?;
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status: u16 = status.context("not an answer")?.parse()?;
        let mut length = Length::Bytes(0);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                None => break,
                Some(("content-length", value)) => length = Length::Bytes(value.parse()?),
                Some(("transfer-encoding", "chunked")) => length = Length::Chunks,
                Some(_) => {}
            }
        }
        Ok((status, if status == 204 { Length::Bytes(0) } else { length }))
    }

    fn line(&mut self) -> Result<&str> {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line)?;
        ensure!(self.line.ends_with(b"\r\n"), "the server hung up");
        Ok(std::str::from_utf8(&self.line)?.trim_end())
    }

    fn chunks(&mut self) -> Result<u64> {
        let mut sum = 0;
        loop {
            let size = u64::from_str_radix(self.line()?, 16)?;
            sum += self.take(size)?;
            if !self.line()?.is_empty() {
                bail!("a chunk is longer than it says");
            }
            if size == 0 {
                return Ok(sum);
            }
        }
    }

    fn take(&mut self, bytes: u64) -> Result<u64> {
        let mut left = bytes;
        while left > 0 {
            let room = usize::try_from(left).map_or(KEPT, |left| left.min(KEPT));
            let taken = self.stream.read(&mut self.scratch[..room])?;
            ensure!(taken > 0, "the server hung up");
            let kept = taken.min(KEPT.saturating_sub(self.body.len()));
            self.body.extend_from_slice(&self.scratch[..kept]);
            left -= taken as u64;
        }
        Ok(bytes)
    }
}
