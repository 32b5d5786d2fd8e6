//! Standard output and standard error: the one place that writes to them.
//!
//! In scope: whether each is a terminal, its colours and width, decided once. Out of scope: writing
//! to a stream (`cli::streams::output_stream`), what is written.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use clap::ValueEnum;
use comfy_table::Table;

use crate::cli::streams::captured::CapturedOutput;
use crate::cli::streams::output_stream::{OutputStream, OutputStyle};

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

/// The width where no terminal reports one, in columns.
const DEFAULT_WIDTH: usize = 100;
/// The least width of a table, in columns.
const MIN_WIDTH: usize = 40;

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
    pub fn from_process(choice: ColorChoice, env: TerminalEnvironment<'_>) -> Arc<Self> {
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
            let width = from_env.or(columns.filter(|_| is_terminal).map(usize::from)).unwrap_or(DEFAULT_WIDTH);
            OutputStyle { is_terminal, has_colour: colour, width: width.max(MIN_WIDTH) }
        };
        let out = manner(io::stdout().is_terminal(), Table::new().width());
        let err = manner(io::stderr().is_terminal(), Table::new().use_stderr().width());
        let animated = err.is_terminal && env("CI").is_none() && env("TERM").as_deref() != Some("dumb");
        Arc::new(Self {
            out: OutputStream::new(Box::new(io::stdout()), out, false),
            err: OutputStream::new(Box::new(io::stderr()), err, animated).with_hidden_secrets(),
        })
    }

    /// Returns streams that keep their output, for tests.
    pub fn new_captured(out: OutputStyle, err: OutputStyle) -> (Arc<Self>, CapturedOutput) {
        let captured = CapturedOutput::default();
        let terminal = Self {
            out: OutputStream::new(captured.out_writer(), out, false),
            err: OutputStream::new(captured.err_writer(), err, false).with_hidden_secrets(),
        };
        (Arc::new(terminal), captured)
    }

    /// Returns standard output: the results.
    pub fn stdout(&self) -> &OutputStream {
        &self.out
    }

    /// Returns standard error: progress, messages, logs.
    pub fn stderr(&self) -> &OutputStream {
        &self.err
    }

    /// Returns the error that kept standard output incomplete, except a reader that left.
    pub fn finish_streams(&self) -> io::Result<()> {
        self.out.finish_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct BrokenWriter(io::ErrorKind);

    impl Write for BrokenWriter {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const PLAIN: OutputStyle = OutputStyle { is_terminal: false, has_colour: false, width: 80 };

    fn writing_to(kind: io::ErrorKind) -> Terminal {
        Terminal {
            out: OutputStream::new(Box::new(BrokenWriter(kind)), PLAIN, false),
            err: OutputStream::new(Box::new(io::sink()), PLAIN, false),
        }
    }

    #[test]
    fn a_reader_who_left_ends_the_writing_without_an_error() {
        let terminal = writing_to(io::ErrorKind::BrokenPipe);
        assert!(!terminal.stdout().write_line("a"));
        assert!(!terminal.stdout().write_line("b"));
        assert!(terminal.finish_streams().is_ok());
    }

    #[test]
    fn a_full_disk_is_reported_at_the_end() {
        let terminal = writing_to(io::ErrorKind::StorageFull);
        assert!(!terminal.stdout().write_line("a"));
        assert_eq!(terminal.finish_streams().map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn colours_follow_the_flag_then_no_color_then_the_terminal() {
        let colour = |choice, vars: &[(&str, &str)]| {
            let vars: Vec<(String, String)> = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let env = move |name: &str| vars.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            Terminal::from_process(choice, &env).stdout().has_colour()
        };
        assert!(colour(ColorChoice::Always, &[("NO_COLOR", "1")]));
        assert!(!colour(ColorChoice::Never, &[("FORCE_COLOR", "1")]));
        assert!(!colour(ColorChoice::Auto, &[("NO_COLOR", "1"), ("FORCE_COLOR", "1")]));
        assert!(colour(ColorChoice::Auto, &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]));
    }
}
