//! Checks the keys of a job file against the schema: unknown keys, missing keys, values of the
//! wrong type.
//!
//! In scope: reporting all of them together, each with a suggestion, and removing the wrong values
//! so that the rest can be read. Out of scope: the meaning of values.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::ConfigProblem;
use crate::config::syntax::advice::{
    advise_on_type, as_list, choose_article, find_example, find_items_type, find_type, name_toml_kind,
};
use crate::config::syntax::closest_word::find_closest_word;

/// Planned keys that this version lacks, by their table.
const NOT_BUILT: [(&str, &[&str]); 4] = [
    ("source", &["http", "sheet", "command", "sql", "singer", "cursor"]),
    ("step", &["http"]),
    ("sheet", &["rename"]),
    ("failures", &["tab"]),
];

/// Checks `table`, the whole file with this text, against `schema`, and removes every value that
/// does not fit.
pub(crate) fn check(table: &mut Spanned<DeTable<'_>>, schema: &Value, text: &str) -> Vec<ConfigProblem> {
    let present = table.get_ref().keys().map(|key| key.get_ref().to_string()).collect();
    let end = text.trim_end().len();
    let mut checker = Checker { schema, end, present, misplaced: BTreeSet::new(), problems: Vec::new() };
    checker.check_table("", None, table.get_mut(), schema);
    checker.problems
}

struct Checker<'s> {
    schema: &'s Value,
    /// Where the file's text ends.
    end: usize,
    /// The keys of the file itself.
    present: BTreeSet<String>,
    /// Keys of the file itself that were found in one of its tables.
    misplaced: BTreeSet<String>,
    problems: Vec<ConfigProblem>,
}

impl<'s> Checker<'s> {
    fn check_table(&mut self, path: &str, span: Option<&Range<usize>>, table: &mut DeTable<'_>, schema: &'s Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| properties.and_then(|all| all.get(name));
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        let (mut bad, mut meant) = (Vec::new(), Vec::new());
        for (key, value) in table.iter_mut() {
            let name = key.get_ref().as_ref();
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let fits = if let Some(schema) = property(name).or(rest) {
                self.check_value(&inner, value, schema)
            } else {
                let known = properties.into_iter().flat_map(|all| all.keys()).map(String::as_str);
                meant.extend(self.report_unknown(path, name, key.span(), known));
                false
            };
            if !fits {
                bad.push(name.to_owned());
            }
        }
        // A job of stages has been completed before, so the last of two ways fits every job.
        let ways = schema.get("anyOf").and_then(Value::as_array).and_then(|ways| ways.last());
        let required = std::iter::once(schema).chain(ways).filter_map(|schema| schema.get("required")?.as_array());
        for name in required.flatten().filter_map(Value::as_str) {
            // A misspelt or misplaced key is one mistake, not two.
            let is_reported = meant.contains(&name) || path.is_empty() && self.misplaced.contains(name);
            if !table.contains_key(name) && !is_reported {
                self.report_missing(path, name, span, property(name));
            }
        }
        for name in bad {
            table.remove(name.as_str());
        }
    }

    /// Checks whether the value has the type of the schema.
    fn check_value(&mut self, path: &str, value: &mut Spanned<DeValue<'_>>, schema: &'s Value) -> bool {
        let schema = find_matching_alternative(self.resolve(schema), value.get_ref());
        let span = value.span();
        let wanted = find_type(schema);
        match (wanted, value.get_mut()) {
            ("object", DeValue::Table(table)) => self.check_table(path, Some(&span), table, schema),
            ("array", DeValue::Array(items)) => {
                for item in items.iter_mut() {
                    if let Some(schema) = schema.get("items") {
                        self.check_value(path, item, schema);
                    }
                }
            }
            ("integer", DeValue::Integer(number)) if i64::from_str_radix(number.as_str(), number.radix()).is_err() => {
                let problem = ConfigProblem::new_at(span, format!("`{path}` is out of bounds"), "out of bounds");
                self.problems.push(problem.with_key_path(path).help("write a whole number of at most 18 digits"));
                return false;
            }
            ("string", DeValue::String(_)) | ("integer", DeValue::Integer(_)) | ("boolean", DeValue::Boolean(_)) => {}
            (_, found) => {
                let found = name_toml_kind(found);
                if let ("array", DeValue::String(text)) = (wanted, value.get_ref())
                    && find_items_type(schema) == Some("string")
                {
                    let message = format!("`{path}` is a list of texts");
                    let problem = ConfigProblem::new_at(span, message, "this is one text").with_key_path(path);
                    self.problems.push(problem.help(as_list(path, text)));
                    return false;
                }
                let article =
                    if find_items_type(schema) == Some("string") { "a list of texts" } else { choose_article(wanted) };
                let problem =
                    ConfigProblem::new_at(span, format!("`{path}` needs {article}"), format!("this is {found}"));
                let problem = problem.with_key_path(path);
                let help = advise_on_type(path, schema, value.get_ref());
                self.problems.push(match help {
                    Some(help) => problem.help(help),
                    None => problem,
                });
                return false;
            }
        }
        true
    }

