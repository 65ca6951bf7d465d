/// @file
/// lily-session for C++ saves selected fields of a program's state, and restores them at the next start.
///
///     struct app { int visits = 0; std::string theme = "light"; };
///
///     app model;
///     auto fields = lily::persistence<app>().field("visits", &app::visits).field("theme", &app::theme);
///     lily::session session = lily::session::open("app", model, fields); // fills the model from the file
///     model.visits++;
///     session.persist();                                                 // stores what changed
///
/// The header needs C++11 or newer, with exceptions; link with -llily_session. It gives `<lily_session.h>` the types of C++ and adds
/// nothing else. Where a comment here is short, the comment of the C function of the same name has the rest. Each class has `get()`,
/// which returns its C handle, for calls that this header does not have.
///
/// @par Errors
///   A function that fails throws a lily::session_error. The class names the status, and `what()` returns the sentence.
/// @par Exceptions
///   An exception of a callback never crosses the library. It waits until the library has finished, and then leaves, unchanged, the call
///   that ran the callback. So if a field's `get` throws in a dispatch, the other fields are stored all the same. One kind stays
///   inside: an exception that `decode`, `set` or `migrate` throws refuses the stored value, which stays in the file. So one bad value
///   does not keep a program from starting. The event `rejected` holds that exception. Destructors throw nothing: to learn of failures,
///   call `flush()` before them.
/// @par Ownership
///   Handles cannot be copied, and may end in any order, also inside callbacks. The library keeps functions and backends that it is
///   given for as long as it may call them. The program owns the model, which must outlive its runtime.
/// @par Threads
///   A storage may be used from any thread. A runtime, its sessions, and a list of fields with the sessions that share it are used by
///   one thread at a time.
/// @par Moved from
///   A runtime cannot be moved. If another handle was moved from, detached or abandoned, its C handle is NULL, and calling its functions throws invalid_argument_error.
///
/// Times are UTC, and durations are milliseconds. Strings are UTF-8. A key, path or name with a NUL inside throws
/// invalid_argument_error.
#ifndef LILY_SESSION_HPP
#define LILY_SESSION_HPP

#if !defined(__cpp_exceptions) && !defined(__EXCEPTIONS)
#error "lily_session.hpp reports failures by exceptions: compile without -fno-exceptions, or use lily_session.h"
#endif

#include <lily_session.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#if __cplusplus >= 201703L
#include <optional>
#include <string_view>
#include <tuple>
#include <variant>
#endif

struct lily_session_redis_options; // in lily_session_redis.h

/// The names of this header. They are visible also in a plugin that is compiled with -fvisibility=hidden: plugin and program must agree on
/// the types of exceptions, and on which call is under way.
namespace lily __attribute__((visibility("default"))) {

// ------------------------------------------------------------------ errors
/// @defgroup errors Errors
/// The exceptions, and the library's version.
/// @{

/// The statuses. The C header says what each means.
enum class status : std::int32_t {
  ok = LILY_SESSION_OK,
  invalid_argument = LILY_SESSION_ERROR_INVALID_ARGUMENT,
  duplicate_key = LILY_SESSION_ERROR_DUPLICATE_KEY,
  not_found = LILY_SESSION_ERROR_NOT_FOUND,
  reentrant = LILY_SESSION_ERROR_REENTRANT,
  unsupported = LILY_SESSION_ERROR_UNSUPPORTED,
  forked = LILY_SESSION_ERROR_FORKED,
  decode = LILY_SESSION_ERROR_DECODE,
  encode = LILY_SESSION_ERROR_ENCODE,
  callback = LILY_SESSION_ERROR_CALLBACK,
  update = LILY_SESSION_ERROR_UPDATE,
  newer = LILY_SESSION_ERROR_NEWER,
  io = LILY_SESSION_ERROR_IO,
  no_space = LILY_SESSION_ERROR_NO_SPACE,
  not_durable = LILY_SESSION_ERROR_NOT_DURABLE,
  permission = LILY_SESSION_ERROR_PERMISSION,
  refused = LILY_SESSION_ERROR_REFUSED,
  corrupt = LILY_SESSION_ERROR_CORRUPT,
  quota = LILY_SESSION_ERROR_QUOTA,
  busy = LILY_SESSION_ERROR_BUSY
};

/// Returns the name of a status as a static string, such as "LILY_SESSION_ERROR_QUOTA".
inline const char *status_name(status code) { return lily_session_status_name(static_cast<lily_session_status>(code)); }

/// Returns the version of the library that runs, as a static string. The version of the header is LILY_SESSION_VERSION.
inline const char *version() { return lily_session_version(); }

/// Returns the category of the statuses, for std::error_code. They equal the conditions of std::errc that mean the same.
inline const std::error_category &category() {
  class statuses : public std::error_category {
    const char *name() const noexcept override { return "lily_session"; }
    std::string message(int code) const override { return status_name(static_cast<status>(code)); }
    std::error_condition default_error_condition(int code) const noexcept override {
      switch (static_cast<status>(code)) {
        case status::invalid_argument: return std::errc::invalid_argument;
        case status::not_found: return std::errc::no_such_file_or_directory;
        case status::unsupported: return std::errc::not_supported;
        case status::io: return std::errc::io_error;
        case status::no_space: return std::errc::no_space_on_device;
        case status::permission: return std::errc::permission_denied;
        case status::busy: return std::errc::device_or_resource_busy;
        default: return std::error_condition(code, *this);
      }
    }
  };
  static const statuses all;
  return all;
}

/// The base class of all exceptions of this library. A callback or a backend may throw one to return its status.
class session_error : public std::runtime_error {
 public:
  /// Makes an exception with a status and a sentence and, if they are known, an errno and the path of a file.
  session_error(lily::status code, const std::string &message, int system_error = 0, const std::string &path = std::string())
    : std::runtime_error(message), status_(code), system_error_(system_error), path_(std::make_shared<const std::string>(path)) {}
  /// Returns the status of the call that failed.
  lily::status status() const noexcept { return status_; }
  /// Returns the system's error if the system refused, and otherwise the status in category(), as std::system_error does:
  /// `error.code() == std::errc::permission_denied`.
  std::error_code code() const noexcept {
    return system_error_ ? std::error_code(system_error_, std::system_category()) : std::error_code(static_cast<int>(status_), category());
  }
  /// Returns the path of the file that failed, or "" if the failure is not one of a file, or its path is not known.
  const std::string &path() const noexcept { return *path_; }

 private:
  lily::status status_;
  int system_error_;
  std::shared_ptr<const std::string> path_; // shared, because to copy an exception must not throw
};

/// The file, the disk or the backend failed; the call itself was right.
class storage_error : public session_error {
 public:
  using session_error::session_error; ///< takes what a session_error takes
};

/// The class of the exceptions with one status.
template <status Code, class Base = session_error> class error_of : public Base {
 public:
  /// Makes an exception with a sentence and, if they are known, an errno and the path of a file.
  explicit error_of(const std::string &message, int system_error = 0, const std::string &path = std::string())
    : Base(Code, message, system_error, path) {}
};

using invalid_argument_error = error_of<status::invalid_argument>;      ///< status::invalid_argument
using duplicate_key_error = error_of<status::duplicate_key>;            ///< status::duplicate_key
using not_found_error = error_of<status::not_found>;                    ///< status::not_found
using reentrant_error = error_of<status::reentrant>;                    ///< status::reentrant
using unsupported_error = error_of<status::unsupported>;                ///< status::unsupported
using forked_error = error_of<status::forked>;                          ///< status::forked
using decode_error = error_of<status::decode>;                          ///< status::decode
using encode_error = error_of<status::encode>;                          ///< status::encode
using callback_error = error_of<status::callback>;                      ///< status::callback
using update_error = error_of<status::update>;                          ///< status::update
using newer_error = error_of<status::newer>;                            ///< status::newer
using io_error = error_of<status::io, storage_error>;                   ///< status::io
using no_space_error = error_of<status::no_space, storage_error>;       ///< status::no_space
using not_durable_error = error_of<status::not_durable, storage_error>; ///< status::not_durable
using permission_error = error_of<status::permission, storage_error>;   ///< status::permission
using refused_error = error_of<status::refused, storage_error>;         ///< status::refused
using corrupt_error = error_of<status::corrupt, storage_error>;         ///< status::corrupt
using quota_error = error_of<status::quota, storage_error>;             ///< status::quota
using busy_error = error_of<status::busy, storage_error>;               ///< status::busy

namespace detail {

/// Throws the failure of the call that was last. `file` is the path of the file that was used, or NULL.
[[noreturn]] inline void fail(lily_session_status code, const char *file = nullptr) {
  const std::string message = lily_session_last_error();
  const int number = lily_session_last_system_error();
  const std::string path = file ? file : "";
  switch (static_cast<status>(code)) {
    case status::ok: break;
    case status::invalid_argument: throw invalid_argument_error(message, number);
    case status::duplicate_key: throw duplicate_key_error(message, number);
    case status::not_found: throw not_found_error(message, number, path);
    case status::reentrant: throw reentrant_error(message, number);
    case status::unsupported: throw unsupported_error(message, number);
    case status::forked: throw forked_error(message, number);
    case status::decode: throw decode_error(message, number);
    case status::encode: throw encode_error(message, number);
    case status::callback: throw callback_error(message, number);
    case status::update: throw update_error(message, number);
    case status::newer: throw newer_error(message, number, path);
    case status::io: throw io_error(message, number, path);
    case status::no_space: throw no_space_error(message, number, path);
    case status::not_durable: throw not_durable_error(message, number, path);
    case status::permission: throw permission_error(message, number, path);
    case status::refused: throw refused_error(message, number, path);
    case status::corrupt: throw corrupt_error(message, number, path);
    case status::quota: throw quota_error(message, number, path);
    case status::busy: throw busy_error(message, number, path);
  }
  throw session_error(static_cast<status>(code), message, number, path); // a newer library has statuses that this header lacks
}

/// A call into the library that is under way on this thread. It keeps what its callbacks throw until the library has returned. Calls
/// nest, because an update function may use a storage.
class call {
 public:
  /// `file` is the path of the file that is used, or NULL. It is asked for before the call, because callbacks may end the storage inside it.
  explicit call(const char *file = nullptr) : outer_(innermost()), file_(file) { innermost() = this; }
  ~call() { innermost() = outer_; }
  call(const call &) = delete;
  call &operator=(const call &) = delete;

  /// Must be called after the library has returned. Rethrows the first exception of a callback; without one, throws if the library failed.
  void finish(lily_session_status code = LILY_SESSION_OK) {
    if (thrown_) std::rethrow_exception(thrown_);
    if (code != LILY_SESSION_OK) fail(code, file_);
  }

  /// Must be called in a callback's catch block. Keeps the exception for finish(), and returns the status that the callback returns for
  /// it. If C code, and not this header, made the call, only this status is left of the exception. `key` is the field's, or NULL.
  static lily_session_status caught(const std::string *key, lily_session_status other = LILY_SESSION_ERROR_CALLBACK) {
    if (call *const now = innermost())
      if (!now->thrown_) now->thrown_ = std::current_exception();
    return refused(key, other);
  }

  /// Does the same for an exception that refuses a stored value: finish() does not rethrow it.
  static lily_session_status refused(const std::string *key, lily_session_status other = LILY_SESSION_ERROR_CALLBACK) {
    call *const now = innermost();
    if (now && key) now->fields_[*key] = std::current_exception();
    try {
      throw;
    } catch (const session_error &error) {
      return error.status() == status::ok ? other : static_cast<lily_session_status>(error.status());
    } catch (...) {
      return other;
    }
  }

  /// Returns what a callback of the field threw last in this call, or nullptr if none threw.
  static std::exception_ptr exception_of(const char *key) {
    const call *const now = innermost();
    if (!now) return nullptr;
    const auto at = now->fields_.find(key);
    return at != now->fields_.end() ? at->second : nullptr;
  }

 private:
  static call *&innermost() {
    static thread_local call *now = nullptr;
    return now;
  }

  call *outer_;
  const char *file_;
  std::exception_ptr thrown_;
  std::map<std::string, std::exception_ptr> fields_; // a file may have very many entries that are refused
};

/// Calls the library. Throws what a callback threw, or the failure. `file` is as in `call`.
template <class Function> void check(Function function, const char *file = nullptr) {
  call under_way(file);
  under_way.finish(function());
}

/// Calls the library for a storage.
template <class Function> void check_storage(const lily_session_storage *storage, Function function) {
  check(function, lily_session_storage_path(storage));
}

/// Ends a handle. Drops what callbacks throw meanwhile, because destructors throw nothing.
template <class Handle, void (*End)(Handle *)> struct ending {
  void operator()(Handle *handle) const noexcept {
    call silent;
    End(handle);
  }
};
template <class Handle, void (*End)(Handle *)> using owned = std::unique_ptr<Handle, ending<Handle, End>>;

using owned_text = owned<void, lily_session_free>;

/// A key, path or name as C takes it, made from any kind of string. It may borrow the caller's characters, so it is used only for
/// arguments.
class c_string {
 public:
  c_string(const char *text) : text_(text) {}
  c_string(const std::string &text) : text_(text.c_str()) { refuse_nul(text.size()); }
#if __cplusplus >= 201703L
  c_string(std::string_view text) : text_(nullptr), copy_(text) {
    text_ = copy_.c_str();
    refuse_nul(copy_.size());
  }
#endif
  c_string(const c_string &) = delete;
  c_string &operator=(const c_string &) = delete;

  const char *get() const noexcept { return text_; }

 private:
  /// Throws if the text has a NUL inside, because C would read only what is before the NUL.
  void refuse_nul(std::size_t size) const {
    if (std::char_traits<char>::length(text_) != size) throw invalid_argument_error("a key, path or name has a NUL inside");
  }

