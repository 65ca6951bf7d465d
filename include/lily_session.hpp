/// @file
/// lily-session for C++: chosen fields of a program's model survive a restart.
///
///     struct app { int visits = 0; std::string theme = "light"; };
///
///     app model;
///     auto fields = lily::persistence<app>().field("visits", &app::visits).field("theme", &app::theme);
///     lily::runtime<app> runtime(model);
///     lily::session session = runtime.attach(fields); // fills the model from the file
///     model.visits++;
///     session.persist();                              // stores what changed
///
/// C++11 or newer, with exceptions; link with -llily_session. This is `<lily_session.h>` with C++'s types and nothing added: where a
/// comment here is short, the one of the C function of the same name has the rest. What it cannot say, C can: each class has `get()`,
/// its C handle.
///
/// @par Errors
///   Whatever fails throws a lily::session_error: the class tells the status, `what()` is the sentence.
/// @par Exceptions
///   What a callback throws never crosses the library. It waits until the library has finished, and comes out unchanged of the call of
///   yours that ran the callback: a dispatch whose field's `get` threw has stored the other fields all the same. One kind stays
///   inside: what is thrown while a stored value is taken over (by `decode`, `set` or `migrate`) refuses that value, which stays in
///   the file; so one bad value does not keep a program from starting. The event `rejected` has it. Destructors throw nothing: call
///   `flush()` before them to hear of failures.
/// @par Ownership
///   All handles are move-only, and may end in any order, inside callbacks too. Functions and backends that are handed over live for as
///   long as the library may call them. The model is the program's, and must outlive its runtime.
/// @par Threads
///   A storage may be used from any thread. A runtime, its sessions, and a list of fields with the sessions that share it are used by
///   one thread at a time.
/// @par Moved from
///   A handle that was moved from, detached or abandoned has the C handle NULL: what is asked of it throws invalid_argument_error.
///
/// Times are UTC, and durations milliseconds. Strings are UTF-8; a key, path or name with a NUL inside is refused.
#ifndef LILY_SESSION_HPP
#define LILY_SESSION_HPP

#include <lily_session.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus >= 201703L
#include <optional>
#include <string_view>
#include <tuple>
#include <variant>
#endif

namespace lily {

// ------------------------------------------------------------------ errors
/// @defgroup errors Errors
/// What is thrown, and the library's version.
/// @{

/// The statuses of the C header, which says what each means.
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

/// "LILY_SESSION_ERROR_QUOTA". Static.
inline const char *status_name(status code) { return lily_session_status_name(static_cast<lily_session_status>(code)); }

/// The version of the library that runs; that of the header is LILY_SESSION_VERSION. Static.
inline const char *version() { return lily_session_version(); }

/// The root of all that this library throws. A callback or a backend may throw one to answer its status.
class session_error : public std::runtime_error {
 public:
  /// With a status and a sentence.
  session_error(lily::status code, const std::string &message) : std::runtime_error(message), status_(code) {}
  /// What failed.
  lily::status status() const noexcept { return status_; }

 private:
  lily::status status_;
};

/// The file, the disk or the backend failed, and not what was asked of it.
class storage_error : public session_error {
 public:
  using session_error::session_error; ///< with a status and a sentence
};

/// One class for each status.
template <status Code, class Base = session_error> class error_of : public Base {
 public:
  /// With a sentence.
  explicit error_of(const std::string &message) : Base(Code, message) {}
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

[[noreturn]] inline void fail(lily_session_status code) {
  const std::string message = lily_session_last_error();
  switch (static_cast<status>(code)) {
    case status::ok: break;
    case status::invalid_argument: throw invalid_argument_error(message);
    case status::duplicate_key: throw duplicate_key_error(message);
    case status::not_found: throw not_found_error(message);
    case status::reentrant: throw reentrant_error(message);
    case status::unsupported: throw unsupported_error(message);
    case status::forked: throw forked_error(message);
    case status::decode: throw decode_error(message);
    case status::encode: throw encode_error(message);
    case status::callback: throw callback_error(message);
    case status::update: throw update_error(message);
    case status::newer: throw newer_error(message);
    case status::io: throw io_error(message);
    case status::no_space: throw no_space_error(message);
    case status::not_durable: throw not_durable_error(message);
    case status::permission: throw permission_error(message);
    case status::refused: throw refused_error(message);
    case status::corrupt: throw corrupt_error(message);
    case status::quota: throw quota_error(message);
    case status::busy: throw busy_error(message);
  }
  throw session_error(static_cast<status>(code), message); // of a newer library
}

/// A call into the library that is under way on this thread. What its callbacks throw waits here until it has returned. Calls nest:
/// an update function may use a storage.
class call {
 public:
  call() : outer_(innermost()) { innermost() = this; }
  ~call() { innermost() = outer_; }
  call(const call &) = delete;
  call &operator=(const call &) = delete;

  /// After the library has returned: the first exception of a callback comes out, else a failure as an exception.
  void finish(lily_session_status code = LILY_SESSION_OK) {
    if (thrown_) std::rethrow_exception(thrown_);
    if (code != LILY_SESSION_OK) fail(code);
  }

  /// In a handler, in a callback: keeps the exception, and says what to answer for it. Where there is no call of this header, but one
  /// in C, the answer is all that remains. `key`: the field's, or NULL.
  static lily_session_status caught(const std::string *key, lily_session_status other = LILY_SESSION_ERROR_CALLBACK) {
    if (call *const now = innermost())
      if (!now->thrown_) now->thrown_ = std::current_exception();
    return refused(key, other);
  }

  /// The same for what does not come out of the call, but refuses a stored value.
  static lily_session_status refused(const std::string *key, lily_session_status other = LILY_SESSION_ERROR_CALLBACK) {
    call *const now = innermost();
    if (now && key) now->fields_.emplace_back(*key, std::current_exception());
    try {
      throw;
    } catch (const session_error &error) {
      return error.status() == status::ok ? other : static_cast<lily_session_status>(error.status());
    } catch (...) {
      return other;
    }
  }

  /// What the field's callback threw last in this call.
  static std::exception_ptr exception_of(const char *key) {
    if (const call *const now = innermost())
      for (auto at = now->fields_.rbegin(); at != now->fields_.rend(); ++at)
        if (at->first == key) return at->second;
    return nullptr;
  }

 private:
  static call *&innermost() {
    static thread_local call *now = nullptr;
    return now;
  }

  call *outer_;
  std::exception_ptr thrown_;
  std::vector<std::pair<std::string, std::exception_ptr>> fields_;
};

/// Calls the library, and throws what comes of it.
template <class Function> void check(Function function) {
  call under_way;
  under_way.finish(function());
}

/// How each handle ends. What callbacks throw then is lost: destructors throw nothing.
template <class Handle, void (*End)(Handle *)> struct ending {
  void operator()(Handle *handle) const noexcept {
    call silent;
    End(handle);
  }
};
template <class Handle, void (*End)(Handle *)> using owned = std::unique_ptr<Handle, ending<Handle, End>>;

using owned_text = owned<void, lily_session_free>;

/// A key, path or name as C wants it, out of whatever string the caller has; for arguments only: it may borrow.
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
  /// C would take what is before it for the whole.
  void refuse_nul(std::size_t size) const {
    if (std::char_traits<char>::length(text_) != size) throw invalid_argument_error("a key, path or name has a NUL inside");
  }

  const char *text_;
  std::string copy_; // in every C++, so that a class is the same in all of a program
};

/// A call that answers bool, or nothing for true.
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

/// A pointer to a member function, as something to be called; all else as it is.
template <class Function> Function callable(Function function) { return function; }
template <class Result, class Class> auto callable(Result Class::*member) -> decltype(std::mem_fn(member)) { return std::mem_fn(member); }

} // namespace detail

