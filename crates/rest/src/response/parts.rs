//! Long bodies: the first part is here, the others are fetched while the client takes them.

use axum::body::Body;
use futures_util::{StreamExt, TryStreamExt, stream};
use pg::Rows;

/// The column of a row that holds its part of the body.
const PART: usize = 2;

/// The first part and all others. A body that is dropped before its end gives up its connection.
pub(super) fn body(first: Body, rows: Rows) -> Body {
    let rest = stream::try_unfold(rows, async |mut rows| match rows.next().await {
        Ok(Some(row)) => match row.bytes(PART) {
            Some(part) => Ok(Some((part, rows))),
            None => Err(axum::Error::new("a row has no part of the body")),
        },
        Ok(None) => Ok(None),
        // The client sees a body that is shorter than was told.
        Err(error) => Err(axum::Error::new(error)),
    });
    Body::from_stream(first.into_data_stream().chain(rest.into_stream()))
}
