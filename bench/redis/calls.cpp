// Measures an update that changes 1 of 20 fields, and an attach of 20 fields, by the library, by hiredis alone, and as middlewares do it that
// keep a session as one text.
#include "storage.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <jansson.h>

namespace {

std::string json_of(const Value &value) { return '"' + std::string(value.text) + '"'; }

// A session of the library in a scope of its own, in which all fields are stored.
class Stored {
 public:
  explicit Stored(const char *name, int64_t timeout_ms = 0)
      : all(open_redis(timeout_ms)), scope(open_scope(all, name)), session(Kind::string, FIELDS) {
    session.attach(scope);
    std::vector<Change> first = first_values(Kind::string);
    session.dispatch(&first);
  }
  ~Stored() {
    session.detach();
    lily_session_storage_close(scope);
    lily_session_storage_close(all);
  }

  lily_session_storage *all, *scope;
  Session session;
  Updates updates{Kind::string, 1};
};

std::string text_of(const Reply &reply) {
  require(reply->type == REDIS_REPLY_STRING, "the reply is a text");
  return std::string(reply->str, reply->len);
}

// ---- updates

void update_by_library(benchmark::State &state) {
  static Stored stored("update");
  const Change *last = nullptr;
  for (auto _ : state) {
    const std::vector<Change> &changes = stored.updates.next();
    stored.session.dispatch(&changes);
    last = &changes.front();
  }
  char *json;
  REQUIRE(lily_session_storage_get(stored.scope, last->key.data(), &json, nullptr) == LILY_SESSION_OK);
  REQUIRE(json == json_of(last->value));
  lily_session_free(json);
}

// Sends the very command that the library sends for an update, each time with another value.
void update_by_script(benchmark::State &state) {
  static Client client(server().socket());
  static Updates updates(Kind::string, 1);
  static std::vector<std::string> command;
  static size_t place;
  if (command.empty()) {
    Stored stored("script", 3600000); // a write that takes longer is refused, so this is enough for all that follow
    const std::vector<Change> &changes = updates.next();
    command = recorded("EVALSHA", [&] { stored.session.dispatch(&changes); });
    auto found = std::find(command.begin(), command.end(), json_of(changes.front().value));
    require(found != command.end(), "the library's command has the value");
    place = size_t(found - command.begin());
  }
  std::vector<std::string_view> arguments(command.begin(), command.end());
  std::string value;
  for (auto _ : state) {
    value = json_of(updates.next().front().value);
    arguments[place] = value;
    client.run(arguments);
  }
  // The library's layout is not known here, but the value must be somewhere in the hash, whose name is the script's key.
  Reply all = client.run({"HVALS", command[3]});
  bool is_stored = false;
  for (size_t at = 0; at < all->elements; at++) is_stored = is_stored || value == all->element[at]->str;
  require(is_stored, "the script has stored the value");
}

void update_by_hset(benchmark::State &state) {
  static Client client(server().socket());
  static Updates updates(Kind::string, 1);
  std::string value;
  for (auto _ : state) {
    const Change &change = updates.next().front();
    value = json_of(change.value);
    client.run({"HSET", "bare:hash", change.key, value});
  }
  REQUIRE(text_of(client.run({"HGET", "bare:hash", updates.next().front().key})) == value);
}

// ---- a session as one text

constexpr const char *LIFE = "2592000"; // thirty days

void store_whole(Client &client) {
  json_t *whole = json_object();
  for (const Change &change : first_values(Kind::string)) {
    json_object_set_new(whole, change.key.data() + 13, json_stringn(change.value.text.data(), change.value.text.size()));
  }
  char *text = json_dumps(whole, JSON_COMPACT);
  client.run({"SET", "bare:whole", text, "EX", LIFE});
  std::free(text);
  json_decref(whole);
}

json_t *load_whole(Client &client) {
  Reply stored = client.run({"GET", "bare:whole"});
  json_t *whole = json_loadb(stored->str, stored->len, 0, nullptr);
  require(whole && json_object_size(whole) == size_t(FIELDS), "the text is the session");
  return whole;
}

// What two programs change at the same time is lost by one of them.
void update_whole(benchmark::State &state) {
  static Client client(server().socket());
  static Updates updates(Kind::string, 1);
  store_whole(client);
  for (auto _ : state) {
    const Change &change = updates.next().front();
    json_t *whole = load_whole(client);
    json_object_set_new(whole, change.key.data() + 13, json_stringn(change.value.text.data(), change.value.text.size()));
    char *text = json_dumps(whole, JSON_COMPACT);
    client.run({"SET", "bare:whole", text, "EX", LIFE});
    std::free(text);
    json_decref(whole);
  }
}

// ---- attaches

// Attaches a session, and has it set all fields. Detaching it is not measured.
void attach(benchmark::State &state, lily_session_storage *storage) {
  Session session(Kind::string, FIELDS);
  for (auto _ : state) {
    session.model.sets = 0;
    int64_t before = now_ns();
    session.attach(storage);
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(session.model.sets == uint64_t(FIELDS));
    session.detach();
  }
}

void attach_by_library(benchmark::State &state) {
  static Stored stored("attach");
  attach(state, stored.scope);
}

void attach_from_memory(benchmark::State &state) {
  static lily_session_storage *storage = [] {
    lily_session_storage *made;
    REQUIRE(lily_session_storage_open_memory(nullptr, &made) == LILY_SESSION_OK);
    for (const Change &change : first_values(Kind::string)) {
      std::string json = json_of(change.value);
      REQUIRE(lily_session_storage_set(made, change.key.data(), json.data(), json.size(), 0) == LILY_SESSION_OK);
    }
    return made;
  }();
  attach(state, storage);
}

// Reads what the library has stored.
void hgetall(benchmark::State &state) {
  static Client client(server().socket());
  static Stored stored("hgetall");
  static const std::string key = recorded("HGETALL", [] { Session other(Kind::string, FIELDS); other.attach(stored.scope); }).at(1);
  for (auto _ : state) {
    int64_t before = now_ns();
    Reply all = client.run({"HGETALL", key});
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(all->elements >= 2 * size_t(FIELDS));
  }
}

void get_whole(benchmark::State &state) {
  static Client client(server().socket());
  store_whole(client);
  for (auto _ : state) {
    int64_t before = now_ns();
    json_t *whole = load_whole(client);
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    json_decref(whole);
  }
}

const int registered = [] {
  const int count = is_quick() ? 20 : 500;
  for (auto [name, run] : {std::pair("lily-session", update_by_library), std::pair("EVALSHA of the same script", update_by_script),
                           std::pair("HSET", update_by_hset), std::pair("GET, change, SET of one text", update_whole)}) {
    benchmark::RegisterBenchmark((std::string("redis/update/") + name).c_str(), run)->Iterations(count)->UseRealTime();
  }
  for (auto [name, run] : {std::pair("lily-session", attach_by_library), std::pair("attach from memory", attach_from_memory),
                           std::pair("HGETALL", hgetall), std::pair("GET of one text", get_whole)}) {
    benchmark::RegisterBenchmark((std::string("redis/attach/") + name).c_str(), run)->Iterations(count)->UseManualTime();
  }
  return 0;
}();

} // namespace
