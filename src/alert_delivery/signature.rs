//! The signature of a webhook, as Standard Webhooks defines it:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use data_encoding::BASE64;
use ring::hmac;

/// What a secret begins with, by the standard; the rest is the key in base64.
const PREFIX: &str = "whsec_";

/// Returns the value of the header `webhook-signature` for a message with this id, sent at
/// `timestamp_s`, in seconds since 1970. A secret without the prefix is the key itself.
pub(crate) fn sign_message(secret: &str, id: &str, timestamp_s: i64, body: &str) -> String {
    let key = match secret.strip_prefix(PREFIX) {
        Some(encoded) => BASE64.decode(encoded.as_bytes()).unwrap_or_else(|_| encoded.as_bytes().to_vec()),
        None => secret.as_bytes().to_vec(),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{timestamp_s}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standard() {
        // The example of the reference libraries (svix and standardwebhooks): their test vector.
        let secret = format!("{PREFIX}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let made = sign_message(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
