//! Where a job's rows are: the spreadsheet or local file, and the commands that show it.

use std::fmt;

use serde::Serialize;

use crate::cli::streams::control_characters::make_visible;
use crate::config::sections::sheet::target::{GOOGLE_API_URL, SheetTarget};
use crate::config::settings::Settings;

/// A job's file, tab and spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDestination {
    /// The job's name.
    pub job: String,
    /// The job file, as typed.
    pub job_file: String,
    /// The data tab's title.
    pub tab: String,
    /// Where the rows are: a spreadsheet's id, or a local file.
    pub spreadsheet: Spreadsheet,
    /// The flag that chose the spreadsheet and its value, if one was typed.
    pub chosen_by: Option<(&'static str, String)>,
    /// The file that was typed in the place of `.env`.
    pub env_file: Option<String>,
}

/// A spreadsheet. In JSON: `{"kind":"embedded","file":…,"because":…}` or
/// `{"kind":"remote","id":…,"url":…,"because":…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Spreadsheet {
    /// A local file.
    Embedded {
        /// The file's path.
        file: String,
        /// The reason for this choice, such as `no spreadsheet is set`.
        because: String,
    },
    /// A spreadsheet behind the Sheets API.
    Remote {
        /// The spreadsheet's id.
        id: String,
        /// The address for a browser; `None` if the API is not Google's.
        url: Option<String>,
        /// The reason for this choice, such as `SHEETKEEP_SPREADSHEET_ID names it`.
        because: String,
    },
}

impl Spreadsheet {
    /// Returns the spreadsheet that these settings name.
    pub fn from_settings(settings: &Settings) -> Self {
        let because = settings.choice.to_string();
        match &settings.target {
            SheetTarget::Embedded { file } => Self::Embedded { file: file.display().to_string(), because },
            SheetTarget::Google { id } if settings.api_url == GOOGLE_API_URL => Self::new_google(id, because),
            SheetTarget::Google { id } => Self::Remote { id: id.clone(), url: None, because },
        }
    }

    /// Returns a spreadsheet of Google's service.
    pub fn new_google(id: &str, because: String) -> Self {
        let url = Some(format!("https://docs.google.com/spreadsheets/d/{id}/edit"));
        Self::Remote { id: id.to_owned(), url, because }
    }

    /// Returns whether the spreadsheet is a local file.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }
}

impl fmt::Display for Spreadsheet {
    /// Writes the spreadsheet and the reason: `local file j.sheet, because no spreadsheet is set`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { file, because } => {
                write!(f, "local file {}, because {}", make_visible(file), make_visible(because))
            }
            Self::Remote { id, because, .. } => {
                write!(f, "spreadsheet {}, because {}", make_visible(id), make_visible(because))
            }
        }
    }
}

impl JobDestination {
    /// Returns the address or the command that shows the rows.
    pub fn format_view_command(&self) -> String {
        match &self.spreadsheet {
            Spreadsheet::Remote { url: Some(url), .. } => url.clone(),
            _ => self.show(),
        }
    }

    /// Returns whether a browser can open the spreadsheet. It can before the first commit, too; a
    /// data tab exists only from its first row on.
    pub fn has_address(&self) -> bool {
        matches!(&self.spreadsheet, Spreadsheet::Remote { url: Some(_), .. })
    }

    /// Returns the command that shows the failures.
    pub fn format_failures_command(&self) -> String {
        self.format_command("failures list")
    }

    /// Returns the command that retries failures.
    pub fn format_retry_command(&self) -> String {
        self.format_command("failures retry") + " KEY"
    }

    fn show(&self) -> String {
        self.format_command("show")
    }

    /// Returns a command on this job, with the flags that chose the spreadsheet.
    pub fn format_command(&self, command: &str) -> String {
        let chosen = self.chosen_by.as_ref().map(|(flag, value)| (*flag, value));
        let env_file = self.env_file.as_ref().map(|file| ("--env-file", file));
        let flags = chosen.into_iter().chain(env_file);
        let flags: Vec<String> = flags.map(|(flag, value)| format!(" {flag} {}", quote_shell_word(value))).collect();
        let chosen = flags.concat();
        format!("sheetkeep {command} {}{chosen}", quote_shell_word(&self.job_file))
    }
}

/// Quotes `text` as one word of a shell command.
pub fn quote_shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '=' | '+' | ',');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;

    use super::*;

    #[test]
    fn a_sheet_that_a_flag_chose_is_seen_with_that_flag() {
        let chosen_by = Some(("--embedded", "my week.sheet".to_owned()));
        let place = JobDestination { chosen_by, ..fixtures::make_place() };
        assert_eq!(place.format_view_command(), "sheetkeep show fixtures/quakes.toml --embedded 'my week.sheet'");
        assert!(place.format_failures_command().ends_with("--embedded 'my week.sheet'"));
    }

    #[test]
    fn a_path_with_a_blank_or_a_quote_is_one_word_of_the_shell() {
        assert_eq!(quote_shell_word("fixtures/quakes.toml"), "fixtures/quakes.toml");
        assert_eq!(quote_shell_word("it's here.toml"), r"'it'\''s here.toml'");
    }
}
