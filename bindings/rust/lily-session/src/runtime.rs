use crate::config::{lock, Heard};
use crate::error::c_string;
use crate::event::{FieldChange, OwnedEvent};
use crate::persistence::List;
use crate::{border, modify, sys};
use crate::{BoxError, Config, Error, FieldState, FieldType, Outcome, Persistence, Result, Status, Storage};
use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::os::raw::c_void;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::panicking;
use std::time::Duration;

type UpdateClosure<M, Msg> = Box<dyn FnMut(&mut M, Msg) -> Result<(), BoxError> + Send>;

struct Update<M, Msg> {
    closure: UpdateClosure<M, Msg>,
    /// `true` from the beginning of an update until it ends without a panic.
    is_torn: bool,
}

/// A model, its update closure, and the sessions that are attached to it.
///
/// The runtime owns all of them. Methods that use the model take `&mut self`. So nobody else has a reference to the model during a call,
/// and no closure can call the runtime that is calling it.
///
/// ```compile_fail,E0502
/// # use lily_session::Runtime;
/// let mut runtime = Runtime::new(0, |count: &mut u32, step: u32| *count += step);
/// let count = runtime.model();
/// runtime.dispatch(1);
/// println!("{count}"); // the compiler refuses this, as dispatch changes the model
/// ```
///
/// # Threads
///
/// A runtime may be sent to another thread if its model may, and so be put into a mutex. Two threads cannot use it at once:
///
/// ```
/// # use lily_session::Runtime;
/// fn is_send<T: Send>() {}
/// is_send::<Runtime<String, u32>>();
/// ```
/// ```compile_fail,E0277
/// # use lily_session::Runtime;
/// fn is_sync<T: Sync>() {}
/// is_sync::<Runtime<String, u32>>();
/// ```
/// ```compile_fail,E0277
/// # use lily_session::Runtime;
/// fn is_send<T: Send>() {}
/// is_send::<Runtime<std::rc::Rc<String>, u32>>();
/// ```
///
/// # Panics in an update
///
/// If the update closure panics, the model may be half changed. Then the runtime is poisoned, as a `Mutex` would be: nothing is stored any
/// more, and its methods fail with [`Status::Callback`]. Either repair the model through [`model_mut`](Runtime::model_mut) and call
/// [`clear_poison`](Runtime::clear_poison), or take the model by [`into_model`](Runtime::into_model).
///
/// # Drop
///
/// Dropping a runtime detaches its sessions. Each stores what changed and makes it survive power loss, unless its storage was opened with
/// [`no_sync`](crate::StorageOptions::no_sync). As drop cannot return an error, call [`flush`](Runtime::flush) or
/// [`detach`](Runtime::detach) before it if you need to know. If the runtime is poisoned, or is dropped by a panic, nothing is stored,
/// because the model may be half changed.
pub struct Runtime<M, Msg = Infallible> {
    runtime: NonNull<sys::lily_session_runtime>,
    /// The model, from a `Box`. The library has this pointer, too. References are made from it only while the runtime is borrowed.
    model: NonNull<M>,
    /// The update closure, from a `Box`, used in the same way; NULL if there is none.
    update: *mut Update<M, Msg>,
    attached: Vec<Attached>,
    /// `true` if the thread was panicking when the runtime was made, as in a destructor: the runtime is not dropped by that panic.
    made_by_a_panic: bool,
}

/// A name for an attachment of fields to a [`Runtime`]. The runtime owns the attachment until it is detached, or the runtime is dropped;
/// methods of the runtime take this name to choose one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Session(u64);

struct Attached {
    name: u64,
    session: NonNull<sys::lily_session>,
    /// The session calls the storage's clock, so the session must end before the storage.
    storage: Storage,
    heard: Arc<Mutex<Heard>>,
}

// SAFETY: the header demands that one thread at a time uses a runtime and its sessions, which may be any thread. Owning them ensures that,
// as Runtime is not Sync. The only thing that the library has for a thread is the text of the last error, which is read at once. What the
// runtime owns may be sent: the model is Send here, the closures are by their bounds, and the storage is.
unsafe impl<M: Send, Msg> Send for Runtime<M, Msg> {}

