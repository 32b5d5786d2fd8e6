//! Functions: look-ups, criteria, dates, texts, choices, statistics. Out of scope: the language
//! around them (`language`).

use super::*;

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
