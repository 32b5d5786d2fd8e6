//! The job file: no text makes reading it panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sheetkeep::config::environment::Environment;
use sheetkeep::config::flags::Overrides;
use sheetkeep::config::settings::read;

fuzz_target!(|text: &str| {
    let settings = read(Path::new("job.toml"), text, &Overrides::default(), &Environment::default());
    if let Ok(settings) = settings {
        let _ = (settings.identify(), settings.step_expressions());
    }
});
