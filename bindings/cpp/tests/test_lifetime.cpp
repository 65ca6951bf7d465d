// Ownership: callbacks are released once; handles move, and may end inside callbacks; nothing leaks; children of fork.
#include "support.hpp"

#include <malloc.h>

namespace {

struct model {
  int visits = 0;
};

lily::persistence<model> visits() { return lily::persistence<model>().field("visits", &model::visits); }

// A field, a config, a clock and an update function that count their copies.
struct counted {
  int field = 0, config = 0, clock = 0, update = 0;

  lily::persistence<model> fields() {
    const witness alive(field);
    return lily::persistence<model>().field("visits", [alive](const model &m) { return m.visits; },
                                            [alive](model &m, int stored) { m.visits = stored; },
                                            lily::field_options().version(1, [alive](std::uint32_t, const lily::json &) { return 0; }));
  }
  lily::config<model> configured() {
    const witness alive(config);
    lily::config<model> made;
    made.on_event = [alive](const lily::event &) {};
    return made;
  }
  lily::storage storage() {
    const witness alive(clock);
    lily::storage_options options;
    options.clock = [alive] { return lily::time_point(std::chrono::milliseconds(1)); };
    return lily::storage::memory(options);
  }
  std::unique_ptr<lily::runtime<model, int>> runtime(model &m) {
    const witness alive(update);
    const auto add = [alive](model &now, int by) { now.visits += by; };
    return std::unique_ptr<lily::runtime<model, int>>(new lily::runtime<model, int>(m, add));
  }
};

} // namespace

template <class Handle> constexpr bool moves_only() {
  return !std::is_copy_constructible<Handle>::value && !std::is_copy_assignable<Handle>::value &&
         std::is_nothrow_move_constructible<Handle>::value && std::is_nothrow_move_assignable<Handle>::value;
}
static_assert(moves_only<lily::storage>() && moves_only<lily::session>(), "");
static_assert(moves_only<lily::persistence<model>>() && moves_only<lily::opened<model>>(), "");

TEST_CASE("lifetime: callbacks live as long as somebody may call them") {
  counted count;
  model m;
  {
    std::unique_ptr<lily::storage> storage(new lily::storage(count.storage()));
    std::unique_ptr<lily::persistence<model>> fields(new lily::persistence<model>(count.fields()));
    std::unique_ptr<lily::runtime<model, int>> runtime = count.runtime(m);
    std::unique_ptr<lily::session> session(new lily::session(runtime->attach(*fields, *storage, count.configured())));
    lily::storage scope = storage->scoped("user");
    fields.reset();
    storage.reset(); // the session and the scope still keep it
    CHECK(count.field > 0);
    CHECK(count.clock > 0);
    runtime->dispatch(1);
    runtime.reset();
    CHECK(count.update == 0);
    CHECK(count.field == 0); // the session has ended with its runtime
    CHECK(count.config == 0);
    CHECK(fails(lily::status::invalid_argument, [&] { session->persist(); }));
    session.reset();
    scope.set("k", "1", lily::time_point(std::chrono::milliseconds(2)));
    CHECK(stored(scope, "k") == "1");
    CHECK(count.clock > 0);
  }
  CHECK(count.clock == 0);
}

TEST_CASE("lifetime: a session keeps its storage's clock") {
  counted count;
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(
    lily::persistence<model>().field("visits", &model::visits, lily::field_options().expires_after(std::chrono::seconds(1))),
    count.storage());
  CHECK(count.clock > 0);
  m.visits = 1;
  session.persist();
  CHECK(session.next_expiry() == std::chrono::seconds(1));
  session.detach();
  CHECK(count.clock == 0);
}

TEST_CASE("lifetime: callbacks are released where their call fails") {
  counted count;
  model m;
  lily::persistence<model> fields = count.fields();
  const int alive = count.field;
  CHECK_THROWS_AS(fields.field("visits", [](const model &) { return 1; }, [](model &, int) {}), lily::duplicate_key_error);
  {
    const witness another(count.field);
    CHECK_THROWS_AS(fields.field("visits", [another](const model &) { return 1; }, [another](model &, int) {}), lily::duplicate_key_error);
  }
  CHECK(count.field == alive);
  const std::unique_ptr<lily::runtime<model, int>> owner = count.runtime(m);
  lily::runtime<model, int> &runtime = *owner;
  lily::storage storage = count.storage();
  lily::session session = runtime.attach(fields, storage);
  CHECK_THROWS_AS(runtime.attach(fields, storage, count.configured()), lily::duplicate_key_error);
  CHECK(count.config == 0);
  lily::storage_options options;
  {
    const witness another(count.clock);
    options.clock = [another] { return lily::time_point(); };
  }
  const int clocks = count.clock;
  CHECK_THROWS_AS(lily::storage::open("/nowhere/at/all", options), lily::not_found_error);
  CHECK(count.clock == clocks);
}

