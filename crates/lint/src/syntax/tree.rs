//! The nodes of a script, in 16 bytes each.
//!
//! The tree of the parser takes some five times as much, so it is copied into this one, part by
//! part, and dropped.

use std::ops::Range;

use tree_sitter::{Language, TreeCursor};

/// The kind of a node that the parser could not fit in.
const ERROR: &str = "ERROR";

/// One node. Its children follow it, each with its own.
#[derive(Debug, Clone, Copy)]
struct PackedNode {
    start: u32,
    end: u32,
    /// The first index that is not below it.
    below: u32,
    kind: u16,
    /// What it is to the node around it, from 1; 0: nothing that has a name.
    field: u8,
    flags: u8,
}

const IS_NAMED: u8 = 1;
const IS_MISSING: u8 = 2;

/// The syntax of a whole script.
#[derive(Debug)]
pub(crate) struct SyntaxTree {
    /// In the order of their starts; the first is around all others.
    nodes: Vec<PackedNode>,
    kinds: Vec<String>,
    fields: Vec<String>,
    /// The kind of errors.
    error: u16,
}

impl SyntaxTree {
    /// Creates a tree without nodes. A script has less than 4 GB.
    pub(crate) fn new(language: &Language) -> Self {
        let count = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX - 1);
        let mut kinds: Vec<String> =
            (0..count).map(|kind| language.node_kind_for_id(kind).unwrap_or_default().to_owned()).collect();
        kinds.push(ERROR.to_owned());
        let fields = u16::try_from(language.field_count()).unwrap_or_default();
        let fields = (0..=fields).map(|field| language.field_name_for_id(field).unwrap_or_default().to_owned());
        Self { nodes: Vec::new(), kinds, fields: fields.collect(), error: count }
    }

    /// Adds the parser's tree of the part that begins at byte `from`. The roots become one.
    pub(crate) fn add(&mut self, tree: &tree_sitter::Tree, from: usize) {
        let mut cursor = tree.walk();
        let root = self.pack(&cursor, from);
        match self.nodes.first_mut() {
            None => self.nodes.push(root),
            Some(first) => {
                first.end = root.end;
                if root.kind == self.error {
                    first.kind = self.error;
                }
            }
        }
        if cursor.goto_first_child() {
            self.add_below(&mut cursor, from);
        }
        let below = self.next_index();
        if let Some(first) = self.nodes.first_mut() {
            first.below = below;
        }
    }

    /// Adds the node of the cursor, those beside it, and all that are below them.
    fn add_below(&mut self, cursor: &mut TreeCursor<'_>, from: usize) {
        let mut around = Vec::new();
        loop {
            let node = self.pack(cursor, from);
            self.nodes.push(node);
            if cursor.goto_first_child() {
                around.push(self.nodes.len() - 1);
                continue;
            }
            while !cursor.goto_next_sibling() {
                let Some(parent) = around.pop() else { return };
                let below = self.next_index();
                if let Some(parent) = self.nodes.get_mut(parent) {
                    parent.below = below;
                }
                cursor.goto_parent();
            }
        }
    }

    /// Returns the node of the cursor as one without children, for the next place.
    fn pack(&self, cursor: &TreeCursor<'_>, from: usize) -> PackedNode {
        let node = cursor.node();
        let place = |byte: usize| u32::try_from(byte + from).unwrap_or(u32::MAX);
        let is_named = if node.is_named() { IS_NAMED } else { 0 };
        let is_missing = if node.is_missing() { IS_MISSING } else { 0 };
        PackedNode {
            start: place(node.start_byte()),
            end: place(node.end_byte()),
            below: self.next_index().saturating_add(1),
            kind: if node.is_error() { self.error } else { node.kind_id().min(self.error) },
            field: cursor.field_id().and_then(|field| u8::try_from(field.get()).ok()).unwrap_or_default(),
            flags: is_named | is_missing,
        }
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// Returns the node around all others.
    pub(crate) fn root(&self) -> SyntaxNode<'_> {
        SyntaxNode { tree: self, index: 0 }
    }

    /// Returns all nodes, each before those below it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = SyntaxNode<'_>> {
        (0..self.next_index()).map(|index| SyntaxNode { tree: self, index })
    }
}

/// A node of a [`SyntaxTree`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SyntaxNode<'t> {
    tree: &'t SyntaxTree,
    index: u32,
}

impl<'t> SyntaxNode<'t> {
    fn packed(self) -> PackedNode {
        let nothing = PackedNode { start: 0, end: 0, below: 0, kind: self.tree.error, field: 0, flags: 0 };
        usize::try_from(self.index).ok().and_then(|at| self.tree.nodes.get(at)).copied().unwrap_or(nothing)
    }

    /// Returns what it is, in the words of the grammar.
    pub(crate) fn kind(self) -> &'t str {
        self.tree.kinds.get(usize::from(self.packed().kind)).map(String::as_str).unwrap_or_default()
    }

    /// Returns a number that no other node of the tree has. Those of the nodes below it are larger.
    pub(crate) fn id(self) -> u32 {
        self.index
    }

    /// Returns the number after those of all nodes below it.
    pub(crate) fn id_after(self) -> u32 {
        self.packed().below
    }

    /// Returns whether it is more than a bracket, an operator or a keyword.
    pub(crate) fn is_named(self) -> bool {
        self.packed().flags & IS_NAMED != 0
    }

    /// Returns whether the parser added it, because the script lacks it.
    pub(crate) fn is_missing(self) -> bool {
        self.packed().flags & IS_MISSING != 0
    }

    /// Returns whether it is a text that the parser could not fit in.
    pub(crate) fn is_error(self) -> bool {
        self.packed().kind == self.tree.error
    }

    /// Returns its first byte.
    pub(crate) fn start_byte(self) -> usize {
        self.byte_range().start
    }

    /// Returns the byte after its last.
    pub(crate) fn end_byte(self) -> usize {
        self.byte_range().end
    }

    /// Returns its bytes.
    pub(crate) fn byte_range(self) -> Range<usize> {
        let packed = self.packed();
        usize::try_from(packed.start).unwrap_or_default()..usize::try_from(packed.end).unwrap_or_default()
    }

    /// Returns the nodes directly below it.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        let end = self.packed().below;
        let child = move |index: u32| (index < end).then_some(Self { tree: self.tree, index });
        std::iter::successors(child(self.index + 1), move |node| child(node.packed().below))
    }

    /// Returns the named nodes directly below it.
    pub(crate) fn named_children(self) -> impl Iterator<Item = Self> {
        self.children().filter(|child| child.is_named())
    }

    /// Returns the named node at a place below it.
    pub(crate) fn named_child(self, at: usize) -> Option<Self> {
        self.named_children().nth(at)
    }

    /// Returns the nodes below it that the grammar calls by this name.
    pub(crate) fn children_by_field_name(self, name: &'static str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| {
            let field = child.packed().field;
            field != 0 && self.tree.fields.get(usize::from(field)).is_some_and(|found| found == name)
        })
    }

    /// Returns the first node below it that the grammar calls by this name.
    pub(crate) fn child_by_field_name(self, name: &'static str) -> Option<Self> {
        self.children_by_field_name(name).next()
    }
}
