//! Storages that keep their entries in a store of the program's own.

use crate::{border, sys, time, Error, Result, Status};
use std::cell::RefCell;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};
use std::os::unix::io::{AsRawFd, BorrowedFd};
use std::time::SystemTime;

/// A store of the program's own for [`Storage::backend`](crate::Storage::backend), such as a database, a registry or a server.
///
/// Its functions run on the threads that use the storage. No lock is held while one runs. The library enforces the rules of keys,
/// values, expiry, versions and scopes; the backend enforces a quota if it has one ([`Status::Quota`]). If a function returns an
/// [`Error`] with a status that the library knows, the call that ran the function returns that status. An `Error` can be made from a
/// [`Status`], from an `std::io::Error`, or by [`Error::new`].
///
/// A backend is dropped when its storage is gone. In a child of `fork` it is dropped without a call of [`close`](Backend::close).
///
/// The keys of scopes begin with U+0001, so no other key may begin with it, and no scope's name may contain it.
pub trait Backend: Send + Sync + 'static {
    /// Returns the entry under the key, or `None` if there is none. An expired entry must be returned, too: the library checks it.
    fn read(&self, key: &str) -> Result<Option<Entry>>;

    /// Makes all the changes or none. `expected` is a prefix and a generation: if the prefix has another generation, the function makes
    /// no change and returns [`Status::Newer`]. With `None` it makes the changes whatever the generation is.
    fn write(&self, changes: Vec<Change<'_>>, expected: Option<(&str, u64)>) -> Result<()>;

    /// Removes all keys that begin with the prefix, and increments its generation by one, in one step.
    fn clear(&self, prefix: &str) -> Result<()>;

    /// Returns how often the prefix was cleared.
    fn generation(&self, prefix: &str) -> Result<u64>;

    /// Calls `visit` for all entries whose keys begin with the prefix, in any order. If `visit` returns an error, the function stops and
    /// returns it.
    fn each(&self, prefix: &str, visit: &mut dyn FnMut(&str, &Entry) -> Result<()>) -> Result<()>;

    /// Makes what was written survive power loss. The default does nothing, for a backend whose writes survive power loss at once. A
    /// backend whose [`write`](Backend::write) may fail with [`Status::NotDurable`] must implement it.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Returns a descriptor that polls readable when the stored data may have changed, or `None`, the default, if the store cannot tell.
    fn watch(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Runs before the backend is dropped, in the process that opened it.
    fn close(&self) {}

    /// Returns `true` if the backend implements [`renew`](Backend::renew). It is called once, when the storage is opened. With `false`,
    /// the default, the library reads an entry and writes it again to renew it, and a write of another program between the two is lost.
    fn renews(&self) -> bool {
        false
    }

    /// Sets the `expires_at` of the entry under the key in one step, if the key still has this `json` and `version`. Returns `true` if
    /// it did, and `false` if the key has something else.
    fn renew(&self, _key: &str, _entry: &Entry) -> Result<bool> {
        Err(Status::Unsupported.into())
    }

    /// Returns `true` if the backend implements [`replace`](Backend::replace). It is called once, when the storage is opened. With `false`,
    /// the default, the library reads an entry and writes the new one, and of two programs that modify it at the same time one may be lost.
    fn replaces(&self) -> bool {
        false
    }

    /// Stores the entry under the key in one step, if the key still has the `json` and `version` of `stored` or, with `None`, if it has no
    /// entry. Returns `true` if it did, and `false` if the key has something else. `expected` is as for [`write`](Backend::write).
    fn replace(
        &self,
        _key: &str,
        _stored: Option<&Entry>,
        _entry: &Entry,
        _expected: Option<(&str, u64)>,
    ) -> Result<bool> {
        Err(Status::Unsupported.into())
    }

    /// Returns `true` if the backend implements [`scopes`](Backend::scopes). It is called once, when the storage is opened. With `false`,
    /// the default, the library looks at all entries to find the scopes.
    fn lists_scopes(&self) -> bool {
        false
    }

    /// Returns the name of each scope that has an entry, in any order. The keys of a scope begin with U+0001, its name and U+0001.
    fn scopes(&self) -> Result<Vec<String>> {
        Err(Status::Unsupported.into())
    }
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The JSON text.
    pub json: String,
    /// When the entry expires; `None` means never.
    pub expires_at: Option<SystemTime>,
    /// The version of the field that wrote the entry.
    pub version: u32,
}

impl Entry {
    /// Makes an entry that does not expire, of version 0.
    pub fn new(json: impl Into<String>) -> Self {
        Entry { json: json.into(), expires_at: None, version: 0 }
    }
}

/// A change of a storage: one that a backend is to make, or one for [`Storage::write`](crate::Storage::write).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// Stores the entry under the key.
    Put(&'a str, Entry),
    /// Removes the key, which may be absent.
    Remove(&'a str),
}

/// Opens a storage that keeps its entries in the store. The storage owns the store from here on, even if opening fails.
pub(crate) fn open_storage<B: Backend>(
    store: B,
    options: *const sys::lily_session_storage_options,
    out_storage: *mut *mut sys::lily_session_storage,
) -> sys::lily_session_status {
    let (renews, replaces, lists_scopes) = (store.renews(), store.replaces(), store.lists_scopes());
    let backend = sys::lily_session_backend {
        context: Box::into_raw(Box::new(store)).cast(),
        release: Some(border::release_box::<B>),
        read: Some(read::<B>),
        write: Some(write::<B>),
        clear: Some(clear::<B>),
        generation: Some(generation::<B>),
        each: Some(each::<B>),
        sync: Some(sync::<B>),
        fd: Some(fd::<B>),
        close: Some(close::<B>),
        renew: if renews { Some(renew::<B>) } else { None },
        replace: if replaces { Some(replace::<B>) } else { None },
        scopes: if lists_scopes { Some(scopes::<B>) } else { None },
        ..Default::default()
    };
    // SAFETY: the library copies the table. Its functions get its context, which is a `B`, and only share it.
    unsafe { sys::lily_session_storage_open_backend(&backend, options, out_storage) }
}

/// Converts the result of a function of the backend to a status. The error is kept as the source of the error that the call returns.
fn to_status(result: Result<()>) -> sys::lily_session_status {
    match result {
        Ok(()) => sys::LILY_SESSION_OK,
        Err(error) => {
            // Status::Other may have any number, even the one that means success.
            let code = match error.status().code() {
                sys::LILY_SESSION_OK => sys::LILY_SESSION_ERROR_IO,
                code => code,
            };
            // An error that was made from a status alone says no more than the status.
            let says_more = error.message() != error.status().name();
            let reason = CString::new(error.message()).ok().filter(|_| says_more);
            let reason_in_c = reason.as_ref().map_or(std::ptr::null(), |reason| reason.as_ptr());
            // SAFETY: the reason is valid during the call, and the library copies it.
            unsafe { sys::lily_session_backend_fail(code, reason_in_c, error.raw_os_error().unwrap_or(0)) };
            border::keep_failure(code, error.into());
            code
        }
    }
}

/// Runs a function of the backend.
///
/// # Safety
/// The context is the one that `open_storage` made.
unsafe fn with_backend<B: Backend>(
    context: *mut c_void,
    function: impl FnOnce(&B) -> Result<()>,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: the context is a `B` until it is released, and is only shared: a Backend is Sync.
        to_status(function(unsafe { &*context.cast::<B>() }))
    })
}

