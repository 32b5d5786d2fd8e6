//! The data of requests and responses.
//!
//! | question | file |
//! |---|---|
//! | Which spreadsheet, on which service? | `address` |
//! | Which kinds of request can a batch contain? | `requests` |
//! | What is inside those requests, apart from cells? | `request_objects` |
//! | How is a cell sent? | `cell` |
//! | What does a response contain? | `response_types` |

pub mod address;
pub mod cell;
pub mod request_objects;
pub mod requests;
pub mod response_types;
