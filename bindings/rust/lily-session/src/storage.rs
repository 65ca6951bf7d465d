use crate::error::c_string;
use crate::options::Clock;
use crate::{backend, border, modify, sys, time};
use crate::{Backend, BoxError, Change, Durability, Error, Json, Outcome, Quota, Result, Status, StorageOptions};
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

/// A durable map of keys to JSON text, which all who open it share.
///
/// A clone is another handle on the same open storage. Dropping the last handle closes the storage, and makes what was written survive
/// power loss, as far as it can, unless the storage was opened with [`no_sync`](StorageOptions::no_sync). A storage may be used from any
/// thread. After `fork` a child must open its own: calls on an inherited storage fail with [`Status::Forked`].
///
/// ```
/// # use lily_session::Storage;
/// fn is_send_and_sync<T: Send + Sync>() {}
/// is_send_and_sync::<Storage>();
/// ```
#[derive(Clone)]
pub struct Storage(Arc<Handle>);

/// A handle of the library, and what it needs while it is open.
pub(crate) struct Handle {
    storage: NonNull<sys::lily_session_storage>,
    no_sync: bool,
    _clock: Option<Box<Clock>>,
    /// A scope calls its parent's clock.
    _parent: Option<Storage>,
}

// SAFETY: by the header, several threads may use a storage at once. Only drop closes it. Its clock is Send and Sync by the bounds of
// `StorageOptions::clock`, and a backend by those of its trait.
unsafe impl Send for Handle {}
// SAFETY: see Send.
unsafe impl Sync for Handle {}

impl Handle {
    /// Returns `None` if the storage is NULL, because opening it failed.
    pub(crate) fn new(
        storage: *mut sys::lily_session_storage,
        no_sync: bool,
        clock: Option<Box<Clock>>,
        parent: Option<Storage>,
    ) -> Option<Self> {
        NonNull::new(storage).map(|storage| Handle { storage, no_sync, _clock: clock, _parent: parent })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this is the handle's last use. The clock is dropped after it.
        border::run_void(|| unsafe { sys::lily_session_storage_close(self.storage.as_ptr()) })
            .settle_unless_panicking();
    }
}

