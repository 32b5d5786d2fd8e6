//! One pass over the tree, which fills the facts.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use crate::python::facts::{PyAssignment, PyCall, PyContext, PyFacts, PyFunction, PyHandler, PyLoop};
use crate::python::names::Names;
use crate::python::nodes::{list_named_children, read_literal, read_text};
use crate::syntax::tree::{SyntaxNode, SyntaxTree};

/// Nodes within each other at most.
const MAX_DEPTH: usize = 1_500;

/// Bytes of a spreadsheet's id.
pub(crate) const SPREADSHEET_ID_LEN: usize = 44;

/// The nodes are nested too deeply to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NestingError;

/// A node that is being looked at, and the context around it.
struct Level<'t> {
    node: SyntaxNode<'t>,
    outside: PyContext,
    /// The last of its statements so far.
    last_statement: Option<u32>,
    /// Handlers of its statements: index in `handlers`, and the `try` statement.
    handlers: Vec<(usize, u32)>,
}

struct Walk<'t> {
    facts: PyFacts<'t>,
    levels: Vec<Level<'t>>,
    context: PyContext,
    decorators: Vec<(String, SyntaxNode<'t>)>,
    /// Where the code between the last comment and the next begins.
    code_from: usize,
}

/// Returns the facts of a tree.
pub(crate) fn collect_facts<'t>(tree: &'t SyntaxTree, text: &'t str) -> Result<PyFacts<'t>, NestingError> {
    let facts = PyFacts {
        text,
        root: tree.root(),
        lower: String::new(),
        words: RefCell::default(),
        is_script: OnceCell::new(),
        names: Names::default(),
        calls: Vec::new(),
        assignments: Vec::new(),
        strings: Vec::new(),
        handlers: Vec::new(),
        loops: Vec::new(),
        functions: Vec::new(),
        asserts: Vec::new(),
        late_settings: Vec::new(),
        has_guard: false,
        python_2: None,
        error: None,
    };
    let mut walk =
        Walk { facts, levels: Vec::new(), context: PyContext::default(), decorators: Vec::new(), code_from: 0 };
    for node in tree.nodes() {
        while walk.levels.last().is_some_and(|level| level.node.id_after() <= node.id()) {
            walk.leave();
        }
        if walk.levels.len() > MAX_DEPTH {
            return Err(NestingError);
        }
        walk.enter(node);
    }
    while !walk.levels.is_empty() {
        walk.leave();
    }
    walk.add_code(text.len());
    Ok(walk.facts)
}

impl<'t> Walk<'t> {
    fn enter(&mut self, node: SyntaxNode<'t>) {
        let parent = self.levels.last().map(|level| level.node);
        self.levels.push(Level { node, outside: self.context, last_statement: None, handlers: Vec::new() });
        // Brackets, operators and keywords: half of all nodes.
        if !node.is_named() {
            if node.is_missing() {
                self.facts.error.get_or_insert(node);
            }
            return;
        }
        self.enter_named(node, parent);
    }

    fn enter_named(&mut self, node: SyntaxNode<'t>, parent: Option<SyntaxNode<'t>>) {
        let kind = node.kind();
        if kind != "comment"
            && let Some(around) = self.levels.iter_mut().nth_back(1)
        {
            around.last_statement = Some(node.id());
        }
        match kind {
            "import_statement" | "import_from_statement" => self.import(node),
            "decorated_definition" => {
                let decorators = list_named_children(node).into_iter().filter(|child| child.kind() == "decorator");
                let named = decorators.filter_map(|decorator| decorator.named_child(0));
                self.decorators = named.map(|what| (self.facts.names.resolve(what, self.facts.text), what)).collect();
            }
            "function_definition" => self.record_function(node),
            "class_definition" => self.decorators.clear(),
            "lambda" => self.context.inner_loop = None,
            "interpolation" => self.context.interpolation = Some(node.start_byte()),
            "for_statement" | "while_statement" => self.enter_loop(node),
            "if_statement" => {
                let condition = node.child_by_field_name("condition").map(|node| read_text(node, self.facts.text));
                if condition.is_some_and(|text| text.contains("__name__") && text.contains("__main__")) {
                    self.facts.has_guard = true;
                    self.context.is_guarded = true;
                }
            }
            "except_clause" => self.record_handler(node, parent),
            "block" if parent.is_some_and(|parent| parent.kind() == "try_statement") => {
                self.context.is_in_try = true;
            }
            "comment" => {
                self.add_code(node.start_byte());
                self.code_from = node.end_byte();
            }
            "assert_statement" => self.facts.asserts.push(node),
            "string" => self.record_string(node),
            "print_statement" | "exec_statement" => {
                self.facts.python_2.get_or_insert(node);
            }
            "subscript" if self.context.function.is_some() => {
                let value = node.child_by_field_name("value");
                let name = value.map(|value| self.facts.names.resolve(value, self.facts.text)).unwrap_or_default();
                let left = parent.filter(|parent| parent.kind() == "assignment");
                let left = left.and_then(|parent| parent.child_by_field_name("left"));
                if name == "os.environ" && left.is_none_or(|left| left.id() != node.id()) {
                    self.facts.late_settings.push(node);
                }
            }
            "call" => self.call(node, parent),
            "assignment" => self.record_assignment(node),
            "keyword_argument" => self.record_pair(node.child_by_field_name("name"), node.child_by_field_name("value")),
            "pair" => self.record_pair(node.child_by_field_name("key"), node.child_by_field_name("value")),
            "default_parameter" | "typed_default_parameter" => {
                self.record_pair(node.child_by_field_name("name"), node.child_by_field_name("value"));
            }
            "as_pattern" => self.with_item(node),
            _ if node.is_error() || node.is_missing() => {
                self.facts.error.get_or_insert(node);
            }
            _ => {}
        }
    }

