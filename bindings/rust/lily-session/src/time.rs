//! Rust's times as the library's: UTC in milliseconds since 1970, and 0 for never.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounded up: what has not expired in Rust has not in the library.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().saturating_add(999_999) / 1_000_000).unwrap_or(i64::MAX)
}

/// Negative before 1970, which the library refuses.
pub(crate) fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => milliseconds(before.duration()).saturating_neg(),
    }
}

/// `None`: never.
pub(crate) fn from_milliseconds(ms: i64) -> Option<SystemTime> {
    u64::try_from(ms)
        .ok()
        .filter(|&ms| ms != 0)
        .and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
}