impl Storage {
    /// Opens the file at `path`, and creates it if it is missing. Its folder must exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Storage> {
        StorageOptions::new().open(path)
    }

    /// Opens the program's file in the default place: see [`StorageOptions::open_default`].
    pub fn open_default() -> Result<Storage> {
        StorageOptions::new().open_default()
    }

    /// Opens a storage in memory, which ends with its last handle, for tests and for sessions without a file.
    pub fn in_memory() -> Result<Storage> {
        StorageOptions::new().in_memory()
    }

    /// Opens a storage that keeps its entries in a store of the program's own.
    pub fn backend(store: impl Backend) -> Result<Storage> {
        StorageOptions::new().backend(store)
    }

    /// Returns options with which a storage can be opened.
    pub fn options() -> StorageOptions {
        StorageOptions::new()
    }

    /// Returns a separate storage inside this one. Its keys are not keys of the parent or of any other scope, and clearing it does not
    /// affect the others. `scope` has 1 to 64 bytes, such as `user:42`. A scope cannot have scopes.
    pub fn scoped(&self, scope: &str) -> Result<Storage> {
        let scope = c_string("the scope's name", scope)?;
        let mut storage = ptr::null_mut();
        // SAFETY: the parent is alive, and the name is valid during the call.
        let opened =
            border::run(|| unsafe { sys::lily_session_storage_scoped(self.as_ptr(), scope.as_ptr(), &mut storage) });
        let handle = Handle::new(storage, self.no_sync(), None, Some(self.clone()));
        opened.settle().map_err(|error| error.about(self.path()))?;
        Storage::of(handle)
    }

    /// Returns the names of the scopes that hold an entry that has not expired, in byte order. If scopes are
    /// [files](StorageOptions::scope_files), each is read.
    pub fn scopes(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        // SAFETY: the storage is alive, and the context is the one that the function expects.
        self.call(|| unsafe {
            sys::lily_session_storage_scopes(self.as_ptr(), Some(keep_name), ptr::addr_of_mut!(names).cast())
        })?;
        Ok(names)
    }

    /// Removes scopes in which nothing is left that has not expired, with their files if scopes are files, and returns how many it removed.
    /// It may be called at any time, beside programs that use the scopes.
    ///
    /// It removes `limit` scopes at most; `None` means no limit. Where scopes are files, it also looks at about so many only, and the next
    /// sweep goes on there. Fails with [`Status::InvalidArgument`] if the limit is 0.
    pub fn sweep(&self, limit: Option<usize>) -> Result<usize> {
        // To the library, 0 means that there is no limit.
        if limit == Some(0) {
            return Err(Error::new(Status::InvalidArgument, "the limit is 0"));
        }
        let mut removed = 0;
        // SAFETY: the storage is alive, and the number is valid during the call.
        self.call(|| unsafe { sys::lily_session_storage_sweep(self.as_ptr(), limit.unwrap_or(0), &mut removed) })?;
        Ok(removed)
    }

    /// Returns the absolute path of the file, or `None` if there is no file.
    pub fn path(&self) -> Option<&Path> {
        // SAFETY: the storage is alive.
        let path = unsafe { sys::lily_session_storage_path(self.as_ptr()) };
        // SAFETY: the path is valid as long as the handle.
        unsafe { path_of(path) }
    }

    /// Returns the JSON text that is stored under `key` now, whoever wrote it, or `None` if the key is absent or has expired.
    ///
    /// `key` is the full storage key, such as `lily_session_theme`, with 1 to 1,024 bytes.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        let key = c_string("the key", key)?;
        let (mut json, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the storage is alive, and the key is valid during the call.
        let found = border::run(|| unsafe {
            sys::lily_session_storage_get(self.as_ptr(), key.as_ptr(), &mut json, &mut length)
        });
        let text = NonNull::new(json).map(|json| {
            // SAFETY: memory that is not NULL belongs to the caller, and has `length` bytes. It is freed once.
            unsafe {
                let text = String::from_utf8_lossy(slice::from_raw_parts(json.as_ptr().cast(), length)).into_owned();
                sys::lily_session_free(json.as_ptr().cast());
                text
            }
        });
        match found.settle() {
            Ok(()) => Ok(text),
            Err(error) if error.status() == Status::NotFound => Ok(None),
            Err(error) => Err(error.about(self.path())),
        }
    }

    /// Stores JSON text. It is returned byte for byte, without white space outside strings.
    ///
    /// Fails with [`Status::Decode`] if the text is not JSON, is longer than 16 MiB, or is nested more than 512 levels deep.
    pub fn set(&self, key: &str, json: impl AsRef<[u8]>) -> Result<()> {
        self.store(key, json.as_ref(), 0)
    }

    /// Stores JSON text that expires at `expires_at`.
    pub fn set_until(&self, key: &str, json: impl AsRef<[u8]>, expires_at: SystemTime) -> Result<()> {
        self.store(key, json.as_ref(), time::deadline(Some(expires_at)))
    }

    fn store(&self, key: &str, json: &[u8], expires_at_ms: i64) -> Result<()> {
        let key = c_string("the key", key)?;
        // SAFETY: the storage is alive, and the key and the text are valid during the call.
        self.call(|| unsafe {
            let text = json.as_ptr().cast();
            sys::lily_session_storage_set(self.as_ptr(), key.as_ptr(), text, json.len(), expires_at_ms)
        })
    }

    /// Removes a key. If the key is absent, nothing happens.
    pub fn remove(&self, key: &str) -> Result<()> {
        let key = c_string("the key", key)?;
        // SAFETY: the storage is alive, and the key is valid during the call.
        self.call(|| unsafe { sys::lily_session_storage_remove(self.as_ptr(), key.as_ptr()) })
    }

    /// Stores and removes several keys in one step: either all of it happens, or nothing does.
    ///
    /// ```
    /// # use lily_session::{Change, Entry, Storage};
    /// # let storage = Storage::in_memory()?;
    /// storage.write([Change::Put("to", Entry::new("[1]")), Change::Remove("from")])?;
    /// # assert_eq!(storage.get("to")?.as_deref(), Some("[1]"));
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn write<'a>(&self, changes: impl IntoIterator<Item = Change<'a>>) -> Result<()> {
        let changes = changes
            .into_iter()
            .map(|change| {
                let (key, entry) = match change {
                    Change::Put(key, entry) => (key, Some(entry)),
                    Change::Remove(key) => (key, None),
                };
                Ok((c_string("the key", key)?, entry))
            })
            .collect::<Result<Vec<_>>>()?;
        let entries: Vec<_> = changes
            .iter()
            .map(|(key, entry)| backend::entry_to_c(key.as_ptr(), entry.as_ref()))
            .collect();
        // SAFETY: the storage is alive, and the entries, which borrow from the changes, are valid during the call.
        self.call(|| unsafe { sys::lily_session_storage_write(self.as_ptr(), entries.as_ptr(), entries.len()) })
    }

    /// Replaces the JSON text under a key by what `modify` makes of it, without losing what another program stores at the same time. The
    /// key keeps its expiry.
    ///
    /// `modify` gets the stored text, or `None` if the key is absent or has expired. It is called again if another program stores something
    /// meanwhile, so it must not count its calls. If it returns an error, nothing changes, and the function fails with
    /// [`Status::Callback`], with that error as the source.
    pub fn modify(&self, key: &str, mut modify: impl FnMut(Option<&str>) -> Result<String, BoxError>) -> Result<()> {
        let key = c_string("the key", key)?;
        modify::run(
            |stored: Option<&Json>| modify(stored.map(|json| json.0.as_str())).map(Json),
            |modify, context| {
                // SAFETY: the storage is alive, the key is valid during the call, and the context is the one of the function.
                unsafe { sys::lily_session_storage_modify(self.as_ptr(), key.as_ptr(), modify, context) }
            },
        )
        .map_err(|error| error.about(self.path()))
    }

    /// Calls `visit` for each unexpired entry whose key begins with `prefix`, in the byte order of keys. It works on a snapshot, so `visit`
    /// may change the storage.
    ///
    /// If `visit` returns an error, the function stops and fails with [`Status::Callback`], with that error as the source.
    pub fn each<R: Outcome>(&self, prefix: &str, mut visit: impl FnMut(Item<'_>) -> R) -> Result<()> {
        let prefix = c_string("the prefix", prefix)?;
        let (function, context) = visitor(&mut visit);
        // SAFETY: the storage is alive, the rest is valid during the call, and the context is the one that the function expects.
        self.call(|| unsafe { sys::lily_session_storage_each(self.as_ptr(), prefix.as_ptr(), function, context) })
    }

    /// Makes what this handle wrote survive power loss, and rewrites the file if it still has removed values.
    pub fn sync(&self) -> Result<()> {
        // SAFETY: the storage is alive.
        self.call(|| unsafe { sys::lily_session_storage_sync(self.as_ptr()) })
    }

    /// Removes every key that begins with `lily_session_`, in one step, for log-out. Other keys stay. It may be called inside an update
    /// closure. It does not change models; the next [`refresh`](crate::Runtime::refresh) resets the fields that were stored to the values
    /// from before they were attached. A field that changes after the clear, or in the same update, is stored and stays.
    pub fn clear(&self) -> Result<()> {
        // SAFETY: the storage is alive.
        self.call(|| unsafe { sys::lily_session_clear(self.as_ptr()) })
    }

    /// Returns facts about the storage, such as its size. For a scope they are those of its parent, unless scopes are files.
    pub fn info(&self) -> Result<Info> {
        let mut info = sys::lily_session_info::default();
        // SAFETY: the storage is alive, and the struct has its size.
        self.call(|| unsafe { sys::lily_session_storage_info(self.as_ptr(), &mut info) })?;
        Ok(Info {
            // SAFETY: see `path`. The path is copied.
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

    /// Returns a descriptor for the program's event loop. It polls readable when the stored data has changed, until each session that is
    /// attached through this storage has [refreshed](crate::Runtime::refresh) or, if there are no sessions, until a
    /// [`get`](Storage::get) or [`each`](Storage::each).
    ///
    /// Returns `None` if this storage cannot tell of changes, or the system cannot watch the file.
    pub fn watch(&self) -> Option<Watch> {
        let mut fd = -1;
        // SAFETY: the storage is alive.
        border::run_void(|| fd = unsafe { sys::lily_session_storage_fd(self.as_ptr()) }).settle_unless_panicking();
        if fd < 0 {
            return None;
        }
        Some(Watch { storage: self.clone(), fd })
    }

    /// Calls the library. The error of a file that failed has its path.
    fn call(&self, function: impl FnOnce() -> sys::lily_session_status) -> Result<()> {
        border::call(function).map_err(|error| error.about(self.path()))
    }

    pub(crate) fn of(handle: Option<Handle>) -> Result<Storage> {
        handle
            .map(|handle| Storage(Arc::new(handle)))
            .ok_or_else(|| Status::InvalidArgument.into())
    }

    /// Returns `true` if this storage, or the one that it is a scope of, was opened with [`no_sync`](StorageOptions::no_sync).
    pub(crate) fn no_sync(&self) -> bool {
        self.0.no_sync
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

unsafe extern "C" fn keep_name(context: *mut c_void, scope: *const c_char) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: the context is the list of `Storage::scopes`, and the name is valid during the call.
        let (names, name) = unsafe { (&mut *context.cast::<Vec<String>>(), border::c_text(scope)) };
        // A name is UTF-8.
        names.push(name.unwrap_or_default().to_owned());
        sys::LILY_SESSION_OK
    })
}

/// Removes every session key in the default place, as [`Storage::clear`] does. If there is no file, nothing happens.
pub fn clear_default() -> Result<()> {
    // SAFETY: NULL means the default place.
    border::call(|| unsafe { sys::lily_session_clear(ptr::null_mut()) })
}

/// The descriptor of [`Storage::watch`]. It keeps the storage open. Do not read or close it.
#[derive(Debug, Clone)]
pub struct Watch {
    storage: Storage,
    fd: RawFd,
}

impl Watch {
    /// Returns the storage that it watches.
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
        // SAFETY: the descriptor is open as long as the storage, which self keeps.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

/// An entry that [`Storage::each`] visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item<'a> {
    /// The full storage key.
    pub key: &'a str,
    /// The JSON text.
    pub json: &'a str,
    /// When the entry expires; `None` means never.
    pub expires_at: Option<SystemTime>,
}

/// Facts about a storage. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The path of the file, if there is one.
    pub path: Option<PathBuf>,
    /// The number of stored keys, including those of scopes and expired ones.
    pub entries: u64,
    /// The size of these keys and their values, which the quota limits.
    pub live_bytes: u64,
    /// The limit of `live_bytes`.
    pub quota: Quota,
    /// The size of the file; 0 in memory.
    pub file_bytes: u64,
    /// The number of lines that were skipped since the file was opened or rewritten.
    pub damaged_lines: u64,
    /// When this handle last rewrote the file; `None` if it has not.
    pub last_compaction: Option<SystemTime>,
    /// What a change survives.
    pub durability: Durability,
    /// `true` if what this handle wrote is not known to survive power loss.
    pub owes_sync: bool,
    /// `true` if other users could put another file, or an older copy, in the file's place, because of the owner or the rights of its
    /// directory or of one above it.
    pub directory_is_open: bool,
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Returns a path of the library, or `None` if it is NULL.
///
/// # Safety
/// `path` is NULL or a C string that outlives `'a`.
unsafe fn path_of<'a>(path: *const c_char) -> Option<&'a Path> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller guarantees it.
    Some(Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes())))
}

/// Returns the C function and the context for a closure that visits entries.
fn visitor<R: Outcome, F: FnMut(Item<'_>) -> R>(visit: &mut F) -> (sys::lily_session_item_fn, *mut c_void) {
    unsafe extern "C" fn item<R: Outcome, F: FnMut(Item<'_>) -> R>(
        context: *mut c_void,
        key: *const c_char,
        json: *const c_char,
        length: usize,
        expires_at_ms: i64,
    ) -> sys::lily_session_status {
        border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
            // SAFETY: the context is the closure of `each`, which waits for this call. The key and the text are valid during the call.
            let (visit, key, json) =
                unsafe { (&mut *context.cast::<F>(), border::c_text(key), border::text_of(json, length)) };
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
