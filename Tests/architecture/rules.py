"""Which part may depend on which, as docs/architecture.md says. These are the rules as data."""

# ---- the modules: what the files of a folder may import

IMPORTS = {
    "Sources/LilySession": {"CPlatform"},
    "Sources/LilySession/System/JSON.swift": {"CPlatform", "CJansson"},
    "Sources/LilySession/Swift": {"CPlatform", "Foundation", "FoundationEssentials", "Dispatch"},
    "Sources/LilySessionC": {"CLilySession", "CPlatform", "LilySession"},
    "Sources/LilySessionRedis": {"CLilySession", "CLilySessionRedis", "CRedis"},
    "Sources/LilySessionRedis/RedisStorage.swift": {"CLilySession", "CLilySessionRedis", "LilySession", "LilySessionC"},
}

# ---- the layers of the core: each may name its own types, and those of the layers before it

LAYERS = {
    "values": ["System/*", "Values/*"],
    "storage": ["Storage/*"],
    "session": ["Session/*"],
    "swift": ["Swift/*"],
}

# ---- the seams: the C functions that a file may call; "*" is any function. Every file may call those for memory and text.

MEMORY_AND_TEXT = {"free", "malloc", "memchr", "memcmp", "memcpy", "memmove", "memset", "platform_wipe", "qsort", "realloc", "strlen", "strnlen"}

C_FUNCTIONS = {
    "Sources/LilySession/System/Syscalls.swift": {"*"},
    "Sources/LilySession/System/Syscalls+Folders.swift": {"*"},
    "Sources/LilySession/System/Syscalls+Process.swift": {"*"},
    "Sources/LilySession/System/Syscalls+Watch.swift": {"*"},
    # Here an error of the kernel means something else than elsewhere.
    "Sources/LilySession/Storage/JournalPath.swift": {"platform_errno"},
    "Sources/LilySession/System/Exclusion.swift": {
        "pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_destroy",
        "platform_fork_sentinel_make", "platform_fork_sentinel_free",
    },
    "Sources/LilySession/Storage/Salt.swift": {"platform_crc32c", "platform_crc32c_backwards"},
    "Sources/LilySession/Storage/KeyedSlots.swift": {"platform_hash"},
    "Sources/LilySession/Values/JSONScan.swift": {"platform_plain_of_16", "platform_digits_of_16"},
    "Sources/LilySession/System/JSON.swift": {"newlocale", "uselocale", "freelocale", "strtod", "platform_errno", "platform_set_errno", "platform_lay_out_real"},
    "Sources/LilySessionC/Border.swift": {"platform_message"},
    "Sources/LilySessionC/Backend.swift": {"platform_message", "platform_told"},
    "Sources/LilySessionC/Backend+Open.swift": {"platform_told"},
    "Sources/LilySessionC/RichMember+Check.swift": {"strcmp"},
    "Sources/LilySessionC/RichMember+Load.swift": {"platform_decimal"},
    # This is for the system's words for an error.
    "Sources/LilySession/Swift/Descriptions.swift": {"platform_error_text"},
    "Sources/LilySession/Swift/ValueCoder.swift": {"platform_decimal"},
    "Sources/LilySessionC/Status.swift": {"platform_message", "platform_system_error", "platform_error_text"},
}

# ---- what ends the host

# The only reason is exhausted memory, in the files that cannot work without what they ask malloc for.
FATAL_ERROR = 'fatalError("out of memory")'
MAY_END = {
    "Sources/LilySession/Values/ByteBuffer.swift", "Sources/LilySession/Session/NativeBaseline.swift", "Sources/LilySession/Storage/EntryTable.swift",
}
ENDS = r"\b(?:precondition|preconditionFailure|assert|assertionFailure|abort|exit|unowned|unsafeDowncast)\b"

# ---- what is written once

