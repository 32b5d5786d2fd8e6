//! A preview of a job's first row, made from its settings.
//!
//! In scope: whether the source may be opened once more. Out of scope: computing the row
//! (`runner::first_row`).

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::port::preview::Preview;
use crate::runner::first_row::FirstRow;
use crate::source::bytes::input::Input;
use crate::source::file_series::list_files;

impl Settings {
    /// Returns the preview; `None` for a source that exists only once, such as standard input or a
    /// named pipe.
    pub fn make_preview(&self, clock: &Arc<dyn Clock>) -> Option<Arc<dyn Preview>> {
        let is_file = |input: &Input| matches!(input, Input::File(path) if path.is_file());
        let source =
            list_files(&self.source.input).is_ok_and(|all| all.iter().all(is_file)).then(|| self.source.clone())?;
        let evaluation = self.evaluation.clone();
        let look = FirstRow {
            open: Box::new(move || source.open(&evaluation)),
            steps: self.make_steps(clock),
            key_finder: Arc::new(self.make_key_finder()),
            columns: self.columns.clone(),
            key_expression: self.key.source().to_owned(),
            key_column: self.key_column.clone(),
        };
        Some(Arc::new(look))
    }
}