impl<M: 'static, Msg: 'static> Runtime<M, Msg> {
    /// Makes a runtime that changes its model by messages.
    ///
    /// `update` applies a message to the model. It may refuse the message with an error, and must then leave the model as it was: changes
    /// that it has made by then stay in the model, and the next dispatch, persist, flush or detach, or dropping the runtime, stores them.
    /// [`restoring`](Runtime::restoring) takes them back. If it panics, the runtime is [poisoned](Runtime#panics-in-an-update), and dispatch resumes the panic. `update` may use storages, and
    /// [clear](Storage::clear) them.
    ///
    /// ```
    /// # use lily_session::{Runtime, Status};
    /// let mut runtime = Runtime::new(0, |count: &mut u32, step: u32| {
    ///     *count = count.checked_add(step).ok_or("too far")?;
    ///     Ok::<(), &str>(())
    /// });
    /// runtime.dispatch(2)?;
    /// assert_eq!(*runtime.model(), 2);
    /// let error = runtime.dispatch(u32::MAX).unwrap_err();
    /// assert_eq!(error.status(), Status::Update);
    /// assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "too far");
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn new<R: Outcome>(model: M, mut update: impl FnMut(&mut M, Msg) -> R + Send + 'static) -> Self {
        let closure = Box::new(move |model: &mut M, message| update(model, message).outcome());
        Runtime::of(model, Some(Update { closure, is_torn: false }))
    }

    /// Makes a runtime as [`new`](Runtime::new) does, for an update that may fail after it has changed the model: if it returns an error, the
    /// model is as it was before. For that the model is cloned before each update.
    ///
    /// ```
    /// # use lily_session::Runtime;
    /// let mut runtime = Runtime::restoring(Vec::new(), |numbers: &mut Vec<i64>, texts: &str| {
    ///     for text in texts.split(' ') {
    ///         numbers.push(text.parse()?);
    ///     }
    ///     Ok::<(), std::num::ParseIntError>(())
    /// });
    /// assert!(runtime.dispatch("1 2 three").is_err());
    /// assert!(runtime.model().is_empty());
    /// ```
    pub fn restoring<R: Outcome>(model: M, mut update: impl FnMut(&mut M, Msg) -> R + Send + 'static) -> Self
    where
        M: Clone,
    {
        Runtime::new(model, move |model: &mut M, message| {
            let before = model.clone();
            let outcome = update(model, message).outcome();
            if outcome.is_err() {
                *model = before;
            }
            outcome
        })
    }

    /// Updates the model, and then stores the fields that changed, in one write for each session.
    ///
    /// If it fails with [`Status::Update`], [`Status::Reentrant`] or [`Status::InvalidArgument`], the message was not applied. After any
    /// other failure it was applied, and the next dispatch, persist or flush tries again to store what could not be stored.
    pub fn dispatch(&mut self, message: Msg) -> Result<()> {
        self.refuse_poison()?;
        let mut message = Some(message);
        let message: *mut Option<Msg> = &mut message;
        // SAFETY: the runtime is alive, and its callbacks get what they expect: `call_update` takes the message out of the option.
        border::call(|| unsafe { sys::lily_session_runtime_dispatch(self.runtime.as_ptr(), message.cast()) })
            .map_err(|error| error.about(self.path()))
    }
}

impl<M: 'static> Runtime<M> {
    /// Makes a runtime for a program without messages, which changes the model through [`model_mut`](Runtime::model_mut) and then calls
    /// [`persist`](Runtime::persist).
    pub fn without_update(model: M) -> Self {
        Runtime::of(model, None)
    }
}

impl<M: 'static, Msg: 'static> Runtime<M, Msg> {
    fn of(model: M, update: Option<Update<M, Msg>>) -> Self {
        let callback = update.as_ref().map(|_| call_update::<M, Msg> as _);
        let update = update.map_or(ptr::null_mut(), |update| Box::into_raw(Box::new(update)));
        let model = Box::into_raw(Box::new(model));
        let mut runtime = ptr::null_mut();
        // SAFETY: the model and the update closure live until drop has freed the runtime.
        let made = border::call(|| unsafe {
            sys::lily_session_runtime_new(model.cast(), callback, update.cast(), &mut runtime)
        });
        match (NonNull::new(runtime), NonNull::new(model)) {
            (Some(runtime), Some(model)) => {
                Runtime { runtime, model, update, attached: Vec::new(), made_by_a_panic: panicking() }
            }
            // The header says that the only failure is a model that is NULL.
            _ => unreachable!("lily_session_runtime_new: {made:?}"),
        }
    }

    /// Returns the model.
    pub fn model(&self) -> &M {
        // SAFETY: the model lives as long as self, and changes only through &mut self.
        unsafe { self.model.as_ref() }
    }