TEST_CASE("lifetime: handles move") {
  counted count;
  model m;
  lily::storage a = count.storage(), b = std::move(a);
  CHECK(a.get() == nullptr);
  CHECK(a.path().empty());
  CHECK(a.fd() == -1);
  CHECK(fails(lily::status::invalid_argument, [&] { a.set("k", "1"); }));
  CHECK(fails(lily::status::invalid_argument, [&] { a.info(); }));
  CHECK(fails(lily::status::invalid_argument, [&] { a.sync(); }));
  CHECK(fails(lily::status::invalid_argument, [&] { a.scoped("s"); }));
  CHECK(fails(lily::status::invalid_argument, [&] { lily::clear(a); })); // and does not clear the default place
  std::unique_ptr<lily::runtime<model, int>> owner = count.runtime(m);
  lily::runtime<model, int> &runtime = *owner;
  lily::persistence<model> old_fields = visits(), fields = std::move(old_fields);
  CHECK(fails(lily::status::invalid_argument, [&] { old_fields.field("k", &model::visits); }));
  CHECK(fails(lily::status::invalid_argument, [&] { runtime.attach(old_fields, b); }));
  CHECK(fails(lily::status::invalid_argument, [&] { runtime.attach(fields, a); })); // and does not open the default place
  lily::session old_session = runtime.attach(fields, b), session = std::move(old_session);
  CHECK(fails(lily::status::invalid_argument, [&] { old_session.persist(); }));
  runtime.dispatch(2);
  CHECK(stored(b, "lily_session_visits") == "2");
  // A handle that is assigned to releases what it had.
  a = lily::storage::memory();
  a = std::move(b);
  CHECK(stored(a, "lily_session_visits") == "2");
  owner = count.runtime(m);
  CHECK(fails(lily::status::invalid_argument, [&] { session.persist(); }));
  session = owner->attach(fields, a);
  a = lily::storage::memory();
  session.detach();
  CHECK(count.clock == 0);
}

// Closing a file rewrites it without what was removed or has expired, for which it calls the clock.
TEST_CASE("lifetime: a storage's clock outlives its handle") {
  const place here;
  counted count;
  int asked = 0;
  const auto open = [&] {
    const witness alive(count.clock);
    lily::storage_options options;
    options.clock = [alive, &asked] { return asked++, lily::time_point(std::chrono::milliseconds(1)); };
    lily::storage storage = lily::storage::open(here.journal(), options);
    storage.set("gone", "1", lily::time_point(std::chrono::milliseconds(5)));
    storage.set("kept", "1", lily::time_point(std::chrono::milliseconds(5)));
    storage.remove("gone");
    asked = 0;
    return storage;
  };
  lily::storage storage = open();
  storage = lily::storage::memory();
  CHECK(asked > 0);
  CHECK(count.clock == 0);
  { const lily::storage another = open(); }
  CHECK(asked > 0);
  CHECK(count.clock == 0);
}

TEST_CASE("lifetime: S15 a storage may end inside its own clock") {
  int alive = 0;
  std::unique_ptr<lily::storage> storage;
  lily::storage_options options;
  {
    const witness captured(alive);
    options.clock = [captured, &alive, &storage] {
      storage.reset();
      CHECK(alive == 1);
      return lily::time_point(std::chrono::milliseconds(1));
    };
  }
  storage.reset(new lily::storage(lily::storage::memory(options)));
  options = lily::storage_options();
  CHECK(stored(*storage, "k").empty());
  CHECK(alive == 0);
}

TEST_CASE("lifetime: S15 inside callbacks, what runs the runtime is refused, and storages may be used") {
  const lily::storage storage = lily::storage::memory();
  model m;
  std::unique_ptr<lily::session> session;
  std::unique_ptr<lily::runtime<model, int>> runtime;
  runtime.reset(new lily::runtime<model, int>(m, [&](model &now, int by) {
    CHECK_THROWS_AS(runtime->dispatch(1), lily::reentrant_error);
    CHECK_THROWS_AS(session->persist(), lily::reentrant_error);
    CHECK_THROWS_AS(session->flush(), lily::reentrant_error);
    CHECK_THROWS_AS(session->refresh(), lily::reentrant_error);
    CHECK_THROWS_AS(session->touch("visits"), lily::reentrant_error);
    CHECK_THROWS_AS(session->modify<int>("visits", [](const int *) { return 1; }), lily::reentrant_error);
    CHECK_THROWS_AS(session->reset("visits"), lily::reentrant_error);
    CHECK_THROWS_AS(runtime->persist(), lily::reentrant_error);
    CHECK_THROWS_AS(runtime->refresh(), lily::reentrant_error);
    CHECK_THROWS_AS(runtime->set_model(now), lily::reentrant_error);
    CHECK_THROWS_AS(runtime->attach(visits(), storage.scoped("user")), lily::reentrant_error);
    storage.set("k", "1");
    lily::clear(storage);
    now.visits += by;
  }));
  session.reset(new lily::session(runtime->attach(visits(), storage)));
  runtime->dispatch(3);
  CHECK(stored(storage, "k") == "1");
  CHECK(stored(storage, "lily_session_visits") == "3");
}

