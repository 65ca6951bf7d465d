use crate::error::c_string;
use crate::{border, sys, BoxError, Config, Error, FieldState, Outcome, Persistence, Result, Status, Storage};
use std::convert::Infallible;
use std::fmt;
use std::os::raw::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

type Update<M, Msg> = Box<dyn FnMut(&mut M, Msg) -> Result<(), BoxError> + Send>;

/// A model, its update closure, and the sessions that are attached to it.
///
/// The runtime owns all of them. What uses the model takes `&mut self`: nobody has a reference to the model then, and no closure
/// can call the runtime that is calling it.
///
/// ```compile_fail,E0502
/// # use lily_session::Runtime;
/// let mut runtime = Runtime::new(0, |count: &mut u32, step: u32| *count += step);
/// let count = runtime.model();
/// runtime.dispatch(1);
/// println!("{count}"); // the compiler refuses: dispatch changes it
/// ```
///
/// # Threads
///
/// A runtime may be sent to another thread, if its model can be, and so put into a mutex; it cannot be used by two at once:
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
/// # Drop
///
/// Detaches the sessions, each of which stores what changed and makes it durable. It cannot say that this failed, and so
/// [`flush`](Runtime::flush) or [`detach`](Runtime::detach) is better where that matters.
pub struct Runtime<M, Msg = Infallible> {
    runtime: NonNull<sys::lily_session_runtime>,
    /// Of a `Box`. The library has this pointer too; references are made of it only while the runtime is borrowed.
    model: NonNull<M>,
    /// Of a `Box`, likewise; NULL where there is no update closure.
    update: *mut Update<M, Msg>,
    attached: Vec<Attached>,
}

/// One attachment of fields to a [`Runtime`], which has it until it is detached or dropped: its functions take this to say
/// which of its sessions they are for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Session(u64);

struct Attached {
    name: u64,
    session: NonNull<sys::lily_session>,
    /// The session calls the storage's clock, so it has to end first.
    _storage: Storage,
}

// SAFETY: the header asks that a runtime and its sessions are used by one thread at a time, whichever that is; the library has
// nothing that belongs to a thread but the text of the last error, which is read at once. That is what owning them gives, as there
// is no Sync. What it owns is sent along: the model is Send here, and all closures are by their bounds. The storage is Send.
unsafe impl<M: Send, Msg> Send for Runtime<M, Msg> {}

impl<M: 'static, Msg: 'static> Runtime<M, Msg> {
    /// A runtime that changes its model by messages.
    ///
    /// `update` applies a message to the model. It may refuse with an error, and leaves the model as it was then; a panic counts
    /// as a refusal, before it goes on from the dispatch. Storages may be used inside it, and [cleared](Storage::clear).
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
        Runtime::of(model, Some(Box::new(move |model, message| update(model, message).outcome())))
    }

    /// Updates the model, then stores the fields that changed, in one write for each session.
    ///
    /// [`Status::Update`], [`Status::Reentrant`] and [`Status::InvalidArgument`]: the message was not applied. Any other failure: it
    /// was; a field that could not be stored is tried again by the next dispatch, persist or flush.
    pub fn dispatch(&mut self, message: Msg) -> Result<()> {
        let mut message = Some(message);
        let message: *mut Option<Msg> = &mut message;
        // SAFETY: the runtime is alive, and its callbacks get what they expect: `apply` takes the message out of the option.
        border::call(|| unsafe { sys::lily_session_runtime_dispatch(self.runtime.as_ptr(), message.cast()) })
    }
}

impl<M: 'static> Runtime<M> {
    /// A runtime for a program with a loop of its own, which changes the model through [`model_mut`](Runtime::model_mut) and then
    /// calls [`persist`](Runtime::persist).
    pub fn without_update(model: M) -> Self {
        Runtime::of(model, None)
    }
}

