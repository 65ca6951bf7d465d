use crate::{border, sys, Status};

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
            fn from_code(code: i32) -> Self {
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
    /// The field's value could not be read from the model.
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
}

impl<'a> Event<'a> {
    /// Converts an event from the library.
    ///
    /// # Safety
    /// The event comes from the library, and its key lives for `'a`.
    pub(crate) unsafe fn from_c(event: &sys::lily_session_event) -> Event<'a> {
        Event {
            kind: EventKind::from_code(event.kind),
            status: if event.status == sys::LILY_SESSION_OK { None } else { Some(Status::from_code(event.status)) },
            system_error: if event.system_error == 0 { None } else { Some(event.system_error) },
            // SAFETY: the caller guarantees it.
            key: unsafe { border::c_text(event.key) },
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
