//! Functions and how one of several with the same name is chosen.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Name;

/// A function.
#[derive(Debug, Clone, Deserialize)]
pub struct Routine {
    /// Its number in the catalog.
    pub oid: u32,
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// Its parameters that take arguments, in order.
    pub parameters: Vec<Parameter>,
    /// What it returns.
    pub returns: Returns,
    /// `i`, `s` or `v`.
    pub volatility: Volatility,
    /// Settings of the function that hold for the whole transaction.
    pub settings: Vec<(String, String)>,
}

/// A parameter.
#[derive(Debug, Clone, Deserialize)]
pub struct Parameter {
    /// Its name, empty when it has none.
    pub name: String,
    /// Its type as SQL text.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its type without a length that would cut values off, as SQL text.
    pub unlimited_type: String,
    /// It has no default.
    pub required: bool,
    /// It takes all further arguments.
    pub variadic: bool,
}

/// What a function returns.
#[derive(Debug, Clone, Deserialize)]
pub struct Returns {
    /// Schema and name of the type; of a row type those of its relation.
    #[serde(flatten)]
    pub type_name: Name,
    /// Any number of them.
    pub set: bool,
    /// Rows and not single values.
    pub composite: bool,
}

/// Whether a function may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Volatility {
    /// Always the same result.
    #[serde(rename = "i")]
    Immutable,
    /// The same result within a statement.
    #[serde(rename = "s")]
    Stable,
    /// Anything, writing included.
    #[serde(rename = "v")]
    Volatile,
}

impl Returns {
    /// A single value that is no row.
    pub fn is_scalar(&self) -> bool {
        !self.set && !self.composite
    }

    /// Any number of values that are no rows.
    pub fn is_scalar_set(&self) -> bool {
        self.set && !self.composite
    }

    /// Exactly one row.
    pub fn is_single_row(&self) -> bool {
        !self.set && self.composite
    }

    /// Nothing.
    pub fn is_void(&self) -> bool {
        self.is_scalar() && self.type_name.schema == "pg_catalog" && self.type_name.name == "void"
    }
}

impl Routine {
    /// These arguments, and no others, may be given by name.
    fn takes(&self, arguments: &BTreeSet<&str>) -> bool {
        let required = self.parameters.iter().filter(|parameter| parameter.required);
        let all_given = required.into_iter().all(|parameter| arguments.contains(parameter.name.as_str()));
        let known = |argument: &&str| self.parameters.iter().any(|parameter| parameter.name == **argument);
        all_given && arguments.iter().all(known)
    }

    /// Its only parameter, when that has no name.
    pub fn single_unnamed(&self) -> Option<&Parameter> {
        match self.parameters.as_slice() {
            [only] if only.name.is_empty() => Some(only),
            _ => None,
        }
    }

    /// `schema.name(a => integer)`, for the error about several candidates.
    pub fn signature(&self) -> String {
        let parameters: Vec<String> =
            self.parameters.iter().map(|parameter| format!("{} => {}", parameter.name, parameter.type_name)).collect();
        format!("{}.{}({})", self.name.schema, self.name.name, parameters.join(", "))
    }
}

/// How the arguments come.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Names of the arguments.
    pub names: &'a [String],
    /// Types that a single unnamed parameter may have to take the whole body; empty when there is no body.
    pub whole_body: &'a [&'a str],
    /// The body can be nothing but one value.
    pub only_whole_body: bool,
}

/// What choosing among overloads came to.
#[derive(Debug)]
pub enum Choice<'a> {
    /// This one.
    One(&'a Routine),
    /// None fits.
    None,
    /// Several fit.
    Several(Vec<&'a Routine>),
}

/// Chooses among functions of the same name: by argument names, else one that takes the whole body.
pub fn choose<'a>(overloads: &'a [Routine], call: Call<'_>) -> Choice<'a> {
    let arguments: BTreeSet<&str> = call.names.iter().map(String::as_str).collect();
    let by_name: Vec<&Routine> = overloads
        .iter()
        .filter(|routine| routine.takes(&arguments) && !(call.only_whole_body && routine.parameters.is_empty()))
        .filter(|routine| !(call.only_whole_body && routine.single_unnamed().is_some()))
        .collect();
    let whole = |routine: &&Routine| {
        routine.single_unnamed().is_some_and(|only| call.whole_body.contains(&only.type_name.as_str()))
    };
    let fitting = if by_name.is_empty() { overloads.iter().filter(whole).collect() } else { by_name };
    match fitting.as_slice() {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => Choice::Several(fitting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routine(parameters: &[(&str, &str, bool)]) -> Routine {
        let parameter = |(name, type_name, required): &(&str, &str, bool)| Parameter {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            unlimited_type: (*type_name).to_owned(),
            required: *required,
            variadic: false,
        };
        Routine {
            oid: 0,
            name: Name::new("public", "f"),
            parameters: parameters.iter().map(parameter).collect(),
            returns: Returns { type_name: Name::new("pg_catalog", "int4"), set: false, composite: false },
            volatility: Volatility::Stable,
            settings: Vec::new(),
        }
    }

    fn chosen(overloads: &[Routine], names: &[&str], whole_body: &[&str]) -> Option<usize> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        match choose(overloads, Call { names: &names, whole_body, only_whole_body: false }) {
            Choice::One(one) => overloads.iter().position(|routine| std::ptr::eq(routine, one)),
            Choice::None | Choice::Several(_) => None,
        }
    }

    #[test]
    fn arguments_decide() {
        let overloads =
            [routine(&[]), routine(&[("a", "int", true)]), routine(&[("a", "int", true), ("b", "int", false)])];
        assert_eq!(chosen(&overloads, &[], &[]), Some(0));
        assert_eq!(chosen(&overloads, &["a", "b"], &[]), Some(2));
        assert_eq!(chosen(&overloads, &["a"], &[]), None);
        assert_eq!(chosen(&overloads, &["c"], &[]), None);
    }

    #[test]
    fn a_single_unnamed_parameter_takes_the_body() {
        let overloads = [routine(&[("", "json", true)]), routine(&[("", "text", true)])];
        assert_eq!(chosen(&overloads, &["x"], &["json", "jsonb"]), Some(0));
        assert_eq!(chosen(&overloads, &["x"], &[]), None);
    }
}