impl<M: 'static, Msg: 'static> Runtime<M, Msg> {
    fn of(model: M, update: Option<Update<M, Msg>>) -> Self {
        let callback = update.as_ref().map(|_| apply::<M, Msg> as _);
        let update = update.map_or(ptr::null_mut(), |update| Box::into_raw(Box::new(update)));
        let model = Box::into_raw(Box::new(model));
        let mut runtime = ptr::null_mut();
        // SAFETY: model and update live until drop has freed the runtime.
        let made = border::call(|| unsafe {
            sys::lily_session_runtime_new(model.cast(), callback, update.cast(), &mut runtime)
        });
        match (NonNull::new(runtime), NonNull::new(model)) {
            (Some(runtime), Some(model)) => Runtime { runtime, model, update, attached: Vec::new() },
            // The header knows one failure, a model that is NULL.
            _ => unreachable!("lily_session_runtime_new: {made:?}"),
        }
    }

    /// The model.
    pub fn model(&self) -> &M {
        // SAFETY: the model lives as long as self, and is changed only through &mut self.
        unsafe { self.model.as_ref() }
    }

    /// The model, to be changed. [`persist`](Runtime::persist) stores what differs; the next dispatch does, too.
    pub fn model_mut(&mut self) -> &mut M {
        // SAFETY: as in `model`.
        unsafe { self.model.as_mut() }
    }

    /// Fills the model from storage, and from then on stores the fields that change. Attaching writes nothing.
    ///
    /// `config` is a [`Config`], or a `&Storage` where no more is to be said. A stored value that is absent, of another type
    /// or refused leaves its field alone; an [event](Config::on_event) tells of what was refused.
    ///
    /// Fails with what was wrong with a field of the list; with [`Status::DuplicateKey`] where another session of this runtime
    /// has one of the keys in the same storage; and with what reading the storage fails with. The model is as it was then.
    pub fn attach<S: 'static>(
        &mut self,
        mut fields: Persistence<S>,
        config: impl Into<Config<M, S>>,
    ) -> Result<Session> {
        let list = fields.list()?;
        let (config, storage) = config.into().into_c();
        let mut session = ptr::null_mut();
        let answer = border::run(|| {
            // SAFETY: all are alive. The context is the session's from here on, and given back also when this fails.
            unsafe { sys::lily_session_attach(self.runtime.as_ptr(), list, &config, &mut session) }
        });
        let name = Session::new_name();
        if let Some(session) = NonNull::new(session) {
            if answer.is_panic() {
                // SAFETY: the handle's last use. No flush: the closures have panicked once.
                border::run_void(|| unsafe { sys::lily_session_abandon(session.as_ptr()) }).settle_unless_panicking();
            } else {
                self.attached.push(Attached { name, session, _storage: storage });
            }
        }
        answer.settle()?;
        Ok(Session(name))
    }

    /// "The model may have changed": stores the fields that did, as [`dispatch`](Runtime::dispatch) does.
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

    /// Persists, then takes over what others did: a field that was changed elsewhere is set; one that was removed elsewhere or has
    /// expired, or that was stored before a clear, whoever made it, is set to its value from before it was attached. An
    /// [event](Config::on_event) for each. A dirty field is left alone.
    pub fn refresh(&mut self, session: &Session) -> Result<()> {
        self.call(session, |session| {
            // SAFETY: the session is alive.
            unsafe { sys::lily_session_refresh(session) }
        })
    }

    /// Has the next dispatch, persist, flush or detach store a field, whether it changes or not: for a default that the user
    /// confirmed, or a choice that equals what this program saw last while another program changed it. `key` is the field's,
    /// without the prefix; [`Status::NotFound`]: the session has no such field.
    pub fn mark(&mut self, session: &Session, key: &str) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.call(session, |session| {
            // SAFETY: the session is alive, and the key is for the call.
            unsafe { sys::lily_session_mark(session, key.as_ptr()) }
        })
    }

    /// Persists, then stores what storage holds of a field again, which renews its expiry. `key` is the field's, without the prefix.
    pub fn touch(&mut self, session: &Session, key: &str) -> Result<()> {
        let key = c_string("the field's key", key)?;
        self.call(session, |session| {
            // SAFETY: the session is alive, and the key is for the call.
            unsafe { sys::lily_session_touch(session, key.as_ptr()) }
        })
    }

    /// How long until the next of the session's stored fields expires, as far as it has seen them; zero: one has, and
    /// [`refresh`](Runtime::refresh) takes it back. `None`: none will.
    pub fn next_expiry(&self, session: &Session) -> Option<Duration> {
        let session = self.find(session).ok()?;
        let mut ms = -1;
        border::run_void(|| {
            // SAFETY: the session is alive.
            ms = unsafe { sys::lily_session_next_expiry(session) };
        })
        .settle_unless_panicking();
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    /// What storage holds of a field now, or was last seen to hold where it cannot be read. `key` is the field's, without the prefix;
    /// [`Status::NotFound`]: the session has no such field.
    pub fn field_state(&self, session: &Session, key: &str) -> Result<FieldState> {
        let key = c_string("the field's key", key)?;
        let session = self.find(session)?;
        let mut state = 0;
        // SAFETY: the session is alive, and the key is for the call.
        border::call(|| unsafe { sys::lily_session_field_state(session, key.as_ptr(), &mut state) })?;
        Ok(FieldState::from_code(state))
    }

    /// Flushes, then ends the session. It is ended whatever the flush answers.
    pub fn detach(&mut self, session: Session) -> Result<()> {
        let session = self.find(&session)?;
        // SAFETY: the session is alive.
        let flushed = border::run(|| unsafe { sys::lily_session_flush(session) });
        self.end(session);
        flushed.settle()
    }

    /// Ends the session without a flush, calling nothing.
    pub fn abandon(&mut self, session: Session) -> Result<()> {
        let session = self.find(&session)?;
        self.end(session);
        Ok(())
    }

    fn end(&mut self, session: *mut sys::lily_session) {
        // SAFETY: the handle's last use.
        let answer = border::run_void(|| unsafe { sys::lily_session_abandon(session) });
        self.attached.retain(|attached| attached.session.as_ptr() != session);
        answer.settle_unless_panicking();
    }

    fn find(&self, session: &Session) -> Result<*mut sys::lily_session> {
        let found = self.attached.iter().find(|attached| attached.name == session.0);
        found
            .map(|attached| attached.session.as_ptr())
            .ok_or_else(|| Error::new(Status::InvalidArgument, "the session is not one of this runtime"))
    }

    fn call(
        &mut self,
        session: &Session,
        function: impl FnOnce(*mut sys::lily_session) -> sys::lily_session_status,
    ) -> Result<()> {
        let session = self.find(session)?;
        border::call(|| function(session))
    }
}

