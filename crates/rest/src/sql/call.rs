//! Calls of functions.

use super::write::{Body, Field};
use super::{Sql, Value};
use crate::plan::{Arguments, CallPlan, Label};
use crate::schema::routine::Parameter;

impl Sql {
    /// The call, with the columns of its result that are needed.
    pub(super) fn called(&mut self, plan: &CallPlan) -> &mut Self {
        let is_scalar = !plan.routine.returns.composite;
        self.push("select ");
        if is_scalar {
            self.push("pgrst_call.pgrst_scalar");
        } else {
            let label = Label::Alias("pgrst_call".to_owned());
            self.each(", ", &plan.returning, |sql, column| {
                sql.column(&label, column);
            });
        }
        self.push(" from ");
        if let Arguments::Members(parameters, rows) = &plan.arguments {
            let field = |parameter: &'_ Parameter| (parameter.name.clone(), parameter.unlimited_type.clone());
            let named: Vec<(String, String)> = parameters.iter().map(field).collect();
            let fields =
                named.iter().map(|(name, type_name)| Field { name, type_name, default: None, read_by: None }).collect();
            self.body(&Body { fields, rows, uses_defaults: false, first_only: true }).push(", lateral ");
        }
        self.push(if is_scalar { "(select " } else { "" });
        self.name(&plan.routine.name).push("(").arguments(&plan.arguments).push(")");
        self.push(if is_scalar { " pgrst_scalar) pgrst_call" } else { " pgrst_call" })
    }

    fn arguments(&mut self, arguments: &Arguments) -> &mut Self {
        match arguments {
            Arguments::Nothing => self,
            Arguments::Texts(texts) => self.each(", ", texts, |sql, (parameter, values)| {
                sql.parameter(parameter);
                match (values.first(), parameter.variadic) {
                    (_, true) => sql.bind_list(values),
                    (Some(value), false) => sql.bind(value),
                    (None, false) => sql.push("null"),
                };
                sql.push("::").catalog(&parameter.unlimited_type);
            }),
            Arguments::Members(parameters, _) => self.each(", ", parameters, |sql, parameter| {
                sql.parameter(parameter).push("pgrst_body.").ident(&parameter.name);
            }),
            Arguments::Whole(parameter, body) if parameter.type_name == "bytea" => {
                self.bind_value(Value::Bytes(body.clone())).push("::bytea")
            }
            Arguments::Whole(parameter, body) => {
                // Text that is not UTF-8 must reach PostgreSQL as it is, to be refused there.
                match std::str::from_utf8(body) {
                    Ok(text) => self.bind(text),
                    Err(_) => self.push("convert_from(").bind_value(Value::Bytes(body.clone())).push(", 'UTF8')"),
                };
                self.push("::").catalog(&parameter.type_name)
            }
        }
    }

    fn parameter(&mut self, parameter: &Parameter) -> &mut Self {
        self.push(if parameter.variadic { "variadic " } else { "" }).ident(&parameter.name).push(" := ")
    }
}
