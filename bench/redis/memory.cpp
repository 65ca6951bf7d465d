// Measures the memory of the server for a million sessions, of eight fields each, which are about 190 bytes as JSON.
#include "../user.hpp"
#include "storage.hpp"

#include <benchmark/benchmark.h>

namespace {

struct Entry {
  const char *key;
  std::string json;
};

std::vector<Entry> entries_of(const User &user) {
  const auto quoted = [](const char *text) { return '"' + std::string(text) + '"'; };
  return {{"lily_session_token", quoted(user.token)},       {"lily_session_name", quoted(user.name)},
          {"lily_session_email", quoted(user.email)},       {"lily_session_theme", quoted(user.theme)},
          {"lily_session_language", quoted(user.language)}, {"lily_session_cart", quoted(user.cart)},
          {"lily_session_pages", std::to_string(user.pages)}, {"lily_session_since", std::to_string(user.since)}};
}

void put_by_library(int count) {
  lily_session_storage *all = open_redis();
  for (int number = 0; number < count; number++) {
    std::vector<lily_session_entry> written;
    const std::vector<Entry> entries = entries_of(make_user(number));
    for (const Entry &each : entries) written.push_back({each.key, each.json.c_str(), each.json.size(), 0, 0});
    lily_session_storage *scope = open_scope(all, user_key(number));
    REQUIRE(lily_session_storage_write(scope, written.data(), written.size()) == LILY_SESSION_OK);
    lily_session_storage_close(scope);
  }
  lily_session_storage_close(all);
}

// Has the replies of so many commands wait at once.
constexpr int BEHIND = 1000;

template <typename Put> void put_by_hiredis(int count, int commands, Put put) {
  Client client(server().socket());
  for (int number = 0; number < count; number += BEHIND) {
    int end = std::min(count, number + BEHIND);
    for (int each = number; each < end; each++) put(client, each);
    for (int each = (end - number) * commands; each > 0; each--) client.receive();
  }
}

constexpr const char *LIFE_MS = "2592000000"; // thirty days

void put_hashes(int count) {
  put_by_hiredis(count, 2, [](Client &client, int number) {
    const std::string key = user_key(number);
    const std::vector<Entry> entries = entries_of(make_user(number));
    std::vector<std::string_view> command = {"HSET", key};
    for (const Entry &each : entries) command.insert(command.end(), {each.key + 13, each.json});
    client.append(command);
    client.append({"PEXPIRE", key, LIFE_MS});
  });
}

void put_texts(int count) {
  put_by_hiredis(count, 1, [](Client &client, int number) {
    client.append({"SET", user_key(number), json_of_user(make_user(number), 0), "PX", LIFE_MS});
  });
}

void run(benchmark::State &state, void (*put)(int count)) {
  const int count = is_quick() ? 100000 : 1000000;
  for (auto _ : state) {
    Client(server().socket()).run({"FLUSHALL"});
    const int64_t before = server().used_memory();
    put(count);
    state.counters["bytes"] = double(server().used_memory() - before) / count;
    state.counters["sessions"] = count;
    Client(server().socket()).run({"FLUSHALL"});
  }
}

const int registered = [] {
  for (auto [name, put] : {std::pair("lily-session", put_by_library), std::pair("a hash, by HSET", put_hashes),
                           std::pair("one text, by SET", put_texts)}) {
    benchmark::RegisterBenchmark((std::string("redis/memory/") + name).c_str(), [put = put](benchmark::State &state) { run(state, put); })
        ->Iterations(1)->Repetitions(1)->UseRealTime();
  }
  return 0;
}();

} // namespace
