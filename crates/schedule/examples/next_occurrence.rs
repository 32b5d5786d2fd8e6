//! Reads lines of zone, tab, expression, tab, milliseconds; writes the next three instants of each.
//! `.ci/schedules` compares them with cronsim.

use std::io::{BufRead as _, Write as _};

use sheetkeep_schedule::recurrence::Recurrence;
use sheetkeep_schedule::zone::parse_zone;

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        writeln!(out, "{}", next_three(&line).unwrap_or_else(|| format!("not understood: {line}")))?;
    }
    out.flush()
}

fn next_three(line: &str) -> Option<String> {
    let mut fields = line.split('\t');
    let zone = parse_zone(fields.next()?).ok()?;
    let recurrence = Recurrence::parse(fields.next()?).ok()?;
    let start: i64 = fields.next()?.parse().ok()?;
    let next = |after: i64| recurrence.next_after(after, &zone).map(|(at, _)| at);
    let found = std::iter::successors(next(start), |at| next(*at)).take(3);
    Some(found.map(|at| at.to_string()).collect::<Vec<_>>().join(" "))
}
