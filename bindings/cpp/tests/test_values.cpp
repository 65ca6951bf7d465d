// The types that can be stored without a codec, beyond those of test_fields.cpp, and why a stored value is refused.
#include "support.hpp"

#include <cfloat>
#include <climits>
#include <clocale>
#include <cmath>

namespace {

enum class mode { first, second = 5, negative = -3 };
enum plain { zero, one };
enum class small : unsigned char { least, most = 200 };
enum class large { thousand = 1000 };
enum class id : int {};
template <char Mark> struct part {
  enum class kind { none, some = 2 };
  enum old { fewest, few = 3 };
};
enum class theme { light, dark, unnamed };

struct colors {
  std::string accent = "blue";
};
struct settings {
  colors palette;
  std::map<std::string, int> sizes;
};
struct base {
  int inherited = 0;
};
struct app : base {
  settings set;
};

template <class T> struct held {
  T value;
};

template <class T> lily::persistence<held<T>> one_field() { return lily::persistence<held<T>>().field("value", &held<T>::value); }

// Stores a value, checks that it can be read again, and returns its JSON text.
template <class T> std::string round_trip(const T &value, const T &first = T()) {
  const lily::storage storage = lily::storage::memory();
  const lily::persistence<held<T>> fields = one_field<T>();
  held<T> model = {first};
  lily::runtime<held<T>> runtime(model);
  lily::session session = runtime.attach(fields, storage);
  session.mark("value");
  model.value = value;
  session.persist();
  held<T> again = {first};
  lily::runtime<held<T>> other(again);
  lily::session reading = other.attach(fields, storage);
  CHECK(again.value == value);
  return stored(storage, "lily_session_value");
}

// Returns why a stored JSON text is refused, or "" if it is not.
template <class T> std::string refused(const std::string &json, T first = T()) {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_value", json);
  held<T> model = {first};
  std::string why;
  lily::config<held<T>> config;
  config.on_event = [&why](const lily::event &event) {
    CHECK(event.kind == lily::event_kind::rejected);
    why = lily::status_name(event.status);
    try {
      if (event.exception) std::rethrow_exception(event.exception);
    } catch (const lily::decode_error &error) {
      why = error.what();
    }
  };
  lily::runtime<held<T>> runtime(model);
  lily::session session = runtime.attach(one_field<T>(), storage, config);
  if (!why.empty()) CHECK(model.value == first);
  return why;
}

template <class T> bool is_unstorable(const T &value) {
  held<T> model = {T()};
  lily::runtime<held<T>> runtime(model);
  lily::session session = runtime.attach(one_field<T>(), lily::storage::memory());
  model.value = value;
  return fails(lily::status::encode, [&] { session.persist(); });
}

} // namespace

template <> struct lily::enumerators<theme> {
  static std::vector<lily::enumerator<theme>> all() { return {{theme::light, "light"}, {theme::dark, "dark"}}; }
};

TEST_CASE("values: a number that is no enumerator is refused, and not stored") {
  CHECK(round_trip(mode::second) == "5");
  CHECK(round_trip(mode::negative) == "-3");
  CHECK(round_trip(one) == "1");
  CHECK(round_trip(small::most) == "200");
  CHECK(round_trip(large::thousand, large::thousand) == "1000");
  const std::string why = "the number is no enumerator";
  for (const char *number : {"1", "2", "4", "-1", "-128", "255"}) CHECK(refused<mode>(number) == why);
  for (const char *number : {"2", "7", "255"}) CHECK(refused<plain>(number) == why);
  CHECK(refused<small>("201") == why);
  CHECK(refused<small>("256") == "the number does not fit");
  CHECK(is_unstorable(static_cast<mode>(4)));
  CHECK(is_unstorable(static_cast<small>(7)));
  // What the compiler says of these has brackets and commas of its own.
  CHECK(round_trip(part<','>::kind::some) == "2");
  CHECK(refused<part<','>::kind>("1") == why);
  CHECK(round_trip(part<')'>::few) == "3");
  CHECK(refused<part<')'>::old>("2") == why);
}

