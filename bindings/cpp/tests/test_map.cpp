// Maps: containers whose entries are stored each under a key of its own.
#include "support.hpp"

#include <strings.h>

#include <unordered_map>

namespace {

struct place_in_file {
  int line, column;
};

} // namespace

template <> struct lily::codec<place_in_file> {
  static lily::json encode(const place_in_file &value) {
    if (value.line < 1) throw thrown{value.line};
    return lily::json("[" + std::to_string(value.line) + "," + std::to_string(value.column) + "]");
  }
  static place_in_file decode(const lily::json &stored) {
    place_in_file value;
    if (std::sscanf(stored.text.c_str(), "[%d,%d]", &value.line, &value.column) != 2) throw thrown{7};
    return value;
  }
};

namespace {

struct editor {
  std::string theme = "light";
  std::map<std::string, int> recent;
  std::unordered_map<std::string, std::string> cookies;
  std::map<std::string, place_in_file> places;
  std::map<std::string, std::uint64_t> sizes;
  std::map<std::string, bool, std::greater<std::string>> pinned;
};

lily::persistence<editor> fields() {
  return lily::persistence<editor>()
    .field("theme", &editor::theme)
    .map("recent/", &editor::recent)
    .map("cookie/", &editor::cookies)
    .map("place/", &editor::places)
    .map("size/", &editor::sizes)
    .map("pinned/", &editor::pinned);
}

struct attached {
  editor m;
  std::vector<lily::event> events;
  lily::runtime<editor> runtime;
  lily::session session;
  explicit attached(const lily::storage &storage, const lily::persistence<editor> &list = fields())
    : runtime(m), session(runtime.attach(list, storage, config())) {}

  lily::config<editor> config() {
    lily::config<editor> made;
    made.on_event = [this](const lily::event &event) { events.push_back(event); };
    return made;
  }
};

using counts = std::map<std::string, int>;

void refuses(lily::status status, lily::persistence<editor> &list, const std::string &prefix, lily::field_options options = {}) {
  CHECK(fails(status, [&] { list.map(prefix, &editor::recent, options); }));
}

} // namespace

TEST_CASE("map: S27 each entry has a key of its own, and programs merge theirs") {
  const place here;
  const lily::storage mine = lily::storage::open(here.journal()), theirs = lily::storage::open(here.journal());
  attached one(mine), other(theirs);
  one.m.recent = {{"/etc/motd", 12}, {"/tmp/x", 1}};
  one.m.cookies["id"] = "cr\xc3\xa8me";
  one.m.places["a"] = {3, 4};
  one.m.pinned = {{"a", true}, {"b", false}};
  one.session.persist();
  CHECK(stored(mine, "lily_session_recent//etc/motd") == "12");
  CHECK(stored(mine, "lily_session_cookie/id") == "\"cr\xc3\xa8me\"");
  CHECK(stored(mine, "lily_session_place/a") == "[3,4]");
  CHECK(stored(mine, "lily_session_pinned/b") == "false");
  other.m.recent["/tmp/y"] = 2;
  other.session.persist();
  other.session.refresh();
  CHECK(other.m.recent == counts{{"/etc/motd", 12}, {"/tmp/x", 1}, {"/tmp/y", 2}});
  CHECK(other.m.cookies == one.m.cookies);
  CHECK(other.m.places["a"].column == 4);
  CHECK(other.m.pinned == one.m.pinned);
  other.m.recent.erase("/tmp/x");
  other.m.recent["/etc/motd"] = 13;
  other.session.persist();
  one.session.refresh();
  CHECK(one.m.recent == counts{{"/etc/motd", 13}, {"/tmp/y", 2}});
  CHECK(stored(mine, "lily_session_recent//tmp/x").empty());
  attached third(mine);
  CHECK(third.m.recent == one.m.recent);
  CHECK(third.m.cookies == one.m.cookies);
}

namespace {

struct ignores_case {
  bool operator()(const std::string &a, const std::string &b) const { return strcasecmp(a.c_str(), b.c_str()) < 0; }
};

struct headers {
  std::map<std::string, int, ignores_case> values;
};

} // namespace

TEST_CASE("map: S7 S27 an id that is the same to the container is refused, and stays stored") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_h/Accept", "1");
  storage.set("lily_session_h/accept", "2");
  headers m;
  lily::runtime<headers> runtime(m);
  std::vector<std::string> refused;
  lily::config<headers> config;
  config.on_event = [&](const lily::event &event) { refused.push_back(event.key); };
  lily::session session = runtime.attach(lily::persistence<headers>().map("h/", &headers::values), storage, config);
  CHECK(m.values.at("Accept") == 1);
  CHECK(refused == std::vector<std::string>{"h/accept"});
  m.values["accept"] = 3;
  session.persist();
  CHECK(stored(storage, "lily_session_h/Accept") == "3");
  CHECK(stored(storage, "lily_session_h/accept") == "2");
  storage.remove("lily_session_h/accept");
  session.refresh();
  CHECK(m.values.at("Accept") == 3);
}

