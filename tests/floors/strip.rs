//! A source file without what the compiler does not run in production: comments, the insides of
//! strings, test items.
//!
//! In scope: blanking out, with every line break kept so that line numbers stay true. Out of scope:
//! any rule.

/// `text` without comments, insides of strings and characters, and items under `#[cfg(test)]`.
pub fn production_code(text: &str) -> String {
    without_tests(&blank_text(text, false))
}

/// `text` without comments and test items, strings kept: for words that must not even be in a
/// string.
pub fn production_code_and_strings(text: &str) -> String {
    without_tests(&blank_text(text, true))
}

/// `text` without the insides of strings: names and comments are left, those of tests too.
pub fn names_and_comments(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (comment, literal) = (comment_end(&chars, at), literal_end(&chars, at));
        if comment > at {
            // A brace in a comment is none of the item's.
            out.extend(chars[at..comment].iter().map(|&c| if matches!(c, '{' | '}' | ';') { ' ' } else { c }));
            at = comment;
        } else if literal > at {
            blank(&chars, at, literal, &mut out);
            at = literal;
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

/// The string literals of production code: the line each begins at, and its text as a reader sees it.
pub fn production_strings(text: &str) -> Vec<(usize, String)> {
    let code: Vec<char> = production_code_and_strings(text).chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while at < code.len() {
        let end = literal_end(&code, at).max(at + 1);
        let literal: String = code[at..end].iter().collect();
        let inside = literal.trim_start_matches('r').trim_matches('#');
        if let Some(inside) = inside.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')) {
            found.push((line, without_escapes(inside)));
        }
        line += literal.matches('\n').count();
        at = end;
    }
    found
}

/// `literal` with its line breaks and quotes as the compiler reads them; a continued line is one line.
fn without_escapes(literal: &str) -> String {
    let (mut out, mut chars) = (String::with_capacity(literal.len()), literal.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            ('\\', Some('n')) => out.extend(chars.next().map(|_| '\n')),
            ('\\', Some(_)) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// Blanks comments and, unless `keep_strings`, what is between quotes.
fn blank_text(text: &str, keep_strings: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = comment_end(&chars, at);
        if end > at {
            blank(&chars, at, end, &mut out);
            at = end;
            continue;
        }
        let end = literal_end(&chars, at);
        if end > at {
            if keep_strings {
                out.extend(&chars[at..end]);
            } else {
                out.push('"');
                blank(&chars, at + 1, end.saturating_sub(1), &mut out);
                out.push('"');
            }
            at = end;
            continue;
        }
        out.push(chars[at]);
        at += 1;
    }
    out
}

fn blank(chars: &[char], from: usize, to: usize, out: &mut String) {
    out.extend(chars.get(from..to).unwrap_or_default().iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
}

/// Where the comment that begins at `at` ends, or `at` itself.
fn comment_end(chars: &[char], at: usize) -> usize {
    match (chars[at], chars.get(at + 1)) {
        ('/', Some('/')) => chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |n| at + n),
        ('/', Some('*')) => {
            let (mut depth, mut i) = (0_u32, at);
            while i < chars.len() {
                match (chars[i], chars.get(i + 1)) {
                    ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
                    ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 {
                    return i;
                }
            }
            chars.len()
        }
        _ => at,
    }
}

/// Where the string or character literal that begins at `at` ends, or `at` itself.
fn literal_end(chars: &[char], at: usize) -> usize {
    let follows_word = at > 0 && is_word(chars[at - 1]) && !matches!(chars[at - 1], 'b' | 'c');
    match chars[at] {
        'r' if !(at > 0 && is_word(chars[at - 1]) && !matches!(chars[at - 1], 'b' | 'c')) => raw_string_end(chars, at),
        '"' => closing(chars, at, '"'),
        '\'' if !follows_word && is_character(chars, at) => closing(chars, at, '\''),
        _ => at,
    }
}

fn raw_string_end(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let body = at + 2 + hashes;
    (body..chars.len())
        .find(|&i| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes)
        .map_or(chars.len(), |i| i + 1 + hashes)
}

/// Distinguishes a character from a lifetime: a character closes after one sign, or begins with a
/// backslash.
fn is_character(chars: &[char], at: usize) -> bool {
    chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'')
}

fn closing(chars: &[char], at: usize, quote: char) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            c if c == quote => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// Blanks every item under `#[cfg(test)]` or `#[cfg(all(test, …))]`: up to its closing brace, or
/// its semicolon.
fn without_tests(code: &str) -> String {
    const MARKS: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test,"];
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = MARKS.iter().filter_map(|mark| rest.find(mark)).min() {
        let (before, item) = rest.split_at(start);
        out.push_str(before);
        let end = item_end(item);
        out.extend(item[..end].chars().filter(|&c| c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

fn item_end(item: &str) -> usize {
    let mut depth = 0_u32;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// Whether `c` can stand in a Rust word.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_strings_and_tests_are_blanked_in_place() {
    let text = "let a = \"crate::x // no\"; // crate::y\n/* crate::z /* deep */ */\nlet q = r#\"crate::\"w\"\"#;\n\
                fn f<'a>(c: &'a str) -> char { '\"' }\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\nfn g() { '\\'' }\n\
                #[cfg(all(test, unix))]\nmod more { use super::x; }\n";
    let code = production_code(text);
    assert!(!code.contains("crate::"), "{code}");
    assert!(!code.contains("super"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(code.contains("fn f<'a>(c: &'a str)") && code.contains("fn g()"), "{code}");
}

#[test]
fn an_escaped_quote_does_not_end_a_string() {
    assert_eq!(production_code(r#"f("a\"crate::b"); g"#), r#"f("           "); g"#);
}

#[test]
fn strings_are_read_as_the_compiler_reads_them() {
    let text = "// \"no\"\nf(\"a \\\n   b\\n\\\"c\\\"\");\n#[cfg(test)]\nmod t { g(\"no\"); }\nh('\"', r#\"d\"#)";
    assert_eq!(production_strings(text), [(2, "a b\n\"c\"".to_owned()), (6, "d".to_owned())]);
}
