//! Small questions about nodes of the syntax tree.

use tree_sitter::Node;

/// Nodes that are looked at below one node at most.
const MAX_VISITED: usize = 20_000;

/// Returns the text of a node.
pub(crate) fn text_of<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// Returns the content of a string without prefix and quotes; `None` if it is none, or has
/// interpolations.
pub(crate) fn literal<'t>(node: Node<'_>, text: &'t str) -> Option<&'t str> {
    if node.kind() != "string" {
        return None;
    }
    let mut cursor = node.walk();
    let has_interpolation = node.children(&mut cursor).any(|child| child.kind() == "interpolation");
    let start = node.child(0).filter(|child| child.kind() == "string_start")?.end_byte();
    let end = node.child(node.child_count().checked_sub(1)?).filter(|child| child.kind() == "string_end")?.start_byte();
    (!has_interpolation).then(|| text.get(start..end)).flatten()
}

/// Returns whether a node at or below `node` answers yes, in any order.
pub(crate) fn any_below<'t>(node: Node<'t>, mut is_it: impl FnMut(Node<'t>) -> bool) -> bool {
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
pub(crate) fn visit_below<'t>(node: Node<'t>, mut go_on: impl FnMut(Node<'t>, Option<Node<'t>>) -> bool) {
    let mut stack = vec![(node, None)];
    let mut visited = 0;
    while let Some((node, parent)) = stack.pop() {
        visited += 1;
        if visited > MAX_VISITED {
            return;
        }
        if go_on(node, parent) {
            let mut cursor = node.walk();
            stack.extend(node.children(&mut cursor).map(|child| (child, Some(node))));
        }
    }
}

/// Returns the named children of a node.
pub(crate) fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// Returns the statements of a block, comments left out.
pub(crate) fn statements(block: Node<'_>) -> Vec<Node<'_>> {
    named_children(block).into_iter().filter(|child| child.kind() != "comment").collect()
}