  const char *text_;
  std::string copy_; // C++11 has this member too: sources of one program that use different standards must agree on the class
};

/// Calls a function that returns bool or void, and returns its result; void counts as true.
template <class Function, class... Arguments>
typename std::enable_if<std::is_void<decltype(std::declval<Function &>()(std::declval<Arguments>()...))>::value, bool>::type
agrees(Function &function, Arguments &&...arguments) {
  function(std::forward<Arguments>(arguments)...);
  return true;
}
template <class Function, class... Arguments>
typename std::enable_if<!std::is_void<decltype(std::declval<Function &>()(std::declval<Arguments>()...))>::value, bool>::type
agrees(Function &function, Arguments &&...arguments) {
  return static_cast<bool>(function(std::forward<Arguments>(arguments)...));
}

/// Makes a pointer to a member function callable, and returns everything else unchanged.
template <class Function> Function callable(Function function) { return function; }
template <class Result, class Class> auto callable(Result Class::*member) -> decltype(std::mem_fn(member)) { return std::mem_fn(member); }

} // namespace detail

/// @}

// ------------------------------------------------------------------- times
/// @defgroup storage Storage
/// A durable map of keys to JSON text. It is kept in a file, in memory, or in a store of the program's own.
/// @{

/// A time, UTC in milliseconds since 1970. As an expiry, time_point() means never, as 0 does in C.
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

namespace detail {
inline std::int64_t in_ms(time_point at) { return static_cast<std::int64_t>(at.time_since_epoch().count()); }
inline time_point from_ms(std::int64_t ms) { return time_point(std::chrono::milliseconds(ms)); }
inline time_point system_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }
/// A storage's clock. It may end the storage, and so all other references to itself, while it runs.
struct clock_function : std::enable_shared_from_this<clock_function> {
  explicit clock_function(std::function<time_point()> given) : now(std::move(given)) {}
  std::function<time_point()> now;
};
} // namespace detail

// ----------------------------------------------------------------- storage

/// What a change survives.
enum class durability : std::int32_t {
  process = LILY_SESSION_DURABILITY_PROCESS, ///< a change survives the end of the process; sync() makes it survive power loss
  /// a change survives power loss once the call has returned; if it may not, the call throws not_durable_error
  power = LILY_SESSION_DURABILITY_POWER
};

/// How a storage is opened.
struct storage_options {
  lily::durability durability = lily::durability::process; ///< what a change survives
  bool read_only = false;       ///< true: the library neither writes nor creates the file; opening a missing file throws not_found_error
  bool strict = false;          ///< true: opening a damaged file throws corrupt_error, instead of reading around the damage; opening one
                                ///< whose directory is open to others (lily_session_info::directory_is_open) throws refused_error
  bool exclusive = false;       ///< true: this storage alone writes to the file, from opening to closing, so an update is one system call.
                                ///< While another storage is exclusive, opening throws busy_error at once
  bool scope_files = false;     ///< true: each scope is a file of its own, so what is done with one costs about the same however many there
                                ///< are. All programs that use the file must open it so
  bool no_sync = false;         ///< true: closing and detaching do not sync; sync() and session::flush() still do
  std::string application = {}; ///< names the default place: [A-Za-z0-9._-]{1,64}, not beginning with a dot; "": the executable's name
  std::int64_t quota_bytes = 0; ///< limits the bytes of all stored keys and values, those of scopes included unless they are files; 0: 5 MiB,
                                ///< -1: no limit
  std::function<time_point()> clock = nullptr; ///< nullptr: the system's clock, which is also used if this function throws
};

/// What storage::each() passes to `visit`.
struct item {
  std::string key;       ///< the whole storage key
  std::string json;      ///< the stored JSON text
  time_point expires_at; ///< time_point(): never
};

/// An entry of a backend, or of storage::write().
struct entry {
  std::string key;            ///< the whole storage key
  std::string json;           ///< never empty, except in a batch, where "" removes the key
  time_point expires_at = {}; ///< time_point(): never. A backend returns expired entries, too: the library decides
  std::uint32_t version = 0;  ///< the version of the value, as field_options::version()
  entry() = default;          ///< makes an entry without key and JSON
  /// Makes an entry from its members.
  entry(std::string named, std::string text, time_point until = {}, std::uint32_t number = 0)
    : key(std::move(named)), json(std::move(text)), expires_at(until), version(number) {}
};

/// What backend::replace() did.
enum class replaced {
  done,      ///< it wrote the entry
  overtaken, ///< nothing, because the key holds something else
  cleared    ///< nothing, because the prefix has another generation
};

/// A store of the program's own, for storage::open_backend(). Its functions run on the threads that use the storage, and several may
/// run at the same time. An exception leaves the call that ran the function. The library acts on the status of a session_error, and
/// treats any other exception as status::io. A backend keeps a generation for each prefix that is cleared: 0 at first, raised by each
/// clear.
class backend {
 public:
  virtual ~backend() = default; ///< runs when the library can no longer call the backend

  /// Reads the entry of a key into `out`. Returns false if there is none.
  virtual bool read(const std::string &key, entry &out) = 0;

  /// Writes all entries, or none of them. If `prefix` is not nullptr and its generation is another than this one, writes none and returns
  /// false; otherwise returns true.
  virtual bool write(const std::vector<entry> &entries, const std::string *prefix, std::uint64_t generation) = 0;

  /// Removes all keys that begin with the prefix, and raises its generation, in one step.
  virtual void clear(const std::string &prefix) = 0;

  /// Returns the generation of the prefix: how often it was cleared.
  virtual std::uint64_t generation(const std::string &prefix) = 0;

  /// Calls `visit` for each entry whose key begins with the prefix, in any order. Stops if `visit` returns false.
  virtual void each(const std::string &prefix, const std::function<bool(const entry &)> &visit) = 0;

  /// Makes all that was written survive power loss. By default it does nothing, because what is written is durable at once. A backend
  /// whose write() throws not_durable_error overrides it.
  virtual void sync() {}

  /// Returns a descriptor that polls readable when the store may have changed, or -1 if the store cannot notice changes.
  virtual int fd() { return -1; }

  /// Closes the store. It runs before the destructor, and only in the process that opened the storage.
  virtual void close() {}

  /// Returns true if the backend overrides renew(). The library calls this once, when it opens the storage. If it returns false, the
  /// library renews an entry by reading it and writing it again, and what another program writes between the two is lost.
  virtual bool renews() const { return false; }

  /// Gives the entry of this key the new `expires_at`, in one step, if the key still holds this json and version, and returns true.
  /// Otherwise changes nothing and returns false.
  virtual bool renew(const entry &renewed) { throw unsupported_error("the backend does not override renew(): " + renewed.key); }

  /// Returns true if the backend overrides replace(). The library calls this once, when it opens the storage. If it returns false, the
  /// library modifies an entry by reading it and writing it, and what another program writes between the two is lost.
  virtual bool replaces() const { return false; }

  /// Writes the entry, in one step, if its key still holds the json and the version of `stored` or, if `stored` is nullptr, if it holds
  /// nothing. Otherwise changes nothing. `stored` has no key. `prefix` and `generation` are as for write().
  virtual replaced replace(const entry *stored, const entry &replacement, const std::string *prefix, std::uint64_t generation) {
    (void)stored, (void)prefix, (void)generation;
    throw unsupported_error("the backend does not override replace(): " + replacement.key);
  }

  /// Returns true if the backend overrides scopes(). The library calls this once, when it opens the storage. If it returns false, the
  /// library looks at all entries, by each(), to find the scopes.
  virtual bool lists_scopes() const { return false; }

  /// Returns the name of each scope that has an entry, in any order. The keys of a scope begin with U+0001, its name and U+0001.
  virtual std::vector<std::string> scopes() { throw unsupported_error("the backend does not override scopes()"); }
};

namespace detail {

/// Returns an entry for C, which borrows the strings.
inline lily_session_entry lent(const entry &from) {
  return {from.key.c_str(), from.json.c_str(), from.json.size(), in_ms(from.expires_at), from.version};
}

inline void put_text(std::int32_t type, const std::string &text, lily_session_value &out) {
  out.type = type;
  out.as.text.bytes = text.data();
  out.as.text.length = text.size();
}

inline std::string text_of(const lily_session_value &value) { return std::string(value.as.text.bytes, value.as.text.length); }

/// Holds a backend, and has its functions in the form that C calls.
class backend_host {
 public:
  explicit backend_host(std::unique_ptr<backend> given) : backend_(std::move(given)) {}

  static lily_session_backend table(std::unique_ptr<backend> given) {
    lily_session_backend table = LILY_SESSION_BACKEND_INIT;
    if (given->renews()) table.renew = renew;
    if (given->replaces()) table.replace = replace;
    if (given->lists_scopes()) table.scopes = scopes;
    table.context = new backend_host(std::move(given));
    table.release = [](void *context) { delete static_cast<backend_host *>(context); };
    table.read = read;
    table.write = write;
    table.clear = [](void *context, const char *prefix) { return guarded(context, [&](backend &store) { store.clear(prefix); }); };
    table.generation = [](void *context, const char *prefix, std::uint64_t *out) {
      return guarded(context, [&](backend &store) { *out = store.generation(prefix); });
    };
    table.each = each;
    table.sync = [](void *context) { return guarded(context, [](backend &store) { store.sync(); }); };
    table.fd = [](void *context) {
      int descriptor = -1;
      guarded(context, [&](backend &store) { descriptor = store.fd(); });
      return descriptor;
    };
    table.close = [](void *context) { guarded(context, [](backend &store) { store.close(); }); };
    return table;
  }

 private:
  template <class Body> static lily_session_status guarded(void *context, Body body) noexcept {
    try {
      body(*static_cast<backend_host *>(context)->backend_);
      return LILY_SESSION_OK;
    } catch (const std::exception &error) {
      // The library keeps the sentence for callers that the exception does not reach, and the number for events.
      std::error_code why;
      if (const auto *const ours = dynamic_cast<const session_error *>(&error)) why = ours->code();
      if (const auto *const the_systems = dynamic_cast<const std::system_error *>(&error)) why = the_systems->code();
      const bool is_errno = why.category() == std::system_category() || why.category() == std::generic_category();
      const int number = is_errno ? why.value() : 0;
      return lily_session_backend_fail(call::caught(nullptr, LILY_SESSION_ERROR_IO), error.what(), number);
    } catch (...) {
      return call::caught(nullptr, LILY_SESSION_ERROR_IO);
    }
  }

  /// Makes an entry from one that the library gives. If it has no JSON, `json` becomes "", which removes the key. What is replaced has no
  /// key.
  static entry given(const lily_session_entry &from) {
    entry made;
    if (from.key) made.key = from.key;
    if (from.json) made.json.assign(from.json, from.length);
    made.expires_at = from_ms(from.expires_at_ms);
    made.version = from.version;
    return made;
  }

  static lily_session_status read(void *context, const char *key, lily_session_entry *out) noexcept {
    bool found = false;
    const lily_session_status code = guarded(context, [&](backend &store) {
      entry result;
      found = store.read(key, result);
      if (found) *out = lent(static_cast<backend_host *>(context)->keep(std::move(result)));
    });
    return code != LILY_SESSION_OK || found ? code : LILY_SESSION_ERROR_NOT_FOUND;
  }

  static lily_session_status write(void *context, const lily_session_entry *entries, std::size_t count, const char *prefix,
                                   std::uint64_t generation) noexcept {
    bool written = false;
    const lily_session_status code = guarded(context, [&](backend &store) {
      std::vector<entry> batch;
      for (std::size_t i = 0; i < count; i++) batch.push_back(given(entries[i]));
      const std::string name = prefix ? prefix : "";
      written = store.write(batch, prefix ? &name : nullptr, generation);
    });
    return code != LILY_SESSION_OK || written ? code : LILY_SESSION_ERROR_NEWER;
  }

  static lily_session_status renew(void *context, const lily_session_entry *renewed) noexcept {
    bool found = false;
    const lily_session_status code = guarded(context, [&](backend &store) { found = store.renew(given(*renewed)); });
    return code != LILY_SESSION_OK || found ? code : LILY_SESSION_ERROR_NOT_FOUND;
  }

  static lily_session_status replace(void *context, const lily_session_entry *stored, const lily_session_entry *replacement,
                                     const char *prefix, std::uint64_t generation) noexcept {
    replaced outcome = replaced::done;
    const lily_session_status code = guarded(context, [&](backend &store) {
      const entry old = stored ? given(*stored) : entry();
      const std::string name = prefix ? prefix : "";
      outcome = store.replace(stored ? &old : nullptr, given(*replacement), prefix ? &name : nullptr, generation);
    });
    if (code != LILY_SESSION_OK || outcome == replaced::done) return code;
    return outcome == replaced::cleared ? LILY_SESSION_ERROR_NEWER : LILY_SESSION_ERROR_NOT_FOUND;
  }

  static lily_session_status each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) noexcept {
    lily_session_status stopped = LILY_SESSION_OK;
    const lily_session_status code = guarded(context, [&](backend &store) {
      store.each(prefix, [&](const entry &found) {
        const lily_session_entry shown = lent(found);
        if (stopped == LILY_SESSION_OK) stopped = visit(visitor, &shown);
        return stopped == LILY_SESSION_OK;
      });
    });
    return code != LILY_SESSION_OK ? code : stopped;
  }

  static lily_session_status scopes(void *context, lily_session_scope_fn visit, void *visitor) noexcept {
    lily_session_status stopped = LILY_SESSION_OK;
    const lily_session_status code = guarded(context, [&](backend &store) {
      for (const std::string &name : store.scopes())
        if (stopped == LILY_SESSION_OK) stopped = visit(visitor, c_string(name).get());
    });
    return code != LILY_SESSION_OK ? code : stopped;
  }

  /// Keeps the entry that was read, because the library borrows it. Each thread has one, because other threads read other entries
  /// meanwhile.
  const entry &keep(entry &&read) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return read_[std::this_thread::get_id()] = std::move(read);
  }

  std::unique_ptr<backend> backend_;
  std::mutex mutex_;
  std::map<std::thread::id, entry> read_;
};

} // namespace detail

