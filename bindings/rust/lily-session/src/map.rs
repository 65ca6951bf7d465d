//! Maps: values whose keys are not known when the program is written, each of which is stored under a key of its own.

use crate::error::c_string;
use crate::field::{migrate_value, no_migration, Kept, Migrate};
use crate::persistence::Definition;
use crate::refusal::{self, Reason, Step};
use crate::{border, sys, time, BoxError, FieldType, Result, Types, Value};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// The types that a map may have: `HashMap<String, V>` and `BTreeMap<String, V>`, where `V` is a [`FieldType`].
pub trait MapType: sealed::Sealed {
    /// The type of the entries' values.
    type Entry: FieldType + Send;
    #[doc(hidden)]
    fn visit(&self, visit: &mut dyn FnMut(&str, &Self::Entry));
    #[doc(hidden)]
    fn put(&mut self, id: &str, value: Self::Entry);
    #[doc(hidden)]
    fn take(&mut self, id: &str);
}

mod sealed {
    pub trait Sealed {}
    impl<V, H> Sealed for std::collections::HashMap<String, V, H> {}
    impl<V> Sealed for std::collections::BTreeMap<String, V> {}
}

macro_rules! map_type {
    ($map:ty, $($parameter:tt)*) => {
        impl<$($parameter)*> MapType for $map {
            type Entry = V;

            fn visit(&self, visit: &mut dyn FnMut(&str, &V)) {
                self.iter().for_each(|(id, value)| visit(id, value));
            }

            fn put(&mut self, id: &str, value: V) {
                self.insert(id.to_owned(), value);
            }

            fn take(&mut self, id: &str) {
                self.remove(id);
            }
        }
    };
}

map_type! { HashMap<String, V, H>, V: FieldType + Send, H: BuildHasher }
map_type! { BTreeMap<String, V>, V: FieldType + Send }

/// A map of the session `S`: values whose keys, the ids, are not known when the program is written, such as documents or recent files. Each
/// entry is stored under a key of its own, so two programs that change different entries lose nothing.
///
/// Everything that holds for a field holds for each entry by itself. Functions that take the key of a field take that of an entry, too: the
/// map's prefix and the entry's id. [`Persistence::map`](crate::Persistence::map) is enough for most maps. Make one that expires or has a
/// version with [`Map::new`], and add it with [`Persistence::with_map`](crate::Persistence::with_map).
#[must_use = "a map does nothing before it is in a Persistence"]
pub struct Map<S, C: MapType, G, M> {
    prefix: String,
    expires_after: Duration,
    version: u32,
    get: G,
    get_mut: M,
    migrate: Option<Migrate<C::Entry>>,
    session: PhantomData<fn(&mut S)>,
}

/// The context of a map in one list of the library's.
struct Context<S, C: MapType, G, M> {
    map: Arc<Map<S, C, G, M>>,
    kept: Kept<C::Entry>,
    /// The text that serde wrote, and the C string of an id. The buffers are kept, so that the next entry does not allocate.
    written: Vec<u8>,
    id: Vec<u8>,
}

impl<S, C, G, M> Map<S, C, G, M>
where
    S: 'static,
    C: MapType + 'static,
    G: Fn(&S) -> &C + Send + Sync + 'static,
    M: Fn(&mut S) -> &mut C + Send + Sync + 'static,
{
    /// Makes a map whose entries are stored under `lily_session_`, the prefix and their ids. The prefix has 1 to 256 bytes, such as
    /// `recent/`, and an id 1 to 512. `get` and `get_mut` return the map in the session.
    pub fn new(prefix: impl Into<String>, get: G, get_mut: M) -> Self {
        Map {
            prefix: prefix.into(),
            expires_after: Duration::ZERO,
            version: 0,
            get,
            get_mut,
            migrate: None,
            session: PhantomData,
        }
    }

    /// Makes each entry expire this long after it was last written or touched, as [`Field::expires_after`](crate::Field::expires_after).
    pub fn expires_after(mut self, duration: Duration) -> Self {
        self.expires_after = duration;
        self
    }

    /// Sets the version of the values' shape, as [`Field::version`](crate::Field::version).
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets the closure that makes a value from what an older version of the map stored, as the `migrate` of a field.
    pub fn migrate<E: Into<BoxError>>(
        mut self,
        migrate: impl Fn(u32, &str) -> Result<C::Entry, E> + Send + Sync + 'static,
    ) -> Self {
        self.migrate = Some(Box::new(move |version, stored| migrate(version, stored).map_err(Into::into)));
        self
    }
}

