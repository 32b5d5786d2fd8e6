//! Standard output and standard error: the one place that writes to them.
//!
//! In scope: whether each is a terminal, its colours and width, decided once; writing to a pipe
//! whose reader has left; a progress bar that other lines do not break. Out of scope: what is
//! written.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use comfy_table::Table;
use indicatif::ProgressBar;

use crate::cli::streams::log_file::LogFile;
use crate::known_secrets::hide_secrets;

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The properties of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputStyle {
    /// Whether the stream is a terminal.
    pub is_terminal: bool,
    /// Whether to use colours.
    pub colour: bool,
    /// The width in columns.
    pub width: usize,
}

/// The width where no terminal reports one, in columns.
const PLAIN_WIDTH: usize = 100;
/// The least width of a table, in columns.
const LEAST_WIDTH: usize = 40;

/// A reader of environment variables.
pub type TerminalEnvironment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Standard output and standard error.
#[derive(Debug)]
pub struct Terminal {
    out: OutputStream,
    err: OutputStream,
}

impl Terminal {
    /// Returns the streams of this process. `env` looks up `NO_COLOR`, `FORCE_COLOR`,
    /// `CLICOLOR_FORCE`, `TERM`, `COLUMNS` and `CI`.
    pub fn of_process(choice: ColorChoice, env: TerminalEnvironment<'_>) -> Arc<Self> {
        let manner = |is_terminal, columns: Option<u16>| {
            let set = |name| env(name).is_some_and(|value: String| !value.is_empty() && value != "0");
            let colour = match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto if env("NO_COLOR").is_some_and(|value| !value.is_empty()) => false,
                ColorChoice::Auto if set("FORCE_COLOR") || set("CLICOLOR_FORCE") => true,
                ColorChoice::Auto => is_terminal && env("TERM").as_deref() != Some("dumb"),
            };
            let from_env = env("COLUMNS").and_then(|text| text.trim().parse().ok());
            let width = from_env.or(columns.filter(|_| is_terminal).map(usize::from)).unwrap_or(PLAIN_WIDTH);
            OutputStyle { is_terminal, colour, width: width.max(LEAST_WIDTH) }
        };
        let out = manner(io::stdout().is_terminal(), Table::new().width());
        let err = manner(io::stderr().is_terminal(), Table::new().use_stderr().width());
        let animated = err.is_terminal && env("CI").is_none() && env("TERM").as_deref() != Some("dumb");
        Arc::new(Self {
            out: OutputStream::new(Box::new(io::stdout()), out, false),
            err: OutputStream::new(Box::new(io::stderr()), err, animated).hiding_secrets(),
        })
    }

    /// Returns streams that keep their output, for tests.
    pub fn captured(out: OutputStyle, err: OutputStyle) -> (Arc<Self>, Captured) {
        let captured = Captured::default();
        let terminal = Self {
            out: OutputStream::new(Box::new(captured.out.clone()), out, false),
            err: OutputStream::new(Box::new(captured.err.clone()), err, false).hiding_secrets(),
        };
        (Arc::new(terminal), captured)
    }

    /// Returns standard output: the results.
    pub fn out(&self) -> &OutputStream {
        &self.out
    }

    /// Returns standard error: progress, messages, logs.
    pub fn err(&self) -> &OutputStream {
        &self.err
    }

    /// Returns the error that kept standard output incomplete, except a reader that left.
    pub fn finish(&self) -> io::Result<()> {
        let mut inner = self.out.lock();
        if let Some(error) = inner.failed.take() {
            return Err(error);
        }
        match inner.writer.flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// One output stream.
pub struct OutputStream {
    manner: OutputStyle,
    animated: bool,
    /// Whether secrets are hidden: in messages, errors and logs, not in results.
    hides_secrets: bool,
    inner: Mutex<Inner>,
}

struct Inner {
    writer: Box<dyn Write + Send>,
    bar: Option<ProgressBar>,
    is_closed: bool,
    failed: Option<io::Error>,
    copy: Option<Arc<LogFile>>,
}

impl Inner {
    /// Closes the stream. A reader that left is not a failure.
    fn record_failure(&mut self, error: io::Error) {
        self.is_closed = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = Some(error);
        }
    }
}

impl std::fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("manner", &self.manner).finish_non_exhaustive()
    }
}

impl OutputStream {
    fn new(writer: Box<dyn Write + Send>, manner: OutputStyle, animated: bool) -> Self {
        Self {
            manner,
            animated,
            hides_secrets: false,
            inner: Mutex::new(Inner { writer, bar: None, is_closed: false, failed: None, copy: None }),
        }
    }

    fn hiding_secrets(self) -> Self {
        Self { hides_secrets: true, ..self }
    }

