/** @file
 * lily-session saves selected fields of a program's state, and restores them at
 * the next start.
 *
 * A program names the fields of its model that are to be saved, and how each is
 * read and set. lily_session_attach() fills the model from storage. After each
 * update the library writes the fields that changed, and only those.
 * lily_session_clear() deletes everything that fields have stored.
 *
 * @par Statuses
 *   Functions that can fail return a ::lily_session_status: 0, or a negative
 *   number that names the failure. lily_session_last_error() has the sentence for
 *   it. On failure an out handle becomes NULL and every other output stays
 *   untouched.
 * @par Threads
 *   A storage may be used from any thread. A runtime and its sessions are used
 *   by one thread at a time. A field list may be attached in several threads at
 *   once, but nothing may be added to it meanwhile.
 * @par Callbacks
 *   No lock is held while a callback runs. An update function may call the
 *   storage functions and lily_session_clear(). Calling dispatch, set_model,
 *   persist, flush, refresh, touch, modify, reset or attach on a runtime from one of its own
 *   callbacks returns ::LILY_SESSION_ERROR_REENTRANT. Calls of detach, abandon
 *   and runtime_free inside a callback take effect when the outermost call
 *   returns. A callback must return; it must not leave by longjmp or by an
 *   exception.
 * @par Memory
 *   Handles may be freed in any order: a session retains its storage and its
 *   fields. The library frees neither model nor slice. The caller frees what
 *   the library allocates for it by lily_session_free().
 * @par Handles that were given back
 *   A handle that was closed, freed or detached must not be used again. The
 *   library detects such a mistake where it can: until the memory is reused, a
 *   call with such a handle, or with one of another kind, returns
 *   INVALID_ARGUMENT, and giving it back again does nothing. Do not rely on that:
 *   the call reads freed memory, which AddressSanitizer and valgrind report.
 * @par fork
 *   A child process must open storages of its own. A call with an inherited one returns
 *   ::LILY_SESSION_ERROR_FORKED; the child may close it.
 * @par Signals
 *   No function is safe in a signal handler.
 * @par Limits
 *   Network file systems are not supported: their locks and renames are not
 *   dependable.
 *
 * Structs that begin with `size` may grow in later versions: initialise them with
 * their _INIT macro, or zero them and set `size`. The library accepts a struct larger than the one it knows if
 * the members that it does not know are zero.
 *
 * Comments name statuses without their prefix: INVALID_ARGUMENT is
 * ::LILY_SESSION_ERROR_INVALID_ARGUMENT.
 *
 * Times are UTC in milliseconds since 1970. Strings are UTF-8. Sizes are bytes.
 */
#ifndef LILY_SESSION_H
#define LILY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#include <type_traits>
#endif

/** @defgroup library The library
 * Its version, its handles and its statuses.
 * @{ */

#define LILY_SESSION_VERSION_MAJOR 0 /**< the major version of this header */
#define LILY_SESSION_VERSION_MINOR 1 /**< the minor version of this header */
#define LILY_SESSION_VERSION_PATCH 0 /**< the patch version of this header */
#define LILY_SESSION_VERSION "0.1.0" /**< the version of this header; lily_session_version() returns the library's */

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ handles */

typedef struct lily_session_storage lily_session_storage;         /**< durable map of key -> JSON text */
typedef struct lily_session_persistence lily_session_persistence; /**< an ordered list of fields */
typedef struct lily_session_runtime lily_session_runtime;         /**< a model and its update function */
typedef struct lily_session lily_session;                         /**< one attachment of fields to a runtime */

/* ----------------------------------------------------------------- statuses */

/** What a function returns: a ::lily_session_status_code, as a number of 32 bits.
 * Later versions may return codes that this header does not have. */
typedef int32_t lily_session_status;

/** The values of a ::lily_session_status. The number of a code never changes, and
 * is never given to another one. */
enum lily_session_status_code {
  LILY_SESSION_OK = 0,                      /**< done */
  LILY_SESSION_ERROR_INVALID_ARGUMENT = -1, /**< an argument is NULL, has a wrong size, is not UTF-8 or is out of range, or the session is detached */
  LILY_SESSION_ERROR_DUPLICATE_KEY = -2,    /**< another field already uses this key */
  LILY_SESSION_ERROR_NOT_FOUND = -3,        /**< there is no such key, or no such file */
  LILY_SESSION_ERROR_REENTRANT = -4,        /**< the function was called from inside a callback of the same runtime */
  LILY_SESSION_ERROR_UNSUPPORTED = -5,      /**< this object cannot do what was asked */
  LILY_SESSION_ERROR_FORKED = -6,           /**< the storage was opened by the parent process */
  LILY_SESSION_ERROR_DECODE = -10,          /**< the text is not JSON, or its type is not accepted */
  LILY_SESSION_ERROR_ENCODE = -11,          /**< the field's value cannot be stored: it has another type, or is NaN, not UTF-8, not JSON or too big */
  LILY_SESSION_ERROR_CALLBACK = -12,        /**< one of the program's callbacks failed */
  LILY_SESSION_ERROR_UPDATE = -13,          /**< the update function refused the message */
  LILY_SESSION_ERROR_NEWER = -14,           /**< a newer version of the program or of this library has written it */
  LILY_SESSION_ERROR_IO = -20,              /**< the system refused; the event has the errno, and the message its text */
  LILY_SESSION_ERROR_NO_SPACE = -21,        /**< the disk is full, or its quota or the file size limit is reached */
  LILY_SESSION_ERROR_NOT_DURABLE = -22,     /**< the change is made and visible to all, but may not survive power loss */
  LILY_SESSION_ERROR_PERMISSION = -23,      /**< the rights of the file or its directory do not allow it, or the storage is READ_ONLY */
  LILY_SESSION_ERROR_REFUSED = -24,         /**< the file is not a journal of this user's: it has another format, owner or kind, or a second link; or STRICT was set, and other users could exchange it in its directory */
  LILY_SESSION_ERROR_CORRUPT = -25,         /**< the file is damaged, and STRICT was set */
  LILY_SESSION_ERROR_QUOTA = -26,           /**< a size limit would be exceeded */
  LILY_SESSION_ERROR_BUSY = -27             /**< another process held the store's lock for 5 s */
};

/** Gives a context back to the program. The library calls it exactly once: when
 * nothing uses the context any more, or when the call that was given the context
 * fails. */
typedef void (*lily_session_release_fn)(void *context);

/** Returns the version of the library that runs, as a static string. The version
 * of the header is LILY_SESSION_VERSION.
 * @since 0.1 */
const char *lily_session_version(void);

/** Returns the name of a status as a static string, such as
 * "LILY_SESSION_ERROR_QUOTA"; for an unknown number "LILY_SESSION_ERROR_UNKNOWN".
 * @since 0.1 */
const char *lily_session_status_name(lily_session_status status);

/** Returns this thread's last failure in one line of UTF-8, such as "cannot open
 * /srv/shop.jsonl: Permission denied", or "" after a success. It names keys and
 * paths, never values. Every function that returns a status sets it, and so does
 * lily_session_persistence_new(); in nested calls, the outermost sets it.
 * Functions that return void leave it alone. The text lives until this thread's
 * next call.
 * @since 0.1 */
const char *lily_session_last_error(void);

/** Returns the system's error number (errno) of the failure that
 * lily_session_last_error() describes, such as ENOENT; 0 if the system did not
 * cause it, and after a success.
 * @since 0.1 */
int32_t lily_session_last_system_error(void);

/** Frees memory that a function of this library allocated for the caller. NULL is
 * allowed.
 * @since 0.1 */
void lily_session_free(void *memory);

/** @} */

/* ------------------------------------------------------------------- values */
/** @defgroup values Values
 * What fields hold, and what is stored under a key.
 * @{ */

/** The types of values. They are bits, because a field may accept several. */
enum lily_session_value_type {
  LILY_SESSION_NULL = 1,    /**< null */
  LILY_SESSION_BOOL = 2,    /**< true and false */
  LILY_SESSION_INT = 4,     /**< a number without fraction and exponent that fits int64_t */
  LILY_SESSION_REAL = 8,    /**< any number, as a double */
  LILY_SESSION_STRING = 16, /**< text */
  LILY_SESSION_JSON = 32    /**< anything, as JSON text */
};

/** A field's value. */
typedef struct lily_session_value {
  int32_t type; /**< exactly one ::lily_session_value_type; it says which member of `as` is set */
  /** The value itself. For a NULL no member is set. */
  union {
    bool boolean;    /**< as.boolean, for a BOOL */
    int64_t integer; /**< as.integer, for an INT */
    double real;     /**< as.real, for a REAL */
    /** as.text: for a STRING its characters, which may include NUL; for JSON its text */
    struct {
      const char *bytes; /**< as.text.bytes: UTF-8. The text that set is given ends with a NUL; the text that get gives need not */
      size_t length;     /**< as.text.length: without that NUL */
    } text;
  } as;
} lily_session_value;

/* Functions for languages that have no unions. In C, set and read the members. They
   allocate nothing, and leave lily_session_last_error() alone. */

/** Makes a value null.
 * @param out_value  NULL: nothing happens, here and in the functions that follow
 * @since 0.1 */
void lily_session_value_set_null(lily_session_value *out_value);

/** Makes a value a BOOL.
 * @since 0.1 */
void lily_session_value_set_bool(lily_session_value *out_value, bool boolean);

/** Makes a value an INT.
 * @since 0.1 */
void lily_session_value_set_int(lily_session_value *out_value, int64_t integer);

/** Makes a value a REAL.
 * @since 0.1 */
void lily_session_value_set_real(lily_session_value *out_value, double real);

/** Makes a value a STRING.
 * @param bytes  UTF-8, which need not end with a NUL. The value points to these
 *               bytes, so they must live as long as the library borrows the value
 * @since 0.1 */
void lily_session_value_set_string(lily_session_value *out_value, const char *bytes, size_t length);

/** Makes a value JSON.
 * @param bytes  JSON text, which is borrowed as by lily_session_value_set_string()
 * @since 0.1 */
void lily_session_value_set_json(lily_session_value *out_value, const char *bytes, size_t length);

/** Returns the truth of a BOOL; false for a value of another type, and for NULL.
 * @since 0.1 */
bool lily_session_value_get_bool(const lily_session_value *value);

/** Returns the number of an INT; 0 for a value of another type, and for NULL.
 * @since 0.1 */
int64_t lily_session_value_get_int(const lily_session_value *value);

/** Returns the number of a REAL; 0 for a value of another type, and for NULL.
 * @since 0.1 */
double lily_session_value_get_real(const lily_session_value *value);

/** Returns the characters of a STRING, borrowed as the value is; NULL for a value of
 * another type, and for NULL.
 * @param out_length  their number of bytes; may be NULL. 0 if the function returns NULL
 * @since 0.1 */
const char *lily_session_value_get_string(const lily_session_value *value, size_t *out_length);

/** Returns the text of a JSON value, as lily_session_value_get_string() does.
 * @since 0.1 */
