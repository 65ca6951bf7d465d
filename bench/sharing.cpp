// Measures a change by another process: what a refresh costs, and how long after the other's update the field is set.
#include "samples.hpp"
#include "session.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// Another process, which does something each time it is told to, and reports when it began.
class Other {
 public:
  template <typename Make> explicit Other(Make make) {
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    process = fork();
    REQUIRE(process >= 0);
    if (process == 0) {
      close(pair[0]);
      auto act = make();
      char told;
      while (read(pair[1], &told, 1) == 1) {
        int64_t began = now_ns();
        act();
        if (write(pair[1], &began, sizeof began) != ssize_t(sizeof began)) break;
      }
      _exit(0);
    }
    close(pair[1]);
    line = pair[0];
  }
  ~Other() {
    close(line);
    waitpid(process, nullptr, 0);
  }
  void tell() { REQUIRE(write(line, "!", 1) == 1); }
  int64_t began() {
    int64_t time;
    REQUIRE(read(line, &time, sizeof time) == ssize_t(sizeof time));
    return time;
  }

 private:
  pid_t process;
  int line;
};

// Returns the work of the other process: it opens its own storage, and updates one of 20 fields.
auto updater(const std::string &path) {
  return [path] {
    auto *session = new Session(Kind::string, 20);
    session->attach(open_storage(path));
    return [session, updates = Updates(Kind::string, 1)]() mutable { session->dispatch(&updates.next()); };
  };
}

void wait_for(int descriptor) {
  pollfd readable = {descriptor, POLLIN, 0};
  REQUIRE(poll(&readable, 1, 5000) == 1);
}

void run_refresh(benchmark::State &state, bool is_changed) {
  std::string path = make_directory("refresh") + "/session.jsonl";
  Other other(updater(path));
  lily_session_storage *storage = open_storage(path);
  Session session(Kind::string, 20);
  session.attach(storage);
  for (auto _ : state) {
    if (is_changed) {
      other.tell();
      other.began();
    }
    session.model.sets = 0;
    int64_t before = now_ns();
    REQUIRE(lily_session_refresh(session.session) == LILY_SESSION_OK);
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(session.model.sets == (is_changed ? 1 : 0));
  }
  session.detach();
  lily_session_storage_close(storage);
}

// Measures the time from the beginning of the other's update until the field is set here. This process sleeps in poll until then.
void run_latency(benchmark::State &state, Samples &samples) {
  std::string path = make_directory("latency") + "/session.jsonl";
  Other other(updater(path));
  lily_session_storage *storage = open_storage(path);
  Session session(Kind::string, 20);
  session.attach(storage);
  int descriptor = lily_session_storage_fd(storage);
  REQUIRE(descriptor >= 0);
  for (auto _ : state) {
    session.model.sets = 0;
    other.tell();
    // The descriptor may also wake it without a change, and for the reserve that is written before the line.
    while (session.model.sets == 0) {
      wait_for(descriptor);
      REQUIRE(lily_session_refresh(session.session) == LILY_SESSION_OK);
    }
    int64_t took = now_ns() - other.began();
    samples.add(took);
    state.SetIterationTime(double(took) * 1e-9);
  }
  samples.report(state);
  session.detach();
  lily_session_storage_close(storage);
}

// Measures the limit: the other process writes a byte to a pipe, which this process polls.
void run_pipe(benchmark::State &state, Samples &samples) {
  int pair[2];
  REQUIRE(pipe(pair) == 0);
  {
    Other other([=] { return [=] { REQUIRE(write(pair[1], "!", 1) == 1); }; });
    for (auto _ : state) {
      char byte;
      other.tell();
      wait_for(pair[0]);
      REQUIRE(read(pair[0], &byte, 1) == 1);
      int64_t took = now_ns() - other.began();
      samples.add(took);
      state.SetIterationTime(double(took) * 1e-9);
    }
  }
  samples.report(state);
  close(pair[0]);
  close(pair[1]);
}

const int registered = [] {
  using benchmark::RegisterBenchmark;
  RegisterBenchmark("refresh/nothing new", run_refresh, false)->UseManualTime();
  RegisterBenchmark("refresh/1 of 20 changed", run_refresh, true)->UseManualTime();
  static Samples latency, pipe;
  const auto add = [](const char *name, auto run) { RegisterBenchmark(name, run)->UseManualTime()->Iterations(is_quick() ? 10 : 1000); };
  add("latency/lily-session", [](benchmark::State &state) { run_latency(state, latency); });
  add("latency/pipe", [](benchmark::State &state) { run_pipe(state, pipe); });
  return 0;
}();

} // namespace