/// @}

// ------------------------------------------------------------------- times
/// @defgroup storage Storage
/// A durable map of keys to JSON text: a file, or memory, or a store of the program's.
/// @{

/// A moment, in UTC. time_point() is "never" for an expiry, as 0 is in C.
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

namespace detail {
inline std::int64_t in_ms(time_point at) { return static_cast<std::int64_t>(at.time_since_epoch().count()); }
inline time_point from_ms(std::int64_t ms) { return time_point(std::chrono::milliseconds(ms)); }
inline time_point system_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }
using clock_function = std::function<time_point()>;
} // namespace detail

// ----------------------------------------------------------------- storage

/// What a change survives.
enum class durability : std::int32_t {
  process = LILY_SESSION_DURABILITY_PROCESS, ///< a change survives the end of the process, and power loss after a sync
  power = LILY_SESSION_DURABILITY_POWER      ///< a change survives power loss when the call returns, else it throws not_durable_error
};

/// How a storage is opened.
struct storage_options {
  lily::durability durability = lily::durability::process; ///< what a change survives
  bool read_only = false;       ///< never writes, nor creates
  bool strict = false;          ///< a damaged file is corrupt_error, instead of being read around the damage; one in a directory that is open to others is refused_error
  std::string application = {}; ///< names the default place; "": the executable's name
  std::int64_t quota_bytes = 0; ///< 0: 5 MiB, -1: no limit
  std::function<time_point()> clock = nullptr; ///< null: the system's, which also stands in for one that throws
};

/// What `storage::each` walks over.
struct item {
  std::string key;       ///< the whole storage key
  std::string json;      ///< its value
  time_point expires_at; ///< time_point(): never
};

/// An entry of a backend.
struct entry {
  std::string key;            ///< the whole storage key
  std::string json;           ///< never empty; in a batch "": the key is removed
  time_point expires_at = {}; ///< time_point(): never. A past one is handed out all the same: the library judges it
  std::uint32_t version = 0;  ///< of the value's shape
};

/// A store of the program's, for `storage::open_backend()`. Its functions run on the threads that use the storage, at once where they
/// do. What one throws comes out of the call that ran it; the library goes by the status of a session_error, and takes all else for
/// status::io.
class backend {
 public:
  virtual ~backend() = default; ///< when no call of the library can need it any more

  /// Fills `out`; false: absent.
  virtual bool read(const std::string &key, entry &out) = 0;

  /// Stores all or none. false, and none: `prefix` is not null, and its generation is not this one.
  virtual bool write(const std::vector<entry> &entries, const std::string *prefix, std::uint64_t generation) = 0;

  /// Removes all keys that begin with the prefix, and raises its generation, in one step.
  virtual void clear(const std::string &prefix) = 0;

  /// How often the prefix was cleared.
  virtual std::uint64_t generation(const std::string &prefix) = 0;

  /// Visits all whose keys begin with the prefix, in any order, until a visit answers false.
  virtual void each(const std::string &prefix, const std::function<bool(const entry &)> &visit) = 0;

  /// Makes what was written survive power loss. Default: it does at once. A backend whose write() throws not_durable_error overrides it.
  virtual void sync() {}

  virtual int fd() { return -1; } ///< polls readable when the store may have changed; -1: it cannot tell
  virtual void close() {}         ///< before the destructor, in the process that opened it

