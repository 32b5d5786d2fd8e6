//! The rule on names of functions: a verb says what the function does, mostly with its object.
//!
//! In scope: functions outside of types, in production code and in tests, whose
//! name is one word. It is neither a participle (`padded`) nor one of the nouns and adverbs of a
//! list. Out of scope: methods, where a noun reads a property of a value, and longer names.

use crate::strip::is_word;

/// Verbs that end like a participle.
const VERBS: &[&str] = &["embed", "feed", "need", "proceed", "seed", "speed"];
/// Participles that do not end in "ed".
const PARTICIPLES: &str = "bound drawn found given held hidden kept known left lost made overdue overwritten rewritten \
     sent shown taken unbound unread written";
/// Nouns and adverbs that were names of functions.
const NOUNS: &str = "absent all amount arguments audience automatic background between bits blanks body borders bounds \
     certificates changeable chunks comments concatenation corner criteria currency data date dates day decimals \
     defaults deletions destination dimension direction distance document early effective entries entropy envelope \
     extent external facts failure fields fingerprint finite folders forms fraction habits header hosts identity json \
     key kind length letters level literal logic member meridiem message metadata missing moment month name names \
     nearest notifications now number owner pairs part pattern pending percentile plain plural policies position \
     powers printable programs properties property ranges reason reference refusal requests rotation rules runs \
     secrets section sections serial size snake spreadsheet state statements subject text texts theme \
     thousands time times title tokens unusable uri users validation value values variables version violations \
     visible webhooks week weekday whole without word wrong";

/// Returns each function whose name does not say what it does: line and sentence. `code` is
/// production code without strings and comments.
pub fn unclear_functions(code: &str) -> Vec<(usize, String)> {
    let named = code.lines().enumerate().filter_map(|(at, line)| Some((at, function(line)?)));
    let unclear = named.filter(|(_, name)| !is_verb(name));
    unclear.map(|(at, name)| (at + 1, format!("`{name}` is a function: say what it does, verb and object"))).collect()
}

fn is_verb(name: &str) -> bool {
    let is_participle = name.ends_with("ed") && !name.contains('_') && !VERBS.contains(&name);
    let is_listed = |words: &str| words.split_whitespace().any(|word| word == name);
    !(is_participle || is_listed(PARTICIPLES) || is_listed(NOUNS))
}

/// Returns the name of the function that a line without indentation defines.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_definition = before.split_whitespace().all(|word| {
        word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe" | "extern") || word.starts_with('"')
    });
    let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
    (is_definition && !line.starts_with(' ')).then_some(name)
}

#[test]
fn participles_and_nouns_name_no_function() {
    let refused = "fn padded(a: u8) {}\npub(crate) async fn shown() {}\npub const fn length() -> u8 { 0 }\n";
    assert_eq!(unclear_functions(refused).into_iter().map(|(line, _)| line).collect::<Vec<_>>(), [1, 2, 3]);
    let fine = "fn feed() {}\nfn pad_row() {}\nfn is_shown() {}\nimpl A {\n    fn length(&self) {}\n}\nlet f = \"fn shown\";\n";
    assert!(unclear_functions(fine).is_empty(), "{:?}", unclear_functions(fine));
}