    /// Returns the model so that the program can change it. [`persist`](Runtime::persist) or the next dispatch stores the fields that
    /// changed.
    pub fn model_mut(&mut self) -> &mut M {
        // SAFETY: see `model`.
        unsafe { self.model.as_mut() }
    }

    /// Returns `true` if an update has panicked, so that the model may be half changed. See
    /// [the panics in an update](Runtime#panics-in-an-update).
    pub fn is_poisoned(&self) -> bool {
        // SAFETY: the update closure lives as long as self, and runs only while self is borrowed mutably.
        unsafe { self.update.as_ref() }.map_or(false, |update| update.is_torn)
    }

    /// Says that the model is whole again after an update has panicked. From here on it is stored.
    pub fn clear_poison(&mut self) {
        // SAFETY: see `is_poisoned`.
        if let Some(update) = unsafe { self.update.as_mut() } {
            update.is_torn = false;
        }
    }

    /// Ends the runtime as drop does, and returns the model, also if the runtime is poisoned.
    pub fn into_model(self) -> M {
        // SAFETY: nothing uses or drops the runtime after this.
        *unsafe { std::mem::ManuallyDrop::new(self).release() }
    }

    /// Fills the model from storage, and from then on stores the fields that change. Attaching itself writes nothing.
    ///
    /// `fields` is a [`Persistence`] or a reference to one. `config` is a [`Config`], or a `&Storage` if nothing else has to be set. If a stored value is absent, has another type or is
    /// refused, its field stays as it is; an [event](Config::on_event) reports a value that was refused.
    ///
    /// It fails if a field could not be added to the list, if the storage cannot be read, or with [`Status::DuplicateKey`] if another
    /// session of this runtime has one of the keys in the same storage. The model does not change then.
    pub fn attach<S: 'static>(
        &mut self,
        fields: impl Borrow<Persistence<S>>,
        config: impl Into<Config<M, S>>,
    ) -> Result<Session> {
        self.refuse_poison()?;
        let definitions = fields.borrow().definitions();
        let list = List::of(definitions)?;
        let (config, storage, heard) = config.into().into_c(definitions);
        let mut session = ptr::null_mut();
        let attached = border::run(|| {
            // SAFETY: all are alive. The session owns the context from here on; if the call fails, the library releases it.
            unsafe { sys::lily_session_attach(self.runtime.as_ptr(), list.as_ptr(), &config, &mut session) }
        });
        drop(list);
        let name = Session::new_name();
        let path = storage.path().map(Path::to_owned);
        if let Some(session) = NonNull::new(session) {
            if attached.is_panic() {
                // SAFETY: this is the handle's last use. It is not flushed, because its closures have panicked once.
                border::run_void(|| unsafe { sys::lily_session_abandon(session.as_ptr()) }).settle_unless_panicking();
            } else {
                self.attached.push(Attached { name, session, storage, heard });
            }
        }
        attached.settle().map_err(|error| error.about(path.as_deref()))?;
        Ok(Session(name))
    }

    /// Returns the storage of a session, for what a runtime does not do, such as a log-out by [`clear`](Storage::clear):
    ///
    /// ```
    /// # use lily_session::{Persistence, Runtime, Storage};
    /// # let storage = Storage::in_memory()?;
    /// # let fields = Persistence::new().field("volume", |volume: &i64| volume, |volume, new| *volume = new);
    /// # let mut runtime = Runtime::without_update(50);
    /// # let session = runtime.attach(fields, &storage)?;
    /// # *runtime.model_mut() = 70;
    /// # runtime.persist(&session)?;
    /// runtime.storage(&session)?.clear()?; // removes all that is stored, and leaves the model alone
    /// runtime.refresh(&session)?; // resets the model to the values from before it was attached
    /// # assert_eq!(*runtime.model(), 50);
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn storage(&self, session: &Session) -> Result<&Storage> {
        self.find(session).map(|found| &found.storage)
    }

    /// Stores the fields that the program changed in the model, as [`dispatch`](Runtime::dispatch) does after an update.
    pub fn persist(&mut self, session: &Session) -> Result<()> {
        self.call(session, |session| {
            // SAFETY: the session is alive.
            unsafe { sys::lily_session_persist(session) }
        })
    }

    /// Persists, and makes what is stored survive power loss.
    pub fn flush(&mut self, session: &Session) -> Result<()> {
        self.call(session, |session| {
            // SAFETY: the session is alive.
            unsafe { sys::lily_session_flush(session) }
        })
    }

    /// Persists, and then sets the fields that others changed. A field that was removed, has expired, or was stored before a clear, even
    /// one of this session, is reset to the value from before it was attached. A dirty field is left alone.
    ///
    /// Returns the fields that it set or reset. If it fails, only [events](Config::on_event) report those.
    ///
    /// ```
    /// # use lily_session::{EventKind, Persistence, Runtime, Storage};
    /// # let storage = Storage::in_memory()?;
    /// # let fields = Persistence::new().field("volume", |volume: &i64| volume, |volume, new| *volume = new);
    /// # let mut runtime = Runtime::without_update(50);
    /// # let session = runtime.attach(fields, &storage)?;
    /// storage.set("lily_session_volume", "70")?; // as another program may
    /// for change in runtime.refresh(&session)? {
    ///     println!("{} is new: {:?}", change.key, change.kind);
    /// #     assert_eq!((change.key.as_str(), change.kind), ("volume", EventKind::Changed));
    /// }
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn refresh(&mut self, session: &Session) -> Result<Vec<FieldChange>> {
        let heard = self.find(session)?.heard.clone();
        listening(&[heard], || {
            self.call(session, |session| {
                // SAFETY: the session is alive.
                unsafe { sys::lily_session_refresh(session) }
            })
        })
    }

    /// Takes the events that came since the last time, if the session was attached with [`Config::keep_events`].
    pub fn take_events(&mut self, session: &Session) -> Vec<OwnedEvent> {
        let kept = self
            .find(session)
            .ok()
            .and_then(|found| lock(&found.heard).events.as_mut().map(std::mem::take));
        kept.unwrap_or_default()
    }

    /// Makes the next dispatch, persist, flush or detach store a field, even if it does not change. Use it for a default that the user
    /// confirmed, or for a choice that equals the value this program saw last, when another program may have changed it since. `key` is
    /// the key of the field, without the prefix. Fails with [`Status::NotFound`] if the session has no such field.
    pub fn mark(&mut self, session: &Session, key: &str) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.call(session, |session| {
            // SAFETY: the session is alive, and the key is valid during the call.
            unsafe { sys::lily_session_mark(session, key.as_ptr()) }
        })
    }

    /// Persists, and then renews the expiry of what is stored for a field, by storing the same value again. `key` is the key of the
    /// field, without the prefix.
    pub fn touch(&mut self, session: &Session, key: &str) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.call(session, |session| {
            // SAFETY: the session is alive, and the key is valid during the call.
            unsafe { sys::lily_session_touch(session, key.as_ptr()) }
        })
    }

    /// Persists, and then replaces what is stored for a field by what `modify` makes of it, without losing what another program stores at the
    /// same time: for counters and lists that several programs change. Sets the field in the model to what storage then holds, which may
    /// already be a newer value of another program. Renews the field's expiry.
    ///
    /// `modify` gets the stored value, or `None` if nothing is stored. It is called again if another program stores something meanwhile, so
    /// it must not count its calls. If it returns an error, nothing changes, and the function fails with [`Status::Callback`], with that
    /// error as the source. `T` is the type of the field. If what is stored does not have it, the function fails with [`Status::Decode`],
    /// and what is stored stays. `key` is the key of the field, without the prefix.
    ///
    /// ```
    /// # use lily_session::{Persistence, Runtime, Storage};
    /// # let storage = Storage::in_memory()?;
    /// # let fields = Persistence::new().field("visits", |visits: &i64| visits, |visits, new| *visits = new);
    /// # let mut runtime = Runtime::without_update(0);
    /// # let session = runtime.attach(fields, &storage)?;
    /// runtime.modify(&session, "visits", |visits: Option<&i64>| Ok(visits.unwrap_or(&0) + 1))?;
    /// assert_eq!(*runtime.model(), 1);
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn modify<T: FieldType>(
        &mut self,
        session: &Session,
        key: &str,
        modify: impl FnMut(Option<&T>) -> Result<T, BoxError>,
    ) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.refuse_poison()?;
        let found = self.find(session)?;
        let session = found.session.as_ptr();
        modify::run(modify, |modify, context| {
            // SAFETY: the session is alive, the key is valid during the call, and the context is the one of the function.
            unsafe { sys::lily_session_modify(session, key.as_ptr(), modify, context) }
        })
        .map_err(|error| error.about(found.storage.path()))
    }

    /// Removes what is stored for a field, and sets the field in the model to the value that it had before it was attached. `key` is the key
    /// of the field, without the prefix.
    pub fn reset(&mut self, session: &Session, key: &str) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.call(session, |session| {
            // SAFETY: the session is alive, and the key is valid during the call.
            unsafe { sys::lily_session_reset(session, key.as_ptr()) }
        })
    }

    /// Does what [`persist`](Runtime::persist) does, for each session. Returns the first failure, in the order in which they were attached;
    /// the others are persisted all the same.
    pub fn persist_all(&mut self) -> Result<()> {
        self.refuse_poison()?;
        // SAFETY: the runtime is alive.
        border::call(|| unsafe { sys::lily_session_runtime_persist(self.runtime.as_ptr()) })
            .map_err(|error| error.about(self.path()))
    }

    /// Does what [`refresh`](Runtime::refresh) does, for each session. Returns the first failure, in the order in which they were attached;
    /// the others are refreshed all the same.
    pub fn refresh_all(&mut self) -> Result<Vec<FieldChange>> {
        self.refuse_poison()?;
        let all: Vec<_> = self.attached.iter().map(|attached| attached.heard.clone()).collect();
        listening(&all, || {
            // SAFETY: the runtime is alive.
            border::call(|| unsafe { sys::lily_session_runtime_refresh(self.runtime.as_ptr()) })
                .map_err(|error| error.about(self.path()))
        })
    }

    /// Returns the least of what [`next_expiry`](Runtime::next_expiry) returns for each session, or `None` if no stored field will expire.
    pub fn next_expiry_of_all(&self) -> Option<Duration> {
        // SAFETY: the runtime is alive.
        until(|| unsafe { sys::lily_session_runtime_next_expiry(self.runtime.as_ptr()) })
    }

    /// Returns the time until the next stored field that this session has loaded or stored expires. Zero means that one has expired, and
    /// that [`refresh`](Runtime::refresh) will reset it. `None` means that none will expire.
    pub fn next_expiry(&self, session: &Session) -> Option<Duration> {
        let session = self.find(session).ok()?.session.as_ptr();
        // SAFETY: the session is alive.
        until(|| unsafe { sys::lily_session_next_expiry(session) })
    }

    /// Returns what storage holds of a field now, or what it was last seen to hold if it cannot be read. `key` is the key of the field,
    /// without the prefix. Fails with [`Status::NotFound`] if the session has no such field.
    pub fn field_state(&self, session: &Session, key: &str) -> Result<FieldState> {
        let key = c_string("the field's key", key)?;
        let session = self.find(session)?.session.as_ptr();
        let mut state = 0;
        // SAFETY: the session is alive, and the key is valid during the call.
        border::call(|| unsafe { sys::lily_session_field_state(session, key.as_ptr(), &mut state) })?;
        Ok(FieldState::from_code(state))
    }

    /// Flushes, or only persists if the storage was opened with [`no_sync`](crate::StorageOptions::no_sync), and then ends the session,
    /// even if that fails. Returns the result of the flush, or of the persist. If the runtime is poisoned, nothing is stored.
    pub fn detach(&mut self, session: Session) -> Result<()> {
        let attached = self.find(&session)?;
        let (session, no_sync) = (attached.session.as_ptr(), attached.storage.no_sync());
        let path = attached.storage.path().map(Path::to_owned);
        if let Err(poisoned) = self.refuse_poison() {
            self.end(session);
            return Err(poisoned);
        }
        let stored = border::run(|| {
            // SAFETY: the session is alive.
            unsafe {
                if no_sync {
                    sys::lily_session_persist(session)
                } else {
                    sys::lily_session_flush(session)
                }
            }
        });
        self.end(session);
        stored.settle().map_err(|error| error.about(path.as_deref()))
    }

    /// Ends the session without a flush. It calls no closure.
    pub fn abandon(&mut self, session: Session) -> Result<()> {
        let session = self.find(&session)?.session.as_ptr();
        self.end(session);
        Ok(())
    }

    fn end(&mut self, session: *mut sys::lily_session) {
        // SAFETY: this is the handle's last use.
        let ended = border::run_void(|| unsafe { sys::lily_session_abandon(session) });
        self.attached.retain(|attached| attached.session.as_ptr() != session);
        ended.settle_unless_panicking();
    }

    fn find(&self, session: &Session) -> Result<&Attached> {
        let found = self.attached.iter().find(|attached| attached.name == session.0);
        found.ok_or_else(|| Error::new(Status::InvalidArgument, "the session does not belong to this runtime"))
    }

    fn call(
        &mut self,
        session: &Session,
        function: impl FnOnce(*mut sys::lily_session) -> sys::lily_session_status,
    ) -> Result<()> {
        self.refuse_poison()?;
        let found = self.find(session)?;
        border::call(|| function(found.session.as_ptr())).map_err(|error| error.about(found.storage.path()))
    }

    fn refuse_poison(&self) -> Result<()> {
        if !self.is_poisoned() {
            return Ok(());
        }
        let message = "an update has panicked, so the model may be half changed: repair it and call clear_poison, or call into_model";
        Err(Error::new(Status::Callback, message))
    }

    /// Returns the path of the file, if the sessions have only one.
    fn path(&self) -> Option<&Path> {
        let mut paths = self.attached.iter().map(|attached| attached.storage.path());
        let first = paths.next()??;
        paths.all(|path| path == Some(first)).then_some(first)
    }
}