  /// Returns true if the backend overrides renew(); asked once, when the storage is opened. false: to renew an entry, the library reads
  /// it and writes it again, and another program's write that comes between the two is lost.
  virtual bool renews() const { return false; }

  /// Gives the entry of this key the new `expires_at`, in one step, if the key still holds this json and version; otherwise returns false.
  virtual bool renew(const entry &renewed) { throw unsupported_error("the backend does not override renew(): " + renewed.key); }
};

namespace detail {

/// A backend, and its functions as C calls them.
class backend_host {
 public:
  explicit backend_host(std::unique_ptr<backend> given) : backend_(std::move(given)) {}

  static lily_session_backend table(std::unique_ptr<backend> given) {
    lily_session_backend table = LILY_SESSION_BACKEND_INIT;
    if (given->renews()) table.renew = renew;
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
    } catch (...) {
      return call::caught(nullptr, LILY_SESSION_ERROR_IO);
    }
  }

  static lily_session_entry lent(const entry &from) {
    return {from.key.c_str(), from.json.c_str(), from.json.size(), in_ms(from.expires_at), from.version};
  }

  /// An entry that the library gives; one without JSON is to be removed.
  static entry given(const lily_session_entry &from) {
    entry made;
    made.key = from.key;
    if (from.json) made.json.assign(from.json, from.length);
    made.expires_at = from_ms(from.expires_at_ms);
    made.version = from.version;
    return made;
  }

  static lily_session_status read(void *context, const char *key, lily_session_entry *out) noexcept {
    bool found = false;
    const lily_session_status answer = guarded(context, [&](backend &store) {
      entry result;
      found = store.read(key, result);
      if (found) *out = lent(static_cast<backend_host *>(context)->keep(std::move(result)));
    });
    return answer != LILY_SESSION_OK || found ? answer : LILY_SESSION_ERROR_NOT_FOUND;
  }

  static lily_session_status write(void *context, const lily_session_entry *entries, std::size_t count, const char *prefix,
                                   std::uint64_t generation) noexcept {
    bool written = false;
    const lily_session_status answer = guarded(context, [&](backend &store) {
      std::vector<entry> batch;
      for (std::size_t i = 0; i < count; i++) batch.push_back(given(entries[i]));
      const std::string name = prefix ? prefix : "";
      written = store.write(batch, prefix ? &name : nullptr, generation);
    });
    return answer != LILY_SESSION_OK || written ? answer : LILY_SESSION_ERROR_NEWER;
  }

  static lily_session_status renew(void *context, const lily_session_entry *renewed) noexcept {
    bool found = false;
    const lily_session_status answer = guarded(context, [&](backend &store) { found = store.renew(given(*renewed)); });
    return answer != LILY_SESSION_OK || found ? answer : LILY_SESSION_ERROR_NOT_FOUND;
  }

  static lily_session_status each(void *context, const char *prefix, lily_session_entry_fn visit, void *visitor) noexcept {
    lily_session_status stopped = LILY_SESSION_OK;
    const lily_session_status answer = guarded(context, [&](backend &store) {
      store.each(prefix, [&](const entry &found) {
        const lily_session_entry shown = lent(found);
        if (stopped == LILY_SESSION_OK) stopped = visit(visitor, &shown);
        return stopped == LILY_SESSION_OK;
      });
    });
    return answer != LILY_SESSION_OK ? answer : stopped;
  }

  /// What was read is borrowed by the library, while other threads read other entries.
  const entry &keep(entry &&read) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return read_[std::this_thread::get_id()] = std::move(read);
  }

  std::unique_ptr<backend> backend_;
  std::mutex mutex_;
  std::map<std::thread::id, entry> read_;
};

} // namespace detail

/// A durable map of key -> JSON text, shared by all who open it. Any thread may use it.
class storage {
#if __cplusplus >= 201703L
  using text = std::string_view;
#else
  using text = const std::string &;
#endif

 public:
  /// The program's default place.
  static storage open(const storage_options &options = storage_options()) { return opened(nullptr, options); }

  /// The journal at `path`, created where it is missing; its directory must exist.
  static storage open(const detail::c_string &path, const storage_options &options = storage_options()) {
    if (!path.get()) throw invalid_argument_error("the path is NULL");
    return opened(path.get(), options);
  }

  /// In memory, ending with its handle and sessions. Of the options clock and quota_bytes count.
  static storage memory(const storage_options &options = storage_options()) {
    return made(options, [](const lily_session_storage_options *given, lily_session_storage **out) {
      return lily_session_storage_open_memory(given, out);
    });
  }

  /// In a store of the program's. Of the options the clock counts.
  static storage open_backend(std::unique_ptr<backend> store, const storage_options &options = storage_options()) {
    if (!store) throw invalid_argument_error("the backend is null");
    return made(options, [&](const lily_session_storage_options *given, lily_session_storage **out) {
      const lily_session_backend table = detail::backend_host::table(std::move(store));
      return lily_session_storage_open_backend(&table, given, out);
    });
  }

  /// A storage of its own inside this one, which it retains.
  storage scoped(const detail::c_string &scope) const {
    lily_session_storage *made = nullptr;
    detail::call under_way;
    const lily_session_status answer = lily_session_storage_scoped(get(), scope.get(), &made);
    storage result(made, clock_);
    under_way.finish(answer);
    return result;
  }

  storage(storage &&) = default; ///< leaves the other without a handle
  /// Closes this one first.
  storage &operator=(storage &&other) noexcept {
    handle_ = std::move(other.handle_); // the old clock outlives the old handle
    clock_ = std::move(other.clock_);
    return *this;
  }

