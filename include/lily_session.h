/** @file
 * lily-session: chosen fields of a program's model survive a restart.
 *
 * A program names the fields of its model that should survive, each with a
 * callback that reads it and one that sets it. lily_session_attach() fills the
 * model from storage; after each update the library writes the fields that
 * changed, and only those; lily_session_clear() removes them all.
 *
 * @par Statuses
 *   Functions that can fail answer a ::lily_session_status: 0, or a negative
 *   failure. lily_session_last_error() has the sentence for it. On failure an
 *   out handle becomes NULL and every other output stays untouched.
 * @par Threads
 *   A storage may be used from any thread. A runtime and its sessions are used
 *   by one thread at a time. Lists of fields too.
 * @par Callbacks
 *   No lock is held while one runs. Inside an update function the storage
 *   functions and lily_session_clear() may be called. What would run the
 *   runtime that is calling (dispatch, set_model, persist, flush, refresh,
 *   touch, attach) answers ::LILY_SESSION_ERROR_REENTRANT there and in every
 *   other callback of it. detach, abandon and runtime_free inside a callback
 *   take effect when the outermost call returns. A callback must return: no
 *   longjmp, no exception.
 * @par Memory
 *   Everything may be freed in any order: a session retains its storage and its
 *   fields. The library frees neither model nor slice. What it allocates for
 *   the caller is freed by lily_session_free().
 * @par Handles that were given back
 *   must not be used again. A mistake is told where it can be: until the memory
 *   serves for something else, a call with a handle that was closed, freed or
 *   detached, or with one of another kind, answers INVALID_ARGUMENT, and giving
 *   it back again does nothing. Nothing may rely on that. Such a call reads
 *   freed memory, of which AddressSanitizer and valgrind complain.
 * @par fork
 *   A child opens storages of its own: an inherited one answers
 *   ::LILY_SESSION_ERROR_FORKED, and may be closed.
 * @par Signals
 *   No function is safe in a signal handler.
 * @par Not for
 *   Network file systems, whose locks and renames are not dependable.
 *
 * Structs that begin with `size` may grow: set them with their _INIT macro. One
 * larger than the library knows is accepted while what it does not know is zero.
 *
 * Where a comment says INVALID_ARGUMENT, ::LILY_SESSION_ERROR_INVALID_ARGUMENT
 * is meant, and so for every status.
 *
 * Times are UTC in milliseconds since 1970. Strings are UTF-8. Sizes are bytes.
 */
