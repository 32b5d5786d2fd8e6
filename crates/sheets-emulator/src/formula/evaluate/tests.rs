use super::*;
use proptest::prelude::*;

/// A sheet of 6 rows and 26 columns; the formula is in its second row.
#[derive(Default)]
struct Small {
    budget: EvalBudget,
}

impl FormulaCells for Small {
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
}

fn run(text: &str) -> Scalar {
    evaluate(text, &Small::default()).first().clone()
}

/// Returns the cells of a result as texts: commas between columns, semicolons between rows.
fn table(text: &str) -> String {
    let matrix = evaluate(text, &Small::default()).into_matrix();
    let row = |row: u32| matrix.row(row).iter().map(shown).collect::<Vec<_>>().join(",");
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
    assert_eq!(link("=hyperlink(\"http://x/\" & A1, \"label\")", &Small::default()).as_deref(), Some("http://x/2"));
    for text in ["=HYPERLINK(\"a\") & \"b\"", "=UPPER(\"a\")", "=HYPERLINK()", "=1"] {
        assert_eq!(link(text, &Small::default()), None, "{text}");
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