  /// The C handle; still this object's.
  lily_session_storage *get() const noexcept { return handle_.get(); }

  /// The file's absolute path; "" for memory, backends and scopes of them.
  std::string path() const {
    const char *const found = lily_session_storage_path(get());
    return found ? found : "";
  }

  /// The JSON text under a whole storage key, such as "lily_session_theme", into `out_json`; false: absent or expired.
  bool get(const detail::c_string &key, std::string &out_json) const {
    char *json = nullptr;
    std::size_t length = 0;
    detail::call under_way;
    const lily_session_status answer = lily_session_storage_get(get(), key.get(), &json, &length);
    const detail::owned_text owner(json);
    under_way.finish(answer == LILY_SESSION_ERROR_NOT_FOUND ? LILY_SESSION_OK : answer);
    if (answer != LILY_SESSION_OK) return false;
    out_json.assign(json, length);
    return true;
  }

#if __cplusplus >= 201703L
  /// The same; nullopt: absent or expired.
  std::optional<std::string> get(const detail::c_string &key) const {
    std::string json;
    return get(key, json) ? std::optional<std::string>(std::move(json)) : std::nullopt;
  }
#endif

  /// Stores JSON text under a whole storage key.
  void set(const detail::c_string &key, text json) const { set(key, json, time_point()); }

  /// The same, absent from `expires_at` on; time_point(): never.
  template <class Duration>
  void set(const detail::c_string &key, text json, std::chrono::time_point<std::chrono::system_clock, Duration> expires_at) const {
    const std::int64_t at = detail::in_ms(std::chrono::time_point_cast<std::chrono::milliseconds>(expires_at));
    detail::check([&] { return lily_session_storage_set(get(), key.get(), json.data(), json.size(), at); });
  }

  /// An absent key is fine.
  void remove(const detail::c_string &key) const {
    detail::check([&] { return lily_session_storage_remove(get(), key.get()); });
  }

  /// Calls `visit(const lily::item &)` for each unexpired entry whose key begins with `prefix`, in the byte order of keys, on a
  /// snapshot: it may change the storage. A visit that answers false ends the walk.
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
    detail::call under_way;
    const lily_session_status answer = lily_session_storage_each(get(), prefix.get(), &walk::step, &walk);
    under_way.finish(walk.stopped ? LILY_SESSION_OK : answer);
  }

  /// Makes what this handle wrote survive power loss. Throws storage_error, too, where the file cannot be rewritten and still holds
  /// what was removed or cleared.
  void sync() const {
    detail::check([&] { return lily_session_storage_sync(get()); });
  }

  /// Polls readable when the stored data has changed, until each session that is attached through this handle has refreshed: for the
  /// host's event loop. Not to be read or closed. -1: it cannot tell.
  int fd() const {
    detail::call under_way;
    const int descriptor = lily_session_storage_fd(get());
    under_way.finish();
    return descriptor;
  }

  /// What there is to know of it; `path` lives as long as the handle.
  lily_session_info info() const {
    lily_session_info info = LILY_SESSION_INFO_INIT;
    detail::check([&] { return lily_session_storage_info(get(), &info); });
    return info;
  }

 private:
  template <class Model, class Message> friend class runtime;
  using shared_clock = std::shared_ptr<detail::clock_function>;

  storage(lily_session_storage *handle, shared_clock clock) : clock_(std::move(clock)), handle_(handle) {}

  static storage opened(const char *path, const storage_options &options) {
    return made(options, [&](const lily_session_storage_options *given, lily_session_storage **out) {
      return lily_session_storage_open(path, given, out);
    });
  }

  template <class Open> static storage made(const storage_options &options, Open open) {
    lily_session_storage_options given = LILY_SESSION_STORAGE_OPTIONS_INIT;
    const detail::c_string application(options.application);
    shared_clock clock;
    given.durability = static_cast<std::int32_t>(options.durability);
    given.flags = (options.read_only ? LILY_SESSION_READ_ONLY : 0) | (options.strict ? LILY_SESSION_STRICT : 0);
    given.application = options.application.empty() ? nullptr : application.get();
    given.quota_bytes = options.quota_bytes;
    if (options.clock) {
      clock = std::make_shared<detail::clock_function>(options.clock);
      given.clock = now;
      given.context = clock.get();
    }
    lily_session_storage *made = nullptr;
    detail::call under_way;
    const lily_session_status answer = open(&given, &made);
    storage result(made, std::move(clock));
    under_way.finish(answer);
    return result;
  }

  static std::int64_t now(void *context) noexcept {
    try {
      return detail::in_ms((*static_cast<detail::clock_function *>(context))());
    } catch (...) {
      detail::call::caught(nullptr);
      return detail::in_ms(detail::system_now());
    }
  }

  shared_clock clock_; // before the handle, so that it goes after it
  detail::owned<lily_session_storage, lily_session_storage_close> handle_;
};

/// Removes every key that fields have stored, in one step; other keys stay. For log-out; works inside an update function too. Models are
/// left alone until the next session::refresh(), which gives the fields that were stored their values from before attach.
inline void clear(const storage &storage) {
  if (!storage.get()) throw invalid_argument_error("the storage was moved from");
  detail::check([&] { return lily_session_clear(storage.get()); });
}

/// The same in the default place.
inline void clear() {
  detail::check([] { return lily_session_clear(nullptr); });
}

/// @}

// ------------------------------------------------------------------ values
/// @defgroup fields Fields
/// What is stored: a list of fields, and how types of the program's become JSON.
/// @{

