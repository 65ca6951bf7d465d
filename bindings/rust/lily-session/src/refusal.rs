//! Why a stored value was refused, or a value cannot be stored, in words that do not quote the value.

use crate::{border, sys, BoxError, Types};
use std::cell::RefCell;

/// A refusal that waits for its event.
struct Refusal {
    step: Step,
    key: String,
    reason: Reason,
}

/// What was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A stored value, which was to be set.
    Set,
    /// The field's value, which was to be stored.
    Get,
}

/// Why a value was refused. It is public because a public trait has it, but its module is private.
pub struct Reason {
    pub(crate) text: String,
    /// `true` if the program's own error says it, which may quote the value.
    pub(crate) is_the_programs: bool,
}

impl Reason {
    pub(crate) fn of_the_type(error: BoxError) -> Self {
        Reason { text: error.to_string(), is_the_programs: false }
    }

    pub(crate) fn of_the_program(error: BoxError) -> Self {
        Reason { text: error.to_string(), is_the_programs: true }
    }

    /// Returns what the library says itself of the event that it delivers.
    pub(crate) fn of_the_library(key: &str) -> Option<Self> {
        // SAFETY: the text is valid until this thread's next call, and is copied before that.
        let text = unsafe { border::c_text(sys::lily_session_last_error()) }.filter(|text| !text.is_empty())?;
        let text = text.strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
        Some(Reason { text: text.to_owned(), is_the_programs: false })
    }
}

/// Keeps why the value of the field with this key cannot be stored, for the event of it and as the source of the call's error.
pub(crate) fn keep_unstorable(key: &str, status: i32, error: BoxError) {
    // What a closure says, or a type's own Serialize, may quote the value.
    #[cfg(feature = "serde")]
    let is_of_serde = error.is::<serde_json::Error>();
    #[cfg(not(feature = "serde"))]
    let is_of_serde = false;
    let is_the_programs = is_of_serde || status != sys::LILY_SESSION_ERROR_ENCODE;
    keep(Step::Get, key, Reason { text: error.to_string(), is_the_programs });
    border::keep_failure(status, error);
}

thread_local! {
    // What the fields of this thread's calls refused. The library passes on numbers only, and delivers the events when the step is over.
    static REFUSALS: RefCell<Vec<Refusal>> = const { RefCell::new(Vec::new()) };
}

/// Keeps why a value of the field with this key was refused, for the event of it.
pub(crate) fn keep(step: Step, key: &str, reason: Reason) {
    let _ = REFUSALS.try_with(|all| {
        let mut all = all.borrow_mut();
        all.retain(|refusal| refusal.step != step || refusal.key != key);
        all.push(Refusal { step, key: key.to_owned(), reason });
    });
}

/// Takes why a value of the field with this key was refused.
pub(crate) fn take(step: Step, key: &str) -> Option<Reason> {
    let taken = REFUSALS.try_with(|all| {
        let mut all = all.borrow_mut();
        let at = all.iter().position(|refusal| refusal.step == step && refusal.key == key)?;
        Some(all.swap_remove(at).reason)
    });
    taken.ok().flatten()
}

