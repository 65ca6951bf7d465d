// Measures a server with many users: a request, a log-out, opening, a sweep of users who are gone, and the disk and memory that they take.
#include "users.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <ctime>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Peer {
  const char *name;
  std::unique_ptr<Users> (*make)(const std::string &directory);
  bool is_opened; // false if there is nothing to open before a request
  bool has_sweep;
};

// A store with its users, which the first benchmark that needs it makes.
class Population {
 public:
  Population(const Peer &peer, int count) : make_store(peer.make), has_sweep(peer.has_sweep), count(count) {}
  ~Population() {
    if (!users) return;
    users->close();
    std::filesystem::remove_all(directory);
  }

  Users &store() {
    if (!users) make();
    return *users;
  }

  // Returns one user after the other, each once before one comes again, in an order that looks random.
  int next() {
    // The constants give this the longest period if the count is a power of ten.
    at = int((int64_t(at) * 4221 + 7919) % count);
    return at;
  }

  void put(int number, bool is_expired = false) {
    store().put(number, is_expired);
    pages[size_t(number)] = 0;
  }

  void request() {
    Users &to = store();
    int64_t &known = pages[size_t(next())];
    require(to.request(at, ++turn) == known, "what the request before has stored is read");
    known = turn;
  }

  // Removes what earlier requests have left of users, so that all have an equally short history. If there are far more users than requests, they
  // have it anyway.
  void renew() {
    if (!has_sweep || count > Users::SWEPT) return;
    for (int number = 0; number < count; number++) put(number, true);
    sweep(count);
    for (int number = 0; number < count; number++) put(number);
  }

  // Removes those who have expired, and returns how long the longest step took, in seconds.
  double sweep(int expired) {
    int64_t longest = 0;
    while (expired > 0) {
      int64_t before = now_ns();
      expired -= store().sweep();
      longest = std::max(longest, now_ns() - before);
    }
    require(expired == 0, "only those who have expired are removed");
    return double(longest) * 1e-9;
  }

  // Returns how much memory requests make dirty, from opening the store on. A child process serves them.
  int64_t dirty_bytes_of_requests(int count) {
    Users &to = store();
    to.close();
    int64_t more = dirty_bytes_of([&] {
      const int64_t first = turn + 1;
      to.open();
      for (int64_t each = first; each < first + count; each++) to.request(next(), each);
    });
    to.open();
    for (int each = 0; each < count; each++) pages[size_t(next())] = ++turn; // what the child has stored
    return more;
  }

  double disk_per_user() {
    store();
    return disk;
  }

 private:
  void make() {
    directory = make_directory("users");
    users = make_store(directory);
    users->open();
    pages.resize(size_t(count));
    for (int number = 0; number < count; number++) put(number);
    users->close(); // which empties SQLite's log
    int64_t blocks = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(directory)) {
      struct stat status;
      REQUIRE(lstat(entry.path().c_str(), &status) == 0);
      blocks += status.st_blocks;
    }
    disk = double(blocks) * 512 / count;
    // Otherwise the files would be written out while something is measured.
    int folder = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(folder >= 0 && syncfs(folder) == 0);
    close(folder);
    users->open();
  }

  std::unique_ptr<Users> (*make_store)(const std::string &directory);
  bool has_sweep;
  int count;
  std::string directory;
  std::unique_ptr<Users> users;
  std::vector<int64_t> pages; // of each user
  int64_t turn = 0;
  double disk = 0;
  int at = 0;
};

void run_request(benchmark::State &state, Population &users) {
  users.store();
  users.renew();
  for (auto _ : state) users.request();
  state.counters["disk"] = users.disk_per_user();
}

void run_logout(benchmark::State &state, Population &users) {
  users.renew();
  Users &store = users.store();
  for (auto _ : state) {
    int number = users.next();
    int64_t before = now_ns();
    store.log_out(number);
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    users.put(number);
  }
}

void run_open(benchmark::State &state, Population &users) {
  Users &store = users.store();
  store.close();
  for (auto _ : state) {
    store.open();
    store.close();
  }
  store.open();
}

// Measures the longest step in which users are removed, if as many have expired as one step removes, or all.
void run_sweep(benchmark::State &state, Population &users, int count) {
  std::vector<int> expired(size_t(std::min(count, Users::SWEPT)));
  for (auto _ : state) {
    for (int &number : expired) users.put(number = users.next(), true);
    state.SetIterationTime(users.sweep(int(expired.size())));
    for (int number : expired) users.put(number);
  }
}

void run_memory(benchmark::State &state, Population &users) {
  for (auto _ : state) state.counters["dirty"] = double(users.dirty_bytes_of_requests(is_quick() ? 10 : 1000));
}

const int registered = [] {
  static const Peer peers[] = {
      {"lily-session", users_of_lily, true, true},
      {"SQLite WAL, NORMAL", users_of_sqlite, true, true},
      {"LMDB, NOSYNC", users_of_lmdb, true, false},
      {"JSON file + rename", users_of_json_files, false, false},
      {"the system calls alone", users_of_bare_calls, false, true},
  };
  static std::deque<Population> populations;
  for (int named : {100, 1000, 10000, 100000}) {
    int count = is_quick() ? 100 : named;
    for (const Peer &peer : peers) {
      Population &users = populations.emplace_back(peer, count);
      auto add = [&](const char *work, auto run, int iterations) {
        std::string name = "users/" + std::to_string(named) + "/" + work + "/" + peer.name;
        return benchmark::RegisterBenchmark(name.c_str(), [&users, run](benchmark::State &state) { run(state, users); })
            ->Iterations(is_quick() ? 1 : iterations);
      };
      add("request", run_request, 1000)->UseRealTime();
      // Each user has 130 requests here. After about 120, the library rewrites a user's file.
      if (named == 100) add("many", run_request, 13000)->Repetitions(3)->UseRealTime();
      add("logout", run_logout, 200)->UseManualTime();
      add("memory", run_memory, 1)->Repetitions(1);
      if (peer.is_opened) add("open", run_open, 10)->UseRealTime();
      if (peer.has_sweep) add("sweep", [count](auto &state, auto &users) { run_sweep(state, users, count); }, 1)->Repetitions(3)->UseManualTime();
    }
  }
  return 0;
}();

} // namespace

static std::string folder_of_users(const std::string &directory, int folder) {
  char name[8];
  std::snprintf(name, sizeof name, "/%02x", folder);
  return directory + name;
}

void make_user_folders(const std::string &directory) {
  for (int folder = 0; folder < 256; folder++) std::filesystem::create_directory(folder_of_users(directory, folder));
}

std::string user_file(const std::string &directory, int number) { return folder_of_users(directory, number % 256) + '/' + user_key(number) + ".json"; }

int64_t wall_clock_ms() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return int64_t(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
}