impl<S, C, G, M> Definition for Map<S, C, G, M>
where
    S: 'static,
    C: MapType + 'static,
    G: Fn(&S) -> &C + Send + Sync + 'static,
    M: Fn(&mut S) -> &mut C + Send + Sync + 'static,
{
    fn key(&self) -> &str {
        &self.prefix
    }

    fn has(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
    }

    fn types(&self) -> Types {
        C::Entry::types()
    }

    fn add_to(self: Arc<Self>, list: ptr::NonNull<sys::lily_session_persistence>) -> Result<()> {
        let prefix = c_string("the map's prefix", self.prefix.as_str())?;
        let map = sys::lily_session_map {
            prefix: prefix.as_ptr(),
            types: C::Entry::types().0,
            each: Some(call_each::<S, C, G, M>),
            set: Some(call_set::<S, C, G, M>),
            release: Some(border::release_box::<Context<S, C, G, M>>),
            expires_after_ms: time::milliseconds(self.expires_after),
            version: self.version,
            migrate: if self.migrate.is_some() { Some(call_migrate::<S, C, G, M>) } else { None },
            context: Box::into_raw(Box::new(Context {
                map: self,
                kept: Kept::default(),
                written: Vec::new(),
                id: Vec::new(),
            }))
            .cast(),
            ..Default::default()
        };
        // SAFETY: the list is alive, and the prefix is valid during the call. The library owns the context from here on, even if the call
        // fails, and releases it once.
        border::call(|| unsafe { sys::lily_session_map_add(list.as_ptr(), &map) })
    }
}

impl<S, C: MapType, G, M> fmt::Debug for Map<S, C, G, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("prefix", &self.prefix)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

// The context of these three functions is the `Context` of `add_to`. Nothing else has a reference to it, for the reasons that field.rs has.

unsafe extern "C" fn call_each<S, C: MapType, G: Fn(&S) -> &C, M>(
    context: *mut c_void,
    session: *const c_void,
    visit: sys::lily_session_map_visit_fn,
    visitor: *mut c_void,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: see above for the context. `session` is a valid `S`, as in field.rs, and does not change during the call.
        let (context, session) = unsafe { (&mut *context.cast::<Context<S, C, G, M>>(), &*session.cast::<S>()) };
        let (name, written) = (&mut context.id, &mut context.written);
        (context.map.get)(session).visit(&mut |id, value| {
            name.clear();
            // No entry may have an empty id, so the library refuses it instead of one that is no C string.
            name.extend_from_slice(if id.contains('\0') { b"" } else { id.as_bytes() });
            name.push(0);
            // A value without a type is one that the library refuses to store.
            // SAFETY: the value has integers and pointers, all of which may be zero.
            let mut out: sys::lily_session_value = unsafe { std::mem::zeroed() };
            match value.value(written) {
                Ok(value) => value.to_c(&mut out),
                Err(error) => {
                    let key = format!("{}{id}", context.map.prefix);
                    refusal::keep_unstorable(&key, sys::LILY_SESSION_ERROR_ENCODE, error);
                }
            }
            if let Some(visit) = visit {
                // The library leaves out an entry that it refuses, and reports it itself.
                // SAFETY: the arguments are valid during the call, and the visitor is the one that belongs to the function.
                let _ = unsafe { visit(visitor, name.as_ptr().cast(), &out) };
            }
        });
        sys::LILY_SESSION_OK
    })
}

unsafe extern "C" fn call_set<S, C: MapType, G, M: Fn(&mut S) -> &mut C>(
    context: *mut c_void,
    session: *mut c_void,
    id: *const c_char,
    value: *const sys::lily_session_value,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: see `call_each`. Nobody else has a reference to the session. The id and the value are valid during the call.
        let (context, session, id, value) = unsafe {
            (&*context.cast::<Context<S, C, G, M>>(), &mut *session.cast::<S>(), border::c_text(id), value.as_ref())
        };
        let id = match id {
            Some(id) => id,
            None => return sys::LILY_SESSION_ERROR_DECODE,
        };
        let value = match value {
            // SAFETY: the value comes from the library, and its text is valid during the call.
            Some(value) => match unsafe { Value::from_c(value) }.map(C::Entry::from_value) {
                Some(Ok(value)) => Some(value),
                Some(Err(error)) => {
                    refusal::keep(Step::Set, &format!("{}{id}", context.map.prefix), Reason::of_the_type(error));
                    return sys::LILY_SESSION_ERROR_DECODE;
                }
                None => return sys::LILY_SESSION_ERROR_DECODE,
            },
            None => None,
        };
        let map = (context.map.get_mut)(session);
        match value {
            Some(value) => map.put(id, value),
            None => map.take(id),
        }
        sys::LILY_SESSION_OK
    })
}

unsafe extern "C" fn call_migrate<S, C: MapType, G, M>(
    context: *mut c_void,
    stored_version: u32,
    stored: *const sys::lily_session_value,
    out_value: *mut sys::lily_session_value,
) -> sys::lily_session_status {
    // SAFETY: see `call_each`. The library does not use the new text after the next call. It does not say whose value it migrates.
    unsafe {
        let context = &mut *context.cast::<Context<S, C, G, M>>();
        let (map, kept) = (&context.map, &mut context.kept);
        migrate_value(stored, out_value, None, |stored| {
            kept.keep(map.migrate.as_ref().ok_or_else(no_migration)?(stored_version, stored)?)
        })
    }
}
