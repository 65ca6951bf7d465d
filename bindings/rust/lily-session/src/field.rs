//! Fields: single values of a session, with their keys, the closures that read and set them, and their options.

use crate::error::c_string;
use crate::persistence::Definition;
use crate::refusal::{self, Reason, Step};
use crate::{border, sys, time, BoxError, FieldType, Json, Outcome, Result, Types, Value};
use std::fmt;
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// A field: a value that is stored, with its key, and the closures that read it from the session `S` and set it there.
///
/// [`Persistence::field`](crate::Persistence::field) is enough for most fields. Make a field that expires, has a version or has former
/// keys with [`Field::new`], and add it with [`Persistence::with`](crate::Persistence::with).
///
/// ```
/// use lily_session::{Field, Persistence};
/// use std::time::Duration;
///
/// struct Shop { token: Option<String>, theme: String }
///
/// let week = Duration::from_secs(7 * 24 * 3600);
/// let fields = Persistence::new()
///     .field("theme", |shop: &Shop| &shop.theme, |shop, theme| shop.theme = theme)
///     .with(Field::new("token", |shop: &Shop| &shop.token, |shop, token| shop.token = token).expires_after(week));
/// ```
#[must_use = "a field does nothing before it is in a Persistence"]
pub struct Field<S, A> {
    key: String,
    former_keys: Vec<String>,
    expires_after: Duration,
    version: u32,
    migrates: bool,
    access: A,
    session: PhantomData<fn(&mut S)>,
}

/// Reads and sets the value of a field. [`Field::new`], [`Field::by_value`] and [`Field::dynamic`] make it from their closures.
pub trait Access<S>: Send + Sync + 'static {
    /// What one attachment keeps between two calls: what the library borrows until the next get.
    #[doc(hidden)]
    type Kept: Default + Send;
    #[doc(hidden)]
    fn types(&self) -> Types;
    #[doc(hidden)]
    fn get<'a>(&'a self, session: &'a S, kept: &'a mut Self::Kept) -> Result<Value<'a>, GetError>;
    #[doc(hidden)]
    fn set(&self, session: &mut S, value: Value<'_>) -> Result<(), Reason>;
    #[doc(hidden)]
    fn migrate<'a>(&'a self, version: u32, stored: &str, kept: &'a mut Self::Kept) -> Result<Value<'a>, BoxError>;
}

/// Why a field has no value to store. It is public because of the trait above, but its module is private.
pub enum GetError {
    /// The program's closure failed.
    Closure(BoxError),
    /// The value cannot be stored.
    Encode(BoxError),
}

/// The migration of a value: from the stored version and JSON to the value of this version.
pub(crate) type Migrate<T> = Box<dyn Fn(u32, &str) -> Result<T, BoxError> + Send + Sync>;

pub(crate) fn no_migration() -> BoxError {
    "the field has no migration".into()
}

/// A value that a closure returned, and the text that serde wrote of it. The buffer is kept, so that the next get does not allocate.
pub struct Kept<T> {
    value: Option<T>,
    written: Vec<u8>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { value: None, written: Vec::new() }
    }
}

impl<T: FieldType> Kept<T> {
    pub(crate) fn keep(&mut self, value: T) -> Result<Value<'_>, BoxError> {
        self.value.insert(value).value(&mut self.written)
    }
}

fn set_typed<S, T: FieldType, R: Outcome>(
    set: impl Fn(&mut S, T) -> R,
    session: &mut S,
    value: Value<'_>,
) -> Result<(), Reason> {
    let value = T::from_value(value).map_err(Reason::of_the_type)?;
    set(session, value).outcome().map_err(Reason::of_the_program)
}

fn migrate_typed<'a, T: FieldType>(
    migrate: &Option<Migrate<T>>,
    version: u32,
    stored: &str,
    kept: &'a mut Kept<T>,
) -> Result<Value<'a>, BoxError> {
    kept.keep(migrate.as_ref().ok_or_else(no_migration)?(version, stored)?)
}