/// A durable map of keys to JSON text, which all programs that open it share. Any thread may use it.
class storage {
#if __cplusplus >= 201703L
  using text = std::string_view;
#else
  using text = const std::string &;
#endif

 public:
  /// Opens the journal in the program's default place, and creates it if it is missing.
  static storage open(const storage_options &options = storage_options()) { return opened(nullptr, options); }

  /// Opens the journal at `path`, and creates it if it is missing. Its directory must exist.
  static storage open(const detail::c_string &path, const storage_options &options = storage_options()) {
    if (!path.get()) throw invalid_argument_error("the path is NULL");
    return opened(path.get(), options);
  }

  /// Opens the journal at a `std::filesystem::path`, or another type whose `native()` returns a std::string.
  template <class Path>
  static auto open(const Path &path, const storage_options &options = storage_options())
    -> typename std::enable_if<std::is_same<decltype(path.native()), const std::string &>::value, storage>::type {
    return open(detail::c_string(path.native()), options);
  }

  /// Opens a storage that lives in memory and ends with its handle and sessions. The options clock and quota_bytes are used; the others
  /// must be unset.
  static storage memory(const storage_options &options = storage_options()) {
    return made(options, [](const lily_session_storage_options *given, lily_session_storage **out) {
      return lily_session_storage_open_memory(given, out);
    });
  }

  /// Opens a storage in a store of the program's own, which the storage owns from here on. The option clock is used; the others must be
  /// unset.
  static storage open_backend(std::unique_ptr<backend> store, const storage_options &options = storage_options()) {
    if (!store) throw invalid_argument_error("the backend is null");
    return made(options, [&](const lily_session_storage_options *given, lily_session_storage **out) {
      const lily_session_backend table = detail::backend_host::table(std::move(store));
      return lily_session_storage_open_backend(&table, given, out);
    });
  }

  /// Opens a storage on Redis or Valkey. lily_session_redis.hpp defines it, and liblily_session_redis has what it calls.
  static storage redis(const lily_session_redis_options &options);
  /// Does so with the server's address alone, such as "redis://127.0.0.1".
  static storage redis(const detail::c_string &url);

  /// Opens a scope: a storage of its own inside this one. The scope retains this storage.
  storage scoped(const detail::c_string &scope) const {
    lily_session_storage *made = nullptr;
    detail::call under_way(lily_session_storage_path(get()));
    const lily_session_status code = lily_session_storage_scoped(get(), scope.get(), &made);
    storage result(made, clock_);
    under_way.finish(code);
    return result;
  }

  /// Returns the names of the scopes that hold an entry that has not expired, in byte order. Where scopes are files, each is read.
  std::vector<std::string> scopes() const {
    std::vector<std::string> names;
    detail::check_storage(get(), [&] {
      return lily_session_storage_scopes(get(), [](void *context, const char *name) noexcept -> lily_session_status {
        try {
          static_cast<std::vector<std::string> *>(context)->push_back(name);
          return LILY_SESSION_OK;
        } catch (...) {
          return detail::call::caught(nullptr);
        }
      }, &names);
    });
    return names;
  }

  /// Removes scopes in which nothing is left that has not expired, where scopes are files with the files, and returns how many it removed:
  /// `limit` at most, where 0 is no limit. Where scopes are files, it also looks at about so many only, and the next sweep goes on there. It
  /// may run at any time, beside programs that use the scopes.
  std::size_t sweep(std::size_t limit = 0) const {
    std::size_t removed = 0;
    detail::check_storage(get(), [&] { return lily_session_storage_sweep(get(), limit, &removed); });
    return removed;
  }

  storage(storage &&) = default; ///< leaves the other storage without a handle
  /// Closes the handle that this storage had, and takes the other's.
  storage &operator=(storage &&other) noexcept {
    handle_ = std::move(other.handle_); // the old clock outlives the old handle
    clock_ = std::move(other.clock_);
    return *this;
  }

  /// Returns the C handle, which this object still owns; nullptr after a move.
  lily_session_storage *get() const noexcept { return handle_.get(); }

  /// Returns the file's path, made absolute, or "" if the storage has no file.
  std::string path() const {
    const char *const found = lily_session_storage_path(get());
    return found ? found : "";
  }

  /// Copies the JSON text that is stored under `key` now, a whole storage key such as "lily_session_theme", to `out_json`. Returns false,
  /// and leaves `out_json` alone, if the key is absent or has expired.
  bool get(const detail::c_string &key, std::string &out_json) const {
    char *json = nullptr;
    std::size_t length = 0;
    detail::call under_way(lily_session_storage_path(get()));
    const lily_session_status code = lily_session_storage_get(get(), key.get(), &json, &length);
    const detail::owned_text owner(json);
    under_way.finish(code == LILY_SESSION_ERROR_NOT_FOUND ? LILY_SESSION_OK : code);
    if (code != LILY_SESSION_OK) return false;
    out_json.assign(json, length);
    return true;
  }

#if __cplusplus >= 201703L
  /// Returns the JSON text that is stored under `key` now, or nullopt if the key is absent or has expired.
  std::optional<std::string> get(const detail::c_string &key) const {
    std::string json;
    return get(key, json) ? std::optional<std::string>(std::move(json)) : std::nullopt;
  }
#endif

  /// Stores JSON text under a whole storage key. It never expires.
  void set(const detail::c_string &key, text json) const { set(key, json, time_point()); }

  /// Stores JSON text that reads as absent from `expires_at` on; time_point(): never.
  template <class Duration>
  void set(const detail::c_string &key, text json, std::chrono::time_point<std::chrono::system_clock, Duration> expires_at) const {
    std::int64_t at = detail::in_ms(std::chrono::time_point_cast<std::chrono::milliseconds>(expires_at));
    // A part of the millisecond around 1970 is a time that has passed, and not "never".
    if (at == 0 && expires_at.time_since_epoch().count() != 0) at = 1;
    detail::check_storage(get(), [&] { return lily_session_storage_set(get(), key.get(), json.data(), json.size(), at); });
  }

  /// Removes a key. If the key is absent, writes nothing unless the file may still have it: in a damaged line,
  /// or in an expired entry in whose place the quota has let another one be stored.
  void remove(const detail::c_string &key) const {
    detail::check_storage(get(), [&] { return lily_session_storage_remove(get(), key.get()); });
  }

  /// Stores and removes several keys in one step: either all of it happens, or nothing does. An entry whose `json` is "" removes its key:
  /// `storage.write({{"cart", "[]"}, {"old", ""}})`. Throws duplicate_key_error if two entries have the same key, and quota_error if not all
  /// of it fits.
  void write(const std::vector<entry> &entries) const {
    std::vector<lily_session_entry> given;
    for (const entry &each : entries) {
      given.push_back(detail::lent(each));
      given.back().key = detail::c_string(each.key).get();
      if (each.json.empty()) given.back().json = nullptr;
    }
    detail::check_storage(get(), [&] { return lily_session_storage_write(get(), given.data(), given.size()); });
  }

  /// Changes what is stored under a whole storage key, without losing what another program stores at the same time.
  /// `change(const std::string *json)` returns the new JSON text; it is given nullptr if nothing is stored. It is called again if another
  /// program stores something meanwhile, so it must not count its calls. No lock is held while it runs. What it throws leaves the call, and
  /// nothing is changed. The entry keeps its expiry and its version; a new one has none. Throws decode_error if the new text is not JSON,
  /// and busy_error if other programs keep changing the entry.
  template <class Change> void modify(const detail::c_string &key, Change change) const {
    struct modification {
      Change &change;
      std::string next;
      static lily_session_status on_modify(void *context, const lily_session_value *stored, lily_session_value *out) noexcept {
        modification &self = *static_cast<modification *>(context);
        try {
          const std::string json = stored ? detail::text_of(*stored) : "";
          self.next = self.change(stored ? &json : static_cast<const std::string *>(nullptr));
          detail::put_text(LILY_SESSION_JSON, self.next, *out);
          return LILY_SESSION_OK;
        } catch (...) {
          return detail::call::caught(nullptr);
        }
      }
    } modification = {change, {}};
    detail::check_storage(get(), [&] { return lily_session_storage_modify(get(), key.get(), &modification::on_modify, &modification); });
  }

  /// Calls `visit(const lily::item &)` for each unexpired entry whose key begins with `prefix`, in the byte order of keys. It walks over a
  /// snapshot, so `visit` may change the storage. If `visit` returns false, the walk ends.
  template <class Visit> void each(const detail::c_string &prefix, Visit visit) const {
    struct walk {
      Visit &visit;
      bool stopped;
      static lily_session_status step(void *context, const char *key, const char *json, std::size_t length,
                                      std::int64_t expires_at_ms) noexcept {
        walk &self = *static_cast<walk *>(context);
        try {
          const item found = {key, std::string(json, length), detail::from_ms(expires_at_ms)};
          self.stopped = !detail::agrees(self.visit, found);
          return self.stopped ? LILY_SESSION_ERROR_CALLBACK : LILY_SESSION_OK;
        } catch (...) {
          return detail::call::caught(nullptr);
        }
      }
    } walk = {visit, false};
    detail::call under_way(lily_session_storage_path(get()));
    const lily_session_status code = lily_session_storage_each(get(), prefix.get(), &walk::step, &walk);
    under_way.finish(walk.stopped ? LILY_SESSION_OK : code);
  }

  /// Makes what this handle wrote survive power loss. Throws a storage_error also if the file cannot be rewritten and still holds values
  /// that were removed or cleared.
  void sync() const {
    detail::check_storage(get(), [&] { return lily_session_storage_sync(get()); });
  }

  /// Returns a descriptor for the program's event loop, or -1 if this storage cannot notice changes. It polls readable when the file has
  /// changed, until each session that is attached through this handle has refreshed. It belongs to the handle: do not read or close it.
  int fd() const {
    detail::call under_way;
    const int descriptor = lily_session_storage_fd(get());
    under_way.finish();
    return descriptor;
  }

  /// Returns what there is to know of the storage. The text of `path` lives as long as the handle.
  lily_session_info info() const {
    lily_session_info info = LILY_SESSION_INFO_INIT;
    detail::check_storage(get(), [&] { return lily_session_storage_info(get(), &info); });
    return info;
  }

 private:
  template <class Model, class Message> friend class runtime;
  using shared_clock = std::shared_ptr<detail::clock_function>;

  storage(lily_session_storage *handle, shared_clock clock) : clock_(std::move(clock)), handle_(handle) {}

  static storage opened(const char *path, const storage_options &options) {
    return made(options, [&](const lily_session_storage_options *given, lily_session_storage **out) {
      return lily_session_storage_open(path, given, out);
    }, path);
  }

  template <class Open> static storage made(const storage_options &options, Open open, const char *path = nullptr) {
    lily_session_storage_options given = LILY_SESSION_STORAGE_OPTIONS_INIT;
    const detail::c_string application(options.application);
    shared_clock clock;
    given.durability = static_cast<std::int32_t>(options.durability);
    given.flags = (options.read_only ? LILY_SESSION_READ_ONLY : 0) | (options.strict ? LILY_SESSION_STRICT : 0) |
      (options.exclusive ? LILY_SESSION_EXCLUSIVE : 0) | (options.scope_files ? LILY_SESSION_SCOPE_FILES : 0) |
      (options.no_sync ? LILY_SESSION_NO_SYNC : 0);
    given.application = options.application.empty() ? nullptr : application.get();
    given.quota_bytes = options.quota_bytes;
    if (options.clock) {
      clock = std::make_shared<detail::clock_function>(options.clock);
      given.clock = now;
      given.context = clock.get();
    }
    lily_session_storage *made = nullptr;
    detail::call under_way(path);
    const lily_session_status code = open(&given, &made);
    storage result(made, std::move(clock));
    under_way.finish(code);
    return result;
  }

  static std::int64_t now(void *context) noexcept {
    const shared_clock running = static_cast<detail::clock_function *>(context)->shared_from_this();
    try {
      return detail::in_ms(running->now());
    } catch (...) {
      detail::call::caught(nullptr);
      return detail::in_ms(detail::system_now());
    }
  }

  shared_clock clock_; // stands before the handle, so that it is destroyed after it
  detail::owned<lily_session_storage, lily_session_storage_close> handle_;
};

/// Removes every key that begins with "lily_session_", in one step; other keys stay. It is made for log-out, and an update function may
/// call it. Models are left alone until the next session::refresh(), which resets the fields that were stored to the values they had
/// before attach.
inline void clear(const storage &storage) {
  if (!storage.get()) throw invalid_argument_error("the storage was moved from");
  detail::check_storage(storage.get(), [&] { return lily_session_clear(storage.get()); });
}

/// Clears the default place, where nothing is created. Throws also what storage::sync() throws, if removed values stay in the file.
inline void clear() {
  detail::check([] { return lily_session_clear(nullptr); });
}

/// @}

// ------------------------------------------------------------------ values
/// @defgroup fields Fields
/// What is stored: a list of fields, and how the program's types become JSON.
/// @{

/// JSON text, for fields whose value is JSON. White space outside strings is removed; apart from that it is read back byte for byte as it
/// was stored.
struct json {
  std::string text = "null"; ///< the JSON text
  json() = default;          ///< makes a null
  /// Takes a text, which is checked only when it is stored.
  explicit json(std::string given) : text(std::move(given)) {}
  /// Returns true if the texts are the same, byte for byte.
  friend bool operator==(const json &a, const json &b) { return a.text == b.text; }
  /// Returns true if the texts differ.
  friend bool operator!=(const json &a, const json &b) { return !(a == b); }
};

