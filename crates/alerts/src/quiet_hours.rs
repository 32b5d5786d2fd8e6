//! The hours in which warnings wait.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use sheetkeep_base::time::Timestamp;

/// A daily range of local time, which may pass midnight.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    from: Time,
    until: Time,
    zone: TimeZone,
}

impl QuietHours {
    /// Parses a range such as `22:00-07:00`, in this zone. `None` for anything else, and for a range
    /// of no or of all hours.
    pub fn parse(text: &str, zone: TimeZone) -> Option<Self> {
        let (from, until) = text.split_once(['-', '–'])?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let (from, until) = (time(from)?, time(until)?);
        (from != until).then_some(Self { from, until, zone })
    }

    /// Returns whether warnings wait at this time. The end is outside.
    pub fn contains(&self, at: Timestamp) -> bool {
        let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else { return false };
        let time = moment.to_zoned(self.zone.clone()).time();
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        }
    }
}
