// Runs Tests/cases, the same cases as in every language.
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>
#include <optional>
#include <tuple>
#include <variant>

using cases = nlohmann::json;

static cases load(const std::string &name) {
  std::ifstream file(CASES_DIRECTORY "/" + name);
  REQUIRE(file);
  return cases::parse(file);
}

static std::string text(const cases &given) {
  if (given.is_string()) return given.get<std::string>();
  std::string all;
  if (given.is_array()) {
    for (const cases &part : given) all += text(part);
  } else if (given.contains("hex")) {
    const std::string hex = given["hex"];
    for (std::size_t i = 0; i < hex.size(); i += 2) all += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  } else {
    const std::string once = text(given.at("repeat"));
    for (int times = given.at("times"); times > 0; times--) all += once;
  }
  return all;
}

static const char *const type_names[] = {"NULL", "BOOL", "INT", "REAL", "STRING", "JSON"};

static int type_named(const std::string &name) {
  for (int i = 0; i < 6; i++)
    if (name == type_names[i]) return 1 << i;
  FAIL(name);
  return 0;
}

static int types(const cases &one) {
  int mask = 0;
  for (const cases &name : one["types"]) mask |= type_named(name);
  return mask;
}

// ---- the types of a case, as a C++ type

using any = std::variant<std::monostate, bool, std::int64_t, double, std::string, lily::json>;

template <int Mask, int Bit>
using part = std::conditional_t<(Mask & (1 << Bit)) != 0, std::tuple<std::variant_alternative_t<Bit, any>>, std::tuple<>>;
template <class Tuple> struct variant_of;
template <class... T> struct variant_of<std::tuple<T...>> { using type = std::variant<T...>; };
template <int Mask>
using accepting = typename variant_of<decltype(std::tuple_cat(part<Mask, 0>(), part<Mask, 1>(), part<Mask, 2>(), part<Mask, 3>(),
                                                              part<Mask, 4>(), part<Mask, 5>()))>::type;

// Calls f with the mask as a constant, for the masks that occur.
template <int... Masks, class F> static void with_one_of(int mask, F f) {
  const bool known = ((mask == Masks && (f(std::integral_constant<int, Masks>()), true)) || ...);
  REQUIRE_MESSAGE(known, "add to the list of masks: ", mask);
}
template <class F> static void with_types(int mask, F f) {
  enum { N = 1, B = 2, I = 4, R = 8, S = 16, J = 32 };
  with_one_of<N, B, I, R, S, J, N | S, N | J, B | J, J | S, I | J, I | R, I | R | J, N | B | I | R | S,
              N | B | I | R | J, N | B | I | R | S | J>(mask, f);
}

static any value(const cases &given) {
  switch (type_named(given["type"])) {
    case LILY_SESSION_BOOL: return given["value"].get<bool>();
    case LILY_SESSION_INT: return given["value"].get<std::int64_t>();
    case LILY_SESSION_REAL: {
      const std::uint64_t bits = std::stoull(given["bits"].get<std::string>(), nullptr, 16);
      double real;
      std::memcpy(&real, &bits, sizeof real);
      return real;
    }
    case LILY_SESSION_STRING: return text(given["value"]);
    case LILY_SESSION_JSON: return lily::json(text(given["text"]));
    default: return std::monostate();
  }
}

template <class Value> static Value narrowed(const any &from) {
  return std::visit([](const auto &one) -> Value {
    if constexpr (std::is_constructible_v<Value, std::in_place_type_t<std::decay_t<decltype(one)>>, decltype(one)>)
      return Value(std::in_place_type<std::decay_t<decltype(one)>>, one);
    else
      throw thrown{0};
  }, from);
}

template <class Value> static any widened(const Value &from) {
  return std::visit([](const auto &one) { return any(std::in_place_type<std::decay_t<decltype(one)>>, one); }, from);
}

// Compares reals by their bits.
static bool same(const any &a, const any &b) {
  const double *const one = std::get_if<double>(&a), *const two = std::get_if<double>(&b);
  return one && two ? std::memcmp(one, two, sizeof *one) == 0 : a == b;
}

struct model {
  any value;
  int sets = 0;
};

// A field that accepts some types, and a model for it. What does not depend on the types is no template, which compiles far quicker.
struct tried_field {
  lily::persistence<model> fields;
  model first;
};

