//! JSON lines and JSON documents.
//!
//! | question | file |
//! |---|---|
//! | How is a document read, as an array or through an expression? | `json_document` |
//! | Where do the elements of an array begin and end? | `splitter` |
//! | How are JSON lines read? | `json_lines` |
//! | How is one JSON text parsed? | `record_text` |

pub mod json_document;
pub mod json_lines;
mod splitter;
mod record_text;
