// How values of C++ types are stored and read back, and the options of a field.
#include "support.hpp"

#include <cmath>
#include <limits>

namespace {

enum class size : std::uint8_t { small = 1, large = 200 };
enum class color { red, green };
struct point {
  int x, y;
};
struct money {
  std::int64_t cents;
};

} // namespace

namespace lily {
template <> struct codec<color> {
  static std::string encode(color value) { return value == color::red ? "red" : "green"; }
  static color decode(const std::string &stored) {
    if (stored != "red" && stored != "green") throw std::invalid_argument("no such color");
    return stored == "red" ? color::red : color::green;
  }
};
// This codec converts to a type that has another codec.
template <> struct codec<point> {
  static json encode(const point &value) { return json("[" + std::to_string(value.x) + "," + std::to_string(value.y) + "]"); }
  static point decode(const json &stored) {
    point value;
    if (std::sscanf(stored.text.c_str(), "[%d,%d]", &value.x, &value.y) != 2) throw decode_error("no point");
    return value;
  }
};
} // namespace lily

namespace {

struct model {
  bool flag = false;
  std::int8_t i8 = 0;
  std::uint8_t u8 = 0;
  int i = 0;
  std::uint32_t u32 = 0;
  std::int64_t i64 = 0;
  std::uint64_t u64 = 0;
  float f = 0;
  double d = 0;
  std::string text;
  lily::json raw;
  size how = size::small;
  color hue = color::red;
  point at = {0, 0};

  const std::string &get_text() const { return text; }
  bool set_text(const std::string &value) {
    if (value.empty()) return false;
    text = value;
    return true;
  }
};

template <class T> std::string stored_as(T model::*member, T value) {
  const lily::storage storage = lily::storage::memory();
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(lily::persistence<model>().field("field", member), storage);
  m.*member = value;
  session.persist();
  return stored(storage, "lily_session_field");
}

// Returns the value of a member after attach, if `json` is stored.
template <class T> T hydrated(T model::*member, const std::string &json, lily::stored_state state) {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_field", json);
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(lily::persistence<model>().field("field", member), storage);
  CHECK(session.state("field").stored == state);
  CHECK(stored(storage, "lily_session_field") == json);
  return m.*member;
}

const lily::stored_state loaded = lily::stored_state::loaded, rejected = lily::stored_state::rejected;

} // namespace

