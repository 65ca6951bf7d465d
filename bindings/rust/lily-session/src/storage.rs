use crate::error::c_string;
use crate::options::Clock;
use crate::{border, sys, time, Backend, Durability, Outcome, Quota, Result, Status, StorageOptions};
use std::ffi::{CStr, OsStr};
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::SystemTime;

/// A durable map of keys to JSON text, shared by all who open it.
///
/// A clone is another handle on the same open storage; the last of them closes it, which makes what was written survive power
/// loss, as far as it can. A storage may be used from any thread. After `fork` a child opens one of its own: an inherited one
/// fails with [`Status::Forked`].
///
/// ```
/// # use lily_session::Storage;
/// fn is_send_and_sync<T: Send + Sync>() {}
/// is_send_and_sync::<Storage>();
/// ```
#[derive(Clone)]
pub struct Storage(Arc<Handle>);

/// One handle of the library's, and what it needs as long as it is open.
pub(crate) struct Handle {
    storage: NonNull<sys::lily_session_storage>,
    _clock: Option<Box<Clock>>,
    /// A scope calls its parent's clock.
    _parent: Option<Storage>,
}

// SAFETY: the header says that a storage may be used from any thread, by several at once; only drop closes it. Its clock is Send
// and Sync by the bounds of `StorageOptions::clock`, a backend by those of its trait.
unsafe impl Send for Handle {}
// SAFETY: likewise.
unsafe impl Sync for Handle {}

impl Handle {
    /// `None`: opening failed.
    pub(crate) fn new(
        storage: *mut sys::lily_session_storage,
        clock: Option<Box<Clock>>,
        parent: Option<Storage>,
    ) -> Option<Self> {
        NonNull::new(storage).map(|storage| Handle { storage, _clock: clock, _parent: parent })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle's last use. The clock is dropped after it.
        border::run_void(|| unsafe { sys::lily_session_storage_close(self.storage.as_ptr()) })
            .settle_unless_panicking();
    }
}

