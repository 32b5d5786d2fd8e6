//! The types of the API: what a request may hold, and what `fields` may name.
//!
//! | question | file |
//! |---|---|
//! | Which members does a message have? | `message_types`, `schema.txt` |
//! | Is this JSON valid for a message? | `proto_json` |
//! | Which words has a query parameter, and how is a wrong shape refused? | `enums` |
//! | Which words has an enum of a body? | `enum_words` |
//! | Which members of a message exclude each other? | `oneofs` |
//! | What does a `fields` parameter keep of a response? | `response_mask` |
//! | Which methods and requests does the emulator support? | `support` |
//!
//! Out of scope: the `fields` member inside batch requests (`batch::field_mask`).

pub(crate) mod enum_words;
pub(crate) mod enums;
pub(crate) mod message_types;
pub(crate) mod oneofs;
pub(crate) mod proto_json;
pub(crate) mod response_mask;
pub(crate) mod support;
