//! The job file: no text makes the parser panic.
use std::path::Path;

use sheetkeep::config::external::environment::Environment;
use sheetkeep::config::external::flags::Overrides;
use sheetkeep::config::settings::read;

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = read(Path::new("job.toml"), text, &Overrides::default(), &Environment::default());
    if let Ok(settings) = settings {
        let _ = (settings.make_key_finder(), settings.step_expressions());
    }
}
