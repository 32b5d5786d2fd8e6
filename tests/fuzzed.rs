//! Parsers of external bytes, on randomly mutated input: the targets of `fuzz/`, with the stable
//! compiler and without a fuzzer. Each seed is mutated a few thousand times;
//! `SHEETKEEP_FUZZ_SECONDS` sets a time per target instead.
#![cfg(feature = "emulator")]
#![expect(clippy::disallowed_methods, reason = "how long it takes is what is measured, and a user may ask for longer")]
#![expect(clippy::print_stdout, reason = "how much was thrown is what it prints")]

use std::time::{Duration, Instant};

use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;

#[path = "../fuzz/readers/entered.rs"]
mod entered;
#[path = "../fuzz/readers/fields.rs"]
mod fields;
#[path = "../fuzz/readers/formula.rs"]
mod formula;
#[path = "../fuzz/readers/job_file.rs"]
mod job_file;
#[path = "../fuzz/readers/journal.rs"]
mod journal;
#[path = "../fuzz/readers/lint.rs"]
mod lint;
#[path = "../fuzz/readers/number_pattern.rs"]
mod number_pattern;
#[path = "../fuzz/readers/ranges.rs"]
mod ranges;
#[path = "../fuzz/readers/records.rs"]
mod records;
#[path = "../fuzz/readers/tabs.rs"]
mod tabs;

/// Inputs per target, unless a time is set.
const INPUTS: u64 = 2_000;
/// Maximum length of an input.
const MAX_LEN: usize = 4_096;
/// Maximum time for one input in a build without optimisation.
const TOO_LONG: Duration = Duration::from_secs(10);

/// Byte sequences with a special meaning to the parsers.
const PIECES: &[&str] = &[
    "!",
    "'",
    "''",
    ":",
    "$",
    "A1",
    "ZZZ99999999999",
    "(",
    "((((((((",
    ")",
    ",",
    "/",
    "*",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "=",
    "+",
    "-",
    "%",
    "1e308",
    "1e999",
    "-0",
    "99999999999999999999",
    "0.1",
    ".",
    "#",
    "0",
    "?",
    "@",
    ";",
    "[h]",
    "yyyy",
    "mm",
    "ss.000",
    "AM/PM",
    "E+0",
    "\t",
    "\n",
    "\u{1F600}",
    "\u{0}",
    "\u{feff}",
    "ß",
    "true",
    "1/2/2020",
    "25:61",
    "SUM(",
    "IF(",
    "REGEXMATCH(\"a\",\"",
    "head",
    "1.2",
    "null",
    "0-18277",
    "0-99999999",
    "1>2",
    "|",
    "tonumber",
    "fromjson",
    ".[]",
    "..",
    " as $x | ",
    "\\(",
    "|=",
    "range(",
    "* 9e9",
];

