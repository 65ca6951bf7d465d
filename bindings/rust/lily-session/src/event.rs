use crate::refusal::Reason;
use crate::{border, sys, Status};
use std::{fmt, io};

/// Something that happened to a field or to the store. What it borrows is valid during the call of the closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// The reason, if something failed.
    pub status: Option<Status>,
    /// The system's error number, if there is one. `std::io::Error::from_raw_os_error` has its text.
    pub system_error: Option<i32>,
    /// The key of the field; `None` if the event is about the store.
    pub key: Option<&'a str>,
    /// Why a stored value was refused: what is wrong with it and where, as in `invalid type: string, expected u32, at [2].price (byte
    /// 31)`, which does not quote it; or what the program's own closure said. Or why the field's value cannot be stored.
    pub reason: Option<&'a str>,
    reason_is_the_programs: bool,
}

/// Has the key and the reason in one sentence, which never contains a value: what the program's own closure said is left out.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(self.kind.sentence())?;
        match (self.reason, self.system_error, self.status) {
            (Some(reason), ..) if !self.reason_is_the_programs => write!(f, ": {reason}"),
            (_, Some(number), _) => write!(f, ": {}", io::Error::from_raw_os_error(number)),
            (None, None, Some(status)) => write!(f, " ({status})"),
            _ => Ok(()),
        }
    }
}

/// An [`Event`] that owns its key: see [`Config::keep_events`](crate::Config::keep_events).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnedEvent {
    /// What happened.
    pub kind: EventKind,
    /// The reason, if something failed.
    pub status: Option<Status>,
    /// The system's error number, if there is one.
    pub system_error: Option<i32>,
    /// The key of the field; `None` if the event is about the store.
    pub key: Option<String>,
    /// Why a stored value was refused: see [`Event::reason`].
    pub reason: Option<String>,
}

impl From<Event<'_>> for OwnedEvent {
    fn from(event: Event<'_>) -> Self {
        OwnedEvent {
            kind: event.kind,
            status: event.status,
            system_error: event.system_error,
            key: event.key.map(Into::into),
            reason: event.reason.map(Into::into),
        }
    }
}

/// A field that a refresh set or reset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// The key of the field, without the prefix.
    pub key: String,
    /// What happened: [`EventKind::Changed`], [`Removed`](EventKind::Removed), [`Expired`](EventKind::Expired) or
    /// [`Cleared`](EventKind::Cleared).
    pub kind: EventKind,
}

