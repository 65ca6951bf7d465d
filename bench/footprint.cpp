// Measures what the library costs a program: the time to load it, the size of its file, and the memory that it makes dirty.
#include "store.hpp"

#include <benchmark/benchmark.h>
#include <cstdio>

namespace {

// Each run is a separate process: bench/probe.c.
void run_load(benchmark::State &state, const std::string &library, const char *symbol) {
  const std::string command = std::string("'") + std::getenv("BENCH_PROBE") + "' '" + library + "' " + symbol;
  for (auto _ : state) {
    FILE *probe = popen(command.c_str(), "re");
    long long ns, dirty, size;
    REQUIRE(probe != nullptr && std::fscanf(probe, "%lld %lld %lld", &ns, &dirty, &size) == 3);
    REQUIRE(pclose(probe) == 0);
    state.SetIterationTime(double(ns) * 1e-9);
    state.counters["dirty"] = double(dirty);
    state.counters["size"] = double(size);
  }
}

// Measures 20 fields and 1,000 updates.
void run_in_use(benchmark::State &state, const Contestant &contestant) {
  for (auto _ : state) {
    std::string directory = make_directory("footprint");
    std::vector<Change> first = first_values(Kind::string);
    Updates updates(Kind::string, 1);
    state.counters["dirty"] = double(dirty_bytes_of([&] {
      std::unique_ptr<Store> store = contestant.open(directory, Kind::string);
      store->put(first);
      for (int at = 0; at < (is_quick() ? 10 : 1000); at++) store->put(updates.next());
      store.release(); // because a store that is closed has given its memory back
    }));
  }
}

const int registered = [] {
  using benchmark::RegisterBenchmark;
  // BENCH_LIBRARY is the stripped library. If it is not set, the library that the linker finds is measured.
  const char *stripped = std::getenv("BENCH_LIBRARY");
  const struct { const char *name, *library, *function; } libraries[] = {
      {"lily-session", stripped ? stripped : "liblily_session.so.0", "lily_session_version"},
      {"SQLite", "libsqlite3.so.0", "sqlite3_libversion"},
      {"GLib", "libglib-2.0.so.0", "g_get_prgname"},
      {"GLib + GIO", "libgio-2.0.so.0", "g_io_error_quark"},
  };
  for (const auto &each : libraries) {
    std::string name = std::string("load/") + each.name;
    RegisterBenchmark(name.c_str(), run_load, std::string(each.library), each.function)->UseManualTime()->Iterations(1);
  }
  for (const Contestant &each : contestants()) {
    if (each.survives == Survives::kill) RegisterBenchmark(("in use/" + each.name).c_str(), run_in_use, each)->Iterations(1);
  }
  return 0;
}();

} // namespace
