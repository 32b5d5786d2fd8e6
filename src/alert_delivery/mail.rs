//! A message by e-mail.
//!
//! `smtps://` speaks TLS from the start, `smtp://` upgrades by STARTTLS and sends no password
//! without it. Only a server on this machine may do without.

use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Letter, Tokio1Executor};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::alerts::channels::email;
use crate::alerts::channels::reply_verdict::ReplyVerdict;
use crate::alerts::message::Message;

/// The ports of submission: RFC 8314 and RFC 6409.
const SMTPS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;
/// The longest file of certificates that is read, in bytes.
const MAX_CERTIFICATES: u64 = 4 << 20;

/// Where an e-mail goes.
pub(crate) struct MailTarget<'a> {
    pub(crate) url: &'a SecretString,
    pub(crate) from: &'a str,
    pub(crate) to: &'a [String],
    /// A file with certificates to trust beside the bundled ones.
    pub(crate) ca_file: Option<&'a Path>,
    pub(crate) timeout: Duration,
}

/// Sends a message once.
pub(crate) async fn send_mail(target: &MailTarget<'_>, message: &Message) -> ReplyVerdict {
    let letter = match compose_letter(target, message) {
        Ok(letter) => letter,
        Err(why) => return ReplyVerdict::Refused { why },
    };
    let transport = match build_transport(target) {
        Ok(transport) => transport,
        Err(why) => return ReplyVerdict::Refused { why },
    };
    match transport.send(letter).await {
        // The server has taken it; whether it reaches a mailbox is another matter.
        Ok(_) => ReplyVerdict::Accepted,
        Err(error) => judge_smtp_error(&error),
    }
}

/// Returns what an error means, without the server's words, which may repeat what was sent.
fn judge_smtp_error(error: &SmtpError) -> ReplyVerdict {
    let code = error.status().map(|code| format!("the mail server answered {code}"));
    let why = |what: &str| code.clone().unwrap_or_else(|| what.to_owned());
    if error.is_permanent() {
        ReplyVerdict::Refused { why: why("the mail server refused it") }
    } else if error.is_tls() {
        ReplyVerdict::Refused { why: "no secure connection to the mail server".to_owned() }
    } else if error.is_client() {
        ReplyVerdict::Refused { why: "the mail server lacks STARTTLS or a way to log in".to_owned() }
    } else if error.is_timeout() {
        ReplyVerdict::Later { why: "no reply in time".to_owned(), after_s: None }
    } else {
        ReplyVerdict::Later { why: why("the mail server can't be reached, or broke off"), after_s: None }
    }
}

fn compose_letter(target: &MailTarget<'_>, message: &Message) -> Result<Letter, String> {
    let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|_| "an e-mail address is invalid".to_owned());
    let from = mailbox(target.from)?;
    let id = format!("<{}@{}>", email::build_message_id(message), from.email.domain());
    let mut letter = Letter::builder().from(from).message_id(Some(id)).subject(email::build_subject(message));
    for recipient in target.to {
        letter = letter.to(mailbox(recipient)?);
    }
    let letter = letter.header(ContentType::TEXT_PLAIN).body(email::build_text(message));
    letter.map_err(|_| "the e-mail can't be made".to_owned())
}

fn build_transport(target: &MailTarget<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let url = Url::parse(target.url.expose_secret()).map_err(|_| "its address can't be used".to_owned())?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let is_local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    let parameters = || {
        let mut parameters = TlsParameters::builder(host.clone());
        for certificate in read_certificates(target.ca_file) {
            parameters = parameters.add_root_certificate(certificate);
        }
        parameters.build_rustls().map_err(|_| "the certificates to trust can't be read".to_owned())
    };
    let (tls, port) = match url.scheme() {
        "smtps" => (Tls::Wrapper(parameters()?), SMTPS_PORT),
        _ if is_local && url.password().is_none() => (Tls::Opportunistic(parameters()?), SUBMISSION_PORT),
        _ => (Tls::Required(parameters()?), SUBMISSION_PORT),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(url.port().unwrap_or(port))
        .timeout(Some(target.timeout))
        .tls(tls);
    if let Some(password) = url.password() {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        transport = transport.credentials(Credentials::new(decoded(url.username()), decoded(password)));
    }
    Ok(transport.build())
}

/// Reads the certificates of a file; none if it can't be read, so that the bundled ones decide.
fn read_certificates(file: Option<&Path>) -> Vec<Certificate> {
    let is_small = |path: &&Path| std::fs::metadata(path).is_ok_and(|about| about.len() <= MAX_CERTIFICATES);
    let text = file.filter(is_small).and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let mut certificates = Vec::new();
    let mut rest = String::from_utf8_lossy(&text).into_owned();
    // One call reads one certificate of several.
    while let Some(end) = rest.find("-----END CERTIFICATE-----") {
        let (one, after) = rest.split_at(end + "-----END CERTIFICATE-----".len());
        certificates.extend(Certificate::from_pem(one.as_bytes()));
        rest = after.to_owned();
    }
    certificates
}