const char *lily_session_value_get_json(const lily_session_value *value, size_t *out_length);

/** Makes the value that shall be stored from the one that is. The library calls it
 * again if another program stores something meanwhile, so it must not count its
 * calls. No lock is held while it runs.
 *
 * @param stored     borrowed for the call; NULL: nothing is stored
 * @param out_value  the library borrows its text until it calls this again, or until
 *                   the call that ran this returns
 * @return anything but LILY_SESSION_OK changes nothing, and that call returns it */
typedef lily_session_status (*lily_session_modify_fn)(void *context, const lily_session_value *stored, lily_session_value *out_value);

/** @} */

/* ------------------------------------------------------------------ storage */
/** @defgroup storage Storage
 * A durable map of keys to JSON text. It is kept in a file, in memory, or in a
 * store of the program's own. A session opens the default file by itself. Open a
 * storage by hand to choose its place and its durability, or to get and set
 * single keys.
 * @{ */

/** What a change survives: the values of lily_session_storage_options::durability. */
enum lily_session_durability {
  LILY_SESSION_DURABILITY_PROCESS = 0, /**< a change survives the end of the process; sync makes it survive power loss */
  LILY_SESSION_DURABILITY_POWER = 1    /**< a change survives power loss once the call has returned; if it may not, the call returns NOT_DURABLE */
};

/** How a storage is opened: the bits of lily_session_storage_options::flags. */
enum lily_session_open_flags {
  LILY_SESSION_READ_ONLY = 1, /**< the library neither writes nor creates the file; opening a missing file returns NOT_FOUND */
  LILY_SESSION_STRICT = 2,    /**< opening a damaged file returns CORRUPT, instead of reading around the damage, and leaves the file's
                                   bytes as they are, but takes others' rights to it away; opening one whose
                                   directory is open to others (lily_session_info::directory_is_open) returns REFUSED */
  LILY_SESSION_EXCLUSIVE = 4, /**< this handle alone writes to the file, until it and its sessions are closed, so an update is one system
                                   call. Opening returns BUSY at once while another handle, of this process or another, is exclusive. Writing
                                   by a handle that is not returns BUSY after 5 s. READ_ONLY handles read on. A child of fork keeps
                                   the file locked until it ends or runs another program. If somebody replaces the file all the same,
                                   the next sync returns NOT_DURABLE once. With READ_ONLY: INVALID_ARGUMENT */
  LILY_SESSION_SCOPE_FILES = 8, /**< each scope is a file of its own, in the directory `<file>.d`: what is done with one costs about the same
                                   however many there are, and the quota counts for each. Made for servers with a scope for each user. All programs
                                   that use the file must open it so. Opening a file that has scopes in it returns UNSUPPORTED;
                                   `lily-session scopes --to-files` moves them */
  LILY_SESSION_NO_SYNC = 16   /**< closing and detaching do not sync, for servers that open a scope for each request. Removed values then stay
                                   in the file until the next sync, flush, or sweep of the scope */
};

/** Returns the time, UTC in ms. It runs on the thread that makes the call. */
typedef int64_t (*lily_session_clock_fn)(void *context);

/** How a storage is opened. Zero means the default of each member. */
typedef struct lily_session_storage_options {
  size_t size;                      /**< sizeof(lily_session_storage_options) */
  int32_t durability;               /**< a ::lily_session_durability */
  int32_t flags;                    /**< the bits of ::lily_session_open_flags, or 0 */
  const char *application;          /**< names the default place: [A-Za-z0-9._-]{1,64}, not beginning with a dot; NULL: the executable's name */
  int64_t quota_bytes;              /**< limits the bytes of all stored keys and values, those of scopes included unless they are files; 0: 5 MiB, -1: no limit */
  lily_session_clock_fn clock;      /**< NULL: the system's clock */
  void *context;                    /**< passed to clock; must outlive the storage */
} lily_session_storage_options;

/** Every option at its default. */
#define LILY_SESSION_STORAGE_OPTIONS_INIT { sizeof(lily_session_storage_options), 0, 0, NULL, 0, NULL, NULL }

/** Opens the journal at `path`, and creates it (mode 0600) if it is missing. Any
 * number of handles and processes may have one file open. Set a limit of file
 * sizes (RLIMIT_FSIZE) before you open a storage: then a write past the limit
 * returns NO_SPACE. Otherwise SIGXFSZ may end the program.
 *
 * That there is a file does not mean that something was stored, because opening
 * creates it. To learn whether something is stored, ask lily_session_field_state()
 * after attach, or lily_session_storage_info() for the entries. Opening with
 * READ_ONLY creates nothing, and returns NOT_FOUND if there is no file.
 *
 * @param path     copied. NULL: the default place,
 *                 `$LILY_SESSION_DIR/<application>/session.jsonl`, else under
 *                 `$XDG_STATE_HOME`, else under `~/.local/state`. Missing
 *                 directories on the way are created (0700); only `$HOME` itself
 *                 must exist. The directory of a path of your own must exist.
 *                 If the options name no application, the executable's name is
 *                 used, without leading dots and with `-` for each character that
 *                 a name cannot have. A program with more rights than its user
 *                 (set-user-ID, file capabilities) has no default place, because
 *                 it does not use the environment.
 * @param options  read during the call; NULL: the defaults
 * @param out_storage  the caller's, to be closed by lily_session_storage_close()
 * @return INVALID_ARGUMENT: path is empty, an option or the value of a variable
 *         is wrong, or an interpreter (python3.11, nodejs, dotnet, …) named no
 *         application; NOT_FOUND: the directory is missing, there is no default
 *         place, or READ_ONLY was set and the file is missing; REFUSED: the file
 *         is not a journal, has a newer format, is a symbolic link or has a second
 *         hard link, belongs to another user, or is larger than 4 GiB, or STRICT
 *         was set and its directory is open to others; CORRUPT: the file is
 *         damaged and STRICT was set; PERMISSION, NO_SPACE, IO: the system refused;
 *         BUSY
 * @since 0.1 */
lily_session_status lily_session_storage_open(const char *path, const lily_session_storage_options *options, lily_session_storage **out_storage);

/** Opens a storage that lives in memory and ends with its handle: for tests, and
 * for programs that want a session without a file. The options clock and
 * quota_bytes are used; the others must be unset.
 * @return INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_storage_open_memory(const lily_session_storage_options *options, lily_session_storage **out_storage);

/** Opens a scope: a storage of its own inside another. Its keys are not keys of
 * the parent, nor of any other scope, and clearing one leaves all others alone.
 * All handles of one scope, in any process, see the same keys. The scope retains
 * its parent and uses the parent's options. A scope cannot have scopes.
 *
 * Where scopes are files (::LILY_SESSION_SCOPE_FILES), the file is made by the
 * first write (mode 0600, in directories of mode 0700), and each open scope holds
 * one descriptor. All scopes of a handle share up to 256 descriptors for
 * directories. lily_session_storage_path(), _fd() and _info() are then those of
 * the scope's own file.
 *
 * @param scope  1 to 64 bytes of UTF-8, such as "user:42"
 * @return INVALID_ARGUMENT; UNSUPPORTED: the parent is a scope, or its scopes are
 *         files and it was opened without ::LILY_SESSION_SCOPE_FILES. For a scope
 *         that is a file, also what lily_session_storage_open() returns, and IO
 *         ("Too many open files") if the process has no descriptor left
 * @since 0.1 */
lily_session_status lily_session_storage_scoped(lily_session_storage *parent, const char *scope, lily_session_storage **out_storage);

/** What lily_session_storage_scopes() calls for each scope. It may use the storage.
 * The name is borrowed for the call. If it returns anything but LILY_SESSION_OK,
 * the walk stops and returns that. */
typedef lily_session_status (*lily_session_scope_fn)(void *context, const char *scope);

/** Calls visit for each scope that holds an entry that has not expired, in byte
 * order of the names. They are a snapshot, and no lock is held while visit runs.
 * Where scopes are files, each is read, which takes some tens of microseconds; a
 * file or directory that cannot be used is left out (`lily-session verify` names files).
 *
 * @param context  passed to visit
 * @return INVALID_ARGUMENT: visit is NULL; UNSUPPORTED: as for
 *         lily_session_storage_scoped(); FORKED; IO
 * @since 0.1 */
lily_session_status lily_session_storage_scopes(lily_session_storage *storage, lily_session_scope_fn visit, void *context);

/** Removes scopes in which everything has expired or was removed. Where scopes are
 * files, it deletes the files. It may run at any time, in any thread or process,
 * beside programs that use the scopes. Where scopes are files, it is like a clear to a
 * session that was attached before; it reads each of them, which takes some tens of
 * microseconds, and leaves those alone that are damaged, have lines of a newer
 * format, are no journals, or are in use just now.
 *
 * @param limit        removes this many at most; 0: no limit. Where scopes are
 *                     files, it also ends once it has looked at that many, when it
 *                     has finished the current one of the 256 folders. The next
 *                     sweep of this handle continues there. So a server calls it
 *                     with the same limit by a timer, and no call takes long
 * @param out_removed  how many were removed; may be NULL
 * @return UNSUPPORTED: as for lily_session_storage_scoped(); PERMISSION, IO: none could
 *         be removed; NOT_DURABLE: with LILY_SESSION_DURABILITY_POWER, a power loss may
 *         bring back what was removed; FORKED
 * @since 0.1 */
lily_session_status lily_session_storage_sweep(lily_session_storage *storage, size_t limit, size_t *out_removed);

/** @defgroup backend Backends
 * A storage may be kept in a store of the program's own.
 * @{ */

/** An entry of a backend. The library borrows the strings of an entry that `read`
 * gives until it calls the backend again on the same thread, and of one that a
 * function visits for the visit. The backend borrows the strings of an entry that it
 * is to write for the call. */
typedef struct lily_session_entry {
  const char *key;       /**< NUL-terminated */
  const char *json;      /**< NUL-terminated if the library passes it; a backend need not terminate it. In a batch, NULL removes the key. A
                              backend returns NULL for an entry that it has and cannot read, which counts as text that is not JSON */
  size_t length;         /**< the length of json in bytes, without the NUL */
  int64_t expires_at_ms; /**< 0: never. A backend returns expired entries, too: the library decides */
  uint32_t version;      /**< the version of the value, as lily_session_field::version */
} lily_session_entry;

/** What a backend calls for each entry. If it returns anything but
 * LILY_SESSION_OK, the backend stops and returns that. */
typedef lily_session_status (*lily_session_entry_fn)(void *context, const lily_session_entry *entry);

/** Reads the entry of a key. Returns NOT_FOUND if there is none. */
typedef lily_session_status (*lily_session_backend_read_fn)(void *context, const char *key, lily_session_entry *out_entry);

/** Writes all entries, or none of them. If the prefix is not NULL and its
 * generation is another than this one, writes none and returns NEWER. */
typedef lily_session_status (*lily_session_backend_write_fn)(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t generation);