/// The access of a field with a type, made by [`Field::new`].
pub struct Typed<T, G, F> {
    get: G,
    set: F,
    migrate: Option<Migrate<T>>,
}

impl<S, T, G, F, R> Access<S> for Typed<T, G, F>
where
    S: 'static,
    T: FieldType + Send,
    G: Fn(&S) -> &T + Send + Sync + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
    R: Outcome,
{
    type Kept = Kept<T>;

    fn types(&self) -> Types {
        T::types()
    }

    #[inline]
    fn get<'a>(&'a self, session: &'a S, kept: &'a mut Kept<T>) -> Result<Value<'a>, GetError> {
        (self.get)(session).value(&mut kept.written).map_err(GetError::Encode)
    }

    fn set(&self, session: &mut S, value: Value<'_>) -> Result<(), Reason> {
        set_typed(&self.set, session, value)
    }

    fn migrate<'a>(&'a self, version: u32, stored: &str, kept: &'a mut Kept<T>) -> Result<Value<'a>, BoxError> {
        migrate_typed(&self.migrate, version, stored, kept)
    }
}

/// The access of a field whose value is made anew by each get, made by [`Field::by_value`].
pub struct ByValue<T, G, F>(Typed<T, G, F>);

impl<S, T, G, F, R> Access<S> for ByValue<T, G, F>
where
    S: 'static,
    T: FieldType + Send,
    G: Fn(&S) -> T + Send + Sync + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
    R: Outcome,
{
    type Kept = Kept<T>;

    fn types(&self) -> Types {
        T::types()
    }

    fn get<'a>(&'a self, session: &'a S, kept: &'a mut Kept<T>) -> Result<Value<'a>, GetError> {
        kept.keep((self.0.get)(session)).map_err(GetError::Encode)
    }

    fn set(&self, session: &mut S, value: Value<'_>) -> Result<(), Reason> {
        set_typed(&self.0.set, session, value)
    }

    fn migrate<'a>(&'a self, version: u32, stored: &str, kept: &'a mut Kept<T>) -> Result<Value<'a>, BoxError> {
        migrate_typed(&self.0.migrate, version, stored, kept)
    }
}

/// The access of a field of several types, made by [`Field::dynamic`].
pub struct Dynamic<G, F> {
    types: Types,
    get: G,
    set: F,
    migrate: Option<Migrate<Json>>,
}

impl<S, G, F> Access<S> for Dynamic<G, F>
where
    S: 'static,
    G: for<'a> Fn(&'a S) -> Result<Value<'a>, BoxError> + Send + Sync + 'static,
    F: Fn(&mut S, Value<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
{
    type Kept = Json;

    fn types(&self) -> Types {
        self.types
    }

    #[inline]
    fn get<'a>(&'a self, session: &'a S, _: &'a mut Json) -> Result<Value<'a>, GetError> {
        (self.get)(session).map_err(GetError::Closure)
    }

    fn set(&self, session: &mut S, value: Value<'_>) -> Result<(), Reason> {
        (self.set)(session, value).map_err(Reason::of_the_program)
    }

    fn migrate<'a>(&'a self, version: u32, stored: &str, kept: &'a mut Json) -> Result<Value<'a>, BoxError> {
        *kept = self.migrate.as_ref().ok_or_else(no_migration)?(version, stored)?;
        Ok(Value::Json(&kept.0))
    }
}

