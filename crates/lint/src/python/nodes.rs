//! Small questions about nodes of the syntax tree.

use crate::syntax::tree::SyntaxNode;

/// Nodes that are looked at below one node at most.
const MAX_VISITED: usize = 20_000;

/// Returns the text of a node.
pub(crate) fn read_text<'t>(node: SyntaxNode<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// Returns the content of a string without prefix and quotes; `None` if it is none, or has
/// interpolations.
pub(crate) fn read_literal<'t>(node: SyntaxNode<'_>, text: &'t str) -> Option<&'t str> {
    if node.kind() != "string" {
        return None;
    }
    let has_interpolation = node.children().any(|child| child.kind() == "interpolation");
    let start = node.children().next().filter(|child| child.kind() == "string_start")?.end_byte();
    let end = node.children().last().filter(|child| child.kind() == "string_end")?.start_byte();
    (!has_interpolation).then(|| text.get(start..end)).flatten()
}

/// Returns whether a node at or below `node` answers yes, in any order.
pub(crate) fn has_below<'t>(node: SyntaxNode<'t>, mut is_it: impl FnMut(SyntaxNode<'t>) -> bool) -> bool {
    let mut is_found = false;
    visit_below(node, |node, _| {
        is_found |= is_it(node);
        !is_found
    });
    is_found
}

/// Visits a node and those below it with their parents, in any order. What is below a node for
/// which `go_on` returns false is left out. Asking a node for its parent would search from the
/// root.
pub(crate) fn visit_below<'t>(
    node: SyntaxNode<'t>,
    mut go_on: impl FnMut(SyntaxNode<'t>, Option<SyntaxNode<'t>>) -> bool,
) {
    let mut stack = vec![(node, None)];
    let mut visited = 0;
    while let Some((node, parent)) = stack.pop() {
        visited += 1;
        if visited > MAX_VISITED {
            return;
        }
        if go_on(node, parent) {
            stack.extend(node.children().map(|child| (child, Some(node))));
        }
    }
}

/// Returns the named children of a node.
pub(crate) fn list_named_children(node: SyntaxNode<'_>) -> Vec<SyntaxNode<'_>> {
    node.named_children().collect()
}

/// Returns the statements of a block, comments left out.
pub(crate) fn list_statements(block: SyntaxNode<'_>) -> Vec<SyntaxNode<'_>> {
    list_named_children(block).into_iter().filter(|child| child.kind() != "comment").collect()
}
