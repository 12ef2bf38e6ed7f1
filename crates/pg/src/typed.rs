//! The types of values, where the client has to tell them.
//!
//! A pooler in transaction mode gives each transaction another server connection, where a statement that was
//! prepared before is not known. Unnamed statements travel in one message group with their parameters, whose types
//! must be told by the client then; they follow from the values.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, Type};

use crate::Param;

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
