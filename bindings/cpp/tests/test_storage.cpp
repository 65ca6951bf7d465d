// Storages: opening, entries, scopes, info and errors.
#include "support.hpp"

#include <poll.h>

#include <fstream>

TEST_CASE("storage: entries are set, read, walked and removed") {
  const place here;
  const lily::storage storage = lily::storage::open(here.journal());
  CHECK(storage.path() == here.journal());
  std::string json = "untouched";
  CHECK(!storage.get("key", json));
  CHECK(json == "untouched");
  storage.set("key", "{ \"a\" : 1.50 }");
  CHECK(storage.get("key", json));
  CHECK(json == "{\"a\":1.50}");
  const std::string long_text = "\"" + std::string(5000, 'x') + "\"";
  storage.set("other", long_text);
  CHECK(stored(storage, "other") == long_text);

  std::string seen;
  storage.each("", [&](const lily::item &item) {
    seen += item.key + "=" + std::to_string(item.json.size()) + " ";
    CHECK(item.expires_at == lily::time_point());
    storage.remove(item.key); // each() works on a snapshot
  });
  CHECK(seen == "key=10 other=5002 ");
  CHECK(storage.info().entries == 0);
  storage.remove("key");
  CHECK(fails(lily::status::decode, [&] { storage.set("key", "{"); }));
  CHECK(fails(lily::status::invalid_argument, [&] { storage.set("", "1"); }));
  CHECK(fails(lily::status::invalid_argument, [&] { storage.get(static_cast<const char *>(nullptr), json); }));
  CHECK(fails(lily::status::invalid_argument, [&] { storage.remove(std::string("a\0b", 3)); }));
  CHECK(fails(lily::status::invalid_argument, [&] { storage.each(std::string("\0", 1), [](const lily::item &) {}); }));
}

TEST_CASE("storage: a walk has a prefix, and ends where a visit says so") {
  const lily::storage storage = lily::storage::memory();
  for (const char *key : {"a1", "a2", "a3", "b"}) storage.set(key, "1");
  int count = 0;
  storage.each("a", [&](const lily::item &) { count++; });
  CHECK(count == 3);
  storage.each("", [&](const lily::item &item) { return ++count, item.key != "a2"; });
  CHECK(count == 5);
  storage.each("z", [&](const lily::item &) { count++; });
  CHECK(count == 5);
}

TEST_CASE("storage: S9 entries expire by the storage's clock") {
  lily::time_point now(std::chrono::milliseconds(5000));
  lily::storage_options options;
  options.clock = [&now] { return now; };
  const lily::storage storage = lily::storage::memory(options);
  using fine = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
  storage.set("past", "1", now - std::chrono::seconds(1));
  storage.set("soon", "1", now + std::chrono::seconds(1));
  storage.set("finer", "1", fine(now) + std::chrono::seconds(9));
  storage.set("never", "1", lily::time_point());
  storage.set("first", "1", fine(std::chrono::microseconds(1)));
  storage.set("before", "1", fine(std::chrono::microseconds(-1)));
  storage.set("latest", "1", lily::time_point::max());
  for (const char *past : {"past", "first", "before"}) CHECK(stored(storage, past).empty());
  CHECK(stored(storage, "soon") == "1");
  storage.each("soon", [&](const lily::item &item) { CHECK(item.expires_at == now + std::chrono::seconds(1)); });
  storage.each("latest", [&](const lily::item &item) { CHECK(item.expires_at == lily::time_point::max()); });
  now += std::chrono::seconds(1);
  CHECK(stored(storage, "soon").empty());
  CHECK(stored(storage, "finer") == "1");
  now += std::chrono::hours(1000000);
  CHECK(stored(storage, "finer").empty());
  CHECK(stored(storage, "never") == "1");
  CHECK(fails(lily::status::invalid_argument, [&] { storage.set("k", "1", lily::time_point(std::chrono::milliseconds(-1))); }));
}

