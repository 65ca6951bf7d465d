// The work for every store: the keys, the values, and the changes of an update.
#pragma once
#include <cstdint>
#include <functional>
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

// The number of fields of the model in the benchmarks of updates.
constexpr int FIELDS = 20;

// Returns the key under which a field is stored in all stores, such as "lily_session_field_07".
std::string_view storage_key(int field);
// Returns the key without the prefix, such as "field_07".
const char *field_key(int field);

// Returns the value of a field in a turn. It differs from the value in the turn before, and has the same size: 16 bytes of text, a number
// of seven digits, or 4 KiB of JSON. The texts are made before anything is measured.
Value value_of(Kind kind, int field, uint64_t turn);

// Returns a value for each field, for a store to begin with. They differ from the first values of Updates.
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

// Returns true if BENCH_QUICK is set. Everything runs once then, and with little data, to check that it works.
bool is_quick();

// Makes an empty directory below BENCH_DATA, and returns its path.
std::string make_directory(const std::string &name);

int64_t now_ns();

// Does some work in a child process, in which each page that is written to becomes private, and so dirty. Returns the size of those pages.
int64_t dirty_bytes_of(const std::function<void()> &work);

// Prints a message and ends the program, as figures of a store that failed would mean nothing.
[[noreturn]] void fail(const std::string &what);
inline void require(bool good, const char *what) {
  if (!good) fail(what);
}
#define REQUIRE(condition) require((condition), #condition)