    /// Resolves a reference.
    fn resolve(&self, schema: &'s Value) -> &'s Value {
        let target = schema.get("$ref").and_then(Value::as_str).map(|target| target.trim_start_matches('#'));
        target.and_then(|target| self.schema.pointer(target)).unwrap_or(schema)
    }

    fn report_missing(&mut self, path: &str, name: &str, span: Option<&Range<usize>>, schema: Option<&'s Value>) {
        let table = schema.is_some_and(|schema| find_type(self.resolve(schema)) == "object");
        let what = if table { format!("table `[{name}]`") } else { format!("key `{name}`") };
        let missing_problem = || match span {
            Some(span) => ConfigProblem::new_at(
                span.clone(),
                format!("`{path}` has no {what}"),
                format!("{what} is missing here"),
            ),
            // What the file itself lacks: tables follow its text, and its keys come before it.
            None if table => {
                ConfigProblem::new_at(self.end..self.end, format!("the {what} is missing"), "add it below this line")
            }
            None => ConfigProblem::new_at(0..0, format!("the {what} is missing"), "add it above this line"),
        };
        if let Some(example) = find_example(path, name) {
            return self.problems.push(missing_problem().help(example));
        }
        let about =
            schema.and_then(|schema| schema.get("description").or_else(|| self.resolve(schema).get("description")));
        let problem = missing_problem();
        self.problems.push(match about.and_then(Value::as_str) {
            Some(about) => problem.help(format!("{name}: {}", about.replace('\n', " "))),
            None => problem,
        });
    }

    /// Reports an unknown key. Returns the known one that was probably meant.
    fn report_unknown(
        &mut self,
        path: &str,
        name: &str,
        span: Range<usize>,
        known: impl Iterator<Item = &'s str>,
    ) -> Option<&'s str> {
        let whole = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if NOT_BUILT.iter().any(|(table, names)| *table == path && names.contains(&name)) {
            let problem = ConfigProblem::new_at(span, format!("`{name}` is not built yet"), "known, but not built yet");
            self.problems.push(problem.with_key_path(&whole).help("take it out; a later version will know it"));
            return None;
        }
        let known: Vec<&'s str> = known.collect();
        let place = if path.is_empty() { "a job file".to_owned() } else { format!("[{path}]") };
        let problem = ConfigProblem::new_at(span, format!("unknown key `{name}`"), format!("not a key of {place}"));
        let problem = problem.with_key_path(&whole);
        if let Some(help) = self.find_right_place(name).filter(|_| !path.is_empty()) {
            self.misplaced.insert(name.to_owned());
            self.problems.push(problem.help(help));
            return None;
        }
        let meant = find_closest_word(name, known.iter().copied());
        self.problems.push(problem.help(match meant {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("{place} has {}", known.join(", ")),
        }));
        meant
    }

    /// Returns where a key of a table belongs, if it is one of the file itself that the file lacks.
    fn find_right_place(&self, name: &str) -> Option<String> {
        let schema = self.schema.get("properties")?.get(name).filter(|_| !self.present.contains(name))?;
        let way = match find_type(self.resolve(schema)) {
            "object" => format!(", or write [{name}] as a table at the end"),
            "array" => format!(", or write [[{name}]] as a table at the end"),
            _ => String::new(),
        };
        Some(format!("`{name}` is a key of the job file itself: move the line above the first [table]{way}"))
    }
}

