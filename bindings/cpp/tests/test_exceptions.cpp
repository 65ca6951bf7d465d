// The call that ran a callback throws the callback's exception, unchanged, after the library has finished.
#include "support.hpp"

namespace {

struct model {
  std::string theme = "light";
  int visits = 0;
};

struct fixture {
  model m;
  std::string where; // the callback that throws
  lily::time_point now = lily::time_point(std::chrono::milliseconds(1000));
  std::vector<lily::event> events;
  lily::storage storage;
  lily::runtime<model, int> runtime;

  fixture()
    : storage(lily::storage::memory(options())), runtime(m, [this](model &updated, int visits) {
        at("update");
        updated.visits = visits;
        updated.theme += "!";
        at("after update");
      }) {}

  void at(const std::string &name) const {
    if (name == where) throw thrown{13};
  }

  lily::storage_options options() {
    lily::storage_options made;
    made.clock = [this] { return at("clock"), now; };
    return made;
  }

  lily::persistence<model> fields() {
    lily::persistence<model> list;
    list.field("visits", [this](const model &from) { return at("get"), from.visits; },
               [this](model &to, int stored) { at("set"), to.visits = stored; },
               [this](int value) { return at("encode"), value; }, [this](int value) { return at("decode"), value; },
               lily::field_options().expires_after(std::chrono::seconds(5)).version(1, [this](std::uint32_t, const lily::json &stored) {
                 return at("migrate"), std::stoi(stored.text) + 1;
               }));
    list.field("theme", &model::theme);
    return list;
  }

  lily::config<model> config() {
    lily::config<model> made;
    made.get = [this](model &from) { return at("slice"), &from; };
    made.set = [this](model &to, model &) { return at("put slice"), &to; };
    made.revision = [this](const model &) { return at("revision"), ++revision; };
    made.on_event = [this](const lily::event &event) {
      events.push_back(event);
      at("event");
    };
    return made;
  }

  lily::session attach() { return runtime.attach(fields(), storage, config()); }

  std::uint64_t revision = 0;
};

// Checks that `body` throws what the named callback has thrown.
template <class Body> void throws(fixture &rig, const char *where, Body body) {
  CAPTURE(where);
  rig.where = where;
  int number = 0;
  try {
    body();
  } catch (const thrown &exception) {
    number = exception.number;
  }
  rig.where.clear();
  CHECK(number == 13);
}

} // namespace

TEST_CASE("exceptions: out of update, and nothing is stored") {
  fixture rig;
  lily::session session = rig.attach();
  throws(rig, "update", [&] { rig.runtime.dispatch(1); });
  CHECK(rig.m.visits == 0);
  throws(rig, "after update", [&] { rig.runtime.dispatch(1); });
  CHECK(rig.m.visits == 1); // the update function changed the model in place before it threw
  CHECK(stored(rig.storage, "lily_session_visits").empty());
  rig.runtime.dispatch(2);
  CHECK(stored(rig.storage, "lily_session_visits") == "2");
}

TEST_CASE("exceptions: out of a field's get and encode, and the other fields are stored") {
  for (const char *where : {"get", "encode"}) {
    fixture rig;
    lily::session session = rig.attach();
    throws(rig, where, [&] { rig.runtime.dispatch(1); });
    CHECK(stored(rig.storage, "lily_session_visits").empty());
    CHECK(stored(rig.storage, "lily_session_theme") == "\"light!\"");
    REQUIRE(rig.events.size() == 1);
    CHECK(rig.events[0].kind == lily::event_kind::field_failed);
    CHECK(rig.events[0].status == lily::status::callback);
    REQUIRE(rig.events[0].exception);
    CHECK_THROWS_AS(std::rethrow_exception(rig.events[0].exception), thrown);
    throws(rig, where, [&] { session.persist(); });
    throws(rig, where, [&] { session.flush(); });
    throws(rig, where, [&] { session.refresh(); });
    session.persist();
    CHECK(stored(rig.storage, "lily_session_visits") == "1");
    throws(rig, where, [&] { session.touch("visits"); });
  }
}

TEST_CASE("exceptions: out of slices, revision and events") {
  for (const char *where : {"slice", "revision"}) {
    fixture rig;
    throws(rig, where, [&] { rig.attach(); });
    lily::session session = rig.attach();
    throws(rig, where, [&] { rig.runtime.dispatch(1); });
    // Without a revision the fields are compared; without the slice they cannot be.
    CHECK(stored(rig.storage, "lily_session_visits") == (where == std::string("revision") ? "1" : ""));
    throws(rig, where, [&] { session.persist(); });
    session.persist();
    CHECK(stored(rig.storage, "lily_session_visits") == "1");
  }
  fixture rig;
  rig.storage.set("lily_session_theme", "\"dark\"");
  throws(rig, "put slice", [&] { rig.attach(); });
  rig.storage.set("lily_session_visits", "5");   // will be migrated, and so dirty
  rig.storage.set("lily_session_theme", "true"); // will be rejected
  throws(rig, "event", [&] { rig.attach(); });
  CHECK(rig.events.size() == 1);
  CHECK(stored(rig.storage, "lily_session_visits") == "5"); // an attach that throws writes nothing
  lily::session session = rig.attach();                     // the session whose attach threw has ended
  CHECK(session.state("visits").dirty);
}

