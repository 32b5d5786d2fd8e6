//! What a Python script does, as lists: made in one pass over the tree, read by all rules.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use crate::finding::SafeFix;
use crate::python::names::Names;
use crate::python::nodes::read_text;
use crate::syntax::tree::SyntaxNode;

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PyContext {
    /// The innermost function, as an index of `functions`.
    pub function: Option<usize>,
    /// The innermost loop of that function, as an index of `loops`.
    pub inner_loop: Option<usize>,
    /// Whether it is below `if __name__ == "__main__":`.
    pub is_guarded: bool,
    /// Whether it is in an `except` clause.
    pub is_in_handler: bool,
    /// Whether it is in the body of a `try`.
    pub is_in_try: bool,
    /// The first byte of the braces of an f-string around it, where a quote may end the string.
    pub interpolation: Option<usize>,
}

/// A call of a function or a method.
#[derive(Debug, Clone)]
pub(crate) struct PyCall<'t> {
    /// The whole call.
    pub node: SyntaxNode<'t>,
    /// The whole name of what is called, such as `requests.Session.get`; empty if it is unknown.
    pub name: String,
    /// The last part of that name.
    pub method: Cow<'t, str>,
    /// Arguments by position.
    pub positional: Box<[SyntaxNode<'t>]>,
    /// Arguments by name.
    pub keywords: Box<[(&'t str, SyntaxNode<'t>)]>,
    /// Whether arguments are passed as `*x` or `**x`.
    pub has_splat: bool,
    /// Whether the result is not used.
    pub is_statement: bool,
    /// What follows directly: `.json` in `get(…).json()`.
    pub attribute: Option<&'t str>,
    /// The variable that holds the result.
    pub variable: Option<&'t str>,
    /// The operation that it is directly a part of, such as `now() - start`.
    pub operation: Option<Box<SyntaxNode<'t>>>,
    /// Whether a condition or a `with` is close around it.
    pub is_conditional: bool,
    /// Where it is.
    pub context: PyContext,
}

impl<'t> PyCall<'t> {
    /// Returns an argument by its name.
    pub(crate) fn keyword(&self, name: &str) -> Option<SyntaxNode<'t>> {
        self.keywords.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Returns the place of the call.
    pub(crate) fn byte(&self) -> usize {
        self.node.start_byte()
    }

    /// Returns the change that adds a last argument; `None` where a quote could end a string around
    /// the call, or nothing can be added.
    pub(crate) fn with_argument(&self, argument: &str) -> Option<SafeFix> {
        let arguments = self.node.child_by_field_name("arguments")?;
        let parts: Vec<&str> = arguments.children().map(SyntaxNode::kind).filter(|kind| *kind != "comment").collect();
        let separator = match parts.as_slice() {
            ["(", ")"] => "",
            ["(", .., ",", ")"] => " ",
            ["(", .., ")"] => ", ",
            // A generator without brackets of its own.
            _ => return None,
        };
        let at = arguments.end_byte().saturating_sub(1);
        self.context.interpolation.is_none().then(|| SafeFix { at, insert: format!("{separator}{argument}") })
    }
}

/// An assignment to a name, an attribute or a key, or a keyword argument, or a pair of a
/// dictionary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PyAssignment<'t> {
    /// The name, as written.
    pub name: &'t str,
    pub value: SyntaxNode<'t>,
}

/// An `except` clause.
#[derive(Debug, Clone)]
pub(crate) struct PyHandler<'t> {
    pub node: SyntaxNode<'t>,
    pub body: SyntaxNode<'t>,
    /// Whether it catches everything, or `Exception`.
    pub is_blind: bool,
    /// Whether it is the last statement of its block, apart from the `try` itself.
    pub is_last: bool,
    /// Where it is.
    pub context: PyContext,
}

/// A `for` or `while` statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PyLoop<'t> {
    pub node: SyntaxNode<'t>,
    /// Whether it is `while True:`.
    pub is_endless: bool,
    /// Where it is.
    pub context: PyContext,
}

/// A function or a method, with its decorators.
#[derive(Debug, Clone)]
pub(crate) struct PyFunction<'t> {
    pub node: SyntaxNode<'t>,
    pub name: &'t str,
    /// The whole names of its decorators, and their nodes.
    pub decorators: Vec<(String, SyntaxNode<'t>)>,
}