/// Says how a type of the program's own is stored. Specialise it with two conversions: to a type that can be stored, and from it.
///
///     template <> struct lily::codec<color> {
///       static std::string encode(const color &value) { return name_of(value); }
///       static color decode(const std::string &stored) { return color_named(stored); } // an exception refuses the stored value
///     };
///
/// These types can be stored without a codec: bool, integers, float, double, std::string, lily::json, enums, and std::chrono's durations and
/// time points, as their number of ticks. If they hold types that can be stored, so can std::vector and std::array, as JSON arrays, and
/// std::map and std::unordered_map with keys of std::string, as JSON objects. In C++17 so can std::optional (nullopt is stored as null) and
/// std::variant (std::monostate is stored as null). A stored number that does not fit its type is refused. An unsigned value beyond int64_t
/// throws encode_error. A stored value becomes the first alternative of a variant that reads it; a value that an earlier alternative than its
/// own would read, such as 3 as the int64_t of std::variant<int, std::int64_t>, throws encode_error, and so does an optional whose value is
/// an empty optional or std::monostate. A lily::json that holds a number, a
/// string, a boolean or null is the same value as that, and is read as the variant's or optional's type for it, if there is one.
///
/// With `lily_session_nlohmann.hpp` so can every type that nlohmann/json knows.
template <class T, class Enable = void> struct codec;

/// One enumerator, and the name that it is stored as.
template <class T> struct enumerator {
  T value;          ///< the enumerator
  const char *name; ///< its name in storage
};

/// Says by which names an enum is stored. Specialise it:
///
///     template <> struct lily::enumerators<theme> {
///       static std::vector<lily::enumerator<theme>> all() { return {{theme::light, "light"}, {theme::dark, "dark"}}; }
///     };
///
/// Another name in storage is refused, and a value without a name throws encode_error. An enum without this is stored as its number. Then a
/// number from -128 to 255 that is no enumerator is refused, and throws encode_error; so a set of flags needs a codec. Which number beyond
/// those is an enumerator cannot be found out. An enum that has none among them may be any number.
template <class T> struct enumerators;

namespace detail {

template <class T, class = void> struct has_codec : std::false_type {};
/// @cond Doxygen cannot parse this specialisation
template <class T> struct has_codec<T, typename std::enable_if<(sizeof(codec<T>) > 0)>::type> : std::true_type {};
/// @endcond

/// What is kept of a value that needs no memory while the library borrows it.
struct nothing {};

/// `put` fills in a C value. If the given value stays (an lvalue), the C value borrows its text; otherwise the text is moved into `keep`.
/// `take` converts a stored value back, and throws to refuse it.
template <class T, class = void> struct built_in;

template <class T, class = void> struct is_built_in : std::false_type {};
/// @cond Doxygen cannot parse this specialisation
template <class T> struct is_built_in<T, typename std::enable_if<(sizeof(built_in<T>) > 0)>::type> : std::true_type {};
/// @endcond

template <class T> using decayed = typename std::decay<T>::type;

/// Stores a type as what its codec's `encode` returns.
template <class T> struct by_codec;

/// What a type without codec gets that is not built in.
template <class T> struct not_storable {
  static_assert(sizeof(T) == 0, "this type cannot be stored as it is: specialise lily::codec for it, or give the field encode and decode");
  using kept = nothing;
  static constexpr std::int32_t types() { return 0; }
  static void put(const T &, kept &, lily_session_value &) {}
  static T take(const lily_session_value &);
};

/// A codec comes first, so that a program may store a type in its own way.
template <class T, bool HasCodec> struct chosen { using type = by_codec<T>; };
template <class T> struct chosen<T, false> {
  using type = typename std::conditional<is_built_in<T>::value, built_in<T>, not_storable<T>>::type;
};
template <class T> using native = typename chosen<T, has_codec<T>::value>::type;

template <class T> struct by_codec {
  using stored = decayed<decltype(codec<T>::encode(std::declval<const T &>()))>;
  using kept = typename native<stored>::kept;
  static constexpr std::int32_t types() { return native<stored>::types(); }
  static void put(const T &value, kept &keep, lily_session_value &out) { native<stored>::put(stored(codec<T>::encode(value)), keep, out); }
  static T take(const lily_session_value &value) { return codec<T>::decode(native<stored>::take(value)); }
};

template <> struct built_in<bool> {
  using kept = nothing;
  static constexpr std::int32_t types() { return LILY_SESSION_BOOL; }
  static void put(bool value, kept &, lily_session_value &out) {
    out.type = LILY_SESSION_BOOL;
    out.as.boolean = value;
  }
  static bool take(const lily_session_value &value) { return value.as.boolean; }
};

template <class T> struct built_in<T, typename std::enable_if<std::is_integral<T>::value && sizeof(T) <= sizeof(std::int64_t)>::type> {
  using kept = nothing;
  static constexpr std::int32_t types() { return LILY_SESSION_INT; }
  static void put(T value, kept &, lily_session_value &out) {
    out.type = LILY_SESSION_INT;
    out.as.integer = static_cast<std::int64_t>(value);
    if (std::is_unsigned<T>::value && out.as.integer < 0) throw encode_error("the integer is beyond int64_t");
  }
  static T take(const lily_session_value &value) {
    const T number = static_cast<T>(value.as.integer);
    const bool negative = std::is_unsigned<T>::value && value.as.integer < 0;
    if (negative || static_cast<std::int64_t>(number) != value.as.integer) throw decode_error("the number does not fit");
    return number;
  }
};

template <> struct built_in<double> {
  using kept = nothing;
  static constexpr std::int32_t types() { return LILY_SESSION_REAL; }
  static void put(double value, kept &, lily_session_value &out) {
    out.type = LILY_SESSION_REAL;
    out.as.real = value;
  }
  static double take(const lily_session_value &value) { return value.as.real; }
};

/// A float is stored in the digits that it needs: 0.1, and not 0.10000000149011612.
template <> struct built_in<float> {
  /// The last float and what it was stored as, because most fields do not change.
  struct kept {
    float last = 0;
    double shortest = 0;
  };
  static constexpr std::int32_t types() { return LILY_SESSION_REAL; }
  static void put(float value, kept &keep, lily_session_value &out) {
    if (std::memcmp(&value, &keep.last, sizeof value) != 0) keep = in_fewest_digits(value);
    out.type = LILY_SESSION_REAL;
    out.as.real = keep.shortest;
  }
  static float take(const lily_session_value &value) {
    if (std::abs(value.as.real) > most) throw decode_error("the number does not fit");
    return static_cast<float>(value.as.real);
  }

 private:
  static constexpr double most = static_cast<double>(std::numeric_limits<float>::max());

  static kept in_fewest_digits(float value) {
    kept made;
    made.last = value;
    made.shortest = static_cast<double>(value);
    for (int digits = 6; digits < 9; digits++) {
      char text[32]; // both functions use the same locale
      std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
      const double shorter = std::strtod(text, nullptr);
      const float back = static_cast<float>(shorter);
      // What is read must not be beyond the largest float, to which it would be rounded.
      if (std::memcmp(&back, &value, sizeof value) != 0 || std::abs(shorter) > most) continue;
      made.shortest = shorter;
      break;
    }
    return made;
  }
};

template <class T, class = void> struct has_names : std::false_type {};
/// @cond Doxygen cannot parse this specialisation
template <class T> struct has_names<T, typename std::enable_if<(sizeof(enumerators<T>) > 0)>::type> : std::true_type {};
/// @endcond

/// Numbers as arguments of templates.
template <int... Numbers> struct numbers {};

template <class A, class B> struct joined;
template <int... A, int... B> struct joined<numbers<A...>, numbers<B...>> {
  using type = numbers<A..., B...>;
};

/// The numbers of [First, First + Count).
template <int First, int Count> struct range : joined<typename range<First, Count / 2>::type, typename range<First + Count / 2, Count - Count / 2>::type> {};
template <int First> struct range<First, 1> {
  using type = numbers<First>;
};

/// Returns how the compiler spells this function, with a list of values of an enum: `theme::dark` for an enumerator, and `(theme)7` for
/// another number. All values are in one function, because one function for each takes a compiler seconds.
template <class T, T... Values> const char *spelling() { return __PRETTY_FUNCTION__; }

/// Returns for each value of such a list whether it is an enumerator. If the list cannot be read, all are.
inline std::vector<bool> read_spelling(const char *spelling, std::size_t count) {
  std::vector<bool> found;
  const char *at = std::strstr(spelling, "Values = ");
  bool is_number = false; // a bracket has been closed, and no name follows
  for (int depth = 0; at && *at; at++) {
    const char byte = *at;
    const bool ends = depth == 1 && (byte == ',' || byte == '>' || byte == '}');
    if (ends) found.push_back(!is_number);
    if (ends && byte != ',') break;
    if (byte == '(' || byte == '<' || byte == '{') depth++;
    if (byte == ')' || byte == '>' || byte == '}') depth--;
    is_number = byte == ')' || (is_number && byte != ':' && byte != ',');
    if (byte != '\'') continue;
    // This is a character that a template has as its argument.
    for (at++; *at && *at != '\''; at++) at += at[0] == '\\' && at[1];
    if (!*at) break;
  }
  if (found.size() != count) found.assign(count, true);
  return found;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" // g++ 12 warns of a number that is beyond the enum's bits, which is the question

template <class T, T...> struct values {
  using type = void;
};
/// Tells whether the compiler makes values of an enum of these numbers. Some refuse numbers beyond the enum's bits, which are no enumerators then.
template <class T, class Numbers, class = void> struct can_be : std::false_type {};
template <class T, int... Numbers>
struct can_be<T, numbers<Numbers...>, typename values<T, static_cast<T>(Numbers)...>::type> : std::true_type {};

/// Appends for each number of [First, First + Count) whether it is an enumerator.
template <class T, int First, int Count, bool Can = can_be<T, typename range<First, Count>::type>::value> struct spellings {
  static void append(std::vector<bool> &found) {
    spellings<T, First, Count / 2>::append(found);
    spellings<T, First + Count / 2, Count - Count / 2>::append(found);
  }
};
template <class T, int First> struct spellings<T, First, 1, false> {
  static void append(std::vector<bool> &found) { found.push_back(false); }
};
template <class T, int First, int Count> struct spellings<T, First, Count, true> {
  static void append(std::vector<bool> &found) { append(found, typename range<First, Count>::type()); }

 private:
  template <int... Numbers> static void append(std::vector<bool> &found, numbers<Numbers...>) {
    const auto read = read_spelling(spelling<T, static_cast<T>(Numbers)...>(), sizeof...(Numbers));
    found.insert(found.end(), read.begin(), read.end());
  }
};

#pragma GCC diagnostic pop

/// An enum without names.
template <class T> struct built_in<T, typename std::enable_if<std::is_enum<T>::value && !has_names<T>::value>::type> {
  using number = typename std::underlying_type<T>::type;
  using kept = nothing;
  static constexpr std::int32_t types() { return built_in<number>::types(); }
  static void put(T value, kept &keep, lily_session_value &out) {
    if (!may_be(static_cast<long long>(value))) throw encode_error("the number is no enumerator");
    built_in<number>::put(static_cast<number>(value), keep, out);
  }
  static T take(const lily_session_value &value) {
    const number stored = built_in<number>::take(value);
    if (!may_be(static_cast<long long>(stored))) throw decode_error("the number is no enumerator");
    return static_cast<T>(stored);
  }

 private:
  enum { first = -128, end = 256 };
  static bool may_be(long long value) {
    static const std::vector<bool> known = enumerators();
    return value < first || value >= end || known[static_cast<std::size_t>(value - first)];
  }
  /// An enum that has none among these numbers, such as `enum class id : int {}`, may be any of them.
  static std::vector<bool> enumerators() {
    std::vector<bool> found;
    spellings<T, first, end - first>::append(found);
    if (found == std::vector<bool>(found.size())) found.flip();
    return found;
  }
};

inline const std::string &held(const std::string &value, std::string &) { return value; }
inline const std::string &held(std::string &&value, std::string &keep) { return keep = std::move(value); }

template <> struct built_in<std::string> {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_STRING; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    put_text(LILY_SESSION_STRING, held(std::forward<Value>(value), keep), out);
  }
  static std::string take(const lily_session_value &value) { return text_of(value); }
};

/// White space of JSON.
inline bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

/// Calls a function for each byte of a JSON text that is not white space outside strings, with the number of brackets that are open behind
/// it, less than 0 if one is missing. Returns true if the text ends outside strings and brackets.
template <class Each> bool scan_json(const char *bytes, std::size_t length, Each each) {
  long long depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < length; i++) {
    if (in_string && bytes[i] == '\\' && i + 1 < length) {
      each(bytes[i++], depth, true);
    } else if (bytes[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      if (is_space(bytes[i])) continue;
      if (bytes[i] == '[' || bytes[i] == '{') depth++;
      if (bytes[i] == ']' || bytes[i] == '}') depth--;
    }
    each(bytes[i], depth, in_string);
  }
  return depth == 0 && !in_string;
}

/// Throws if a text would not stand for one value between the brackets and commas of another text. Whether it is JSON in all else is for
/// the library to check.
inline void check_is_one_value(const std::string &text) {
  bool is_one = true;
  bool is_blank = true;
  const auto each = [&](char byte, long long depth, bool in_string) {
    is_blank = false;
    if (depth < 0 || (depth == 0 && byte == ',' && !in_string)) is_one = false;
  };
  const bool is_closed = scan_json(text.data(), text.size(), each);
  if (!is_closed || !is_one || is_blank) throw encode_error("the text is not one JSON value");
}

/// Returns the text without white space outside strings, as the library stores it.
inline std::string without_space(const lily_session_value &value) {
  std::string text;
  scan_json(value.as.text.bytes, value.as.text.length, [&text](char byte, long long, bool) { text += byte; });
  return text;
}

/// Returns true if a value is null, also as a text. A text that begins like it is null, or no JSON.
inline bool is_null(const lily_session_value &value) {
  if (value.type != LILY_SESSION_JSON) return value.type == LILY_SESSION_NULL;
  for (std::size_t i = 0; i < value.as.text.length; i++)
    if (!is_space(value.as.text.bytes[i])) return value.as.text.bytes[i] == 'n';
  return false;
}

template <> struct built_in<json> {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_JSON; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    check_is_one_value(value.text);
    put_text(LILY_SESSION_JSON, held(std::forward<Value>(value).text, keep), out);
  }
  static json take(const lily_session_value &value) { return json(text_of(value)); }
};

