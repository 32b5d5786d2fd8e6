//! What a name means: imports, and variables that hold the result of a known call.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::python::nodes::read_text;
use crate::syntax::tree::SyntaxNode;

/// Attributes, calls and subscripts of one expression at most.
const MAX_STEPS: usize = 40;

/// Names of one file.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Local name → whole name: `r` → `requests`, `run` → `subprocess.run`.
    imports: HashMap<String, String>,
    /// Variable → name of the call whose result it holds; empty if there are several.
    bindings: HashMap<String, String>,
    /// Every module of `imports`, with those around it, once that was asked.
    modules: OnceCell<HashSet<String>>,
}

impl Names {
    /// Records `import a.b as c`: `local` means `whole`.
    pub(crate) fn import(&mut self, local: &str, whole: &str) {
        self.imports.insert(local.to_owned(), whole.to_owned());
        self.modules.take();
    }

    /// Records that a variable holds the result of a call. Two different calls leave it unknown.
    pub(crate) fn bind(&mut self, variable: &str, call: &str) {
        let known = self.bindings.entry(variable.to_owned()).or_insert_with(|| call.to_owned());
        if known != call {
            known.clear();
        }
    }

    /// Returns the name of the call whose result a variable holds.
    pub(crate) fn call_of(&self, variable: &str) -> Option<&str> {
        self.bindings.get(variable).map(String::as_str)
    }

    /// Returns whether a module was imported.
    pub(crate) fn imports(&self, module: &str) -> bool {
        self.modules
            .get_or_init(|| self.imports.values().flat_map(|whole| with_modules_around(whole)).collect())
            .contains(module)
    }

    /// Returns the whole name of an expression such as `session.get` or `gspread.login().sheet1`,
    /// without calls and subscripts. Empty if it does not begin with a name.
    pub(crate) fn resolve(&self, node: SyntaxNode<'_>, text: &str) -> String {
        let mut parts = Vec::new();
        let mut next = Some(node);
        let mut steps = 0;
        while let Some(node) = next {
            steps += 1;
            if steps > MAX_STEPS {
                return String::new();
            }
            match node.kind() {
                "identifier" => {
                    parts.push(read_text(node, text));
                    next = None;
                }
                "attribute" => {
                    parts.extend(node.child_by_field_name("attribute").map(|name| read_text(name, text)));
                    next = node.child_by_field_name("object");
                    if next.is_none() {
                        return String::new();
                    }
                }
                "call" => next = node.child_by_field_name("function"),
                "subscript" => next = node.child_by_field_name("value"),
                "await" | "parenthesized_expression" => next = node.named_child(0),
                _ => return String::new(),
            }
        }
        parts.reverse();
        self.expand_parts(&parts)
    }

    fn expand_parts(&self, parts: &[&str]) -> String {
        // `self.session` is a variable of two parts.
        for count in [2, 1] {
            let Some((head, rest)) = parts.split_at_checked(count) else { continue };
            let head = head.join(".");
            let known = self.bindings.get(&head).filter(|known| !known.is_empty());
            if let Some(known) = known.or_else(|| self.imports.get(&head)) {
                return std::iter::once(known.as_str()).chain(rest.iter().copied()).collect::<Vec<_>>().join(".");
            }
        }
        parts.join(".")
    }
}

/// Returns `a.b.c`, `a.b` and `a` for `a.b.c`.
fn with_modules_around(whole: &str) -> impl Iterator<Item = String> {
    std::iter::successors(Some(whole), |module| module.rsplit_once('.').map(|(around, _)| around)).map(str::to_owned)
}
