//! What the template engine would let pass and Go does not: blocks that are not closed, an `end` too many, and
//! functions that are not there in branches that are rarely taken.

use gotmpl::TemplateError;
use gotmpl::parse::{BranchNode, Expr, ListNode, Node, Parser, PipeNode};

/// The functions that templates can call, which are Go's.
const FUNCTIONS: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Checks a template.
pub(super) fn check(name: &str, source: &str) -> Result<(), TemplateError> {
    let at = |offset: usize, message: String| {
        let before = source.get(..offset).unwrap_or(source);
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
        let line = before.matches('\n').count() + 1;
        TemplateError::Parse { name: Some(name.to_owned()), line, col: column, message }
    };
    balance(source).map_err(|(offset, message)| at(offset, message.to_owned()))?;
    let (tree, defined) = Parser::with_name(Some(name), source, "{{", "}}")?.parse()?;
    let mut unknown = None;
    for list in std::iter::once(&tree).chain(defined.iter().map(|node| &node.body)) {
        walk(list, &mut |expression| {
            if let Expr::Identifier(pos, function) = expression
                && !FUNCTIONS.contains(&function.as_str())
                && unknown.is_none()
            {
                unknown = Some((pos.offset, function.to_string()));
            }
        });
    }
    match unknown {
        Some((offset, function)) => Err(at(offset, format!("function {function:?} not defined"))),
        None => Ok(()),
    }
}

/// The variables that a template that was checked names, each as often as it does.
pub(super) fn variables(name: &str, source: &str) -> Result<Vec<String>, TemplateError> {
    let (tree, defined) = Parser::with_name(Some(name), source, "{{", "}}")?.parse()?;
    let mut found = Vec::new();
    for list in std::iter::once(&tree).chain(defined.iter().map(|node| &node.body)) {
        walk(list, &mut |expression| match expression {
            Expr::Field(_, fields) => found.extend(fields.first().map(ToString::to_string)),
            Expr::Variable(_, variable, fields) if variable == "$" => {
                found.extend(fields.first().map(ToString::to_string));
            }
            _ => {}
        });
    }
    Ok(found)
}

/// Counts openings and ends.
fn balance(source: &str) -> Result<(), (usize, &'static str)> {
    let mut open = Vec::new();
    let mut offset = 0;
    while let Some(start) = source[offset..].find("{{").map(|at| offset + at) {
        let inside = start + 2;
        let Some(end) = action_end(source, inside) else { return Err((start, "unclosed action")) };
        let action = source[inside..end].trim_start_matches('-').trim_start();
        match action.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("") {
            "if" | "range" | "with" | "define" | "block" => open.push(start),
            "else" if open.is_empty() => return Err((start, "unexpected {{else}}")),
            "end" if open.pop().is_none() => return Err((start, "unexpected {{end}}")),
            _ => {}
        }
        offset = end + 2;
    }
    open.pop().map_or(Ok(()), |start| Err((start, "block without {{end}}")))
}

/// Where the braces that close an action are; those in texts and comments do not count.
fn action_end(source: &str, start: usize) -> Option<usize> {
    let comment = source[start..].trim_start_matches('-').trim_start();
    if comment.starts_with("/*") {
        let from = source.len() - comment.len();
        let end = from + source[from..].find("*/")? + 2;
        return Some(end + source[end..].find("}}")?);
    }
    let bytes = source.as_bytes();
    let (mut at, mut quote) = (start, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, open @ (b'"' | b'`' | b'\'')) => quote = Some(open),
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        at += 1;
    }
    None
}

fn walk<'a>(list: &'a ListNode, found: &mut dyn FnMut(&'a Expr)) {
    for node in &list.nodes {
        match node {
            Node::List(list) => walk(list, found),
            Node::Action(action) => pipeline(&action.pipe, found),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                let BranchNode { pipe, body, else_body, .. } = branch;
                pipeline(pipe, found);
                walk(body, found);
                if let Some(body) = else_body {
                    walk(body, found);
                }
            }
            Node::Template(call) => {
                if let Some(pipe) = &call.pipe {
                    pipeline(pipe, found);
                }
            }
            Node::Define(define) => walk(&define.body, found),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }
}

fn pipeline<'a>(pipe: &'a PipeNode, found: &mut dyn FnMut(&'a Expr)) {
    for expression in pipe.commands.iter().flat_map(|command| &command.args) {
        expressions(expression, found);
    }
}

fn expressions<'a>(expression: &'a Expr, found: &mut dyn FnMut(&'a Expr)) {
    found(expression);
    match expression {
        Expr::Pipe(_, pipe) => pipeline(pipe, found),
        Expr::Chain(_, inner, _) => expressions(inner, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_templates_pass() {
        for source in [
            "plain } text {",
            "{{/* end }} */}}{{- /* x */ -}}",
            "{{- if eq .Data.x \"}} end\" -}}a{{ else if and .A (not .B) }}b{{ else with .C }}c{{ else }}d{{- end }}",
            "{{ define \"x\" }}{{ . }}{{ end }}{{ template \"x\" .A }}{{ range $i, $x := .L }}{{ $i }}{{ break }}{{ end }}",
            "{{ (index .L 0).Name | printf \"%s\" }}{{ `}}` }}{{ \"\\\"}}\" }}{{ '}' }}",
        ] {
            check("x", source).unwrap_or_else(|error| panic!("{source}: {error}"));
        }
    }

    #[test]
    fn broken_ones_are_refused_where_they_break() {
        for (source, expected) in [
            ("a\n {{ if .A }}b", "template: x:2:2: block without {{end}}"),
            ("a{{ end }}b", "template: x:1:2: unexpected {{end}}"),
            ("{{ else }}", "template: x:1:1: unexpected {{else}}"),
            ("{{ if .A }}\n{{ shout .B }}{{ end }}", "template: x:2:4: function \"shout\" not defined"),
            ("{{ range .A }}{{ end }}{{ \"}}", "template: x:1:24: unclosed action"),
            ("{{ /* }}", "template: x:1:1: unclosed action"),
        ] {
            assert_eq!(check("x", source).expect_err(source).to_string(), expected, "{source}");
        }
    }

    #[test]
    fn variables_are_found_wherever_they_are() {
        let source =
            "{{ .A }}{{ if .B.C }}{{ printf \"%s\" ($.D) }}{{ else }}{{ (.E) | print }}{{ end }}{{ $x := 1 }}{{ $x }}";
        assert_eq!(variables("x", source).expect("a template"), ["A", "B", "D", "E"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stumble(source in "(\\{\\{|\\}\\}|if|end| |\\.A|\"|`|/\\*|\\*/|é|-|\n){0,20}") {
            let _ = check("x", &source);
        }
    }
}
