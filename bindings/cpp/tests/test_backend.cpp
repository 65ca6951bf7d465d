// Backends: a store of the program's own, as a class.
#include "support.hpp"

#include <map>
#include <thread>
#include <unistd.h>

namespace {

// A backend in memory, which records the calls. `fault` names a function that throws.
class store : public lily::backend {
 public:
  explicit store(int &alive) : alive_(alive) {}

  bool read(const std::string &key, lily::entry &out) override {
    note("read");
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = entries.find(key);
    if (found == entries.end()) return false;
    out = found->second;
    return true;
  }

  bool write(const std::vector<lily::entry> &batch, const std::string *prefix, std::uint64_t wanted) override {
    note("write");
    const std::lock_guard<std::mutex> lock(mutex);
    if (prefix && generations[*prefix] != wanted) return false;
    for (const lily::entry &each : batch) {
      if (each.json.empty()) entries.erase(each.key);
      else entries[each.key] = each;
    }
    return true;
  }

  void clear(const std::string &prefix) override {
    note("clear");
    const std::lock_guard<std::mutex> lock(mutex);
    for (auto at = entries.begin(); at != entries.end();) at = begins(at->first, prefix) ? entries.erase(at) : std::next(at);
    generations[prefix]++;
  }

  std::uint64_t generation(const std::string &prefix) override {
    note("generation");
    const std::lock_guard<std::mutex> lock(mutex);
    return generations[prefix];
  }

  void each(const std::string &prefix, const std::function<bool(const lily::entry &)> &visit) override {
    note("each");
    for (const auto &one : entries)
      if (begins(one.first, prefix) && !visit(one.second)) return;
  }

  bool renews() const override { return atomic; }
  bool renew(const lily::entry &renewed) override {
    note("renew");
    const std::lock_guard<std::mutex> lock(mutex);
    renewals++;
    if (before_renewal) before_renewal(), before_renewal = nullptr;
    const auto found = entries.find(renewed.key);
    if (found == entries.end() || found->second.json != renewed.json || found->second.version != renewed.version) return false;
    found->second.expires_at = renewed.expires_at;
    return true;
  }

  bool replaces() const override { return atomic; }
  lily::replaced replace(const lily::entry *stored, const lily::entry &replacement, const std::string *prefix, std::uint64_t wanted) override {
    note("replace");
    replacements++;
    if (before_replacement) before_replacement(), before_replacement = nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    if (prefix && generations[*prefix] != wanted) return lily::replaced::cleared;
    const auto found = entries.find(replacement.key);
    const bool same = found == entries.end()
      ? !stored
      : stored && stored->key.empty() && stored->json == found->second.json && stored->version == found->second.version;
    if (!same) return lily::replaced::overtaken;
    entries[replacement.key] = replacement;
    return lily::replaced::done;
  }

  bool lists_scopes() const override { return atomic; }
  std::vector<std::string> scopes() override {
    note("scopes");
    return scope_names;
  }

  void sync() override { note("sync"); }
  int fd() override { return note("fd"), pipe_.ends[0]; }
  void close() override { note("close"); }

  std::string fault;
  std::map<std::string, lily::entry> entries;
  std::map<std::string, std::uint64_t> generations;
  bool atomic = false; // true if it implements renew, replace and scopes
  std::vector<std::string> scope_names;
  std::function<void()> before_renewal, before_replacement;
  int syncs = 0, closes = 0, renewals = 0, replacements = 0;
  std::mutex mutex;

 private:
  static bool begins(const std::string &key, const std::string &prefix) { return key.compare(0, prefix.size(), prefix) == 0; }
  void note(const std::string &name) {
    if (name == "sync") syncs++;
    if (name == "close") closes++;
    if (name == fault) throw thrown{7};
    if ("quota in " + name == fault) throw lily::quota_error("the backend is full");
  }
  struct pipe_ends {
    int ends[2];
    pipe_ends() { CHECK(pipe(ends) == 0); }
    ~pipe_ends() { ::close(ends[0]), ::close(ends[1]); }
  };
  witness alive_;
  pipe_ends pipe_;
};

struct model {
  int visits = 0;
};

} // namespace

