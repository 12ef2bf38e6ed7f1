//! Requests as they go over the wire, read from a file: for each a line with its length in bytes, then itself.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Reads the requests of a file.
///
/// # Errors
/// When the file cannot be read, or is cut off.
pub(crate) fn read(path: &Path) -> Result<Vec<Vec<u8>>> {
    let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    split(&file).with_context(|| format!("{} is not a file of requests", path.display()))
}

fn split(mut file: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    while !file.is_empty() {
        let end = file.iter().position(|byte| *byte == b'\n').context("a length is cut off")?;
        let length: usize = std::str::from_utf8(&file[..end])?.parse()?;
        let (_, rest) = file.split_at(end + 1);
        ensure!(rest.len() >= length, "a request is cut off");
        let (request, rest) = rest.split_at(length);
        requests.push(request.to_owned());
        file = rest;
    }
    ensure!(!requests.is_empty(), "there are no requests");
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn requests_are_told_apart_by_their_lengths() {
        let requests = split(b"3\nGET5\nPOST\n").expect("two requests");
        assert_eq!(requests, [b"GET".to_vec(), b"POST\n".to_vec()]);
        for wrong in [&b""[..], b"3", b"x\nGET", b"4\nGET"] {
            assert!(split(wrong).is_err(), "{wrong:?}");
        }
    }
}