/** Removes all keys that begin with the prefix, and raises its generation, in one step. */
typedef lily_session_status (*lily_session_backend_clear_fn)(void *context, const char *prefix);

/** Gives the generation of the prefix: how often it was cleared. */
typedef lily_session_status (*lily_session_backend_generation_fn)(void *context, const char *prefix, uint64_t *out_generation);

/** Calls visit, with visitor as its context, for each entry whose key begins with
 * the prefix, in any order. If visit fails, stops and returns that failure. */
typedef lily_session_status (*lily_session_backend_each_fn)(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor);

/** Makes all that was written survive power loss. */
typedef lily_session_status (*lily_session_backend_sync_fn)(void *context);

/** Returns a descriptor that polls readable after others have changed the store, until
 * something is read from it, or -1. It must be one that poll() can wait for, and stay
 * the same until the store is closed. lily_session_storage_fd() returns another one,
 * which polls readable until each session has refreshed. */
typedef int (*lily_session_backend_fd_fn)(void *context);

/** Closes the store. It runs before release, and only in the process that opened
 * the storage. */
typedef void (*lily_session_backend_close_fn)(void *context);

/** Gives the entry of this key the new expires_at_ms, in one step, if the key
 * still holds this json and version. Otherwise changes nothing and returns
 * NOT_FOUND. */
typedef lily_session_status (*lily_session_backend_renew_fn)(void *context, const lily_session_entry *entry);

/** Writes the entry, in one step, if its key still holds the stored json,
 * version and expires_at_ms or, where stored is NULL, if it has no entry. Otherwise changes nothing and
 * returns NOT_FOUND. stored has no key. The prefix and the generation are as for
 * write. */
typedef lily_session_status (*lily_session_backend_replace_fn)(void *context, const lily_session_entry *stored, const lily_session_entry *entry, const char *prefix, uint64_t generation);

/** Calls visit, with visitor as its context, for the name of each scope that has an
 * entry, in any order. If visit fails, stops and returns that failure. */
typedef lily_session_status (*lily_session_backend_scopes_fn)(void *context, lily_session_scope_fn visit, void *visitor);

/** What a backend calls for each entry that it has loaded, with the place of the
 * entry's key among the keys. If it returns anything but LILY_SESSION_OK, the backend
 * stops and returns that. */
typedef lily_session_status (*lily_session_loaded_fn)(void *visitor, size_t place, const lily_session_entry *entry);

/** Reads the generation of the prefix and the entries of these keys, all as of one
 * moment. Calls visit, with visitor as its context, for each key that has an entry;
 * the entry's own key is not looked at. If visit fails, stops and returns that failure. */
typedef lily_session_status (*lily_session_backend_load_fn)(void *context, const char *prefix, const char *const *keys, size_t count, uint64_t *out_generation, lily_session_loaded_fn visit, void *visitor);

/** Gives the number of entries, with those of scopes and those that have expired, and
 * the bytes of their keys and values. */
typedef lily_session_status (*lily_session_backend_usage_fn)(void *context, int64_t *out_entries, int64_t *out_bytes);

/** Returns such a descriptor for the keys that begin with this prefix, or -1. */
typedef int (*lily_session_backend_prefix_fd_fn)(void *context, const char *prefix);

/** Returns a text that two open stores have in common if they have the same entries,
 * such as an address with the number of a database. It must stay the same, and
 * is borrowed until the store is closed. */
typedef const char *(*lily_session_backend_identity_fn)(void *context);

/** Says that the store works, but is set up so that it may lose entries, or the like. If it
 * is, returns a failure, whose reason lily_session_backend_fail() has told; otherwise
 * LILY_SESSION_OK. Each attach calls it after it has read the store, and reports a failure by the
 * event NOTICE. So a backend that says something once returns LILY_SESSION_OK from then
 * on. It must not wait. */
typedef lily_session_status (*lily_session_backend_notice_fn)(void *context);

/** A store of the program's own. Its functions run on the threads that use the
 * storage, with no lock held. Each returns LILY_SESSION_OK or a failure, which the
 * library returns to its caller; a number that the library does not know becomes
 * IO. A backend keeps a generation for each prefix that is cleared: 0 at first,
 * raised by each clear. */
typedef struct lily_session_backend {
  size_t size;                                   /**< sizeof(lily_session_backend) */
  void *context;                                 /**< passed to each function */
  lily_session_release_fn release;               /**< called when the storage is gone, or when opening fails; may be NULL */
  lily_session_backend_read_fn read;             /**< must be set, unless load is */
  lily_session_backend_write_fn write;           /**< must be set */
  lily_session_backend_clear_fn clear;           /**< must be set */
  lily_session_backend_generation_fn generation; /**< must be set */
  lily_session_backend_each_fn each;             /**< must be set */
  lily_session_backend_sync_fn sync;             /**< NULL: what is written is durable at once, unless write returned NOT_DURABLE */
  lily_session_backend_fd_fn fd;                 /**< NULL: there is no descriptor */
  lily_session_backend_close_fn close;           /**< NULL: there is nothing to do */
  lily_session_backend_renew_fn renew;           /**< NULL: the library reads the entry and writes it again; what another program
                                                      writes between the two is lost */
  lily_session_backend_replace_fn replace;       /**< NULL: as for renew; modifications of two programs at the same time may then lose one */
  lily_session_backend_scopes_fn scopes;         /**< NULL: the library looks at all entries, by each, to find the scopes */
  lily_session_backend_load_fn load;             /**< NULL: the library calls generation, and then read for each key */
  lily_session_backend_each_fn each_unscoped;    /**< as each, but it leaves the keys of scopes out, whatever the prefix; NULL: the library does */
  lily_session_backend_usage_fn usage;           /**< NULL: the library counts, by each */
  lily_session_backend_prefix_fd_fn prefix_fd;   /**< for a scope; NULL: its descriptor is that of the whole store */
  lily_session_backend_identity_fn identity;     /**< NULL: each open store counts as another one, and a runtime could have two sessions for one key */
  lily_session_backend_notice_fn notice;         /**< NULL: there is nothing to say */
} lily_session_backend;

/** A backend without functions. */
#define LILY_SESSION_BACKEND_INIT { sizeof(lily_session_backend), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** A function of a backend calls this to say why it fails, and returns `status`. The
 * reason stands in lily_session_last_error(), and the number in events.
 *
 * @param reason        copied; at most 132 bytes of it; such as "no reply from 127.0.0.1:6379".
 *                      It must not contain a value
 * @param system_error  an errno, or 0
 * @return status
 * @since 0.1 */
lily_session_status lily_session_backend_fail(lily_session_status status, const char *reason, int system_error);

/** A function of a backend calls this to tell the generation that the prefix has now:
 * write and replace before they return NEWER. It spares the library a call of generation.
 * @since 0.1 */
void lily_session_backend_tell_generation(uint64_t generation);

/** Opens a storage in a store of the program's own. The library keeps the rules of
 * keys, values, expiry, versions and scopes. The backend itself limits the size,
 * if it wants to, by returning QUOTA. Keys of scopes begin with U+0001; no other
 * key may begin with it, and no scope's name may contain it.
 *
 * @param backend  copied; the storage owns the context from here on
 * @param options  clock and the flag NO_SYNC are used, and durability is what the
 *                 backend promises of each write, which lily_session_storage_info()
 *                 reports; the others must be unset
 * @return INVALID_ARGUMENT: size, read (or load), write, clear, generation or each is not set
 * @since 0.1 */
lily_session_status lily_session_storage_open_backend(const lily_session_backend *backend, const lily_session_storage_options *options, lily_session_storage **out_storage);

/** @} */

/** Makes what this handle wrote survive power loss, as far as it can, and gives
 * the handle back. Sessions that use the storage keep it open. In a child of
 * fork the call only frees memory and descriptors. NULL is allowed.
 * @since 0.1 */
void lily_session_storage_close(lily_session_storage *storage);

/** Returns the file's path, made absolute, or NULL if the storage has no file or is
 * NULL. The text lives as long as the handle.
 * @since 0.1 */
const char *lily_session_storage_path(const lily_session_storage *storage);

/** Copies the JSON text that is stored under `key` now, whichever program wrote it.
 *
 * @param key         the whole storage key, such as "lily_session_theme":
 *                    1 to 1024 bytes of UTF-8
 * @param out_json    NUL-terminated, the caller's: lily_session_free()
 * @param out_length  without the NUL; may be NULL
 * @return NOT_FOUND: the key is absent or has expired; DECODE: what is stored is
 *         not JSON;
 *         INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 *
 * Runs no callback but clock.
 * @since 0.1 */
lily_session_status lily_session_storage_get(lily_session_storage *storage, const char *key, char **out_json, size_t *out_length);

/** Stores JSON text. White space outside strings is removed; apart from that it
 * is read back byte for byte as it was stored.
 *
 * A session that has a field of this key treats the change as one of another
 * program, even if it was made through the session's own storage: the descriptor
 * polls readable, and the next lily_session_refresh() sets the field and reports
 * CHANGED. lily_session_storage_remove(), lily_session_storage_write() and
 * lily_session_storage_modify() do the same.
 *
 * @param json    `length` bytes, at most 16 MiB and 512 levels deep, without
 *                duplicate names; need not be NUL-terminated
 * @param expires_at_ms  from then on the entry reads as absent; 0: never; a
 *                past time is accepted
 * @return NOT_DURABLE: the text is stored. After every other failure it is not:
 *         DECODE: json is not JSON, or is too long or too deep; INVALID_ARGUMENT:
 *         a bad key or a negative time; QUOTA: the text does not fit; NEWER: the
 *         file has lines of a newer format; NOT_FOUND: the file's folder is
 *         missing; NO_SPACE, PERMISSION, REFUSED, IO, BUSY, FORKED
 *
 * Runs no callback but clock.
 * @since 0.1 */
lily_session_status lily_session_storage_set(lily_session_storage *storage, const char *key, const char *json, size_t length, int64_t expires_at_ms);

/** Removes a key. If the key is absent, returns OK, and writes nothing unless the
 * file may still have it: in a damaged line, or in an expired entry in whose place the
 * quota has let another one be stored.
 * @return as lily_session_storage_set()
 * @since 0.1 */
lily_session_status lily_session_storage_remove(lily_session_storage *storage, const char *key);

/** Stores and removes several keys in one step: either all of it happens, or
 * nothing does.
 *
 * @param entries  borrowed for the call; json as for lily_session_storage_set(), or
 *                 NULL to remove the key
 * @return DUPLICATE_KEY: two entries have the same key; QUOTA: not all of it fits; and
 *         as lily_session_storage_set()
 * @since 0.1 */
lily_session_status lily_session_storage_write(lily_session_storage *storage, const lily_session_entry *entries, size_t count);