TEST_CASE("backend: a storage in it, and a session on that") {
  int alive = 0;
  store *host = new store(alive);
  {
    lily::time_point now(std::chrono::milliseconds(1000));
    lily::storage_options options;
    options.clock = [&now] { return now; };
    const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host), options);
    CHECK(storage.path().empty());
    CHECK(storage.fd() >= 0);
    storage.set("k", "[1, 2]", now + std::chrono::seconds(1));
    CHECK(host->entries["k"].json == "[1,2]");
    CHECK(host->entries["k"].expires_at == now + std::chrono::seconds(1));
    CHECK(stored(storage, "k") == "[1,2]");
    now += std::chrono::seconds(1);
    CHECK(stored(storage, "k").empty()); // the library checks the expiry
    storage.remove("k");
    CHECK(host->entries.empty());
    for (const char *key : {"a", "b", "c"}) storage.set(key, "1");
    int count = 0;
    storage.each("", [&](const lily::item &) { return ++count < 2; });
    CHECK(count == 2);
    CHECK(storage.info().entries == 3);
    storage.sync();
    CHECK(host->syncs == 1);

    model m;
    lily::runtime<model> runtime(m);
    lily::session session =
      runtime.attach(lily::persistence<model>().field("visits", &model::visits, lily::field_options().version(4)), storage);
    m.visits = 3;
    session.persist();
    CHECK(host->entries["lily_session_visits"].json == "3");
    CHECK(host->entries["lily_session_visits"].version == 4);
    lily::clear(storage);
    CHECK(host->entries.size() == 3);
    CHECK(host->generations["lily_session_"] == 1);
    m.visits = 4;
    session.persist();
    CHECK(stored(storage, "lily_session_visits") == "4");

    // Keys of a scope are not keys of its parent.
    const lily::storage scope = storage.scoped("user:1");
    scope.set("a", "\"scoped\"");
    CHECK(stored(scope, "a") == "\"scoped\"");
    CHECK(stored(storage, "a") == "1");
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("backend: S8 a clear that came between is heeded") {
  int alive = 0;
  store *host = new store(alive);
  const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host));
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(lily::persistence<model>().field("visits", &model::visits), storage);
  host->clear("lily_session_"); // as another process would
  m.visits = 1;
  session.persist(); // tries again with the new generation
  CHECK(stored(storage, "lily_session_visits") == "1");
}

TEST_CASE("backend: S9 it renews an entry in one step, or the library does in two") {
  int alive = 0;
  lily::time_point now(std::chrono::milliseconds(1000));
  lily::storage_options options;
  options.clock = [&now] { return now; };
  for (const bool atomic : {false, true}) {
    store *host = new store(alive);
    host->atomic = atomic;
    const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host), options);
    model m;
    lily::runtime<model> runtime(m);
    lily::session session = runtime.attach(
      lily::persistence<model>().field("visits", &model::visits, lily::field_options().expires_after(std::chrono::seconds(5))), storage);
    m.visits = 3;
    session.persist();
    now += std::chrono::seconds(1);
    session.touch("visits");
    CHECK(host->renewals == (atomic ? 1 : 0));
    CHECK(host->entries["lily_session_visits"].json == "3");
    CHECK(host->entries["lily_session_visits"].expires_at == now + std::chrono::seconds(5));
    if (!atomic) continue;
    // Another program stores the field in between, and its value is renewed.
    host->before_renewal = [&] { host->entries["lily_session_visits"].json = "4"; };
    now += std::chrono::seconds(1);
    session.touch("visits");
    CHECK(host->renewals == 3);
    CHECK(host->entries["lily_session_visits"].json == "4");
    CHECK(host->entries["lily_session_visits"].expires_at == now + std::chrono::seconds(5));
    host->before_renewal = [&] { host->entries.clear(); };
    CHECK(fails(lily::status::not_found, [&] { session.touch("visits"); }));
    CHECK(host->entries.empty());
    m.visits = 5;
    session.persist();
    host->fault = "renew";
    CHECK_THROWS_AS(session.touch("visits"), thrown);
  }
}

