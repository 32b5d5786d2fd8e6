//! Authentication: from the user's credentials to an access token.
//!
//! | question | file |
//! |---|---|
//! | Where are credentials found, and of which kind are they? | `credentials` |
//! | Which damage of a copied key is repaired? | `key_normalize` |
//! | How is an access token obtained and cached? | `tokens` |
//! | What does an error of a token service mean? | `token_errors` |
//! | How are keys and tokens kept out of messages? | `secret_filter` |

pub mod credentials;
mod key_normalize;
mod secret_filter;
mod token_errors;
pub(crate) mod tokens;
