//! What a job's runs are expected to yield.
//!
//! In scope: the settings of `[expect]`. Out of scope: comparing a run with them
//! (`ledger::runs::expectation`).

use crate::config::syntax::located::Located;
use crate::config::syntax::raw::ExpectSection;
use crate::config::value_reader::ValueReader;
use crate::ledger::runs::expectation::{CountRange, Expectations};
use crate::ledger::values::columns::trim_header;

/// Reads the section; nothing is expected without one.
pub(crate) fn read_expectations(reader: &mut ValueReader<'_>, raw: Option<&ExpectSection>) -> Expectations {
    let Some(raw) = raw else { return Expectations::default() };
    let mut range = |at: Option<&Located<String>>, what: &str| at.and_then(|at| count_range(reader, at, what));
    Expectations {
        read: range(raw.read.as_ref(), "`expect.read`"),
        new: range(raw.new.as_ref(), "`expect.new`"),
        failed: range(raw.failed.as_ref(), "`expect.failed`"),
        filled: raw.filled.iter().map(|name| trim_header(name.get()).to_owned()).collect(),
    }
}

fn count_range(reader: &mut ValueReader<'_>, at: &Located<String>, what: &str) -> Option<CountRange> {
    let text = reader.read_non_empty(at, what)?;
    let range = CountRange::parse(&text);
    if range.is_none() {
        let help = "write \"1..\" for at least 1, \"..100\" for at most 100, \"10..20\", or a share of the records read: \"..5%\"";
        reader.add_problem_at(at, format!("{what} is not a range of counts"), "not a range", help);
    }
    range
}