TEST_CASE("fields: members are stored by their type") {
  CHECK(stored_as(&model::flag, true) == "true");
  CHECK(stored_as(&model::i8, std::int8_t(-128)) == "-128");
  CHECK(stored_as(&model::u8, std::uint8_t(255)) == "255");
  CHECK(stored_as(&model::i, -7) == "-7");
  CHECK(stored_as(&model::u32, std::uint32_t(4294967295u)) == "4294967295");
  CHECK(stored_as(&model::i64, std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(stored_as(&model::u64, std::uint64_t(9223372036854775807u)) == "9223372036854775807");
  CHECK(stored_as(&model::f, 0.5f) == "0.5");
  CHECK(stored_as(&model::d, 0.1) == "0.1");
  CHECK(stored_as(&model::text, std::string("cr\xc3\xa8me \"x\"")) == "\"cr\xc3\xa8me \\\"x\\\"\"");
  CHECK(stored_as(&model::text, std::string("a\0b", 3)) == "\"a\\u0000b\"");
  CHECK(stored_as(&model::raw, lily::json("{\"b\": 1.50, \"a\": []}")) == "{\"b\":1.50,\"a\":[]}");
  CHECK(stored_as(&model::how, size::large) == "200");
  CHECK(stored_as(&model::hue, color::green) == "\"green\"");
  CHECK(stored_as(&model::at, point{3, -4}) == "[3,-4]");
}

TEST_CASE("fields: members are set by what is stored") {
  CHECK(hydrated(&model::flag, "true", loaded));
  CHECK(hydrated(&model::i8, "-128", loaded) == -128);
  CHECK(hydrated(&model::u64, "9223372036854775807", loaded) == 9223372036854775807u);
  CHECK(hydrated(&model::f, "3", loaded) == 3.0f);
  CHECK(hydrated(&model::d, "1e3", loaded) == 1000.0);
  CHECK(hydrated(&model::text, "\"a\\u0000b\"", loaded) == std::string("a\0b", 3));
  CHECK(hydrated(&model::raw, "[1.50]", loaded) == lily::json("[1.50]"));
  CHECK(hydrated(&model::how, "200", loaded) == size::large);
  CHECK(hydrated(&model::hue, "\"green\"", loaded) == color::green);
  CHECK(hydrated(&model::at, "[3,-4]", loaded).y == -4);
}

TEST_CASE("fields: S3 a stored value that does not fit is refused, and stays") {
  CHECK(hydrated(&model::flag, "1", rejected) == false);
  CHECK(hydrated(&model::i8, "128", rejected) == 0);
  CHECK(hydrated(&model::i8, "-129", rejected) == 0);
  CHECK(hydrated(&model::u8, "256", rejected) == 0);
  CHECK(hydrated(&model::u8, "-1", rejected) == 0);
  CHECK(hydrated(&model::u64, "-1", rejected) == 0);
  CHECK(hydrated(&model::i, "2147483648", rejected) == 0);
  CHECK(hydrated(&model::f, "1e39", rejected) == 0.0f);
  CHECK(hydrated(&model::f, "-1e39", rejected) == 0.0f);
  CHECK(hydrated(&model::how, "256", rejected) == size::small);
  CHECK(hydrated(&model::hue, "\"blue\"", rejected) == color::red); // its decode throws
  CHECK(hydrated(&model::at, "[]", rejected).x == 0);
}

TEST_CASE("fields: S7 a value that cannot be stored fails alone") {
  const lily::storage storage = lily::storage::memory();
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(
    lily::persistence<model>().field("u64", &model::u64).field("d", &model::d).field("text", &model::text), storage);
  m.u64 = 9223372036854775808u;
  m.d = std::nan("");
  m.text = "stored";
  CHECK_THROWS_AS(session.persist(), lily::encode_error);
  CHECK(stored(storage, "lily_session_u64").empty());
  CHECK(stored(storage, "lily_session_d").empty());
  CHECK(stored(storage, "lily_session_text") == "\"stored\"");
  m.u64 = 1;
  CHECK_THROWS_AS(session.persist(), lily::encode_error); // d still fails
  m.d = 2;
  session.persist();
  CHECK(stored(storage, "lily_session_u64") == "1");
  CHECK(stored(storage, "lily_session_d") == "2.0");
}

// The library borrows the string itself, which moves in memory between updates.
TEST_CASE("fields: a string that grows") {
  const lily::storage storage = lily::storage::memory();
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(lily::persistence<model>().field("text", &model::text), storage);
  for (std::size_t length = 1; length < 10000; length *= 3) {
    m.text = std::string(length, 'x');
    session.persist();
    m.text = std::string(); // frees it
    m.text.shrink_to_fit();
    m.text = std::string(length, 'x');
    session.flush();
    CHECK(stored(storage, "lily_session_text").size() == length + 2);
  }
}

TEST_CASE("fields: by functions, and by member functions") {
  const lily::storage storage = lily::storage::memory();
  const auto list = [] {
    return lily::persistence<model>()
      .field("by functions", [](const model &m) { return "<" + m.text + ">"; },
             [](model &m, const std::string &stored) { m.text = stored.substr(1, stored.size() - 2); })
      .field("by members", &model::get_text, &model::set_text)
      .field("money", [](const model &m) { return money{m.i64}; }, [](model &m, money value) { m.i64 = value.cents; },
             [](const money &value) { return value.cents * 2; }, [](std::int64_t stored) { return money{stored / 2}; })
      .field("own codec", &model::u8, [](std::uint8_t value) { return value ? std::to_string(value) : ""; },
             [](const std::string &stored) { return static_cast<std::uint8_t>(stored.size()); });
  };
  {
    model m;
    lily::runtime<model> runtime(m);
    lily::session session = runtime.attach(list(), storage);
    m.text = "word";
    m.i64 = 21;
    m.u8 = 123;
    session.persist();
  }
  CHECK(stored(storage, "lily_session_by functions") == "\"<word>\"");
  CHECK(stored(storage, "lily_session_by members") == "\"word\"");
  CHECK(stored(storage, "lily_session_money") == "42");
  CHECK(stored(storage, "lily_session_own codec") == "\"123\"");
  storage.set("lily_session_by members", "\"\""); // set_text returns false
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(list(), storage);
  CHECK(m.text == "word");
  CHECK(m.i64 == 21);
  CHECK(m.u8 == 3);
  CHECK(session.state("by members").stored == rejected);
}

TEST_CASE("fields: a list that is built step by step, and a member of a base class") {
  struct derived : model {
    int own = 0;
  } m;
  const lily::storage storage = lily::storage::memory();
  lily::persistence<derived> fields;
  fields.field("own", &derived::own);
  fields.field("i", &model::i).field("text", &model::text);
  CHECK(fails(lily::status::duplicate_key, [&] { fields.field("own", &derived::own); }));
  lily::runtime<derived> runtime(m);
  lily::session session = runtime.attach(fields, storage);
  m.own = 1;
  m.i = 2;
  session.persist();
  CHECK(stored(storage, "lily_session_own") == "1");
  CHECK(stored(storage, "lily_session_i") == "2");
}

TEST_CASE("fields: S1 keys, of any kind of string; none with a NUL inside") {
  lily::persistence<model> fields;
  const std::string key = "a key";
  fields.field(key, &model::i).field("another", &model::i);
  CHECK(fails(lily::status::invalid_argument, [&] { fields.field(std::string("nul\0inside", 10), &model::i); }));
  CHECK(fails(lily::status::invalid_argument, [&] { fields.field("", &model::i); }));
  CHECK(fails(lily::status::invalid_argument, [&] { fields.field(static_cast<const char *>(nullptr), &model::i); }));
  CHECK(fails(lily::status::invalid_argument, [&] {
    fields.field("f", &model::i, lily::field_options().former_keys({std::string("nul\0inside", 10)}));
  }));
}

TEST_CASE("fields: S9 expiry") {
  std::int64_t now = 1000;
  lily::storage_options options;
  options.clock = [&now] { return lily::time_point(std::chrono::milliseconds(now)); };
  const lily::storage storage = lily::storage::memory(options);
  model m;
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(
    lily::persistence<model>().field("i", &model::i, lily::field_options().expires_after(std::chrono::seconds(2))), storage);
  CHECK(session.next_expiry() == std::chrono::milliseconds(-1));
  m.i = 5;
  session.persist();
  CHECK(session.next_expiry() == std::chrono::seconds(2));
  now = 2500;
  session.touch("i");
  storage.set("lily_session_i", "\"another program's\"");
  CHECK(fails(lily::status::decode, [&] { session.touch("i"); })); // touch looks at what storage holds now
  storage.set("lily_session_i", "5");
  session.touch("i");
  now = 3500;
  CHECK(session.next_expiry() == std::chrono::seconds(1));
  now = 4500;
  CHECK(session.next_expiry() == std::chrono::seconds(0));
  CHECK(session.state("i").stored == lily::stored_state::expired);
  CHECK(stored(storage, "lily_session_i").empty());
  session.refresh();
  CHECK(m.i == 0);
  CHECK(fails(lily::status::not_found, [&] { session.touch("i"); }));
  CHECK(fails(lily::status::not_found, [&] { session.touch("j"); }));
  lily::persistence<model> fields;
  CHECK(fails(lily::status::invalid_argument, [&] {
    fields.field("i", &model::i, lily::field_options().expires_after(std::chrono::milliseconds(-1)));
  }));
}

TEST_CASE("fields: S11 versions, migration and former keys") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_old name", "\"7\"");
  storage.set("lily_session_text", "[\"long ago\"]");
  storage.set("lily_session_hue", "1");
  model m;
  lily::runtime<model> runtime(m);
  int migrations = 0;
  const auto fields = [&] {
    return lily::persistence<model>()
      .field("name", &model::i,
             lily::field_options().former_keys({"older name", "old name"}).version(3, [&](std::uint32_t from, const lily::json &stored) {
        CHECK(from == 0);
        migrations++;
        return std::atoi(stored.text.c_str() + 1);
      }))
      // The text must live on after the callback.
      .field("text", &model::text, lily::field_options().version(1, [&](std::uint32_t, const lily::json &stored) {
        migrations++;
        return stored.text + std::string(100, '!');
      }))
      // The codec converts to another type than the stored one.
      .field("hue", &model::hue, lily::field_options().version(2, [](std::uint32_t, const lily::json &stored) {
        return stored.text == "1" ? color::green : color::red;
      }));
  };
  lily::session session = runtime.attach(fields(), storage);
  CHECK(m.i == 7);
  CHECK(m.text == "[\"long ago\"]" + std::string(100, '!'));
  CHECK(m.hue == color::green);
  CHECK(migrations == 2);
  CHECK(session.state("name").stored == lily::stored_state::migrated);
  CHECK(session.state("name").dirty);
  session.persist();
  CHECK(stored(storage, "lily_session_name") == "7");
  CHECK(stored(storage, "lily_session_hue") == "\"green\"");
  CHECK(stored(storage, "lily_session_old name").empty());
  CHECK(!session.state("name").dirty);

  // An older program leaves a newer version alone.
  model older;
  lily::runtime<model> old_runtime(older);
  lily::session old_session = old_runtime.attach(
    lily::persistence<model>().field("name", &model::i, lily::field_options().version(2)), storage);
  CHECK(older.i == 0);
  CHECK(old_session.state("name").stored == lily::stored_state::newer);
  CHECK(migrations == 2);
}