impl<M, Msg> Runtime<M, Msg> {
    /// Ends the sessions and frees everything but the model.
    ///
    /// # Safety
    /// The runtime is not used any more.
    unsafe fn release(&mut self) -> Box<M> {
        // SAFETY: the update closure lives until here.
        let is_torn = unsafe { self.update.as_ref() }.map_or(false, |update| update.is_torn);
        let stores = !is_torn && (self.made_by_a_panic || !panicking());
        let attached = std::mem::take(&mut self.attached);
        // SAFETY: these are the last uses of the handles. The model and the closures are alive.
        let freed = border::run_void(|| unsafe {
            if stores {
                sys::lily_session_runtime_free(self.runtime.as_ptr());
            }
            for attached in &attached {
                if stores {
                    sys::lily_session_detach(attached.session.as_ptr());
                } else {
                    sys::lily_session_abandon(attached.session.as_ptr());
                }
            }
            if !stores {
                sys::lily_session_runtime_free(self.runtime.as_ptr());
            }
        });
        // SAFETY: the model came from a Box, and the library does not use it any more.
        let model = unsafe { Box::from_raw(self.model.as_ptr()) };
        let _update = NonNull::new(self.update).map(|update| {
            // SAFETY: the update closure came from a Box, and the library does not use it any more.
            unsafe { Box::from_raw(update.as_ptr()) }
        });
        freed.settle_unless_panicking();
        model
    }
}

