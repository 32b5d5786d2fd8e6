//! Cutting texts to the limits of channels.

/// The mark of a cut text.
const ELLIPSIS: char = '…';

/// Returns the text with at most `most` UTF-16 units; a cut one ends with a mark.
pub fn cut_units(text: &str, most: usize) -> String {
    cut_by(text, most, char::len_utf16)
}

/// Returns the text with at most `most` bytes; a cut one ends with a mark.
pub fn cut_bytes(text: &str, most: usize) -> String {
    cut_by(text, most, char::len_utf8)
}

fn cut_by(text: &str, most: usize, weight: impl Fn(char) -> usize) -> String {
    if text.chars().map(&weight).sum::<usize>() <= most {
        return text.to_owned();
    }
    let Some(mut room) = most.checked_sub(weight(ELLIPSIS)) else { return String::new() };
    let mut cut = String::new();
    for c in text.chars() {
        let Some(left) = room.checked_sub(weight(c)) else { break };
        room = left;
        cut.push(c);
    }
    cut.push(ELLIPSIS);
    cut
}

/// Returns the text with each character replaced by `escape`, with at most `most` UTF-16 units: no
/// replacement is cut in two.
pub(crate) fn escape_within(text: &str, most: usize, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let pieces: Vec<String> = text.chars().map(|c| escape(c).map_or_else(|| c.to_string(), str::to_owned)).collect();
    let length = |piece: &String| piece.encode_utf16().count();
    if pieces.iter().map(length).sum::<usize>() <= most {
        return pieces.concat();
    }
    let Some(mut room) = most.checked_sub(1) else { return String::new() };
    let mut cut = String::new();
    for piece in &pieces {
        let Some(left) = room.checked_sub(length(piece)) else { break };
        room = left;
        cut.push_str(piece);
    }
    cut.push(ELLIPSIS);
    cut
}