impl<S, T, G, F, R> Field<S, Typed<T, G, F>>
where
    S: 'static,
    T: FieldType + Send,
    G: Fn(&S) -> &T + Send + Sync + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
    R: Outcome,
{
    /// Makes a field that is stored under `lily_session_` followed by `key`, which has 1 to 256 bytes.
    ///
    /// `get` returns the value in the session. `set` puts a stored value there. It may refuse the value with an error, and then the
    /// session and the stored value stay as they are. If nothing is stored, the field keeps the value that the session has when it is
    /// attached.
    pub fn new(key: impl Into<String>, get: G, set: F) -> Self {
        Field::of(key, Typed { get, set, migrate: None })
    }

    /// Sets the closure that makes a value from what an older [`version`](Field::version) of the field stored. It gets that version and
    /// the stored JSON. If it returns an error, the stored value is rejected, and stays in storage until the field changes.
    ///
    /// ```
    /// # use lily_session::{Field, Status, Storage, Runtime, Persistence};
    /// struct App { volume: i64 }
    ///
    /// // Version 0 stored a fraction, such as 0.5; version 1 stores a percentage.
    /// let volume = Field::new("volume", |app: &App| &app.volume, |app, volume| app.volume = volume)
    ///     .version(1)
    ///     .migrate(|_version, json| json.parse::<f64>().map(|fraction| (fraction * 100.0) as i64));
    /// # let storage = Storage::in_memory()?;
    /// # storage.set("lily_session_volume", "0.5")?;
    /// # let mut runtime = Runtime::without_update(App { volume: 0 });
    /// # let session = runtime.attach(Persistence::new().with(volume), &storage)?;
    /// # assert_eq!(runtime.model().volume, 50);
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn migrate<E: Into<BoxError>>(
        mut self,
        migrate: impl Fn(u32, &str) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.access.migrate = Some(Box::new(move |version, stored| migrate(version, stored).map_err(Into::into)));
        self.migrates = true;
        self
    }
}

impl<S, T, G, F, R> Field<S, ByValue<T, G, F>>
where
    S: 'static,
    T: FieldType + Send,
    G: Fn(&S) -> T + Send + Sync + 'static,
    F: Fn(&mut S, T) -> R + Send + Sync + 'static,
    R: Outcome,
{
    /// Makes a field whose `get` returns a value and not a reference, for what the session has in another form than it is stored: behind
    /// a function, in a cell, or as a type of another crate. Otherwise it is [`Field::new`].
    ///
    /// ```
    /// # use lily_session::{Field, Persistence, Runtime, Storage};
    /// # use std::time::Duration;
    /// struct Player { position: Duration }
    ///
    /// let position = Field::by_value(
    ///     "position_ms",
    ///     |player: &Player| player.position.as_millis() as i64,
    ///     |player, ms| u64::try_from(ms).map(|ms| player.position = Duration::from_millis(ms)),
    /// );
    /// # let storage = Storage::in_memory()?;
    /// # storage.set("lily_session_position_ms", "1500")?;
    /// # let mut runtime = Runtime::without_update(Player { position: Duration::ZERO });
    /// # runtime.attach(Persistence::new().with(position), &storage)?;
    /// # assert_eq!(runtime.model().position, Duration::from_millis(1500));
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn by_value(key: impl Into<String>, get: G, set: F) -> Self {
        Field::of(key, ByValue(Typed { get, set, migrate: None }))
    }

    /// Sets the closure that makes a value from what an older version stored, as the `migrate` of a field made by [`Field::new`].
    pub fn migrate<E: Into<BoxError>>(
        mut self,
        migrate: impl Fn(u32, &str) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.access.0.migrate = Some(Box::new(move |version, stored| migrate(version, stored).map_err(Into::into)));
        self.migrates = true;
        self
    }
}

