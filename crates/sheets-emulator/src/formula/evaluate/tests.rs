use super::*;
use proptest::prelude::*;

/// A sheet of 6 rows and 26 columns; the formula is in its second row.
#[derive(Default)]
struct SmallSheet {
    budget: EvalBudget,
    settings: FormulaSettings,
}

impl FormulaCells for SmallSheet {
    fn cell(&self, _: Option<&str>, row: u32, column: u32) -> Scalar {
        match (row, column) {
            (0, 0) => Scalar::Number(2.0),
            (1, 0) => Scalar::Number(40.0),
            (2, 0) => Scalar::Text("x".to_owned()),
            _ => Scalar::Blank,
        }
    }

    fn area(&self, title: Option<&str>, span: CellSpan) -> Option<Area> {
        let closed = span.close(6, 26);
        let range = crate::grid::area::GridRange {
            sheet_id: 0,
            start_row: closed.start_row,
            end_row: closed.end_row,
            start_col: closed.start_column,
            end_col: closed.end_column,
        };
        title.is_none().then(|| range.resolve(6, 26))
    }

    fn block(&self, title: Option<&str>, area: &Area) -> EvalResult<Matrix> {
        let row = |row: u32| area.cols.clone().map(|column| self.cell(title, row, column)).collect();
        Ok(Matrix::from_rows(area.rows.clone().map(row).collect()))
    }

    fn position(&self) -> (u32, u32) {
        (1, 3)
    }

    fn budget(&self) -> &EvalBudget {
        &self.budget
    }

    fn settings(&self) -> FormulaSettings {
        self.settings
    }
}

fn run(text: &str) -> Scalar {
    evaluate(text, &SmallSheet::default()).first().clone()
}

/// Returns a result in a locale with a decimal comma, at a time.
fn run_in_german(text: &str, now: f64) -> Scalar {
    let small = SmallSheet { settings: FormulaSettings { has_decimal_comma: true, now }, ..SmallSheet::default() };
    evaluate(text, &small).first().clone()
}