/// JSON text, for fields whose value is JSON: what was put in comes out, byte for byte.
struct json {
  std::string text = "null"; ///< JSON, and nothing else
  json() = default;          ///< null
  /// Of a text, which is not looked at before it is stored.
  explicit json(std::string given) : text(std::move(given)) {}
  /// Whether the texts are the same, byte for byte.
  friend bool operator==(const json &a, const json &b) { return a.text == b.text; }
  /// The opposite.
  friend bool operator!=(const json &a, const json &b) { return !(a == b); }
};

/// How a type of the program's is stored: to be specialised for it, as a pair of conversions to and from a type that can be stored.
///
///     template <> struct lily::codec<color> {
///       static std::string encode(const color &value) { return name_of(value); }
///       static color decode(const std::string &stored) { return color_named(stored); } // throws: refused
///     };
///
/// Stored as they are: bool, integers, float, double, std::string, lily::json, enums (as their number); in C++17 std::optional (nullopt
/// as null) and std::variant (std::monostate as null) of what can be stored. A stored number that does not fit its integer or float is
/// refused; an unsigned value beyond int64_t cannot be stored.
template <class T, class Enable = void> struct codec;

namespace detail {

template <class T, class = void> struct has_codec : std::false_type {};
/// @cond Doxygen loses its way in it
template <class T> struct has_codec<T, typename std::enable_if<(sizeof(codec<T>) > 0)>::type> : std::true_type {};
/// @endcond

/// What a value needs no memory for while it is taken.
struct nothing {};

/// `put` fills C's value. Text in it is that of the value where the value stays (an lvalue), else of `keep`. `take` is the way back,
/// and throws what refuses the value.
template <class T, class = void> struct built_in {
  static_assert(sizeof(T) == 0, "this type cannot be stored as it is: specialise lily::codec for it, or give the field encode and decode");
};

template <class T> using decayed = typename std::decay<T>::type;

/// By way of what `encode` makes of it.
template <class T> struct by_codec;

template <class T> using native = typename std::conditional<has_codec<T>::value, by_codec<T>, built_in<T>>::type;

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

template <class T> struct built_in<T, typename std::enable_if<std::is_integral<T>::value>::type> {
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

template <class T>
struct built_in<T, typename std::enable_if<std::is_same<T, double>::value || std::is_same<T, float>::value>::type> {
  using kept = nothing;
  static constexpr std::int32_t types() { return LILY_SESSION_REAL; }
  static void put(T value, kept &, lily_session_value &out) {
    out.type = LILY_SESSION_REAL;
    out.as.real = static_cast<double>(value);
  }
  static T take(const lily_session_value &value) {
    const double most = static_cast<double>(std::numeric_limits<T>::max());
    if (value.as.real > most || value.as.real < -most) throw decode_error("the number does not fit");
    return static_cast<T>(value.as.real);
  }
};

template <class T> struct built_in<T, typename std::enable_if<std::is_enum<T>::value>::type> {
  using number = typename std::underlying_type<T>::type;
  using kept = nothing;
  static constexpr std::int32_t types() { return built_in<number>::types(); }
  static void put(T value, kept &keep, lily_session_value &out) { built_in<number>::put(static_cast<number>(value), keep, out); }
  static T take(const lily_session_value &value) { return static_cast<T>(built_in<number>::take(value)); }
};

inline const std::string &held(const std::string &value, std::string &) { return value; }
inline const std::string &held(std::string &&value, std::string &keep) { return keep = std::move(value); }

inline void put_text(std::int32_t type, const std::string &text, lily_session_value &out) {
  out.type = type;
  out.as.text.bytes = text.data();
  out.as.text.length = text.size();
}

inline std::string text_of(const lily_session_value &value) { return std::string(value.as.text.bytes, value.as.text.length); }

template <> struct built_in<std::string> {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_STRING; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    put_text(LILY_SESSION_STRING, held(std::forward<Value>(value), keep), out);
  }
  static std::string take(const lily_session_value &value) { return text_of(value); }
};

template <> struct built_in<json> {
  using kept = std::string;
  static constexpr std::int32_t types() { return LILY_SESSION_JSON; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    put_text(LILY_SESSION_JSON, held(std::forward<Value>(value).text, keep), out);
  }
  static json take(const lily_session_value &value) { return json(text_of(value)); }
};

#if __cplusplus >= 201703L
template <class T> struct built_in<std::optional<T>> {
  using kept = typename native<T>::kept;
  static constexpr std::int32_t types() { return native<T>::types() | LILY_SESSION_NULL; }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    if (value) return native<T>::put(*std::forward<Value>(value), keep, out);
    out.type = LILY_SESSION_NULL;
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

template <class... T> struct built_in<std::variant<T...>> {
  using kept = std::tuple<typename native<T>::kept...>;
  static constexpr std::int32_t types() { return (native<T>::types() | ...); }
  template <class Value> static void put(Value &&value, kept &keep, lily_session_value &out) {
    if (!put_one(std::forward<Value>(value), keep, out, all())) throw encode_error("the variant has no value");
  }
  static std::variant<T...> take(const lily_session_value &value) {
    std::optional<std::variant<T...>> taken;
    take_one(value, taken, all());
    return *std::move(taken); // its type is one of types()
  }

 private:
  using all = std::index_sequence_for<T...>;
  template <class Value, std::size_t... I>
  static bool put_one(Value &&value, kept &keep, lily_session_value &out, std::index_sequence<I...>) {
    return ((value.index() == I && (native<T>::put(std::get<I>(std::forward<Value>(value)), std::get<I>(keep), out), true)) || ...);
  }
  template <std::size_t... I>
  static void take_one(const lily_session_value &value, std::optional<std::variant<T...>> &taken, std::index_sequence<I...>) {
    (void)(((native<T>::types() & value.type) != 0 && (taken.emplace(std::in_place_index<I>, native<T>::take(value)), true)) || ...);
  }
};
#endif

} // namespace detail

// ------------------------------------------------------------------ fields

/// What else a field has: `.field("token", &app::token, lily::field_options().expires_after(std::chrono::hours(24)))`.
class field_options {
 public:
  /// After its last write or touch; 0: never.
  field_options &expires_after(std::chrono::milliseconds duration) {
    expires_after_ = static_cast<std::int64_t>(duration.count());
    return *this;
  }