    fn leave(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        self.context = level.outside;
        for (handler, attempt) in level.handlers {
            if let Some(handler) = self.facts.handlers.get_mut(handler) {
                handler.is_last = level.last_statement == Some(attempt);
            }
        }
    }

    /// Adds the text up to `end` to the words; comments are left out.
    fn add_code(&mut self, end: usize) {
        let code = self.facts.text.get(self.code_from..end).unwrap_or_default();
        self.facts.lower.push_str(&code.to_lowercase());
    }

    fn import(&mut self, node: SyntaxNode<'t>) {
        let text = self.facts.text;
        let module = node.child_by_field_name("module_name");
        let prefix = module.map(|module| format!("{}.", read_text(module, text))).unwrap_or_default();
        for name in node.children_by_field_name("name") {
            let alias = name.child_by_field_name("alias");
            let whole = read_text(alias.and_then(|_| name.child_by_field_name("name")).unwrap_or(name), text);
            let names = &mut self.facts.names;
            if let Some(alias) = alias {
                names.import(read_text(alias, text), &format!("{prefix}{whole}"));
            } else if prefix.is_empty() {
                // `import a.b` makes `a` known.
                let first = whole.split('.').next().unwrap_or(whole);
                names.import(first, first);
                names.import(whole, whole);
            } else {
                names.import(whole, &format!("{prefix}{whole}"));
            }
        }
    }

    fn record_function(&mut self, node: SyntaxNode<'t>) {
        let name = node.child_by_field_name("name").map(|name| read_text(name, self.facts.text)).unwrap_or_default();
        let decorators = std::mem::take(&mut self.decorators);
        self.facts.functions.push(PyFunction { node, name, decorators });
        self.context = PyContext { function: Some(self.facts.functions.len() - 1), ..PyContext::default() };
    }

    fn enter_loop(&mut self, node: SyntaxNode<'t>) {
        let condition = node.child_by_field_name("condition").map(|node| read_text(node, self.facts.text));
        let is_endless = matches!(condition, Some("True" | "1" | "(True)"));
        self.facts.loops.push(PyLoop { node, is_endless, context: self.context });
        self.context.inner_loop = Some(self.facts.loops.len() - 1);
    }

    fn record_handler(&mut self, node: SyntaxNode<'t>, parent: Option<SyntaxNode<'t>>) {
        let children = list_named_children(node);
        let Some(body) = children.iter().copied().find(|child| child.kind() == "block") else { return };
        let caught = children.iter().copied().find(|child| !matches!(child.kind(), "block" | "comment"));
        let caught = caught.map(|caught| match caught.kind() {
            "as_pattern" => caught.named_child(0).unwrap_or(caught),
            _ => caught,
        });
        let is_all = |node: SyntaxNode<'_>| matches!(read_text(node, self.facts.text), "Exception" | "BaseException");
        let is_blind = caught.is_none_or(|caught| {
            let is_group = matches!(caught.kind(), "tuple" | "parenthesized_expression");
            is_all(caught) || (is_group && caught.named_children().any(is_all))
        });
        // Whether the `try` is the last statement of its block is known when the block is left.
        if let (Some(block), Some(attempt)) = (self.levels.iter_mut().nth_back(2), parent) {
            block.handlers.push((self.facts.handlers.len(), attempt.id()));
        }
        self.facts.handlers.push(PyHandler { node, body, is_blind, is_last: false, context: self.context });
        self.context.is_in_handler = true;
        self.context.is_in_try = false;
    }