impl<S, G, F> Field<S, Dynamic<G, F>>
where
    S: 'static,
    G: for<'a> Fn(&'a S) -> Result<Value<'a>, BoxError> + Send + Sync + 'static,
    F: Fn(&mut S, Value<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
{
    /// Makes a field whose values have any of `types`. It is for a value that has no Rust type of its own in the session.
    ///
    /// `get` may fail, and then only this field fails, until the next update. `set` may refuse a value with an error.
    ///
    /// ```
    /// # use lily_session::{Field, Persistence, Runtime, Storage, Types, Value};
    /// #[derive(Clone, Copy)]
    /// enum Theme { Light, Dark }
    ///
    /// struct App { theme: Theme }
    ///
    /// let theme = Field::dynamic(
    ///     "theme",
    ///     Types::STRING,
    ///     |app: &App| Ok(Value::String(match app.theme { Theme::Light => "light", Theme::Dark => "dark" })),
    ///     |app, value| {
    ///         app.theme = match value {
    ///             Value::String("light") => Theme::Light,
    ///             Value::String("dark") => Theme::Dark,
    ///             _ => return Err("no such theme".into()),
    ///         };
    ///         Ok(())
    ///     },
    /// );
    /// # let storage = Storage::in_memory()?;
    /// # storage.set("lily_session_theme", "\"dark\"")?;
    /// # let mut runtime = Runtime::without_update(App { theme: Theme::Light });
    /// # runtime.attach(Persistence::new().with(theme), &storage)?;
    /// # assert!(matches!(runtime.model().theme, Theme::Dark));
    /// # Ok::<(), lily_session::Error>(())
    /// ```
    pub fn dynamic(key: impl Into<String>, types: Types, get: G, set: F) -> Self {
        Field::of(key, Dynamic { types, get, set, migrate: None })
    }

    /// Sets the closure that makes JSON text of this version from what an older [`version`](Field::version) of the field stored.
    /// [`Types::JSON`] must be among the types of the field.
    pub fn migrate<E: Into<BoxError>>(
        mut self,
        migrate: impl Fn(u32, &str) -> Result<Json, E> + Send + Sync + 'static,
    ) -> Self {
        self.access.migrate = Some(Box::new(move |version, stored| migrate(version, stored).map_err(Into::into)));
        self.migrates = true;
        self
    }
}

impl<S: 'static, A: Access<S>> Field<S, A> {
    fn of(key: impl Into<String>, access: A) -> Self {
        Field {
            key: key.into(),
            former_keys: Vec::new(),
            expires_after: Duration::ZERO,
            version: 0,
            migrates: false,
            access,
            session: PhantomData,
        }
    }

    /// Makes the stored value expire this long after it was last written or [touched](crate::Runtime::touch). The duration is rounded up
    /// to whole milliseconds. Zero, the default, means that the value does not expire.
    pub fn expires_after(mut self, duration: Duration) -> Self {
        self.expires_after = duration;
        self
    }

    /// Sets the version of the value's shape, which is 0 by default. A value that a newer version of the field stored is left alone.
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets the former keys of the field, the latest first. They are removed when the field is stored under its own key.
    pub fn former_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.former_keys = keys.into_iter().map(Into::into).collect();
        self
    }
}

/// The context of a field in one list of the library's.
struct Context<S, A: Access<S>> {
    field: Arc<Field<S, A>>,
    kept: A::Kept,
}

impl<S: 'static, A: Access<S>> Definition for Field<S, A> {
    fn key(&self) -> &str {
        &self.key
    }

    fn types(&self) -> Types {
        self.access.types()
    }

    fn add_to(self: Arc<Self>, list: ptr::NonNull<sys::lily_session_persistence>) -> Result<()> {
        let key = c_string("the field's key", self.key.as_str())?;
        let former_keys = self
            .former_keys
            .iter()
            .map(|key| c_string("a former key", key.as_str()))
            .collect::<Result<Vec<_>>>()?;
        let mut former_keys: Vec<_> = former_keys.iter().map(|key| key.as_ptr()).collect();
        former_keys.push(ptr::null());
        let field = sys::lily_session_field {
            key: key.as_ptr(),
            types: self.access.types().0,
            get: Some(call_get::<S, A>),
            set: Some(call_set::<S, A>),
            release: Some(border::release_box::<Context<S, A>>),
            expires_after_ms: time::milliseconds(self.expires_after),
            version: self.version,
            migrate: if self.migrates { Some(call_migrate::<S, A>) } else { None },
            former_keys: former_keys.as_ptr(),
            context: Box::into_raw(Box::new(Context { field: self, kept: A::Kept::default() })).cast(),
            ..Default::default()
        };
        // SAFETY: the list is alive, and the field's strings are valid during the call. The library owns the context from here on, even
        // if the call fails, and releases it once.
        border::call(|| unsafe { sys::lily_session_field_add(list.as_ptr(), &field) })
    }
}

impl<S, A> fmt::Debug for Field<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("key", &self.key)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

