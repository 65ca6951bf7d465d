// The times of single operations over all repetitions of a benchmark, to show what an average hides.
#pragma once
#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

class Samples {
 public:
  void add(int64_t ns) { all.push_back(uint32_t(ns)); }
  // Sets the counters count, mean, p0, p50, p90, p99, p99.9, p99.99 and p100 from all times so far.
  void report(benchmark::State &state);

 private:
  std::vector<uint32_t> all;
};