  /// Of the value's shape. A stored value of a newer version is left alone; one of an older is taken as it is.
  field_options &version(std::uint32_t number) {
    version_ = number;
    return *this;
  }

  /// The same, and a stored value of an older version goes through `migrate(std::uint32_t stored_version, const lily::json &stored)`.
  /// Its result is of the type that the field is stored as, or of one whose codec makes that of it; a result of another JSON type, or
  /// an exception, refuses the stored value, which stays.
  template <class Migrate> field_options &version(std::uint32_t number, Migrate migrate) {
    using result = detail::decayed<decltype(migrate(number, std::declval<const json &>()))>;
    typename detail::native<result>::kept keep;
    migrate_ = [migrate, keep](std::uint32_t from, const json &stored, lily_session_value &out) mutable {
      detail::native<result>::put(migrate(from, stored), keep, out);
    };
    return version(number);
  }

  /// Keys that the field had before, the latest first. They go when the field is stored under its own.
  field_options &former_keys(std::vector<std::string> keys) {
    former_keys_ = std::move(keys);
    return *this;
  }

 private:
  template <class Slice> friend class persistence;
  std::int64_t expires_after_ = 0;
  std::uint32_t version_ = 0;
  std::function<void(std::uint32_t, const json &, lily_session_value &)> migrate_;
  std::vector<std::string> former_keys_;
};

namespace detail {

/// How a field's value becomes C's, and back: as its type says...
template <class T> struct coder {
  using kept = typename native<T>::kept;
  static constexpr std::int32_t types() { return native<T>::types(); }
  template <class Value> void put(Value &&value, kept &keep, lily_session_value &out) {
    native<T>::put(std::forward<Value>(value), keep, out);
  }
  T take(const lily_session_value &value) { return native<T>::take(value); }
};

/// ... or by functions of the field's own.
template <class T, class Encode, class Decode> struct own_coder {
  using stored = decayed<decltype(std::declval<Encode &>()(std::declval<const T &>()))>;
  using kept = typename native<stored>::kept;
  static constexpr std::int32_t types() { return native<stored>::types(); }
  void put(const T &value, kept &keep, lily_session_value &out) { native<stored>::put(stored(encode(value)), keep, out); }
  T take(const lily_session_value &value) { return decode(native<stored>::take(value)); }
  Encode encode;
  Decode decode;
};

/// A field's context.
template <class Slice, class Get, class Set, class Coder> struct field_context {
  std::string key;
  Get get;
  Set set;
  Coder coder;
  std::function<void(std::uint32_t, const json &, lily_session_value &)> migrate;
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
    field_context &self = *static_cast<field_context *>(context);
    try {
      self.migrate(from, json(text_of(*stored)), *out);
      return LILY_SESSION_OK;
    } catch (...) {
      return call::refused(&self.key);
    }
  }

  static void on_release(void *context) noexcept { delete static_cast<field_context *>(context); }
};

template <class T, class Class> struct member_get {
  T Class::*member;
  const T &operator()(const Class &slice) const { return slice.*member; }
};

template <class T, class Class> struct member_set {
  T Class::*member;
  void operator()(Class &slice, T value) const { slice.*member = std::move(value); }
};

} // namespace detail

/// An ordered list of fields of a `Slice`: the model, or the part of it that has the fields.
template <class Slice> class persistence {
 public:
  /// An empty list.
  persistence() : handle_(lily_session_persistence_new()) {}

  /// Adds a field to the end of the list. Sessions attached before do not see it. After the key comes one of
  ///
  ///     &Slice::member                              a member of a type that can be stored
  ///     &Slice::member, encode, decode              a member of any type: encode(const T &) makes something that can be stored of it,
  ///                                                 decode makes it of that again, and throws to refuse
  ///     get, set                                    get(const Slice &) answers the value, set(Slice &, value) sets it, and answers false
  ///                                                 or throws to refuse; pointers to member functions will do
  ///     get, set, encode, decode
  ///
  /// and then, if wanted, `lily::field_options`. What `get` or `encode` throws comes out of the dispatch or persist that ran it.
  /// Throws duplicate_key_error, invalid_argument_error; the list is as before then.
  template <class... What> persistence &field(const detail::c_string &key, What &&...what) & {
    add(key, std::forward<What>(what)...);
    return *this;
  }
  /// The same for one that was just made, so that calls can follow each other.
  template <class... What> persistence &&field(const detail::c_string &key, What &&...what) && {
    add(key, std::forward<What>(what)...);
    return std::move(*this);
  }

  /// The C handle; still this object's.
  lily_session_persistence *get() const noexcept { return handle_.get(); }

 private:
  template <class T> using if_object = typename std::enable_if<!std::is_function<T>::value>::type;
  template <class Get> using value_of = detail::decayed<decltype(detail::callable(std::declval<Get>())(std::declval<const Slice &>()))>;

  template <class T, class Class, class = if_object<T>>
  void add(const detail::c_string &key, T Class::*member, field_options options = field_options()) {
    bind(key, options, detail::member_get<T, Class>{member}, detail::member_set<T, Class>{member}, detail::coder<T>());
  }

  template <class T, class Class, class Encode, class Decode, class = if_object<T>>
  void add(const detail::c_string &key, T Class::*member, Encode encode, Decode decode, field_options options = field_options()) {
    bind(key, options, detail::member_get<T, Class>{member}, detail::member_set<T, Class>{member},
         detail::own_coder<T, Encode, Decode>{std::move(encode), std::move(decode)});
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
    detail::check([&] { return lily_session_field_add(handle, &field); }); // takes the context, also when it fails
  }

  detail::owned<lily_session_persistence, lily_session_persistence_free> handle_;
};