#ifndef LILY_SESSION_H
#define LILY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @defgroup library The library
 * Its version, its handles, and how it answers.
 * @{ */

#define LILY_SESSION_VERSION_MAJOR 0 /**< of this header, as a number; so the next two */
#define LILY_SESSION_VERSION_MINOR 1 /**< see LILY_SESSION_VERSION_MAJOR */
#define LILY_SESSION_VERSION_PATCH 0 /**< see LILY_SESSION_VERSION_MAJOR */
#define LILY_SESSION_VERSION "0.1.0" /**< of this header; lily_session_version() is the library's */

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ handles */

typedef struct lily_session_storage lily_session_storage;         /**< durable map of key -> JSON text */
typedef struct lily_session_persistence lily_session_persistence; /**< an ordered list of fields */
typedef struct lily_session_runtime lily_session_runtime;         /**< a model and its update function */
typedef struct lily_session lily_session;                         /**< one attachment of fields to a runtime */

/* ----------------------------------------------------------------- statuses */

/** LILY_SESSION_OK, or one of the failures; a later version may have more of them. */
typedef int32_t lily_session_status;

/** The statuses. No number is used again. */
enum {
  LILY_SESSION_OK = 0,                      /**< done */
  LILY_SESSION_ERROR_INVALID_ARGUMENT = -1, /**< NULL, a wrong size, text that is not UTF-8, a value out of range, a detached session */
  LILY_SESSION_ERROR_DUPLICATE_KEY = -2,    /**< another field is stored under this key already */
  LILY_SESSION_ERROR_NOT_FOUND = -3,        /**< no such key, or no such file */
  LILY_SESSION_ERROR_REENTRANT = -4,        /**< called from inside a callback of the same runtime */
  LILY_SESSION_ERROR_UNSUPPORTED = -5,      /**< this object cannot do that */
  LILY_SESSION_ERROR_FORKED = -6,           /**< the storage was opened by the parent process */
  LILY_SESSION_ERROR_DECODE = -10,          /**< the text is not JSON, or not of an accepted type */
  LILY_SESSION_ERROR_ENCODE = -11,          /**< the field's value cannot be stored: its type, NaN, not UTF-8, not JSON, too big */
  LILY_SESSION_ERROR_CALLBACK = -12,        /**< a callback of the host's failed */
  LILY_SESSION_ERROR_UPDATE = -13,          /**< the update function refused the message */
  LILY_SESSION_ERROR_NEWER = -14,           /**< written by a newer version of the program or of this library */
  LILY_SESSION_ERROR_IO = -20,              /**< the system refused; the event or message has the errno */
  LILY_SESSION_ERROR_NO_SPACE = -21,        /**< the disk, its quota or the file size limit is full */
  LILY_SESSION_ERROR_NOT_DURABLE = -22,     /**< visible to all, but it may not survive power loss */
  LILY_SESSION_ERROR_PERMISSION = -23,      /**< the file, its directory or READ_ONLY does not allow it */
  LILY_SESSION_ERROR_REFUSED = -24,         /**< not a file of ours: another format, owner, kind, or linked twice; STRICT, and its directory is open to others */
  LILY_SESSION_ERROR_CORRUPT = -25,         /**< STRICT, and the file is damaged */
  LILY_SESSION_ERROR_QUOTA = -26,           /**< over a size limit */
  LILY_SESSION_ERROR_BUSY = -27             /**< another process held the store's lock for 5 s */
};

/** The version of the library that runs; that of the header is LILY_SESSION_VERSION. Static.
 * @since 0.1 */
const char *lily_session_version(void);

/** The name of a status, "LILY_SESSION_ERROR_QUOTA"; "LILY_SESSION_ERROR_UNKNOWN"
 * for a number that is none. Static.
 * @since 0.1 */
const char *lily_session_status_name(lily_session_status status);

/** This thread's last failure in one line of UTF-8, such as "cannot open
 * /srv/shop.jsonl: Permission denied"; "" after a success. It names keys and
 * paths, never values. Set by every function that returns a status and by
 * lily_session_persistence_new(); in nested calls, the outermost sets it. The
 * text lives until this thread's next call. Functions that return void leave
 * it alone.
 * @since 0.1 */
const char *lily_session_last_error(void);

/** Frees what a function of this library allocated. NULL is allowed.
 * @since 0.1 */
void lily_session_free(void *memory);

/** @} */

/* ------------------------------------------------------------------ storage */
/** @defgroup storage Storage
 * A durable map of keys to JSON text: a file, or memory, or a store of the
 * host's. Sessions open one by themselves; by hand it is opened to choose its
 * place and its durability, or to get and set single keys.
 * @{ */

/** What a change survives, as lily_session_storage_options::durability. */
enum {
  LILY_SESSION_DURABILITY_PROCESS = 0, /**< a change survives the end of the process; sync makes it survive power loss */
  LILY_SESSION_DURABILITY_POWER = 1    /**< a change survives power loss when the call returns, else it answers NOT_DURABLE */
};

/** How a storage is opened, as lily_session_storage_options::flags. */
enum {
  LILY_SESSION_READ_ONLY = 1, /**< never writes, nor creates: a missing file is NOT_FOUND */
  LILY_SESSION_STRICT = 2     /**< a damaged file is CORRUPT instead of being read around the damage, and one whose directory is
                                   open to others (lily_session_info::directory_is_open) is REFUSED */
};

/** How a storage is opened. Zero means the default of each. */
typedef struct lily_session_storage_options {
  size_t size;                      /**< sizeof(lily_session_storage_options) */
  int32_t durability;               /**< LILY_SESSION_DURABILITY_PROCESS or _POWER */
  int32_t flags;                    /**< LILY_SESSION_READ_ONLY | LILY_SESSION_STRICT */
  const char *application;          /**< names the default place: [A-Za-z0-9._-]{1,64}, not beginning with a dot; NULL: the executable's name */
  int64_t quota_bytes;              /**< of keys and values that are stored, scopes' too; 0: 5 MiB, -1: no limit */
  int64_t (*clock)(void *context);  /**< UTC in ms; NULL: the system's. Runs on the calling thread */
  void *context;                    /**< passed to clock; must outlive the storage */
} lily_session_storage_options;

/** The defaults. */
#define LILY_SESSION_STORAGE_OPTIONS_INIT { sizeof(lily_session_storage_options), 0, 0, NULL, 0, NULL, NULL }

/** Opens the journal at `path`, creating it (mode 0600) where it is missing.
 * Any number of handles and processes may have one file open. A process that
 * limits the size of its files (RLIMIT_FSIZE) does so before it opens one: past
 * the limit writes then answer NO_SPACE, and SIGXFSZ does not reach the host.
 *
 * @param path     copied. NULL: the default place,
 *                 `$LILY_SESSION_DIR/<application>/session.jsonl`, else under
 *                 `$XDG_STATE_HOME`, else under `~/.local/state`. Missing
 *                 directories on the way are created (0700); only `$HOME` itself
 *                 must exist. A path of your own: its directory must exist.
 *                 If options name no application, it is the executable's name,
 *                 without leading dots and with `-` for each character that a
 *                 name cannot have. A program with more rights than its user
 *                 (set-user-ID, file capabilities) has no default place, as it
 *                 does not use the environment.
 * @param options  read during the call; NULL: the defaults
 * @param out_storage  the caller's, to be closed by lily_session_storage_close()
 * @return INVALID_ARGUMENT: path is empty, options or a variable's value are
 *         wrong, or an interpreter (python3.11, nodejs, dotnet, …) named no
 *         application; NOT_FOUND: no such directory, no default place, or
 *         READ_ONLY and no such file;
 *         REFUSED: not a journal, a newer format, a symbolic or second hard
 *         link, another owner's, over 4 GiB, or, if STRICT, in a directory that
 *         is open to others; CORRUPT: damaged, and STRICT;
 *         PERMISSION, NO_SPACE, IO: the system's answer; BUSY
 * @since 0.1 */
lily_session_status lily_session_storage_open(const char *path, const lily_session_storage_options *options, lily_session_storage **out_storage);

/** A storage that lives in memory and ends with its handle: for tests, and for
 * programs that want a session without a file. Of the options clock and
 * quota_bytes count; the others must be unset.
 * @return INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_storage_open_memory(const lily_session_storage_options *options, lily_session_storage **out_storage);

/** A storage of its own inside another: its keys are not keys of the parent, nor
 * of any other scope, and clearing one leaves all others alone. Handles of one
 * scope, in whichever process, see the same keys. The parent is retained, and
 * its options hold; a scope has no scopes.
 *
 * @param scope  1 to 64 bytes of UTF-8, such as "user:42"
 * @return INVALID_ARGUMENT; UNSUPPORTED: the parent is a scope
 * @since 0.1 */
lily_session_status lily_session_storage_scoped(lily_session_storage *parent, const char *scope, lily_session_storage **out_storage);

/** @defgroup backend Backends
 * A storage may be kept in a store of the host's.
 * @{ */

/** An entry of a backend. On reading the strings are borrowed until the backend's
 * next call; on writing they are borrowed for the call. */
typedef struct lily_session_entry {
  const char *key;       /**< NUL-terminated */
  const char *json;      /**< NULL in a batch: the key is removed */
  size_t length;         /**< of json, without the NUL */
  int64_t expires_at_ms; /**< 0: never. A past one is handed out all the same: the library judges it */
  uint32_t version;      /**< of the value's shape, as lily_session_field::version */
} lily_session_entry;

/** What a backend calls for each entry; anything but LILY_SESSION_OK ends the walk. */
typedef lily_session_status (*lily_session_entry_fn)(void *context, const lily_session_entry *entry);

/** A store of the host's. Its functions run on the threads that use the storage,
 * with no lock held; each answers LILY_SESSION_OK or one of the failures above,
 * which the library's caller gets (another number becomes IO). A backend keeps a
 * generation for each prefix that is cleared: 0 at first, raised by each clear. */
typedef struct lily_session_backend {
  size_t size; /**< sizeof(lily_session_backend) */
  void *context; /**< passed to each function */
  void (*release)(void *context); /**< once, when the storage is gone; also when opening fails; may be NULL */

  /** Absent: NOT_FOUND. */
  lily_session_status (*read)(void *context, const char *key, lily_session_entry *out_entry);

  /** All or none. With a prefix whose generation is not this one: none, NEWER. NULL: in any. */
  lily_session_status (*write)(void *context, const lily_session_entry *entries, size_t count, const char *prefix, uint64_t generation);

  /** Removes all keys that begin with the prefix, and raises its generation, in one step. */
  lily_session_status (*clear)(void *context, const char *prefix);

  /** How often the prefix was cleared. */
  lily_session_status (*generation)(void *context, const char *prefix, uint64_t *out_generation);

  /** All whose keys begin with the prefix, in any order. A failure of visit ends it, and is returned. */
  lily_session_status (*each)(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor);

  lily_session_status (*sync)(void *context); /**< NULL: what is written is durable at once, unless write returned NOT_DURABLE */
  int (*fd)(void *context);                   /**< as lily_session_storage_fd(); NULL: -1 */
  void (*close)(void *context);               /**< before release, in the process that opened it; NULL: nothing to do */

  /** Gives the entry of this key the new expires_at_ms, in one step, if the key
   * still holds this json and version; otherwise NOT_FOUND. NULL: the library
   * reads the entry and writes it again, and another program's write that comes
   * between the two is lost. */
  lily_session_status (*renew)(void *context, const lily_session_entry *entry);
} lily_session_backend;

/** No functions yet. */
#define LILY_SESSION_BACKEND_INIT { sizeof(lily_session_backend), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** A storage in a store of the host's. The library keeps the rules of keys,
 * values, expiry, versions and scopes; the quota is the backend's own (QUOTA).
 * No key may begin with U+0001, and no scope's name have it: so scopes' keys begin.
 *
 * @param backend  copied; context is the storage's from here on
 * @param options  clock counts; the others must be unset
 * @return INVALID_ARGUMENT: size, read, write, clear, generation or each missing
 * @since 0.1 */
lily_session_status lily_session_storage_open_backend(const lily_session_backend *backend, const lily_session_storage_options *options, lily_session_storage **out_storage);

/** @} */

/** Makes what this handle wrote survive power loss, as far as it can, and gives
 * the handle back. Sessions that use the storage keep it open. In a child of
 * fork it only frees memory and descriptors. NULL is allowed.
 * @since 0.1 */
void lily_session_storage_close(lily_session_storage *storage);

/** The file's path, made absolute; NULL for memory and for NULL. Lives as long
 * as the handle.
 * @since 0.1 */
const char *lily_session_storage_path(const lily_session_storage *storage);

/** Copies the JSON text under `key` as it is now, whoever wrote it.
 *
 * @param key         the whole storage key, such as "lily_session_theme":
 *                    1 to 512 bytes of UTF-8
 * @param out_json    NUL-terminated, the caller's: lily_session_free()
 * @param out_length  without the NUL; may be NULL
 * @return NOT_FOUND: absent or expired; DECODE: stored, but not JSON;
 *         INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 *
 * Runs no callback but clock.
 * @since 0.1 */
lily_session_status lily_session_storage_get(lily_session_storage *storage, const char *key, char **out_json, size_t *out_length);

/** Stores JSON text. White space outside strings is removed; otherwise it comes
 * out byte for byte as it went in.
 *
 * @param json    `length` bytes, at most 16 MiB and 512 levels deep, without
 *                duplicate names; need not be NUL-terminated
 * @param expires_at_ms  the entry reads as absent from then on; 0: never; a
 *                past time is accepted
 * @return DECODE: json is not JSON, or too long or deep; INVALID_ARGUMENT: a bad
 *         key or a negative time; QUOTA: it does not fit; NEWER: the file has lines of a newer
 *         format; NOT_FOUND: its folder is missing; NO_SPACE, PERMISSION, REFUSED, IO, BUSY, FORKED. Nothing is
 *         stored then. NOT_DURABLE: it is stored.
 *
 * Runs no callback but clock.
 * @since 0.1 */
lily_session_status lily_session_storage_set(lily_session_storage *storage, const char *key, const char *json, size_t length, int64_t expires_at_ms);

/** Removes a key. One that is absent is OK, and nothing is written.
 * @return as lily_session_storage_set()
 * @since 0.1 */
lily_session_status lily_session_storage_remove(lily_session_storage *storage, const char *key);

/** What lily_session_storage_each() calls for each entry. Anything but
 * LILY_SESSION_OK stops the walk and is returned. The arguments are borrowed for
 * the call. */
typedef lily_session_status (*lily_session_item_fn)(void *context, const char *key, const char *json, size_t length, int64_t expires_at_ms);

/** Calls `visit` for each unexpired entry whose key begins with `prefix`, in
 * the byte order of keys, on a snapshot: `visit` may change the storage.
 *
 * @param prefix  at most 512 bytes; "" or NULL: all
 * @return what `visit` returned; INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 * @since 0.1 */
lily_session_status lily_session_storage_each(lily_session_storage *storage, const char *prefix, lily_session_item_fn visit, void *context);

/** Makes what this handle wrote survive power loss, and rewrites the file when
 * it holds removed values or has grown far past what it stores. Nothing is
 * done when this handle wrote nothing since the last time.
 * Removed values are overwritten in the file itself where that cannot be
 * rewritten (a file that is mounted by itself, a folder that may not be
 * written).
 * @return NOT_DURABLE: the disk refused; BUSY, FORKED; PERMISSION, IO, NO_SPACE:
 *         what was written survives power loss, but the file still holds values
 *         that were removed or cleared, or a copy of it does
 * @since 0.1 */
lily_session_status lily_session_storage_sync(lily_session_storage *storage);

/** A descriptor for the host's event loop. It polls readable when the file has
 * changed, by whomever, until each session that is attached through this handle
 * or a scope of it has refreshed; without sessions, until a get or each. Other
 * files in the folder do not wake it, except that while the file is missing,
 * files that are made there may. The descriptor belongs to the handle: do not
 * read or close it. The first call makes it.
 * @return -1: this storage cannot tell, or the system gives no watch
 * @since 0.1 */
int lily_session_storage_fd(lily_session_storage *storage);

/** What there is to know of a storage. */
typedef struct lily_session_info {
  size_t size;                 /**< sizeof(lily_session_info), set before the call */
  const char *path;            /**< as lily_session_storage_path() */
  int64_t entries;             /**< stored keys, scopes' and expired ones too */
  int64_t live_bytes;          /**< their keys and values: what the quota counts */
  int64_t quota_bytes;         /**< -1: no limit */
  int64_t file_bytes;          /**< the file's size; 0 in memory */
  int64_t damaged_lines;       /**< skipped since the storage was opened; 0 once the file has been rewritten after that */
  int64_t last_compaction_ms;  /**< when this handle last rewrote the file, UTC in ms; 0: never */
  int32_t durability;          /**< LILY_SESSION_DURABILITY_… */
  int32_t owes_sync;           /**< 1: what this handle wrote is not known to survive power loss; 0: it is, or there is nothing */
  int32_t directory_is_open;   /**< 1: others could put another file, or an older copy, in the file's place: another user than this one
                                    and root owns its directory, or one above it, links resolved; or others, its group among them, can
                                    write there and it is not sticky; or the file system gives others rights to the file. 0: no */
} lily_session_info;

/** To be filled in. */
#define LILY_SESSION_INFO_INIT { sizeof(lily_session_info), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** What there is to know of a storage; of a scope, its parent's.
 * @return INVALID_ARGUMENT, IO, BUSY, REFUSED, PERMISSION, FORKED
 * @since 0.1 */
lily_session_status lily_session_storage_info(lily_session_storage *storage, lily_session_info *out_info);

/** @} */

/* ------------------------------------------------------------------- fields */
/** @defgroup fields Fields
 * What is stored: a list of fields, each with its key, the types that it
 * accepts, and how it is read from the model and set in it.
 * @{ */

/** The types of values; bits, as a field may accept several. */
enum {
  LILY_SESSION_NULL = 1,    /**< null */
  LILY_SESSION_BOOL = 2,    /**< true and false */
  LILY_SESSION_INT = 4,     /**< no fraction, no exponent, fits int64_t */
  LILY_SESSION_REAL = 8,    /**< any number, as a double */
  LILY_SESSION_STRING = 16, /**< text */
  LILY_SESSION_JSON = 32    /**< anything, as JSON text */
};

/** A field's value. */
typedef struct lily_session_value {
  int32_t type; /**< exactly one of the bits above, and by it the member of `as` */
  /** The value itself; none for NULL. */
  union {
    bool boolean;    /**< as.boolean, of a BOOL */
    int64_t integer; /**< as.integer, of an INT */
    double real;     /**< as.real, of a REAL */
    /** as.text: of a STRING the characters, which may include NUL; of JSON its text */
    struct {
      const char *bytes; /**< as.text.bytes: UTF-8, not NUL-terminated when given by get; NUL-terminated when given to set */
      size_t length;     /**< as.text.length: without a NUL */
    } text;
  } as;
} lily_session_value;

/** Reads the field's value. Text is borrowed until get is called again for this
 * field, or the call that ran it returns. Anything but LILY_SESSION_OK fails this
 * field alone, until its next turn. */
typedef lily_session_status (*lily_session_get_fn)(void *context, const void *session, lily_session_value *out_value);

/** Sets the field to a stored value, borrowed for the call. Anything but
 * LILY_SESSION_OK refuses it; the stored text stays. */
typedef lily_session_status (*lily_session_set_fn)(void *context, void *session, const lily_session_value *value);

/** Makes a value of the field's version from a stored one of an older version.
 * `stored` is JSON, borrowed for the call; text in out_value is borrowed until
 * migrate is called again for this field. Anything but LILY_SESSION_OK rejects
 * the stored value, which stays. */
typedef lily_session_status (*lily_session_migrate_fn)(void *context, uint32_t stored_version, const lily_session_value *stored, lily_session_value *out_value);

/** How a struct's member is bound without callbacks. */
enum {
  LILY_SESSION_MEMBER_NONE = 0,    /**< not so: by get and set */
  LILY_SESSION_MEMBER_BOOL = 1,    /**< bool */
  LILY_SESSION_MEMBER_INT32 = 2,   /**< int32_t */
  LILY_SESSION_MEMBER_INT64 = 3,   /**< int64_t */
  LILY_SESSION_MEMBER_DOUBLE = 4,  /**< double */
  LILY_SESSION_MEMBER_CHARS = 5,   /**< char[n] that holds a NUL-terminated string */
  LILY_SESSION_MEMBER_STRING = 6   /**< char *, or NULL */
};

/** One value that is stored. */
typedef struct lily_session_field {
  size_t size;                    /**< sizeof(lily_session_field) */
  const char *key;                /**< 1 to 256 bytes of UTF-8, copied; stored under "lily_session_" and this */
  int32_t types;                  /**< what is accepted, bits added up: LILY_SESSION_STRING | LILY_SESSION_NULL */
  lily_session_get_fn get;        /**< reads it; get and set, or a member */
  lily_session_set_fn set;        /**< sets it */
  void *context;                  /**< passed to get, set and migrate */
  void (*release)(void *context); /**< called once, when the last list and session with this field are gone; also when field_add fails; may be NULL */
  int64_t expires_after_ms;       /**< after its last write or lily_session_touch(); 0: never */
  uint32_t version;               /**< of the value's shape; a stored value of a newer version is left alone */
  lily_session_migrate_fn migrate; /**< for stored values of an older version; NULL: they are decoded as they are. A migrated value is stored by the next update, unless another program has stored something since */
  const char *const *former_keys; /**< keys that the field had before, the latest first, NULL-terminated, copied; NULL: none. They go when the field is stored under its own */
  int32_t member_type;            /**< LILY_SESSION_MEMBER_…: the slice is a struct, and the field a member of it */
  size_t member_offset;           /**< offsetof(struct, member) */
  size_t member_size;             /**< sizeof of the member */
} lily_session_field;

/** No key, type or callback yet. */
#define LILY_SESSION_FIELD_INIT { sizeof(lily_session_field), NULL, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 0, 0, 0 }

/** @cond */
#ifdef __cplusplus
#define LILY_SESSION_FIELD_LITERAL_ lily_session_field
#else
#define LILY_SESSION_FIELD_LITERAL_ (lily_session_field)
#endif
#define LILY_SESSION_FIELD_MEMBER_(struct_type, member, types, member_type) \
  LILY_SESSION_FIELD_LITERAL_ { sizeof(lily_session_field), #member, types, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, \
    member_type, offsetof(struct_type, member), sizeof(((struct_type *)0)->member) }
/** @endcond */

/** @name Fields of a struct's members
 * A field for a plain member of the slice's struct, without callbacks:
 *
 *     lily_session_field volume = LILY_SESSION_FIELD_INT64(struct app, volume);
 *
 * The key is the member's name; change .key, .expires_after_ms and .version of
 * the result as you like.
 * @{ */

/** A `bool`. */
#define LILY_SESSION_FIELD_BOOL(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_BOOL, LILY_SESSION_MEMBER_BOOL)
/** An `int32_t`; a stored number that does not fit is rejected. */
#define LILY_SESSION_FIELD_INT32(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT32)
/** An `int64_t`. */
#define LILY_SESSION_FIELD_INT64(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_INT, LILY_SESSION_MEMBER_INT64)
/** A `double`. */
#define LILY_SESSION_FIELD_DOUBLE(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_REAL, LILY_SESSION_MEMBER_DOUBLE)
/** A `char[n]`, NUL-terminated; a stored string too long for it is rejected. */
#define LILY_SESSION_FIELD_CHARS(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_STRING, LILY_SESSION_MEMBER_CHARS)
/** A `char *`, where NULL is JSON's null. A stored string is set as a new copy
 * that is the host's (lily_session_free() or free()); the pointer it replaces is
 * left alone, so a literal may be the default. */
#define LILY_SESSION_FIELD_STRING(struct_type, member) LILY_SESSION_FIELD_MEMBER_(struct_type, member, LILY_SESSION_STRING | LILY_SESSION_NULL, LILY_SESSION_MEMBER_STRING)
/** @} */

/** An empty list of fields; the caller's, to be freed by
 * lily_session_persistence_free().
 * @since 0.1 */
lily_session_persistence *lily_session_persistence_new(void);

/** Frees the list. Sessions attached with it go on. NULL is allowed.
 *
 * Callbacks: release of the fields that no session uses.
 * @since 0.1 */
void lily_session_persistence_free(lily_session_persistence *persistence);

/** Adds a field to the end of the list. Sessions attached before do not see it.
 *
 * @param field  copied, its key too; context is the field's from here on
 * @return DUPLICATE_KEY: a field of the list has or had this key, or one of the
 *         former ones; INVALID_ARGUMENT: a bad key, size, member or expiry, no
 *         type, get or set missing. The context has
 *         been released then, unless the struct is too small to name release.
 *
 * Callbacks: release, on failure.
 * @since 0.1 */
lily_session_status lily_session_field_add(lily_session_persistence *persistence, const lily_session_field *field);

/** @} */

/* ------------------------------------------------------------------ runtime */
/** @defgroup runtime Runtime
 * The host's model, and what happens after each update of it.
 * @{ */

/** Applies a message and returns the model, the same or a new one; the old one
 * may be freed here. NULL refuses: the model is kept. */
typedef void *(*lily_session_update_fn)(void *context, void *model, const void *message);

/** A runtime: a model, its update function, and what happens after each update.
 *
 * @param model    the host's; it, or what replaces it, must live as long as the runtime
 * @param update   NULL for a host with a loop of its own, which changes the
 *                 model and calls lily_session_persist()
 * @param context  passed to update; the host's
 * @return INVALID_ARGUMENT: model is NULL
 * @since 0.1 */
lily_session_status lily_session_runtime_new(void *model, lily_session_update_fn update, void *context, lily_session_runtime **out_runtime);

/** Updates the model, then stores the fields that changed, in one write for
 * each session.
 *
 * @param message  passed on unread; may be NULL
 * @return INVALID_ARGUMENT, REENTRANT, UNSUPPORTED (no update function) and
 *         UPDATE (it refused): the message was not applied. Anything else: it
 *         was; a field that could not be stored stays dirty and is tried again
 *         by the next update, persist or flush. NOT_FOUND: the file's folder is
 *         missing. CALLBACK: a get callback
 *         failed; ENCODE: a value cannot be stored; NO_SPACE, IO, BUSY,
 *         PERMISSION, REFUSED, NEWER, QUOTA, FORKED: the write failed. Of
 *         several failures the first in the order of sessions and fields.
 *
 * Callbacks: update, clock, and the sessions' get, revision and on_event.
 * @since 0.1 */
lily_session_status lily_session_runtime_dispatch(lily_session_runtime *runtime, const void *message);

/** The model as it is now; NULL for NULL.
 * @since 0.1 */
void *lily_session_runtime_model(const lily_session_runtime *runtime);

/** Replaces the model. Call lily_session_persist() to store what differs.
 * @return INVALID_ARGUMENT: NULL; REENTRANT
 * @since 0.1 */
lily_session_status lily_session_runtime_set_model(lily_session_runtime *runtime, void *model);

/** Detaches the runtime's sessions, which flushes them, and frees it. Their
 * handles then answer INVALID_ARGUMENT and still want lily_session_detach().
 * NULL is allowed. Callbacks: as lily_session_detach().
 * @since 0.1 */
void lily_session_runtime_free(lily_session_runtime *runtime);

/** @} */

/* ------------------------------------------------------------------ session */
/** @defgroup session Session
 * The attachment of a list of fields to a runtime and a storage.
 * @{ */

/** What an event is about, as lily_session_event::kind. Where it says status or
 * key, that member of the event has it. */
enum {
  LILY_SESSION_EVENT_REJECTED = 1,     /**< attach, refresh: what is stored was not accepted; it stays until the field changes. status: DECODE, or what set returned */
  LILY_SESSION_EVENT_NEWER = 2,        /**< attach, refresh: stored by a newer version of the field; it stays until the field changes. status: NEWER */
  LILY_SESSION_EVENT_FIELD_FAILED = 3, /**< the field's value could not be taken. status: what get returned, or ENCODE */
  LILY_SESSION_EVENT_WRITE_FAILED = 4, /**< the field could not be stored, and is dirty. status, and system_error where there is one */
  LILY_SESSION_EVENT_DAMAGED = 5,      /**< attach: lines of the file were damaged and skipped. key NULL; status: CORRUPT */
  LILY_SESSION_EVENT_DIRECTORY = 6,    /**< attach: lily_session_info::directory_is_open. key NULL; status: PERMISSION */
  LILY_SESSION_EVENT_CHANGED = 7,      /**< refresh: another changed the field, and it was set */
  LILY_SESSION_EVENT_REMOVED = 8,      /**< refresh: another removed it; it was set to its value from before hydration. status: what set returned, NOT_FOUND where there is no such value */
  LILY_SESSION_EVENT_EXPIRED = 9,      /**< refresh: it expired; likewise */
  LILY_SESSION_EVENT_CLEARED = 10,     /**< refresh: the session was cleared; likewise. In any call, with status OK: a change that could not be stored was dropped, as it may be older than a clear */
  LILY_SESSION_EVENT_NOT_DURABLE = 11, /**< what was written may not survive power loss. key NULL; status: NOT_DURABLE */
  LILY_SESSION_EVENT_NOT_REWRITTEN = 12 /**< the file cannot be rewritten: it grows on, or still holds what was removed or cleared. key NULL; status, and system_error */
};

/** Something that happened to a field or to the store. Borrowed for the call. */
typedef struct lily_session_event {
  size_t size;                /**< of this struct as the library knows it */
  int32_t kind;               /**< a LILY_SESSION_EVENT_… */
  lily_session_status status; /**< why; LILY_SESSION_OK where nothing failed */
  int32_t system_error;       /**< errno, or 0 */
  const char *key;            /**< the field's; NULL: the store */
} lily_session_event;

/** How a list of fields is attached. */
typedef struct lily_session_config {
  size_t size;                                                              /**< sizeof(lily_session_config) */
  lily_session_storage *storage;                                            /**< retained; NULL: the default place, as lily_session_storage_open(NULL, NULL, …) */
  void *(*get)(void *context, void *model);                                 /**< model -> slice, borrowed until get is called again; NULL: the model is the slice */
  void *(*set)(void *context, void *model, void *session);                  /**< puts a hydrated slice back -> model; NULL: the slice lives inside the model */
  uint64_t (*revision)(void *context, const void *session);                 /**< a number that differs when a field may have changed; NULL: compare after every update */
  void (*on_event)(void *context, const lily_session_event *event);         /**< may be NULL */
  void *context;                                                            /**< passed to the four above */
  void (*release)(void *context);                                           /**< called once, when the session is gone; also when attach fails; may be NULL */
} lily_session_config;

/** The default place, the model as the slice, no callbacks. */
#define LILY_SESSION_CONFIG_INIT { sizeof(lily_session_config), NULL, NULL, NULL, NULL, NULL, NULL, NULL }

/** Hydrates the model from storage; from then on stores the fields that change.
 * Attach stores no field; where it opens the default place, it makes the file.
 * Each stored value is decoded as the
 * first that fits of NULL, BOOL, INT, REAL, STRING, JSON among the field's
 * types, and handed to set. A field whose value is absent is left alone; one
 * whose value is refused too, and an event says so.
 *
 * @param persistence  copied
 * @param config       read during the call; context is the session's from here on
 * @param out_session  the caller's, to be given back by lily_session_detach()
 * @return DUPLICATE_KEY: another session of this runtime stores one of these
 *         keys in the same file; CALLBACK: config.get returned NULL, or
 *         config.set did: then fields may have been set already;
 *         INVALID_ARGUMENT, REENTRANT; what lily_session_storage_open() and
 *         _get() return. The context has been released then.
 *
 * Callbacks: get, set, revision, on_event, clock; release, on failure.
 * @since 0.1 */
lily_session_status lily_session_attach(lily_session_runtime *runtime, const lily_session_persistence *persistence,
                                        const lily_session_config *config, lily_session **out_session);

/** "The model may have changed": stores the fields that did, as dispatch does.
 * @return as lily_session_runtime_dispatch(), and INVALID_ARGUMENT when detached
 * @since 0.1 */
lily_session_status lily_session_persist(lily_session *session);

/** lily_session_persist(), then lily_session_storage_sync().
 * @return of both the first failure
 * @since 0.1 */
lily_session_status lily_session_flush(lily_session *session);

/** Persists, then takes over what others did. A field that was changed elsewhere
 * is set. A field that was removed elsewhere or has expired, or that was loaded
 * or stored before a clear, is set to its value from before hydration; a clear
 * through this session's own storage handle is no exception. An event tells of
 * each. A field whose own change is not stored yet is left alone, as is one whose
 * get fails. If config.set returns NULL, nothing was taken over, and the next
 * refresh does it again.
 *
 * The file's path is looked up anew: a file or folder that was deleted, exchanged
 * or made anew is found.
 * @return as lily_session_persist() and lily_session_storage_get(); CALLBACK:
 *         config.set returned NULL, or a get failed after its field was set
 *
 * Callbacks: get, set, config's get and set, revision, migrate, on_event, clock.
 * @since 0.1 */
lily_session_status lily_session_refresh(lily_session *session);

/** Makes the next update, persist, flush or detach store a field even if it does
 * not change: for a default that the user confirmed, or for a choice that
 * equals what this program saw last while another program changed it. The field
 * is dirty until then. May be called inside callbacks: in an update function it
 * holds for that update.
 * @param key  the field's key, without the prefix
 * @return NOT_FOUND: the session has no such field; INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_mark(lily_session *session, const char *key);

/** Persists, then stores what storage holds of a field again, and so renews its
 * expiry: for tokens that last while they are used.
 * @param key  the field's key, without the prefix
 * @return NOT_FOUND: the session has no such field, or nothing is stored for
 *         it; NEWER, DECODE: what is stored is not this field's value, and
 *         stays; NOT_DURABLE: it is renewed; BUSY: others store it again and
 *         again; as lily_session_persist()
 * @since 0.1 */
lily_session_status lily_session_touch(lily_session *session, const char *key);

/** For the host's loop: ms until the next of the session's stored fields
 * expires, as far as the session has seen them, and at most the field's own
 * expires_after_ms. 0: one has, and lily_session_refresh() takes it back. -1:
 * none will, or the session is detached. Leaves lily_session_last_error() alone.
 * @since 0.1 */
int64_t lily_session_next_expiry(lily_session *session);

/** What storage holds of a field: one of the first six, with DIRTY added or not. */
enum {
  LILY_SESSION_STATE_ABSENT = 0,   /**< nothing */
  LILY_SESSION_STATE_LOADED = 1,   /**< stored, and what the model has or had */
  LILY_SESSION_STATE_REJECTED = 2, /**< stored, but not accepted */
  LILY_SESSION_STATE_EXPIRED = 3,  /**< was stored; reads as absent */
  LILY_SESSION_STATE_MIGRATED = 4, /**< stored by an older version and migrated, or under a former key; with DIRTY, to be stored anew */
  LILY_SESSION_STATE_NEWER = 5,    /**< stored by a newer version of the field */
  LILY_SESSION_STATE_DIRTY = 256   /**< added: an update found a change that is not stored yet, or the field is marked */
};

/** What storage holds of a field now, or was last seen to hold where storage
 * cannot be read. Asking changes nothing.
 *
 * @param key        the field's key, without the prefix
 * @param out_state  a LILY_SESSION_STATE_…, with _DIRTY added or not
 * @return NOT_FOUND: the session has no such field; INVALID_ARGUMENT
 * @since 0.1 */
lily_session_status lily_session_field_state(lily_session *session, const char *key, int32_t *out_state);

/** Flushes, then ends the session and gives the handle back. Inside a callback
 * it takes effect when the outermost call returns. NULL is allowed.
 *
 * Callbacks: get, revision, on_event, clock, release.
 * @since 0.1 */
void lily_session_detach(lily_session *session);

/** Ends the session without a flush, calling nothing but release: for finalisers.
 * NULL is allowed.
 * @since 0.1 */
void lily_session_abandon(lily_session *session);

/** Removes every key that begins with "lily_session_", in one step; other keys
 * stay. For log-out; works inside an update function too. After it, nothing that
 * any session wrote before, or failed to write, comes back. The model is left
 * alone until the next lily_session_refresh(), which gives the fields that were
 * stored their values from before hydration; a field that changes after the
 * clear, or in the same update, is stored and stays. A clear also removes the
 * copy that is kept of a damaged file. A file that takes no more lines, as it is
 * full or has some of a newer format, is begun anew, and those lines are lost.
 * The values are in the file until the next flush, sync, detach or close.
 *
 * @param storage  NULL: the default place; nothing is created there
 * @return as lily_session_storage_set(); where there is nothing to clear, OK
 * @since 0.1 */
lily_session_status lily_session_clear(lily_session_storage *storage);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
