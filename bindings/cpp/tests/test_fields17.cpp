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
