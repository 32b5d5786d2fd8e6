//! Compressed bodies.
//!
//! In scope: whether a client takes gzip, packing an answer, unpacking a request within a bound. Out of scope: headers (`server`).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Shorter answers are not worth it.
pub(crate) const MIN_COMPRESSED_BYTES: usize = 1_000;

/// Whether an `Accept-Encoding` takes gzip.
pub(crate) fn accepts_gzip(header: &str) -> bool {
    let mut taken = header.split(',').map(|one| one.split(';').map(str::trim));
    taken.any(|mut one| {
        let gzip = one.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused = one.any(|word| word.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)));
        gzip && !refused
    })
}

/// The bytes, packed.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing into memory does not fail.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// The bytes, unpacked; an error where they are not packed well, or more than `limit`.
pub(crate) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut decompressed = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes).take(bound).read_to_end(&mut decompressed).map_err(|error| error.to_string())?;
    if decompressed.len() > limit {
        return Err(format!("it holds more than {limit} bytes"));
    }
    Ok(decompressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_names_gzip_takes_it_unless_it_says_never() {
        for (header, takes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br, *", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(header), takes, "{header}");
        }
    }

    #[test]
    fn what_is_packed_unpacks_and_a_bomb_is_stopped_at_the_bound() {
        let text = "a row of cells, ".repeat(1_000).into_bytes();
        let compressed = compress(&text);
        assert!(compressed.len() < text.len() / 10);
        assert_eq!(decompress(&compressed, text.len()), Ok(text.clone()));
        assert!(decompress(&compressed, text.len() - 1).is_err_and(|why| why.contains("more than")));
        assert!(decompress(b"no gzip at all", 100).is_err());
    }
}
