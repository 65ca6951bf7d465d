use crate::field::Access;
use crate::{border, sys, Error, Field, FieldType, Map, MapType, Outcome, Result, Status, Types};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

/// An ordered list of the fields of a session `S`. Fields are added one after the other.
///
/// A list may be attached any number of times, by any thread: a server makes it once, and attaches it for each user. A clone shares the
/// fields. If a field cannot be added, because its key is invalid or another field has it, [`attach`](crate::Runtime::attach) fails.
#[must_use = "fields do nothing before they are attached"]
pub struct Persistence<S> {
    fields: Vec<Arc<dyn Definition>>,
    session: PhantomData<fn(&mut S)>,
}

/// A model that knows its fields. `#[derive(Persist)]` implements it for a struct. Both are there with the feature `derive`.
#[cfg(feature = "derive")]
pub trait Persist: Sized + 'static {
    /// Returns the fields.
    fn fields() -> Persistence<Self>;
}

/// A field or a map, of which each attachment makes a field of the library's, with a context of its own.
pub(crate) trait Definition: Send + Sync {
    /// Returns the key of a field, or the prefix of a map.
    fn key(&self) -> &str;

    /// Returns `true` if the key is the field's, or that of an entry of the map.
    fn has(&self, key: &str) -> bool {
        key == self.key()
    }

    fn types(&self) -> Types;

    /// Adds it to a list of the library's.
    fn add_to(self: Arc<Self>, list: NonNull<sys::lily_session_persistence>) -> Result<()>;
}

impl<S: 'static> Persistence<S> {
    /// Makes an empty list.
    pub fn new() -> Self {
        Persistence { fields: Vec::new(), session: PhantomData }
    }

    /// Adds a field. `get` returns its value in the session, and `set` puts a stored value there. See [`Field::new`].
    pub fn field<T, G, F, R>(self, key: impl Into<String>, get: G, set: F) -> Self
    where
        T: FieldType + Send,
        G: Fn(&S) -> &T + Send + Sync + 'static,
        F: Fn(&mut S, T) -> R + Send + Sync + 'static,
        R: Outcome,
    {
        self.with(Field::new(key, get, set))
    }

    /// Adds a field that was made before, such as one with options.
    pub fn with<A: Access<S>>(mut self, field: Field<S, A>) -> Self {
        self.fields.push(Arc::new(field));
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
        G: Fn(&S) -> &C + Send + Sync + 'static,
        M: Fn(&mut S) -> &mut C + Send + Sync + 'static,
    {
        self.with_map(Map::new(prefix, get, get_mut))
    }

    /// Adds a map that was made before, such as one with options.
    pub fn with_map<C, G, M>(mut self, map: Map<S, C, G, M>) -> Self
    where
        C: MapType + 'static,
        G: Fn(&S) -> &C + Send + Sync + 'static,
        M: Fn(&mut S) -> &mut C + Send + Sync + 'static,
    {
        self.fields.push(Arc::new(map));
        self
    }

    pub(crate) fn definitions(&self) -> &[Arc<dyn Definition>] {
        &self.fields
    }
}

impl<S: 'static> Default for Persistence<S> {
    fn default() -> Self {
        Persistence::new()
    }
}

impl<S> Clone for Persistence<S> {
    fn clone(&self) -> Self {
        Persistence { fields: self.fields.clone(), session: PhantomData }
    }
}

impl<S> fmt::Debug for Persistence<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Persistence ")?;
        f.debug_list().entries(self.fields.iter().map(|field| field.key())).finish()
    }
}

/// A list of fields of the library's, for one attachment.
pub(crate) struct List(NonNull<sys::lily_session_persistence>);

impl List {
    pub(crate) fn of(definitions: &[Arc<dyn Definition>]) -> Result<Self> {
        // SAFETY: the function has no arguments, and drop frees the list.
        let list = NonNull::new(unsafe { sys::lily_session_persistence_new() });
        let list = List(list.ok_or_else(|| Error::last(Status::Callback.code(), None))?);
        for definition in definitions {
            definition.clone().add_to(list.0)?;
        }
        Ok(list)
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::lily_session_persistence {
        self.0.as_ptr()
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: this is the last use of the list. A session that was attached with it keeps its fields.
        border::run_void(|| unsafe { sys::lily_session_persistence_free(self.0.as_ptr()) }).settle_unless_panicking();
    }
}
