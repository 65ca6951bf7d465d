// Runtimes and sessions: updates, slices, events, and changes by others.
#include "support.hpp"

namespace {

struct session_part {
  std::string theme = "light";
  int visits = 0;
};

struct model {
  session_part session;
  std::string unsaved;
};

enum class message { visit, refuse };

lily::persistence<session_part> part() {
  return lily::persistence<session_part>().field("theme", &session_part::theme).field("visits", &session_part::visits);
}

lily::config<model, session_part> inside() {
  lily::config<model, session_part> config;
  config.get = [](model &m) { return &m.session; };
  return config;
}

} // namespace

TEST_CASE("session: S3 S5 attach hydrates, and dispatch stores what changed") {
  const place here;
  for (int run = 1; run <= 3; run++) {
    const lily::storage storage = lily::storage::open(here.journal());
    session_part m;
    lily::runtime<session_part, message> runtime(m, [](session_part &now, const message &) { now.visits++; });
    lily::session session = runtime.attach(part(), storage);
    CHECK(m.visits == run - 1);
    CHECK(session.state("theme").stored == lily::stored_state::absent);
    runtime.dispatch(message::visit);
    CHECK(stored(storage, "lily_session_visits") == std::to_string(run));
    CHECK(session.state("visits").stored == lily::stored_state::loaded);
    CHECK(!session.state("visits").dirty);
    CHECK(stored(storage, "lily_session_theme").empty());
  }
}

TEST_CASE("session: what an update function may return") {
  const lily::storage storage = lily::storage::memory();
  session_part m, other;
  SUBCASE("false refuses") {
    lily::runtime<session_part, message> runtime(m, [](session_part &now, const message &what) {
      if (what == message::refuse) return false;
      now.visits++;
      return true;
    });
    lily::session session = runtime.attach(part(), storage);
    runtime.dispatch(message::visit);
    CHECK_THROWS_AS(runtime.dispatch(message::refuse), lily::update_error);
    CHECK(stored(storage, "lily_session_visits") == "1");
  }
  SUBCASE("a new value") {
    lily::runtime<session_part, message> runtime(m, [](const session_part &now, message) {
      session_part next = now;
      next.visits++;
      return next;
    });
    lily::session session = runtime.attach(part(), storage);
    runtime.dispatch(message::visit);
    CHECK(&runtime.model() == &m);
    CHECK(m.visits == 1);
    CHECK(stored(storage, "lily_session_visits") == "1");
  }
  SUBCASE("another place, or none to refuse") {
    lily::runtime<session_part, message> runtime(m, [&](session_part &now, message what) -> session_part * {
      if (what == message::refuse) return nullptr;
      other = now;
      other.visits++;
      return &other;
    });
    lily::session session = runtime.attach(part(), storage);
    runtime.dispatch(message::visit);
    CHECK(&runtime.model() == &other);
    CHECK_THROWS_AS(runtime.dispatch(message::refuse), lily::update_error);
    CHECK(m.visits == 0);
    CHECK(stored(storage, "lily_session_visits") == "1");
  }
}

TEST_CASE("session: S13 a loop of the program's own, and another model") {
  const lily::storage storage = lily::storage::memory();
  session_part m, next;
  lily::runtime<session_part> runtime(m);
  lily::session session = runtime.attach(part(), storage);
  m.theme = "dark";
  session.persist();
  CHECK(stored(storage, "lily_session_theme") == "\"dark\"");
  next.theme = "blue";
  runtime.set_model(next);
  CHECK(&runtime.model() == &next);
  session.flush();
  CHECK(stored(storage, "lily_session_theme") == "\"blue\"");
  CHECK(lily_session_runtime_dispatch(runtime.get(), nullptr) == LILY_SESSION_ERROR_UNSUPPORTED);
}