TEST_CASE("storage: the options") {
  const place here;
  lily::storage_options options;
  options.read_only = true;
  CHECK(fails(lily::status::not_found, [&] { lily::storage::open(here.journal(), options); }));
  options.read_only = false;
  options.quota_bytes = 100;
  {
    const lily::storage storage = lily::storage::open(here.journal(), options);
    CHECK(storage.info().quota_bytes == 100);
    CHECK(fails(lily::status::quota, [&] { storage.set("k", "\"" + std::string(100, 'x') + "\""); }));
    storage.set("k", "1");
    storage.sync();
    CHECK(storage.info().owes_sync == 0);
    CHECK(storage.info().directory_is_open == 0);
  }
  options.quota_bytes = -2;
  CHECK(fails(lily::status::invalid_argument, [&] { lily::storage::open(here.journal(), options); }));
  options.quota_bytes = 0;
  options.durability = lily::durability::power;
  {
    const lily::storage storage = lily::storage::open(here.journal(), options);
    CHECK(storage.info().durability == LILY_SESSION_DURABILITY_POWER);
  }
  options.durability = lily::durability::process;
  options.read_only = true;
  {
    const lily::storage storage = lily::storage::open(here.journal(), options);
    CHECK(stored(storage, "k") == "1");
    CHECK(fails(lily::status::permission, [&] { storage.set("k", "2"); }));
  }
  options.read_only = false;
  options.strict = true;
  std::ofstream(here.journal(), std::ios::app) << "damage\n";
  CHECK(fails(lily::status::corrupt, [&] { lily::storage::open(here.journal(), options); }));
  options.strict = false;
  CHECK(lily::storage::open(here.journal(), options).info().damaged_lines == 1);
}

TEST_CASE("storage: S18 the default place") {
  const place here;
  lily::storage_options options;
  options.application = "cpp";
  const lily::storage storage = lily::storage::open(options);
  CHECK(storage.path() == here / "default/cpp/session.jsonl");
  options.application = "no/name";
  CHECK(fails(lily::status::invalid_argument, [&] { lily::storage::open(options); }));
  options.application = std::string("nul\0inside", 10);
  CHECK(fails(lily::status::invalid_argument, [&] { lily::storage::open(options); }));
  CHECK(fails(lily::status::invalid_argument, [&] { lily::storage::open(static_cast<const char *>(nullptr)); }));
  const lily::storage own = lily::storage::open();
  own.set("lily_session_k", "1");
  CHECK(own.path() == here / "default/tests/session.jsonl");
  lily::clear();
  CHECK(stored(own, "lily_session_k").empty());
}

TEST_CASE("storage: each failure has a class, and storage_error those of the disk") {
  const place here;
  CHECK_THROWS_AS(lily::storage::open(here / "nowhere/x"), lily::not_found_error);
  std::ofstream(here.journal()) << "not a journal\n";
  CHECK_THROWS_AS(lily::storage::open(here.journal()), lily::refused_error);
  CHECK_THROWS_AS(lily::storage::open(here.journal()), lily::storage_error);
  CHECK_THROWS_AS(lily::storage::open(here.journal()), lily::session_error);
  CHECK_THROWS_AS(lily::storage::open(here.journal()), std::runtime_error);
  CHECK(std::string(lily::status_name(lily::status::quota)) == "LILY_SESSION_ERROR_QUOTA");
  CHECK(std::string(lily::version()) == LILY_SESSION_VERSION);

  // Checks every status of the header, with its number in C.
  int storage_errors = 0;
  for (int code = -100; code < 0; code++) {
    const bool known = std::string(lily_session_status_name(code)) != "LILY_SESSION_ERROR_UNKNOWN";
    try {
      lily::detail::fail(code);
    } catch (const lily::storage_error &error) {
      CHECK(error.status() == static_cast<lily::status>(code));
      storage_errors++;
    } catch (const lily::session_error &error) {
      CHECK(error.status() == static_cast<lily::status>(code));
      CHECK((typeid(error) == typeid(lily::session_error)) == !known); // each known status has its own class
    }
  }
  CHECK(storage_errors == 8);
}

TEST_CASE("storage: S19 scopes") {
  const lily::storage storage = lily::storage::memory();
  const lily::storage one = storage.scoped("user:1"), other = storage.scoped(std::string("user:10"));
  one.set("lily_session_k", "1");
  other.set("lily_session_k", "10");
  CHECK(stored(storage, "lily_session_k").empty());
  lily::clear(one);
  CHECK(stored(one, "lily_session_k").empty());
  CHECK(stored(other, "lily_session_k") == "10");
  CHECK(fails(lily::status::unsupported, [&] { one.scoped("inner"); }));
  CHECK(fails(lily::status::invalid_argument, [&] { storage.scoped(std::string("a\0b", 3)); }));
}

