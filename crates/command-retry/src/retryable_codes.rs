//! Which exit codes of a command are worth another attempt. Pure.

use std::collections::BTreeSet;

/// The command can't be executed, as shells report it.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command was not found, as shells report it.
pub const NOT_FOUND: u8 = 127;
/// The time was over, as coreutils' `timeout` reports it.
pub const TIMED_OUT: u8 = 124;

/// Exit codes that a well-known program uses for errors that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodePreset {
    /// curl: names, connections and transfers that failed, and time-outs (`man curl`, exit codes).
    Curl,
    /// `HTTPie` with `--check-status`: no connection, time-out, and answers from 500 on.
    Http,
    /// ssh: the connection failed. A remote command that ends with 255 looks the same.
    Ssh,
    /// `sysexits.h`: `EX_UNAVAILABLE` and `EX_TEMPFAIL`, as sheetkeep itself uses them.
    Sysexits,
}

impl CodePreset {
    /// Returns the exit codes that are tried again.
    pub fn codes(self) -> &'static [u8] {
        match self {
            // Name not resolved: 5, 6. Not connected: 7. HTTP/2: 16. Partial file: 18. Time-out:
            // 28. TLS connection: 35. Empty answer: 52. Sending and receiving failed: 55, 56.
            // Stream error: 92.
            Self::Curl => &[5, 6, 7, 16, 18, 28, 35, 52, 55, 56, 92],
            Self::Http => &[1, 2, 5],
            Self::Ssh => &[255],
            Self::Sysexits => &[69, 75],
        }
    }
}

/// The exit codes that are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryableCodes {
    /// `None`: every code but 0, 126 and 127.
    chosen: Option<BTreeSet<u8>>,
}

impl RetryableCodes {
    /// Every failure is tried again, except that the command could not be executed or found.
    pub fn any() -> Self {
        Self { chosen: None }
    }

    /// Returns the chosen codes and those of the preset; without either, every failure.
    pub fn of(codes: &[u8], preset: Option<CodePreset>) -> Self {
        let of_preset = preset.map(CodePreset::codes).unwrap_or_default();
        let all: BTreeSet<u8> = codes.iter().chain(of_preset).copied().collect();
        Self { chosen: Some(all).filter(|all| !all.is_empty()) }
    }

    /// Returns whether a command that ended with this code is tried again. A signal counts as 128 +
    /// its number.
    pub fn has(&self, code: u8) -> bool {
        match &self.chosen {
            Some(chosen) => chosen.contains(&code),
            None => !matches!(code, 0 | NOT_EXECUTABLE | NOT_FOUND),
        }
    }
}

/// Reads one exit code of `--on-exit`. The error is a clause in lower case.
pub fn parse_exit_code(text: &str) -> Result<u8, String> {
    match text.trim().parse::<u8>() {
        Ok(0) => Err("on-exit names failures, and 0 is success".to_owned()),
        Ok(code) => Ok(code),
        Err(_) => Err("on-exit must be an exit code from 1 to 255".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_every_failure_but_a_missing_command_passes() {
        let any = RetryableCodes::of(&[], None);
        assert_eq!(
            [0, 1, 75, 124, 126, 127, 137, 255].map(|code| any.has(code)),
            [false, true, true, true, false, false, true, true]
        );
    }

    #[test]
    fn chosen_codes_and_a_preset_add_up() {
        let chosen = RetryableCodes::of(&[22], Some(CodePreset::Curl));
        assert_eq!(
            [22, 6, 7, 28, 35, 52, 56, 3, 1].map(|code| chosen.has(code)),
            [true, true, true, true, true, true, true, false, false]
        );
        assert!(RetryableCodes::of(&[127], None).has(127), "what was asked for is done");
    }

    #[test]
    fn an_exit_code_is_from_1_to_255() {
        assert_eq!(parse_exit_code("75"), Ok(75));
        for text in ["0", "256", "-1", "x"] {
            assert!(parse_exit_code(text).is_err(), "{text}");
        }
    }
}
