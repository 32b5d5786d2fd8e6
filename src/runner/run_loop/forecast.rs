//! The run loop's part for the pass that finds the changes of a run before it makes any.
//!
//! In scope: the records of that pass, their steps, the verdict at its end. Out of scope: what is
//! counted (`runner::records::change_forecast`), what a verdict does
//! (`runner::records::change_hold`).

use std::sync::Arc;

use futures_util::FutureExt;

use crate::port::source::{Record, SourceError};
use crate::port::step::{IdentifyError, Identity};
use crate::runner::first_row::run_steps;
use crate::runner::records::change_forecast::{ChangeForecast, ForecastItem, ForecastResult, ForecastRows};
use crate::runner::run_loop::RunLoop;

impl RunLoop {
    /// Begins the pass once the survey is complete.
    pub(super) fn begin_forecast(&mut self) {
        if self.intake.hold.needs_forecast() {
            let is_pure = !self.executor.has_outside_effects();
            self.forecast.forecast = ChangeForecast::new(&self.intake, &self.config.expectations, is_pure);
        }
    }

    pub(super) fn take_forecast_record(&mut self, record: Record, identity: Option<Identity>) {
        if let Some(Err(IdentifyError::Machine(machine_error))) = identity {
            return self.stop_for_machine(machine_error);
        }
        let Some(forecast) = &mut self.forecast.forecast else { return };
        if let Some(ForecastItem { key, version, body }) = forecast.take(&self.intake, record, identity) {
            let steps = Arc::clone(&self.executor.steps);
            let rows = async move {
                let values = run_steps(&steps, body, &key, version).await;
                (key, values)
            };
            self.forecast.steps.push_back(rows.boxed());
        }
    }

    pub(super) fn on_forecast_rows(&mut self, (key, values): ForecastRows) {
        if let Some(forecast) = &mut self.forecast.forecast {
            forecast.on_steps_done(&key, values);
        }
        self.end_forecast_if_done();
    }

    pub(super) fn on_forecast_read(&mut self) {
        self.forecast.is_read = true;
        self.end_forecast_if_done();
    }

    /// Decides on the changes once all of them are known. Nothing was written before.
    fn end_forecast_if_done(&mut self) {
        if !(self.forecast.is_read && self.forecast.steps.is_empty()) {
            return;
        }
        self.forecast.is_read = false;
        let Some(forecast) = self.forecast.forecast.take() else { return };
        if !forecast.matches_survey() {
            return self.stop_for_changed_source();
        }
        let ForecastResult { changes, violations, items } = forecast.end();
        let keys = self.intake.index.count_keys();
        let run = self.intake.run.clone();
        self.intake.hold.decide_on_changes(changes, keys, &violations, &run);
        self.intake.hold.set_foreseen_items(items);
    }

    /// Stops if the last record is a change that the forecast did not see: the verdict on the
    /// changes is about another source. What the forecast saw is written.
    pub(super) fn check_foreseen(&mut self) {
        if self.intake.hold.is_source_changed() && self.source_error.is_none() {
            self.stop_for_changed_source();
        }
    }

    fn stop_for_changed_source(&mut self) {
        let (what, why) = ("the source".to_owned(), "it changed between two readings; run again".to_owned());
        self.source_error = Some(SourceError::Unavailable { what, why });
        self.stop_intake();
    }
}
