//! Names of types in casts, `select=a::type`.
//!
//! The name is the user's, so it is quoted like any identifier. Names that PostgreSQL knows only as words of
//! its grammar (`int`, `double precision`) are not types when quoted; they are replaced by the type they mean.

use super::Sql;

/// Words of the grammar and their types.
const GRAMMAR: [(&str, &str); 22] = [
    ("int", "int4"),
    ("integer", "int4"),
    ("smallint", "int2"),
    ("bigint", "int8"),
    ("real", "float4"),
    ("float", "float8"),
    ("double precision", "float8"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("boolean", "bool"),
    ("char", "bpchar"),
    ("character", "bpchar"),
    ("nchar", "bpchar"),
    ("national char", "bpchar"),
    ("national character", "bpchar"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("bit varying", "varbit"),
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
    ("time with time zone", "timetz"),
    ("time without time zone", "time"),
];

impl Sql {
    /// Appends the name of a type as PostgreSQL would read it without quotes.
    pub(super) fn type_name(&mut self, name: &str) -> &mut Self {
        let folded = name.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        match GRAMMAR.iter().find(|(word, _)| *word == folded) {
            // The grammar's types are always those of the catalog, whatever the search path says.
            Some((_, type_name)) => self.push("pg_catalog.").ident(type_name),
            None => self.ident(&folded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> String {
        let mut sql = Sql::default();
        sql.type_name(name);
        sql.statement.text
    }

    #[test]
    fn words_of_the_grammar_become_types_and_the_rest_is_quoted() {
        assert_eq!(named("Int"), "pg_catalog.\"int4\"");
        assert_eq!(named("double  precision"), "pg_catalog.\"float8\"");
        assert_eq!(named("Citext"), "\"citext\"");
        assert_eq!(named("text $$ x"), "\"text $$ x\"");
    }
}
