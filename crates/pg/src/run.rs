//! How a statement runs on a pooled connection: prepared once per connection, or unnamed and parsed each time.
//!
//! A pooler in transaction mode gives each transaction another server connection, where the statement that was
//! prepared before is not known. Unnamed statements travel in one message group with their parameters, whose types
//! must be told by the client then; they follow from the values.

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, Type};
use tokio_postgres::{Row, RowStream, Statement};

use crate::Param;

/// A statement that can be sent without waiting for anything.
pub(crate) enum Ready<'a> {
    Prepared(Statement),
    Unnamed(&'a str),
}

impl<'a> Ready<'a> {
    /// Prepares `sql` unless the connection has done so before, or must not.
    pub(crate) async fn new(client: &Object, prepares: bool, sql: &'a str) -> Result<Self, tokio_postgres::Error> {
        if prepares { client.prepare_cached(sql).await.map(Self::Prepared) } else { Ok(Self::Unnamed(sql)) }
    }

    /// Sends it at the first poll; its rows come in a stream.
    pub(crate) async fn stream(
        &self,
        client: &Object,
        params: &[Param<'_>],
    ) -> Result<RowStream, tokio_postgres::Error> {
        match self {
            Self::Prepared(statement) => client.query_raw(statement, params.iter().copied()).await,
            Self::Unnamed(sql) => client.query_typed_raw(sql, typed(params)).await,
        }
    }

    /// Sends it at the first poll and collects its rows.
    pub(crate) async fn query(&self, client: &Object, params: &[Param<'_>]) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.stream(client, params).await?.try_collect().await
    }

    /// Runs it; how many rows it affected.
    pub(crate) async fn execute(&self, client: &Object, params: &[Param<'_>]) -> Result<u64, tokio_postgres::Error> {
        match self {
            Self::Prepared(statement) => client.execute(statement, params).await,
            Self::Unnamed(sql) => client.execute_typed(sql, &typed(params)).await,
        }
    }
}

/// The types that values are tried as, in this order. `unknown` leaves the type to the server, as preparing does.
const TYPES: [Type; 29] = [
    Type::UNKNOWN,
    Type::INT8,
    Type::INT4,
    Type::BOOL,
    Type::UUID,
    Type::TIMESTAMPTZ,
    Type::JSONB,
    Type::BYTEA,
    Type::TEXT_ARRAY,
    Type::UUID_ARRAY,
    Type::INT8_ARRAY,
    Type::INT4_ARRAY,
    Type::INT2,
    Type::INT2_ARRAY,
    Type::FLOAT8,
    Type::FLOAT8_ARRAY,
    Type::FLOAT4,
    Type::OID,
    Type::INET,
    Type::TIMESTAMP,
    Type::DATE,
    Type::TIME,
    Type::CHAR,
    Type::BOOL_ARRAY,
    Type::JSONB_ARRAY,
    Type::BYTEA_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::OID_ARRAY,
    Type::JSON,
];

/// The parameters with the types that their values have.
pub(crate) fn typed<'a>(params: &[Param<'a>]) -> Vec<(Param<'a>, Type)> {
    params.iter().map(|param| (*param, type_of(*param))).collect()
}

fn type_of(param: Param<'_>) -> Type {
    if matches!(param.encode_format(&Type::UNKNOWN), Format::Text) {
        return Type::UNKNOWN;
    }
    let mut scratch = BytesMut::new();
    let fits = |wanted: &&Type| {
        scratch.clear();
        param.to_sql_checked(wanted, &mut scratch).is_ok()
    };
    // A value that fits none is refused by the driver, which tells which one.
    TYPES.iter().find(fits).cloned().unwrap_or(Type::UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    #[test]
    fn values_tell_their_types() {
        let none: Option<i32> = None;
        let uuids = vec![uuid::Uuid::nil()];
        let params: [Param<'_>; 8] = [&1_i64, &2_i32, &"x", &Text("3"), &none, &uuids, &vec![1_u8], &vec!["a"]];
        let types: Vec<Type> = typed(&params).into_iter().map(|(_, type_)| type_).collect();
        let expected = [
            Type::INT8,
            Type::INT4,
            Type::UNKNOWN,
            Type::UNKNOWN,
            Type::INT4,
            Type::UUID_ARRAY,
            Type::BYTEA,
            Type::TEXT_ARRAY,
        ];
        assert_eq!(types, expected);
    }
}