/** Reads an entry, changes it and stores it, without losing what another program
 * stores at the same time. The entry keeps its expiry and its version; a new one has
 * none.
 *
 * @param modify   is given the stored value, and gives the new one, both of type JSON
 * @param context  passed to modify
 * @return ENCODE: modify gave a value of another type than JSON; DECODE: its text is
 *         not JSON; what modify returned; BUSY: other programs keep changing the entry;
 *         and as lily_session_storage_get() and lily_session_storage_set()
 *
 * Callbacks: modify, clock.
 * @since 0.1 */
lily_session_status lily_session_storage_modify(lily_session_storage *storage, const char *key, lily_session_modify_fn modify, void *context);

/** What lily_session_storage_each() calls for each entry. If it returns anything
 * but LILY_SESSION_OK, the walk stops and returns that. The arguments are borrowed
 * for the call. */
typedef lily_session_status (*lily_session_item_fn)(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms);

/** Calls `visit` for each unexpired entry whose key begins with `prefix`, in
 * the byte order of keys. It walks over a snapshot, so `visit` may change the
 * storage.
 *
 * @param prefix  at most 1024 bytes; "" or NULL: every key
 * @return what `visit` returned; INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 * @since 0.1 */
lily_session_status lily_session_storage_each(lily_session_storage *storage, const char *prefix, lily_session_item_fn visit, void *context);

/** Makes what this handle wrote survive power loss, and rewrites the file if it
 * holds removed values or has grown far past what it stores. Does nothing if this
 * handle has written and removed nothing since the last sync. If the file cannot
 * be rewritten (it is mounted by itself, or its folder may not be written),
 * removed values are overwritten in the file itself.
 * @return NOT_DURABLE: the disk refused, or somebody else has replaced the file of an
 *         exclusive storage; BUSY, FORKED; PERMISSION, IO, NO_SPACE:
 *         what was written survives power loss, but the file, or one that was left
 *         beside it, still holds values that were removed or cleared
 * @since 0.1 */
lily_session_status lily_session_storage_sync(lily_session_storage *storage);

/** Returns a descriptor for the program's event loop. It polls readable when the
 * file has changed, whichever program changed it, until each session that is
 * attached through this handle or a scope of it has refreshed. Without sessions it
 * stays readable until a get or each. A storage in memory tells of what is written
 * through its handle and its scopes, in the same way. Other files in the folder do not wake it,
 * except that files which are made there may, while the file itself is missing.
 * Nor does a link in the path that is made to lead elsewhere, or a folder further up
 * that is exchanged: the next refresh notices these.
 * The descriptor belongs to the handle: do not read or close it. The first call
 * makes it.
 * @return -1: this storage cannot notice changes, or the system gives no descriptor
 * @since 0.1 */
int lily_session_storage_fd(lily_session_storage *storage);

/** What lily_session_storage_info() reports. */
typedef struct lily_session_info {
  size_t size;                 /**< sizeof(lily_session_info), set before the call */
  const char *path;            /**< as lily_session_storage_path() */
  int64_t entries;             /**< the number of stored keys, those of scopes and expired ones included */
  int64_t live_bytes;          /**< the bytes of their keys and values, which the quota limits */
  int64_t quota_bytes;         /**< -1: no limit */
  int64_t file_bytes;          /**< the file's size; 0 in memory */
  int64_t damaged_lines;       /**< lines skipped since the storage was opened; 0 again after the file has been rewritten */
  int64_t last_compaction_ms;  /**< when this handle last rewrote the file, UTC in ms; 0: never */
  int32_t durability;          /**< a ::lily_session_durability */
  int32_t owes_sync;           /**< 1: what this handle wrote may not survive power loss; 0: it does, or the handle wrote nothing */
  int32_t directory_is_open;   /**< 1: other users could put another file, or an older copy, in the file's place, because a user who is
                                    neither this one nor root owns its directory or one above it (links resolved), or because others, its
                                    group among them, can write to it and it is not sticky. Or others can read the file, because the file
                                    system gives them rights, or because they could open it before and it cannot be replaced. 0: they cannot */
} lily_session_info;

/** An info that lily_session_storage_info() can fill in. */
#define LILY_SESSION_INFO_INIT { sizeof(lily_session_info), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Fills in what there is to know of a storage. A scope reports what its parent
 * does, unless it is a file.
 * @return INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 * @since 0.1 */
lily_session_status lily_session_storage_info(lily_session_storage *storage, lily_session_info *out_info);

/** @} */

/* ------------------------------------------------------------------- fields */
/** @defgroup fields Fields
 * What is stored: a list of fields, each with its key, the types that it
 * accepts, and how it is read from the model and set in it.
 * @{ */

/** Reads the field's value. The library borrows its text until it calls get again
 * for this field, or until the call that ran get returns. If get returns anything
 * but LILY_SESSION_OK, this field alone fails, and the next update reads it again. */
typedef lily_session_status (*lily_session_get_fn)(void *context, const void *session, lily_session_value *out_value);

/** Sets the field to a stored value, which is borrowed for the call. Returning
 * anything but LILY_SESSION_OK refuses the value; the stored text stays. */
typedef lily_session_status (*lily_session_set_fn)(void *context, void *session, const lily_session_value *value);

/** Makes a value of the field's version from a stored one of an older version.
 * `stored` is JSON, and is borrowed for the call. The library borrows text in
 * out_value until it calls migrate again for this field. Returning anything but
 * LILY_SESSION_OK rejects the stored value, which stays. */
typedef lily_session_status (*lily_session_migrate_fn)(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value);

/** Gives memory for a list that grows, as realloc does, or takes it back: `size` is then
 * 0, and what it returns is not used. Memory must be aligned for the list's elements.
 * Returning NULL for another size refuses the stored value. */
typedef void *(*lily_session_resize_fn)(void *context, void *memory, size_t size);

/** The C types of the struct members that a field can be bound to without callbacks. */
enum lily_session_member_type {
  LILY_SESSION_MEMBER_NONE = 0,    /**< no member; uses the get and set callbacks */
  LILY_SESSION_MEMBER_BOOL = 1,    /**< bool */
  LILY_SESSION_MEMBER_INT32 = 2,   /**< int32_t */
  LILY_SESSION_MEMBER_INT64 = 3,   /**< int64_t */
  LILY_SESSION_MEMBER_DOUBLE = 4,  /**< double */
  LILY_SESSION_MEMBER_CHARS = 5,   /**< char[n] that holds a NUL-terminated string */
  LILY_SESSION_MEMBER_STRING = 6,  /**< char *, or NULL */
  LILY_SESSION_MEMBER_INT8 = 7,    /**< int8_t */
  LILY_SESSION_MEMBER_INT16 = 8,   /**< int16_t */
  LILY_SESSION_MEMBER_UINT8 = 9,   /**< uint8_t */
  LILY_SESSION_MEMBER_UINT16 = 10, /**< uint16_t */
  LILY_SESSION_MEMBER_UINT32 = 11, /**< uint32_t */
  LILY_SESSION_MEMBER_FLOAT = 12,  /**< float */
  LILY_SESSION_MEMBER_ENUM = 13,   /**< an enum, or an integer, whose values 0, 1, … have names */
  LILY_SESSION_MEMBER_STRUCT = 14  /**< a struct that has fields of its own */
};

/** How a struct's member holds values of its type. */
enum lily_session_member_shape {
  LILY_SESSION_SHAPE_ONE = 0,      /**< the member is the value */
  LILY_SESSION_SHAPE_OPTIONAL = 1, /**< the member is the value if the bool beside it is true; otherwise the value is null */
  LILY_SESSION_SHAPE_POINTER = 2,  /**< the member points to the value, or is NULL, which is null */
  LILY_SESSION_SHAPE_ARRAY = 3,    /**< the member is an array of values */
  LILY_SESSION_SHAPE_LIST = 4,     /**< the member is an array, and the integer beside it is the number of values */
  LILY_SESSION_SHAPE_GROWING = 5   /**< the member points to an array, and the integer beside it is the number of values */
};

/** A field: one value that is stored. */
typedef struct lily_session_field {
  size_t size;                     /**< sizeof(lily_session_field) */
  const char *key;                 /**< 1 to 256 bytes of UTF-8, copied; the value is stored under "lily_session_" and this */
  int32_t types;                   /**< the types that are accepted, as bits of ::lily_session_value_type: LILY_SESSION_STRING | LILY_SESSION_NULL */
  lily_session_get_fn get;         /**< reads the value; set both get and set, or else a member */
  lily_session_set_fn set;         /**< sets the value */
  void *context;                   /**< passed to get, set, migrate and member_resize */
  lily_session_release_fn release; /**< called when the last list and session with this field are gone, or when lily_session_field_add() fails; may be NULL */
  int64_t expires_after_ms;        /**< how long after its last write or lily_session_touch() the value expires; 0: never */
  uint32_t version;                /**< the version of the value's shape; a stored value of a newer version is left alone */
  lily_session_migrate_fn migrate; /**< for stored values of an older version; NULL: they are decoded as they are. The next update stores a migrated value, unless another program has stored something since */
  const char *const *former_keys;  /**< keys that the field had before, the latest first, NULL-terminated, copied; NULL: none. They are removed when the field is stored under its own key */
  int32_t member_type;             /**< a ::lily_session_member_type: if it is not NONE, the slice is a struct and the field a member of it */
  size_t member_offset;            /**< offsetof(struct, member) */
  size_t member_size;              /**< sizeof of the member */
  int32_t member_shape;            /**< a ::lily_session_member_shape */
  size_t member_value_size;        /**< POINTER, ARRAY, LIST, GROWING: the size of one value; else 0 */
  size_t member_beside_offset;     /**< OPTIONAL: offsetof the bool; LIST, GROWING: offsetof the count; else 0 */
  size_t member_beside_size;       /**< sizeof of that bool or count; else 0 */
  const char *const *member_names; /**< ENUM: the names of 0, 1, …, NULL-terminated; not copied: they must outlive the list of fields and its sessions; else NULL */
  const struct lily_session_field *member_fields; /**< STRUCT: its fields, whose members are within it and not callbacks; not copied, as member_names; else NULL */
  size_t member_field_count;       /**< the number of those fields */
  lily_session_resize_fn member_resize; /**< POINTER, GROWING: gives memory for the values; NULL: malloc and free do; else NULL */
} lily_session_field;

/** A field without key, type and callbacks. */
#define LILY_SESSION_FIELD_INIT { sizeof(lily_session_field), NULL, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, NULL }

/** @cond */
#ifdef __cplusplus
#define LILY_SESSION_FIELD_LITERAL_ lily_session_field
#else
#define LILY_SESSION_FIELD_LITERAL_ /* C does not let a compound literal initialise what is at file scope */
#endif

/* LILY_SESSION_CHECKED_(value, type, is, lvalue) is the value. It does not compile if the lvalue's C type is not that of the
   member type. C11 asks the macro `is`, and C++ the function below. C99 has no way to ask. */
