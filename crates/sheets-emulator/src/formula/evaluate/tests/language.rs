//! Operators, ranges, literals, locales and limits of formulas. Out of scope: single functions
//! (`functions`).

use proptest::prelude::*;

use super::*;

#[test]
fn ranges_stand_for_all_their_cells_inside_arrayformula() {
    for (text, cells) in [
        ("=ARRAYFORMULA(A1:A2*2)", "4;80"),
        ("=arrayformula(IF(A1:A=\"\",\"\",A1:A&\"!\"))", "2!;40!;x!;;;"),
        ("={\"Total\";ARRAYFORMULA(A1:A3*1)}", "Total;2;40;#VALUE!"),
        ("={1,2;3,4}", "1,2;3,4"),
        ("={A1:A2,A2:A3}", "2,40;40,x"),
        ("={1,2;3}", "#VALUE!"),
        ("=ARRAYFORMULA(SUM(A1:A*2))", "#VALUE!"),
        ("=ARRAYFORMULA(SUM(A1:A2*2)+A1:A2)", "86;124"),
        ("=ARRAYFORMULA(IFERROR(A1:A3/0,\"-\"))", "-;-;-"),
        ("=ARRAYFORMULA(A1:A2*{1,10})", "2,20;40,400"),
        ("=ARRAYFORMULA(ROW(A2:A4))", "2;3;4"),
        ("=ARRAYFORMULA(-A1:A2%)", "-0.02;-0.4"),
        ("=FILTER(A1:A3,A1:A3>1)", "2;40;x"),
        ("=FILTER(A1:A2,A1:A2>5)", "40"),
        ("=SORT({3;1;2})", "1;2;3"),
        ("=SORT({3,1;1,2;2,3},1,FALSE)", "3,1;2,3;1,2"),
        ("=UNIQUE({1;2;1;\"a\"})", "1;2;a"),
        ("=A1:A2*2", "80"),
        ("=SUM(A1:A)+SUM(A:A)+COUNT(1:1)", "85"),
        ("=ROW()&COLUMN()&ROW(A5)", "245"),
    ] {
        assert_eq!(table(text), cells, "{text}");
    }
}

#[test]
fn ranges_with_open_ends_reach_the_edge_of_the_grid() {
    for (text, value) in [("=SUM(A:A)", 42.0), ("=SUM(A2:A)", 40.0), ("=COUNTA(1:3)", 3.0), ("=COUNTBLANK(A:B)", 9.0)] {
        assert_eq!(run(text), Scalar::Number(value), "{text}");
    }
    assert_eq!(run("=SUM(Nowhere!A:A)"), Scalar::Error("#REF!"));
}

#[test]
fn a_link_leads_where_its_first_argument_points() {
    assert_eq!(
        link("=hyperlink(\"http://x/\" & A1, \"label\")", &SmallSheet::default()).as_deref(),
        Some("http://x/2")
    );
    for text in ["=HYPERLINK(\"a\") & \"b\"", "=UPPER(\"a\")", "=HYPERLINK()", "=1"] {
        assert_eq!(link(text, &SmallSheet::default()), None, "{text}");
    }
}

#[test]
fn arithmetic_comes_out_as_in_the_recordings() {
    for (text, value) in [
        ("=3/2", 1.5),
        ("=4/2", 2.0),
        ("= 1 / 1024", 1.0 / 1024.0),
        ("=1+2*3", 7.0),
        ("=-2^2", 4.0),
        ("=(1+2)*3", 9.0),
        ("=A1+$A$2", 42.0),
        ("=SUM(A1:A5, 1, A1*2)", 47.0),
        ("=50%", 0.5),
        ("=1e3", 1000.0),
        ("=Z9+0", 0.0),
    ] {
        assert_eq!(run(text), Scalar::Number(value), "{text}");
    }
    assert_eq!(run("=\"a\"\"b\"&1"), Scalar::Text("a\"b1".to_owned()));
    assert_eq!(run("=A1<>A2"), Scalar::Bool(true));
    for (text, value) in [
        ("=AVERAGE(2,4)", 3.0),
        ("=IF(A1>1, ROUND(2.345, 2), 1/0)", 2.35),
        ("=IFERROR(1/0, MAX(1, 7, 3))", 7.0),
        ("=IFERROR(NOPE(\")\", (1)), 5)", 5.0),
        ("=COUNTA(A1:A5)", 3.0),
        ("=MOD(-1, 3)+INT(2.7)", 4.0),
        ("=LEN(\"four\")", 4.0),
    ] {
        assert_eq!(run(text), Scalar::Number(value), "{text}");
    }
    assert_eq!(run("=UPPER(LEFT(\"abc\", 2))&MID(\"xyz\", 2, 1)"), Scalar::Text("ABy".to_owned()));
    assert_eq!(run("=HYPERLINK(\"http://x\", \"label\")"), Scalar::Text("label".to_owned()));
    assert_eq!(run("=AND(TRUE, NOT(FALSE()), OR(0, 1))"), Scalar::Bool(true));
    assert_eq!(run("=Z9"), Scalar::Blank);
}