TEST_CASE("map: S27 functions take the key of an entry") {
  const lily::storage storage = lily::storage::memory();
  attached one(storage);
  const auto plus = [](const int *count) { return count ? *count + 1 : 1; };
  one.session.modify<int>("recent/a", plus);
  one.session.modify<int>("recent/a", plus);
  one.session.modify<int>(std::string("recent/b"), plus);
  CHECK(one.m.recent == counts{{"a", 2}, {"b", 1}});
  CHECK(one.session.state("recent/a").stored == lily::stored_state::loaded);
  one.session.touch("recent/a");
  one.session.reset("recent/a");
  CHECK(one.m.recent == counts{{"b", 1}});
  CHECK(fails(lily::status::not_found, [&] { one.session.reset("none/a"); }));
}

TEST_CASE("map: encode and decode of its own, and a list that is built step by step") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_n/b", "\"xxxx\"");
  lily::persistence<editor> list;
  list.map(std::string("n/"), &editor::recent, [](int count) { return std::string(static_cast<std::size_t>(count), 'x'); },
           [](const std::string &text) { return static_cast<int>(text.size()); }).map("theme/", &editor::cookies);
  attached one(storage, list);
  CHECK(one.m.recent == counts{{"b", 4}});
  one.m.recent["a"] = 2;
  one.m.cookies["dark"] = "black";
  one.session.persist();
  CHECK(stored(storage, "lily_session_n/a") == "\"xx\"");
  CHECK(stored(storage, "lily_session_theme/dark") == "\"black\"");
}

TEST_CASE("map: S3 a stored value that is refused is so by itself") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_recent/a", "1");
  storage.set("lily_session_recent/b", "2147483648"); // does not fit
  storage.set("lily_session_recent/c", "\"text\"");
  storage.set("lily_session_place/a", "[1,2]");
  storage.set("lily_session_place/b", "[]"); // its decode throws
  attached one(storage);
  CHECK(one.m.recent == counts{{"a", 1}});
  CHECK(one.m.places.size() == 1);
  REQUIRE(one.events.size() == 3);
  int thrown_by_decode = 0;
  for (const lily::event &event : one.events) {
    CAPTURE(event.key);
    CHECK(event.kind == lily::event_kind::rejected);
    CHECK(one.session.state(event.key).stored == lily::stored_state::rejected);
    CHECK(static_cast<bool>(event.exception) == (event.key != "recent/c")); // the library itself refuses another type
    if (event.key != "place/b") continue;
    CHECK_THROWS_AS(std::rethrow_exception(event.exception), thrown);
    thrown_by_decode++;
  }
  CHECK(thrown_by_decode == 1);
  one.m.recent["a"] = 3;
  one.session.persist();
  CHECK(stored(storage, "lily_session_recent/b") == "2147483648");
  CHECK(stored(storage, "lily_session_place/b") == "[]");
}

TEST_CASE("map: S7 an exception of encode leaves the call, and the other entries are stored") {
  const lily::storage storage = lily::storage::memory();
  attached one(storage);
  one.m.places = {{"a", {1, 1}}, {"b", {-5, 1}}, {"c", {3, 1}}};
  one.m.theme = "dark";
  int number = 0;
  try {
    one.session.persist();
  } catch (const thrown &exception) {
    number = exception.number;
  }
  CHECK(number == -5);
  CHECK(stored(storage, "lily_session_place/a") == "[1,1]");
  CHECK(stored(storage, "lily_session_place/b").empty());
  CHECK(stored(storage, "lily_session_place/c") == "[3,1]");
  CHECK(stored(storage, "lily_session_theme") == "\"dark\"");
  REQUIRE(one.events.size() == 1);
  CHECK(one.events[0].kind == lily::event_kind::field_failed);
  CHECK(one.events[0].key == "place/b");
  REQUIRE(one.events[0].exception);
  CHECK_THROWS_AS(std::rethrow_exception(one.events[0].exception), thrown);
  one.m.places["b"].line = 2;
  one.session.persist();
  CHECK(stored(storage, "lily_session_place/b") == "[2,1]");
  // What was stored stays if the entry cannot be encoded any more.
  one.m.places["b"].line = 0;
  CHECK_THROWS_AS(one.session.persist(), thrown);
  CHECK(stored(storage, "lily_session_place/b") == "[2,1]");
  one.m.places["b"].line = 2;
  one.m.sizes = {{"a", 9223372036854775808u}, {"b", 1}};
  CHECK_THROWS_AS(one.session.persist(), lily::encode_error);
  CHECK(stored(storage, "lily_session_size/a").empty());
  CHECK(stored(storage, "lily_session_size/b") == "1");
}

TEST_CASE("map: S1 ids that no entry may have") {
  const lily::storage storage = lily::storage::memory();
  attached one(storage);
  one.m.recent = {{"", 1}, {std::string("nul\0inside", 10), 2}, {std::string(513, 'i'), 3}, {std::string(512, 'i'), 4}, {"\xff", 5}};
  CHECK(fails(lily::status::encode, [&] { one.session.persist(); }));
  CHECK(one.events.size() == 4);
  CHECK(stored(storage, "lily_session_recent/nul").empty());
  CHECK(stored(storage, "lily_session_recent/" + std::string(512, 'i')) == "4");
}