/// Returns the alternative of a schema that the value uses; the first one if it fits none.
fn find_matching_alternative<'s>(schema: &'s Value, value: &DeValue<'_>) -> &'s Value {
    let Some(ways) = schema.get("oneOf").and_then(Value::as_array) else { return schema };
    let taken = |way: &&Value| {
        matches!(
            (find_type(way), value),
            ("object", DeValue::Table(_)) | ("string", DeValue::String(_)) | ("integer", DeValue::Integer(_))
        )
    };
    ways.iter().find(taken).or(ways.first()).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::syntax::schema::make_job_file_schema;

    fn problems(text: &str) -> Vec<String> {
        let mut table = DeTable::parse(text).expect("TOML");
        let to_line =
            |p: &ConfigProblem| format!("{} | {} | {}", p.message, p.label, p.help.clone().unwrap_or_default());
        check(&mut table, &make_job_file_schema(), text).iter().map(to_line).collect()
    }

    const WHOLE: &str = "name = 'q'\n[source]\ncsv = 'a.csv'\n[item]\nkey = '.id'\n[sheet]\ntab = 'Q'\n";

    #[test]
    fn a_file_with_every_needed_key_has_no_problem() {
        assert_eq!(problems(WHOLE), Vec::<String>::new());
    }

    #[test]
    fn what_the_file_lacks_has_a_place_in_it() {
        let text = "# my job\n[item]\nkey = '.id'\n[sheet]\ntab = 'Q'\n\n";
        let mut table = DeTable::parse(text).expect("TOML");
        let found = check(&mut table, &make_job_file_schema(), text);
        let places: Vec<_> = found.iter().map(|problem| (problem.message.as_str(), problem.span.clone())).collect();
        let end = text.trim_end().len();
        assert_eq!(
            places,
            [("the key `name` is missing", Some(0..0)), ("the table `[source]` is missing", Some(end..end))]
        );
    }

    #[test]
    fn a_misspelt_key_is_reported_with_the_one_meant() {
        let found = problems(&format!("nmae = 'x'\nzebra = 1\n{WHOLE}colums = {{}}\n"));
        assert!(
            found.contains(&"unknown key `nmae` | not a key of a job file | did you mean `name`?".into()),
            "{found:?}"
        );
        assert!(
            found.contains(&"unknown key `colums` | not a key of [sheet] | did you mean `columns`?".into()),
            "{found:?}"
        );
        assert!(
            found.iter().any(|p| p.starts_with("unknown key `zebra`") && p.contains("a job file has")),
            "{found:?}"
        );
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn missing_keys_and_wrong_types_are_reported_together() {
        let found =
            problems("name = 1\n[source]\ncsv = 'a'\n[item]\n[commit]\nevery = 2\nmax_rows = '3'\n[step]\nmap = '.'\n");
        for part in [
            "the table `[sheet]` is missing",
            "`item` has no key `key`",
            "`name` needs a text",
            "`commit.every` needs a text",
            "`commit.max_rows` needs a whole number",
            "`step` needs a list of tables | this is a table | write it as a table of its own: [[step]]",
        ] {
            assert!(found.iter().any(|p| p.contains(part)), "{part} in {found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }

    #[test]
    fn a_misspelt_or_misplaced_required_key_is_one_mistake() {
        let sheets = WHOLE.replace("[sheet]", "[sheets]");
        assert_eq!(problems(&sheets), ["unknown key `sheets` | not a key of a job file | did you mean `sheet`?"]);
        let below = WHOLE.replace("name = 'q'\n", "") + "name = 'q'\n";
        let help = "`name` is a key of the job file itself: move the line above the first [table]";
        assert_eq!(problems(&below), [format!("unknown key `name` | not a key of [sheet] | {help}")]);
    }

    #[test]
    fn a_key_of_the_file_in_its_last_table_is_sent_home() {
        let end = [("schedule", "[schedule]"), ("commit", "[commit]"), ("step", "[[step]]")];
        for (name, table) in end {
            let help = format!("move the line above the first [table], or write {table} as a table at the end");
            let found = problems(&format!("{WHOLE}{name} = {{}}\n"));
            assert!(matches!(found.as_slice(), [only] if only.ends_with(&help)), "{found:?}");
        }
        let twice = problems(&format!("{WHOLE}name = 'r'\n"));
        assert!(matches!(twice.as_slice(), [only] if only.contains("[sheet] has")), "{twice:?}");
    }

    #[test]
    fn a_value_of_a_wrong_type_is_shown_as_it_is_written() {
        for (line, help) in [
            ("schedule = '0 9 * * *'", "write schedule = { cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }"),
            ("commit = '2s'", "a line [commit], and its keys below"),
            ("commit.max_rows = '3'", "write the number without quotes: max_rows = 3"),
            ("alerts.enabled = 'true'", "write it without quotes: enabled = true"),
            ("commit.every = 2", "put it in quotes"),
        ] {
            let found = problems(&format!("{line}\n{WHOLE}"));
            assert!(matches!(found.as_slice(), [only] if only.contains(help)), "{line}: {found:?}");
        }
        let mode = problems(&format!("{WHOLE}mode = true\n"));
        assert!(mode[0].ends_with("write one of \"append\", \"upsert\""), "{mode:?}");
    }

    #[test]
    fn a_number_of_too_many_digits_is_out_of_bounds() {
        for number in ["9223372036854775808", "-99999999999999999999", &"9".repeat(60), "0xffffffffffffffffff"] {
            let found = problems(&format!("commit.max_rows = {number}\n{WHOLE}"));
            let line = "`commit.max_rows` is out of bounds | out of bounds | write a whole number of at most 18 digits";
            assert_eq!(found, [line], "{number}");
        }
        assert_eq!(problems(&format!("commit.max_rows = 0x10\n{WHOLE}")), Vec::<String>::new());
    }

    #[test]
    fn a_planned_key_is_reported_as_not_built_yet() {
        let found = problems(&format!("{WHOLE}[failures]\ntab = 'x'\n[[step]]\nhttp = 'x'\nmap = '.'\n"));
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|p| p.contains("not built yet")), "{found:?}");
    }
}