#[test]
fn what_it_cannot_do_is_an_error_that_a_cell_could_show() {
    for (text, error) in [
        ("=1/0", "#DIV/0!"),
        ("=IMPORTXML(\"x\")", "#NAME?"),
        ("=nope", "#NAME?"),
        ("=SUM(1, 1/0)", "#DIV/0!"),
        ("=IFNA(1/0, 2)", "#DIV/0!"),
        ("=NA()", "#N/A"),
        ("=ROUND()", "#N/A"),
        ("=AVERAGE(B1:B3)", "#DIV/0!"),
        ("=1+", "#ERROR!"),
        ("=(1", "#ERROR!"),
        ("=1 2", "#ERROR!"),
        ("=A3*2", "#VALUE!"),
        ("=10^400", "#NUM!"),
        ("=", "#ERROR!"),
    ] {
        assert_eq!(run(text), Scalar::Error(error), "{text}");
    }
    assert_eq!(run(&format!("={}1", "(".repeat(100_000))), Scalar::Error("#ERROR!"));
}

proptest! {
    #[test]
    fn no_formula_makes_it_fail(text in "=[-+*/^&%(){};0-9A-Ce.,:!'\" SUM]{0,30}") {
        let _ = run(&text);
        let _ = run_in_german(&text, 46_355.5);
    }

    #[test]
    fn no_arguments_make_a_function_fail(
        name in proptest::sample::select(vec!["MAXIFS", "XLOOKUP", "XMATCH", "LOOKUP", "HLOOKUP", "TEXTJOIN", "JOIN", "IFS",
            "SWITCH", "CHOOSE", "WEEKDAY", "WEEKNUM", "EDATE", "EOMONTH", "TIME", "SECOND", "DATEVALUE", "MEDIAN", "SMALL",
            "PERCENTILE", "SUMPRODUCT", "REPT", "CHAR", "AVERAGEIF", "COUNTUNIQUE", "ROWS", "N", "DAYS"]),
        arguments in proptest::collection::vec("[-0-9e.]{1,12}|\"[a-z*?~<>=]{0,4}\"|A1:B3|C:C|A1|\\{1;2,3\\}|TRUE|", 0..7),
    ) {
        let _ = run(&format!("={name}({})", arguments.join(";")));
        let _ = run(&format!("=ARRAYFORMULA({name}({}))", arguments.join(";")));
    }
}

#[test]
fn a_text_beyond_fifty_thousand_characters_is_an_error() {
    let long = "é".repeat(30_000);
    for made in [
        format!("=\"{long}\"&\"{long}\""),
        format!("=CONCAT(\"{long}\",\"{long}\")"),
        format!("=CONCATENATE(\"{long}\",1,\"{long}\")"),
        format!("=SUBSTITUTE(\"{long}\",\"é\",\"ab\")"),
        format!("=REGEXREPLACE(\"{long}\",\"é\",\"ab\")"),
        format!("=ARRAYFORMULA({{\"{long}\"}}&\"{long}\")"),
    ] {
        assert_eq!(run(&made), Scalar::Error("#VALUE!"), "{}", made.chars().take(20).collect::<String>());
    }
    assert_eq!(run(&format!("=LEN(\"{long}\"&\"{}\")", "é".repeat(20_000))), Scalar::Number(50_000.0));
    assert_eq!(run(&format!("=LEN(SUBSTITUTE(\"{long}\",\"é\",\"x\"))")), Scalar::Number(30_000.0));
    assert_eq!(
        run("=SUBSTITUTE(\"a-b-c\",\"-\",\"+\")&REGEXREPLACE(\"a1b22\",\"[0-9]+\",\"<$0>\")"),
        Scalar::Text("a+b+ca<$0>b<$0>".to_owned())
    );
}

#[test]
fn semicolons_separate_arguments_in_every_locale() {
    for (text, value) in [("=SUM(1;2)", 3.0), ("=IF(FALSE;1;2)", 2.0), ("=SUM({1;2};3)", 6.0), ("=SUM(A1:A2;1)", 43.0)]
    {
        assert_eq!(run(text), Scalar::Number(value), "{text}");
        assert_eq!(run_in_german(text, 0.0), Scalar::Number(value), "{text}");
    }
    assert_eq!(run("=SUM(1,2;3)"), Scalar::Number(6.0));
    assert_eq!(run("=IF(TRUE;;1)"), Scalar::Blank);
    assert_eq!(run("=SUM({1\\2})"), Scalar::Error("#ERROR!"));
}

#[test]
fn a_comma_is_the_decimal_sign_where_the_locale_has_one() {
    for (text, value) in [
        ("=SUM(1,2)", 1.2),
        ("=1,5*2", 3.0),
        ("=,5+1,5e1", 15.5),
        ("=SUM({1,5\\2;3\\4})", 10.5),
        ("=INDEX({1\\2;3\\4};2;1)", 3.0),
        ("=SUM(2:2)", 40.0),
    ] {
        assert_eq!(run_in_german(text, 0.0), Scalar::Number(value), "{text}");
    }
    for text in ["=IF(A1>1,\"a\",\"b\")", "=SUM(A1,A2)", "=1.5", "={1,\"a\"}", "=1,2,3"] {
        assert_eq!(run_in_german(text, 0.0), Scalar::Error("#ERROR!"), "{text}");
    }
}

#[test]
fn now_and_today_are_the_time_of_the_recalculation() {
    assert_eq!(run_in_german("=NOW()", 46_355.25), Scalar::Number(46_355.25));
    assert_eq!(run_in_german("=today()+1", 46_355.25), Scalar::Number(46_356.0));
    assert_eq!(run("=NOW(1)"), Scalar::Error("#N/A"));
}