TEST_CASE("map: S1 prefixes") {
  lily::persistence<editor> list = fields();
  refuses(lily::status::duplicate_key, list, "recent/");
  refuses(lily::status::duplicate_key, list, "recent/more/");
  refuses(lily::status::duplicate_key, list, "the");
  refuses(lily::status::invalid_argument, list, "");
  refuses(lily::status::invalid_argument, list, std::string("nul\0inside", 10));
  refuses(lily::status::invalid_argument, list, "n/", lily::field_options().former_keys({"m/"}));
  refuses(lily::status::invalid_argument, list, "n/", lily::field_options().expires_after(std::chrono::milliseconds(-1)));
  CHECK(fails(lily::status::invalid_argument, [&] { list.map(static_cast<const char *>(nullptr), &editor::recent); }));
  CHECK(fails(lily::status::duplicate_key, [&] { list.field("recent/a", &editor::theme); }));
  list.map("n/", &editor::recent); // those above have left nothing behind
}

TEST_CASE("map: S9 each entry expires by itself") {
  std::int64_t now = 1000;
  lily::storage_options options;
  options.clock = [&now] { return lily::time_point(std::chrono::milliseconds(now)); };
  const lily::storage storage = lily::storage::memory(options);
  lily::persistence<editor> list;
  list.map("cookie/", &editor::cookies, lily::field_options().expires_after(std::chrono::seconds(2)));
  attached one(storage, list);
  one.m.cookies["a"] = "1";
  one.session.persist();
  now = 2000;
  one.m.cookies["b"] = "2";
  one.session.persist();
  CHECK(one.session.next_expiry() == std::chrono::seconds(1));
  now = 3000;
  one.session.refresh();
  CHECK(one.m.cookies.size() == 1);
  CHECK(one.m.cookies.count("b") == 1);
  CHECK(one.session.next_expiry() == std::chrono::seconds(1));
}

TEST_CASE("map: S11 versions and migration") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_place/a", "5");
  storage.set("lily_session_place/b", "0");
  storage.set("lily_session_cookie/a", "7");
  lily::persistence<editor> list;
  list.map("place/", &editor::places, lily::field_options().version(1, [](std::uint32_t from, const lily::json &stored) {
    CHECK(from == 0);
    if (stored.text == "0") throw thrown{9};
    return place_in_file{std::stoi(stored.text), 1};
  }));
  // The text must live on after the callback.
  list.map("cookie/", &editor::cookies, lily::field_options().version(2, [](std::uint32_t, const lily::json &stored) {
    return stored.text + std::string(100, '!');
  }));
  attached one(storage, list);
  CHECK(one.m.places.size() == 1);
  CHECK(one.m.places["a"].line == 5);
  CHECK(one.m.cookies["a"] == "7" + std::string(100, '!'));
  REQUIRE(one.events.size() == 1);
  CHECK(one.events[0].key == "place/b");
  CHECK(one.events[0].kind == lily::event_kind::rejected);
  CHECK(one.session.state("place/a").stored == lily::stored_state::migrated);
  one.session.persist();
  CHECK(stored(storage, "lily_session_place/a") == "[5,1]");
  CHECK(stored(storage, "lily_session_place/b") == "0");
  // An older program leaves newer entries alone.
  lily::persistence<editor> old_list;
  old_list.map("cookie/", &editor::cookies, lily::field_options().version(1));
  attached older(storage, old_list);
  CHECK(older.m.cookies.empty());
  CHECK(older.session.state("cookie/a").stored == lily::stored_state::newer);
}

TEST_CASE("map: a map of a base class, in a slice") {
  struct derived : editor {
  };
  struct whole {
    derived part;
  } m;
  const lily::storage storage = lily::storage::memory();
  lily::runtime<whole> runtime(m);
  lily::config<whole, derived> config;
  config.get = [](whole &model) { return &model.part; };
  lily::session session =
    runtime.attach(lily::persistence<derived>().map("recent/", &editor::recent).map("pinned/", &derived::pinned), storage, config);
  m.part.recent["a"] = 1;
  session.persist();
  CHECK(stored(storage, "lily_session_recent/a") == "1");
  storage.set("lily_session_recent/b", "2");
  session.refresh();
  CHECK(m.part.recent == counts{{"a", 1}, {"b", 2}});
}

TEST_CASE("map: its functions are released once") {
  int alive = 0;
  const lily::storage storage = lily::storage::memory();
  {
    const witness seen(alive);
    const auto same = [seen](int value) { return value; };
    lily::persistence<editor> list;
    list.map("recent/", &editor::recent, same, same);
    const int with_one = alive;
    CHECK(fails(lily::status::duplicate_key, [&] { list.map("recent/", &editor::recent, same, same); }));
    CHECK(alive == with_one);
    const attached one(storage, list);
  }
  CHECK(alive == 0);
}