/// An enum with names.
template <class T> struct built_in<T, typename std::enable_if<std::is_enum<T>::value && has_names<T>::value>::type> {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_STRING; }
  static void put(T value, kept &keep, lily_session_value &out) {
    for (const enumerator<T> &each : all())
      if (each.value == value) return put_text(LILY_SESSION_STRING, keep = each.name, out);
    throw encode_error("the enum's value has no name");
  }
  static T take(const lily_session_value &value) {
    const std::string name = text_of(value);
    for (const enumerator<T> &each : all())
      if (each.name == name) return each.value;
    throw decode_error("no enumerator has this name");
  }

 private:
  static const std::vector<enumerator<T>> &all() {
    static const std::vector<enumerator<T>> listed = enumerators<T>::all();
    return listed;
  }
};

template <class Rep, class Period> struct built_in<std::chrono::duration<Rep, Period>> {
  using duration = std::chrono::duration<Rep, Period>;
  using kept = typename built_in<Rep>::kept;
  static constexpr std::int32_t types() { return built_in<Rep>::types(); }
  static void put(duration value, kept &keep, lily_session_value &out) { built_in<Rep>::put(value.count(), keep, out); }
  static duration take(const lily_session_value &value) { return duration(built_in<Rep>::take(value)); }
};

/// A time point is stored as the duration since its clock's epoch. The steady clock's means nothing in another process.
template <class Duration> struct built_in<std::chrono::time_point<std::chrono::system_clock, Duration>> {
  using point = std::chrono::time_point<std::chrono::system_clock, Duration>;
  using kept = typename built_in<Duration>::kept;
  static constexpr std::int32_t types() { return built_in<Duration>::types(); }
  static void put(point value, kept &keep, lily_session_value &out) { built_in<Duration>::put(value.time_since_epoch(), keep, out); }
  static point take(const lily_session_value &value) { return point(built_in<Duration>::take(value)); }
};

#if __cplusplus >= 201703L
template <class T> struct built_in<std::optional<T>> {
  using kept = typename native<T>::kept;
  static constexpr std::int32_t types() { return native<T>::types() | LILY_SESSION_NULL; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    out.type = LILY_SESSION_NULL;
    if (!value) return;
    native<T>::put(*std::forward<Value>(value), keep, out);
    if (is_null(out)) throw encode_error("the value in the optional is null, which would be read as no value");
  }
  static std::optional<T> take(const lily_session_value &value) {
    if (value.type == LILY_SESSION_NULL) return std::nullopt;
    return native<T>::take(value);
  }
};

template <> struct built_in<std::monostate> {
  using kept = nothing;
  static constexpr std::int32_t types() { return LILY_SESSION_NULL; }
  static void put(std::monostate, kept &, lily_session_value &out) { out.type = LILY_SESSION_NULL; }
  static std::monostate take(const lily_session_value &) { return {}; }
};
#endif

// -------------------------------------------------------------- containers

/// Writes numbers as JSON has them, whatever the locale.
class json_writer {
 public:
  /// Appends a value of the library's.
  static void append(const lily_session_value &value, std::string &out) {
    switch (value.type) {
      case LILY_SESSION_NULL: out += "null"; break;
      case LILY_SESSION_BOOL: out += value.as.boolean ? "true" : "false"; break;
      case LILY_SESSION_INT: out += std::to_string(value.as.integer); break;
      case LILY_SESSION_REAL: real(value.as.real, out); break;
      case LILY_SESSION_STRING: string(value.as.text.bytes, value.as.text.length, out); break;
      default: out.append(value.as.text.bytes, value.as.text.length); // one value, as built_in<json> checks; the rest the library checks
    }
  }

  static void string(const char *bytes, std::size_t length, std::string &out) {
    out += '"';
    for (std::size_t i = 0; i < length; i++) {
      const unsigned char byte = static_cast<unsigned char>(bytes[i]);
      char escape[8];
      if (byte == '"' || byte == '\\') out += '\\';
      if (byte < 0x20) {
        std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(byte));
        out += escape;
      } else {
        out += bytes[i];
      }
    }
    out += '"';
  }

 private:
  /// Appends the number in 15 digits, of which zeros at the end are left out, or in 16 or 17 if only those read back.
  static void real(double value, std::string &out) {
    if (!(value - value == 0)) throw encode_error("a number is infinite or not a number");
    std::string text;
    for (int digits = 15; digits <= 17; digits++) {
      std::ostringstream stream;
      stream.imbue(std::locale::classic());
      stream.precision(digits);
      stream << value;
      text = stream.str();
      double again = 0;
      if (read(text, again) && again == value) break;
    }
    out += text;
    if (text.find_first_of(".e") == std::string::npos) out += ".0";
  }

 public:
  /// Reads a number. Returns false if a double cannot hold it: then `value` is the nearest one.
  static bool read(const std::string &text, double &value) {
    std::istringstream stream(text);
    stream.imbue(std::locale::classic());
    stream >> value;
    return !stream.fail();
  }
};

/// Reads the JSON text of an array or an object, without white space outside strings. A text that is no JSON, which a
/// program may give a variant, is read as anything, but not beyond its end.
class json_reader {
 public:
  explicit json_reader(const lily_session_value &value) : at_(value.as.text.bytes), end_(at_ + value.as.text.length) {}
  /// The text stays where it is as long as the reader.
  explicit json_reader(const std::string &text) : at_(text.data()), end_(at_ + text.size()) {}

  /// Reads the bracket that begins the text. Throws if it is another one.
  void begin(char bracket) {
    if (peek() != bracket) throw decode_error(bracket == '[' ? "the value is no array" : "the value is no object");
    at_++;
  }

  /// Moves to the next element or member. Returns false if there is none.
  bool next() {
    if (peek() == ',') at_++;
    return peek() != ']' && peek() != '}' && at_ < end_;
  }

  /// Reads the name of a member.
  std::string name() {
    std::string read = string();
    if (at_ < end_) at_++; // the colon
    return read;
  }

  /// Reads an element as the first of `types` that fits. Its text is kept in `keep`.
  lily_session_value element(std::int32_t types, std::string &keep) {
    const char *const begin = at_;
    lily_session_value value = {};
    const char first = peek();
    skip();
    const std::string text(begin, at_);
    if (first == 'n' && (types & LILY_SESSION_NULL)) {
      value.type = LILY_SESSION_NULL;
    } else if ((first == 't' || first == 'f') && (types & LILY_SESSION_BOOL)) {
      value.type = LILY_SESSION_BOOL;
      value.as.boolean = first == 't';
    } else if (is_number(first) && (types & LILY_SESSION_INT) && integer(text, value.as.integer)) {
      value.type = LILY_SESSION_INT;
    } else if (is_number(first) && (types & LILY_SESSION_REAL)) {
      value.type = LILY_SESSION_REAL;
      json_writer::read(text, value.as.real); // the library has refused what a double cannot hold
    } else if (first == '"' && (types & LILY_SESSION_STRING)) {
      at_ = begin;
      put_text(LILY_SESSION_STRING, keep = string(), value);
    } else if (types & LILY_SESSION_JSON) {
      put_text(LILY_SESSION_JSON, keep = text, value);
    } else {
      throw decode_error("the value has another type");
    }
    return value;
  }

 private:
  char peek() const { return at_ < end_ ? *at_ : '\0'; }
  static bool is_number(char first) { return first == '-' || (first >= '0' && first <= '9'); }

  static bool integer(const std::string &text, std::int64_t &out) {
    if (text.find_first_of(".eE") != std::string::npos) return false;
    errno = 0;
    const long long read = std::strtoll(text.c_str(), nullptr, 10);
    out = read;
    return errno == 0;
  }

  /// Moves behind an element.
  void skip() {
    std::size_t depth = 0;
    while (at_ < end_) {
      const char now = *at_;
      if (depth == 0 && (now == ',' || now == ']' || now == '}')) return;
      if (now == '"') {
        skip_string();
        continue;
      }
      if (now == '[' || now == '{') depth++;
      if (now == ']' || now == '}') depth--;
      at_++;
    }
  }

  void skip_string() {
    for (at_++; at_ < end_ && *at_ != '"'; at_++)
      if (*at_ == '\\') at_++;
    at_ = at_ < end_ ? at_ + 1 : end_;
  }

  std::string string() {
    std::string out;
    for (at_++; at_ < end_ && *at_ != '"'; at_++) {
      if (*at_ != '\\') {
        out += *at_;
        continue;
      }
      switch (*++at_) {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'u': unicode(out); break;
        default: out += *at_;
      }
    }
    at_ = at_ < end_ ? at_ + 1 : end_;
    return out;
  }

  /// Reads \uXXXX, of which a pair is one character.
  void unicode(std::string &out) {
    unsigned long code = hex();
    if (code >= 0xD800 && code < 0xDC00) {
      at_ += 2;
      code = 0x10000 + ((code - 0xD800) << 10) + (hex() - 0xDC00);
    }
    const auto put = [&out](unsigned long byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xC0 | code >> 6);
    } else {
      if (code < 0x10000) {
        put(0xE0 | code >> 12);
      } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
      }
      put(0x80 | (code >> 6 & 0x3F));
    }
    put(0x80 | (code & 0x3F));
  }

  unsigned long hex() {
    if (end_ - at_ < 5) throw decode_error("a wrong escape");
    const std::string digits(at_ + 1, at_ + 5);
    at_ += 4;
    return std::strtoul(digits.c_str(), nullptr, 16);
  }

  const char *at_;
  const char *end_;
};

/// Appends a value of a type that can be stored.
template <class T> void append_json(const T &value, std::string &out) {
  typename native<T>::kept keep{};
  lily_session_value element = {};
  native<T>::put(value, keep, element);
  json_writer::append(element, out);
}

/// Reads a value of a type that can be stored. An exception says where the value stands.
template <class T> T read_json(json_reader &reader, const std::string &place) {
  try {
    std::string keep;
    return native<T>::take(reader.element(native<T>::types(), keep));
  } catch (const std::exception &error) {
    const std::string why = error.what();
    throw decode_error(place + (why.compare(0, 1, "[") == 0 || why.compare(0, 1, ".") == 0 ? "" : ": ") + why);
  }
}

/// A container that is stored as a JSON array.
template <class Container> struct array_text {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_JSON; }
  static void put(const Container &value, kept &keep, lily_session_value &out) {
    keep = "[";
    for (const typename Container::value_type &each : value) {
      if (keep.size() > 1) keep += ',';
      append_json<typename Container::value_type>(each, keep);
    }
    put_text(LILY_SESSION_JSON, keep += ']', out);
  }
};

template <class T, class Allocator> struct built_in<std::vector<T, Allocator>> : array_text<std::vector<T, Allocator>> {
  static std::vector<T, Allocator> take(const lily_session_value &value) {
    std::vector<T, Allocator> taken;
    json_reader reader(value);
    for (reader.begin('['); reader.next();) taken.push_back(read_json<T>(reader, "[" + std::to_string(taken.size()) + "]"));
    return taken;
  }
};

template <class T, std::size_t Size> struct built_in<std::array<T, Size>> : array_text<std::array<T, Size>> {
  static std::array<T, Size> take(const lily_session_value &value) {
    std::array<T, Size> taken{};
    std::size_t count = 0;
    json_reader reader(value);
    for (reader.begin('['); reader.next(); count++) {
      T element = read_json<T>(reader, "[" + std::to_string(count) + "]");
      if (count < Size) taken[count] = std::move(element);
    }
    if (count != Size) throw decode_error("the array has another number of elements");
    return taken;
  }
};

/// A map that is stored as a JSON object, whole. persistence::map() stores each entry under a key of its own.
template <class Map> struct object_text {
  using kept = std::string;
  static_assert(std::is_same<typename Map::key_type, std::string>::value, "the keys of a map are std::string");
  static constexpr std::int32_t types() { return LILY_SESSION_JSON; }
  static void put(const Map &value, kept &keep, lily_session_value &out) {
    keep = "{";
    for (const auto &each : value) {
      if (keep.size() > 1) keep += ',';
      json_writer::string(each.first.data(), each.first.size(), keep);
      keep += ':';
      append_json<typename Map::mapped_type>(each.second, keep);
    }
    put_text(LILY_SESSION_JSON, keep += '}', out);
  }
  static Map take(const lily_session_value &value) {
    Map taken;
    json_reader reader(value);
    for (reader.begin('{'); reader.next();) {
      std::string name = reader.name();
      typename Map::mapped_type member = read_json<typename Map::mapped_type>(reader, ".?"); // a name may be data
      taken.emplace(std::move(name), std::move(member));
    }
    return taken;
  }
};

template <class T, class Compare, class Allocator>
struct built_in<std::map<std::string, T, Compare, Allocator>> : object_text<std::map<std::string, T, Compare, Allocator>> {};
template <class T, class Hash, class Equal, class Allocator>
struct built_in<std::unordered_map<std::string, T, Hash, Equal, Allocator>>
  : object_text<std::unordered_map<std::string, T, Hash, Equal, Allocator>> {};

// ---------------------------------------------------------------- variants