/// Returns a name from the library as text.
///
/// # Safety
/// The name is a C string that outlives `'a`.
unsafe fn name_text<'a>(name: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller guarantees it.
    unsafe { border::c_text(name) }.ok_or_else(|| Status::InvalidArgument.into())
}

/// Converts an entry to C's form, which borrows from it. `None` means that the key is removed.
pub(crate) fn entry_to_c(key: *const c_char, entry: Option<&Entry>) -> sys::lily_session_entry {
    sys::lily_session_entry {
        key,
        json: entry.map_or(std::ptr::null(), |entry| entry.json.as_ptr().cast()),
        length: entry.map_or(0, |entry| entry.json.len()),
        // The library takes 0 and less for "never". The first millisecond of 1970 is past, as every time before it is.
        expires_at_ms: entry
            .and_then(|entry| entry.expires_at)
            .map_or(0, |at| time::since_1970(at).max(1)),
        version: entry.map_or(0, |entry| entry.version),
    }
}

/// Converts an entry from the library, which has JSON text.
///
/// # Safety
/// The entry comes from the library.
unsafe fn entry_from_c(entry: &sys::lily_session_entry) -> Result<Entry> {
    // SAFETY: the caller guarantees it.
    let json = unsafe { border::text_of(entry.json, entry.length) }
        .ok_or(Status::Decode)?
        .to_owned();
    Ok(Entry { json, expires_at: time::from_milliseconds(entry.expires_at_ms), version: entry.version })
}

/// Returns the prefix and the generation that a change requires, if it requires one.
///
/// # Safety
/// The prefix is NULL or a C string that outlives `'a`.
unsafe fn expected_generation<'a>(prefix: *const c_char, generation: u64) -> Result<Option<(&'a str, u64)>> {
    if prefix.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller guarantees it.
    Ok(Some((unsafe { name_text(prefix) }?, generation)))
}

/// Converts an entry from the library to a change.
///
/// # Safety
/// The entry comes from the library, and its strings live for `'a`.
unsafe fn change_from_c<'a>(entry: &sys::lily_session_entry) -> Result<Change<'a>> {
    // SAFETY: the caller guarantees it.
    unsafe {
        let key = name_text(entry.key)?;
        if entry.json.is_null() {
            return Ok(Change::Remove(key));
        }
        Ok(Change::Put(key, entry_from_c(entry)?))
    }
}

thread_local! {
    // The last entry that `read` returned on this thread. The library borrows it until its next call.
    static READ: RefCell<Option<Entry>> = const { RefCell::new(None) };
}

