//! The rules on imports: full paths, downwards, and without cycles.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{NamedPath, find_paths};
use crate::strip::production_code;
use crate::{Files, LAYERS, Say, is_test_file, layer_of, member_of, module_of, shown_path};

/// Checks that imports name the full path from the crate root, because the other rules rely on it.
pub fn check_import_style(name: &NamedPath, say: &mut Say<'_>) {
    let first = name.parts.first().map_or("", String::as_str);
    if name.is_in_use && name.parts.iter().any(|part| part == "*") {
        say(name.line, format!("a glob import: `{}`", name.parts.join("::")));
    }
    if first == "super" || (first == "self" && name.parts.len() > 1) {
        say(name.line, format!("`{}` outside tests: say `crate::…`", name.parts.join("::")));
    }
    if name.parts.get(1).is_some_and(|part| part == "{") && first == "crate" {
        say(name.line, "a brace group at the crate's root: one `use` for each folder".into());
    }
}

/// Checks that imports go down, and that only the facade names a member crate.
pub fn check_import_order(path: &str, name: &NamedPath, say: &mut Say<'_>) {
    if path != "lib.rs" && name.parts.first().is_some_and(|part| part == "sheets_emulator") {
        say(name.line, "`sheets_emulator` outside the facade: say `crate::emulator`".into());
    }
    let Some(target) = target_module(name) else { return };
    let (from, Some(layer)) = (module_of(path), layer_of(path)) else { return };
    let Some(target_layer) = LAYERS.iter().find(|(module, _)| *module == target).map(|(_, layer)| *layer) else {
        say(name.line, format!("`{}` is not a module: no imports through the facade", name.parts.join("::")));
        return;
    };
    if from == target {
        return;
    }
    let edge = format!("{from} (layer {layer}) imports {target} (layer {target_layer})");
    if target_layer > layer {
        say(name.line, format!("{edge}: imports go down"));
    } else if target_layer == layer {
        say(name.line, format!("{edge}: modules on one layer are blind to each other"));
    } else if target == "emulator" && !matches!(from, "app" | "cli" | "main") {
        say(name.line, format!("{edge}: only app and cli know the emulator"));
    } else if target == "runner" && (5..=6).contains(&layer) {
        say(name.line, format!("{edge}: services and edges don't know the engine"));
    } else if target == "lint" && from != "cli" {
        say(name.line, format!("{edge}: lint is apart, only cli knows it"));
    } else if from == "lint" {
        say(name.line, format!("{edge}: lint is apart and imports nothing of the house"));
    }
}

fn target_module(name: &NamedPath) -> Option<&str> {
    let ours = matches!(name.parts.first().map(String::as_str), Some("crate" | "sheetkeep"));
    name.parts.get(1).map(String::as_str).filter(|module| ours && *module != "{")
}

/// Returns the import cycles among the files of one folder, and among the folders of one module.
pub fn find_cycles(files: &Files) -> Vec<String> {
    let mut edges: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !is_test_file(path)) {
        for name in find_paths(&production_code(text)) {
            let found = target_module(&name).and_then(|_| file_of(member_of(path), &name.parts[1..], files));
            let Some(target) = found else { continue };
            let (from, to): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), target.split('/').collect());
            let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if shared > 0 && shared < from.len() && shared < to.len() {
                let node = |parts: &[&str]| parts[..=shared].join("/");
                edges.entry((from[..shared].join("/"), node(&from))).or_default().insert(node(&to));
            }
        }
    }
    let mut found = BTreeSet::new();
    for (folder, start) in edges.keys() {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(node) = queue.pop() {
            for next in edges.get(&(folder.clone(), node)).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    queue.push(next.clone());
                }
            }
        }
        if seen.contains(start) {
            found.insert(format!("{}: part of an import cycle in {}/", shown_path(start), shown_path(folder)));
        }
    }
    found.into_iter().collect()
}

/// Returns the file of that crate that holds the module which a path begins with.
fn file_of(member: Option<&str>, parts: &[String], files: &Files) -> Option<String> {
    let root = member.map_or_else(String::new, |member| format!("{member}/"));
    (1..=parts.len()).rev().find_map(|n| {
        let stem = format!("{root}{}", parts[..n].join("/"));
        [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|path| files.contains_key(path))
    })
}
