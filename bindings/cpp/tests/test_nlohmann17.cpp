// Types that nlohmann/json knows.
#include "support.hpp"

#include <lily_session_nlohmann.hpp>

#include <cmath>
#include <filesystem>
#include <set>

namespace {

struct purchase {
  int count = 0;
  bool gift = false;
  double price = 0;
  bool operator==(const purchase &other) const { return count == other.count && gift == other.gift && price == other.price; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(purchase, count, gift, price)

struct owned {
  int number = 0;
};

/// JSON that is stored as text in a string. What nlohmann/json says of such a text quotes it.
struct text_of_json {
  nlohmann::json value;
};
void to_json(nlohmann::json &out, const text_of_json &text) { out = text.value.dump(); }
void from_json(const nlohmann::json &stored, text_of_json &text) { text.value = nlohmann::json::parse(stored.get<std::string>()); }

struct app {
  purchase last;
  std::optional<purchase> maybe;
  std::vector<purchase> all;
  std::map<std::string, purchase> cart;
  std::set<int> numbers;
  nlohmann::json any;
  std::string name;
  owned number;
  text_of_json text;
};

lily::persistence<app> fields();

} // namespace

// A codec of the program's own comes first.
template <> struct lily::codec<owned> {
  static int encode(const owned &value) { return value.number; }
  static owned decode(int stored) { return {stored}; }
};

namespace {
lily::persistence<app> fields() {
  return lily::persistence<app>()
    .field("last", &app::last)
    .field("maybe", &app::maybe)
    .field("all", &app::all)
    .map("cart/", &app::cart)
    .field("numbers", &app::numbers)
    .field("any", &app::any)
    .field("name", &app::name)
    .field("number", &app::number)
    .field("text", &app::text);
}
} // namespace

TEST_CASE("nlohmann: any type that it knows") {
  const lily::storage storage = lily::storage::memory();
  app model;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  const purchase one = {1, true, 0.1};
  model.last = one;
  model.maybe = one;
  model.all = {one, {}};
  model.cart["pear"] = one;
  model.numbers = {3, 1};
  model.any = {{"a", {1, 2}}};
  model.name = "n";
  model.number.number = 4;
  session.persist();
  const std::string text = R"({"count":1,"gift":true,"price":0.1})";
  CHECK(stored(storage, "lily_session_last") == text);
  CHECK(stored(storage, "lily_session_maybe") == text);
  CHECK(stored(storage, "lily_session_cart/pear") == text);
  CHECK(stored(storage, "lily_session_numbers") == "[1,3]");
  CHECK(stored(storage, "lily_session_name") == "\"n\"");
  CHECK(stored(storage, "lily_session_number") == "4");
  app again;
  lily::runtime<app> other(again);
  lily::session reading = other.attach(fields(), storage);
  CHECK((again.last == one && again.maybe == one && again.all == model.all && again.cart == model.cart));
  CHECK((again.numbers == model.numbers && again.any == model.any));
  model.maybe.reset();
  session.persist();
  CHECK(stored(storage, "lily_session_maybe") == "null");
}

TEST_CASE("nlohmann: what could not be read again is not stored") {
  const lily::storage storage = lily::storage::memory();
  app model;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  model.last.price = NAN;
  CHECK(fails(lily::status::encode, [&] { session.persist(); }));
  model.last.price = 0.5;
  model.any = {{"deep", {1, {{"deeper", HUGE_VAL}}}}};
  CHECK(fails(lily::status::encode, [&] { session.persist(); }));
  model.any = {1, {{"inside", nlohmann::json::binary({1, 2})}}};
  CHECK(fails(lily::status::encode, [&] { session.persist(); }));
  model.any = "\xff";
  CHECK(fails(lily::status::encode, [&] { session.persist(); }));
  CHECK(stored(storage, "lily_session_any").empty());
  model.any = nullptr;
  session.persist();
  CHECK(stored(storage, "lily_session_last") == R"({"count":0,"gift":false,"price":0.5})");
}

TEST_CASE("nlohmann: a refusal says why, and no value") {
  const lily::storage storage = lily::storage::memory();
  storage.set("lily_session_all", R"([{"count":1,"gift":false,"price":1},{"count":"secret","gift":false,"price":1}])");
  storage.set("lily_session_maybe", R"({"count":1})");
  std::map<std::string, std::string> why;
  lily::config<app> config;
  config.on_event = [&](const lily::event &event) {
    try {
      if (event.exception) std::rethrow_exception(event.exception);
    } catch (const lily::decode_error &error) {
      why[event.key] = error.what();
    }
  };
  storage.set("lily_session_last", "7");
  storage.set("lily_session_text", "\"secret\"");
  app model;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage, config);
  CHECK(why["all"] == "[1]: type must be number, but is string");
  CHECK(why["maybe"] == "key 'gift' not found");
  CHECK(why["last"] == "cannot use at() with number");
  CHECK(why["text"] == "nlohmann/json refuses it: [json.exception.parse_error.101]");
  CHECK(model.all.empty());
}

TEST_CASE("nlohmann: what cannot be stored is not quoted") {
  const lily::storage storage = lily::storage::memory();
  app model;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  model.any = "secret \xfe";
  try {
    session.persist();
    CHECK(false);
  } catch (const lily::encode_error &error) {
    CHECK(std::string(error.what()) == "a string is not UTF-8");
  }
}

TEST_CASE("nlohmann: a path of std::filesystem") {
  const place here;
  const std::filesystem::path path = here.journal();
  const lily::storage storage = lily::storage::open(path);
  CHECK(storage.path() == path);
}