#if __cplusplus >= 201703L
/// A stored value becomes the first alternative that reads it. A value that an earlier alternative would read is not stored.
template <class... T> struct built_in<std::variant<T...>> {
  using kept = std::tuple<typename native<T>::kept...>;
  static constexpr std::int32_t types() { return (native<T>::types() | ...); }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    const std::size_t index = value.index();
    if (!put_one(std::forward<Value>(value), keep, out, all())) throw encode_error("the variant has no value");
    if (index > 0 && is_read_earlier(out, index))
      throw encode_error("an earlier alternative of the variant would read the value");
  }
  static std::variant<T...> take(const lily_session_value &value) {
    reading read;
    if (take_one(value, sizeof...(T), read, all())) return *std::move(read.taken);
    if (read.refusal) std::rethrow_exception(read.refusal);
    throw decode_error("the value has another type");
  }

 private:
  using all = std::index_sequence_for<T...>;
  /// What was read, or else why the first alternative of the value's type refused it.
  struct reading {
    std::optional<std::variant<T...>> taken;
    std::exception_ptr refusal;
  };
  /// Returns true if an alternative before `end` would read what is stored. A lily::json may be read as the alternative
  /// of a number, a string, a boolean or null that it holds, which is the same value.
  static bool is_read_earlier(const lily_session_value &out, std::size_t end) {
    std::string text;
    if (out.type == LILY_SESSION_JSON) {
      text = without_space(out);
      const bool is_json[] = {std::is_same<T, json>::value...};
      if (is_json[end] && text[0] != '[' && text[0] != '{') return false;
    } else {
      json_writer::append(out, text);
    }
    lily_session_value stored;
    std::string kept_text;
    try {
      stored = json_reader(text).element(types(), kept_text);
    } catch (const decode_error &) {
      return false; // it is no JSON, which the library refuses
    }
    reading earlier;
    return take_one(stored, end, earlier, all());
  }
  template <class Value, std::size_t... I>
  static bool put_one(Value &&value, kept &keep, lily_session_value &out, std::index_sequence<I...>) {
    return ((value.index() == I && (native<T>::put(std::get<I>(std::forward<Value>(value)), std::get<I>(keep), out), true)) || ...);
  }
  /// Tries the alternatives before `end`.
  template <std::size_t... I>
  static bool take_one(const lily_session_value &value, std::size_t end, reading &read, std::index_sequence<I...>) {
    return ((I < end && take_as<I, T>(value, read)) || ...);
  }
  template <std::size_t I, class Alternative> static bool take_as(const lily_session_value &value, reading &read) {
    if ((native<Alternative>::types() & value.type) == 0) return false;
    try {
      read.taken.emplace(std::in_place_index<I>, native<Alternative>::take(value));
      return true;
    } catch (const std::bad_alloc &) {
      throw;
    } catch (...) {
      if (!read.refusal) read.refusal = std::current_exception();
      return false;
    }
  }
};
#endif

} // namespace detail

// ------------------------------------------------------------------ fields

namespace detail {

/// Makes a C value of this version from the version and the text of a stored one, and keeps the memory that the C value borrows.
using migration = std::function<void(std::uint32_t, const json &, lily_session_value &)>;

/// Runs a migration for C. `key` is the field's, or NULL.
inline lily_session_status migrated(const migration &migrate, const std::string *key, std::uint32_t from, const lily_session_value &stored,
                                    lily_session_value &out) noexcept {
  try {
    migrate(from, json(text_of(stored)), out);
    return LILY_SESSION_OK;
  } catch (...) {
    return call::refused(key);
  }
}

} // namespace detail

/// Further properties of a field or a map: `.field("token", &app::token, lily::field_options().expires_after(std::chrono::hours(24)))`.
class field_options {
 public:
  /// Sets how long after its last write or session::touch() the value expires; 0: never.
  field_options &expires_after(std::chrono::milliseconds duration) {
    expires_after_ = static_cast<std::int64_t>(duration.count());
    return *this;
  }

  /// Sets the version of the value's shape. A stored value of a newer version is left alone; one of an older version is decoded as it is.
  field_options &version(std::uint32_t number) {
    version_ = number;
    return *this;
  }

  /// Sets the version of the value's shape, and a function that makes a value of this version from a stored one of an older version:
  /// `migrate(std::uint32_t stored_version, const lily::json &stored)`. It returns the type that the field is stored as, or a type whose
  /// codec encodes to that type. Another JSON type, or an exception, refuses the stored value, which stays.
  template <class Migrate> field_options &version(std::uint32_t number, Migrate migrate) {
    using result = detail::decayed<decltype(migrate(number, std::declval<const json &>()))>;
    typename detail::native<result>::kept keep;
    migrate_ = [migrate, keep](std::uint32_t from, const json &stored, lily_session_value &out) mutable {
      detail::native<result>::put(migrate(from, stored), keep, out);
    };
    return version(number);
  }

  /// Sets the keys that the field had before, the latest first. They are removed when the field is stored under its own key. A map has none.
  field_options &former_keys(std::vector<std::string> keys) {
    former_keys_ = std::move(keys);
    return *this;
  }

 private:
  template <class Slice> friend class persistence;
  std::int64_t expires_after_ = 0;
  std::uint32_t version_ = 0;
  detail::migration migrate_;
  std::vector<std::string> former_keys_;
};

namespace detail {

/// Converts a field's value to a C value and back, as its type says.
template <class T> struct coder {
  using kept = typename native<T>::kept;
  static constexpr std::int32_t types() { return native<T>::types(); }
  template <class Value> void put(Value &&value, kept &keep, lily_session_value &out) {
    native<T>::put(std::forward<Value>(value), keep, out);
  }
  T take(const lily_session_value &value) { return native<T>::take(value); }
};

/// Converts a field's value to a C value and back, by the field's own functions.
template <class T, class Encode, class Decode> struct own_coder {
  using stored = decayed<decltype(std::declval<Encode &>()(std::declval<const T &>()))>;
  using kept = typename native<stored>::kept;
  static constexpr std::int32_t types() { return native<stored>::types(); }
  void put(const T &value, kept &keep, lily_session_value &out) { native<stored>::put(stored(encode(value)), keep, out); }
  T take(const lily_session_value &value) { return decode(native<stored>::take(value)); }
  Encode encode;
  Decode decode;
};

/// The context of a field, and the functions that C calls with it.
template <class Slice, class Get, class Set, class Coder> struct field_context {
  std::string key;
  Get get;
  Set set;
  Coder coder;
  migration migrate;
  typename Coder::kept keep;

  static lily_session_status on_get(void *context, const void *slice, lily_session_value *out) noexcept {
    field_context &self = *static_cast<field_context *>(context);
    try {
      self.coder.put(self.get(*static_cast<const Slice *>(slice)), self.keep, *out);
      return LILY_SESSION_OK;
    } catch (...) {
      return call::caught(&self.key);
    }
  }

  static lily_session_status on_set(void *context, void *slice, const lily_session_value *value) noexcept {
    field_context &self = *static_cast<field_context *>(context);
    try {
      return agrees(self.set, *static_cast<Slice *>(slice), self.coder.take(*value)) ? LILY_SESSION_OK : LILY_SESSION_ERROR_DECODE;
    } catch (...) {
      return call::refused(&self.key);
    }
  }

  static lily_session_status on_migrate(void *context, std::uint32_t from, const lily_session_value *stored,
                                        lily_session_value *out) noexcept {
    const field_context &self = *static_cast<const field_context *>(context);
    return migrated(self.migrate, &self.key, from, *stored, *out);
  }

  static void on_release(void *context) noexcept { delete static_cast<field_context *>(context); }
};

/// The context of a map, and the functions that C calls with it. `Way` leads to the slice's container.
template <class Slice, class Way, class Coder> struct map_context {
  std::string prefix;
  Way way;
  Coder coder;
  migration migrate;
  typename Coder::kept keep;

  static lily_session_status on_each(void *context, const void *slice, lily_session_map_visit_fn visit, void *visitor) noexcept {
    map_context &self = *static_cast<map_context *>(context);
    for (const auto &entry : self.way.of(*static_cast<const Slice *>(slice))) {
      const std::string &id = entry.first;
      lily_session_value out = {};
      try {
        self.coder.put(entry.second, self.keep, out);
      } catch (...) {
        const std::string key = self.prefix + id;
        call::caught(&key);
        out.type = 0; // the library refuses it, and goes on with the others
      }
      // C would read only what is before a NUL; no entry may have an empty id. The library reports each entry that it leaves out.
      (void)visit(visitor, id.find('\0') == std::string::npos ? id.c_str() : "", &out);
    }
    return LILY_SESSION_OK;
  }

  static lily_session_status on_set(void *context, void *slice, const char *id, const lily_session_value *value) noexcept {
    map_context &self = *static_cast<map_context *>(context);
    try {
      auto &entries = self.way.of(*static_cast<Slice *>(slice));
      const auto at = entries.find(id);
      if (at != entries.end() && at->first != id) return LILY_SESSION_ERROR_DECODE; // to the container another id is the same
      if (!value) {
        if (at != entries.end()) entries.erase(at);
      } else if (at != entries.end()) {
        at->second = self.coder.take(*value);
      } else {
        entries.emplace(id, self.coder.take(*value));
      }
      return LILY_SESSION_OK;
    } catch (...) {
      const std::string key = self.prefix + id;
      return call::refused(&key);
    }
  }

  static lily_session_status on_migrate(void *context, std::uint32_t from, const lily_session_value *stored,
                                        lily_session_value *out) noexcept {
    return migrated(static_cast<const map_context *>(context)->migrate, nullptr, from, *stored, *out);
  }

  static void on_release(void *context) noexcept { delete static_cast<map_context *>(context); }
};

/// A way from an object to a part of it: a member, or a member of a member.
template <class T, class Class> struct member_way {
  using root = Class;
  using value = T;
  T Class::*member;
  const T &of(const Class &whole) const { return whole.*member; }
  T &of(Class &whole) const { return whole.*member; }
};

template <class Outer, class Inner> struct longer_way {
  using root = typename Outer::root;
  using value = typename Inner::value;
  Outer outer;
  Inner inner;
  const value &of(const root &whole) const { return inner.of(outer.of(whole)); }
  value &of(root &whole) const { return inner.of(outer.of(whole)); }
};

/// Makes a way of member pointers.
template <class... Members> struct way_of;
template <class T, class Class> struct way_of<T Class::*> {
  using type = member_way<T, Class>;
  static type make(T Class::*member) { return {member}; }
};
template <class T, class Class, class... More> struct way_of<T Class::*, More...> {
  using type = longer_way<member_way<T, Class>, typename way_of<More...>::type>;
  static type make(T Class::*member, More... more) { return {{member}, way_of<More...>::make(more...)}; }
};

template <class Way> struct way_get {
  Way way;
  const typename Way::value &operator()(const typename Way::root &slice) const { return way.of(slice); }
};

template <class Way> struct way_set {
  Way way;
  void operator()(typename Way::root &slice, typename Way::value value) const { way.of(slice) = std::move(value); }
};

} // namespace detail

/// A way from a slice to a member of a member, which lily::path() makes.
template <class Way> struct member_path {
  Way way; ///< how the library goes it
};

/// Makes a path to a member of a member, which a list of fields takes in place of a member pointer:
/// `.field("accent", lily::path(&app::settings, &settings::colors, &colors::accent))`.
template <class... Members> member_path<typename detail::way_of<Members...>::type> path(Members... members) {
  return {detail::way_of<Members...>::make(members...)};
}