macro_rules! kinds {
    ($($(#[$about:meta])* $name:ident = $code:ident,)*) => {
        /// What an [`Event`] reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$about])* $name,)*
            /// An event that this version of the crate does not know.
            Other(i32),
        }

        impl EventKind {
            pub(crate) fn from_code(code: i32) -> Self {
                match code {
                    $(sys::$code => EventKind::$name,)*
                    _ => EventKind::Other(code),
                }
            }
        }
    };
}

kinds! {
    /// The stored value was not accepted. It stays until the field changes.
    Rejected = LILY_SESSION_EVENT_REJECTED,
    /// A newer version of the field stored the value. It stays until the field changes.
    Newer = LILY_SESSION_EVENT_NEWER,
    /// The field's value could not be read from the model, or cannot be stored.
    FieldFailed = LILY_SESSION_EVENT_FIELD_FAILED,
    /// The field could not be stored, and is dirty.
    WriteFailed = LILY_SESSION_EVENT_WRITE_FAILED,
    /// Lines of the file were damaged, and skipped.
    Damaged = LILY_SESSION_EVENT_DAMAGED,
    /// Other users could exchange the file: see [`Info::directory_is_open`](crate::Info::directory_is_open).
    Directory = LILY_SESSION_EVENT_DIRECTORY,
    /// During a refresh: somebody else changed the field, and the model was set to the new value.
    Changed = LILY_SESSION_EVENT_CHANGED,
    /// During a refresh: somebody else removed the field, and the model was reset to the value from before attach.
    Removed = LILY_SESSION_EVENT_REMOVED,
    /// During a refresh: the field expired, and the model was reset to the value from before attach.
    Expired = LILY_SESSION_EVENT_EXPIRED,
    /// During a refresh: the session was cleared, and the model was reset to the value from before attach. During any call, without
    /// a status: a change that could not be stored before a clear was dropped.
    Cleared = LILY_SESSION_EVENT_CLEARED,
    /// What was written may not survive power loss.
    NotDurable = LILY_SESSION_EVENT_NOT_DURABLE,
    /// The file cannot be rewritten. It keeps growing, or still has what was removed or cleared.
    NotRewritten = LILY_SESSION_EVENT_NOT_REWRITTEN,
    /// During attach: the store works, but is set up so that it may lose entries, or the like.
    Notice = LILY_SESSION_EVENT_NOTICE,
}

impl EventKind {
    fn sentence(self) -> &'static str {
        match self {
            EventKind::Rejected => "the stored value was refused, and stays until the field changes",
            EventKind::Newer => "a newer version stored the value, which stays until the field changes",
            EventKind::FieldFailed => "the field's value could not be read from the model, or cannot be stored",
            EventKind::WriteFailed => "the field could not be stored",
            EventKind::Damaged => "lines of the file were damaged, and skipped",
            EventKind::Directory => "other users could exchange the file",
            EventKind::Changed => "the field was changed elsewhere",
            EventKind::Removed => "the field was removed elsewhere",
            EventKind::Expired => "the field expired",
            EventKind::Cleared => "the field was cleared",
            EventKind::NotDurable => "what was written may not survive power loss",
            EventKind::NotRewritten => "the file cannot be rewritten",
            EventKind::Notice => "the store works, but may lose entries, or the like",
            EventKind::Other(_) => "something happened that this version of the crate does not know",
        }
    }

    /// Returns `true` if something is wrong that somebody should learn of.
    pub(crate) fn is_warning(self) -> bool {
        !matches!(self, EventKind::Changed | EventKind::Removed | EventKind::Expired | EventKind::Cleared)
    }
}

impl<'a> Event<'a> {
    /// Converts an event from the library.
    ///
    /// # Safety
    /// The event comes from the library, and its key lives for `'a`.
    pub(crate) unsafe fn from_c(event: &sys::lily_session_event, reason: Option<&'a Reason>) -> Event<'a> {
        Event {
            kind: EventKind::from_code(event.kind),
            status: if event.status == sys::LILY_SESSION_OK { None } else { Some(Status::from_code(event.status)) },
            system_error: if event.system_error == 0 { None } else { Some(event.system_error) },
            // SAFETY: the caller guarantees it.
            key: unsafe { border::c_text(event.key) },
            reason: reason.map(|reason| reason.text.as_str()),
            reason_is_the_programs: reason.map_or(false, |reason| reason.is_the_programs),
        }
    }
}

/// What storage holds of a field, and whether the model has a newer value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldState {
    /// What is stored.
    pub stored: Stored,
    /// `true` if the model has a change of the field that is not stored yet.
    pub dirty: bool,
}

/// What is stored of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stored {
    /// Nothing is stored.
    Absent,
    /// A value that the model has or had.
    Loaded,
    /// A value that was not accepted.
    Rejected,
    /// A value that has expired, and counts as absent.
    Expired,
    /// A value that was migrated from an older version of the field, or is stored under a former key. While the field is dirty, it still
    /// has to be stored in its new form.
    Migrated,
    /// A value that a newer version of the field stored.
    Newer,
    /// A state that this version of the crate does not know.
    Other(i32),
}

impl FieldState {
    pub(crate) fn from_code(code: i32) -> Self {
        let stored = match code & !sys::LILY_SESSION_STATE_DIRTY {
            sys::LILY_SESSION_STATE_ABSENT => Stored::Absent,
            sys::LILY_SESSION_STATE_LOADED => Stored::Loaded,
            sys::LILY_SESSION_STATE_REJECTED => Stored::Rejected,
            sys::LILY_SESSION_STATE_EXPIRED => Stored::Expired,
            sys::LILY_SESSION_STATE_MIGRATED => Stored::Migrated,
            sys::LILY_SESSION_STATE_NEWER => Stored::Newer,
            other => Stored::Other(other),
        };
        FieldState { stored, dirty: code & sys::LILY_SESSION_STATE_DIRTY != 0 }
    }
}