TEST_CASE("session: the default place") {
  const place here;
  session_part m;
  {
    lily::runtime<session_part> runtime(m);
    lily::session session = runtime.attach(part());
    m.visits = 5;
  } // the destructor flushes
  session_part other;
  lily::runtime<session_part> runtime(other);
  lily::session session = runtime.attach(part());
  CHECK(other.visits == 5);
}

TEST_CASE("session: a slice inside the model, or made of it") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_visits", "7");
  model m;
  lily::runtime<model> runtime(m);
  const lily::config<model, session_part> no_get;
  CHECK(fails(lily::status::invalid_argument, [&] { runtime.attach(part(), storage, no_get); }));
  {
    lily::session session = runtime.attach(part(), storage, inside());
    CHECK(m.session.visits == 7);
    m.session.visits++;
    session.persist();
    CHECK(stored(storage, "lily_session_visits") == "8");
  }
  session_part made;
  int sets = 0;
  lily::config<model, session_part> config;
  config.get = [&](model &from) { return made = from.session, &made; };
  config.set = [&](model &to, session_part &slice) { return to.session = slice, sets++, &to; };
  m = model();
  lily::session session = runtime.attach(part(), storage, config);
  CHECK(m.session.visits == 8);
  CHECK(sets == 1);
  config.set = [](model &, session_part &) -> model * { return nullptr; };
  session.detach();
  CHECK_THROWS_AS(runtime.attach(part(), storage, config), lily::callback_error);
}

TEST_CASE("session: S5 nothing is asked while the revision is the same") {
  const lily::storage storage = lily::storage::memory();
  session_part m;
  std::uint64_t revision = 0;
  int gets = 0;
  lily::runtime<session_part> runtime(m);
  lily::config<session_part> config;
  config.revision = [&](const session_part &) { return revision; };
  lily::session session = runtime.attach(
    lily::persistence<session_part>().field("visits", [&](const session_part &now) { return gets++, now.visits; },
                                            [](session_part &now, int stored) { now.visits = stored; }),
    storage, config);
  const int before = gets;
  m.visits = 1;
  session.persist();
  CHECK(gets == before);
  revision++;
  session.persist();
  CHECK(gets == before + 1);
  CHECK(stored(storage, "lily_session_visits") == "1");
}

TEST_CASE("session: S10 S8 what others did, and the events of it") {
  const place here;
  const lily::storage mine = lily::storage::open(here.journal()), theirs = lily::storage::open(here.journal());
  session_part m;
  std::string events;
  lily::runtime<session_part> runtime(m);
  lily::config<session_part> config;
  config.on_event = [&](const lily::event &event) {
    CHECK(event.system_error == 0);
    CHECK(!event.exception);
    events += event.key + ":" + std::to_string(static_cast<int>(event.kind)) + ":" + std::to_string(static_cast<int>(event.status)) + " ";
  };
  theirs.set("lily_session_visits", "\"many\"");
  lily::session session = runtime.attach(part(), mine, config);
  CHECK(events == "visits:1:-10 ");
  events.clear();
  theirs.set("lily_session_theme", "\"dark\"");
  theirs.set("lily_session_visits", "3");
  session.refresh();
  CHECK(m.theme == "dark");
  CHECK(m.visits == 3);
  CHECK(events == "theme:7:0 visits:7:0 ");
  events.clear();
  theirs.remove("lily_session_visits");
  CHECK(session.state("visits").stored == lily::stored_state::absent); // the state is the current one; the model does not change until the refresh
  CHECK(m.visits == 3);
  session.refresh();
  CHECK(m.visits == 0);
  CHECK(events == "visits:8:0 ");
  events.clear();
  lily::clear(theirs);
  session.refresh();
  CHECK(m.theme == "light");
  CHECK(events.find("theme:10:0 ") != std::string::npos);
}