template <class Value> static tried_field field_of() {
  lily::persistence<model> fields;
  fields.field(
    "field", [](const model &m) { return narrowed<Value>(m.value); },
    [](model &m, Value stored) {
      m.value = widened(stored);
      m.sets++;
    });
  return {std::move(fields), {widened(Value())}};
}

// Makes the field of a case.
static tried_field field_of(const cases &one) {
  std::optional<tried_field> made;
  with_types(types(one), [&](auto mask) { made.emplace(field_of<accepting<mask>>()); });
  return std::move(*made);
}

// ---- the suites

// Sets a field that accepts all types to the value of the case, and persists. No case has the first value, so that is always a change.
static void store(const lily::storage &storage, const cases &one) {
  const tried_field field = field_of<any>();
  model model{std::int64_t(31337)};
  lily::runtime<struct model> runtime(model);
  lily::session session = runtime.attach(field.fields, storage);
  model.value = value(one["set"]);
  try {
    session.persist();
  } catch (...) {
    session.abandon();
    throw;
  }
}

TEST_CASE("cases: S2 values") {
  const cases all = load("values.json");
  CHECK(all.size() > 100);
  for (const cases &one : all) {
    CAPTURE(one["name"]);
    const lily::storage storage = lily::storage::memory();
    store(storage, one);
    CHECK(stored(storage, "lily_session_field") == text(one["stored"]));
  }
}

TEST_CASE("cases: S7 unstorable") {
  const cases all = load("unstorable.json");
  int tried = 0, impossible = 0;
  for (const cases &one : all) {
    CAPTURE(one["name"]);
    // The compiler refuses a value of a type that the field does not accept.
    if ((types(one) & type_named(one["set"]["type"])) == 0) {
      impossible++;
      continue;
    }
    const lily::storage storage = lily::storage::memory();
    CHECK(fails(lily::status::encode, [&] { store(storage, one); }));
    CHECK(storage.info().entries == 0);
    tried++;
  }
  CHECK(tried > 30);
  CHECK(tried + impossible == static_cast<int>(all.size()));
}

TEST_CASE("cases: S3 hydrate") {
  const cases all = load("hydrate.json");
  CHECK(all.size() > 100);
  for (const cases &one : all) {
    CAPTURE(one["name"]);
    const lily::storage storage = lily::storage::memory();
    storage.set("lily_session_field", text(one["stored"]));
    const tried_field field = field_of(one);
    model model = field.first;
    lily::runtime<struct model> runtime(model);
    lily::session session = runtime.attach(field.fields, storage);
    const bool rejected = one["value"] == "rejected";
    CHECK(model.sets == (rejected ? 0 : 1));
    CHECK(session.state("field").stored == (rejected ? lily::stored_state::rejected : lily::stored_state::loaded));
    if (!rejected) CHECK(same(model.value, value(one["value"])));
  }
}

TEST_CASE("cases: S2 texts") {
  const place here;
  const cases all = load("texts.json");
  CHECK(all.size() > 50);
  for (int again = 0; again < 2; again++) {
    const lily::storage storage = lily::storage::open(here.journal());
    for (const cases &one : all) {
      CAPTURE(one["name"]);
      const std::string key = one["name"];
      if (again == 0) storage.set(key, text(one["json"]));
      CHECK(stored(storage, key) == text(one["stored"]));
    }
  }
}

TEST_CASE("cases: S2 refused") {
  const lily::storage storage = lily::storage::memory();
  const cases all = load("refused.json");
  CHECK(all.size() > 100);
  for (const cases &one : all) {
    CAPTURE(one["name"]);
    CHECK(fails(lily::status::decode, [&] { storage.set("key", text(one["json"])); }));
  }
  CHECK(storage.info().entries == 0);
}

TEST_CASE("cases: S1 keys") {
  const lily::storage storage = lily::storage::memory();
  lily::persistence<int> fields;
  const cases all = load("keys.json");
  CHECK(all.size() > 40);
  std::int64_t accepted = 0;
  for (const cases &one : all) {
    CAPTURE(one["name"]);
    const std::string key = text(one["key"]);
    const auto set = [&] { storage.set(key, "1"); };
    const auto add = [&] { fields.field(key, [](const int &) { return false; }, [](int &, bool) {}); };
    if (one["storage"].get<bool>()) { set(); accepted++; } else CHECK(fails(lily::status::invalid_argument, set));
    if (one["field"].get<bool>()) add(); else CHECK(fails(lily::status::invalid_argument, add));
  }
  CHECK(storage.info().entries == accepted);
}
