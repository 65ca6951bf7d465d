// Measures calls while the server is down: it was killed, or it hangs. Each is an update that cannot be stored, so it returns an error.
#include "storage.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <unistd.h>

namespace {

constexpr int64_t TIMEOUT_MS = 200;

// A session that goes on while the server is down.
class Stubborn {
 public:
  Stubborn() : all(open_redis(TIMEOUT_MS)), scope(open_scope(all, "down")), session(Kind::string, FIELDS) {
    session.attach(scope);
    REQUIRE(update() == LILY_SESSION_OK);
  }
  ~Stubborn() {
    session.detach();
    lily_session_storage_close(scope);
    lily_session_storage_close(all);
  }

  // Makes an update, and notes how long it took.
  lily_session_status update() {
    const std::vector<Change> &changes = updates.next();
    int64_t before = now_ns();
    lily_session_status status = lily_session_runtime_dispatch(session.runtime, &changes);
    took = now_ns() - before;
    return status;
  }
  int64_t took = 0;

 private:
  lily_session_storage *all, *scope;
  Session session;
  Updates updates{Kind::string, 1};
};

// Counts, in nanoseconds: the first call after the server has gone, the median and the slowest of those after it, and how long after the
// server is back the first one succeeds.
void run(benchmark::State &state, void (*leave)(Server &), void (*come_back)(Server &)) {
  for (auto _ : state) {
    Stubborn program;
    std::vector<int64_t> later;
    leave(server());
    REQUIRE(program.update() != LILY_SESSION_OK);
    const int64_t first = program.took;
    for (int64_t end = now_ns() + (is_quick() ? 1 : 5) * TIMEOUT_MS * 1000000; now_ns() < end || later.size() < 10; usleep(1000)) {
      REQUIRE(program.update() != LILY_SESSION_OK);
      later.push_back(program.took);
    }
    std::sort(later.begin(), later.end());
    come_back(server());
    const int64_t back = now_ns();
    while (program.update() != LILY_SESSION_OK) usleep(1000);
    state.counters["back"] = double(now_ns() - back);
    state.counters["first"] = double(first);
    state.counters["median"] = double(later[later.size() / 2]);
    state.counters["slowest"] = double(later.back());
    state.counters["timeout"] = TIMEOUT_MS * 1e6;
  }
}

const int registered = [] {
  benchmark::RegisterBenchmark("redis/down/killed", run, [](Server &gone) { gone.kill(); }, [](Server &gone) { gone.start(); })
      ->Iterations(1)->Repetitions(1)->UseRealTime();
  benchmark::RegisterBenchmark("redis/down/hangs", run, [](Server &gone) { gone.pause(); }, [](Server &gone) { gone.resume(); })
      ->Iterations(1)->Repetitions(1)->UseRealTime();
  return 0;
}();

} // namespace