TEST_CASE("session: S6 a write that fails leaves the field dirty, and an event tells why") {
  lily::storage_options options;
  options.quota_bytes = 50;
  const lily::storage storage = lily::storage::memory(options);
  session_part m;
  std::vector<lily::event> events;
  lily::runtime<session_part, std::string> runtime(m, [](session_part &now, const std::string &theme) { now.theme = theme; });
  lily::config<session_part> config;
  config.on_event = [&](const lily::event &event) { events.push_back(event); };
  lily::session session = runtime.attach(part(), storage, config);
  CHECK_THROWS_AS(runtime.dispatch(std::string(100, 'x')), lily::quota_error);
  CHECK(m.theme.size() == 100);
  CHECK(session.state("theme").dirty);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == lily::event_kind::write_failed);
  CHECK(events[0].status == lily::status::quota);
  CHECK(events[0].key == "theme");
  runtime.dispatch("short");
  CHECK(!session.state("theme").dirty);
  CHECK(stored(storage, "lily_session_theme") == "\"short\"");
}

TEST_CASE("session: S5 S10 a marked field is stored, changed or not") {
  const place here;
  const lily::storage mine = lily::storage::open(here.journal()), theirs = lily::storage::open(here.journal());
  session_part m;
  lily::runtime<session_part, message> runtime(m, [](session_part &, const message &) {});
  lily::session session = runtime.attach(part(), mine);
  session.mark("theme"); // the value is still the default
  CHECK(session.state("theme").dirty);
  CHECK(stored(theirs, "lily_session_theme").empty());
  session.persist();
  CHECK(stored(theirs, "lily_session_theme") == "\"light\"");
  CHECK(!session.state("theme").dirty);
  theirs.set("lily_session_theme", "\"dark\""); // the model still has "light"
  runtime.dispatch(message::visit);
  CHECK(stored(theirs, "lily_session_theme") == "\"dark\"");
  session.mark("theme");
  runtime.dispatch(message::visit);
  CHECK(stored(theirs, "lily_session_theme") == "\"light\"");
  CHECK(fails(lily::status::not_found, [&] { session.mark("nothing"); }));
  session.detach();
  CHECK(fails(lily::status::invalid_argument, [&] { session.mark("theme"); }));
}

TEST_CASE("session: S15 a field is marked inside an update function") {
  const lily::storage storage = lily::storage::memory();
  session_part m;
  lily::session *attached = nullptr;
  lily::runtime<session_part, message> runtime(m, [&](session_part &, const message &) { attached->mark("theme"); });
  lily::session session = runtime.attach(part(), storage);
  attached = &session;
  runtime.dispatch(message::visit);
  CHECK(stored(storage, "lily_session_theme") == "\"light\"");
}

TEST_CASE("session: S10 a refresh takes over all or nothing") {
  const lily::storage storage = lily::storage::memory();
  model m;
  session_part made;
  bool refuses = false;
  std::string events;
  lily::runtime<model> runtime(m);
  lily::config<model, session_part> config;
  config.get = [&](model &from) { return made = from.session, &made; };
  config.set = [&](model &to, session_part &slice) -> model * { return refuses ? nullptr : (to.session = slice, &to); };
  config.on_event = [&](const lily::event &event) { events += event.key + " "; };
  lily::session session = runtime.attach(part(), storage, config);
  storage.set("lily_session_theme", "\"dark\"");
  storage.set("lily_session_visits", "3");
  refuses = true;
  CHECK_THROWS_AS(session.refresh(), lily::callback_error);
  CHECK(m.session.theme == "light");
  CHECK(events.empty());
  refuses = false;
  session.refresh();
  CHECK(m.session.theme == "dark");
  CHECK(m.session.visits == 3);
  CHECK(events == "theme visits ");
}