TEST_CASE("exceptions: S3 what is thrown over a stored value refuses it") {
  for (const char *where : {"set", "decode", "migrate"}) {
    CAPTURE(where);
    fixture rig;
    rig.storage.set("lily_session_visits", "5");
    rig.storage.set("lily_session_theme", "\"dark\"");
    rig.where = where;
    lily::session session = rig.attach();
    CHECK(rig.m.visits == 0);
    CHECK(rig.m.theme == "dark");
    CHECK(session.state("visits").stored == lily::stored_state::rejected);
    REQUIRE(rig.events.size() == 1);
    CHECK(rig.events[0].kind == lily::event_kind::rejected);
    CHECK(rig.events[0].key == "visits");
    CHECK(rig.events[0].status == lily::status::callback);
    REQUIRE(rig.events[0].exception);
    CHECK_THROWS_AS(std::rethrow_exception(rig.events[0].exception), thrown);
    rig.where.clear();
    session.persist();
    CHECK(stored(rig.storage, "lily_session_visits") == "5");
  }
}

TEST_CASE("exceptions: out of a clock, for which the system's stands in") {
  fixture rig;
  throws(rig, "clock", [&] { rig.storage.set("k", "1", rig.now); });
  throws(rig, "clock", [&] { stored(rig.storage, "k"); });
  throws(rig, "clock", [&] { lily::clear(rig.storage), rig.storage.each("", [](const lily::item &) {}); });
  lily::session session = rig.attach();
  throws(rig, "clock", [&] { rig.runtime.dispatch(1); });
  throws(rig, "clock", [&] { session.next_expiry(); });
  throws(rig, "clock", [&] { session.state("visits"); });
  const auto now = std::chrono::system_clock::now();
  rig.storage.each("lily_session_visits", [&](const lily::item &item) { CHECK(item.expires_at > now - std::chrono::hours(1)); });
}

TEST_CASE("exceptions: out of a walk") {
  fixture rig;
  rig.storage.set("k", "1");
  CHECK_THROWS_AS(rig.storage.each("", [](const lily::item &) { throw thrown{1}; }), thrown);
  CHECK_THROWS_AS(rig.storage.each("", [](const lily::item &) -> bool { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST_CASE("exceptions: the first of several comes out") {
  fixture rig;
  lily::persistence<model> list;
  for (const int number : {1, 2})
    list.field(std::to_string(number), [number](const model &) -> int { throw thrown{number}; }, [](model &, int) {});
  lily::runtime<model> runtime(rig.m);
  int number = 0;
  try {
    lily::session session = runtime.attach(list, rig.storage);
  } catch (const thrown &exception) {
    number = exception.number;
  }
  CHECK(number == 1);
}

TEST_CASE("exceptions: an inner call's does not come out of the outer one when it is caught") {
  fixture rig;
  lily::runtime<model, int> runtime(rig.m, [&](model &, int) {
    rig.where = "clock";
    CHECK_THROWS_AS(rig.storage.set("k", "1", rig.now), thrown);
    CHECK(fails(lily::status::decode, [&] { rig.where.clear(), rig.storage.set("k", "{"); }));
  });
  runtime.dispatch(1);
  lily::runtime<model, int> another(rig.m, [&](model &, int) {
    rig.storage.set("k", "1");
    throw thrown{5}; // belongs to the outer call
  });
  CHECK_THROWS_AS(another.dispatch(1), thrown);
  // An exception of the outer call's callback does not belong to the inner call either.
  lily::persistence<model> list;
  list.field("first", [](const model &now) -> int { return now.visits > 0 ? throw thrown{4} : 0; }, [](model &, int) {});
  list.field("second", [&](const model &) { return rig.storage.set("k", "2"), 1; }, [](model &, int) {});
  lily::session session = runtime.attach(list, rig.storage);
  rig.m.visits = 1;
  CHECK_THROWS_AS(session.persist(), thrown);
  CHECK(stored(rig.storage, "k") == "2");
  session.abandon();
}

TEST_CASE("exceptions: a session_error of a callback is its status") {
  fixture rig;
  lily::persistence<model> list;
  list.field("visits", [](const model &now) -> int { return now.visits ? throw lily::no_space_error("mine") : 0; }, [](model &, int) {});
  lily::runtime<model> runtime(rig.m);
  lily::config<model> config;
  config.on_event = [&](const lily::event &event) { rig.events.push_back(event); };
  lily::session session = runtime.attach(list, rig.storage, config);
  rig.m.visits = 1;
  CHECK_THROWS_WITH_AS(session.persist(), "mine", lily::no_space_error);
  REQUIRE(rig.events.size() == 1);
  CHECK(rig.events[0].status == lily::status::no_space);
}

TEST_CASE("exceptions: destructors keep theirs, detach does not") {
  fixture rig;
  rig.attach();
  {
    lily::session session = rig.attach();
    rig.where = "get";
  }
  rig.where.clear();
  lily::session session = rig.attach();
  throws(rig, "get", [&] { session.detach(); });
  CHECK(session.get() == nullptr);
}

TEST_CASE("exceptions: where C made the call, they end in the callback") {
  fixture rig;
  lily::session session = rig.attach();
  rig.where = "get";
  CHECK(lily_session_persist(session.get()) == LILY_SESSION_ERROR_CALLBACK);
  rig.where = "update";
  const int visits = 1;
  CHECK(lily_session_runtime_dispatch(rig.runtime.get(), &visits) == LILY_SESSION_ERROR_UPDATE);
  rig.where.clear();
}
