//! What an error of a token service means, and what to do about it.
//!
//! In scope: OAuth error responses, errors of yup-oauth2. Out of scope: asking for tokens
//! (`auth::tokens`).

use crate::errors::classify::find_root_cause;
use crate::errors::proxy_error::ProxyError;
use crate::errors::service_text::sanitize;
use crate::errors::token_error::TokenError;

/// The error of a response that is not a token service's. `Tokens::distinguish_foreign` finds out
/// which of two causes it has.
pub(crate) fn make_not_json_error() -> TokenError {
    TokenError::Unavailable("the response is not valid JSON".to_owned())
}

/// Classifies an error of yup-oauth2. Only an OAuth error response is final.
pub(crate) fn classify_error(error: &yup_oauth2::Error) -> TokenError {
    if let Some(error) = ProxyError::find_within(error) {
        return TokenError::Proxy(error);
    }
    let yup_oauth2::Error::AuthError(error_body) = error else {
        return match error {
            yup_oauth2::Error::UserError(_) | yup_oauth2::Error::CredentialSourceError(_) => {
                TokenError::Unusable(find_root_cause(error))
            }
            yup_oauth2::Error::JSONError(_) => make_not_json_error(),
            other => TokenError::Unavailable(find_root_cause(other)),
        };
    };
    let code = sanitize(error_body.error.as_str());
    let description = error_body.error_description.as_deref().map(sanitize).unwrap_or_default();
    match code.as_str() {
        "internal_failure" | "server_error" | "temporarily_unavailable" | "slow_down" | "rate_limit_exceeded" => {
            TokenError::Unavailable(format!("it answered {code}"))
        }
        _ => TokenError::Refused { advice: find_token_advice(&code, &description), code, description },
    }
}

fn find_token_advice(code: &str, description: &str) -> &'static str {
    match code {
        "invalid_grant" if description.contains("timeframe") => "this machine's clock is wrong; set it",
        "invalid_grant" if description.contains("expired or revoked") => {
            "the login has ended; log in again with gcloud auth application-default login"
        }
        "invalid_grant" => {
            "the key was deleted or its account is gone, or this machine's clock is wrong; create a new key"
        }
        "invalid_client" | "unauthorized_client" => "the account or client is not allowed to ask; create a new key",
        "invalid_scope" => "the account can't be given access to spreadsheets",
        _ => "ask the administrator of the Google Cloud project",
    }
}
