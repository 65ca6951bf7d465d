//! Converts between Rust's times and the library's, which are UTC in milliseconds since 1970, and 0 for never.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns a duration in milliseconds. It is rounded up, so that the library does not let a value expire too early.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().saturating_add(999_999) / 1_000_000).unwrap_or(i64::MAX)
}

/// Returns the milliseconds since 1970. They are negative before 1970, which the library refuses.
pub(crate) fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => milliseconds(before.duration()).saturating_neg(),
    }
}

/// Returns the time, or `None` for 0 (never), and for a time that Rust cannot represent.
pub(crate) fn from_milliseconds(ms: i64) -> Option<SystemTime> {
    u64::try_from(ms)
        .ok()
        .filter(|&ms| ms != 0)
        .and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
}

/// Returns when an entry expires in the library's form, in which 0 means never.
pub(crate) fn deadline(expires_at: Option<SystemTime>) -> i64 {
    // The first moment of 1970 becomes the next millisecond, which is past, too.
    expires_at.map_or(0, |time| Some(since_1970(time)).filter(|&ms| ms != 0).unwrap_or(1))
}
