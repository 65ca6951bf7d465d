use crate::field::Access;
use crate::{border, sys, Error, Field, FieldType, Map, MapType, Outcome, Result, Status};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// An ordered list of the fields of a session `S`. Fields are added one after the other.
///
/// If a field cannot be added, because its key is invalid or another field has it, [`attach`](crate::Runtime::attach) fails for the list.
#[derive(Debug)]
#[must_use = "fields do nothing before they are attached"]
pub struct Persistence<S> {
    list: Option<NonNull<sys::lily_session_persistence>>,
    /// The first failure to add a field.
    failure: Option<Error>,
    session: PhantomData<fn(&mut S)>,
}

// SAFETY: the closures in the list are Send. One thread at a time uses the list, as the header demands, because no function takes &self.
unsafe impl<S> Send for Persistence<S> {}

impl<S: 'static> Persistence<S> {
    /// Makes an empty list.
    pub fn new() -> Self {
        // SAFETY: the function has no arguments, and drop frees the list.
        let list = NonNull::new(unsafe { sys::lily_session_persistence_new() });
        let failure = if list.is_none() { Some(Error::last(Status::Callback.code(), None)) } else { None };
        Persistence { list, failure, session: PhantomData }
    }

    /// Adds a field. `get` returns its value in the session, and `set` puts a stored value there. See [`Field::new`].
    pub fn field<T, G, F, R>(self, key: impl Into<String>, get: G, set: F) -> Self
    where
        T: FieldType + Send,
        G: FnMut(&S) -> &T + Send + 'static,
        F: FnMut(&mut S, T) -> R + Send + 'static,
        R: Outcome,
    {
        self.with(Field::new(key, get, set))
    }

    /// Adds a field that was made before, such as one with options.
    pub fn with<A: Access<S>>(mut self, field: Field<S, A>) -> Self {
        if let (Some(list), None) = (self.list, &self.failure) {
            self.failure = field.add_to(list).err();
        }
        self
    }

    /// Adds a map, whose entries are stored each under a key of its own: `lily_session_`, the prefix and the entry's key in the map.
    /// `get` and `get_mut` return the map in the session. See [`Map`].
    ///
    /// ```
    /// # use lily_session::{Persistence, Runtime, Storage};
    /// # use std::collections::BTreeMap;
    /// #[derive(Default)]
    /// struct Editor { recent: BTreeMap<String, i64> }
    ///
    /// let fields = Persistence::new().map("recent/", |editor: &Editor| &editor.recent, |editor| &mut editor.recent);
    /// # let storage = Storage::in_memory()?;
    /// # let mut runtime = Runtime::without_update(Editor::default());
    /// # let session = runtime.attach(fields, &storage)?;
    /// runtime.model_mut().recent.insert("/etc/motd".into(), 12);
    /// runtime.persist(&session)?;
    /// assert_eq!(storage.get("lily_session_recent//etc/motd")?.as_deref(), Some("12"));
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn map<C, G, M>(self, prefix: impl Into<String>, get: G, get_mut: M) -> Self
    where
        C: MapType + 'static,
        G: FnMut(&S) -> &C + Send + 'static,
        M: FnMut(&mut S) -> &mut C + Send + 'static,
    {
        self.with_map(Map::new(prefix, get, get_mut))
    }

    /// Adds a map that was made before, such as one with options.
    pub fn with_map<C, G, M>(mut self, map: Map<S, C, G, M>) -> Self
    where
        C: MapType + 'static,
        G: FnMut(&S) -> &C + Send + 'static,
        M: FnMut(&mut S) -> &mut C + Send + 'static,
    {
        if let (Some(list), None) = (self.list, &self.failure) {
            self.failure = map.add_to(list).err();
        }
        self
    }

    pub(crate) fn list(&mut self) -> Result<*mut sys::lily_session_persistence> {
        match (self.list, self.failure.take()) {
            (Some(list), None) => Ok(list.as_ptr()),
            (_, failure) => Err(failure.unwrap_or_else(|| Status::InvalidArgument.into())),
        }
    }
}

impl<S: 'static> Default for Persistence<S> {
    fn default() -> Self {
        Persistence::new()
    }
}

impl<S> Drop for Persistence<S> {
    fn drop(&mut self) {
        let list = self.list.map_or(std::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: this is the last use of the list. A session that was attached with it keeps its fields.
        border::run_void(|| unsafe { sys::lily_session_persistence_free(list) }).settle_unless_panicking();
    }
}