TEST_CASE("backend: S27 it replaces an entry in one step, or the library does in two") {
  int alive = 0;
  const auto plus = [](const int *visits) { return visits ? *visits + 1 : 1; };
  for (const bool atomic : {false, true}) {
    store *host = new store(alive);
    host->atomic = atomic;
    const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host));
    model m;
    lily::runtime<model> runtime(m);
    lily::session session =
      runtime.attach(lily::persistence<model>().field("visits", &model::visits, lily::field_options().version(4)), storage);
    session.modify<int>("visits", plus);
    session.modify<int>("visits", plus);
    CHECK(host->replacements == (atomic ? 2 : 0));
    CHECK(host->entries["lily_session_visits"].json == "2");
    CHECK(host->entries["lily_session_visits"].version == 4);
    if (!atomic) continue;
    // Another program stores the field in between, and then nothing is lost.
    host->before_replacement = [&] { host->entries["lily_session_visits"].json = "10"; };
    session.modify<int>("visits", plus);
    CHECK(host->replacements == 4);
    CHECK(m.visits == 11);
    // A clear comes in between. What was stored before it does not count any more.
    host->before_replacement = [&] { host->clear("lily_session_"); };
    session.modify<int>("visits", plus);
    CHECK(m.visits == 1);
    storage.modify("k", [](const std::string *) { return "1"; });
    host->before_replacement = [&] { host->entries["k"].json = "5"; };
    storage.modify("k", [](const std::string *json) { return *json + "0"; });
    CHECK(stored(storage, "k") == "50");
    host->fault = "replace";
    CHECK_THROWS_AS(session.modify<int>("visits", plus), thrown);
    host->fault = "quota in replace";
    CHECK_THROWS_WITH_AS(session.modify<int>("visits", plus), "the backend is full", lily::quota_error);
    CHECK(host->entries["lily_session_visits"].json == "1");
  }
}

TEST_CASE("backend: S8 the library is told which of the two made a replacement fail") {
  int alive = 0;
  store *host = new store(alive);
  host->atomic = true;
  lily_session_backend table = lily::detail::backend_host::table(std::unique_ptr<lily::backend>(host));
  lily_session_entry replacement = {"k", "1", 1, 0, 0};
  CHECK(table.replace(table.context, nullptr, &replacement, "lily_", 0) == LILY_SESSION_OK);
  CHECK(table.replace(table.context, nullptr, &replacement, "lily_", 0) == LILY_SESSION_ERROR_NOT_FOUND);
  CHECK(table.replace(table.context, nullptr, &replacement, "lily_", 1) == LILY_SESSION_ERROR_NEWER);
  CHECK(table.replace(table.context, &replacement, &replacement, nullptr, 1) == LILY_SESSION_ERROR_NOT_FOUND); // it is given with a key
  replacement = {nullptr, "1", 1, 0, 0};
  const lily_session_entry next = {"k", "2", 1, 0, 0};
  CHECK(table.replace(table.context, &replacement, &next, nullptr, 1) == LILY_SESSION_OK);
  CHECK(host->entries["k"].json == "2");
  table.release(table.context);
  CHECK(alive == 0);
}

