use proptest::prelude::*;

use super::*;
use crate::source::bytes::dripping_reader::DrippingReader;

/// Reads a pipe; returns the text and the message of its error.
fn read_pipe(bytes: &[u8], size: usize) -> (Vec<u8>, Option<String>, &'static str) {
    let facts = Arc::new(InputFacts::default());
    let mut reader = DecidingReader::new(DrippingReader(bytes, size), "x".into(), Arc::clone(&facts));
    let mut text = Vec::new();
    let error = reader.read_to_end(&mut text).err().map(|error| error.to_string());
    (text, error, facts.encoding().map_or("", Encoding::name))
}

fn guess_in_pieces(bytes: &[u8], size: usize) -> &'static str {
    let mut census = Utf8Census::default();
    census.add_all(DrippingReader(bytes, size)).expect("bytes in memory");
    census.encoding().name()
}

#[test]
fn the_first_character_beyond_ascii_decides_a_pipe() {
    for size in 1..9 {
        assert_eq!(read_pipe("a;Grüße\n".as_bytes(), size), ("a;Grüße\n".into(), None, "UTF-8"));
        assert_eq!(read_pipe(b"a;Gr\xfc\xdfe\n\x80", size), ("a;Grüße\n€".into(), None, "windows-1252"));
        assert_eq!(read_pipe(b"plain", size), ("plain".into(), None, ""));
        assert_eq!(read_pipe(b"caf\xc3", size), ("cafÃ".into(), None, "windows-1252"));
        // Later bytes that are malformed stay, and their record fails.
        assert_eq!(read_pipe(b"\xc3\xbc\n\xfc", size), (b"\xc3\xbc\n\xfc".to_vec(), None, "UTF-8"));
    }
}

#[test]
fn a_pipe_in_two_encodings_ends_at_the_same_place_in_every_read() {
    let text = b"a\n\xfc\nb\xc3\xbcc\n\xc3\xa4d\n";
    for size in 1..20 {
        let (before, error, _) = read_pipe(text, size);
        assert_eq!(String::from_utf8(before).expect("UTF-8"), "a\nü\nbÃ");
        let error = error.expect("an error");
        assert!(error.starts_with("line 3 is in UTF-8"), "{error}");
    }
}

#[test]
fn the_whole_of_a_file_decides_its_encoding() {
    for (bytes, encoding) in [
        (&b"plain"[..], "UTF-8"),
        ("Grüße".as_bytes(), "UTF-8"),
        (b"Gr\xfc\xdfe", "windows-1252"),
        // Quotes after a sharp s look like a character of UTF-8; the others decide.
        (b"\x84Spa\xdf\x93 f\xfcr alle", "windows-1252"),
        // One damaged character among valid ones.
        (b"Gr\xc3\xbc\xc3\x9fe \xff", "UTF-8"),
        // A byte that windows-1252 lacks.
        (b"\x83n\x83\x8d", "UTF-8"),
    ] {
        for size in 1..7 {
            assert_eq!(guess_in_pieces(bytes, size), encoding, "{bytes:?}");
        }
    }
}

#[test]
fn malformed_bytes_of_a_named_encoding_are_marked() {
    let decoded = |bytes: &[u8], label: &str, size: usize| {
        let Some(TextEncoding::Named(encoding)) = TextEncoding::parse(label) else { panic!("no label: {label}") };
        let mut text = Vec::new();
        DecodingReader::new(DrippingReader(bytes, size), encoding).read_to_end(&mut text).expect("bytes in memory");
        text
    };
    for size in 1..9 {
        assert_eq!(decoded(b"\x93\xfa\x96{", "shift_jis", size), "日本".as_bytes());
        assert_eq!(decoded(b"a\x00\xfc\x00", "UTF-16LE", size), "aü".as_bytes());
        assert_eq!(decoded(b"\x00a\x00\xfc", "utf-16be", size), "aü".as_bytes());
        assert_eq!(decoded(b"a\x00\x00\xdcb\x00", "utf-16", size), b"a\xffb");
        assert_eq!(decoded(b"\xcf\xf0", "windows-1251", size), "Пр".as_bytes());
    }
    assert_eq!(TextEncoding::parse("auto"), Some(TextEncoding::Auto));
    assert_eq!(TextEncoding::parse("replacement"), None);
    assert_eq!(TextEncoding::parse("utf8"), Some(TextEncoding::Named(UTF_8)));
}

proptest! {
    #[test]
    fn the_sizes_of_reads_change_nothing(bytes in prop::collection::vec(prop_oneof![
        Just(b'a'), Just(b'\n'), Just(0xc3), Just(0xbc), Just(0xfc), Just(0xe2), Just(0x82), Just(0x81), any::<u8>()
    ], 0..60), size in 1_usize..20) {
        prop_assert_eq!(read_pipe(&bytes, size), read_pipe(&bytes, 1 << 20));
        prop_assert_eq!(guess_in_pieces(&bytes, size), guess_in_pieces(&bytes, 1 << 20));
    }
}
