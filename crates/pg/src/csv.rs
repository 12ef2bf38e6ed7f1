//! Query results as CSV (RFC 4180): CRLF after each record, quotes only where needed, NULL as an empty field
//! and the empty string as `""`, so that the two stay apart.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio_postgres::SimpleQueryMessage;

use crate::Error;

/// How many bytes are collected before they are passed on.
const CHUNK: usize = 64 * 1024;

/// Turns the messages of one or several statements into CSV. A header line comes with each description of
/// columns, also when no row follows. Memory is bounded by one chunk and one row.
pub fn encode(
    messages: impl Stream<Item = Result<SimpleQueryMessage, Error>> + Send,
) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let state = (Box::pin(messages), Vec::with_capacity(CHUNK), false);
    futures_util::stream::unfold(state, async |(mut messages, mut chunk, ended)| {
        if ended {
            return None;
        }
        loop {
            match messages.next().await {
                Some(Ok(message)) => append(&mut chunk, &message),
                Some(Err(error)) => return Some((Err(error), (messages, chunk, true))),
                None if chunk.is_empty() => return None,
                None => return Some((Ok(Bytes::from(std::mem::take(&mut chunk))), (messages, chunk, true))),
            }
            if chunk.len() >= CHUNK {
                let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                return Some((Ok(Bytes::from(full)), (messages, chunk, false)));
            }
        }
    })
}

fn append(out: &mut Vec<u8>, message: &SimpleQueryMessage) {
    match message {
        SimpleQueryMessage::RowDescription(columns) => record(out, columns.iter().map(|column| Some(column.name()))),
        SimpleQueryMessage::Row(row) => record(out, (0..row.len()).map(|index| row.get(index))),
        _ => {}
    }
}

/// Appends one record.
pub fn record<'a>(out: &mut Vec<u8>, fields: impl IntoIterator<Item = Option<&'a str>>) {
    for (index, value) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if let Some(value) = value {
            field(out, value);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, value: &str) {
    let is_plain = !value.is_empty() && !value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
    if is_plain {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in value.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::record;

    #[test]
    fn null_and_empty_stay_apart_and_special_characters_are_quoted() {
        let mut out = Vec::new();
        record(&mut out, [Some("a"), None, Some(""), Some("x,y"), Some("say \"hi\""), Some("two\r\nlines"), Some("ü")]);
        assert_eq!(String::from_utf8(out).expect("utf-8"), "a,,\"\",\"x,y\",\"say \"\"hi\"\"\",\"two\r\nlines\",ü\r\n");
    }
}