/// Returns the cells of a result as texts: commas between columns, semicolons between rows.
fn table(text: &str) -> String {
    let matrix = evaluate(text, &SmallSheet::default()).into_matrix();
    let row = |row: u32| matrix.copy_row(row).iter().map(to_text).collect::<Vec<_>>().join(",");
    (0..matrix.height).map(row).collect::<Vec<_>>().join(";")
}

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
fn functions_look_into_tables_texts_and_calendars() {
    for (text, shown) in [
        ("=SUMIF(A1:A,\">3\")", "40"),
        ("=SUMIF({\"a\";\"b\";\"a\"},\"A\",{1;2;4})", "5"),
        ("=COUNTIF(A1:A,\"x\")+COUNTIF(A1:A,\"\")*10+COUNTIF(A1:A,\"<>x\")*100", "531"),
        ("=COUNTIFS(A1:A3,\">=2\",A1:A3,\"<40\")", "1"),
        ("=SUMIFS({1;2;4},{\"ax\";\"b\";\"ay\"},\"a*\")", "5"),
        ("=VLOOKUP(40,{2,\"two\";40,\"forty\"},2,FALSE)", "forty"),
        ("=VLOOKUP(39,{2,\"two\";40,\"forty\"},2)", "two"),
        ("=VLOOKUP(1,{2,3},2,0)", "#N/A"),
        ("=INDEX(A1:A,MATCH(\"x\",A1:A,0))", "x"),
        ("=DATE(2020,1,31)", "43861"),
        ("=YEAR(43861)&MONTH(43861)&DAY(43861)", "2020131"),
        ("=DATE(2019,14,1)-DATE(2020,2,1)", "0"),
        ("=TEXT(DATE(2020,1,31),\"yyyy-mm-dd\")", "2020-01-31"),
        ("=TEXT(1.5,\"0.00\")", "1.50"),
        ("=SUBSTITUTE(\"a-b-c\",\"-\",\"+\")&SUBSTITUTE(\"a-b-c\",\"-\",\"+\",2)", "a+b+ca-b+c"),
        ("=FIND(\"b\",\"abc\")&SEARCH(\"B\",\"abcb\",3)", "24"),
        ("=FIND(\"z\",\"abc\")", "#VALUE!"),
        ("=REGEXMATCH(\"job-17\",\"^job\")&REGEXEXTRACT(\"job-17\",\"(\\d+)\")", "TRUE17"),
        ("=REGEXREPLACE(\"job-17\",\"(\\w+)-(\\d+)\",\"\\2.\\1\")", "17.job"),
        ("=#REF!+1", "#REF!"),
        ("=IF(A1=2,,1)", ""),
    ] {
        assert_eq!(table(text), shown, "{text}");
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

#[test]
fn criteria_count_sum_and_bound_the_cells_that_meet_them() {
    let runs = "{1;2;4;8},{\"a\";\"A\";\"b\";\"\"}";
    for (text, shown) in [
        (format!("=MAXIFS({runs},\"a\")"), "2"),
        (format!("=MINIFS({runs},\"a\")"), "1"),
        (format!("=MAXIFS({runs},\"zz\")&MINIFS({runs},\"zz\")"), "00"),
        (format!("=AVERAGEIFS({runs},\"a\")"), "1.5"),
        (format!("=AVERAGEIFS({runs},\"zz\")"), "#DIV/0!"),
        (format!("=MAXIFS({runs},\"<>a\")"), "8"),
        (format!("=MAXIFS({runs},\"?\",{{1;2;4;8}},\"<4\")"), "2"),
        (format!("=MAXIFS({runs})"), "#N/A"),
        ("=MAXIFS({1;2;3},{1;2},1)".to_owned(), "#VALUE!"),
        ("=SUMIFS({1;2;3},{1;2},1)".to_owned(), "#VALUE!"),
        ("=AVERAGEIF({1;2;6},\">1\")".to_owned(), "4"),
        ("=MAXIFS({46354;46355.5;46360},{46354;46355.5;46360},\"<2026-12-01\")".to_owned(), "46355.5"),
        ("=COUNTIF({46355;46356},\">=11/30/2026\")".to_owned(), "1"),
        ("=COUNTIF({0.1;0.2},\">10%\")".to_owned(), "1"),
        ("=COUNTIF({TRUE;FALSE;1},TRUE)&COUNTIF({TRUE;FALSE;1},\"true\")".to_owned(), "11"),
        ("=COUNTIF({\"a*\";\"ab\"},\"a~*\")".to_owned(), "1"),
        ("=SUMIFS({1;2},{\"x\";\"x\"},\"X\")".to_owned(), "3"),
        ("=SUMIF({1;2},\">0\",{1;#N/A})".to_owned(), "#N/A"),
    ] {
        assert_eq!(table(&text), shown, "{text}");
    }
}

#[test]
fn an_empty_criterion_means_blank_or_empty() {
    // Of A1:A6, three cells are blank; the literal adds an empty text.
    for (text, value) in [
        ("=COUNTIF(A1:A6,\"\")", 3.0),
        ("=COUNTIF(A1:A6,\"=\")", 3.0),
        ("=COUNTIF(A1:A6,\"<>\")", 3.0),
        ("=COUNTIF({\"\";\"x\"},\"\")", 1.0),
        ("=COUNTIF({\"\";\"x\"},\"=\")", 0.0),
        ("=COUNTIF({\"\";\"x\"},\"<>\")", 2.0),
        ("=COUNTIF({0;1},B1)", 1.0),
    ] {
        assert_eq!(run(text), Scalar::Number(value), "{text}");
    }
}

#[test]
fn dates_and_times_come_apart_and_together() {
    for (text, shown) in [
        ("=HOUR(46355.375)&\":\"&MINUTE(46355.375)&\":\"&SECOND(46355.375)", "9:0:0"),
        ("=HOUR(9/24)&HOUR(46355+21/24)&HOUR(0.999999999999)", "9210"),
        ("=MINUTE(\"10:30\")&SECOND(TIME(1,2,3))&HOUR(\"2026-11-29 18:00\")", "30318"),
        ("=HOUR(-1)", "#NUM!"),
        ("=WEEKDAY(46355)&WEEKDAY(46355,2)&WEEKDAY(46355,3)", "176"),
        ("=WEEKDAY(\"2026-11-30\",2)", "1"),
        ("=WEEKDAY(46355,9)", "#NUM!"),
        ("=TIME(36,0,0)&TIME(-1,0,0)", "#NUM!"),
        ("=TIME(36,0,0)", "0.5"),
        ("=DATEVALUE(\"11/29/2026 12:00\")&TIMEVALUE(\"2026-11-29 12:00\")", "463550.5"),
        ("=DATEVALUE(\"soon\")", "#VALUE!"),
        ("=VALUE(\"2026-11-29\")&VALUE(\"1.5\")", "463551.5"),
        ("=EDATE(DATE(2026,1,31),1)-DATE(2026,2,28)", "0"),
        ("=EOMONTH(DATE(2024,1,15),1)-DATE(2024,2,29)", "0"),
        ("=EOMONTH(DATE(2024,1,15),-1)-DATE(2023,12,31)", "0"),
        ("=DAYS(46355.9,\"2026-11-28\")", "1"),
        ("=WEEKNUM(DATE(2026,1,4))&WEEKNUM(DATE(2026,1,4),2)&ISOWEEKNUM(DATE(2027,1,1))", "2153"),
    ] {
        assert_eq!(table(text), shown, "{text}");
    }
}

#[test]
fn xlookup_finds_exact_next_and_wildcard_matches() {
    let names = "{\"a\";\"B\";\"ab\";\"b\"}";
    for (text, shown) in [
        (format!("=XLOOKUP(\"b\",{names},{{1;2;3;4}})"), "2"),
        (format!("=XLOOKUP(\"b\",{names},{{1;2;3;4}},,0,-1)"), "4"),
        (format!("=XLOOKUP(\"b\";{names};{{1;2;3;4}};\"none\";;-1)"), "4"),
        (format!("=XLOOKUP(\"a*\",{names},{{1;2;3;4}})"), "#N/A"),
        (format!("=XLOOKUP(\"a?\",{names},{{1;2;3;4}},,2)"), "3"),
        (format!("=XLOOKUP(\"z\",{names},{{1;2;3;4}},\"never ran\")"), "never ran"),
        (format!("=XLOOKUP(\"z\",{names},{{1;2;3;4}},B1)"), ""),
        (format!("=XLOOKUP(\"z\",{names},{{1;2;3;4}},1/0)"), "#DIV/0!"),
        ("=XLOOKUP(5,{1;9;4;6},{\"w\";\"x\";\"y\";\"z\"},,1)".to_owned(), "z"),
        ("=XLOOKUP(5,{1;9;4;6},{\"w\";\"x\";\"y\";\"z\"},,-1)".to_owned(), "y"),
        ("=XLOOKUP(0,{1;9},{1;2},,-1)".to_owned(), "#N/A"),
        ("=XLOOKUP(2,{1;2},{1,10;2,20})".to_owned(), "2,20"),
        ("=XLOOKUP(2,{1,2},{1,10;2,20})".to_owned(), "10;20"),
        ("=XLOOKUP(2,{1;2},{1;2;3})".to_owned(), "#VALUE!"),
        ("=XLOOKUP(2,{1,2;3,4},{1;2})".to_owned(), "#VALUE!"),
        ("=XLOOKUP(\"2\",{1;2},{1;2})".to_owned(), "#N/A"),
        ("=XLOOKUP(40,A:A,B:B,\"x\")&XLOOKUP(40,A:A,A:A)".to_owned(), "40"),
        ("=XMATCH(4,{1;2;4;4},0,-1)&XMATCH(3,{1;2;4;4},1)&XMATCH(3,{1;2;4;4},-1)".to_owned(), "432"),
        ("=ARRAYFORMULA(XLOOKUP({1;3},{1;2},{\"a\";\"b\"},\"-\"))".to_owned(), "a;-"),
    ] {
        assert_eq!(table(&text), shown, "{text}");
    }
}

#[test]
fn other_look_ups_read_rows_columns_and_sizes() {
    for (text, shown) in [
        ("=LOOKUP(3,{1;2;4},{\"a\";\"b\";\"c\"})", "b"),
        ("=LOOKUP(3,{1,\"x\";2,\"y\";4,\"z\"})", "y"),
        ("=LOOKUP(0,{1;2})", "#N/A"),
        ("=HLOOKUP(2,{1,2;\"a\",\"b\"},2,FALSE)", "b"),
        ("=HLOOKUP(2,{1,2;\"a\",\"b\"},3,FALSE)", "#REF!"),
        ("=ROWS(A:A)&COLUMNS(A:C)&ROWS(A2:A)&ROWS({1;2})&COLUMNS(A1)", "63521"),
    ] {
        assert_eq!(table(text), shown, "{text}");
    }
}

#[test]
fn texts_are_joined_repeated_and_capitalized() {
    for (text, shown) in [
        ("=TEXTJOIN(\", \",TRUE,{\"a\",\"\",\"b\"},A1:B3)", "a, b, 2, 40, x"),
        ("=TEXTJOIN(\"-\",FALSE,{\"a\",\"\",\"b\"})", "a--b"),
        ("=TEXTJOIN(\"-\",TRUE)", "#N/A"),
        ("=TEXTJOIN(\",\",TRUE,FILTER({\"a\";\"b\";\"c\"},{1;0;1}))", "a,c"),
        ("=TEXTJOIN(\",\",TRUE,{1,1}/0)", "#DIV/0!"),
        ("=JOIN(\"/\",{1,2},3)", "1/2/3"),
        ("=REPT(\"ab\",2)&CHAR(65)&PROPER(\"last RUN of o'neil\")", "ababALast Run Of O'Neil"),
        ("=REPT(\"ab\",99999)", "#VALUE!"),
    ] {
        assert_eq!(table(text), shown, "{text}");
    }
}

#[test]
fn one_of_several_values_is_taken_and_may_be_a_range() {
    for (text, shown) in [
        ("=IF(TRUE,FILTER({1;2;3},{0;1;1}),\"\")", "2;3"),
        ("=IFERROR(FILTER({1;2},{0;1}),\"none\")&IFERROR(FILTER({1;2},{0;0}),\"none\")", "2none"),
        ("=IFNA(NA(),5)&IFERROR(1/0)", "5"),
        ("=IF(1/0,1,2)", "#DIV/0!"),
        ("=IF(FALSE,1)", "FALSE"),
        ("=IFS(FALSE,1,TRUE,2,TRUE,3)", "2"),
        ("=IFS(FALSE,1)", "#N/A"),
        ("=SWITCH(\"B\",\"a\",1,\"b\",2,9)&SWITCH(\"c\",\"a\",1,9)", "29"),
        ("=SWITCH(3,1,\"a\")", "#N/A"),
        ("=CHOOSE(2,\"a\",\"b\")&CHOOSE(WEEKDAY(46355,2),1,2,3,4,5,6,7)", "b7"),
        ("=CHOOSE(3,1,2)", "#NUM!"),
        ("=ISNA(NA())&ISERR(NA())&ISERROR(FILTER({1;2},{1;1}))&ISLOGICAL(TRUE)", "TRUEFALSEFALSETRUE"),
        ("=ISBLANK(B1)&ISBLANK(\"\")&ISNONTEXT(1)", "TRUEFALSETRUE"),
        ("=XOR(TRUE,TRUE,TRUE)&XOR(TRUE,TRUE)", "TRUEFALSE"),
        ("=N(\"x\")&N(TRUE)&T(1)&T(\"t\")", "01t"),
    ] {
        assert_eq!(table(text), shown, "{text}");
    }
}

#[test]
fn many_numbers_have_medians_ranks_and_products() {
    for (text, shown) in [
        ("=MEDIAN({3,1,2})&MEDIAN({4;1;2;3})&MEDIAN(A1:B3)", "22.521"),
        ("=MEDIAN(B1:B3)", "#NUM!"),
        ("=SMALL({3;1;2},2)&LARGE({3;1;2},1)", "23"),
        ("=SMALL({3;1;2},0)", "#NUM!"),
        ("=LARGE({3;1;2},4)", "#NUM!"),
        ("=PERCENTILE({1;2;3;4;5},0.95)&PERCENTILE({7},0.5)", "4.87"),
        ("=PERCENTILE({1;2},1.5)", "#NUM!"),
        ("=SUMPRODUCT({1;2;3},{4;5;6})&SUMPRODUCT((A1:A2>1)*(A1:A2<40))", "321"),
        ("=SUMPRODUCT({1;2},{1;2;3})", "#VALUE!"),
        ("=COUNTUNIQUE({1;1;\"a\";2},A1:A3)&TRUNC(-2.7)&SIGN(-3)", "5-2-1"),
    ] {
        assert_eq!(table(text), shown, "{text}");
    }
}
