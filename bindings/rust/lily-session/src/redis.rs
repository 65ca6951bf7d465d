use crate::error::c_string;
use crate::options::{call_clock, Clock};
use crate::storage::Handle;
use crate::{border, sys, time, Durability, Result, Storage};
use std::ffi::CString;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, SystemTime};

/// Options with which a storage on Redis 7.0 or newer, or Valkey, is opened.
///
/// ```no_run
/// # use lily_session::RedisOptions;
/// # use std::time::Duration;
/// let storage = RedisOptions::new().url("redis://sessions.example").timeout(Duration::from_millis(300)).open()?;
/// # Ok::<(), lily_session::Error>(())
/// ```
#[derive(Default)]
#[must_use = "options do nothing before a storage is opened with them"]
pub struct RedisOptions {
    url: Option<String>,
    timeout_ms: i64,
    idle_ms: i64,
    durability: Durability,
    replicas: u32,
    lazy: bool,
    clock: Option<Clock>,
    ca_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

impl Storage {
    /// Opens a storage on Redis or Valkey, for programs on several machines: see [`RedisOptions`]. `url` is such as
    /// `redis://user:password@host:6379/0`.
    pub fn redis(url: impl Into<String>) -> Result<Storage> {
        RedisOptions::new().url(url).open()
    }
}

impl RedisOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        RedisOptions::default()
    }

    /// Sets the address, such as `redis://user:password@host:6379/0`. The library's guide about several machines has its other forms: TLS,
    /// sockets, Sentinels and Clusters. The default is `$LILY_SESSION_REDIS`, and `redis://127.0.0.1:6379` if that is not set.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets how long one call may wait, connecting included. It is at least a millisecond; the default is one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = at_least_one(timeout);
        self
    }

    /// Sets how long after its last write or touch a scope is removed, unless an entry in it expires later. It is at least a millisecond;
    /// `None` means never. The default is 30 days.
    pub fn idle(mut self, idle: Option<Duration>) -> Self {
        self.idle_ms = idle.map_or(-1, at_least_one);
        self
    }

    /// Sets what a change survives; the default is [`Durability::Process`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many replicas must have a write. If fewer have it, the call fails with [`Status::NotDurable`](crate::Status::NotDurable).
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// With `true`, opening succeeds although no server can be reached. Calls fail with [`Status::Io`](crate::Status::Io) until one can.
    pub fn lazy(mut self, yes: bool) -> Self {
        self.lazy = yes;
        self
    }

    /// Sets a closure that returns the time instead of the system's clock, as [`StorageOptions::clock`](crate::StorageOptions::clock).
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Sets the file of the certificates that are trusted, as PEM. The default is those of the system.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some(path.as_ref().into());
        self
    }

    /// Sets the file of this program's certificate, as PEM.
    pub fn certificate_file(mut self, path: impl AsRef<Path>) -> Self {
        self.certificate_file = Some(path.as_ref().into());
        self
    }

    /// Sets the file of the key of that certificate, as PEM. The default is the certificate's file.
    pub fn key_file(mut self, path: impl AsRef<Path>) -> Self {
        self.key_file = Some(path.as_ref().into());
        self
    }

    /// Opens the storage. Closing it and detaching do not wait for the server's disk; [`sync`](Storage::sync) and
    /// [`flush`](crate::Runtime::flush) do.
    pub fn open(self) -> Result<Storage> {
        let url = self.url.map(|url| c_string("the address", url)).transpose()?;
        let files = [c_path(self.ca_file)?, c_path(self.certificate_file)?, c_path(self.key_file)?];
        // The clock is boxed once more, because a C context is a thin pointer.
        let clock = self.clock.map(Box::new);
        let options = sys::lily_session_redis_options {
            url: pointer(&url),
            timeout_ms: self.timeout_ms,
            idle_ms: self.idle_ms,
            durability: self.durability.code(),
            // A number out of range becomes one that the library refuses.
            replicas: i32::try_from(self.replicas).unwrap_or(i32::MIN),
            flags: if self.lazy { sys::LILY_SESSION_REDIS_LAZY } else { 0 },
            clock: clock.as_ref().map(|_| call_clock as _),
            context: clock
                .as_deref()
                .map_or(ptr::null_mut(), |clock| clock as *const Clock as *mut c_void),
            ca_file: pointer(&files[0]),
            certificate_file: pointer(&files[1]),
            key_file: pointer(&files[2]),
            ..Default::default()
        };
        let mut storage = ptr::null_mut();
        // SAFETY: both arguments are valid during the call.
        let opened = border::run(|| unsafe { sys::lily_session_redis_open(&options, &mut storage) });
        let handle = Handle::new(storage, true, clock, None);
        opened.settle()?;
        Storage::of(handle)
    }
}

impl fmt::Debug for RedisOptions {
    /// The address may contain a password, so it is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("timeout_ms", &self.timeout_ms)
            .field("idle_ms", &self.idle_ms)
            .field("durability", &self.durability)
            .field("replicas", &self.replicas)
            .field("lazy", &self.lazy)
            .finish_non_exhaustive()
    }
}

/// Returns a duration in milliseconds. A duration of 0, which would mean the default, becomes a number that the library refuses.
fn at_least_one(duration: Duration) -> i64 {
    Some(time::milliseconds(duration))
        .filter(|&milliseconds| milliseconds != 0)
        .unwrap_or(i64::MIN)
}

fn c_path(path: Option<PathBuf>) -> Result<Option<CString>> {
    path.map(|path| c_string("the path", path.as_os_str().as_bytes())).transpose()
}

fn pointer(string: &Option<CString>) -> *const c_char {
    string.as_ref().map_or(ptr::null(), |string| string.as_ptr())
}
