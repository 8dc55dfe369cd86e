//! Dates in file names and labels, in UTC so that they read the same everywhere.

use sluice_shared::time::Time;

/// A moment in UTC in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcDate {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
}

impl UtcDate {
    /// Returns the date of `time`.
    pub const fn new(time: Time) -> Self {
        const SECONDS_A_DAY: u64 = 86_400;
        let seconds = time.as_micros() / 1_000_000;
        // Days since 0000-03-01, so that a leap day is the last day of its year; 400 years have 146,097 days.
        let days = seconds / SECONDS_A_DAY + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months counted from March; their lengths repeat every five months, which have 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + (month <= 2) as u64;
        Self { year, month, day, second_of_day: seconds % SECONDS_A_DAY }
    }

    /// Returns `2026-12-01 03:53:05 UTC`.
    pub fn label(self) -> String {
        let (hour, minute, second) = self.clock();
        format!("{:04}-{:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", self.year, self.month, self.day)
    }

    /// Returns `2026-12-01T03-53-05Z`, which is a valid file name on every file system.
    pub fn file_stem(self) -> String {
        self.label().replace(':', "-").replacen(' ', "T", 1).replace(" UTC", "Z")
    }

    const fn clock(self) -> (u64, u64, u64) {
        (self.second_of_day / 3_600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, label) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_709_164_800, "2024-02-29 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_796_097_185, "2026-12-01 03:53:05 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(UtcDate::new(Time::from_micros(seconds * 1_000_000)).label(), label);
        }
    }

    #[test]
    fn a_name_of_a_file_has_no_character_that_systems_refuse() {
        let stem = UtcDate::new(Time::from_micros(1_796_097_185_000_000)).file_stem();
        assert_eq!(stem, "2026-12-01T03-53-05Z");
    }
}