/// An ordered list of fields of a `Slice`: the model, or the part of it that has the fields.
template <class Slice> class persistence {
 public:
  /// Makes an empty list.
  persistence() : handle_(lily_session_persistence_new()) {}

  /// Adds a field to the end of the list. Sessions that are attached already do not see it. After the key comes one of
  ///
  ///     &Slice::member                              a member of a type that can be stored
  ///     lily::path(&Slice::part, &part::member)     a member of a member, in place of &Slice::member
  ///     &Slice::member, encode, decode              a member of any type: encode(const T &) returns a value that can be stored,
  ///                                                 decode makes the member's value from it, and throws to refuse
  ///     get, set                                    get(const Slice &) returns the value; set(Slice &, value) sets it, and returns
  ///                                                 false or throws to refuse; both may be pointers to member functions
  ///     get, set, encode, decode                    the same, for a value of any type
  ///
  /// and then, if wanted, `lily::field_options`. What `get` or `encode` throws leaves the dispatch or persist that ran it.
  /// Throws duplicate_key_error or invalid_argument_error; then the list is unchanged.
  template <class... What> persistence &field(const detail::c_string &key, What &&...what) & {
    add(key, std::forward<What>(what)...);
    return *this;
  }
  /// Adds a field to a list that was just made, so that calls can follow each other.
  template <class... What> persistence &&field(const detail::c_string &key, What &&...what) && {
    add(key, std::forward<What>(what)...);
    return std::move(*this);
  }

  /// Adds a map: a member whose keys, the ids, are not known when the program is written, such as documents or recent files.
  ///
  ///     fields.map("recent/", &app::recent); // std::map<std::string, int> recent; "/etc/motd" is stored under recent//etc/motd
  ///
  /// The member is a `std::map` or `std::unordered_map` of `std::string` to a type that can be stored, or another container with their
  /// functions and unique keys. Each entry is stored under a key of its own, the prefix and its id, so two programs that change different
  /// entries lose nothing. What holds for a field holds for each entry by itself, and functions that take the key of a field take that of
  /// an entry, too. A prefix has 1 to 256 bytes, an id 1 to 512, and no id has a NUL inside. If two ids are the same to the container, as
  /// they are to one that ignores case, it has the one that came first, and an event reports the other one, which stays stored.
  ///
  /// After the member may come `encode` and `decode` for the entries' values, and then `lily::field_options`, as in field(). If `migrate`
  /// throws, the event does not hold the exception, because the library does not say whose value it migrates.
  /// Throws duplicate_key_error if a key in the list begins with the prefix, or if the prefix begins that of another map, or begins with
  /// it, and invalid_argument_error; then the list is unchanged.
  template <class... What> persistence &map(const detail::c_string &prefix, What &&...what) & {
    add_map(prefix, std::forward<What>(what)...);
    return *this;
  }
  /// Adds a map to a list that was just made, so that calls can follow each other.
  template <class... What> persistence &&map(const detail::c_string &prefix, What &&...what) && {
    add_map(prefix, std::forward<What>(what)...);
    return std::move(*this);
  }

  /// Returns the C handle, which this object still owns; nullptr after a move.
  lily_session_persistence *get() const noexcept { return handle_.get(); }

 private:
  template <class T> using if_object = typename std::enable_if<!std::is_function<T>::value>::type;
  template <class Get> using value_of = detail::decayed<decltype(detail::callable(std::declval<Get>())(std::declval<const Slice &>()))>;

  template <class T, class Class, class = if_object<T>>
  void add(const detail::c_string &key, T Class::*member, field_options options = field_options()) {
    add(key, path(member), std::move(options));
  }

  template <class T, class Class, class Encode, class Decode, class = if_object<T>>
  void add(const detail::c_string &key, T Class::*member, Encode encode, Decode decode, field_options options = field_options()) {
    add(key, path(member), std::move(encode), std::move(decode), std::move(options));
  }

  template <class Way> void add(const detail::c_string &key, member_path<Way> to, field_options options = field_options()) {
    bind(key, options, detail::way_get<Way>{to.way}, detail::way_set<Way>{to.way}, detail::coder<typename Way::value>());
  }

  template <class Way, class Encode, class Decode>
  void add(const detail::c_string &key, member_path<Way> to, Encode encode, Decode decode, field_options options = field_options()) {
    bind(key, options, detail::way_get<Way>{to.way}, detail::way_set<Way>{to.way},
         detail::own_coder<typename Way::value, Encode, Decode>{std::move(encode), std::move(decode)});
  }

  template <class Get, class Set>
  void add(const detail::c_string &key, Get getter, Set setter, field_options options = field_options()) {
    bind(key, options, detail::callable(std::move(getter)), detail::callable(std::move(setter)), detail::coder<value_of<Get>>());
  }

  template <class Get, class Set, class Encode, class Decode>
  void add(const detail::c_string &key, Get getter, Set setter, Encode encode, Decode decode, field_options options = field_options()) {
    bind(key, options, detail::callable(std::move(getter)), detail::callable(std::move(setter)),
         detail::own_coder<value_of<Get>, Encode, Decode>{std::move(encode), std::move(decode)});
  }

  template <class Get, class Set, class Coder>
  void bind(const detail::c_string &key, const field_options &options, Get getter, Set setter, Coder coder) {
    using context = detail::field_context<Slice, Get, Set, Coder>;
    std::vector<const char *> former;
    for (const std::string &each : options.former_keys_) former.push_back(detail::c_string(each).get());
    former.push_back(nullptr);
    lily_session_field field = LILY_SESSION_FIELD_INIT;
    field.key = key.get();
    field.types = Coder::types();
    field.get = &context::on_get;
    field.set = &context::on_set;
    field.expires_after_ms = options.expires_after_;
    field.version = options.version_;
    if (options.migrate_) field.migrate = &context::on_migrate;
    if (former.size() > 1) field.former_keys = former.data();
    field.release = &context::on_release;
    field.context = new context{key.get() ? key.get() : "", std::move(getter), std::move(setter), std::move(coder), options.migrate_, {}};
    lily_session_persistence *const handle = handle_.get();
    // The library owns the context from here on, even if it does not add the field.
    detail::check([&] { return lily_session_field_add(handle, &field); });
  }

  template <class T, class Class, class... More> void add_map(const detail::c_string &prefix, T Class::*member, More... more) {
    add_map(prefix, path(member), std::move(more)...);
  }

  template <class Way> void add_map(const detail::c_string &prefix, member_path<Way> to, field_options options = field_options()) {
    bind_map(prefix, options, to.way, detail::coder<typename Way::value::mapped_type>());
  }

  template <class Way, class Encode, class Decode>
  void add_map(const detail::c_string &prefix, member_path<Way> to, Encode encode, Decode decode, field_options options = field_options()) {
    bind_map(prefix, options, to.way,
             detail::own_coder<typename Way::value::mapped_type, Encode, Decode>{std::move(encode), std::move(decode)});
  }

  template <class Way, class Coder>
  void bind_map(const detail::c_string &prefix, const field_options &options, Way way, Coder coder) {
    using T = typename Way::value;
    static_assert(std::is_same<typename T::key_type, std::string>::value, "the keys of a map are std::string");
    using context = detail::map_context<Slice, Way, Coder>;
    if (!options.former_keys_.empty()) throw invalid_argument_error("a map has no former keys");
    lily_session_map map = LILY_SESSION_MAP_INIT;
    map.prefix = prefix.get();
    map.types = Coder::types();
    map.each = &context::on_each;
    map.set = &context::on_set;
    map.expires_after_ms = options.expires_after_;
    map.version = options.version_;
    if (options.migrate_) map.migrate = &context::on_migrate;
    map.release = &context::on_release;
    map.context = new context{prefix.get() ? prefix.get() : "", way, std::move(coder), options.migrate_, {}};
    lily_session_persistence *const handle = handle_.get();
    // The library owns the context from here on, even if it does not add the map.
    detail::check([&] { return lily_session_map_add(handle, &map); });
  }

  detail::owned<lily_session_persistence, lily_session_persistence_free> handle_;
};

/// @}

// ----------------------------------------------------------------- session
/// @defgroup session Session
/// The attachment of a list of fields to a runtime and a storage.
/// @{

/// What an event is about. Each comment names the call that reports it.
enum class event_kind : std::int32_t {
  rejected = LILY_SESSION_EVENT_REJECTED,         ///< attach, refresh: the stored value was not accepted; it stays until the field changes
  newer = LILY_SESSION_EVENT_NEWER,               ///< attach, refresh: a newer version of the field was stored; it stays until the field changes
  field_failed = LILY_SESSION_EVENT_FIELD_FAILED, ///< the field's value could not be taken
  write_failed = LILY_SESSION_EVENT_WRITE_FAILED, ///< the field could not be stored, and is dirty
  damaged = LILY_SESSION_EVENT_DAMAGED,           ///< attach: lines of the file were damaged and skipped
  directory = LILY_SESSION_EVENT_DIRECTORY,       ///< attach: lily_session_info::directory_is_open is 1
  changed = LILY_SESSION_EVENT_CHANGED,           ///< refresh: another program changed the field, and it was set
  /// refresh: another program removed the field's value, and it was reset to the value it had before attach
  removed = LILY_SESSION_EVENT_REMOVED,
  expired = LILY_SESSION_EVENT_EXPIRED,           ///< refresh: the field's value has expired, and it was reset
  /// refresh: the session was cleared, and the field was reset. In any other call, with status::ok: a change that could not be stored was
  /// dropped, because it may be older than a clear
  cleared = LILY_SESSION_EVENT_CLEARED,
  not_durable = LILY_SESSION_EVENT_NOT_DURABLE, ///< what was written may not survive power loss
  /// the file cannot be rewritten: it grows, or still holds what was removed or cleared
  not_rewritten = LILY_SESSION_EVENT_NOT_REWRITTEN,
  notice = LILY_SESSION_EVENT_NOTICE, ///< attach: the store works, but is set up so that it may lose entries, or the like
};

/// Something that happened to a field or to the store.
struct event {
  event_kind kind;              ///< what it is about
  lily::status status;          ///< why; status::ok if nothing failed
  int system_error;             ///< an errno, or 0
  std::string key;              ///< the field's key; "": the event is about the store
  std::exception_ptr exception; ///< what a callback of the field threw, or nullptr
};

/// How a list of fields is attached.
template <class Model, class Slice = Model> struct config {
  /// Returns the slice of a model, which the library borrows until it calls this again. nullptr: the model is the slice.
  std::function<Slice *(Model &)> get = nullptr;
  /// Puts a slice that the library has set fields of back into the model. Returns the model, the same or a new one; returning nullptr
  /// refuses. If this is nullptr, the slice is a part of the model, and need not be put back.
  std::function<Model *(Model &, Slice &)> set = nullptr;
  /// Returns a number that is another one whenever a field may have changed. nullptr: the fields are compared after every update.
  std::function<std::uint64_t(const Slice &)> revision = nullptr;
  /// Takes each event, after the step that caused it. It may be nullptr.
  std::function<void(const event &)> on_event = nullptr;
};

/// What is stored for a field. The C header says what each means (LILY_SESSION_STATE_ABSENT and the others).
enum class stored_state : std::int32_t {
  absent = LILY_SESSION_STATE_ABSENT,
  loaded = LILY_SESSION_STATE_LOADED,
  rejected = LILY_SESSION_STATE_REJECTED,
  expired = LILY_SESSION_STATE_EXPIRED,
  migrated = LILY_SESSION_STATE_MIGRATED,
  newer = LILY_SESSION_STATE_NEWER
};

/// The state of a field, which session::state() returns.
struct field_state {
  stored_state stored; ///< what is stored for the field
  bool dirty;          ///< true: an update found a change that is not stored yet, or the field is marked
};

namespace detail {

/// Makes a field's new value from the stored one, for session::modify().
template <class T, class Change> struct modification {
  Change &change;
  typename native<T>::kept keep;

  static lily_session_status on_modify(void *context, const lily_session_value *stored, lily_session_value *out) noexcept {
    modification &self = *static_cast<modification *>(context);
    try {
      if (stored) {
        if ((native<T>::types() & stored->type) == 0) throw decode_error("the field's stored value is of another type");
        const T value = native<T>::take(*stored);
        self.put(self.change(&value), *out);
      } else {
        self.put(self.change(static_cast<const T *>(nullptr)), *out);
      }
      return LILY_SESSION_OK;
    } catch (...) {
      return call::caught(nullptr);
    }
  }

 private:
  template <class Result> void put(Result &&next, lily_session_value &out) {
    native<T>::put(static_cast<T>(std::forward<Result>(next)), keep, out);
  }
};

} // namespace detail

/// One attachment of fields to a runtime, which runtime::attach() or session::open() returns. The destructor flushes, or only persists if the
/// storage was opened with storage_options::no_sync, and drops failures.
class session {
 public:
  /// Attaches the fields to the model in one call, for a program that changes its model itself and then calls persist(). The fields are
  /// kept in the default place of `application` (storage_options::application), and the model must outlive the session, in the place where
  /// it is: if both are members of a struct, do not move that struct, or use lily::open(), which owns the model. Throws what storage::open()
  /// and runtime::attach() throw.
  template <class Model> static session open(const detail::c_string &application, Model &model, const persistence<Model> &fields);

  /// Stores the fields that have changed. Call it when you have changed the model yourself. Throws as runtime::dispatch() does.
  void persist() { run(lily_session_persist); }

  /// Persists, then makes what was written survive power loss.
  void flush() { run(lily_session_flush); }

  /// Persists, then updates the model with what changed in storage. Sets each field that was changed elsewhere. Resets each field that was
  /// removed elsewhere, has expired or was cleared to the value it had before attach. An event reports each. Throws callback_error if the
  /// config's set returns nullptr; then no change is kept.
  void refresh() { run(lily_session_refresh); }

  /// Makes the next update, persist(), flush() or detach() store a field even if it does not change: for a default that the user
  /// confirmed. Callbacks may call it; inside an update function it applies to that update. `key` is the field's key, without the prefix.
  void mark(const detail::c_string &key) {
    check([&] { return lily_session_mark(get(), key.get()); });
  }

  /// Persists, then renews the expiry of what is stored for the field, by storing the same value again. `key` is the field's key, without
  /// the prefix.
  void touch(const detail::c_string &key) {
    check([&] { return lily_session_touch(get(), key.get()); });
  }

  /// Persists, then changes what is stored for a field, without losing what another program stores at the same time: for counters and
  /// lists that several programs change. Then sets the field in the model to what storage holds, which may already be a newer value of
  /// another program.
  ///
  ///     session.modify<int>("visits", [](const int *stored) { return stored ? *stored + 1 : 1; });
  ///
  /// `change(const T *stored)` returns the new value; it is given nullptr if nothing is stored. It is called again if another program
  /// stores something meanwhile, so it must not count its calls. No lock is held while it runs. `T` is the type of the field's value or, if
  /// the field has functions `encode` and `decode` of its own, the type that `encode` returns. `key` is the field's key, without the prefix.
  /// The call renews the field's expiry.
  ///
  /// What `change` throws leaves the call, and nothing is changed. Throws not_found_error if the session has no such field, newer_error or
  /// decode_error if what is stored is not the field's value, and encode_error if the new value cannot be stored; then what is stored
  /// stays. Throws busy_error if other programs keep changing the field, or if a change of its own could not be stored. Throws
  /// callback_error if the new value is stored, and the field's `set` or `decode` refused it.
  template <class T, class Change> void modify(const detail::c_string &key, Change change) {
    using modification = detail::modification<T, Change>;
    modification running = {change, {}};
    check([&] { return lily_session_modify(get(), key.get(), &modification::on_modify, &running); });
  }

  /// Removes what is stored for a field, and sets the field in the model to the value that it had before attach. `key` is the field's key,
  /// without the prefix. Throws not_found_error if the session has no such field, and callback_error if the field's `set` refused the value.
  void reset(const detail::c_string &key) {
    check([&] { return lily_session_reset(get(), key.get()); });
  }

  /// Returns, for the timeout of poll(), the milliseconds until the next stored field that this session has loaded or stored expires.
  /// Returns 0 if one has expired, which refresh() will reset, and -1 ms if none will expire.
  std::chrono::milliseconds next_expiry() const {
    detail::call under_way;
    const std::int64_t left = lily_session_next_expiry(get());
    under_way.finish();
    return std::chrono::milliseconds(left);
  }

  /// Returns what is stored for a field now or, if the storage cannot be read, what was last seen there. `key` is the field's key, without
  /// the prefix.
  field_state state(const detail::c_string &key) const {
    std::int32_t state = 0;
    detail::check([&] { return lily_session_field_state(get(), key.get(), &state); });
    return {static_cast<stored_state>(state & ~LILY_SESSION_STATE_DIRTY), (state & LILY_SESSION_STATE_DIRTY) != 0};
  }

  /// Flushes and ends the session, as the destructor does, and throws what callbacks throw. It does not report failures of the flush: to
  /// learn of them, call flush() first.
  void detach() {
    detail::call under_way;
    lily_session_detach(handle_.release());
    under_way.finish();
  }

  /// Ends the session without a flush: what changed since the last update is not stored.
  void abandon() noexcept { lily_session_abandon(handle_.release()); }