TEST_CASE("lifetime: S15 handles may end inside callbacks, the runtime's own too") {
  counted count;
  model m;
  std::unique_ptr<lily::storage> storage(new lily::storage(count.storage()));
  const lily::storage other = storage->scoped("to look on");
  std::unique_ptr<lily::session> session;
  std::unique_ptr<lily::runtime<model, int>> runtime;
  {
    const witness alive(count.update);
    const std::string long_text(1000, 'x');
    runtime.reset(new lily::runtime<model, int>(m, [&, alive, long_text](model &now, int by) {
      session.reset();
      storage.reset();
      runtime.reset();
      CHECK(count.update > 0); // this very function
      CHECK(count.config > 0);
      CHECK(long_text.size() == 1000);
      now.visits = by;
    }));
  }
  session.reset(new lily::session(runtime->attach(count.fields(), *storage, count.configured())));
  runtime->dispatch(4);
  CHECK(count.update == 0);
  CHECK(count.field == 0);
  CHECK(count.config == 0);
  CHECK(m.visits == 4);
}

TEST_CASE("lifetime: S15 a walk's visit may close the storage") {
  counted count;
  std::unique_ptr<lily::storage> storage(new lily::storage(count.storage()));
  for (const char *key : {"a", "b", "c"}) storage->set(key, "1");
  int visits = 0;
  storage->each("", [&](const lily::item &) { storage.reset(), visits++; });
  CHECK(visits == 3);
  CHECK(count.clock == 0);
}

TEST_CASE("lifetime: nothing grows with 10,000 attachments") {
  const lily::storage storage = lily::storage::memory();
  counted count;
  model m;
  const auto attach_and_detach = [&](int times) {
    for (int i = 0; i < times; i++) {
      const std::unique_ptr<lily::runtime<model, int>> owner = count.runtime(m);
  lily::runtime<model, int> &runtime = *owner;
      lily::session session = runtime.attach(count.fields(), storage, count.configured());
      runtime.dispatch(i % 2 ? 1 : -1);
      CHECK_THROWS_AS(session.touch("no such field"), lily::not_found_error);
    }
  };
  attach_and_detach(500);
  const auto before = mallinfo2().uordblks;
  attach_and_detach(10000);
  CHECK(count.field + count.config + count.update == 0);
  // Less than a byte for each. AddressSanitizer has its own heap, which this does not measure, and looks for leaks at the end.
  CHECK(mallinfo2().uordblks < before + 10000);
}

TEST_CASE("lifetime: S16 a child of fork has to open its own") {
  const place here;
  counted count;
  model m;
  lily::storage storage = lily::storage::open(here.journal());
  const std::unique_ptr<lily::runtime<model, int>> owner = count.runtime(m);
  lily::runtime<model, int> &runtime = *owner;
  lily::session session = runtime.attach(visits(), storage, count.configured());
  runtime.dispatch(1);
  CHECK(in_child([&] {
          std::string json;
          try {
            storage.get("k", json);
            return 1;
          } catch (const lily::forked_error &) {}
          try {
            runtime.dispatch(1);
            return 2;
          } catch (const lily::forked_error &) {}
          session.detach();
          storage = lily::storage::open(here.journal()); // closes the inherited one
          if (stored(storage, "lily_session_visits") != "1") return 3;
          model own;
          lily::runtime<model> again(own);
          lily::session mine = again.attach(visits(), storage);
          own.visits = 10;
          mine.flush();
          return 0;
        }) == 0);
  session.refresh();
  CHECK(m.visits == 10);
  runtime.dispatch(1);
  CHECK(stored(storage, "lily_session_visits") == "11");
}

TEST_CASE("lifetime: S24 the end of a session does not sync if it is told so") {
  for (const bool syncs : {true, false}) {
    for (const bool detaches : {true, false}) {
      const place here;
      lily::storage_options options;
      options.no_sync = !syncs;
      const lily::storage storage = lily::storage::open(here.journal(), options);
      model m;
      lily::runtime<model> runtime(m);
      {
        lily::session session = runtime.attach(visits(), storage);
        session.flush();
        CHECK(!storage.info().owes_sync);
        m.visits = 1;
        if (detaches) session.detach();
      }
      CHECK(stored(storage, "lily_session_visits") == "1");
      CHECK(storage.info().owes_sync == !syncs);
    }
  }
}