impl Storage {
    /// Opens the journal at `path`, creating it where it is missing; its folder must exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Storage> {
        StorageOptions::new().open(path)
    }

    /// Opens the journal at the default place of the program: see [`StorageOptions::open_default`].
    pub fn open_default() -> Result<Storage> {
        StorageOptions::new().open_default()
    }

    /// A storage in memory, which ends with its last handle: for tests, and for a session without a file.
    pub fn in_memory() -> Result<Storage> {
        StorageOptions::new().in_memory()
    }

    /// A storage in a store of the program's.
    pub fn backend(store: impl Backend) -> Result<Storage> {
        StorageOptions::new().backend(store)
    }

    /// How else a storage may be opened.
    pub fn options() -> StorageOptions {
        StorageOptions::new()
    }

    /// A storage of its own inside this one: its keys are not keys of the parent, nor of any other scope, and clearing one leaves
    /// all others alone. `scope` has 1 to 64 bytes, such as `user:42`. A scope has no scopes.
    pub fn scoped(&self, scope: &str) -> Result<Storage> {
        let scope = c_string("the scope's name", scope)?;
        let mut storage = ptr::null_mut();
        // SAFETY: the parent is alive, and the name is for the call.
        let answer =
            border::run(|| unsafe { sys::lily_session_storage_scoped(self.as_ptr(), scope.as_ptr(), &mut storage) });
        let handle = Handle::new(storage, None, Some(self.clone()));
        answer.settle()?;
        Storage::of(handle)
    }

    /// The file's path, made absolute; `None` where there is no file.
    pub fn path(&self) -> Option<&Path> {
        // SAFETY: the storage is alive.
        let path = unsafe { sys::lily_session_storage_path(self.as_ptr()) };
        // SAFETY: the library's path lives as long as the handle.
        unsafe { path_of(path) }
    }

    /// The JSON text that is stored under `key` now, whoever wrote it; `None`: absent or expired.
    ///
    /// `key` is the whole storage key, such as `lily_session_theme`: 1 to 512 bytes.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        let key = c_string("the key", key)?;
        let (mut json, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the storage is alive, and the key is for the call.
        let answer = border::run(|| unsafe {
            sys::lily_session_storage_get(self.as_ptr(), key.as_ptr(), &mut json, &mut length)
        });
        let text = NonNull::new(json).map(|json| {
            // SAFETY: what is not NULL is ours, and has `length` bytes; it is freed once.
            unsafe {
                let text = String::from_utf8_lossy(slice::from_raw_parts(json.as_ptr().cast(), length)).into_owned();
                sys::lily_session_free(json.as_ptr().cast());
                text
            }
        });
        match answer.settle() {
            Err(error) if error.status() == Status::NotFound => Ok(None),
            result => result.map(|()| text),
        }
    }

    /// Stores JSON text, which is never written anew: it comes out byte for byte, but for white space outside strings.
    ///
    /// [`Status::Decode`]: it is not JSON, or longer than 16 MiB, or deeper than 512 levels.
    pub fn set(&self, key: &str, json: impl AsRef<[u8]>) -> Result<()> {
        self.store(key, json.as_ref(), 0)
    }

    /// Stores JSON text that reads as absent from `expires_at` on.
    pub fn set_until(&self, key: &str, json: impl AsRef<[u8]>, expires_at: SystemTime) -> Result<()> {
        // 1970 itself is long past, as is the millisecond after it, but not "never".
        let expires_at = Some(time::since_1970(expires_at)).filter(|&ms| ms != 0).unwrap_or(1);
        self.store(key, json.as_ref(), expires_at)
    }

    fn store(&self, key: &str, json: &[u8], expires_at_ms: i64) -> Result<()> {
        let key = c_string("the key", key)?;
        // SAFETY: the storage is alive, and key and text are for the call.
        border::call(|| unsafe {
            let text = json.as_ptr().cast();
            sys::lily_session_storage_set(self.as_ptr(), key.as_ptr(), text, json.len(), expires_at_ms)
        })
    }

    /// Removes a key. One that is absent is fine, and nothing is written.
    pub fn remove(&self, key: &str) -> Result<()> {
        let key = c_string("the key", key)?;
        // SAFETY: the storage is alive, and the key is for the call.
        border::call(|| unsafe { sys::lily_session_storage_remove(self.as_ptr(), key.as_ptr()) })
    }

    /// Calls `visit` for each unexpired entry whose key begins with `prefix`, in the byte order of keys, on a snapshot: `visit` may
    /// change the storage.
    ///
    /// Where `visit` returns an error the walk ends, and this is [`Status::Callback`] with that error as its source.
    pub fn each<R: Outcome>(&self, prefix: &str, mut visit: impl FnMut(Item<'_>) -> R) -> Result<()> {
        let prefix = c_string("the prefix", prefix)?;
        let (function, context) = visitor(&mut visit);
        // SAFETY: the storage is alive; the rest is for the call, and the context is what the function expects.
        border::call(|| unsafe { sys::lily_session_storage_each(self.as_ptr(), prefix.as_ptr(), function, context) })
    }

    /// Makes what this handle wrote survive power loss, and rewrites the file when it holds removed values.
    pub fn sync(&self) -> Result<()> {
        // SAFETY: the storage is alive.
        border::call(|| unsafe { sys::lily_session_storage_sync(self.as_ptr()) })
    }

    /// Removes every key that begins with `lily_session_`, in one step; other keys stay. For log-out; works inside an update
    /// closure, too. The models are left alone until the next [`refresh`](crate::Runtime::refresh), which gives the fields that were
    /// stored their values from before they were attached; a field that changes after the clear, or in the same update, is stored
    /// and stays.
    pub fn clear(&self) -> Result<()> {
        // SAFETY: the storage is alive.
        border::call(|| unsafe { sys::lily_session_clear(self.as_ptr()) })
    }

    /// What there is to know of the storage; of a scope, its parent's.
    pub fn info(&self) -> Result<Info> {
        let mut info = sys::lily_session_info::default();
        // SAFETY: the storage is alive, and the struct has its size.
        border::call(|| unsafe { sys::lily_session_storage_info(self.as_ptr(), &mut info) })?;
        Ok(Info {
            // SAFETY: as in `path`; copied.
            path: unsafe { path_of(info.path) }.map(Path::to_owned),
            entries: count(info.entries),
            live_bytes: count(info.live_bytes),
            quota: if info.quota_bytes < 0 { Quota::Unlimited } else { Quota::Bytes(count(info.quota_bytes)) },
            file_bytes: count(info.file_bytes),
            damaged_lines: count(info.damaged_lines),
            last_compaction: time::from_milliseconds(info.last_compaction_ms),
            durability: match info.durability {
                sys::LILY_SESSION_DURABILITY_POWER => Durability::Power,
                _ => Durability::Process,
            },
            owes_sync: info.owes_sync != 0,
            directory_is_open: info.directory_is_open != 0,
        })
    }

    /// A descriptor for the program's event loop, which polls readable when the stored data has changed, until each session that is
    /// attached through this storage has [refreshed](crate::Runtime::refresh); without sessions, until a [`get`](Storage::get) or
    /// [`each`](Storage::each).
    ///
    /// `None`: this storage cannot tell, or the system gives no watch.
    pub fn watch(&self) -> Option<Watch> {
        let mut fd = -1;
        // SAFETY: the storage is alive.
        border::run_void(|| fd = unsafe { sys::lily_session_storage_fd(self.as_ptr()) }).settle_unless_panicking();
        if fd < 0 {
            return None;
        }
        Some(Watch { storage: self.clone(), fd })
    }

    pub(crate) fn of(handle: Option<Handle>) -> Result<Storage> {
        handle
            .map(|handle| Storage(Arc::new(handle)))
            .ok_or_else(|| Status::InvalidArgument.into())
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::lily_session_storage {
        self.0.storage.as_ptr()
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// Removes every session key at the default place, as [`Storage::clear`] does; where there is no file, none is made.
pub fn clear_default() -> Result<()> {
    // SAFETY: NULL is the default place.
    border::call(|| unsafe { sys::lily_session_clear(ptr::null_mut()) })
}

/// The descriptor of [`Storage::watch`]. It keeps the storage open; it is neither read nor closed by its user.
#[derive(Debug, Clone)]
pub struct Watch {
    storage: Storage,
    fd: RawFd,
}

impl Watch {
    /// The storage that it is of.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.fd
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open as long as the storage, which self has.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

/// An entry that [`Storage::each`] visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item<'a> {
    /// The whole storage key.
    pub key: &'a str,
    /// JSON text.
    pub json: &'a str,
    /// From when on it reads as absent; `None`: never.
    pub expires_at: Option<SystemTime>,
}

/// What there is to know of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Stored keys, those of scopes and expired ones too.
    pub entries: u64,
    /// Their keys and values, which is what the quota counts.
    pub live_bytes: u64,
    /// The limit of `live_bytes`.
    pub quota: Quota,
    /// The file's size; 0 in memory.
    pub file_bytes: u64,
    /// Lines that were skipped since the file was opened or rewritten.
    pub damaged_lines: u64,
    /// When this handle last rewrote the file.
    pub last_compaction: Option<SystemTime>,
    /// What a change survives.
    pub durability: Durability,
    /// What this handle wrote is not known to survive power loss.
    pub owes_sync: bool,
    /// Others could put another file, or an older copy, in the file's place, by the owners and rights of its directory and of those
    /// above it.
    pub directory_is_open: bool,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// # Safety
/// `path` is NULL or a C string that outlives `'a`.
unsafe fn path_of<'a>(path: *const c_char) -> Option<&'a Path> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller's word.
    Some(Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes())))
}

/// The function and context for a closure that visits.
fn visitor<R: Outcome, F: FnMut(Item<'_>) -> R>(visit: &mut F) -> (sys::lily_session_item_fn, *mut c_void) {
    unsafe extern "C" fn item<R: Outcome, F: FnMut(Item<'_>) -> R>(
        context: *mut c_void,
        key: *const c_char,
        json: *const c_char,
        length: usize,
        expires_at_ms: i64,
    ) -> sys::lily_session_status {
        border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
            // SAFETY: the closure of `each`, which waits; key and text are for the call.
            let (visit, key, json) =
                unsafe { (&mut *context.cast::<F>(), border::text(key), border::text_of(json, length)) };
            let item = match (key, json) {
                (Some(key), Some(json)) => Item { key, json, expires_at: time::from_milliseconds(expires_at_ms) },
                _ => return sys::LILY_SESSION_ERROR_DECODE,
            };
            match visit(item).outcome() {
                Ok(()) => sys::LILY_SESSION_OK,
                Err(error) => {
                    border::keep_failure(sys::LILY_SESSION_ERROR_CALLBACK, error);
                    sys::LILY_SESSION_ERROR_CALLBACK
                }
            }
        })
    }
    (Some(item::<R, F>), (visit as *mut F).cast())
}
