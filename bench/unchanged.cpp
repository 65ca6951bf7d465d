// Measures an update in which nothing changes. With the host's revision the library need not look at the fields. Without it, the library
// gets and compares each field.
#include "loop.h"
#include "session.hpp"

#include <benchmark/benchmark.h>

namespace {

// The functions are called through pointers that the compiler cannot see through, as the library calls the host.
lily_session_update_fn volatile update_call = update;
lily_session_get_fn volatile get_call = get_field;

struct Fields {
  explicit Fields(int count) {
    for (int at = 0; at < count; at++) places.push_back(size_t(at));
  }
  // The context of get_field begins with the index of the field.
  void *context(int at) { return &places[at]; }
  std::vector<size_t> places;
};

void run_bare_update(benchmark::State &state) {
  Session session(Kind::string, 0);
  for (auto _ : state) benchmark::DoNotOptimize(update_call(nullptr, &session.model, nullptr));
}

void run_bare_gets(benchmark::State &state, Kind kind, int count) {
  Session session(kind, count);
  Fields fields(count);
  lily_session_update_fn call_update = update_call;
  lily_session_get_fn call_get = get_call;
  for (auto _ : state) {
    benchmark::DoNotOptimize(call_update(nullptr, &session.model, nullptr));
    for (int at = 0; at < count; at++) {
      lily_session_value value;
      call_get(fields.context(at), &session.model, &value);
      benchmark::DoNotOptimize(value);
    }
  }
}

void run_loop(benchmark::State &state, Kind kind, int count, bool has_revision) {
  Session session(kind, count);
  Fields fields(count);
  std::vector<loop_field> list(count);
  for (int at = 0; at < count; at++) list[at] = {get_field, fields.context(at), {}};
  loop loop = {&session.model, update, has_revision ? get_revision : nullptr, 0, list.size(), list.data()};
  loop_begin(&loop);
  for (auto _ : state) REQUIRE(loop_dispatch(&loop, nullptr) == 0);
  loop_end(&loop);
}

void run_library(benchmark::State &state, Kind kind, int count, bool has_revision) {
  std::string path = make_directory("unchanged") + "/session.jsonl";
  lily_session_storage *storage = open_storage(path);
  Session session(kind, count);
  session.attach(storage, has_revision);
  for (auto _ : state) session.dispatch(nullptr);
  session.detach();
  lily_session_storage_close(storage);
}

const int registered = [] {
  using benchmark::RegisterBenchmark;
  RegisterBenchmark("revision/20/bare update", run_bare_update);
  RegisterBenchmark("revision/20/C loop", run_loop, Kind::string, 20, true);
  RegisterBenchmark("revision/20/lily-session", run_library, Kind::string, 20, true);
  for (auto [kind, name] : {std::pair(Kind::string, "string"), {Kind::integer, "integer"}}) {
    for (int count : {20, 100}) {
      std::string group = std::string("compare/") + name + "/" + std::to_string(count) + "/";
      RegisterBenchmark((group + "bare gets").c_str(), run_bare_gets, kind, count);
      RegisterBenchmark((group + "C loop").c_str(), run_loop, kind, count, false);
      RegisterBenchmark((group + "lily-session").c_str(), run_library, kind, count, false);
    }
  }
  return 0;
}();

} // namespace