TEST_CASE("backend: S19 it lists the scopes, or the library finds them among the entries") {
  int alive = 0;
  for (const bool atomic : {false, true}) {
    store *host = new store(alive);
    host->atomic = atomic;
    const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host));
    for (const char *name : {"b", "a", "hidden"}) storage.scoped(name).set("k", "1");
    host->scope_names = {"b", "a", "empty"};
    CHECK(storage.scopes() == (atomic ? std::vector<std::string>({"a", "b"}) : std::vector<std::string>({"a", "b", "hidden"})));
    if (!atomic) continue;
    CHECK(storage.sweep() == 0);
    host->scope_names = {"a", ""};
    CHECK(fails(lily::status::invalid_argument, [&] { storage.scopes(); }));
    host->scope_names = {std::string("a\0b", 3)};
    CHECK(fails(lily::status::invalid_argument, [&] { storage.scopes(); }));
    host->fault = "scopes";
    CHECK_THROWS_AS(storage.scopes(), thrown);
    host->fault = "quota in scopes";
    CHECK_THROWS_WITH_AS(storage.sweep(), "the backend is full", lily::quota_error);
  }
}

TEST_CASE("backend: what it throws comes out of the call, and its status counts") {
  int alive = 0;
  store *host = new store(alive);
  {
    const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(host));
    storage.set("k", "1");
    std::string json;
    const auto throws = [&](const char *where, const std::function<void()> &body) {
      host->fault = where;
      CHECK_THROWS_AS(body(), thrown);
      host->fault = std::string("quota in ") + where;
      CHECK_THROWS_WITH_AS(body(), "the backend is full", lily::quota_error);
      host->fault.clear();
    };
    throws("read", [&] { storage.get("k", json); });
    throws("write", [&] { storage.set("k", "2"); });
    throws("clear", [&] { lily::clear(storage); });
    throws("generation", [&] { storage.get("k", json); });
    throws("each", [&] { storage.each("", [](const lily::item &) {}); });
    throws("sync", [&] { storage.sync(); });
    throws("fd", [&] { storage.fd(); });
    CHECK(stored(storage, "k") == "1");

    // If a write of a session fails, it is tried again.
    model m;
    lily::runtime<model> runtime(m);
    std::vector<lily::event> events;
    lily::config<model> config;
    config.on_event = [&](const lily::event &event) { events.push_back(event); };
    lily::session session = runtime.attach(lily::persistence<model>().field("visits", &model::visits), storage, config);
    m.visits = 1;
    throws("write", [&] { session.persist(); });
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == lily::event_kind::write_failed);
    CHECK(events[0].status == lily::status::io);
    CHECK(events[1].status == lily::status::quota);
    session.persist();
    CHECK(stored(storage, "lily_session_visits") == "1");
    host->fault = "close"; // in a destructor, so nobody learns of it
  }
  CHECK(alive == 0);
}

TEST_CASE("backend: it is closed and destroyed once, also when opening fails") {
  int alive = 0;
  lily::storage_options options;
  options.quota_bytes = 5;
  CHECK(fails(lily::status::invalid_argument,
              [&] { lily::storage::open_backend(std::unique_ptr<lily::backend>(new store(alive)), options); }));
  CHECK(alive == 0);
  CHECK(fails(lily::status::invalid_argument, [] { lily::storage::open_backend(nullptr); }));
}

// Each thread gets its own entries.
TEST_CASE("backend: S16 threads read at once") {
  int alive = 0;
  const lily::storage storage = lily::storage::open_backend(std::unique_ptr<lily::backend>(new store(alive)));
  const std::string texts[] = {"\"" + std::string(3000, 'a') + "\"", "\"" + std::string(5000, 'b') + "\""};
  for (int i = 0; i < 2; i++) storage.set(std::to_string(i), texts[i]);
  int wrong[2] = {0, 0};
  std::thread threads[2];
  for (int i = 0; i < 2; i++)
    threads[i] = std::thread([&, i] {
      for (int times = 0; times < 300; times++) wrong[i] += stored(storage, std::to_string(i)) != texts[i];
    });
  for (std::thread &thread : threads) thread.join();
  CHECK(wrong[0] + wrong[1] == 0);
}
