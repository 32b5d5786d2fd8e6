//! The public items of `sheetkeep::job`, read from its source: what `docs/library-items.txt` lists.
//!
//! In scope: every name that `src/job.rs` exports, with its fields, variants, methods and trait implementations. Out of scope: items
//! that are hidden from the documentation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, UseTree, Visibility};

/// The file of an engine's module, by the first words of its path.
const ENGINE: &[(&str, &str)] = &[
    ("fault", "crates/base/src/fault.rs"),
    ("ledger::runs::run", "crates/ledger/src/runs/run.rs"),
    ("port::step", "src/port/step.rs"),
    ("retry", "crates/base/src/retry.rs"),
    ("store::memory", "src/store/memory.rs"),
    ("app::drill::outcome", "src/app/drill/outcome.rs"),
];

/// Returns the list, one item a line, in the order of names.
pub fn public_items(root: &Path) -> String {
    let facade = parse_file(root, "src/job.rs");
    let mut exported = BTreeMap::new();
    for item in &facade.items {
        if let Item::Use(used) = item
            && matches!(used.vis, Visibility::Public(_))
        {
            collect_names(&used.tree, Vec::new(), &mut exported);
        }
    }
    let mut lines = Vec::new();
    for (name, module) in &exported {
        let files =
            if module.first().is_some_and(|first| first == "crate") { vec![file_of(module)] } else { own_files(root) };
        let found: Vec<String> = files.iter().flat_map(|file| list_lines(name, &parse_file(root, file))).collect();
        assert!(!found.is_empty(), "{name} was not found");
        lines.extend(found);
    }
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

fn parse_file(root: &Path, file: &str) -> syn::File {
    let text = fs::read_to_string(root.join(file)).expect("a source file of the library");
    syn::parse_file(&text).expect("it is Rust")
}

fn collect_names(tree: &UseTree, mut path: Vec<String>, names: &mut BTreeMap<String, Vec<String>>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            collect_names(&part.tree, path, names);
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect_names(tree, path.clone(), names)),
        UseTree::Name(name) => drop(names.insert(name.ident.to_string(), path)),
        UseTree::Rename(_) | UseTree::Glob(_) => unreachable!("the library exports each name as it is"),
    }
}

/// Returns the files of the library itself; a type may have methods in several.
fn own_files(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("src/job")).expect("the library is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.iter().map(|name| format!("src/job/{name}")).collect()
}

fn file_of(module: &[String]) -> String {
    let path = module[1..].join("::");
    let found = ENGINE.iter().find(|(known, _)| *known == path);
    found.map(|(_, file)| (*file).to_owned()).expect("ENGINE names the file of each module")
}

fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|one| one.path().is_ident("doc") && one.to_token_stream().to_string().contains("hidden"))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns the lines about a name in the file that defines it.
fn list_lines(name: &str, file: &syn::File) -> Vec<String> {
    let mut lines = Vec::new();
    for item in &file.items {
        match item {
            Item::Struct(one) if one.ident == name => {
                lines.push(format!("struct {name}{}", open_ended(&one.attrs)));
                lines.extend(list_fields(name, &one.fields));
            }
            Item::Enum(one) if one.ident == name => {
                lines.push(format!("enum {name}{}", open_ended(&one.attrs)));
                for variant in &one.variants {
                    lines.push(format!("{name}::{}{}", variant.ident, describe_item(&variant.fields)));
                }
            }
            Item::Fn(one) if one.sig.ident == name => lines.push(join_tokens(&one.sig)),
            Item::Impl(one) if join_tokens(&one.self_ty).split([' ', '<']).next() == Some(name) => {
                if let Some((_, of, _)) = &one.trait_ {
                    lines.push(format!("impl {} for {}", join_tokens(of), join_tokens(&one.self_ty)));
                    continue;
                }
                for item in &one.items {
                    if let ImplItem::Fn(method) = item
                        && is_public(&method.vis)
                        && !is_hidden(&method.attrs)
                    {
                        lines.push(format!("{name}::{}", join_tokens(&method.sig)));
                    }
                }
            }
            _ => {}
        }
    }
    lines
}

fn open_ended(attributes: &[syn::Attribute]) -> &'static str {
    if attributes.iter().any(|one| one.path().is_ident("non_exhaustive")) { " (may grow)" } else { "" }
}

fn list_fields(name: &str, fields: &Fields) -> Vec<String> {
    let public = fields.iter().filter(|field| is_public(&field.vis));
    public.filter_map(|field| Some(format!("{name}.{}: {}", field.ident.as_ref()?, join_tokens(&field.ty)))).collect()
}

fn describe_item(fields: &Fields) -> String {
    let named = |field: &syn::Field| match &field.ident {
        Some(ident) => format!("{ident}: {}", join_tokens(&field.ty)),
        None => join_tokens(&field.ty),
    };
    let all: Vec<String> = fields.iter().map(named).collect();
    match fields {
        Fields::Unit => String::new(),
        Fields::Named(_) => format!(" {{ {} }}", all.join(", ")),
        Fields::Unnamed(_) => format!("({})", all.join(", ")),
    }
}

/// Returns the words of a syntax tree, with the blanks that people write.
fn join_tokens(tree: &impl ToTokens) -> String {
    let mut text = tree.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" > ", "> "),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" : ", ": "),
        ("- >", "->"),
        ("> ->", "> ->"),
        (">(", ">("),
        (" ;", ";"),
        ("' ", "'"),
    ] {
        text = text.replace(from, to);
    }
    text.replace("  ", " ").replace(" -&", " -> &").trim().to_owned()
}