impl Session {
    fn new_name() -> u64 {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        NAMES.fetch_add(1, Ordering::Relaxed)
    }
}

impl<M, Msg> Drop for Runtime<M, Msg> {
    fn drop(&mut self) {
        // SAFETY: the last uses of the handles. The model and the closures are alive.
        let answer = border::run_void(|| unsafe {
            sys::lily_session_runtime_free(self.runtime.as_ptr());
            for attached in &self.attached {
                sys::lily_session_detach(attached.session.as_ptr());
            }
        });
        // SAFETY: both came from a Box, and the library is done with them. Here, the model's destructor may panic: then the rest
        // is dropped all the same, as they are values of their own.
        let _model = unsafe { Box::from_raw(self.model.as_ptr()) };
        let _update = NonNull::new(self.update).map(|update| {
            // SAFETY: likewise.
            unsafe { Box::from_raw(update.as_ptr()) }
        });
        answer.settle_unless_panicking();
    }
}

impl<M: fmt::Debug, Msg> fmt::Debug for Runtime<M, Msg> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: as in `Runtime::model`.
        let model = unsafe { self.model.as_ref() };
        f.debug_struct("Runtime")
            .field("model", model)
            .field("sessions", &self.attached.len())
            .finish_non_exhaustive()
    }
}

unsafe extern "C" fn apply<M, Msg>(context: *mut c_void, model: *mut c_void, message: *const c_void) -> *mut c_void {
    border::guard(ptr::null_mut(), || {
        // SAFETY: the runtime's update and model, which is borrowed mutably by dispatch, as is dispatch's message.
        let (update, given, message) = unsafe {
            (&mut *context.cast::<Update<M, Msg>>(), &mut *model.cast::<M>(), &mut *(message as *mut Option<Msg>))
        };
        match message.take().map(|message| update(given, message)) {
            Some(Ok(())) => model,
            Some(Err(error)) => {
                border::keep_failure(sys::LILY_SESSION_ERROR_UPDATE, error);
                ptr::null_mut()
            }
            None => ptr::null_mut(),
        }
    })
}
