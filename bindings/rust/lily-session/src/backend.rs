//! A storage in a store of the program's.

use crate::{border, sys, time, Error, Result, Status};
use std::cell::RefCell;
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};
use std::os::unix::io::{AsRawFd, BorrowedFd};
use std::time::SystemTime;

/// A store of the program's, for [`Storage::backend`](crate::Storage::backend): a database, a registry, a server.
///
/// Its functions run on the threads that use the storage, with no lock held. The library keeps the rules of keys, values, expiry,
/// versions and scopes; the quota is the backend's own ([`Status::Quota`]). An [`Error`] of a status that the library knows comes out
/// of the call that it is in. `Error` is made of a [`Status`], of an `std::io::Error`, or by [`Error::new`].
///
/// A backend is dropped when its storage is gone; in a child of `fork` too, but there without [`close`](Backend::close).
///
/// No key may begin with U+0001, and no scope's name have it: so scopes' keys begin.
pub trait Backend: Send + Sync + 'static {
    /// The entry under the key; `None`: absent. An expired one is handed out all the same: the library judges it.
    fn read(&self, key: &str) -> Result<Option<Entry>>;

    /// Makes all the changes, or none. With `expected`, a prefix and a generation, none where the prefix has another generation:
    /// [`Status::Newer`].
    fn write(&self, changes: Vec<Change<'_>>, expected: Option<(&str, u64)>) -> Result<()>;

    /// Removes all keys that begin with the prefix, and raises its generation by one, in one step.
    fn clear(&self, prefix: &str) -> Result<()>;

    /// How often the prefix was cleared.
    fn generation(&self, prefix: &str) -> Result<u64>;

    /// Calls `visit` for all entries whose keys begin with the prefix, in any order. Its error ends the walk, and is returned.
    fn each(&self, prefix: &str, visit: &mut dyn FnMut(&str, &Entry) -> Result<()>) -> Result<()>;

    /// Makes what was written survive power loss. By default what is written is durable at once; a backend whose
    /// [`write`](Backend::write) fails with [`Status::NotDurable`] has a `sync` of its own.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// A descriptor that polls readable when the stored data may have changed; `None`, the default: it cannot tell.
    fn watch(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Runs before the backend is dropped, in the process that opened it.
    fn close(&self) {}

    /// Whether [`renew`](Backend::renew) is there; asked once, when the storage is opened. By default it is not: to renew an entry,
    /// the library reads it and writes it again, and another program's write that comes between the two is lost.
    fn renews(&self) -> bool {
        false
    }

    /// Gives the entry under the key the new `expires_at`, in one step, if the key still holds this `json` and `version`; otherwise
    /// returns `false`.
    fn renew(&self, _key: &str, _entry: &Entry) -> Result<bool> {
        Err(Status::Unsupported.into())
    }
}

/// What a backend stores under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// JSON text.
    pub json: String,
    /// From when on the entry reads as absent; `None`: never.
    pub expires_at: Option<SystemTime>,
    /// The version of the field that wrote it.
    pub version: u32,
}

/// A change that a backend is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// Stores the entry under the key.
    Put(&'a str, Entry),
    /// Removes the key, which may be absent.
    Remove(&'a str),
}

/// Opens a storage in the store, which is the storage's from here on, also when this fails.
pub(crate) fn open<B: Backend>(
    store: B,
    options: *const sys::lily_session_storage_options,
    out_storage: *mut *mut sys::lily_session_storage,
) -> sys::lily_session_status {
    let renews = store.renews();
    let backend = sys::lily_session_backend {
        context: Box::into_raw(Box::new(store)).cast(),
        release: Some(border::release::<B>),
        read: Some(read::<B>),
        write: Some(write::<B>),
        clear: Some(clear::<B>),
        generation: Some(generation::<B>),
        each: Some(each::<B>),
        sync: Some(sync::<B>),
        fd: Some(fd::<B>),
        close: Some(close::<B>),
        renew: if renews { Some(renew::<B>) } else { None },
        ..Default::default()
    };
    // SAFETY: the table is copied; its functions expect the context that it has, a `B`, and share it.
    unsafe { sys::lily_session_storage_open_backend(&backend, options, out_storage) }
}

/// What a function of the backend answers, as a status. Its error is kept as the source of what the call answers.
fn status(result: Result<()>) -> sys::lily_session_status {
    match result {
        Ok(()) => sys::LILY_SESSION_OK,
        Err(error) => {
            let code = error.status().code();
            border::keep_failure(code, error.into());
            code
        }
    }
}

/// Runs a function of the backend.
///
/// # Safety
/// The context is the one of `open`.
unsafe fn with<B: Backend>(context: *mut c_void, function: impl FnOnce(&B) -> Result<()>) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: a `B` until it is released, and only shared: a Backend is Sync.
        status(function(unsafe { &*context.cast::<B>() }))
    })
}