# The prefix of keys stands in the core, in the command, which shows people the keys of fields without it, in what leaves it out to save memory, and
# where Python looks up when a single field expires, which only the storage can tell.
KEY_PREFIX = '"lily_session_"'
KNOWS_KEY_PREFIX = {
    "Sources/LilySession/Values/Key.swift", "Sources/LilySessionRedis/Layout.swift", "bindings/python/src/lily_session/_sliding.py",
    "tools/lily-session/Sources/lily-session/Keys.swift",
}

# The header's enum is the table of the statuses: the number, name and sentence of each. These lists follow it: a pattern finds what a list
# has of each failure, and a template makes what it must have. White space does not count.
STATUS_LISTS = [
    ("Sources/LilySession/Values/Status.swift", r"static var (?!ok:)\w+: Status .*", "static var {camel}: Status {{ Status(rawValue: {number}) }}"),
    ("Sources/LilySessionC/Status.swift", r'case \.(?!ok:)\w+: "LILY_\w+"', 'case .{camel}: "LILY_SESSION_ERROR_{name}"'),
    ("Sources/LilySession/Swift/Descriptions.swift", r'case \.(?!ok:)\w+: "\w+"', 'case .{camel}: "{camel}"'),
    ("include/lily_session.hpp", r"\n  \w+ = LILY_SESSION_ERROR_\w+", "{snake} = LILY_SESSION_ERROR_{name}"),
    ("include/lily_session.hpp", r"using \w+_error = error_of<status::\w+", "using {snake}_error = error_of<status::{snake}"),
    ("include/lily_session.hpp", r"case status::\w+: throw \w+", "case status::{snake}: throw {snake}_error"),
    ("bindings/python/src/lily_session/_errors.py", r"status = lib\.\w+", "status = lib.LILY_SESSION_ERROR_{name}"),
    ("bindings/rust/lily-session/src/status.rs", r"\w+ = LILY_SESSION_ERROR_\w+", "{pascal} = LILY_SESSION_ERROR_{name}"),
    ("docs/statuses.md", r"## LILY_SESSION_ERROR_\w+ \(-\d+\)", "## LILY_SESSION_ERROR_{name} ({number})"),
    ("docs/man/lily_session.3", r"\.It Dv LILY_SESSION_ERROR_\w+\n(?:[^.].*\n)+", ".It Dv LILY_SESSION_ERROR_{name} {sentence}."),
]

# Bindings know only the headers. These words belong to what is behind it.
HEADERS = ["include/lily_session.h", "include/lily_session_redis.h"]
BINDINGS = [
    "bindings/python/src", "bindings/python/build_native.py", "bindings/rust/lily-session-sys/src", "bindings/rust/lily-session/src",
    "bindings/rust/lily-session-derive/src", "include/lily_session.hpp", "include/lily_session_nlohmann.hpp", "include/lily_session_redis.hpp",
]
# In Rust the unnamed parts of a union have names, and so do the crates.
OF_THE_BINDINGS = {"lily_session_redis", "lily_session_sys", "lily_session_derive", "lily_session_text", "lily_session_value_as"}
BEHIND_THE_HEADER = r"\b(?:flock|fsync|fdatasync|inotify\w*|crc32c?|jansson|session\.jsonl|XDG_STATE_HOME|LILY_SESSION_DIR)\b"

# One class of the command opens and calls storages.
TOOL = "tools/lily-session/Sources/lily-session"
ASKS_STORAGES = {"Store.swift", "Store+Scopes.swift"}
ASKING = r"\b(?:any Storage|MemoryStorage|RedisStorage|ScopedStorage|Runtime|Persistence|Session)\b|\bJournal\b(?!\.defaultPath)"

LONGEST = 300  # a file in Sources has at most so many lines

# ---- what docs/architecture.md names in backticks and Sources do not declare

OF_OTHERS = {
    "flock", "fork", "fsync", "malloc", "rename", "write",  # libc's and the kernel's
    "moved",  # a line of the journal
    "Codable", "String", "Unmanaged", "unowned", "weak",  # Swift's
    "Embedded", "swift",  # a trait of the package; a suite of the tests
}