/// @}

// ----------------------------------------------------------------- session
/// @defgroup session Session
/// The attachment of a list of fields to a runtime and a storage.
/// @{

/// What an event is about.
enum class event_kind : std::int32_t {
  rejected = LILY_SESSION_EVENT_REJECTED,         ///< attach: what is stored was not accepted; it stays until the field changes
  newer = LILY_SESSION_EVENT_NEWER,               ///< attach: stored by a newer version of the field; likewise
  field_failed = LILY_SESSION_EVENT_FIELD_FAILED, ///< the field's value could not be taken
  write_failed = LILY_SESSION_EVENT_WRITE_FAILED, ///< the field could not be stored, and is dirty
  damaged = LILY_SESSION_EVENT_DAMAGED,           ///< attach: lines of the file were damaged and skipped
  directory = LILY_SESSION_EVENT_DIRECTORY,       ///< attach: others could exchange the file (lily_session_info::directory_is_open)
  changed = LILY_SESSION_EVENT_CHANGED,           ///< refresh: another changed the field, and it was set
  removed = LILY_SESSION_EVENT_REMOVED,           ///< refresh: another removed it; it was set to its value from before attach
  expired = LILY_SESSION_EVENT_EXPIRED,           ///< refresh: it expired; likewise
  /// refresh: the session was cleared; likewise. In any call, with status::ok: a change that could not be stored before a clear was dropped
  cleared = LILY_SESSION_EVENT_CLEARED,
  not_durable = LILY_SESSION_EVENT_NOT_DURABLE, ///< what was written may not survive power loss
  /// the file cannot be rewritten: it grows on, or still holds what was removed or cleared
  not_rewritten = LILY_SESSION_EVENT_NOT_REWRITTEN
};

/// Something that happened to a field or to the store.
struct event {
  event_kind kind;              ///< what it is about
  lily::status status;          ///< why; status::ok where nothing failed
  int system_error;             ///< errno, or 0
  std::string key;              ///< the field's; "": the store
  std::exception_ptr exception; ///< what a callback of the field threw, or null
};

/// How a session finds its slice in the model, and what it tells.
template <class Model, class Slice = Model> struct config {
  /// The slice of a model, borrowed until it is asked for again. Null: the model is the slice.
  std::function<Slice *(Model &)> get = nullptr;
  /// Puts a hydrated slice back, and answers the model. Null: the slice lives inside the model.
  std::function<Model *(Model &, Slice &)> set = nullptr;
  /// A number that differs when a field may have changed. Null: fields are compared after every update.
  std::function<std::uint64_t(const Slice &)> revision = nullptr;
  /// Null: nobody listens.
  std::function<void(const event &)> on_event = nullptr;
};

/// What storage holds of a field.
enum class stored_state : std::int32_t {
  absent = LILY_SESSION_STATE_ABSENT,
  loaded = LILY_SESSION_STATE_LOADED,
  rejected = LILY_SESSION_STATE_REJECTED,
  expired = LILY_SESSION_STATE_EXPIRED,
  migrated = LILY_SESSION_STATE_MIGRATED,
  newer = LILY_SESSION_STATE_NEWER
};

/// The state of a field, as session::state() answers it.
struct field_state {
  stored_state stored; ///< what storage holds of it
  bool dirty;          ///< the model has something that is not stored yet
};

/// Fields that follow a runtime's model: made by `runtime::attach()`. The destructor flushes, and says nothing of failures.
class session {
 public:
  /// Stores the fields that changed: for a program that changes its model without dispatch. Throws as dispatch does.
  void persist() { run(lily_session_persist); }

  /// Persists, and makes it survive power loss.
  void flush() { run(lily_session_flush); }

  /// Persists, then takes over what others did to the storage; an event for each field. A clear is taken over whoever made it. Throws
  /// callback_error, and has taken over nothing, if the config's set returns null.
  void refresh() { run(lily_session_refresh); }

  /// Has the next update, persist(), flush() or detach() store a field, whether it changes or not: for a default that the user
  /// confirmed. May be called inside an update function, and holds for that update. `key`: without the prefix.
  void mark(const detail::c_string &key) {
    detail::check([&] { return lily_session_mark(get(), key.get()); });
  }

  /// Persists, then stores what storage holds of a field again, and so renews its expiry. `key`: without the prefix.
  void touch(const detail::c_string &key) {
    detail::check([&] { return lily_session_touch(get(), key.get()); });
  }

  /// Until the next field expires; 0: one has, and refresh() takes it back; -1 ms: none will. As a timeout of poll() wants it.
  std::chrono::milliseconds next_expiry() const {
    detail::call under_way;
    const std::int64_t left = lily_session_next_expiry(get());
    under_way.finish();
    return std::chrono::milliseconds(left);
  }

