#include "samples.hpp"

#include <algorithm>
#include <numeric>

void Samples::report(benchmark::State &state) {
  std::sort(all.begin(), all.end());
  const std::pair<const char *, double> ranks[] = {{"p0", 0},       {"p50", 0.5},      {"p90", 0.9}, {"p99", 0.99},
                                                   {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p100", 1}};
  for (auto [name, rank] : ranks) state.counters[name] = all[size_t(rank * double(all.size() - 1))];
  state.counters["mean"] = std::accumulate(all.begin(), all.end(), 0.0) / double(all.size());
  state.counters["count"] = double(all.size());
}