TEST_CASE("storage: S19 scopes are listed and swept") {
  lily::time_point now(std::chrono::milliseconds(5000));
  lily::storage_options options;
  options.clock = [&now] { return now; };
  const lily::storage storage = lily::storage::memory(options);
  CHECK(storage.scopes().empty());
  const std::string names[] = {"user:10", "user:2", "user:1"};
  for (const std::string &name : names) storage.scoped(name).set("k", "1", name == "user:1" ? lily::time_point() : now + std::chrono::seconds(1));
  CHECK(storage.scopes() == std::vector<std::string>({"user:1", "user:10", "user:2"}));
  CHECK(storage.sweep() == 0);
  now += std::chrono::seconds(1);
  CHECK(storage.scopes() == std::vector<std::string>({"user:1"}));
  CHECK(storage.sweep(1) == 1);
  CHECK(storage.sweep(5) == 1);
  CHECK(storage.info().entries == 1);
  CHECK(fails(lily::status::unsupported, [&] { storage.scoped("user:1").scopes(); }));
  CHECK(fails(lily::status::unsupported, [&] { storage.scoped("user:1").sweep(); }));
}

TEST_CASE("storage: S22 an exclusive storage alone writes") {
  const place here;
  lily::storage_options options;
  options.exclusive = true;
  lily::storage storage = lily::storage::open(here.journal(), options);
  CHECK(fails(lily::status::busy, [&] { lily::storage::open(here.journal(), options); }));
  storage = lily::storage::memory();
  lily::storage::open(here.journal(), options).set("k", "1");
  options.read_only = true;
  CHECK(fails(lily::status::invalid_argument, [&] { lily::storage::open(here.journal(), options); }));
}

TEST_CASE("storage: S23 each scope is a file of its own") {
  const place here;
  lily::storage_options options;
  options.scope_files = true;
  const lily::storage storage = lily::storage::open(here.journal(), options);
  const lily::storage scope = storage.scoped("user:1");
  scope.set("lily_session_k", "1");
  CHECK(scope.path().find(here.journal() + ".d/") == 0);
  CHECK(std::ifstream(scope.path()).good());
  CHECK(storage.scopes() == std::vector<std::string>({"user:1"}));
  lily::clear(scope);
  CHECK(storage.scopes().empty());
  CHECK(storage.sweep() == 1);
  CHECK(!std::ifstream(scope.path()).good());
  CHECK(fails(lily::status::unsupported, [&] { lily::storage::open(here.journal()).scopes(); }));
}

TEST_CASE("storage: S24 closing does not sync if it is told so") {
  for (const bool syncs : {true, false}) {
    const place here;
    lily::storage_options options;
    options.no_sync = !syncs;
    {
      const lily::storage storage = lily::storage::open(here.journal(), options);
      storage.set("k", "\"secret\"");
      storage.remove("k");
    }
    // A sync rewrites the file without the values that were removed.
    std::ifstream file(here.journal());
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    CHECK((text.find("secret") == std::string::npos) == syncs);
  }
}

TEST_CASE("storage: S10 the descriptor tells of others' changes") {
  const place here;
  const lily::storage storage = lily::storage::open(here.journal()), other = lily::storage::open(here.journal());
  pollfd changed = {storage.fd(), POLLIN, 0};
  REQUIRE(changed.fd >= 0);
  stored(storage, "k");
  CHECK(poll(&changed, 1, 0) == 0);
  other.set("k", "1");
  CHECK(poll(&changed, 1, 5000) == 1);
  CHECK(stored(storage, "k") == "1");
  CHECK(poll(&changed, 1, 0) == 0);
}

TEST_CASE("storage: one in memory tells of changes, too") {
  const lily::storage memory = lily::storage::memory();
  pollfd changed = {memory.fd(), POLLIN, 0};
  REQUIRE(changed.fd >= 0);
  memory.scoped("a").set("k", "1");
  CHECK(poll(&changed, 1, 0) == 1);
  stored(memory, "k");
  CHECK(poll(&changed, 1, 0) == 0);
}

TEST_CASE("storage: the C handle is there for what C alone can do") {
  const lily::storage storage = lily::storage::memory();
  CHECK(lily_session_storage_set(storage.get(), "k", "1", 1, 0) == LILY_SESSION_OK);
  CHECK(stored(storage, "k") == "1");
}
