//! Long bodies: the first part is here, the others are fetched while the client takes them.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use pg::{Raw, Rows};

/// The column of a row that holds its part of the body.
const PART: usize = 2;

/// The first part and all others. A body that is dropped before its end gives up its connection.
pub(super) fn body(first: Body, rows: Rows) -> Body {
    let rest = stream::try_unfold(rows, async |mut rows| match rows.next().await {
        Ok(Some(row)) => match row.try_get::<_, Raw<'_>>(PART) {
            Ok(part) => Ok(Some((Bytes::copy_from_slice(part.0), rows))),
            Err(error) => Err(axum::Error::new(error)),
        },
        Ok(None) => Ok(None),
        // The client sees a body that is shorter than was told.
        Err(error) => Err(axum::Error::new(error)),
    });
    Body::from_stream(first.into_data_stream().chain(rest.into_stream()))
}