TEST_CASE("values: an enum without enumerators is a number of its own") {
  CHECK(round_trip(static_cast<id>(7)) == "7");
  CHECK(round_trip(static_cast<id>(-1000)) == "-1000");
}

TEST_CASE("values: enums by name") {
  CHECK(round_trip(theme::dark) == "\"dark\"");
  CHECK(refused<theme>("\"pink\"") == "no enumerator has this name");
  CHECK(refused<theme>("1") == "LILY_SESSION_ERROR_DECODE");
  CHECK(is_unstorable(theme::unnamed));
  CHECK(round_trip(std::vector<theme>{theme::light, theme::dark}) == "[\"light\",\"dark\"]");
}

TEST_CASE("values: a float has the fewest digits") {
  CHECK(round_trip(0.1f) == "0.1");
  CHECK(round_trip(-16777216.0f) == "-16777216.0");
  for (const float number : {0.3f, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-8f, 1.17549421e-38f, 3.4e38f, 9.99999975e-5f, -0.0f}) {
    const std::string text = round_trip(number);
    CHECK((text.size() <= 16 || std::abs(number) == FLT_MAX));
    CHECK(std::signbit(std::strtof(text.c_str(), nullptr)) == std::signbit(number));
  }
  CHECK(refused<float>("1e39") == "the number does not fit");
  CHECK(is_unstorable(HUGE_VALF));
}

TEST_CASE("values: containers") {
  using strings = std::vector<std::string>;
  CHECK(round_trip(std::vector<int>{}) == "[]");
  CHECK(round_trip(std::vector<bool>{true, false}) == "[true,false]");
  CHECK(round_trip(std::vector<std::int64_t>{INT64_MIN, INT64_MAX}) == "[-9223372036854775808,9223372036854775807]");
  CHECK(round_trip(std::vector<double>{0.1, 1e300, 1.0 / 3, -2}) == "[0.1,1e+300,0.3333333333333333,-2.0]");
  CHECK(round_trip(std::vector<float>{0.1f}) == "[0.1]");
  CHECK(round_trip(strings{"a\"b\\c", "\x01\t\n", "crème \xf0\x9f\x8c\xb8", ""}).find("crème") != std::string::npos);
  CHECK(round_trip(std::array<int, 2>{{1, 2}}) == "[1,2]");
  CHECK(round_trip(std::map<std::string, std::vector<strings>>{{"x\"", {{"a"}, {}}}, {"y", {}}}) == "{\"x\\\"\":[[\"a\"],[]],\"y\":[]}");
  CHECK(round_trip(std::unordered_map<std::string, int>{{"k", 1}}) == "{\"k\":1}");
  CHECK(round_trip(std::vector<lily::json>{lily::json("{\"a\":[1e2]}")}) == "[{\"a\":[1e2]}]");
  CHECK(is_unstorable(std::vector<double>{HUGE_VAL}));
  CHECK(is_unstorable(strings{"\xff"}));
  CHECK(is_unstorable(std::vector<lily::json>{lily::json("{")}));
  CHECK(is_unstorable(std::vector<std::uint64_t>{UINT64_MAX}));
  for (const double number : {DBL_MAX, -DBL_MAX, std::nextafter(DBL_MAX, 0), DBL_MIN, 5e-324}) round_trip(std::vector<double>{number});
  // Others write what this header does not: escapes, pairs of them, and reals where an integer is expected.
  CHECK(refused<strings>("[ \"\\u00e9\\ud83c\\udf38\\u20ac\\/\\b\\f\" ]").empty());
  CHECK(refused<std::vector<double>>("[1,2.5e1]").empty());
  CHECK(refused<std::vector<int>>("[1,2.5]") == "[1]: the value has another type");
  CHECK(refused<std::vector<int>>("[1,\"secret\"]") == "[1]: the value has another type");
  CHECK(refused<std::vector<unsigned char>>("[300]") == "[0]: the number does not fit");
  CHECK(refused<std::vector<int>>("{}") == "the value is no array");
  CHECK(refused<std::vector<int>>("3") == "the value is no array");
  CHECK(refused<std::array<int, 2>>("[1]") == "the array has another number of elements");
  CHECK(refused<std::array<int, 2>>("[1,2,3]") == "the array has another number of elements");
  CHECK(refused<std::map<std::string, std::vector<int>>>("{\"secret\":[1,null]}") == ".?[1]: the value has another type");
}