TEST_CASE("session: S8 a clear is news, also one through the session's own storage") {
  lily::storage_options options;
  options.quota_bytes = 50;
  const lily::storage storage = lily::storage::memory(options);
  session_part m;
  std::vector<lily::event> events;
  lily::runtime<session_part> runtime(m);
  lily::config<session_part> config;
  config.on_event = [&](const lily::event &event) { events.push_back(event); };
  lily::session session = runtime.attach(part(), storage, config);
  m.visits = 3;
  session.persist();
  m.theme = std::string(100, 'x');
  CHECK_THROWS_AS(session.persist(), lily::quota_error);
  lily::clear(storage);
  CHECK(session.state("visits").stored == lily::stored_state::absent);
  events.clear();
  session.refresh();
  CHECK(m.visits == 0);
  CHECK(m.theme.size() == 100); // it was never stored, so the refresh does not reset it
  REQUIRE(events.size() == 2);
  for (const lily::event &event : events) {
    CHECK(event.kind == lily::event_kind::cleared);
    CHECK(event.status == lily::status::ok);
  }
  CHECK(events[0].key == "theme"); // the change that could not be stored was dropped
  CHECK(events[1].key == "visits");
  session.persist();
  CHECK(storage.info().entries == 0);
}

TEST_CASE("session: the kinds of events are the library's") {
  CHECK(static_cast<int>(lily::event_kind::not_rewritten) == LILY_SESSION_EVENT_NOT_REWRITTEN);
  CHECK(static_cast<int>(lily::event_kind::notice) == LILY_SESSION_EVENT_NOTICE);
}

TEST_CASE("session: an event of the store has no key") {
  const place here;
  lily::storage::open(here.journal()).set("k", "1");
  CHECK(std::system(("echo damage >> " + here.journal()).c_str()) == 0);
  session_part m;
  std::vector<lily::event> events;
  lily::runtime<session_part> runtime(m);
  lily::config<session_part> config;
  config.on_event = [&](const lily::event &event) { events.push_back(event); };
  lily::session session = runtime.attach(part(), lily::storage::open(here.journal()), config);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == lily::event_kind::damaged);
  CHECK(events[0].status == lily::status::corrupt);
  CHECK(events[0].key.empty());
}

TEST_CASE("session: detach flushes, abandon does not") {
  const lily::storage storage = lily::storage::memory();
  session_part m;
  lily::runtime<session_part> runtime(m);
  lily::session session = runtime.attach(part(), storage);
  m.visits = 1;
  session.detach();
  CHECK(stored(storage, "lily_session_visits") == "1");
  CHECK(session.get() == nullptr);
  CHECK(fails(lily::status::invalid_argument, [&] { session.persist(); }));
  CHECK(session.next_expiry() == std::chrono::milliseconds(-1));
  session = runtime.attach(part(), storage);
  m.visits = 2;
  session.abandon();
  CHECK(stored(storage, "lily_session_visits") == "1");
  session.abandon();
  session.detach();
}

TEST_CASE("session: S1 two of one runtime do not store one key in one place") {
  const lily::storage storage = lily::storage::memory();
  session_part m;
  lily::runtime<session_part> runtime(m);
  lily::session session = runtime.attach(part(), storage);
  CHECK_THROWS_AS(runtime.attach(part(), storage), lily::duplicate_key_error);
  lily::session scoped = runtime.attach(part(), storage.scoped("user"));
  CHECK(fails(lily::status::not_found, [&] { session.state("nothing"); }));
}

#if __cplusplus >= 202002L
TEST_CASE("C++20: options by their names") {
  const place here;
  CHECK(lily::storage::open({.application = "cpp"}).path() == here / "default/cpp/session.jsonl");
  const lily::storage storage = lily::storage::memory({.quota_bytes = 100});
  CHECK(storage.info().quota_bytes == 100);
  session_part m;
  int events = 0;
  lily::runtime<session_part> runtime(m);
  lily::session session = runtime.attach(part(), storage, {.on_event = [&](const lily::event &) { events++; }});
  m.theme = std::string(100, 'x');
  CHECK_THROWS_AS(session.persist(), lily::quota_error);
  CHECK(events == 1);
}
#endif
