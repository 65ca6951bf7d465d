// Measures log-out, which removes all 20 fields in one step. Before each run they are stored again, which is not measured.
#include "store.hpp"

#include <benchmark/benchmark.h>

namespace {

const int registered = [] {
  for (const Contestant &each : contestants()) {
    std::string name = std::string("clear/") + (each.survives == Survives::kill ? "kill/" : "power/") + each.name;
    benchmark::RegisterBenchmark(name.c_str(), [&each](benchmark::State &state) {
      std::unique_ptr<Store> store = each.open(make_directory("clear"), Kind::string);
      Updates updates(Kind::string, FIELDS);
      for (auto _ : state) {
        store->put(updates.next());
        int64_t before = now_ns();
        store->clear();
        state.SetIterationTime(double(now_ns() - before) * 1e-9);
      }
    })->UseManualTime();
  }
  return 0;
}();

} // namespace
