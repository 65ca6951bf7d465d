use crate::event::{Event, EventKind, FieldChange, OwnedEvent};
use crate::persistence::Definition;
use crate::refusal::{self, Reason, Step};
use crate::{border, sys, Storage};
use std::fmt;
use std::os::raw::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// The fields, which know why the library refuses a value before they get it.
    fields: Vec<Arc<dyn Definition>>,
    heard: Arc<Mutex<Heard>>,
}

/// The events that a session keeps for the program. The runtime has the other reference.
#[derive(Default)]
pub(crate) struct Heard {
    /// `None` unless the program asked for it.
    pub(crate) events: Option<Vec<OwnedEvent>>,
    /// `None` unless a refresh runs.
    pub(crate) changes: Option<Vec<FieldChange>>,
}

pub(crate) fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heard {
    fn hear(&mut self, event: Event<'_>) {
        if let (Some(changes), Some(key)) = (&mut self.changes, event.key) {
            if !event.kind.is_warning() {
                changes.push(FieldChange { key: key.to_owned(), kind: event.kind });
            }
        }
        if let Some(events) = &mut self.events {
            events.push(event.into());
        }
    }
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
    ///
    /// Without this closure, and without [`keep_events`](Config::keep_events), what is wrong goes to the crate `log` as a warning, with the
    /// feature `log`, which is on by default. A warning names keys, and never contains a value.
    pub fn on_event(mut self, on_event: impl FnMut(Event<'_>) + Send + 'static) -> Self {
        self.closures.on_event = Some(Box::new(on_event));
        self
    }

    /// Keeps the events until [`Runtime::take_events`](crate::Runtime::take_events) takes them. It is for programs whose reaction to an event
    /// cannot be sent to another thread, such as one that uses an `Rc`: the closure of [`on_event`](Config::on_event) must be `Send`.
    pub fn keep_events(self) -> Self {
        lock(&self.closures.heard).events = Some(Vec::new());
        self
    }

    fn of(storage: &Storage, slice: Option<Slice<M, S>>) -> Self {
        Config {
            storage: storage.clone(),
            closures: Closures {
                slice,
                revision: None,
                last_revision: 0,
                on_event: None,
                fields: Vec::new(),
                heard: Arc::default(),
            },
        }
    }

    /// Returns the config in C's form; the storage, which must outlive the session because the session calls the storage's clock; and the
    /// events that the session keeps.
    pub(crate) fn into_c(
        self,
        fields: &[Arc<dyn Definition>],
    ) -> (sys::lily_session_config, Storage, Arc<Mutex<Heard>>) {
        let closures = Closures { fields: fields.to_vec(), ..self.closures };
        let heard = closures.heard.clone();
        let config = sys::lily_session_config {
            storage: self.storage.as_ptr(),
            get: closures.slice.as_ref().map(|_| call_slice::<M, S> as _),
            revision: closures.revision.as_ref().map(|_| call_revision::<M, S> as _),
            on_event: Some(call_on_event::<M, S>),
            context: Box::into_raw(Box::new(closures)).cast(),
            release: Some(border::release_box::<Closures<M, S>>),
            ..Default::default()
        };
        (config, self.storage, heard)
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
        let (closures, event) = unsafe { (&mut *context.cast::<Closures<M, S>>(), &*event) };
        let reason = closures.reason(event);
        // SAFETY: the event comes from the library, and is not used after the call.
        let event = unsafe { Event::from_c(event, reason.as_ref()) };
        lock(&closures.heard).hear(event);
        match closures.on_event.as_mut() {
            Some(on_event) => on_event(event),
            None if lock(&closures.heard).events.is_some() => {}
            None => warn(event),
        }
    })
}

impl<M, S> Closures<M, S> {
    /// Returns why a value was refused, if the event is about that.
    fn reason(&self, event: &sys::lily_session_event) -> Option<Reason> {
        // SAFETY: the key is NULL or a C string, and is used during the call only.
        let key = unsafe { border::c_text(event.key) }?;
        match EventKind::from_code(event.kind) {
            EventKind::Rejected => refusal::take(Step::Set, key).or_else(|| {
                let field = self.fields.iter().find(|field| field.has(key))?;
                Some(refusal::of_types(field.types())).filter(|_| event.status == sys::LILY_SESSION_ERROR_DECODE)
            }),
            EventKind::FieldFailed => refusal::take(Step::Get, key).or_else(|| Reason::of_the_library(key)),
            _ => None,
        }
    }
}

#[cfg(feature = "log")]
fn warn(event: Event<'_>) {
    if event.kind.is_warning() {
        log::warn!("{event}");
    }
}

#[cfg(not(feature = "log"))]
fn warn(_: Event<'_>) {}
