// What changes stored values without losing what others store: S27. Also what removes them, and sessions that are opened in one call.
#include "support.hpp"

#include <cstdlib>

namespace {

struct model {
  int visits = 0;
  std::string theme = "light";
};

lily::persistence<model> fields() {
  return lily::persistence<model>().field("visits", &model::visits).field("theme", &model::theme);
}

int plus(const int *visits) { return visits ? *visits + 1 : 1; }

// A model that is attached to a storage.
struct attached {
  model m;
  lily::runtime<model> runtime;
  lily::session session;
  explicit attached(const lily::storage &storage) : runtime(m), session(runtime.attach(fields(), storage)) {}
};

struct level {
  int number = 0;
};

} // namespace

template <> struct lily::codec<level> {
  static std::string encode(const level &value) { return std::string(static_cast<std::size_t>(value.number), '#'); }
  static level decode(const std::string &stored) {
    if (stored == "refused") throw thrown{3};
    level made;
    made.number = static_cast<int>(stored.size());
    return made;
  }
};

TEST_CASE("modify: S27 a field counts in two sessions") {
  const place here;
  const lily::storage mine = lily::storage::open(here.journal()), theirs = lily::storage::open(here.journal());
  attached one(mine), other(theirs);
  one.session.modify<int>("visits", plus);
  other.session.modify<int>("visits", plus);
  CHECK(other.m.visits == 2);
  CHECK(one.m.visits == 1);
  int calls = 0;
  one.session.modify<int>("visits", [&](const int *visits) {
    if (++calls < 4) other.session.modify<int>("visits", plus); // as another program would meanwhile
    return *visits + 1;
  });
  CHECK(calls == 4);
  CHECK(one.m.visits == 6);
  CHECK(stored(mine, "lily_session_visits") == "6");
}

TEST_CASE("modify: S27 what the program changed is stored before") {
  const lily::storage storage = lily::storage::memory();
  attached one(storage);
  one.m.visits = 40;
  one.session.modify<int>("visits", plus);
  one.session.modify<std::string>("theme", [](const std::string *theme) { return theme ? *theme : "a theme that is longer than a short one"; });
  CHECK(one.m.visits == 41);
  CHECK(one.m.theme == "a theme that is longer than a short one");
  CHECK(stored(storage, "lily_session_theme") == "\"a theme that is longer than a short one\"");
}

TEST_CASE("modify: S27 four programs that count lose nothing") {
  const place here;
  pid_t children[4];
  std::fflush(nullptr);
  for (pid_t &child : children)
    if ((child = fork()) == 0) {
      int code = 99;
      try {
        model m;
        lily::session session = lily::session::open("counter", m, fields());
        for (int i = 0; i < 250; i++) session.modify<int>("visits", plus);
        code = 0;
      } catch (const std::exception &error) {
        std::fprintf(stderr, "child: %s\n", error.what());
      }
      _exit(code);
    }
  for (const pid_t child : children) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  model m;
  lily::session session = lily::session::open("counter", m, fields());
  CHECK(m.visits == 1000);
}