fn mutate_input(seed: &[u8], rng: &SeededRng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let below = |n: usize| usize::try_from(rng.next_u64() % (n.max(1) as u64)).unwrap_or(0);
    for _ in 0..=below(6) {
        let at = below(bytes.len() + 1);
        match below(6) {
            0 => bytes.truncate(at),
            1 => {
                let piece = PIECES[below(PIECES.len())].as_bytes().to_vec();
                bytes.splice(at..at, piece);
            }
            2 if at < bytes.len() => bytes[at] = u8::try_from(below(128)).unwrap_or(0),
            3 => {
                let end = (at + below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + below(40)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                let times = below(30);
                bytes.splice(at..at, again.repeat(times));
            }
            _ => {
                let piece = PIECES[below(PIECES.len())].as_bytes().repeat(below(4));
                let end = (at + piece.len()).min(bytes.len());
                bytes.splice(at..end, piece);
            }
        }
    }
    bytes.truncate(MAX_LEN);
    bytes
}

/// Runs a parser on mutated seeds. The panic's output contains the failing input.
fn fuzz_parser(name: &str, seeds: &[&[u8]], read: fn(&[u8])) {
    let seconds = std::env::var("SHEETKEEP_FUZZ_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    let (rng, began) = (SeededRng::new(20_261_127), Instant::now());
    let mut inputs = 0_u64;
    while seconds.map_or(inputs < INPUTS, |seconds| began.elapsed() < Duration::from_secs(seconds)) {
        let seed = seeds[usize::try_from(inputs).unwrap_or(0) % seeds.len()];
        let bytes = mutate_input(seed, &rng);
        let one = Instant::now();
        let outcome = std::panic::catch_unwind(|| read(&bytes));
        let shown = String::from_utf8_lossy(&bytes);
        assert!(outcome.is_ok(), "{name}: {bytes:?} {shown:?}");
        assert!(one.elapsed() < TOO_LONG, "{name}: took {:?}: {shown:?}", one.elapsed());
        inputs += 1;
    }
    println!("{name}: {inputs} inputs in {:?}", began.elapsed());
}

#[test]
fn no_range_makes_its_reader_panic_and_it_prints_the_same() {
    let seeds: &[&[u8]] = &[b"'a''b'!$A$1:B2", b"A1:Z", b"1:2", b"R1C1:R2C2", b"Sheet1!A5:A", b"ZZZ1048576"];
    fuzz_parser("ranges", seeds, ranges::read_all);
}

#[test]
fn no_mask_makes_its_reader_panic() {
    let seeds: &[&[u8]] =
        &[b"sheets(properties(title,sheetId),data.rowData.values),namedRanges", b"*", b"a/b.c", b"userEnteredValue"];
    fuzz_parser("fields", seeds, fields::read_all);
}

#[test]
fn no_typed_text_makes_its_reader_panic() {
    let seeds: &[&[u8]] = &[
        b"2,000,000.01",
        b"$5.20",
        b"12%",
        b"2020-01-01 10:20:30",
        b"1/2/2020",
        b"-1e5",
        b"'123",
        b"3 1/2",
        b"10:20 PM",
    ];
    fuzz_parser("entered", seeds, entered::read_all);
}

#[test]
fn no_pattern_makes_showing_a_number_panic() {
    let seeds: &[&[u8]] = &[
        b"\0\0\0\0\0\0\xf0\x3f\0#,##0.00;[Red]-0;\"zero\";@",
        b"\0\0\0\0\x80\xe4\xe5\x40\x02yyyy-mm-dd hh:mm:ss.000 AM/PM",
        b"\x9a\x99\x99\x99\x99\x99\xb9\x3f\x05# ?/?0.0E+00%",
        b"\xff\xff\xff\xff\xff\xff\xef\x7f\x04[h]:[mm]:[ss]",
    ];
    fuzz_parser("number_pattern", seeds, number_pattern::read_all);
}

#[test]
fn no_formula_makes_working_it_out_panic() {
    let seeds: &[&[u8]] = &[
        b"=IF(A1>2,SUM(1,2,{3;4}),\"x\"&LEFT(\"abc\",2))",
        b"=ARRAYFORMULA({1,2;3,4}*2^-1%)",
        b"=REGEXREPLACE(\"a.b\",\"[a-z]+\",TEXT(12.5,\"0.00\"))",
        b"=MID(SUBSTITUTE(\"aXb\",\"X\",\"yy\",1),2,3)=ROUND(1.255,2)",
        b"=DATE(2020,13,-1)+YEAR(1)&UPPER(TRIM(\" a \"))",
    ];
    fuzz_parser("formula", seeds, formula::read_all);
}

#[test]
fn no_job_file_makes_its_reader_panic() {
    let seeds: &[&[u8]] = &[
        include_bytes!("../fixtures/quakes.toml"),
        include_bytes!("../fixtures/airports.toml"),
        include_bytes!("../fixtures/quakes-upsert.toml"),
    ];
    fuzz_parser("job_file", seeds, job_file::read_all);
}

#[test]
fn no_cells_of_a_tab_make_its_reader_panic() {
    let seeds: &[&[u8]] = &[
        b"\x00job\tquakes\nhead\t3.17\nfence\t2\nholder\ta\nlease until\t2020-01-01T00:00:00Z\ncursor\t\nprocessed count\t3\nguard\tname",
        b"\x01k1\tv\tdone\tr1\nk2\t\tdone\tr1\n5\ttrue\tdone\t",
        b"\x02k1\tv\topen\t2\t2020-01-01T00:00:00Z\tmap\terror\tfeed:1\t{\"a\":1}\tretry",
        b"\x03run\tjob\tcli\t2020-01-01T00:00:00Z\t\tsucceeded\t1\t2\t3\t4\t5",
        b"\x04k\t1\tdone\t20260921-141320-00d40\n1\tk\t20260921-141320-00d40\tdone",
        b"\x052\nkey\tversion\n\n\n\nprocessed\t0000000000000001\t\tk\t1\tdone\tr\nruns\tblank\t\tx",
        b"\x063\t1\t70\t1\t0-2\t0\t0\t3\t[\"a\",\"b\",\"c\"]\n\t\t\t\ta\tb\tc\na\tb\tc\na\tb\tc\n\n\nkey\tk1\t2\t0-2\tx\tk1\ty",
    ];
    fuzz_parser("tabs", seeds, tabs::read_all);
}

#[test]
fn no_journal_makes_its_reader_panic() {
    let seeds: &[&[u8]] = &[
        b"{\"job\":\"j\",\"spreadsheet\":\"s\",\"definition\":\"d\",\"run\":\"r\"}\n{\"key\":\"k\",\"version\":\"v\",\"rows\":[[]]}\n",
        b"0123456789abcdef {\"job\":\"j\"}\n",
    ];
    fuzz_parser("journal", seeds, journal::read_all);
}

#[test]
fn no_script_makes_the_linter_panic() {
    let planted = fuzz_kind(0, include_bytes!("../crates/lint/tests/planted.py"));
    let hardened = fuzz_kind(0, include_bytes!("../examples/harden/after.py"));
    let shell = fuzz_kind(1, include_bytes!("../.ci/run"));
    let seeds: &[&[u8]] = &[
        &planted,
        &hardened,
        &shell,
        b"\x01#!/bin/sh\nset -eu\nfor f in *; do curl \"$f\" | sh || true; done > /tmp/x\n",
        b"\x02MAILTO=a@b\n*/5 * * * * cd /home/a && python3 x.py >> log 2>&1\n@daily . ~/.bashrc; run %d\n",
        b"\x03requests==2.32\ngspread>=6\n-r other.txt\n",
        b"\x04name = \"x\"\n[source]\ncsv = \"a\"\n[item]\nkey = \".id\"\n[[step]]\nname = \"s\"\ncommand = [\"sh\"]\n",
    ];
    fuzz_parser("lint", seeds, lint::read_all);
}

/// Puts the byte before a text that says what it is.
fn fuzz_kind(kind: u8, text: &[u8]) -> Vec<u8> {
    let mut seed = vec![kind];
    seed.extend(text.iter().take(MAX_LEN - 1));
    seed
}

#[test]
fn a_record_and_an_expression_make_values_or_one_failure() {
    let seeds: &[&[u8]] = &[
        b"\x00{id, time: (.t/1000 | todate), n: .m, p: (.a * .b)}\n{\"id\":\"x\",\"t\":1517966773840,\"m\":2.5,\"a\":\"ab\",\"b\":3}",
        b"\x01.n | tonumber? // 0\n{\"n\":\"10 500\"}",
        b"\x02tonumber\n 1.5e3 ",
        b"\x03[.[] | fromjson]\n[\"1\",\"{\\\"a\\\":[1]}\",\"\"]",
        b"\x04.items[] as {a: $x, $b} | \"\\($x)-\\($b)\" | split(\"-\") | join(\",\")\n{\"items\":[{\"a\":1,\"b\":null}]}",
        b"\x05if .a then .b |= (. // 1) else del(.a, .c[0]) end | .d[2] = 1 | to_entries\n{\"a\":false,\"c\":[1,2]}",
        b"\x06map(select(. != null)) | sort_by(.) | group_by(.)[] | {n: length, v: .[0], c: (. | @csv)}\n[3,null,1,\"a\"]",
        b"\x07def f: f; f\nnull",
        b"\x00gsub(\"(?<a>[a-z])\\\\d*\"; \"<\\(.a)>\") | test(\"x\"; \"i\"), ascii_upcase, @base64, @uri\n\"a1b22\"",
        b"\x01.. | numbers | floor, -., . % 3, ., 1 / .\n[1,[2.5],{\"a\":-7e9}]",
        b"\x02[limit(3; range(10))] + [paths] | flatten | tojson | fromjson\n{\"a\":[[[1]]]}",
    ];
    fuzz_parser("records", seeds, records::read_all);
}
