//! What responses and failures of a call mean.
//!
//! | question | file |
//! |---|---|
//! | What happened in one attempt: a definite refusal, no connection, an unknown outcome? | `classify` |
//! | Why did a call fail for good, and which fault is it? | `call_error` |
//! | What does Google's error envelope say, and what should the user do? | `api_error` |
//! | Why is the effect of a call unknown? | `unknown_outcome` |
//! | Why is there no token? | `token_error` |
//! | How are texts of a service made fit for messages? | `service_text` |
//! | What went wrong at a proxy? | `proxy_error` |

pub mod api_error;
pub mod call_error;
pub(crate) mod classify;
pub mod proxy_error;
pub(crate) mod service_text;
pub mod token_error;
pub mod unknown_outcome;
