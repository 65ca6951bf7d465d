//! Shared by the tests.

use lily_session::{Error, EventKind, Persistence, Status, Storage};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A folder that is removed when this value is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("lily-session-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Shop {
    pub token: Option<String>,
    pub theme: String,
    pub visits: i64,
}

impl Default for Shop {
    fn default() -> Self {
        Shop { token: None, theme: "light".into(), visits: 0 }
    }
}

pub fn shop_fields() -> Persistence<Shop> {
    Persistence::new()
        .field("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token)
        .field("theme", |shop| &shop.theme, |shop, theme| shop.theme = theme)
        .field("visits", |shop| &shop.visits, |shop, visits| shop.visits = visits)
}

/// A clock that the test sets, and a storage in memory that uses it.
#[derive(Clone)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    pub fn new() -> (Self, Storage) {
        let clock = Clock(Arc::new(AtomicU64::new(1_000_000)));
        let mine = clock.clone();
        let storage = Storage::options().clock(move || mine.now()).in_memory().unwrap();
        (clock, storage)
    }

    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

/// The events in the order in which they came.
pub type Told = Arc<Mutex<Vec<(EventKind, Option<String>, Option<Status>)>>>;

pub fn stored(storage: &Storage, key: &str) -> Option<String> {
    storage.get(&format!("lily_session_{key}")).unwrap()
}

#[track_caller]
pub fn fails<T: std::fmt::Debug>(result: Result<T, Error>, status: Status) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    assert!(!error.message().is_empty());
    error
}