TEST_CASE("modify: the type is the field's, and another is refused") {
  const lily::storage storage = lily::storage::memory();
  level now;
  lily::runtime<level> runtime(now);
  lily::persistence<level> list;
  list.field("level", [](const level &from) { return from; }, [](level &to, level value) { to = value; });
  list.field("number", &level::number, [](int number) { return std::to_string(number); }, [](const std::string &text) { return std::stoi(text); });
  lily::session session = runtime.attach(list, storage);
  const auto raise = [](const level *old) {
    level next;
    next.number = old ? old->number + 1 : 2;
    return next;
  };
  session.modify<level>("level", raise);
  session.modify<level>("level", raise);
  CHECK(now.number == 3);
  CHECK(stored(storage, "lily_session_level") == "\"###\"");
  session.persist();
  CHECK(stored(storage, "lily_session_number") == "\"3\"");
  session.modify<std::string>("number", [](const std::string *text) { return *text + "1"; });
  CHECK(now.number == 31);

  int calls = 0;
  const auto counted = [&](const std::int64_t *) { return ++calls; };
  CHECK_THROWS_AS(session.modify<std::int64_t>("level", counted), lily::decode_error);
  CHECK(calls == 0);
  storage.remove("lily_session_level");
  CHECK_THROWS_AS(session.modify<std::int64_t>("level", counted), lily::encode_error);
  CHECK(stored(storage, "lily_session_level").empty());
  CHECK_THROWS_AS(session.modify<std::int64_t>("nothing", counted), lily::not_found_error);
  storage.set("lily_session_level", "\"refused\"");
  CHECK_THROWS_AS(session.modify<level>("level", raise), thrown); // by the codec
  storage.set("lily_session_level", "7");
  CHECK_THROWS_AS(session.modify<level>("level", raise), lily::decode_error);
  CHECK(stored(storage, "lily_session_level") == "7");
  session.abandon();
  CHECK_THROWS_AS(session.modify<level>("level", raise), lily::invalid_argument_error);
  CHECK(calls == 1);
}

TEST_CASE("modify: what it throws comes out of the call, and nothing is changed") {
  const lily::storage storage = lily::storage::memory();
  attached one(storage);
  one.session.modify<int>("visits", plus);
  CHECK_THROWS_AS(one.session.modify<int>("visits", [](const int *) -> int { throw thrown{1}; }), thrown);
  CHECK_THROWS_WITH_AS(one.session.modify<int>("visits", [](const int *) -> int { throw lily::quota_error("mine"); }), "mine",
                       lily::quota_error);
  CHECK_THROWS_AS(storage.modify("lily_session_visits", [](const std::string *) -> std::string { throw thrown{1}; }), thrown);
  CHECK(stored(storage, "lily_session_visits") == "1");
  CHECK(one.m.visits == 1);
}

TEST_CASE("modify: S9 S11 an entry of a storage keeps its expiry and its version") {
  const place here;
  const lily::storage storage = lily::storage::open(here.journal()), other = lily::storage::open(here.journal());
  const lily::time_point later = lily::time_point(std::chrono::milliseconds(1LL << 42));
  storage.write({{"list", "[1]", later, 7}});
  int calls = 0;
  storage.modify("list", [&](const std::string *json) {
    if (++calls == 1) other.write({{"list", "[1,2]", later, 7}});
    return json->substr(0, json->size() - 1) + ", 3]";
  });
  CHECK(calls == 2);
  CHECK(stored(storage, "list") == "[1,2,3]");
  storage.each("list", [&](const lily::item &item) { CHECK(item.expires_at == later); });
  CHECK(std::system(("grep -q '\"list\",\\[1,2,3\\],4398046511104,7\\]' " + here.journal()).c_str()) == 0);
  storage.modify("new", [](const std::string *json) { return json ? "0" : "1"; });
  CHECK(stored(storage, "new") == "1");
  CHECK_THROWS_AS(storage.modify("new", [](const std::string *) { return "{"; }), lily::decode_error);
  CHECK_THROWS_AS(storage.modify("", [](const std::string *) { return "1"; }), lily::invalid_argument_error);
  CHECK(stored(storage, "new") == "1");
}

TEST_CASE("write: several keys in one step, or none of them") {
  const place here;
  lily::storage_options options;
  options.quota_bytes = 40;
  const lily::storage storage = lily::storage::open(here.journal(), options);
  storage.set("old", "1");
  storage.write({{"cart", "[ ]"}, {"old", ""}, {"token", "\"t\"", lily::time_point(std::chrono::milliseconds(1))}});
  CHECK(stored(storage, "cart") == "[]");
  CHECK(stored(storage, "old").empty());
  CHECK(stored(storage, "token").empty()); // it has expired
  CHECK(std::system(("test $(wc -l <" + here.journal() + ") = 4").c_str()) == 0); // the header has two lines
  storage.write({});
  storage.set("old", "1");
  const std::string long_text = "\"" + std::string(100, 'x') + "\"";
  CHECK_THROWS_AS(storage.write({{"old", ""}, {"cart", long_text}}), lily::quota_error);
  CHECK_THROWS_AS(storage.write({{"old", ""}, {"cart", "{"}}), lily::decode_error);
  CHECK_THROWS_AS(storage.write({{"old", ""}, {"old", "2"}}), lily::duplicate_key_error);
  CHECK_THROWS_AS(storage.write({{"old", ""}, {std::string("a\0b", 3), "2"}}), lily::invalid_argument_error);
  CHECK(stored(storage, "old") == "1");
  CHECK(stored(storage, "cart") == "[]");
}

