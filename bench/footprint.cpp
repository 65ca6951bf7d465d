// Measures what the library costs a program: the time to load it, the size of its file, and the memory that it makes dirty.
#include "store.hpp"

#include <benchmark/benchmark.h>
#include <cstdio>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

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

long long dirty_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    long long kib;
    if (std::sscanf(line.c_str(), "Private_Dirty: %lld", &kib) == 1) return kib * 1024;
  }
  fail("/proc/self/smaps_rollup has no Private_Dirty");
}

// Measures 20 fields and 1,000 updates in a child process, in which each page that is written to becomes private, and so dirty.
void run_in_use(benchmark::State &state, const Contestant &contestant) {
  for (auto _ : state) {
    std::string directory = make_directory("footprint");
    int pair[2];
    REQUIRE(pipe(pair) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::vector<Change> first = first_values(Kind::string);
      Updates updates(Kind::string, 1);
      long long before = dirty_bytes();
      before = dirty_bytes(); // now without the memory that reading the file made dirty
      std::unique_ptr<Store> store = contestant.open(directory, Kind::string);
      store->put(first);
      for (int at = 0; at < (is_quick() ? 10 : 1000); at++) store->put(updates.next());
      long long more = dirty_bytes() - before;
      _exit(write(pair[1], &more, sizeof more) == ssize_t(sizeof more) ? 0 : 1);
    }
    long long more;
    REQUIRE(read(pair[0], &more, sizeof more) == ssize_t(sizeof more));
    REQUIRE(waitpid(child, nullptr, 0) == child);
    close(pair[0]);
    close(pair[1]);
    state.counters["dirty"] = double(more);
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