/// A name that the library gives, which is UTF-8.
///
/// # Safety
/// It is a C string that outlives `'a`.
unsafe fn name<'a>(name: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's word.
    unsafe { border::text(name) }.ok_or_else(|| Status::InvalidArgument.into())
}

fn entry_to_c(key: *const c_char, entry: &Entry) -> sys::lily_session_entry {
    sys::lily_session_entry {
        key,
        json: entry.json.as_ptr().cast(),
        length: entry.json.len(),
        expires_at_ms: entry.expires_at.map_or(0, time::since_1970),
        version: entry.version,
    }
}

/// # Safety
/// The entry is the library's, and its strings live for `'a`.
unsafe fn change<'a>(entry: &sys::lily_session_entry) -> Result<Change<'a>> {
    // SAFETY: the caller's word.
    unsafe {
        let key = name(entry.key)?;
        if entry.json.is_null() {
            return Ok(Change::Remove(key));
        }
        let json = border::text_of(entry.json, entry.length).ok_or(Status::Decode)?.to_owned();
        let expires_at = time::from_milliseconds(entry.expires_at_ms);
        Ok(Change::Put(key, Entry { json, expires_at, version: entry.version }))
    }
}

thread_local! {
    // What `read` answered last on this thread: it is borrowed by the library until its next call.
    static READ: RefCell<Option<Entry>> = const { RefCell::new(None) };
}

unsafe extern "C" fn read<B: Backend>(
    context: *mut c_void,
    key: *const c_char,
    out_entry: *mut sys::lily_session_entry,
) -> sys::lily_session_status {
    // SAFETY: the context is open's; the key is for the call, the struct to be written.
    unsafe {
        with::<B>(context, |backend| {
            let entry = backend.read(name(key)?)?.ok_or(Status::NotFound)?;
            READ.try_with(|read| *out_entry = entry_to_c(key, read.borrow_mut().insert(entry)))
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
    // SAFETY: the context is open's; the batch is for the call.
    unsafe {
        with::<B>(context, |backend| {
            let changes = (0..count).map(|at| change(&*entries.add(at))).collect::<Result<_>>()?;
            let expected = if prefix.is_null() { None } else { Some((name(prefix)?, generation)) };
            backend.write(changes, expected)
        })
    }
}

unsafe extern "C" fn clear<B: Backend>(context: *mut c_void, prefix: *const c_char) -> sys::lily_session_status {
    // SAFETY: the context is open's; the prefix is for the call.
    unsafe { with::<B>(context, |backend| backend.clear(name(prefix)?)) }
}

unsafe extern "C" fn generation<B: Backend>(
    context: *mut c_void,
    prefix: *const c_char,
    out_generation: *mut u64,
) -> sys::lily_session_status {
    // SAFETY: the context is open's; the prefix is for the call, the number to be written.
    unsafe {
        with::<B>(context, |backend| {
            *out_generation = backend.generation(name(prefix)?)?;
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
    // SAFETY: the context is open's; the rest is for the call, and visit copies what it is given.
    unsafe {
        with::<B>(context, |backend| {
            backend.each(name(prefix)?, &mut |key, entry| {
                let key = CString::new(key).map_err(|_| Status::InvalidArgument)?;
                match visit.map(|visit| visit(visitor, &entry_to_c(key.as_ptr(), entry))) {
                    None | Some(sys::LILY_SESSION_OK) => Ok(()),
                    Some(ended) => Err(Status::from_code(ended).into()),
                }
            })
        })
    }
}

unsafe extern "C" fn sync<B: Backend>(context: *mut c_void) -> sys::lily_session_status {
    // SAFETY: the context is open's.
    unsafe { with::<B>(context, Backend::sync) }
}

unsafe extern "C" fn renew<B: Backend>(
    context: *mut c_void,
    entry: *const sys::lily_session_entry,
) -> sys::lily_session_status {
    // SAFETY: the context is open's; the entry is for the call.
    unsafe {
        with::<B>(context, |backend| match change(&*entry)? {
            Change::Put(key, entry) if backend.renew(key, &entry)? => Ok(()),
            _ => Err(Status::NotFound.into()),
        })
    }
}

unsafe extern "C" fn fd<B: Backend>(context: *mut c_void) -> c_int {
    border::guard(-1, || {
        // SAFETY: as in `with`.
        let backend = unsafe { &*context.cast::<B>() };
        backend.watch().map_or(-1, |fd| fd.as_raw_fd())
    })
}

unsafe extern "C" fn close<B: Backend>(context: *mut c_void) {
    border::guard((), || {
        // SAFETY: as in `with`.
        unsafe { &*context.cast::<B>() }.close();
    });
}