TEST_CASE("reset: a field has its value from before attach again, and nothing is stored") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_theme", "\"dark\"");
  attached one(storage);
  one.m.visits = 5;
  one.session.persist();
  CHECK(one.m.theme == "dark");
  one.session.reset("theme");
  CHECK(one.m.theme == "light");
  CHECK(one.m.visits == 5);
  CHECK(stored(storage, "lily_session_theme").empty());
  one.session.persist();
  CHECK(stored(storage, "lily_session_theme").empty());
  CHECK(fails(lily::status::not_found, [&] { one.session.reset("nothing"); }));
}

TEST_CASE("runtime: it persists and refreshes each of its sessions") {
  const place here;
  lily::time_point now(std::chrono::milliseconds(1000));
  lily::storage_options options;
  options.clock = [&now] { return now; };
  const lily::storage mine = lily::storage::open(here.journal(), options), theirs = lily::storage::open(here.journal(), options);
  model m;
  lily::runtime<model> runtime(m);
  CHECK(runtime.next_expiry() == std::chrono::milliseconds(-1));
  lily::session first = runtime.attach(
    lily::persistence<model>().field("visits", &model::visits, lily::field_options().expires_after(std::chrono::seconds(5))), mine);
  lily::session second = runtime.attach(
    lily::persistence<model>().field("theme", &model::theme, lily::field_options().expires_after(std::chrono::seconds(3))), mine);
  m.visits = 1;
  m.theme = "dark";
  runtime.persist();
  CHECK(stored(theirs, "lily_session_visits") == "1");
  CHECK(stored(theirs, "lily_session_theme") == "\"dark\"");
  CHECK(runtime.next_expiry() == std::chrono::seconds(3));
  theirs.write({{"lily_session_visits", "2"}, {"lily_session_theme", "\"blue\""}});
  runtime.refresh();
  CHECK(m.visits == 2);
  CHECK(m.theme == "blue");
  CHECK(runtime.next_expiry() == std::chrono::milliseconds(-1)); // what was stored there does not expire
}

TEST_CASE("open: S18 a session in one call, in the application's place") {
  const place here;
  {
    model m;
    lily::session session = lily::session::open("one", m, fields());
    m.visits = 3;
    session.persist();
    m.visits = 4;
  } // the destructor flushes
  CHECK(stored(lily::storage::open(here / "default/one/session.jsonl"), "lily_session_visits") == "4");
  model m;
  lily::session session = lily::session::open(std::string("one"), m, fields());
  CHECK(m.visits == 4);
  m.visits = 5;
  session.detach();
  CHECK(fails(lily::status::invalid_argument, [&] { session.persist(); }));
  session = lily::session::open(nullptr, m, fields()); // the executable's name
  CHECK(m.visits == 5);
  m.theme = "dark";
  model other;
  session = lily::session::open("one", other, fields()); // ends the other session
  CHECK(other.visits == 5);
  CHECK(stored(lily::storage::open(here / "default/tests/session.jsonl"), "lily_session_theme") == "\"dark\"");
  other.visits = 6;
  session.abandon();
  CHECK(stored(lily::storage::open(here / "default/one/session.jsonl"), "lily_session_visits") == "5");
  CHECK(fails(lily::status::invalid_argument, [&] { lily::session::open("no/name", m, fields()); }));
}