/// Returns why a value that no field was given was refused: the library found another type than the field accepts.
pub(crate) fn of_types(types: Types) -> Reason {
    let names = [
        (Types::NULL, "null"),
        (Types::BOOL, "a boolean"),
        (Types::INT, "an integer"),
        (Types::REAL, "a number"),
        (Types::STRING, "a string"),
        (Types::JSON, "JSON"),
    ];
    let accepted: Vec<_> = names
        .iter()
        .filter(|(r#type, _)| types.0 & r#type.0 != 0)
        .map(|(_, name)| *name)
        .collect();
    Reason { text: format!("invalid type, expected {}", accepted.join(" or ")), is_the_programs: false }
}

/// Returns what serde found wrong, and where, without what it quotes of the text. Of the names in the text only `names` are told.
#[cfg(feature = "serde")]
pub(crate) fn of_serde(error: &serde_json::Error, text: &str, names: &[&str]) -> String {
    let wrong = wording(&error.to_string(), names);
    // A stored text is one line, and serde_json counts its bytes.
    match error.column() {
        0 => wrong,
        column if error.line() == 1 => format!("{wrong}, at {} (byte {column})", place(text, column, names)),
        column => format!("{wrong}, at line {} column {column}", error.line()),
    }
}

/// What serde and serde_json call the kinds of values.
#[cfg(feature = "serde")]
const KINDS: [&str; 18] = [
    "boolean",
    "integer",
    "floating point",
    "number",
    "character",
    "string",
    "byte array",
    "null",
    "unit value",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
];

/// Keeps of serde's message what does not come from the text: the kind of failure, the kind of value, and what was expected. A type that
/// reads itself may say anything in such a message, so only known kinds and names are told.
#[cfg(feature = "serde")]
fn wording(message: &str, names: &[&str]) -> String {
    let message = message.rfind(" at line ").map_or(message, |end| &message[..end]);
    let expected = message.rfind(", expected ").map_or("", |at| &message[at..]);
    for kind in ["invalid type", "invalid value"] {
        if let Some(found) = message.strip_prefix(kind).and_then(|rest| rest.strip_prefix(": ")) {
            let found = found.split(&['`', '"', ','][..]).next().unwrap_or_default().trim_end();
            let found = KINDS.iter().find(|known| **known == found);
            return format!("{kind}{}{expected}", found.map_or(String::new(), |found| format!(": {found}")));
        }
    }
    for kind in ["unknown variant", "unknown field", "invalid length"] {
        if message.starts_with(kind) {
            return format!("{kind}{expected}");
        }
    }
    for kind in ["missing field", "duplicate field"] {
        if let Some(name) = message.strip_prefix(kind) {
            let is_known = names.contains(&name.trim().trim_matches('`'));
            return format!("{kind}{}", if is_known { name } else { "" });
        }
    }
    let is_too_deep = message == "recursion limit exceeded";
    if is_too_deep { "recursion limit exceeded" } else { "the type refuses it" }.to_owned()
}

/// Returns the path in a JSON text of what stands before the byte `end`, such as `[2].price`; `the value` for the whole.
/// A name that is not one of `names` may be data, and is `?`.
#[cfg(feature = "serde")]
fn place(text: &str, end: usize, names: &[&str]) -> String {
    enum Step<'a> {
        Item(usize),
        Member(&'a str),
    }
    let mut steps: Vec<Step<'_>> = Vec::new();
    let bytes = text.as_bytes();
    let (mut at, end) = (0, end.min(bytes.len()));
    while at < end {
        match bytes[at] {
            b'[' => steps.push(Step::Item(0)),
            b'{' => steps.push(Step::Member("")),
            b']' | b'}' => drop(steps.pop()),
            b',' => {
                if let Some(Step::Item(index)) = steps.last_mut() {
                    *index += 1;
                }
            }
            b'"' => {
                let length = string_length(&bytes[at..]);
                let is_name = bytes.get(at + length) == Some(&b':');
                if let (true, Some(Step::Member(name))) = (is_name, steps.last_mut()) {
                    let quoted = text[at..at + length].trim_matches('"');
                    *name = names.iter().find(|known| **known == quoted).unwrap_or(&"?");
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    let path: String = steps
        .iter()
        .map(|step| match step {
            Step::Item(index) => format!("[{index}]"),
            Step::Member(name) => format!(".{name}"),
        })
        .collect();
    let path = path.strip_prefix('.').unwrap_or(&path);
    if path.is_empty() {
        "the value".to_owned()
    } else {
        path.to_owned()
    }
}

/// Returns the length of the JSON string at the beginning, with its quotes.
#[cfg(feature = "serde")]
fn string_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let end = bytes.iter().skip(1).position(|&byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(bytes.len(), |end| end + 2)
}
