//! The bytes of a source, before any format is parsed.
//!
//! | question | file |
//! |---|---|
//! | How are a file, a pipe and standard input opened? | `input` |
//! | How are the first bytes read, and gzip unpacked? | `text_reader` |
//! | What if the input is of another format than configured? | `magic` (bytes), `unexpected_text`, `content_guess` |
//! | In which encoding is a text, and how does it become UTF-8? | `encoding` |
//! | How does a test read slowly, as from a pipe? | `dripping_reader` |
//! | How is an input read twice? | `positioned_reader` (files), `spool` (other inputs) |

pub(crate) mod content_guess;
#[cfg(test)]
pub(crate) mod dripping_reader;
pub mod encoding;
pub mod input;
pub(crate) mod magic;
mod positioned_reader;
mod spool;
mod text_reader;
pub(crate) mod unexpected_text;