TEST_CASE("values: each JSON text in a container is one whole value") {
  using texts = std::vector<lily::json>;
  for (const char *text : {"", " ", "1,2", "1],[2", "[1]]", "[[1]", "1,\"admin\":true", "\"", "\"a\\\"", "1 2", "],[", "{}{}", "tru", "\"a\",\"b\"", ",", "1,"}) {
    CAPTURE(text);
    CHECK(is_unstorable(texts{lily::json(text)}));
    CHECK(is_unstorable(std::map<std::string, lily::json>{{"k", lily::json(text)}}));
    CHECK(is_unstorable(lily::json(text)));
  }
  for (const char *text : {"\",]}\"", "\"\\\\\"", "\"\\\",\"", "[1,{\"a\":[2,3]}]", "{\"a\":1,\"b\":2}", "null", "-1.50"}) {
    CAPTURE(text);
    CHECK(round_trip(texts{lily::json(text), lily::json(text)}) == std::string("[") + text + "," + text + "]");
  }
}

TEST_CASE("values: a string with every escape is read") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_value", "[\"\\u00e9\\ud83c\\udf38\\u20ac\\/\\b\\f\\n\\r\\t\\\"\\\\\"]");
  held<std::vector<std::string>> model;
  lily::runtime<held<std::vector<std::string>>> runtime(model);
  lily::session session = runtime.attach(one_field<std::vector<std::string>>(), storage);
  CHECK(model.value.at(0) == "é\xf0\x9f\x8c\xb8€/\b\f\n\r\t\"\\");
}

TEST_CASE("values: durations and time points") {
  CHECK(round_trip(std::chrono::minutes(5)) == "5");
  CHECK(round_trip(std::chrono::duration<double>(0.5)) == "0.5");
  CHECK(round_trip(lily::time_point(std::chrono::milliseconds(1700000000123))) == "1700000000123");
  CHECK(round_trip(std::chrono::time_point_cast<std::chrono::system_clock::duration>(lily::time_point(std::chrono::milliseconds(7)))) != "");
  CHECK(round_trip(std::vector<std::chrono::seconds>{std::chrono::seconds(1)}) == "[1]");
}

TEST_CASE("values: members of members") {
  const lily::storage storage = lily::storage::memory();
  const auto fields = [] {
    return lily::persistence<app>()
      .field("accent", lily::path(&app::set, &settings::palette, &colors::accent), lily::field_options().version(1))
      .field("inherited", &app::inherited)
      .field("length", lily::path(&app::set, &settings::palette, &colors::accent), [](const std::string &text) { return text.size(); },
             [](std::size_t size) { return std::string(size, 'x'); })
      .map("size/", lily::path(&app::set, &settings::sizes));
  };
  app model, again;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  model.set.palette.accent = "red";
  model.set.sizes["wide"] = 3;
  model.inherited = 4;
  session.persist();
  CHECK(stored(storage, "lily_session_accent") == "\"red\"");
  CHECK(stored(storage, "lily_session_length") == "3");
  CHECK(stored(storage, "lily_session_size/wide") == "3");
  CHECK(stored(storage, "lily_session_inherited") == "4");
  storage.remove("lily_session_length");
  lily::runtime<app> other(again);
  lily::session reading = other.attach(fields(), storage);
  CHECK(again.set.palette.accent == "red");
  CHECK(again.set.sizes.at("wide") == 3);
}
