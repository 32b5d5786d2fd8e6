use std::fs;

use super::*;
use crate::source::bytes::encoding::TextEncoding;
use crate::source::csv::csv_records;
use crate::source::csv::delimiter::Delimiter;
use crate::source::path_selection::RecordDepth;

fn folder(all: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in all {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn input(folder: &tempfile::TempDir, pattern: &str) -> Input {
    Input::File(folder.path().join(pattern))
}

fn series(input: &Input) -> FileSeries {
    let open = |input: &Input| csv_records::open(input, Delimiter::Unset, TextEncoding::Auto).expect("it opens");
    FileSeries::new(
        list_files(input).expect("files").iter().map(|input| open(input).read_twice(RecordDepth::Whole)).collect(),
    )
}

/// Returns each record's file, line and key, and the error's text.
async fn read_all(source: &mut FileSeries) -> (Vec<String>, Option<String>) {
    let mut seen = Vec::new();
    loop {
        match source.next().await {
            Ok(Some(record)) => {
                let file =
                    Path::new(&record.position.origin).file_name().expect("a name").to_string_lossy().into_owned();
                let id =
                    record.body.map_or_else(|bad| bad.0, |body| body["id"].as_str().unwrap_or_default().to_owned());
                seen.push(format!("{file}:{} {id}", record.position.line.unwrap_or(0)));
            }
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error.to_string())),
        }
    }
}

#[tokio::test]
async fn files_are_read_in_the_order_of_their_names() {
    let folder = folder(&[("b.csv", b"id;x\n3;1\n"), ("a.csv", b"x,id\n1,1\n1,2\n"), ("c.txt", b"id\n9\n")]);
    fs::create_dir(folder.path().join("d.csv")).expect("a folder");
    let mut source = series(&input(&folder, "*.csv"));
    let first = source.header_row().await.expect("a header");
    assert_eq!(first.fields, ["x", "id"]);
    let expected = ["a.csv:2 1", "a.csv:3 2", "b.csv:2 3"].map(str::to_owned).to_vec();
    assert_eq!(read_all(&mut source).await, (expected.clone(), None));
    // A new file belongs to the next run.
    fs::write(folder.path().join("aa.csv"), "id,x\n7,7\n").expect("a file");
    fs::remove_file(folder.path().join("b.csv")).expect("it is there");
    source.rewind().expect("all are files");
    assert_eq!(read_all(&mut source).await, (expected, None));
    let (read, size) = source.progress().expect("files have sizes");
    assert_eq!(read, size);
    assert!(source.is_rereadable());
}

#[tokio::test]
async fn a_file_that_lacks_a_field_of_the_first_ends_the_source() {
    let folder = folder(&[("a.csv", b"id,x\n1,1\n"), ("b.csv", b"id,y\n2,2\n")]);
    let mut source = series(&input(&folder, "?.csv"));
    let (seen, error) = read_all(&mut source).await;
    let error = error.expect("an error");
    assert_eq!(seen, ["a.csv:2 1"]);
    assert!(error.contains("b.csv:1 (header row): it has no field \"x\", which the first file has"), "{error}");
    source.rewind().expect("all are files");
    assert_eq!(read_all(&mut source).await.0, ["a.csv:2 1"]);
}

#[tokio::test]
async fn each_file_has_its_own_encoding_and_packing() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all("id\nGrüße\n".as_bytes()).expect("memory");
    let gzipped = packer.finish().expect("memory");
    let folder = folder(&[("a.csv", b"id\nGr\xfc\xdfe\n"), ("b.csv", "id\nüö\n".as_bytes()), ("c.csv", &gzipped)]);
    let mut source = series(&input(&folder, "*.csv"));
    let (seen, error) = read_all(&mut source).await;
    assert_eq!((seen, error), (["a.csv:2 Grüße", "b.csv:2 üö", "c.csv:2 Grüße"].map(str::to_owned).to_vec(), None));
    assert!(source.take_notes()[0].contains("a.csv: the text is not UTF-8 and is read as windows-1252"));
    fs::write(folder.path().join("c.csv"), &gzipped[..gzipped.len() - 9]).expect("a file");
    let (seen, error) = read_all(&mut series(&input(&folder, "c*"))).await;
    let error = error.expect("it is cut off");
    assert_eq!(seen, ["c.csv:2 Grüße"]);
    assert!(error.contains("c.csv: the gzip data ends before it is complete"), "{error}");
}

#[test]
fn a_pattern_without_matches_is_missing() {
    let folder = folder(&[("[a].csv", b"id\n1\n"), ("a.csv", b"id\n1\n")]);
    let missing = list_files(&input(&folder, "*.tsv")).expect_err("nothing matches");
    assert!(missing.to_string().starts_with("a file that matches ") && matches!(missing, SourceError::Missing { .. }));
    assert_eq!(list_files(&input(&folder, "[a].csv")).expect("a file"), [input(&folder, "[a].csv")]);
    fs::remove_file(folder.path().join("[a].csv")).expect("it was there");
    assert_eq!(
        list_files(&input(&folder, "[a].csv")).expect("one"),
        [input(&folder, "[a].csv")],
        "a.csv is another file"
    );
    fs::create_dir(folder.path().join("x[1]")).expect("a folder");
    fs::write(folder.path().join("x[1]/b.csv"), b"id\n1\n").expect("a file");
    assert_eq!(list_files(&input(&folder, "x[1]/*.csv")).expect("a file"), [input(&folder, "x[1]/b.csv")]);
    assert_eq!(list_files(&Input::Stdin).expect("one"), [Input::Stdin]);
    assert_eq!(list_files(&input(&folder, "none.csv")).expect("one"), [input(&folder, "none.csv")]);
}
