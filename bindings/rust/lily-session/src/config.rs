use crate::{border, sys, Event, Storage};
use std::fmt;
use std::os::raw::c_void;
use std::ptr;

type Slice<M, S> = Box<dyn for<'a> FnMut(&'a mut M) -> &'a mut S + Send>;
type Revision<S> = Box<dyn FnMut(&S) -> u64 + Send>;
type OnEvent = Box<dyn FnMut(Event<'_>) + Send>;

/// How fields are attached to a runtime: the storage, the part of the model that has the fields (the session), and a closure for events.
///
/// A `&Storage` can be used as a config if the whole model is the session.
pub struct Config<M, S = M> {
    pub(crate) storage: Storage,
    closures: Closures<M, S>,
}

/// The context of a session.
struct Closures<M, S> {
    slice: Option<Slice<M, S>>,
    revision: Option<Revision<S>>,
    /// What `revision` was taken to be last.
    last_revision: u64,
    on_event: Option<OnEvent>,
}

impl<M: 'static> Config<M> {
    /// Makes a config for a model that is the session.
    pub fn new(storage: &Storage) -> Self {
        Config::of(storage, None)
    }
}

impl<M: 'static, S: 'static> Config<M, S> {
    /// Makes a config for a session that is a part of the model. `slice` returns that part.
    ///
    /// ```
    /// # use lily_session::{Config, Persistence, Runtime, Storage};
    /// #[derive(Default)]
    /// struct Settings { theme: String }
    /// #[derive(Default)]
    /// struct App { frame: u64, settings: Settings }
    ///
    /// # let storage = Storage::in_memory()?;
    /// let fields = Persistence::new().field("theme", |s: &Settings| &s.theme, |s, theme| s.theme = theme);
    /// let mut runtime = Runtime::without_update(App::default());
    /// runtime.attach(fields, Config::slice(&storage, |app: &mut App| &mut app.settings))?;
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn slice(storage: &Storage, slice: impl for<'a> FnMut(&'a mut M) -> &'a mut S + Send + 'static) -> Self {
        Config::of(storage, Some(Box::new(slice)))
    }

    /// Sets a closure that returns a number that differs when a field may have changed. While the number is the same, fields are not
    /// compared after an update.
    pub fn revision(mut self, revision: impl FnMut(&S) -> u64 + Send + 'static) -> Self {
        self.closures.revision = Some(Box::new(revision));
        self
    }

    /// Sets a closure that is called for what happens to single fields and to the file. It may use storages.
    pub fn on_event(mut self, on_event: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        self.closures.on_event = Some(Box::new(on_event));
        self
    }

    fn of(storage: &Storage, slice: Option<Slice<M, S>>) -> Self {
        Config {
            storage: storage.clone(),
            closures: Closures { slice, revision: None, last_revision: 0, on_event: None },
        }
    }

    /// Returns the config in C's form, and the storage, which must outlive the session because the session calls the storage's clock.
    pub(crate) fn into_c(self) -> (sys::lily_session_config, Storage) {
        let closures = self.closures;
        let config = sys::lily_session_config {
            storage: self.storage.as_ptr(),
            get: closures.slice.as_ref().map(|_| call_slice::<M, S> as _),
            revision: closures.revision.as_ref().map(|_| call_revision::<M, S> as _),
            on_event: closures.on_event.as_ref().map(|_| call_on_event::<M, S> as _),
            context: Box::into_raw(Box::new(closures)).cast(),
            release: Some(border::release_box::<Closures<M, S>>),
            ..Default::default()
        };
        (config, self.storage)
    }
}

impl<M: 'static> From<&Storage> for Config<M> {
    fn from(storage: &Storage) -> Self {
        Config::new(storage)
    }
}

impl<M, S> fmt::Debug for Config<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("storage", &self.storage).finish_non_exhaustive()
    }
}

// The context of these three functions is the `Closures` of `into_c`. Nothing else has a reference to it: one thread at a time uses the
// session, and the library calls none of its callbacks inside another one.

unsafe extern "C" fn call_slice<M, S>(context: *mut c_void, model: *mut c_void) -> *mut c_void {
    border::guard(ptr::null_mut(), || {
        // SAFETY: see above for the context. The model belongs to the runtime, which the call that runs this borrows mutably.
        let (closures, model) = unsafe { (&mut *context.cast::<Closures<M, S>>(), &mut *model.cast::<M>()) };
        closures
            .slice
            .as_mut()
            .map_or(ptr::null_mut(), |slice| (slice(model) as *mut S).cast())
    })
}

unsafe extern "C" fn call_revision<M, S>(context: *mut c_void, session: *const c_void) -> u64 {
    // SAFETY: see above for the context. The session is what `slice` returned last, or the model.
    let (closures, session) = unsafe { (&mut *context.cast::<Closures<M, S>>(), &*session.cast::<S>()) };
    let revision = &mut closures.revision;
    let told = border::guard(None, || revision.as_mut().map(|revision| revision(session)));
    // After a panic it is another number than the last one, so that the fields are compared.
    closures.last_revision = told.unwrap_or(!closures.last_revision);
    closures.last_revision
}

unsafe extern "C" fn call_on_event<M, S>(context: *mut c_void, event: *const sys::lily_session_event) {
    border::guard((), || {
        // SAFETY: see above for the context. The event is valid during the call.
        let (closures, event) = unsafe { (&mut *context.cast::<Closures<M, S>>(), Event::from_c(&*event)) };
        if let Some(on_event) = closures.on_event.as_mut() {
            on_event(event);
        }
    })
}
