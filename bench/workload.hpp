// What is stored, the same for every store: keys, values, and which of them an update changes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

enum class Kind { string, integer, json };

struct Value {
  Kind kind = Kind::string;
  std::string_view text; // a string's characters, or JSON text
  int64_t number = 0;
};

struct Change {
  int field;
  std::string_view key; // NUL-terminated
  Value value;
};

// How many fields the model has in the benchmarks of updates.
constexpr int FIELDS = 20;

// The key under which a field is stored, in all stores: "lily_session_field_07".
std::string_view storage_key(int field);
// The same without the prefix: "field_07".
const char *field_key(int field);

// What a field has in some turn: another value than in the turn before, of the same size. 16 bytes of text, a number of
// seven digits, or 4 KiB of JSON, made before anything is measured.
Value value_of(Kind kind, int field, uint64_t turn);

// A value for each field, for a store to begin with; other ones than the first of Updates.
std::vector<Change> first_values(Kind kind);

// Updates that change the first `changed` of the fields, one after the other, each with new values.
class Updates {
 public:
  Updates(Kind kind, int changed);
  const std::vector<Change> &next();

 private:
  Kind kind;
  uint64_t turn = 0;
  std::vector<Change> changes;
};

// BENCH_QUICK is set: everything once, and small, to see that it works.
bool is_quick();

// A fresh directory for files, below BENCH_DATA.
std::string make_directory(const std::string &name);

int64_t now_ns();

// Ends the program: a benchmark of something that failed would be a benchmark of nothing.
[[noreturn]] void fail(const std::string &what);
inline void require(bool good, const char *what) {
  if (!good) fail(what);
}
#define REQUIRE(condition) require((condition), #condition)
