#include "workload.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int VARIANTS = 16;

std::string make_text(Kind kind, int variant) {
  char text[32];
  std::snprintf(text, sizeof text, "value-%010d", variant * 7919);
  if (kind == Kind::string) return text;
  // The JSON text is a list of small objects, such as a cart.
  std::string json = "[";
  for (int item = 0; json.size() < 4000; item++) {
    char object[128];
    std::snprintf(object, sizeof object, "%s{\"id\":%d,\"name\":\"item %04d of %s\",\"count\":%d}", item ? "," : "", 100000 + item,
                  item, text, item % 10);
    json += object;
  }
  json += ",\"";
  json.append(4096 - json.size() - 2, '.');
  return json + "\"]";
}

// Returns a text that never moves, so that views of it stay valid.
const std::string &text_of(Kind kind, int variant) {
  static const auto all = [] {
    std::array<std::array<std::string, VARIANTS>, 3> made;
    for (int variant = 0; variant < VARIANTS; variant++) {
      for (Kind each : {Kind::string, Kind::json}) made[int(each)][variant] = make_text(each, variant);
    }
    return made;
  }();
  return all[int(kind)][variant];
}

// Returns the size of the memory of this process that is dirty and not shared.
int64_t dirty_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    long long kib;
    if (std::sscanf(line.c_str(), "Private_Dirty: %lld", &kib) == 1) return kib * 1024;
  }
  fail("/proc/self/smaps_rollup has no Private_Dirty");
}

} // namespace

std::string_view storage_key(int field) {
  static std::deque<std::string> keys;
  while (int(keys.size()) <= field) {
    char key[48];
    std::snprintf(key, sizeof key, "lily_session_field_%02d", int(keys.size()));
    keys.emplace_back(key);
  }
  return keys[field];
}

const char *field_key(int field) { return storage_key(field).data() + 13; }

Value value_of(Kind kind, int field, uint64_t turn) {
  int variant = int((turn + uint64_t(field)) % VARIANTS);
  if (kind == Kind::integer) return {kind, {}, 1000000 + variant};
  return {kind, text_of(kind, variant), 0};
}

std::vector<Change> first_values(Kind kind) {
  std::vector<Change> changes;
  for (int field = 0; field < FIELDS; field++) changes.push_back({field, storage_key(field), value_of(kind, field, VARIANTS / 2)});
  return changes;
}

Updates::Updates(Kind kind, int changed) : kind(kind) {
  for (int field = 0; field < changed; field++) changes.push_back({field, storage_key(field), value_of(kind, field, 0)});
}

const std::vector<Change> &Updates::next() {
  turn++;
  for (Change &change : changes) change.value = value_of(kind, change.field, turn);
  return changes;
}

bool is_quick() {
  static const bool quick = std::getenv("BENCH_QUICK") != nullptr;
  return quick;
}

std::string make_directory(const std::string &name) {
  const char *root = std::getenv("BENCH_DATA");
  require(root != nullptr, "BENCH_DATA names the directory for files; bench/run sets it");
  static int number = 0;
  std::filesystem::path path = std::filesystem::path(root) / (name + "-" + std::to_string(number++));
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
}

int64_t dirty_bytes_of(const std::function<void()> &work) {
  int pair[2];
  REQUIRE(pipe(pair) == 0);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int64_t before = dirty_bytes();
    before = dirty_bytes(); // now without the memory that reading the file made dirty
    work();
    int64_t more = dirty_bytes() - before;
    _exit(write(pair[1], &more, sizeof more) == ssize_t(sizeof more) ? 0 : 1);
  }
  int64_t more;
  REQUIRE(read(pair[0], &more, sizeof more) == ssize_t(sizeof more));
  REQUIRE(waitpid(child, nullptr, 0) == child);
  close(pair[0]);
  close(pair[1]);
  return more;
}

void fail(const std::string &what) {
  std::fprintf(stderr, "bench: failed: %s\n", what.c_str());
  std::exit(1);
}
