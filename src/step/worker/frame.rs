//! The binary protocol of a worker's pipes.
//!
//! In scope: writing and reading frames: four bytes of length (little-endian), a byte for the kind,
//! and the payload. Out of scope: the order of the frames (`step::worker::session`).

use serde_json::Value;

/// Bytes before the payload of a frame.
const FRAME_HEADER_BYTES: usize = 5;
/// Maximum length of a frame, in bytes.
const MAX_FRAME: usize = 1 << 30;

/// The worker is ready.
pub(crate) const READY_FRAME: u8 = b'r';
/// An expression. Its number is the count of the expressions before it.
pub(crate) const EXPRESSION: u8 = b'x';
/// An evaluation: the number of its expression, the maximum number of values, the memory limit, and
/// the input as JSON.
pub(crate) const EVALUATION: u8 = b'e';
/// The values of an evaluation, each as four bytes of length and JSON.
pub(crate) const VALUES: u8 = b'v';
/// Why an evaluation failed: a message.
pub(crate) const FAILURE: u8 = b'f';

/// Appends a frame whose payload `fill` writes.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    fill(out);
    let length = u32::try_from(out.len() - start - FRAME_HEADER_BYTES).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(start..start + 4) {
        head.copy_from_slice(&length.to_le_bytes());
    }
}

/// Appends a value as JSON.
pub(crate) fn put_json(out: &mut Vec<u8>, value: &Value) {
    // Writing JSON to a vector can't fail, because names of members are texts.
    let _ = serde_json::to_writer(out, value);
}

/// The kind and payload of a frame, and its total length.
pub(crate) type WorkerFrame<'b> = (u8, &'b [u8], usize);

/// Returns the first frame of `bytes`; `None` if it is incomplete.
pub(crate) fn parse_frame(bytes: &[u8]) -> Result<Option<WorkerFrame<'_>>, FrameError> {
    let Some((length, after)) = parse_u32(bytes) else { return Ok(None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(FrameError);
    }
    let Some((kind, rest)) = after.split_first() else { return Ok(None) };
    Ok(rest.get(..length).map(|rest| (*kind, rest, FRAME_HEADER_BYTES + length)))
}

/// The other side violated the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameError;

/// Parses a four-byte number. Returns it and the remaining bytes.
pub(crate) fn parse_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

/// Parses an eight-byte number. Returns it and the remaining bytes.
pub(crate) fn parse_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*head), rest))
}

/// Parses the payload of a `VALUES` frame.
pub(crate) fn parse_values(mut rest: &[u8]) -> Result<Vec<Value>, FrameError> {
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (length, after) = parse_u32(rest).ok_or(FrameError)?;
        let (json, after) =
            after.split_at_checked(usize::try_from(length).map_err(|_| FrameError)?).ok_or(FrameError)?;
        values.push(serde_json::from_slice(json).map_err(|_| FrameError)?);
        rest = after;
    }
    Ok(values)
}

/// Appends a value after its length.
pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    put_json(out, value);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(start..start + 4) {
        head.copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_out_as_they_went_in_wherever_the_bytes_are_cut() {
        let wanted = vec![json!({"a": [1, 2.5, "ü"]}), json!(null), json!(u64::MAX)];
        let mut bytes = Vec::new();
        put_frame(&mut bytes, VALUES, |out| wanted.iter().for_each(|value| put_value(out, value)));
        for cut in 0..bytes.len() {
            assert_eq!(parse_frame(&bytes[..cut]), Ok(None), "{cut}");
        }
        let (kind, rest, length) = parse_frame(&bytes).expect("readable").expect("whole");
        assert_eq!((kind, length, parse_values(rest)), (VALUES, bytes.len(), Ok(wanted)));
    }

    #[test]
    fn a_length_beyond_all_measure_is_not_waited_for() {
        assert_eq!(parse_frame(&[0xff; 9]), Err(FrameError));
        assert_eq!(parse_values(&[9, 0, 0, 0, b'1']), Err(FrameError));
    }
}