    /// Returns whether the stream is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.manner.is_terminal
    }

    /// Returns whether output may be animated: on a terminal that is not a CI's.
    pub fn is_animated(&self) -> bool {
        self.animated
    }

    /// Returns the width in columns.
    pub fn width(&self) -> usize {
        self.manner.width
    }

    /// Returns whether to use colours.
    pub fn colour(&self) -> bool {
        self.manner.colour
    }

    /// Returns the colours to use.
    pub fn palette(&self) -> Palette {
        Palette { on: self.manner.colour }
    }

    /// Writes `text` in one piece, above the bar if there is one: unchanged, but on standard error
    /// without secrets. Returns false if the reader has left, which is not a failure.
    pub fn put(&self, text: &str) -> bool {
        let text = if self.hides_secrets { &*hide_secrets(text) } else { text };
        let mut inner = self.lock();
        if let Some(copy) = &inner.copy {
            copy.write(text);
        }
        if inner.is_closed {
            return false;
        }
        let bar = inner.bar.clone();
        let written = match bar {
            Some(bar) => bar.suspend(|| write_all(&mut inner.writer, text)),
            None => write_all(&mut inner.writer, text),
        };
        if let Err(error) = written {
            inner.record_failure(error);
        }
        !inner.is_closed
    }

    /// Writes bytes unchanged: the output of a command, which need not be text.
    pub fn put_bytes(&self, bytes: &[u8]) -> bool {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.put(text);
        }
        let mut inner = self.lock();
        if let Some(copy) = &inner.copy {
            copy.write(&String::from_utf8_lossy(bytes));
        }
        if inner.is_closed {
            return false;
        }
        if let Err(error) = inner.writer.write_all(bytes).and_then(|()| inner.writer.flush()) {
            inner.record_failure(error);
        }
        !inner.is_closed
    }

    /// Writes `text` and a line break.
    pub fn line(&self, text: &str) -> bool {
        self.put(&format!("{text}\n"))
    }

    /// Copies everything that is written from now on into the file.
    pub fn copy_to(&self, file: Arc<LogFile>) {
        self.lock().copy = Some(file);
    }

    /// Writes `text` into the copy only, if there is one: what this reader did not ask for.
    pub fn put_into_copy(&self, text: &str) {
        if let Some(copy) = &self.lock().copy {
            copy.write(text);
        }
    }

    /// Writes other lines above `bar` from now on; `None` removes it.
    pub fn hold(&self, bar: Option<ProgressBar>) {
        self.lock().bar = bar;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(writer: &mut dyn Write, text: &str) -> io::Result<()> {
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    on: bool,
}

impl Palette {
    /// Creates a palette, with colours if `on`.
    pub fn new(on: bool) -> Self {
        Self { on }
    }

    /// Marks a success.
    pub fn good(self, text: &str) -> String {
        self.dyed("32", text)
    }

    /// Marks a warning.
    pub fn warn(self, text: &str) -> String {
        self.dyed("33", text)
    }

    /// Marks an error.
    pub fn bad(self, text: &str) -> String {
        self.dyed("1;31", text)
    }

    /// Marks what matters most.
    pub fn strong(self, text: &str) -> String {
        self.dyed("1", text)
    }

    /// Marks what matters least.
    pub fn faint(self, text: &str) -> String {
        self.dyed("2", text)
    }

    fn dyed(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Makes all characters of `text` visible that would control a terminal: escapes, line breaks, and
/// marks that change the writing direction.
pub fn visible(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| match u32::from(c) {
                0x0a => '⏎',
                code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
                _ if steers(c) => '\u{fffd}',
                _ => c,
            })
            .collect(),
    )
}

/// The captured output of both streams.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    out: Buffer,
    err: Buffer,
}

impl Captured {
    /// Returns the captured standard output.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// Returns the captured standard error.
    pub fn err(&self) -> String {
        self.err.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const PLAIN: OutputStyle = OutputStyle { is_terminal: false, colour: false, width: 80 };

    fn writing_to(kind: io::ErrorKind) -> Terminal {
        Terminal {
            out: OutputStream::new(Box::new(Broken(kind)), PLAIN, false),
            err: OutputStream::new(Box::new(io::sink()), PLAIN, false),
        }
    }

    #[test]
    fn a_reader_who_left_ends_the_writing_without_an_error() {
        let terminal = writing_to(io::ErrorKind::BrokenPipe);
        assert!(!terminal.out().line("a"));
        assert!(!terminal.out().line("b"));
        assert!(terminal.finish().is_ok());
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let terminal = writing_to(io::ErrorKind::StorageFull);
        assert!(!terminal.out().line("a"));
        assert_eq!(terminal.finish().map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn colours_follow_the_flag_then_no_color_then_the_terminal() {
        let colour = |choice, vars: &[(&str, &str)]| {
            let vars: Vec<(String, String)> = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let env = move |name: &str| vars.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            Terminal::of_process(choice, &env).out().colour()
        };
        assert!(colour(ColorChoice::Always, &[("NO_COLOR", "1")]));
        assert!(!colour(ColorChoice::Never, &[("FORCE_COLOR", "1")]));
        assert!(!colour(ColorChoice::Auto, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
        assert!(colour(ColorChoice::Auto, &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]));
    }

    #[test]
    fn signs_that_steer_a_terminal_are_shown_and_not_obeyed() {
        assert_eq!(visible("a\u{1b}[31mb\nc\td\u{202e}e\u{9b}"), "a␛[31mb⏎c␉d\u{fffd}e\u{fffd}");
        assert!(matches!(visible("ä 日本 ok"), Cow::Borrowed(_)));
    }
}
