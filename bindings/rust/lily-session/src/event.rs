use crate::{border, sys, Status};

/// What happened to a field, or to the store. What it borrows is for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// Why, where something failed.
    pub status: Option<Status>,
    /// The system's error number, where there is one: `std::io::Error::from_raw_os_error` has its text.
    pub system_error: Option<i32>,
    /// The field's key; `None`: it is about the store.
    pub key: Option<&'a str>,
}

macro_rules! kinds {
    ($($(#[$about:meta])* $name:ident = $code:ident,)*) => {
        /// What an [`Event`] tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$about])* $name,)*
            /// Something that this version of the crate has no name for.
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
    /// Attach: what is stored was not accepted. It stays until the field changes.
    Rejected = LILY_SESSION_EVENT_REJECTED,
    /// Attach: stored by a newer version of the field. It stays until the field changes.
    Newer = LILY_SESSION_EVENT_NEWER,
    /// The field's value could not be taken.
    FieldFailed = LILY_SESSION_EVENT_FIELD_FAILED,
    /// The field could not be stored, and is dirty.
    WriteFailed = LILY_SESSION_EVENT_WRITE_FAILED,
    /// Attach: lines of the file were damaged, and skipped.
    Damaged = LILY_SESSION_EVENT_DAMAGED,
    /// Attach: others can write to the file's directory.
    Directory = LILY_SESSION_EVENT_DIRECTORY,
    /// Refresh: another changed the field, and it was set.
    Changed = LILY_SESSION_EVENT_CHANGED,
    /// Refresh: another removed it, and it was set to its value from before hydration.
    Removed = LILY_SESSION_EVENT_REMOVED,
    /// Refresh: it expired; likewise.
    Expired = LILY_SESSION_EVENT_EXPIRED,
    /// Refresh: the session was cleared; likewise. In any call, without a status: a change that could not be stored before a clear
    /// was dropped.
    Cleared = LILY_SESSION_EVENT_CLEARED,
    /// What was written may not survive power loss.
    NotDurable = LILY_SESSION_EVENT_NOT_DURABLE,
    /// The file cannot be rewritten: it grows on, or still holds what was removed or cleared.
    NotRewritten = LILY_SESSION_EVENT_NOT_REWRITTEN,
}

impl<'a> Event<'a> {
    /// # Safety
    /// The event is the library's, and its key lives for `'a`.
    pub(crate) unsafe fn from_c(event: &sys::lily_session_event) -> Event<'a> {
        Event {
            kind: EventKind::from_code(event.kind),
            status: if event.status == sys::LILY_SESSION_OK { None } else { Some(Status::from_code(event.status)) },
            system_error: if event.system_error == 0 { None } else { Some(event.system_error) },
            // SAFETY: the caller's word.
            key: unsafe { border::text(event.key) },
        }
    }
}

/// What storage holds of a field, and whether the model has something newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldState {
    /// What is stored.
    pub stored: Stored,
    /// The model has something that is not stored yet.
    pub dirty: bool,
}

/// What is stored of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stored {
    /// Nothing.
    Absent,
    /// What the session has, or had.
    Loaded,
    /// Something that was not accepted.
    Rejected,
    /// Something that has expired, and reads as absent.
    Expired,
    /// What was migrated from an older version of the field, or is stored under a former key. While it is dirty it is to be stored
    /// anew.
    Migrated,
    /// What a newer version of the field stored.
    Newer,
    /// Something that this version of the crate has no name for.
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