unsafe extern "C" fn read<B: Backend>(
    context: *mut c_void,
    key: *const c_char,
    out_entry: *mut sys::lily_session_entry,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The key and the struct are valid during the call.
    unsafe {
        with_backend::<B>(context, |backend| {
            let entry = backend.read(name_text(key)?)?.ok_or(Status::NotFound)?;
            READ.try_with(|read| *out_entry = entry_to_c(key, Some(read.borrow_mut().insert(entry))))
                .map_err(|_| Error::new(Status::Io, "the thread has ended"))
        })
    }
}

unsafe extern "C" fn write<B: Backend>(
    context: *mut c_void,
    entries: *const sys::lily_session_entry,
    count: usize,
    prefix: *const c_char,
    generation: u64,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The batch is valid during the call.
    unsafe {
        with_backend::<B>(context, |backend| {
            let changes = (0..count).map(|at| change_from_c(&*entries.add(at))).collect::<Result<_>>()?;
            backend.write(changes, expected_generation(prefix, generation)?)
        })
    }
}

unsafe extern "C" fn clear<B: Backend>(context: *mut c_void, prefix: *const c_char) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The prefix is valid during the call.
    unsafe { with_backend::<B>(context, |backend| backend.clear(name_text(prefix)?)) }
}

unsafe extern "C" fn generation<B: Backend>(
    context: *mut c_void,
    prefix: *const c_char,
    out_generation: *mut u64,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The prefix and the number are valid during the call.
    unsafe {
        with_backend::<B>(context, |backend| {
            *out_generation = backend.generation(name_text(prefix)?)?;
            Ok(())
        })
    }
}

unsafe extern "C" fn each<B: Backend>(
    context: *mut c_void,
    prefix: *const c_char,
    visit: sys::lily_session_entry_fn,
    visitor: *mut c_void,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The rest is valid during the call, and `visit` copies its arguments.
    unsafe {
        with_backend::<B>(context, |backend| {
            backend.each(name_text(prefix)?, &mut |key, entry| {
                let key = CString::new(key).map_err(|_| Status::InvalidArgument)?;
                match visit.map(|visit| visit(visitor, &entry_to_c(key.as_ptr(), Some(entry)))) {
                    None | Some(sys::LILY_SESSION_OK) => Ok(()),
                    Some(ended) => Err(Status::from_code(ended).into()),
                }
            })
        })
    }
}

unsafe extern "C" fn sync<B: Backend>(context: *mut c_void) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`.
    unsafe { with_backend::<B>(context, Backend::sync) }
}

unsafe extern "C" fn renew<B: Backend>(
    context: *mut c_void,
    entry: *const sys::lily_session_entry,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The entry is valid during the call.
    unsafe {
        with_backend::<B>(context, |backend| match change_from_c(&*entry)? {
            Change::Put(key, entry) if backend.renew(key, &entry)? => Ok(()),
            _ => Err(Status::NotFound.into()),
        })
    }
}

unsafe extern "C" fn replace<B: Backend>(
    context: *mut c_void,
    stored: *const sys::lily_session_entry,
    entry: *const sys::lily_session_entry,
    prefix: *const c_char,
    generation: u64,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The entries and the prefix are valid during the call.
    unsafe {
        with_backend::<B>(context, |backend| {
            let (key, new) = (name_text((*entry).key)?, entry_from_c(&*entry)?);
            let stored = stored.as_ref().map(|stored| entry_from_c(stored)).transpose()?;
            if backend.replace(key, stored.as_ref(), &new, expected_generation(prefix, generation)?)? {
                return Ok(());
            }
            Err(Status::NotFound.into())
        })
    }
}

unsafe extern "C" fn scopes<B: Backend>(
    context: *mut c_void,
    visit: sys::lily_session_scope_fn,
    visitor: *mut c_void,
) -> sys::lily_session_status {
    // SAFETY: the context is the one of `open_storage`. The rest is valid during the call, and `visit` copies the name.
    unsafe {
        with_backend::<B>(context, |backend| {
            backend.scopes()?.into_iter().try_for_each(|name| {
                let name = CString::new(name).map_err(|_| Status::InvalidArgument)?;
                match visit.map(|visit| visit(visitor, name.as_ptr())) {
                    None | Some(sys::LILY_SESSION_OK) => Ok(()),
                    Some(ended) => Err(Status::from_code(ended).into()),
                }
            })
        })
    }
}

unsafe extern "C" fn fd<B: Backend>(context: *mut c_void) -> c_int {
    border::guard(-1, || {
        // SAFETY: see `with_backend`.
        let backend = unsafe { &*context.cast::<B>() };
        backend.watch().map_or(-1, |fd| fd.as_raw_fd())
    })
}

unsafe extern "C" fn close<B: Backend>(context: *mut c_void) {
    border::guard((), || {
        // SAFETY: see `with_backend`.
        unsafe { &*context.cast::<B>() }.close();
    });
}
