// Measures single updates, to find how long the slowest of a million takes.
#include "samples.hpp"
#include "store.hpp"

namespace {

struct Timed {
  std::unique_ptr<Store> store;
  Updates updates{Kind::string, 1};
  Samples samples;
};

void run(benchmark::State &state, const Contestant &contestant, Timed &timed) {
  if (!timed.store) {
    timed.store = contestant.open(make_directory("single"), Kind::string);
    timed.store->put(first_values(Kind::string));
  }
  for (auto _ : state) {
    const std::vector<Change> &changes = timed.updates.next();
    int64_t before = now_ns();
    timed.store->put(changes);
    int64_t took = now_ns() - before;
    timed.samples.add(took);
    state.SetIterationTime(double(took) * 1e-9);
  }
  timed.samples.report(state);
}

// The names are like "single/kill/lily-session". With 20 repetitions there are a million updates, or 5,000 for slow stores.
const int registered = [] {
  for (const auto *list : {&contestants(), &limits()}) {
    for (const Contestant &each : *list) {
      std::string name = std::string("single/") + (each.survives == Survives::kill ? "kill/" : "power/") + each.name;
      auto timed = std::make_shared<Timed>();
      benchmark::RegisterBenchmark(name.c_str(), [timed, &each](benchmark::State &state) { run(state, each, *timed); })
          ->UseManualTime()
          ->Iterations(is_quick() ? 10 : each.is_slow ? 250 : 50000);
    }
  }
  return 0;
}();

} // namespace