/// Everything about one script.
#[derive(Debug)]
pub(crate) struct PyFacts<'t> {
    pub text: &'t str,
    /// The root of the tree.
    pub root: SyntaxNode<'t>,
    /// The text in lower case without comments, for words.
    pub lower: String,
    /// Words that were asked for, and whether they are there.
    pub words: RefCell<HashMap<&'static str, bool>>,
    /// Whether this is a script, once that was asked.
    pub is_script: OnceCell<bool>,
    /// What names mean.
    pub names: Names,
    /// Calls, in the order of their ends.
    pub calls: Vec<PyCall<'t>>,
    pub assignments: Vec<PyAssignment<'t>>,
    /// Strings that can hold a path, an address or an id.
    pub strings: Vec<SyntaxNode<'t>>,
    pub handlers: Vec<PyHandler<'t>>,
    pub loops: Vec<PyLoop<'t>>,
    pub functions: Vec<PyFunction<'t>>,
    pub asserts: Vec<SyntaxNode<'t>>,
    /// `os.environ[…]` that is read within a function.
    pub late_settings: Vec<SyntaxNode<'t>>,
    /// `if __name__ == "__main__":`.
    pub has_guard: bool,
    /// Statements of Python 2.
    pub python_2: Option<SyntaxNode<'t>>,
    /// A place whose syntax is not Python's.
    pub error: Option<SyntaxNode<'t>>,
}

impl<'t> PyFacts<'t> {
    /// Returns whether the script contains a word, in any case.
    pub(crate) fn has_word(&self, word: &'static str) -> bool {
        *self.words.borrow_mut().entry(word).or_insert_with(|| self.lower.contains(word))
    }

    /// Returns the text of a node.
    pub(crate) fn text(&self, node: SyntaxNode<'_>) -> &'t str {
        read_text(node, self.text)
    }

    /// Returns whether this is run, not imported: it has a guard, a first line for the system, or
    /// does its work at the top.
    pub(crate) fn is_script(&self) -> bool {
        *self.is_script.get_or_init(|| self.finds_script())
    }

    fn finds_script(&self) -> bool {
        let loops_at_top = self.loops.iter().any(|found| found.is_endless && found.context.function.is_none());
        self.has_guard || self.text.starts_with("#!") || loops_at_top || self.works_at_top().is_some()
    }

    /// Returns the first call at the top of the file that does work outside of it.
    pub(crate) fn works_at_top(&self) -> Option<&PyCall<'t>> {
        self.calls.iter().find(|call| {
            let is_top = call.context.function.is_none() && !call.context.is_guarded;
            is_top && (self.is_network(call) || self.is_sheet_write(call))
        })
    }

    /// Returns whether a call goes over the network.
    pub(crate) fn is_network(&self, call: &PyCall<'t>) -> bool {
        const VERBS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "request"];
        let name = call.name.as_str();
        let of = |start: &str| name.strip_prefix(start).is_some_and(|verb| VERBS.contains(&verb));
        let clients = [
            "requests.",
            "requests.Session.",
            "requests.session.",
            "requests.sessions.Session.",
            "httpx.",
            "httpx.Client.",
        ];
        clients.into_iter().any(of)
            || matches!(name, "urllib.request.urlopen" | "urllib.request.urlretrieve")
            || (matches!(call.method.as_ref(), "sendmail" | "send_message") && self.names.imports("smtplib"))
    }

    /// Returns whether the script reads or writes Google Sheets.
    pub(crate) fn uses_sheets(&self) -> bool {
        ["gspread", "googleapiclient", "pygsheets"].into_iter().any(|module| self.names.imports(module))
    }

    /// Returns whether a call writes to a sheet: by methods that only gspread has, or by its
    /// module.
    pub(crate) fn is_sheet_write(&self, call: &PyCall<'t>) -> bool {
        const WRITES: [&str; 12] = [
            "append_row",
            "append_rows",
            "update_cell",
            "update_acell",
            "update_cells",
            "insert_row",
            "insert_rows",
            "delete_row",
            "delete_rows",
            "batch_update",
            "batch_clear",
            "values_append",
        ];
        let is_write = WRITES.contains(&call.method.as_ref());
        is_write && (self.uses_sheets() || matches!(call.method.as_ref(), "append_row" | "update_acell"))
    }

    /// Returns whether a call in this context is retried: its function is decorated so.
    pub(crate) fn retrying_decorator(&self, context: PyContext) -> Option<&str> {
        let function = self.functions.get(context.function?)?;
        let found = function.decorators.iter().find(|(name, _)| {
            let last = name.rsplit('.').next().unwrap_or_default();
            name.starts_with("tenacity.")
                || name.starts_with("backoff.")
                || name.starts_with("retrying.")
                || last == "retry"
        });
        found.map(|(name, _)| name.as_str())
    }
}
