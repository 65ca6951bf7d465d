use crate::field::Access;
use crate::{border, sys, Error, Field, FieldType, Outcome, Result, Status};
use std::marker::PhantomData;
use std::ptr::NonNull;

/// An ordered list of the fields of a session `S`, made by adding one after the other.
///
/// A field that cannot be added (a bad key, the key of another) is a failure of the
/// [`attach`](crate::Runtime::attach) that the list is for.
#[derive(Debug)]
#[must_use = "fields do nothing before they are attached"]
pub struct Persistence<S> {
    list: Option<NonNull<sys::lily_session_persistence>>,
    /// The first failure of an addition.
    failure: Option<Error>,
    session: PhantomData<fn(&mut S)>,
}

// SAFETY: the list has closures that are Send, and is used by one thread at a time, as the header asks: there is no function
// that takes &self.
unsafe impl<S> Send for Persistence<S> {}

impl<S: 'static> Persistence<S> {
    /// An empty list.
    pub fn new() -> Self {
        // SAFETY: no arguments; the list is freed by drop.
        let list = NonNull::new(unsafe { sys::lily_session_persistence_new() });
        let failure = if list.is_none() { Some(Error::last(Status::Callback.code(), None)) } else { None };
        Persistence { list, failure, session: PhantomData }
    }

    /// Adds a field: its key, where its value is in the session, and how a stored one is put there. See [`Field::new`].
    pub fn field<T, G, F, R>(self, key: impl Into<String>, get: G, set: F) -> Self
    where
        T: FieldType + Send,
        G: FnMut(&S) -> &T + Send + 'static,
        F: FnMut(&mut S, T) -> R + Send + 'static,
        R: Outcome,
    {
        self.with(Field::new(key, get, set))
    }

    /// Adds a field that was made by itself.
    pub fn with<A: Access<S>>(mut self, field: Field<S, A>) -> Self {
        if let (Some(list), None) = (self.list, &self.failure) {
            self.failure = field.add_to(list).err();
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
        // SAFETY: its last use. A session that was attached with it goes on.
        border::run_void(|| unsafe { sys::lily_session_persistence_free(list) }).settle_unless_panicking();
    }
}