  /// What storage holds of a field now, or was last seen to hold where it cannot be read. `key`: without the prefix.
  field_state state(const detail::c_string &key) const {
    std::int32_t state = 0;
    detail::check([&] { return lily_session_field_state(get(), key.get(), &state); });
    return {static_cast<stored_state>(state & ~LILY_SESSION_STATE_DIRTY), (state & LILY_SESSION_STATE_DIRTY) != 0};
  }

  /// Flushes and ends the session, as the destructor does, but lets out what callbacks throw. Failures of the flush are not told: call
  /// flush() to hear of them.
  void detach() {
    detail::call under_way;
    lily_session_detach(handle_.release());
    under_way.finish();
  }

  /// Ends the session without a flush; what changed since the last update is not stored.
  void abandon() noexcept { lily_session_abandon(handle_.release()); }

  /// The C handle; still this object's.
  lily_session *get() const noexcept { return handle_.get(); }

 private:
  template <class Model, class Message> friend class runtime;
  explicit session(lily_session *handle) : handle_(handle) {}

  void run(lily_session_status (*function)(lily_session *)) {
    detail::check([&] { return function(get()); });
  }

  detail::owned<lily_session, lily_session_detach> handle_;
};

/// @}

// ----------------------------------------------------------------- runtime
/// @defgroup runtime Runtime
/// The program's model, and what happens after each update of it.
/// @{

namespace detail {

/// What an update function may answer: nothing; false to refuse; a new value of the model; or where the model is from now on, null to
/// refuse.
template <class Model, class Result> struct updated {
  static_assert(std::is_same<decayed<Result>, Model>::value && !std::is_reference<Result>::value,
                "an update function answers nothing, bool, the model by value, or a pointer to it");
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

/// A session's context. C has no word for when a storage is gone, so that sessions hold its clock too.
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
      return self.revision = ~self.revision; // another, so that the fields are compared
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

/// A model, its update function, and what happens after each update. The model is the program's, and must outlive the runtime.
template <class Model, class Message = void> class runtime {
  using message_type = typename std::conditional<std::is_void<Message>::value, detail::nothing, Message>::type;

 public:
  /// For a program that changes its model itself and then calls session::persist().
  explicit runtime(Model &first) { make(first, nullptr); }

  /// With an update function. It takes `(Model &, const Message &)` and changes the model in place, answering nothing, or false to
  /// refuse the message; or it answers the new model by value; or a pointer to the model from now on, nullptr to refuse. In place,
  /// what it did before it throws or refuses stays done: it checks first.
  template <class Update> runtime(Model &first, Update update) : update_(std::make_shared<Update>(std::move(update))) {
    make(first, [](void *context, void *old, const void *message) -> void * { return apply<Update>(context, old, message); });
  }

  runtime(runtime &&) = default; ///< leaves the other without a handle
  /// Ends this one first.
  runtime &operator=(runtime &&other) noexcept {
    handle_ = std::move(other.handle_); // the old function outlives the old handle
    update_ = std::move(other.update_);
    return *this;
  }

  /// Updates the model, then stores the fields that changed, in one write for each session.
  /// Throws update_error when the message was refused, and what the update function throws: the model was not replaced, and nothing
  /// stored. Throws reentrant_error inside a callback of this runtime. After anything else the message was applied: fields that could
  /// not be stored stay dirty, and are tried again by the next dispatch, persist or flush.
  void dispatch(const message_type &message) {
    static_assert(!std::is_void<Message>::value, "lily::runtime<Model, Message> has messages");
    const std::shared_ptr<void> running = update_; // which may be this object's end
    detail::check([&] { return lily_session_runtime_dispatch(get(), std::addressof(message)); });
  }

  /// The model as it is now. Throws invalid_argument_error after a move.
  Model &model() const {
    void *const current = lily_session_runtime_model(get());
    if (!current) throw invalid_argument_error("the runtime was moved from");
    return *static_cast<Model *>(current);
  }

  /// Another object is the model from now on. Call session::persist() to store what differs.
  void set_model(Model &next) {
    detail::check([&] { return lily_session_runtime_set_model(get(), std::addressof(next)); });
  }

  /// Hydrates the model from storage; from then on fields that change are stored. Writes nothing itself. A field that is not stored
  /// keeps its value. One whose stored value is refused does too, and an event says so: that fails no attach.
  /// Throws duplicate_key_error: another session of this runtime stores one of these keys in the same file; callback_error: the config's
  /// get or set answered null; reentrant_error; what opening and reading throw.
  template <class Slice>
  session attach(const persistence<Slice> &fields, const storage &storage, config<Model, Slice> options = config<Model, Slice>()) {
    if (!storage.get()) throw invalid_argument_error("the storage was moved from");
    return attached(fields, storage.get(), storage.clock_, std::move(options));
  }

  /// The same with the default place for storage.
  template <class Slice> session attach(const persistence<Slice> &fields, config<Model, Slice> options = config<Model, Slice>()) {
    return attached(fields, nullptr, nullptr, std::move(options));
  }

  /// The C handle; still this object's.
  lily_session_runtime *get() const noexcept { return handle_.get(); }

 private:
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
    detail::call under_way;
    const lily_session_status answer = lily_session_attach(get(), fields.get(), &given, &made); // takes the context, also when it fails
    session result(made);
    try {
      under_way.finish(answer);
    } catch (...) {
      result.abandon(); // an attach that throws has written nothing
      throw;
    }
    return result;
  }

  std::shared_ptr<void> update_; // before the handle, so that it goes after it
  detail::owned<lily_session_runtime, lily_session_runtime_free> handle_;
};

/// @}

} // namespace lily

#endif