  /// Returns the C handle, which this object still owns; nullptr after a move, detach() or abandon().
  lily_session *get() const noexcept { return handle_.get(); }

 private:
  template <class Model, class Message> friend class runtime;
  template <class Model> friend class opened;
  template <class Model> static session opened_in(const storage &storage, Model &model, const persistence<Model> &fields);
  session(lily_session *handle, std::string file) : file_(std::move(file)), handle_(handle) {}

  template <class Function> void check(Function function) { detail::check(function, file_.empty() ? nullptr : file_.c_str()); }

  void run(lily_session_status (*function)(lily_session *)) {
    check([&] { return function(get()); });
  }

  std::string file_; // for exceptions

  detail::owned<lily_session_runtime, lily_session_runtime_free> runtime_; // of open(); stands before the handle, so that it ends after it
  detail::owned<lily_session, lily_session_detach> handle_;
};

/// @}

// ----------------------------------------------------------------- runtime
/// @defgroup runtime Runtime
/// The program's model, and what happens after each update of it.
/// @{

namespace detail {

/// Applies an update function, by what it returns: nothing; false to refuse; a new value of the model; or a pointer to the model from now
/// on, nullptr to refuse. Returns the model, or nullptr if the function refused.
template <class Model, class Result> struct updated {
  static_assert(std::is_same<decayed<Result>, Model>::value && !std::is_reference<Result>::value,
                "an update function returns nothing, bool, the model by value, or a pointer to it");
  template <class Update, class Message> static Model *by(Update &update, Model &model, const Message &message) {
    model = update(model, message);
    return &model;
  }
};
template <class Model> struct updated<Model, void> {
  template <class Update, class Message> static Model *by(Update &update, Model &model, const Message &message) {
    update(model, message);
    return &model;
  }
};
template <class Model> struct updated<Model, bool> {
  template <class Update, class Message> static Model *by(Update &update, Model &model, const Message &message) {
    return update(model, message) ? &model : nullptr;
  }
};
template <class Model> struct updated<Model, Model *> {
  template <class Update, class Message> static Model *by(Update &update, Model &model, const Message &message) {
    return update(model, message);
  }
};

/// The context of a session, and the functions that C calls with it. Sessions hold the storage's clock too, because C does not report
/// when a storage is gone.
template <class Model, class Slice> struct session_context {
  config<Model, Slice> given;
  std::shared_ptr<clock_function> clock;
  std::uint64_t revision;

  static void *on_get(void *context, void *model) noexcept {
    try {
      return static_cast<session_context *>(context)->given.get(*static_cast<Model *>(model));
    } catch (...) {
      call::caught(nullptr);
      return nullptr;
    }
  }

  static void *on_set(void *context, void *model, void *slice) noexcept {
    try {
      return static_cast<session_context *>(context)->given.set(*static_cast<Model *>(model), *static_cast<Slice *>(slice));
    } catch (...) {
      call::caught(nullptr);
      return nullptr;
    }
  }

  static std::uint64_t on_revision(void *context, const void *slice) noexcept {
    session_context &self = *static_cast<session_context *>(context);
    try {
      return self.revision = self.given.revision(*static_cast<const Slice *>(slice));
    } catch (...) {
      call::caught(nullptr);
      return self.revision = ~self.revision; // a number other than the last one, so that the fields are compared
    }
  }

  static void on_event(void *context, const lily_session_event *told) noexcept {
    try {
      const char *const key = told->key;
      static_cast<session_context *>(context)->given.on_event({static_cast<event_kind>(told->kind), static_cast<status>(told->status),
                                                               told->system_error, key ? key : "",
                                                               key ? call::exception_of(key) : nullptr});
    } catch (...) {
      call::caught(nullptr);
    }
  }

  static void on_release(void *context) noexcept { delete static_cast<session_context *>(context); }
};

} // namespace detail

namespace detail {

/// See lily::restoring().
template <class Update> struct restoring_update {
  Update update;

  template <class Model, class Message>
  auto operator()(Model &model, const Message &message) -> decltype(update(model, message)) {
    Model before = model;
    try {
      return kept(model, before, update(model, message));
    } catch (...) {
      model = std::move(before);
      throw;
    }
  }

 private:
  template <class Model> static bool kept(Model &model, Model &before, bool accepted) {
    if (!accepted) model = std::move(before);
    return accepted;
  }
};

/// Makes a function that returns nothing one that returns true.
template <class Update> struct accepting_update {
  Update update;
  template <class Model, class Message> bool operator()(Model &model, const Message &message) { return agrees(update, model, message); }
};

} // namespace detail

/// Makes an update function of one that changes the model in place and returns nothing or a bool: if it throws or refuses, the model is as it
/// was. It copies the model before each update.
///
///     lily::runtime<app, command> runtime(model, lily::restoring(update));
template <class Update> detail::restoring_update<detail::accepting_update<Update>> restoring(Update update) {
  return {{std::move(update)}};
}

/// A model and its update function. The program owns the model, which must outlive the runtime, in the place where it is.
template <class Model, class Message = void> class runtime {
  using message_type = typename std::conditional<std::is_void<Message>::value, detail::nothing, Message>::type;

 public:
  /// Makes a runtime for a program that changes its model itself and then calls session::persist().
  explicit runtime(Model &first) { make(first, nullptr); }

  /// Makes a runtime with an update function, which takes `(Model &, const Message &)`. It may change the model in place and return
  /// nothing, or return false to refuse the message. It may return the new model by value. Or it may return a pointer to the model from
  /// now on, and nullptr to refuse. A function that changes the model in place checks the message first: if it throws or refuses later,
  /// the changes that it has made stay, and the next call stores them. lily::restoring(update) makes a function that takes them back.
  template <class Update> runtime(Model &first, Update update) : update_(std::make_shared<Update>(std::move(update))) {
    make(first, [](void *context, void *old, const void *message) -> void * { return apply<Update>(context, old, message); });
  }

  /// A runtime cannot be moved: it would go on with the model in its old place, if both are members of a struct that is moved. Put such a
  /// struct on the heap, as lily::opened does.
  runtime(runtime &&) = delete;
  runtime &operator=(runtime &&) = delete; ///< see the constructor

  /// Updates the model, then stores the fields that changed, in one write for each session.
  /// Throws update_error if the message was refused, and what the update function throws: then the model was not replaced, and nothing was
  /// stored. Throws reentrant_error inside a callback of this runtime. After any other failure the message was applied; a field that could
  /// not be stored stays dirty, and the next dispatch, persist or flush tries again.
  void dispatch(const message_type &message) {
    static_assert(!std::is_void<Message>::value, "lily::runtime<Model, Message> has messages");
    const std::shared_ptr<void> running = update_; // keeps the function, which may end this object
    detail::check([&] { return lily_session_runtime_dispatch(get(), std::addressof(message)); });
  }

  /// Returns the model as it is now.
  Model &model() const {
    void *const current = lily_session_runtime_model(get());
    if (!current) throw invalid_argument_error("the runtime has no model");
    return *static_cast<Model *>(current);
  }

  /// Replaces the model by another object. Call session::persist() to store what differs.
  void set_model(Model &next) {
    detail::check([&] { return lily_session_runtime_set_model(get(), std::addressof(next)); });
  }

  /// Does what session::persist() does, for each session of the runtime. If one fails, the others are persisted all the same.
  void persist() {
    detail::check([&] { return lily_session_runtime_persist(get()); });
  }

  /// Does what session::refresh() does, for each session of the runtime. If one fails, the others are refreshed all the same.
  void refresh() {
    detail::check([&] { return lily_session_runtime_refresh(get()); });
  }

  /// Returns the least of what session::next_expiry() returns for each session of the runtime, and -1 ms if no stored field will expire.
  std::chrono::milliseconds next_expiry() const {
    detail::call under_way;
    const std::int64_t left = lily_session_runtime_next_expiry(get());
    under_way.finish();
    return std::chrono::milliseconds(left);
  }

  /// Sets the fields of the model from storage; from then on stores those that change. Attach itself stores no field. A field that has no
  /// stored value is left alone. So is one whose stored value is refused, and an event reports it; attach does not throw for it.
  /// Throws duplicate_key_error if another session of this runtime stores one of these keys in the same file, callback_error if the
  /// config's get or set returned nullptr, reentrant_error, and what opening and reading a storage throw. The fields of a part of the
  /// model need a config, whose get returns that part.
  template <class Slice> session attach(const persistence<Slice> &fields, const storage &storage) {
    require_whole<Slice>();
    return attach(fields, storage, config<Model, Slice>());
  }
  /// Does the same with a config.
  template <class Slice> session attach(const persistence<Slice> &fields, const storage &storage, config<Model, Slice> options) {
    if (!storage.get()) throw invalid_argument_error("the storage was moved from");
    return attached(fields, storage.get(), storage.clock_, std::move(options));
  }

  /// Attaches the fields to the default place, which it opens.
  template <class Slice> session attach(const persistence<Slice> &fields) {
    require_whole<Slice>();
    return attach(fields, config<Model, Slice>());
  }
  /// Does the same with a config.
  template <class Slice> session attach(const persistence<Slice> &fields, config<Model, Slice> options) {
    return attached(fields, nullptr, nullptr, std::move(options));
  }

  /// Returns the C handle, which this object still owns.
  lily_session_runtime *get() const noexcept { return handle_.get(); }

 private:
  template <class Slice> static void require_whole() {
    static_assert(std::is_same<Model, Slice>::value, "these are the fields of a part of the model: attach them with a lily::config whose get "
                                                     "returns that part");
  }

  friend class session; // session::open() takes the handle
  template <class Update> static void *apply(void *context, void *model, const void *message) noexcept {
    try {
      Update &update = *static_cast<Update *>(context);
      using result = decltype(update(std::declval<Model &>(), std::declval<const message_type &>()));
      return detail::updated<Model, result>::by(update, *static_cast<Model *>(model), *static_cast<const message_type *>(message));
    } catch (...) {
      detail::call::caught(nullptr);
      return nullptr;
    }
  }

  void make(Model &first, lily_session_update_fn update) {
    lily_session_runtime *made = nullptr;
    detail::check([&] { return lily_session_runtime_new(std::addressof(first), update, update_.get(), &made); });
    handle_.reset(made);
  }

  template <class Slice>
  session attached(const persistence<Slice> &fields, lily_session_storage *storage, std::shared_ptr<detail::clock_function> clock,
                   config<Model, Slice> options) {
    using context = detail::session_context<Model, Slice>;
    if (!std::is_same<Model, Slice>::value && !options.get)
      throw invalid_argument_error("a slice that is not the model itself needs the config's get");
    lily_session_config given = LILY_SESSION_CONFIG_INIT;
    given.storage = storage;
    if (options.get) given.get = &context::on_get;
    if (options.set) given.set = &context::on_set;
    if (options.revision) given.revision = &context::on_revision;
    if (options.on_event) given.on_event = &context::on_event;
    given.release = &context::on_release;
    given.context = new context{std::move(options), std::move(clock), 0};
    lily_session *made = nullptr;
    const char *const file = lily_session_storage_path(storage);
    detail::call under_way(file);
    // The library owns the context from here on, even if attach fails.
    const lily_session_status code = lily_session_attach(get(), fields.get(), &given, &made);
    session result(made, file ? file : "");
    try {
      under_way.finish(code);
    } catch (...) {
      result.abandon(); // without a flush, because an attach that throws must write nothing
      throw;
    }
    return result;
  }

  std::shared_ptr<void> update_; // stands before the handle, so that it is destroyed after it
  detail::owned<lily_session_runtime, lily_session_runtime_free> handle_;
};

template <class Model> session session::open(const detail::c_string &application, Model &model, const persistence<Model> &fields) {
  storage_options options;
  if (application.get()) options.application = application.get();
  return opened_in(storage::open(options), model, fields);
}

template <class Model> session session::opened_in(const storage &storage, Model &model, const persistence<Model> &fields) {
  runtime<Model> made(model);
  session opened = made.attach(fields, storage);
  opened.runtime_ = std::move(made.handle_);
  return opened;
}

namespace detail {
/// The model and the storage of lily::opened, which are made before its session, and end after it.
template <class Model> struct model_and_storage {
  std::unique_ptr<Model> model;
  lily::storage storage;
};
} // namespace detail

/// A model that is kept in a storage, and its session, for a program that changes its model itself. It owns the model, and may be moved.
///
///     auto saved = lily::open("player", lily::persistence<player>().field("volume", &player::volume));
///     saved->volume = 60;
///     saved.persist();
template <class Model> class opened : detail::model_and_storage<Model>, public session {
  using parts = detail::model_and_storage<Model>;

 public:
  /// Fills the model from the storage.
  opened(lily::storage in, const persistence<Model> &fields, Model first = Model())
    : parts{std::unique_ptr<Model>(new Model(std::move(first))), std::move(in)},
      session(session::opened_in(parts::storage, *parts::model, fields)) {}
  opened(opened &&) = default; ///< leaves the other one without a model and a session
  /// Ends the session that this object had, and takes the other's.
  opened &operator=(opened &&other) noexcept {
    session::operator=(std::move(other)); // the old model outlives the old session
    parts::operator=(std::move(other));
    return *this;
  }

  Model &operator*() const noexcept { return *parts::model; }  ///< returns the model
  Model *operator->() const noexcept { return parts::model.get(); } ///< returns the model; nullptr after a move
  /// Returns the storage, for example for a log-out: `lily::clear(saved.storage())` removes what is stored, and then `saved.refresh()` gives
  /// the model the values from before it was filled.
  const lily::storage &storage() const noexcept { return parts::storage; }
};

/// Makes a model and fills it from the default place of `application` (storage_options::application).
template <class Model>
opened<Model> open(const detail::c_string &application, const persistence<Model> &fields, Model model = Model()) {
  storage_options options;
  if (application.get()) options.application = application.get();
  return opened<Model>(storage::open(options), fields, std::move(model));
}

/// @}

} // namespace lily

#endif
