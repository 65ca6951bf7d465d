use crate::{border, sys, Event, Storage};
use std::fmt;
use std::os::raw::c_void;
use std::ptr;

type Slice<M, S> = Box<dyn for<'a> FnMut(&'a mut M) -> &'a mut S + Send>;
type Revision<S> = Box<dyn FnMut(&S) -> u64 + Send>;
type OnEvent = Box<dyn FnMut(Event<'_>) + Send>;

/// How fields are attached to a runtime: where they are stored, where the session is in the model, and who hears of events.
///
/// A `&Storage` is a config by itself, for a model that is the session.
pub struct Config<M, S = M> {
    pub(crate) storage: Storage,
    closures: Closures<M, S>,
}

/// The context of a session.
struct Closures<M, S> {
    slice: Option<Slice<M, S>>,
    revision: Option<Revision<S>>,
    on_event: Option<OnEvent>,
}

impl<M: 'static> Config<M> {
    /// The model is the session.
    pub fn new(storage: &Storage) -> Self {
        Config::of(storage, None)
    }
}

impl<M: 'static, S: 'static> Config<M, S> {
    /// The session is a part of the model.
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

    /// A number that differs when a field may have changed: while it is the same, fields are not compared after an update.
    pub fn revision(mut self, revision: impl FnMut(&S) -> u64 + Send + 'static) -> Self {
        self.closures.revision = Some(Box::new(revision));
        self
    }

    /// Hears of what happens to single fields and to the file. Inside it storages may be used.
    pub fn on_event(mut self, on_event: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        self.closures.on_event = Some(Box::new(on_event));
        self
    }

    fn of(storage: &Storage, slice: Option<Slice<M, S>>) -> Self {
        Config { storage: storage.clone(), closures: Closures { slice, revision: None, on_event: None } }
    }

    /// C's form, and the storage, which has to outlive the session: the storage's clock is called by it.
    pub(crate) fn into_c(self) -> (sys::lily_session_config, Storage) {
        let closures = self.closures;
        let config = sys::lily_session_config {
            storage: self.storage.as_ptr(),
            get: closures.slice.as_ref().map(|_| slice::<M, S> as _),
            revision: closures.revision.as_ref().map(|_| revision::<M, S> as _),
            on_event: closures.on_event.as_ref().map(|_| on_event::<M, S> as _),
            context: Box::into_raw(Box::new(closures)).cast(),
            release: Some(border::release::<Closures<M, S>>),
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

// In each of these three the context is the `Closures` of `into_c`, which nothing else has: the session is used by one thread at
// a time, and the library calls none of its callbacks inside another.

unsafe extern "C" fn slice<M, S>(context: *mut c_void, model: *mut c_void) -> *mut c_void {
    border::guard(ptr::null_mut(), || {
        // SAFETY: see above; the model is the runtime's, and the runtime is borrowed mutably by the call that this is in.
        let (closures, model) = unsafe { (&mut *context.cast::<Closures<M, S>>(), &mut *model.cast::<M>()) };
        closures
            .slice
            .as_mut()
            .map_or(ptr::null_mut(), |slice| (slice(model) as *mut S).cast())
    })
}

unsafe extern "C" fn revision<M, S>(context: *mut c_void, session: *const c_void) -> u64 {
    border::guard(0, || {
        // SAFETY: see above; the session is what `slice` answered last, or the model.
        let (closures, session) = unsafe { (&mut *context.cast::<Closures<M, S>>(), &*session.cast::<S>()) };
        closures.revision.as_mut().map_or(0, |revision| revision(session))
    })
}

unsafe extern "C" fn on_event<M, S>(context: *mut c_void, event: *const sys::lily_session_event) {
    border::guard((), || {
        // SAFETY: see above; the event is for the call.
        let (closures, event) = unsafe { (&mut *context.cast::<Closures<M, S>>(), Event::from_c(&*event)) };
        if let Some(on_event) = closures.on_event.as_mut() {
            on_event(event);
        }
    })
}
