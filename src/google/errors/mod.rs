//! What responses and failures of a call mean.
//!
//! | question | file |
//! |---|---|
//! | What happened in one attempt: a definite refusal, no connection, an unknown outcome? | `classify` |
//! | Which fault is it, and what should the user do? | `call_error` |
//! | What went wrong at a proxy? | `proxy_error` |

pub mod call_error;
pub(crate) mod classify;
pub mod proxy_error;