#ifdef __cplusplus
extern "C++" {
#define LILY_SESSION_ANY_ARRAY_ (-1)
#define LILY_SESSION_ANY_POINTER_ (-2)
template <typename Member>
constexpr bool lily_session_is_integer_(std::size_t size, bool is_signed) {
  return std::is_integral<Member>::value && !std::is_same<Member, bool>::value && !std::is_same<Member, char>::value && sizeof(Member) == size &&
         std::is_signed<Member>::value == is_signed;
}
template <typename Member>
constexpr bool lily_session_is_(int type) {
  return type == LILY_SESSION_MEMBER_BOOL     ? std::is_same<Member, bool>::value
         : type == LILY_SESSION_MEMBER_INT8   ? lily_session_is_integer_<Member>(1, true)
         : type == LILY_SESSION_MEMBER_INT16  ? lily_session_is_integer_<Member>(2, true)
         : type == LILY_SESSION_MEMBER_INT32  ? lily_session_is_integer_<Member>(4, true)
         : type == LILY_SESSION_MEMBER_INT64  ? lily_session_is_integer_<Member>(8, true)
         : type == LILY_SESSION_MEMBER_UINT8  ? lily_session_is_integer_<Member>(1, false)
         : type == LILY_SESSION_MEMBER_UINT16 ? lily_session_is_integer_<Member>(2, false)
         : type == LILY_SESSION_MEMBER_UINT32 ? lily_session_is_integer_<Member>(4, false)
         : type == LILY_SESSION_MEMBER_FLOAT  ? std::is_same<Member, float>::value
         : type == LILY_SESSION_MEMBER_DOUBLE ? std::is_same<Member, double>::value
         : type == LILY_SESSION_MEMBER_CHARS  ? std::is_array<Member>::value && std::is_same<typename std::remove_extent<Member>::type, char>::value
         : type == LILY_SESSION_MEMBER_STRING ? std::is_same<Member, char *>::value || std::is_same<Member, const char *>::value
         : type == LILY_SESSION_MEMBER_ENUM   ? (std::is_enum<Member>::value || std::is_integral<Member>::value) && !std::is_same<Member, bool>::value && sizeof(Member) <= 8
         : type == LILY_SESSION_MEMBER_STRUCT ? std::is_class<Member>::value
         : type == LILY_SESSION_ANY_ARRAY_    ? std::is_array<Member>::value
                                              : std::is_pointer<Member>::value;
}
template <typename Lvalue, int type>
constexpr int lily_session_checked_() {
  typedef typename std::remove_reference<Lvalue>::type Member;
  static_assert(!std::is_const<Member>::value && lily_session_is_<Member>(type), "the member has another type than the LILY_SESSION_FIELD macro says");
  return 0;
}
}
#define LILY_SESSION_CHECKED_(value, type, is, lvalue) ((value) + lily_session_checked_<decltype(lvalue), type>())
#endif
#if !defined __cplusplus && __STDC_VERSION__ >= 201112L
#define LILY_SESSION_IS_BOOL_(x) _Generic(&(x), bool *: 1, default: 0)
#define LILY_SESSION_IS_INT8_(x) _Generic(&(x), int8_t *: 1, default: 0)
#define LILY_SESSION_IS_INT16_(x) _Generic(&(x), int16_t *: 1, default: 0)
#define LILY_SESSION_IS_INT32_(x) _Generic(&(x), int *: 1, long *: sizeof(long) == 4, default: 0)
#define LILY_SESSION_IS_INT64_(x) _Generic(&(x), long *: sizeof(long) == 8, long long *: 1, default: 0)
#define LILY_SESSION_IS_UINT8_(x) _Generic(&(x), uint8_t *: 1, default: 0)
#define LILY_SESSION_IS_UINT16_(x) _Generic(&(x), uint16_t *: 1, default: 0)
#define LILY_SESSION_IS_UINT32_(x) _Generic(&(x), unsigned *: 1, unsigned long *: sizeof(long) == 4, default: 0)
#define LILY_SESSION_IS_FLOAT_(x) _Generic(&(x), float *: 1, default: 0)
#define LILY_SESSION_IS_DOUBLE_(x) _Generic(&(x), double *: 1, default: 0)
#define LILY_SESSION_IS_CHARS_(x) _Generic(&(x), char (*)[sizeof(x)]: 1, default: 0)
#define LILY_SESSION_IS_STRING_(x) _Generic(&(x), char **: 1, const char **: 1, default: 0)
#define LILY_SESSION_IS_ENUM_(x) \
  _Generic(&(x), char *: 1, signed char *: 1, unsigned char *: 1, short *: 1, unsigned short *: 1, int *: 1, unsigned *: 1, long *: 1, \
    unsigned long *: 1, long long *: 1, unsigned long long *: 1, default: 0)
#ifdef __GNUC__ /* _Generic alone cannot tell a struct from a pointer or an array whose elements it does not know */
#define LILY_SESSION_IS_STRUCT_(x) (__builtin_classify_type(x) == 12 && !_Generic(&(x), const __typeof__(x) *: 1, default: 0))
#else
#define LILY_SESSION_IS_STRUCT_(x) \
  _Generic(&(x), bool *: 0, float *: 0, double *: 0, long double *: 0, char **: 0, const char **: 0, void **: 0, default: !LILY_SESSION_IS_ENUM_(x))
#endif
#define LILY_SESSION_IS_POINTER_(x) _Generic(&(x), __typeof__(&(x)[0]) *: 1, default: 0)
#define LILY_SESSION_IS_ARRAY_(x) (!LILY_SESSION_IS_POINTER_(x))
#define LILY_SESSION_CHECKED_(value, type, is, lvalue) \
  ((value) + 0 * sizeof(struct { int unused; _Static_assert(is(lvalue), "the member has another type than the LILY_SESSION_FIELD macro says"); }))
#elif !defined __cplusplus
#define LILY_SESSION_CHECKED_(value, type, is, lvalue) (value)
#endif

/* What a shape makes of a struct's name and two arguments: the field's key, its types, one value, and the members of
   lily_session_field from member_offset to member_beside_size. */
#define LILY_SESSION_ONE_KEY_(member, key) key
#define LILY_SESSION_ONE_TYPES_(types) (types)
#define LILY_SESSION_ONE_VALUE_(T, member, key) ((T *)0)->member
#define LILY_SESSION_ONE_PLACE_(T, member, key) offsetof(T, member), sizeof(((T *)0)->member), LILY_SESSION_SHAPE_ONE, 0, 0, 0
#define LILY_SESSION_AS_KEY_(key, member) key
#define LILY_SESSION_AS_TYPES_(types) (types)
#define LILY_SESSION_AS_VALUE_(T, key, member) ((T *)0)->member
#define LILY_SESSION_AS_PLACE_(T, key, member) LILY_SESSION_ONE_PLACE_(T, member, key)
#define LILY_SESSION_OPTIONAL_KEY_(flag, member) #member
#define LILY_SESSION_OPTIONAL_TYPES_(types) ((types) | LILY_SESSION_NULL)
#define LILY_SESSION_OPTIONAL_VALUE_(T, flag, member) ((T *)0)->member
#define LILY_SESSION_OPTIONAL_PLACE_(T, flag, member) offsetof(T, member), sizeof(((T *)0)->member), LILY_SESSION_SHAPE_OPTIONAL, 0, \
  LILY_SESSION_CHECKED_(offsetof(T, flag), LILY_SESSION_MEMBER_BOOL, LILY_SESSION_IS_BOOL_, ((T *)0)->flag), sizeof(((T *)0)->flag)
#define LILY_SESSION_POINTER_KEY_(member, none) #member
#define LILY_SESSION_POINTER_TYPES_(types) ((types) | LILY_SESSION_NULL)
#define LILY_SESSION_POINTER_VALUE_(T, member, none) *((T *)0)->member
#define LILY_SESSION_POINTER_PLACE_(T, member, none) offsetof(T, member), \
  LILY_SESSION_CHECKED_(sizeof(((T *)0)->member), LILY_SESSION_ANY_POINTER_, LILY_SESSION_IS_POINTER_, ((T *)0)->member), \
  LILY_SESSION_SHAPE_POINTER, sizeof(*((T *)0)->member), 0, 0
#define LILY_SESSION_ARRAY_KEY_(member, none) #member
#define LILY_SESSION_ARRAY_TYPES_(types) LILY_SESSION_JSON
#define LILY_SESSION_ARRAY_VALUE_(T, member, none) ((T *)0)->member[0]
#define LILY_SESSION_ARRAY_PLACE_(T, member, none) offsetof(T, member), \
  LILY_SESSION_CHECKED_(sizeof(((T *)0)->member), LILY_SESSION_ANY_ARRAY_, LILY_SESSION_IS_ARRAY_, ((T *)0)->member), \
  LILY_SESSION_SHAPE_ARRAY, sizeof(((T *)0)->member[0]), 0, 0
#define LILY_SESSION_LIST_PLACE_(T, member, count_member, shape, any, is) offsetof(T, member), \
  LILY_SESSION_CHECKED_(sizeof(((T *)0)->member), any, is, ((T *)0)->member), shape, sizeof(((T *)0)->member[0]), \
  LILY_SESSION_CHECKED_(offsetof(T, count_member), LILY_SESSION_MEMBER_ENUM, LILY_SESSION_IS_ENUM_, ((T *)0)->count_member), \
  sizeof(((T *)0)->count_member)

/* The last arguments are the members from member_offset on. */
#define LILY_SESSION_MEMBER_(key, types, type, ...) \
  LILY_SESSION_FIELD_LITERAL_ { sizeof(lily_session_field), key, types, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, type, __VA_ARGS__ }
/* `first` and `last` are the two arguments of the shape. */
#define LILY_SESSION_SHAPED_(shape, T, first, last, types, type, is, ...) \
  LILY_SESSION_MEMBER_(shape##KEY_(first, last), shape##TYPES_(types), LILY_SESSION_CHECKED_(type, type, is, shape##VALUE_(T, first, last)), \
    shape##PLACE_(T, first, last), __VA_ARGS__, NULL)
#define LILY_SESSION_SCALAR_(shape, T, first, last, types, type, is) LILY_SESSION_SHAPED_(shape, T, first, last, types, type, is, NULL, NULL, 0)
#define LILY_SESSION_LISTED_(T, member, key, fields, count, place, resize) LILY_SESSION_MEMBER_(key, LILY_SESSION_JSON, \
  LILY_SESSION_CHECKED_(LILY_SESSION_MEMBER_STRUCT, LILY_SESSION_MEMBER_STRUCT, LILY_SESSION_IS_STRUCT_, ((T *)0)->member[0]), \
  place, NULL, fields, count, resize)

