// Tests what C++17 adds. The rest of this program is C++11, so that a class that differs between the two would be found.
#include "support.hpp"

#if __cplusplus < 201703L
#error "this file is for C++17"
#endif

namespace {

enum class mode { quiet, loud };

struct model {
  std::optional<std::string> token;
  std::optional<int> count;
  std::optional<mode> how;
  std::optional<lily::json> raw;
  std::variant<std::monostate, std::int64_t, std::string> any;
};

} // namespace

template <> struct lily::codec<mode> {
  static std::string encode(mode value) { return value == mode::quiet ? "quiet" : "loud"; }
  static mode decode(const std::string &stored) {
    return stored == "loud" ? mode::loud : stored == "quiet" ? mode::quiet : throw thrown{1};
  }
};

static lily::persistence<model> list() {
  return lily::persistence<model>()
    .field("token", &model::token)
    .field("count", &model::count)
    .field("how", &model::how)
    .field("raw", &model::raw)
    .field("any", &model::any);
}

TEST_CASE("C++17: std::optional is null or its value") {
  const lily::storage storage = lily::storage::memory();
  model m;
  m.token = "at first";
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(list(), storage);
  m = {"a longer token than fits into a small string", 4, mode::loud, lily::json("[1]"), "word"};
  session.persist();
  CHECK(storage.get("lily_session_token") == "\"a longer token than fits into a small string\"");
  CHECK(storage.get("lily_session_count") == "4");
  CHECK(storage.get("lily_session_how") == "\"loud\"");
  CHECK(storage.get("lily_session_raw") == "[1]");
  CHECK(storage.get("lily_session_any") == "\"word\"");
  model other;
  lily::runtime<model> again(other);
  lily::session hydrated = again.attach(list(), storage);
  CHECK(other.token == m.token);
  CHECK(other.count == 4);
  CHECK(other.how == mode::loud);
  CHECK(other.raw == lily::json("[1]"));
  CHECK(std::get<std::string>(other.any) == "word");

  m = {};
  session.persist();
  for (const char *key : {"token", "count", "how", "raw", "any"}) CHECK(storage.get(std::string("lily_session_") + key) == "null");
  m.any = std::int64_t(3);
  session.persist();
  hydrated.refresh();
  CHECK(!other.token);
  CHECK(!other.count);
  CHECK(!other.how);
  CHECK(!other.raw);
  CHECK(std::get<std::int64_t>(other.any) == 3);
}

TEST_CASE("C++17: S3 an optional's stored value of another type is refused") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_token", "5");
  storage.set("lily_session_how", "\"silent\"");
  model m;
  m.token = "kept";
  lily::runtime<model> runtime(m);
  lily::session session = runtime.attach(list(), storage);
  CHECK(m.token == "kept");
  CHECK(session.state("token").stored == lily::stored_state::rejected);
  CHECK(session.state("how").stored == lily::stored_state::rejected);
}

TEST_CASE("C++17: string_view") {
  const lily::storage storage = lily::storage::memory();
  const std::string_view both = "keyvalue";
  storage.set(both.substr(0, 3), std::string_view("\"value\" and more").substr(0, 7)); // neither text ends with a NUL
  CHECK(storage.get(both.substr(0, 3)) == "\"value\"");
  CHECK(storage.get(both) == std::nullopt);
  CHECK(fails(lily::status::invalid_argument, [&] { storage.set(std::string_view("a\0b", 3), "1"); }));
  std::string json;
  CHECK(storage.get(both.substr(0, 3), json));
  CHECK(json == "\"value\"");
}

namespace {
template <class T> struct one_value {
  T value;
};

// Stores a value. Returns true if it is read again, and false if it is refused with encode_error.
template <class T> bool is_storable(const T &value, const T &first = T()) {
  const lily::storage storage = lily::storage::memory();
  const auto fields = lily::persistence<one_value<T>>().field("value", &one_value<T>::value);
  one_value<T> m = {first};
  lily::runtime<one_value<T>> runtime(m);
  lily::session session = runtime.attach(fields, storage);
  session.mark("value");
  m.value = value;
  try {
    session.persist();
  } catch (const lily::encode_error &) {
    return false;
  }
  one_value<T> other = {first};
  lily::runtime<one_value<T>> again(other);
  lily::session reading = again.attach(fields, storage);
  CHECK(other.value == value);
  return true;
}
} // namespace

TEST_CASE("C++17: a variant is read as the alternative that was stored, or not stored") {
  using lists = std::variant<std::vector<int>, std::map<std::string, int>, std::vector<std::string>>;
  CHECK(is_storable(lists(std::map<std::string, int>{{"a", 1}})));
  CHECK(is_storable(lists(std::vector<std::string>{"a"})));
  CHECK(!is_storable(lists(std::vector<std::string>{}))); // it would be read as no integers
  CHECK(is_storable(std::vector<lists>{std::vector<int>{1}, std::map<std::string, int>{}}));
  using numbers = std::variant<std::uint8_t, std::int64_t, double>;
  CHECK(is_storable(numbers(std::int64_t(300))));
  CHECK(!is_storable(numbers(std::int64_t(200))));
  CHECK(is_storable(numbers(3.0)));
  using words = std::variant<mode, std::string>;
  CHECK(is_storable(words("other")));
  CHECK(!is_storable(words("loud")));
  using texts = std::variant<std::monostate, bool, std::string, std::vector<int>, lily::json>;
  for (const char *text : {"[ 1 ]", " [] "}) CHECK(!is_storable(texts(lily::json(text))));
  for (const char *text : {"1", "{\"a\":1}", "[\"a\"]"}) CHECK(is_storable(texts(lily::json(text))));
  for (const char *text : {"1,2", "\"\\ud800\"", "{1\"a\"}\\", "[:", "{\"a\"\"}\\\"}"}) CHECK(!is_storable(texts(lily::json(text))));
}

TEST_CASE("C++17: an optional with a null in it is not stored") {
  CHECK(!is_storable(std::optional<std::optional<int>>(std::optional<int>())));
  CHECK(!is_storable(std::optional<std::monostate>(std::monostate())));
  CHECK(is_storable(std::vector<std::optional<std::optional<int>>>{std::optional<int>(1), std::nullopt}));
  CHECK(!is_storable(std::optional<lily::json>(lily::json(" null"))));
  CHECK(!is_storable(std::vector<std::optional<lily::json>>{lily::json("null")}));
  CHECK(is_storable(std::optional<lily::json>(lily::json("\"null\""))));
}

TEST_CASE("C++17: a variant that no alternative reads is refused with the first one's reason") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_value", "[true]");
  using lists = std::variant<std::vector<int>, std::vector<std::string>>;
  one_value<lists> m;
  std::string why;
  lily::config<one_value<lists>> config;
  config.on_event = [&why](const lily::event &event) {
    try {
      if (event.exception) std::rethrow_exception(event.exception);
    } catch (const lily::decode_error &error) {
      why = error.what();
    }
  };
  lily::runtime<one_value<lists>> runtime(m);
  lily::session session = runtime.attach(lily::persistence<one_value<lists>>().field("value", &one_value<lists>::value), storage, config);
  CHECK(why == "[0]: the value has another type");
}
