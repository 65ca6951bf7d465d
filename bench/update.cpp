// Measures an update that changes 1 or all of 20 fields, in each store, and in stores that have many other keys.
#include "store.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <filesystem>
#include <map>

namespace {

// A store that stays open over all repetitions, and continues with its updates.
struct Opened {
  std::unique_ptr<Store> store;
  Updates updates;
  int64_t largest_file = 0;
};

using Prepare = std::function<void(Opened &opened, const std::string &directory)>;

Opened &open_once(const std::string &name, const Contestant &contestant, Kind kind, int changed, const Prepare &prepare) {
  static std::map<std::string, Opened> all;
  auto found = all.find(name);
  if (found == all.end()) {
    std::string directory = make_directory("update");
    found = all.emplace(name, Opened{contestant.open(directory, kind), Updates(kind, changed)}).first;
    found->second.store->put(first_values(kind));
    prepare(found->second, directory);
  }
  return found->second;
}

void run(benchmark::State &state, Opened &opened) {
  const std::vector<Change> *last = nullptr;
  for (auto _ : state) {
    last = &opened.updates.next();
    opened.store->put(*last);
  }
  opened.store->check(last->front());
}

const char *name_of(Kind kind) { return kind == Kind::string ? "string" : kind == Kind::integer ? "integer" : "json4k"; }

// Returns the number of updates in a repetition. Together they take some milliseconds.
int updates_of(const Contestant &contestant) { return contestant.is_slow ? 10 : is_quick() ? 20 : 1500; }

// Adds a benchmark with a name like "update/string/1/kill/lily-session".
void add(const Contestant &contestant, Kind kind, int changed) {
  std::string name = std::string("update/") + name_of(kind) + "/" + std::to_string(changed) + "/" +
                     (contestant.survives == Survives::kill ? "kill/" : "power/") + contestant.name;
  benchmark::RegisterBenchmark(name.c_str(), [=, &contestant](benchmark::State &state) {
    run(state, open_once(name, contestant, kind, changed, [](Opened &, const std::string &) {}));
  })->UseRealTime()->Iterations(updates_of(contestant));
}

// Adds a benchmark with a name like "size/1000/lily-session".
void add_size(const Contestant &contestant, int others) {
  std::string name = "size/" + std::to_string(others) + "/" + contestant.name;
  benchmark::RegisterBenchmark(name.c_str(), [=, &contestant](benchmark::State &state) {
    run(state, open_once(name, contestant, Kind::string, 1, [=](Opened &opened, const std::string &) {
      opened.store->preload(is_quick() ? std::min(others, 100) : others);
    }));
  })->UseRealTime()->Iterations(updates_of(contestant));
}

// Adds a benchmark that runs after a million updates. After each of these the size of the file is looked up.
void add_after_million(const Contestant &contestant) {
  std::string name = "size/after a million/" + contestant.name;
  benchmark::RegisterBenchmark(name.c_str(), [=, &contestant](benchmark::State &state) {
    Opened &opened = open_once(name, contestant, Kind::string, 1, [](Opened &opened, const std::string &directory) {
      opened.store->preload(10);
      for (int at = 0; at < (is_quick() ? 1000 : 1000000); at++) {
        opened.store->put(opened.updates.next());
        opened.largest_file = std::max(opened.largest_file, int64_t(std::filesystem::file_size(directory + "/session.jsonl")));
      }
    });
    run(state, opened);
    state.counters["largest_file"] = double(opened.largest_file);
  })->UseRealTime()->Iterations(updates_of(contestant));
}

const int registered = [] {
  for (const auto *list : {&contestants(), &limits()}) {
    for (const Contestant &each : *list) {
      for (Kind kind : {Kind::string, Kind::integer, Kind::json}) add(each, kind, 1);
      for (Kind kind : {Kind::string, Kind::integer}) add(each, kind, FIELDS);
    }
  }
  for (const char *name : {"lily-session", "SQLite WAL, NORMAL", "LMDB, NOSYNC", "LevelDB", "JSON file + rename"}) {
    for (int others : {10, 100, 1000, 10000, 100000}) add_size(contestant(name), others);
  }
  add_after_million(contestant("lily-session"));
  return 0;
}();

} // namespace