/* One macro for each kind. What a kind needs besides is between the shape's arguments. */
#define LILY_SESSION_KIND_BOOL_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_BOOL, LILY_SESSION_MEMBER_BOOL, LILY_SESSION_IS_BOOL_)
#define LILY_SESSION_KIND_INT8_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT8, LILY_SESSION_IS_INT8_)
#define LILY_SESSION_KIND_INT16_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT16, LILY_SESSION_IS_INT16_)
#define LILY_SESSION_KIND_INT32_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT32, LILY_SESSION_IS_INT32_)
#define LILY_SESSION_KIND_INT64_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT64, LILY_SESSION_IS_INT64_)
#define LILY_SESSION_KIND_UINT8_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_UINT8, LILY_SESSION_IS_UINT8_)
#define LILY_SESSION_KIND_UINT16_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_UINT16, LILY_SESSION_IS_UINT16_)
#define LILY_SESSION_KIND_UINT32_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_INT, LILY_SESSION_MEMBER_UINT32, LILY_SESSION_IS_UINT32_)
#define LILY_SESSION_KIND_FLOAT_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_REAL, LILY_SESSION_MEMBER_FLOAT, LILY_SESSION_IS_FLOAT_)
#define LILY_SESSION_KIND_DOUBLE_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_REAL, LILY_SESSION_MEMBER_DOUBLE, LILY_SESSION_IS_DOUBLE_)
#define LILY_SESSION_KIND_CHARS_(shape, T, first, last) LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_STRING, LILY_SESSION_MEMBER_CHARS, LILY_SESSION_IS_CHARS_)
#define LILY_SESSION_KIND_STRING_(shape, T, first, last) \
  LILY_SESSION_SCALAR_(shape, T, first, last, LILY_SESSION_STRING | LILY_SESSION_NULL, LILY_SESSION_MEMBER_STRING, LILY_SESSION_IS_STRING_)
#define LILY_SESSION_KIND_ENUM_(shape, T, first, names, last) \
  LILY_SESSION_SHAPED_(shape, T, first, last, LILY_SESSION_STRING, LILY_SESSION_MEMBER_ENUM, LILY_SESSION_IS_ENUM_, names, NULL, 0)
#define LILY_SESSION_KIND_STRUCT_(shape, T, first, fields, count, last) \
  LILY_SESSION_SHAPED_(shape, T, first, last, LILY_SESSION_JSON, LILY_SESSION_MEMBER_STRUCT, LILY_SESSION_IS_STRUCT_, NULL, fields, count)
#define LILY_SESSION_KIND_LIST_(shape, T, key, count_member, fields, count, member) LILY_SESSION_LISTED_(T, member, key, fields, count, \
  LILY_SESSION_LIST_PLACE_(T, member, count_member, LILY_SESSION_SHAPE_LIST, LILY_SESSION_ANY_ARRAY_, LILY_SESSION_IS_ARRAY_), NULL)
#define LILY_SESSION_KIND_GROWING_LIST_(shape, T, key, count_member, fields, count, resize, member) \
  LILY_SESSION_LISTED_(T, member, key, fields, count, \
    LILY_SESSION_LIST_PLACE_(T, member, count_member, LILY_SESSION_SHAPE_GROWING, LILY_SESSION_ANY_POINTER_, LILY_SESSION_IS_POINTER_), resize)
/** @endcond */

/** @name Fields of a struct's members
 * A field for a member of the slice's struct, without callbacks:
 *
 *     static const char *const units[] = { "metric", "imperial", NULL };
 *     static const lily_session_field window_fields[] = {
 *       LILY_SESSION_FIELD_INT16(struct window, width),
 *       LILY_SESSION_FIELD_INT16(struct window, height),
 *     };
 *     static const lily_session_field fields[] = {
 *       LILY_SESSION_FIELD_INT64(struct app, volume),
 *       LILY_SESSION_FIELD_ENUM(struct app, units, units),
 *       LILY_SESSION_FIELD_STRUCT(struct app, window, window_fields, 2),
 *     };
 *
 * The key is the member's name, unless LILY_SESSION_FIELD_AS() gives another. In
 * C11 and C++11 a member of another C type than the macro's does not compile; C99
 * cannot check that. In C a macro is an initialiser, so that a table may be at file
 * scope; with `(lily_session_field)` before it, it is an expression, as it is in C++
 * by itself. You may change .key, .expires_after_ms and .version of a single field
 * that is initialised so.
 *
 * A stored value that the member cannot hold is rejected, and nothing of the member
 * is changed: a number out of its range, a name that its enum does not have, or a
 * list that is too long. This holds for a struct as a whole.
 *
 * A struct is stored as an object. A member that a stored object lacks keeps its
 * value, and so do the elements that a stored array lacks. A member of the object
 * that the struct does not have is ignored: it stays in the file until the struct
 * changes, which is then stored without it.
 *
 * Pointers to values, and lists that grow, get new memory when a stored value is set:
 * by malloc(), unless the field has a member_resize.
 * - A POINTER is like a STRING. The program owns the new value and frees it. What the
 *   pointer pointed to is left alone. A new struct begins as a copy of that one, so
 *   STRINGs, pointers and lists that the stored object lacks are shared by the two.
 * - A list that grows belongs to the library while it sets it: the old array is freed,
 *   with all STRINGs, pointers and lists in it. So all of them must have come from
 *   malloc() or that member_resize, or be NULL.
 * @{ */

/** A `bool`. */
#define LILY_SESSION_FIELD_BOOL(struct_type, member) LILY_SESSION_KIND_BOOL_(LILY_SESSION_ONE_, struct_type, member, #member)
/** An `int8_t`. */
#define LILY_SESSION_FIELD_INT8(struct_type, member) LILY_SESSION_KIND_INT8_(LILY_SESSION_ONE_, struct_type, member, #member)
/** An `int16_t`. */
#define LILY_SESSION_FIELD_INT16(struct_type, member) LILY_SESSION_KIND_INT16_(LILY_SESSION_ONE_, struct_type, member, #member)
/** An `int32_t`. */
#define LILY_SESSION_FIELD_INT32(struct_type, member) LILY_SESSION_KIND_INT32_(LILY_SESSION_ONE_, struct_type, member, #member)
/** An `int64_t`. */
#define LILY_SESSION_FIELD_INT64(struct_type, member) LILY_SESSION_KIND_INT64_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `uint8_t`. */
#define LILY_SESSION_FIELD_UINT8(struct_type, member) LILY_SESSION_KIND_UINT8_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `uint16_t`. */
#define LILY_SESSION_FIELD_UINT16(struct_type, member) LILY_SESSION_KIND_UINT16_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `uint32_t`. */
#define LILY_SESSION_FIELD_UINT32(struct_type, member) LILY_SESSION_KIND_UINT32_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `float`, stored in the fewest digits that give the same float again. */
#define LILY_SESSION_FIELD_FLOAT(struct_type, member) LILY_SESSION_KIND_FLOAT_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `double`. */
#define LILY_SESSION_FIELD_DOUBLE(struct_type, member) LILY_SESSION_KIND_DOUBLE_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `char[n]`, NUL-terminated; a stored string too long for it is rejected. */
#define LILY_SESSION_FIELD_CHARS(struct_type, member) LILY_SESSION_KIND_CHARS_(LILY_SESSION_ONE_, struct_type, member, #member)
/** A `char *`, where NULL is JSON's null. A stored string is set as a new copy,
 * which the program owns and frees (lily_session_free() or free()). The pointer
 * that it replaces is left alone, so a literal may be the default. */
#define LILY_SESSION_FIELD_STRING(struct_type, member) LILY_SESSION_KIND_STRING_(LILY_SESSION_ONE_, struct_type, member, #member)
/** An enum whose values are 0, 1, … in the order of `names`, an array of names that
 * ends with NULL. It is stored as the name. */
#define LILY_SESSION_FIELD_ENUM(struct_type, member, names) LILY_SESSION_KIND_ENUM_(LILY_SESSION_ONE_, struct_type, member, names, #member)
/** A struct, whose members `fields`, an array of `count` fields, describes by these
 * same macros. */