/// Runs a refresh, and returns what the sessions heard of meanwhile.
fn listening(all: &[Arc<Mutex<Heard>>], refresh: impl FnOnce() -> Result<()>) -> Result<Vec<FieldChange>> {
    all.iter().for_each(|heard| lock(heard).changes = Some(Vec::new()));
    let refreshed = refresh();
    let changes = all.iter().filter_map(|heard| lock(heard).changes.take()).flatten().collect();
    refreshed.map(|()| changes)
}

/// Returns the time until an expiry, or `None` if the library returns a negative number, which means that nothing expires.
fn until(next_expiry: impl FnOnce() -> i64) -> Option<Duration> {
    let mut ms = -1;
    border::run_void(|| ms = next_expiry()).settle_unless_panicking();
    u64::try_from(ms).ok().map(Duration::from_millis)
}

impl Session {
    fn new_name() -> u64 {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        NAMES.fetch_add(1, Ordering::Relaxed)
    }
}

impl<M, Msg> Drop for Runtime<M, Msg> {
    fn drop(&mut self) {
        // SAFETY: nothing uses the runtime after this.
        drop(unsafe { self.release() });
    }
}

impl<M: fmt::Debug, Msg> fmt::Debug for Runtime<M, Msg> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: see `Runtime::model`.
        let model = unsafe { self.model.as_ref() };
        f.debug_struct("Runtime")
            .field("model", model)
            .field("sessions", &self.attached.len())
            .finish_non_exhaustive()
    }
}

unsafe extern "C" fn call_update<M, Msg>(
    context: *mut c_void,
    model: *mut c_void,
    message: *const c_void,
) -> *mut c_void {
    border::guard(ptr::null_mut(), || {
        // SAFETY: these are the runtime's update closure and model, and the message of dispatch, which borrows all of them mutably.
        let (update, given, message) = unsafe {
            (&mut *context.cast::<Update<M, Msg>>(), &mut *model.cast::<M>(), &mut *(message as *mut Option<Msg>))
        };
        update.is_torn = true;
        let outcome = message.take().map(|message| (update.closure)(given, message));
        update.is_torn = false;
        match outcome {
            Some(Ok(())) => model,
            Some(Err(error)) => {
                border::keep_failure(sys::LILY_SESSION_ERROR_UPDATE, error);
                ptr::null_mut()
            }
            None => ptr::null_mut(),
        }
    })
}