// The context of these three functions is the `Context` of `add_to`. Nothing else has a reference to it: each attachment has a list of its
// own, one thread at a time uses its session, and the library calls no callback of a field inside another one.

unsafe extern "C" fn call_get<S: 'static, A: Access<S>>(
    context: *mut c_void,
    session: *const c_void,
    out_value: *mut sys::lily_session_value,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: see above for the context. `session` is the runtime's model, or what the config's slice returned last. It is a valid
        // `S`, and does not change during the call. The library does not use the text after the next call.
        let (context, session, out_value) =
            unsafe { (&mut *context.cast::<Context<S, A>>(), &*session.cast::<S>(), &mut *out_value) };
        match context.field.access.get(session, &mut context.kept) {
            Ok(value) => {
                value.to_c(out_value);
                sys::LILY_SESSION_OK
            }
            Err(GetError::Closure(error)) => {
                refusal::keep_unstorable(&context.field.key, sys::LILY_SESSION_ERROR_CALLBACK, error);
                sys::LILY_SESSION_ERROR_CALLBACK
            }
            Err(GetError::Encode(error)) => {
                refusal::keep_unstorable(&context.field.key, sys::LILY_SESSION_ERROR_ENCODE, error);
                out_value.r#type = NOT_A_TYPE;
                sys::LILY_SESSION_OK
            }
        }
    })
}

/// The type of a value that the library refuses to store.
const NOT_A_TYPE: i32 = 0;

unsafe extern "C" fn call_set<S: 'static, A: Access<S>>(
    context: *mut c_void,
    session: *mut c_void,
    value: *const sys::lily_session_value,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: see `call_get`. Nobody else has a reference to the session. The value is valid during the call.
        let (context, session, value) =
            unsafe { (&mut *context.cast::<Context<S, A>>(), &mut *session.cast::<S>(), Value::from_c(&*value)) };
        match value.map(|value| context.field.access.set(session, value)) {
            Some(Ok(())) => sys::LILY_SESSION_OK,
            Some(Err(reason)) => {
                refusal::keep(Step::Set, &context.field.key, reason);
                sys::LILY_SESSION_ERROR_DECODE
            }
            None => sys::LILY_SESSION_ERROR_DECODE,
        }
    })
}

unsafe extern "C" fn call_migrate<S: 'static, A: Access<S>>(
    context: *mut c_void,
    stored_version: u32,
    stored: *const sys::lily_session_value,
    out_value: *mut sys::lily_session_value,
) -> sys::lily_session_status {
    // SAFETY: see `call_get` for the context. The library does not use the new text after the next call.
    unsafe {
        let context = &mut *context.cast::<Context<S, A>>();
        let (field, kept) = (&context.field, &mut context.kept);
        migrate_value(stored, out_value, Some(&field.key), |stored| field.access.migrate(stored_version, stored, kept))
    }
}

/// Runs a migration. `key` is the field's, if it is known.
///
/// # Safety
/// The values are those that the library gave, and it does not use the new text after the next call.
pub(crate) unsafe fn migrate_value<'a>(
    stored: *const sys::lily_session_value,
    out_value: *mut sys::lily_session_value,
    key: Option<&str>,
    migrate: impl FnOnce(&str) -> Result<Value<'a>, BoxError>,
) -> sys::lily_session_status {
    border::guard(sys::LILY_SESSION_ERROR_CALLBACK, || {
        // SAFETY: the caller guarantees it.
        let (stored, out_value) = unsafe { (Value::from_c(&*stored), &mut *out_value) };
        let stored = match stored {
            Some(Value::Json(stored)) => stored,
            _ => return sys::LILY_SESSION_ERROR_DECODE,
        };
        match migrate(stored) {
            Ok(value) => {
                value.to_c(out_value);
                sys::LILY_SESSION_OK
            }
            Err(error) => {
                if let Some(key) = key {
                    refusal::keep(Step::Set, key, Reason::of_the_program(error));
                }
                sys::LILY_SESSION_ERROR_DECODE
            }
        }
    })
}