#define LILY_SESSION_FIELD_STRUCT(struct_type, member, fields, count) \
  LILY_SESSION_KIND_STRUCT_(LILY_SESSION_ONE_, struct_type, member, fields, count, #member)
/** A fixed array of values of one kind, stored as a JSON array:
 *
 *     LILY_SESSION_FIELD_ARRAY(FLOAT, struct app, gains)
 *
 * For the kinds ENUM and STRUCT their other arguments follow. */
#define LILY_SESSION_FIELD_ARRAY(kind, struct_type, ...) LILY_SESSION_KIND_##kind##_(LILY_SESSION_ARRAY_, struct_type, __VA_ARGS__, 0)
/** An array of structs, of which as many count as `count_member` says, an integer of
 * the same struct. `fields` are the `count` fields of one element. A stored list that
 * is longer than the array is rejected. A member that a stored element lacks becomes 0,
 * false or NULL. */
#define LILY_SESSION_FIELD_LIST(struct_type, member, count_member, fields, count) \
  LILY_SESSION_KIND_LIST_(LILY_SESSION_ONE_, struct_type, #member, count_member, fields, count, member)
/** As LILY_SESSION_FIELD_LIST() for a pointer to an array that grows, or to NULL for an
 * empty one. The array comes from `resize`, a ::lily_session_resize_fn, or where that
 * is NULL, from malloc(). Whoever writes the file decides how many elements there are,
 * each of 3 bytes of text or more, up to 16 MiB: a `resize` can set a limit. */
#define LILY_SESSION_FIELD_GROWING_LIST(struct_type, member, count_member, fields, count, resize) \
  LILY_SESSION_KIND_GROWING_LIST_(LILY_SESSION_ONE_, struct_type, #member, count_member, fields, count, resize, member)
/** A member that may be absent: while `flag`, a `bool` of the same struct, is false,
 * it is null. For the kinds ENUM and STRUCT their other arguments follow the flag:
 *
 *     LILY_SESSION_FIELD_OPTIONAL(INT32, struct app, limit, has_limit),
 *     LILY_SESSION_FIELD_OPTIONAL(ENUM, struct app, units, has_units, units) */
#define LILY_SESSION_FIELD_OPTIONAL(kind, struct_type, member, ...) LILY_SESSION_KIND_##kind##_(LILY_SESSION_OPTIONAL_, struct_type, __VA_ARGS__, member)
/** A pointer to a value that may be absent: NULL is null. For the kinds ENUM and
 * STRUCT their other arguments follow. */
#define LILY_SESSION_FIELD_POINTER(kind, struct_type, ...) LILY_SESSION_KIND_##kind##_(LILY_SESSION_POINTER_, struct_type, __VA_ARGS__, 0)
/** A member with a key of your own. The other arguments of the kinds ENUM, STRUCT,
 * LIST and GROWING_LIST follow the key:
 *
 *     LILY_SESSION_FIELD_AS(INT64, struct app, volume, "loudness") */
#define LILY_SESSION_FIELD_AS(kind, struct_type, member, ...) LILY_SESSION_KIND_##kind##_(LILY_SESSION_AS_, struct_type, __VA_ARGS__, member)
/** @} */

/** @name Maps
 * A map of the model whose keys are not known when the program is written:
 * documents, recent files, cookies. Each entry is stored under a key of its own, so
 * two programs that change different entries lose nothing. Everything that holds for
 * a field holds for each entry by itself: it is compared, stored, refused, expired
 * and told of alone. Where a function takes the key of a field, it takes that of an
 * entry, too: the map's prefix and the entry's id.
 * @{ */

/** What each calls for an entry.
 *
 * @param visitor  what each was given
 * @param id       1 to 512 bytes of UTF-8, borrowed for the call
 * @param value    borrowed for the call
 * @return LILY_SESSION_OK; INVALID_ARGUMENT: no entry may have this id; DUPLICATE_KEY:
 *         the id was given before. Such an entry is left out, and an event reports it;
 *         go on with the others */
typedef lily_session_status (*lily_session_map_visit_fn)(void *visitor, const char *id, const lily_session_value *value);

/** Calls visit, with visitor as its first argument, for each entry that the map has,
 * in any order. It is fastest if the order stays the same. If each returns anything
 * but LILY_SESSION_OK, no entry counts as removed in this update. */
typedef lily_session_status (*lily_session_map_each_fn)(void *context, const void *session, lily_session_map_visit_fn visit, void *visitor);

/** Sets an entry to a stored value, and adds it if the map has none of this id. NULL
 * removes it. All is borrowed for the call. Returning anything but LILY_SESSION_OK
 * refuses the value; the stored text stays. */
typedef lily_session_status (*lily_session_map_set_fn)(void *context, void *session, const char *id, const lily_session_value *value);

/** A map: values that are stored each under a key of its own. */
typedef struct lily_session_map {
  size_t size;                     /**< sizeof(lily_session_map) */
  const char *prefix;              /**< 1 to 256 bytes of UTF-8, copied; an entry is stored under "lily_session_", this and its id */
  int32_t types;                   /**< the types that are accepted, as bits of ::lily_session_value_type */
  lily_session_map_each_fn each;   /**< reads all entries; must be set */
  lily_session_map_set_fn set;     /**< sets or removes an entry; must be set */
  void *context;                   /**< passed to each, set and migrate */
  lily_session_release_fn release; /**< called when the last list and session with this map are gone, or when lily_session_map_add() fails; may be NULL */
  int64_t expires_after_ms;        /**< how long after its last write or lily_session_touch() an entry expires; 0: never */
  uint32_t version;                /**< the version of the values' shape, as lily_session_field::version */
  lily_session_migrate_fn migrate; /**< as lily_session_field::migrate */
} lily_session_map;

/** A map without prefix, type and callbacks. */
#define LILY_SESSION_MAP_INIT { sizeof(lily_session_map), NULL, 0, NULL, NULL, NULL, NULL, 0, 0, NULL }
/** @} */

/** Returns an empty list of fields, which the caller owns and frees by
 * lily_session_persistence_free().
 * @since 0.1 */
lily_session_persistence *lily_session_persistence_new(void);

/** Frees the list. Sessions that were attached with it go on. NULL is allowed.
 *
 * Callbacks: release, of each field that no session uses.
 * @since 0.1 */
void lily_session_persistence_free(lily_session_persistence *persistence);

/** Adds a field to the end of the list. Sessions that are attached already do not
 * see it.
 *
 * @param field  copied, its key too; the field owns the context from here on
 * @return DUPLICATE_KEY: the key, or one of the former keys, is a key or a former
 *         key of a field in the list, or begins with a map's prefix;
 *         INVALID_ARGUMENT: the key, size, member or expiry is wrong, also of a field of
 *         a struct, or a type, get or set is missing. On failure the context
 *         has been released, unless the struct is too small to name release.
 *
 * Callbacks: release, on failure.
 * @since 0.1 */
lily_session_status lily_session_field_add(lily_session_persistence *persistence, const lily_session_field *field);

/** Adds all fields of a table to the end of the list, or none of them.
 *
 * @param fields  `count` fields, which all have the size of the first
 * @return as lily_session_field_add(). On failure the contexts of all fields have
 *         been released, but none from a field on whose size is another
 *
 * Callbacks: release, on failure.
 * @since 0.1 */
lily_session_status lily_session_fields_add(lily_session_persistence *persistence, const lily_session_field *fields, size_t count);

/** Adds a map to the list. Sessions that are attached already do not see it.
 *
 * @param map  copied, its prefix too; the map owns the context from here on
 * @return DUPLICATE_KEY: a key or a former key of a field in the list begins with the
 *         prefix, or the prefix begins that of another map, or begins with it;
 *         INVALID_ARGUMENT: the prefix, size or expiry is wrong, or a type, each or set
 *         is missing. On failure the context has been released, unless the struct is too
 *         small to name release.
 *
 * Callbacks: release, on failure.
 * @since 0.1 */
lily_session_status lily_session_map_add(lily_session_persistence *persistence, const lily_session_map *map);

/** @} */

/* ------------------------------------------------------------------ runtime */
/** @defgroup runtime Runtime
 * The program's model, and what happens after each update of it.
 * @{ */

/** Applies a message and returns the model: the same or a new one. It may free the
 * old one. Returning NULL refuses the message; the model is kept. */
typedef void *(*lily_session_update_fn)(void *context, void *model, const void *message);

/** Makes a runtime: a model and its update function.
 *
 * @param model    the program owns it; the model, or what replaces it, must live as
 *                 long as the runtime
 * @param update   NULL for a program that changes the model itself, and then calls
 *                 lily_session_persist()
 * @param context  passed to update; the program owns it
 * @return INVALID_ARGUMENT: model is NULL
 * @since 0.1 */
lily_session_status lily_session_runtime_new(void *model, lily_session_update_fn update, void *context, lily_session_runtime **out_runtime);

/** Updates the model, then stores the fields that changed, in one write for
 * each session.
 *
 * @param message  passed on unread; may be NULL
 * @return INVALID_ARGUMENT, REENTRANT, UNSUPPORTED (the runtime has no update
 *         function) and UPDATE (the update function refused): the message was not
 *         applied. After any other failure it was; a field that could not be stored
 *         stays dirty, and the next update, persist or flush tries again:
 *         NOT_FOUND: the file's folder is missing; CALLBACK: a get or each callback failed;
 *         ENCODE: a value cannot be stored, or a map has an id that no entry may have;
 *         DUPLICATE_KEY: a map has an id twice;
 *         NO_SPACE, IO, BUSY, PERMISSION,
 *         REFUSED, NEWER, QUOTA, FORKED: the write failed; NOT_DURABLE: the fields
 *         are stored, but may not survive power loss. If several fields fail,
 *         returns the first failure in the order of sessions and fields.
 *
 * Callbacks: update, clock, and the sessions' get, revision and on_event.
 * @since 0.1 */
lily_session_status lily_session_runtime_dispatch(lily_session_runtime *runtime, const void *message);

/** Returns the model as it is now, or NULL if the runtime is NULL.
 * @since 0.1 */
void *lily_session_runtime_model(const lily_session_runtime *runtime);

/** Replaces the model. Call lily_session_persist() to store what differs.
 * @return INVALID_ARGUMENT: the runtime or the model is NULL; REENTRANT
 * @since 0.1 */
lily_session_status lily_session_runtime_set_model(lily_session_runtime *runtime, void *model);

/** Does what lily_session_persist() does, for each session of the runtime.
 * @return the first failure, in the order of sessions; the others are persisted all
 *         the same
 * @since 0.1 */
lily_session_status lily_session_runtime_persist(lily_session_runtime *runtime);

/** Does what lily_session_refresh() does, for each session of the runtime.
 * @return the first failure, in the order of sessions; the others are refreshed all
 *         the same
 * @since 0.1 */
lily_session_status lily_session_runtime_refresh(lily_session_runtime *runtime);

/** Returns the least of what lily_session_next_expiry() returns for each session of
 * the runtime, or -1 if no stored field will expire. Leaves lily_session_last_error()
 * alone.
 * @since 0.1 */
int64_t lily_session_runtime_next_expiry(lily_session_runtime *runtime);

/** Detaches the runtime's sessions, which flushes them, and frees the runtime.
 * Calls with the sessions' handles then return INVALID_ARGUMENT; the handles must
 * still be given back by lily_session_detach(). NULL is allowed.
 *
 * Callbacks: as lily_session_detach().
 * @since 0.1 */
void lily_session_runtime_free(lily_session_runtime *runtime);

/** @} */

/* ------------------------------------------------------------------ session */
/** @defgroup session Session
 * The attachment of a list of fields to a runtime and a storage.
 * @{ */

/** What an event is about: the values of lily_session_event::kind. Each comment
 * names the call that reports it, and what the event's status and key are. */
enum lily_session_event_kind {
  LILY_SESSION_EVENT_REJECTED = 1,     /**< attach, refresh: the stored value was not accepted; it stays until the field changes. status: DECODE, or what set returned */
  LILY_SESSION_EVENT_NEWER = 2,        /**< attach, refresh: a newer version of the field was stored; it stays until the field changes. status: NEWER */
  LILY_SESSION_EVENT_FIELD_FAILED = 3, /**< the field's value could not be taken. status: what get returned, or ENCODE */
  LILY_SESSION_EVENT_WRITE_FAILED = 4, /**< the field could not be stored, and is dirty. status: the failure; system_error, if the system refused */
  LILY_SESSION_EVENT_DAMAGED = 5,      /**< attach: lines of the file were damaged and skipped. key: NULL; status: CORRUPT */
  LILY_SESSION_EVENT_DIRECTORY = 6,    /**< attach: lily_session_info::directory_is_open is 1. key: NULL; status: PERMISSION */
  LILY_SESSION_EVENT_CHANGED = 7,      /**< refresh: the field was changed elsewhere (see lily_session_refresh()), and it was set */
  LILY_SESSION_EVENT_REMOVED = 8,      /**< refresh: the field's value was removed elsewhere, and it was reset to the value it had before attach. status: what set returned; NOT_FOUND if there is no such value */
  LILY_SESSION_EVENT_EXPIRED = 9,      /**< refresh: the field's value has expired, and it was reset. status: as for REMOVED */
  LILY_SESSION_EVENT_CLEARED = 10,     /**< refresh: the session was cleared, and the field was reset. status: as for REMOVED. In any other call, with status OK: a change that could not be stored was dropped, because it may be older than a clear */
  LILY_SESSION_EVENT_NOT_DURABLE = 11, /**< what was written may not survive power loss. key: NULL; status: NOT_DURABLE */
  LILY_SESSION_EVENT_NOT_REWRITTEN = 12, /**< the file cannot be rewritten: it grows, or still holds what was removed or cleared. key: NULL; status: the failure; system_error, if the system refused */
  LILY_SESSION_EVENT_NOTICE = 13       /**< attach: the store works, but is set up so that it may lose entries, or the like (::lily_session_backend_notice_fn). key: NULL; status: what notice returned */
};

/** Something that happened to a field or to the store. It is borrowed for the call. */
typedef struct lily_session_event {
  size_t size;                /**< the size of this struct, as the library knows it */
  int32_t kind;               /**< a ::lily_session_event_kind */
  lily_session_status status; /**< why; LILY_SESSION_OK if nothing failed */
  int32_t system_error;       /**< an errno, or 0 */
  const char *key;            /**< the field's key; for an entry the map's prefix and its id, for a map the prefix; NULL: the event is about the store */
} lily_session_event;

/** Finds the slice, the part of the model that has the fields. The library borrows
 * it until it calls this again. */
typedef void *(*lily_session_slice_get_fn)(void *context, void *model);

/** Puts a slice that the library has set fields of back into the model. Returns the
 * model, the same or a new one; NULL refuses. */
typedef void *(*lily_session_slice_set_fn)(void *context, void *model, void *session);

/** Returns a number that is another one whenever a field may have changed. */
typedef uint64_t (*lily_session_revision_fn)(void *context, const void *session);

/** Takes each event, after the step that caused it. Inside it, lily_session_last_error()
 * says what is wrong, such as "theme: the stored value is a string, which the field
 * does not accept", or "" if nothing is. */
typedef void (*lily_session_event_fn)(void *context, const lily_session_event *event);

/** How a list of fields is attached. */
typedef struct lily_session_config {
  size_t size;                       /**< sizeof(lily_session_config) */
  lily_session_storage *storage;     /**< retained; NULL: the default place, as lily_session_storage_open(NULL, NULL, …) opens it */
  lily_session_slice_get_fn get;     /**< NULL: the model is the slice */
  lily_session_slice_set_fn set;     /**< NULL: the slice is a part of the model, and need not be put back */
  lily_session_revision_fn revision; /**< NULL: the fields are compared after every update */
  lily_session_event_fn on_event;    /**< may be NULL */
  void *context;                     /**< passed to the four above */
  lily_session_release_fn release;   /**< called when the session is gone, or when attach fails; may be NULL */
} lily_session_config;

/** A config with the default place, the model as the slice, and no callbacks. */
#define LILY_SESSION_CONFIG_INIT { sizeof(lily_session_config), NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** Sets the fields of the model from storage; from then on stores those that
 * change. Attach itself stores no field, but if it opens the default place, it
 * creates the file. Each stored value is decoded as the first of NULL, BOOL, INT,
 * REAL, STRING, JSON that fits it among the field's types, and passed to set. A
 * field that has no stored value is left alone. So is one whose stored value is
 * refused, and an event reports it.
 *
 * @param persistence  copied
 * @param config       read during the call; the session owns the context from here on
 * @param out_session  the caller's, to be given back by lily_session_detach()
 * @return DUPLICATE_KEY: another session of this runtime stores one of these
 *         keys in the same file; CALLBACK: config.get or config.set returned NULL;
 *         fields may have been set already if it was config.set;
 *         INVALID_ARGUMENT, REENTRANT; what lily_session_storage_open() and
 *         lily_session_storage_get() return. On failure the context has been
 *         released.
 *
 * Callbacks: get, set, revision, on_event, clock; release, on failure.
 * @since 0.1 */
lily_session_status lily_session_attach(lily_session_runtime *runtime, const lily_session_persistence *persistence,
                                        const lily_session_config *config, lily_session **out_session);

/** Attaches fields to a model in one call, for a program that changes its model
 * itself and then calls lily_session_persist(). The fields are kept in the default
 * place, and the model is the slice. Opening creates the file:
 * lily_session_field_state() says whether something is stored for a field. To clear
 * the session or to learn its path, open a storage of the same application beside it.
 * To add a map, to wait for changes of other programs, or to take events, use
 * lily_session_attach().
 *
 * @param application  as lily_session_storage_options::application
 * @param model        the program owns it; it must live until the session is closed
 * @param fields       `count` fields, as for lily_session_fields_add()
 * @param out_session  the caller's, to be given back by lily_session_close()
 * @return as lily_session_fields_add() and lily_session_attach()
 *
 * Callbacks: get, set; release, on failure.
 * @since 0.1 */
lily_session_status lily_session_open(const char *application, void *model, const lily_session_field *fields, size_t count, lily_session **out_session);

/** Does what lily_session_detach() does, and frees what lily_session_open() made.
 * @since 0.1 */
void lily_session_close(lily_session *session);

/** Stores the fields that have changed, as lily_session_runtime_dispatch() does
 * after an update. Call it when you have changed the model yourself.
 * @return as lily_session_runtime_dispatch(), and INVALID_ARGUMENT if the session
 *         is detached
 * @since 0.1 */
lily_session_status lily_session_persist(lily_session *session);

/** Does what lily_session_persist() and then lily_session_storage_sync() do.
 * @return the first failure of the two
 * @since 0.1 */
lily_session_status lily_session_flush(lily_session *session);

/** Persists, then updates the model with what changed in storage. Sets each field
 * that was changed elsewhere: by another program, by another session, or by a
 * storage function such as lily_session_storage_set(), through this session's own
 * storage, too. Resets each field that was removed elsewhere or has
 * expired to the value it had before attach, and likewise each that was loaded or
 * stored before a clear, whichever handle cleared. An event reports each. Leaves a
 * field alone if its own change is not stored yet, or if its get fails. If
 * config.set returns NULL, no change is kept, and the next refresh tries again.
 *
 * Refresh looks the file's path up again, so it finds a file or folder that was
 * deleted, exchanged or made anew.
 * @return as lily_session_persist() and lily_session_storage_get(); CALLBACK:
 *         config.set returned NULL, or a get failed after its field was set
 *
 * Callbacks: get, set, config's get and set, revision, migrate, on_event, clock.
 * @since 0.1 */
lily_session_status lily_session_refresh(lily_session *session);

/** Makes the next update, persist, flush or detach store a field even if it does
 * not change: for a default that the user confirmed, or for a choice that equals
 * what this program saw last while another program changed it. The field is dirty
 * until then. Callbacks may call it; inside an update function it applies to that
 * update.
 * @param key  the field's key, without the prefix
 * @return NOT_FOUND: the session has no such field; INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_mark(lily_session *session, const char *key);

/** Persists, then renews the expiry of what is stored for the field, by storing the
 * same value again: for tokens that last while they are used.
 * @param key  the field's key, without the prefix
 * @return NOT_FOUND: the session has no such field, or nothing is stored for
 *         it; NEWER, DECODE: what is stored is not this field's value, and
 *         stays; NOT_DURABLE: it is renewed; BUSY: other programs keep storing it;
 *         and what lily_session_persist() returns
 * @since 0.1 */
lily_session_status lily_session_touch(lily_session *session, const char *key);

/** Persists, then changes what is stored for a field, without losing what another
 * program stores at the same time: for counters and lists that several programs
 * change. Then sets the field in the model to what storage holds, which may already be
 * a newer value of another program. The call renews the field's expiry.
 *
 * @param key     the field's key, without the prefix
 * @param modify  is given the stored value as the field decodes it, migrated if it is
 *                of an older version, and gives a new one of the field's types
 * @param context  passed to modify
 * @return NOT_FOUND: the session has no such field; NEWER, DECODE: what is stored is
 *         not this field's value, and stays; ENCODE: the new value cannot be stored;
 *         what modify returned; BUSY: other programs keep changing the field, or its
 *         own change could not be stored; CALLBACK: the new value is stored, and set or
 *         config.set refused it, or it could not be read back; NOT_DURABLE: it is
 *         stored; and what lily_session_persist() returns
 *
 * Callbacks: modify; get, set, config's get and set, revision, migrate, on_event, clock.
 * @since 0.1 */
lily_session_status lily_session_modify(lily_session *session, const char *key, lily_session_modify_fn modify, void *context);

/** Removes what is stored for a field, and sets the field in the model to the value
 * that it had before attach.
 *
 * @param key  the field's key, without the prefix
 * @return NOT_FOUND: the session has no such field; CALLBACK: what was stored is
 *         removed, and set or config.set refused the value; and as
 *         lily_session_storage_remove()
 *
 * Callbacks: get, set, config's get and set, revision, on_event, clock.
 * @since 0.1 */
lily_session_status lily_session_reset(lily_session *session, const char *key);

/** Returns, for the program's event loop, the milliseconds until the next stored
 * field that this session has loaded or stored expires. For each field this is at
 * most its own expires_after_ms. Returns 0 if one has expired, which
 * lily_session_refresh() will reset, and -1 if none will expire or the session is
 * detached. Leaves lily_session_last_error() alone.
 * @since 0.1 */
int64_t lily_session_next_expiry(lily_session *session);

/** What is stored for a field: one of the first six, to which DIRTY may be added. */
enum lily_session_state {
  LILY_SESSION_STATE_ABSENT = 0,   /**< nothing is stored */
  LILY_SESSION_STATE_LOADED = 1,   /**< a value that the model has, or had */
  LILY_SESSION_STATE_REJECTED = 2, /**< a value that was not accepted */
  LILY_SESSION_STATE_EXPIRED = 3,  /**< a value that has expired and reads as absent */
  LILY_SESSION_STATE_MIGRATED = 4, /**< a value of an older version that was migrated, or one under a former key; with DIRTY, it is to be stored anew */
  LILY_SESSION_STATE_NEWER = 5,    /**< a value of a newer version of the field */
  LILY_SESSION_STATE_DIRTY = 256   /**< added: an update found a change that is not stored yet, or the field is marked */
};

/** Reports what is stored for a field now or, if the storage cannot be read, what was
 * last seen there. Changes nothing.
 *
 * @param key        the field's key, without the prefix
 * @param out_state  a ::lily_session_state, to which DIRTY may be added
 * @return NOT_FOUND: the session has no such field; INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_field_state(lily_session *session, const char *key, int32_t *out_state);

/** Flushes, then ends the session and gives the handle back. Inside a callback
 * this takes effect when the outermost call returns. NULL is allowed.
 *
 * Callbacks: get, revision, on_event, clock, release.
 * @since 0.1 */
void lily_session_detach(lily_session *session);

/** Ends the session without a flush, calling nothing but release: for finalisers.
 * NULL is allowed.
 * @since 0.1 */
void lily_session_abandon(lily_session *session);

/** Removes every key that begins with "lily_session_", in one step; other keys
 * stay. It is made for log-out, and an update function may call it. After a clear,
 * no earlier write of any session, finished or failed, can reappear. The model is
 * left alone until the next lily_session_refresh(), which resets the fields that
 * were stored to the values they had before attach. A field that changes after the
 * clear, or in the same update, is stored and stays. A clear also removes the copy
 * that is kept of a damaged file. If the file takes no more lines, because it is
 * full or has lines of a newer format, a clear begins it anew, and those lines are
 * lost. The cleared values stay in the file until the next flush, sync, detach or
 * close.
 *
 * @param storage  NULL: the default place of the executable's name, where nothing is
 *                 created. If the program gives lily_session_open() another name,
 *                 open the storage of that name, and pass it
 * @return as lily_session_storage_set(); OK if there is nothing to clear. With
 *         NULL also as lily_session_storage_sync(): why removed values stay
 * @since 0.1 */
lily_session_status lily_session_clear(lily_session_storage *storage);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