    fn call(&mut self, node: SyntaxNode<'t>, parent: Option<SyntaxNode<'t>>) {
        let text = self.facts.text;
        let (Some(function), Some(arguments)) =
            (node.child_by_field_name("function"), node.child_by_field_name("arguments"))
        else {
            return;
        };
        let name = self.facts.names.resolve(function, text);
        let method = match function.kind() {
            "attribute" => function.child_by_field_name("attribute").map(|name| Cow::Borrowed(read_text(name, text))),
            "identifier" if read_text(function, text) == name => Some(Cow::Borrowed(read_text(function, text))),
            _ => name.rsplit('.').next().map(|last| Cow::Owned(last.to_owned())),
        };
        let (mut positional, mut keywords, mut has_splat) = (Vec::new(), Vec::new(), false);
        for argument in list_named_children(arguments) {
            match argument.kind() {
                "keyword_argument" => {
                    let key = argument.child_by_field_name("name").map(|key| read_text(key, text)).unwrap_or_default();
                    keywords.extend(argument.child_by_field_name("value").map(|value| (key, value)));
                }
                "list_splat" | "dictionary_splat" => has_splat = true,
                "comment" => {}
                _ => positional.push(argument),
            }
        }
        // An awaited call belongs to what is around the `await`.
        let outer = self.levels.iter().rev().skip(1).map(|level| level.node).find(|node| node.kind() != "await");
        let attribute = parent.filter(|parent| parent.kind() == "attribute");
        let attribute = attribute.and_then(|parent| parent.child_by_field_name("attribute"));
        let left = outer.filter(|outer| outer.kind() == "assignment");
        let left = left.and_then(|outer| outer.child_by_field_name("left"));
        self.facts.calls.push(PyCall {
            node,
            name,
            method: method.unwrap_or_default(),
            positional: positional.into(),
            keywords: keywords.into(),
            has_splat,
            is_statement: outer.is_some_and(|outer| outer.kind() == "expression_statement"),
            attribute: attribute.map(|name| read_text(name, text)),
            variable: left.map(|left| read_text(left, text)),
            operation: parent.filter(|parent| parent.kind() == "binary_operator").map(Box::new),
            is_conditional: self
                .levels
                .iter()
                .rev()
                .skip(1)
                .take(4)
                .any(|level| matches!(level.node.kind(), "if_statement" | "with_statement" | "conditional_expression")),
            context: self.context,
        });
    }

    fn record_assignment(&mut self, node: SyntaxNode<'t>) {
        let text = self.facts.text;
        let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) else {
            return;
        };
        self.record_pair(Some(left), Some(right));
        if matches!(left.kind(), "identifier" | "attribute") {
            let call = if matches!(right.kind(), "call" | "await" | "attribute" | "subscript") {
                self.facts.names.resolve(right, text)
            } else {
                String::new()
            };
            let is_known = call.contains('.') && !call.starts_with("self.");
            self.facts.names.bind(read_text(left, text), if is_known { &call } else { "?" });
        }
    }

    fn with_item(&mut self, node: SyntaxNode<'t>) {
        let text = self.facts.text;
        let alias = node.child_by_field_name("alias").or_else(|| node.named_child(1));
        if let (Some(value), Some(alias)) = (node.named_child(0), alias)
            && value.kind() == "call"
        {
            let call = self.facts.names.resolve(value, text);
            self.facts.names.bind(read_text(alias, text), &call);
        }
    }

    fn record_string(&mut self, node: SyntaxNode<'t>) {
        let text = read_text(node, self.facts.text);
        if text.contains(['/', '\\']) || text.len() > SPREADSHEET_ID_LEN {
            self.facts.strings.push(node);
        }
    }

    fn record_pair(&mut self, name: Option<SyntaxNode<'t>>, value: Option<SyntaxNode<'t>>) {
        let (Some(name), Some(value)) = (name, value) else { return };
        let text = self.facts.text;
        let name = read_literal(name, text).unwrap_or_else(|| read_text(name, text));
        self.facts.assignments.push(PyAssignment { name, value });
    }
}
