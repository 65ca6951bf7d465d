// Times taken one by one, over all repetitions of a benchmark, for what an average hides.
#pragma once
#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

class Samples {
 public:
  void add(int64_t ns) { all.push_back(uint32_t(ns)); }
  // As counters: count, mean, p0, p50, p90, p99, p99.9, p99.99, p100, of all until now.
  void report(benchmark::State &state);

 private:
  std::vector<uint32_t> all;
};
