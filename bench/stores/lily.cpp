#include "../session.hpp"
#include "../store.hpp"

namespace {

class Lily : public Store {
 public:
  Lily(const std::string &directory, Kind kind, Survives survives, int32_t flags)
      : storage(open_storage(directory + "/session.jsonl",
                             survives == Survives::kill ? LILY_SESSION_DURABILITY_PROCESS : LILY_SESSION_DURABILITY_POWER, flags)),
        session(kind, FIELDS) {
    session.attach(storage);
  }
  ~Lily() override {
    session.detach();
    lily_session_storage_close(storage);
  }

  // Updates the model; the library then finds out what changed.
  void put(const std::vector<Change> &changes) override { session.dispatch(&changes); }

  void check(const Change &change) override {
    // The storage is opened to read only. Otherwise it might rewrite a file that has grown, and the session's next update would have to
    // follow.
    lily_session_storage *other =
        open_storage(lily_session_storage_path(storage), LILY_SESSION_DURABILITY_PROCESS, LILY_SESSION_READ_ONLY);
    char *json;
    REQUIRE(lily_session_storage_get(other, change.key.data(), &json, nullptr) == LILY_SESSION_OK);
    std::string expected = change.value.kind == Kind::integer ? std::to_string(change.value.number) : std::string(change.value.text);
    if (change.value.kind == Kind::string) expected = '"' + expected + '"';
    REQUIRE(json == expected);
    lily_session_free(json);
    lily_session_storage_close(other);
  }

  void clear() override { REQUIRE(lily_session_clear(storage) == LILY_SESSION_OK); }

  // These keys are not fields; they stand for keys of other programs.
  void preload(int count) override {
    for (int at = 0; at < count; at++) {
      char key[32];
      std::snprintf(key, sizeof key, "other_%06d", at);
      std::string json = '"' + std::string(value_of(Kind::string, at, 0).text) + '"';
      REQUIRE(lily_session_storage_set(storage, key, json.data(), json.size(), 0) == LILY_SESSION_OK);
    }
  }

 private:
  lily_session_storage *storage;
  Session session;
};

} // namespace

std::unique_ptr<Store> open_lily(const std::string &directory, Kind kind, Survives survives, int32_t flags) {
  return std::make_unique<Lily>(directory, kind, survives, flags);
}
