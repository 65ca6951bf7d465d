#include "../users.hpp"

#include <lily_session.h>

namespace {

// The library's clock. To store a user who has expired, it is set back.
int64_t clock_ms(void *context) { return expiry_ms(*static_cast<bool *>(context)) - STAY_MS; }

// Does what the recipe of a server does (examples/recipes/server.c).
class LilyUsers : public Users {
 public:
  explicit LilyUsers(const std::string &directory) : path(directory + "/users.jsonl"), fields(lily_session_persistence_new()) {
    list = {LILY_SESSION_FIELD_CHARS(User, token), LILY_SESSION_FIELD_CHARS(User, name),     LILY_SESSION_FIELD_CHARS(User, email),
            LILY_SESSION_FIELD_CHARS(User, theme), LILY_SESSION_FIELD_CHARS(User, language), LILY_SESSION_FIELD_CHARS(User, cart),
            LILY_SESSION_FIELD_INT64(User, pages), LILY_SESSION_FIELD_INT64(User, since)};
    for (lily_session_field &field : list) {
      field.expires_after_ms = STAY_MS;
      REQUIRE(lily_session_field_add(fields, &field) == LILY_SESSION_OK);
    }
  }
  ~LilyUsers() override { lily_session_persistence_free(fields); }

  void open() override {
    lily_session_storage_options options = LILY_SESSION_STORAGE_OPTIONS_INIT;
    options.flags = LILY_SESSION_SCOPE_FILES | LILY_SESSION_NO_SYNC;
    options.clock = clock_ms;
    options.context = &is_past;
    REQUIRE(lily_session_storage_open(path.c_str(), &options, &all) == LILY_SESSION_OK);
  }
  void close() override { lily_session_storage_close(all); }

  void put(int number, bool is_expired) override {
    is_past = is_expired;
    Request request(*this, number);
    request.user = make_user(number);
    for (const lily_session_field &field : list) REQUIRE(lily_session_mark(request.session, field.key) == LILY_SESSION_OK);
    REQUIRE(lily_session_persist(request.session) == LILY_SESSION_OK);
    is_past = false;
  }

  int64_t request(int number, int64_t pages) override {
    Request request(*this, number);
    int64_t before = request.user.pages;
    request.user.pages = pages;
    REQUIRE(lily_session_persist(request.session) == LILY_SESSION_OK);
    return before;
  }

  void log_out(int number) override {
    lily_session_storage *scope;
    REQUIRE(lily_session_storage_scoped(all, user_key(number).c_str(), &scope) == LILY_SESSION_OK);
    REQUIRE(lily_session_clear(scope) == LILY_SESSION_OK);
    lily_session_storage_close(scope);
  }

  int sweep() override {
    size_t removed;
    REQUIRE(lily_session_storage_sweep(all, SWEPT, &removed) == LILY_SESSION_OK);
    return int(removed);
  }

 private:
  struct Request {
    Request(LilyUsers &users, int number) {
      REQUIRE(lily_session_storage_scoped(users.all, user_key(number).c_str(), &config.storage) == LILY_SESSION_OK);
      REQUIRE(lily_session_runtime_new(&user, nullptr, nullptr, &runtime) == LILY_SESSION_OK);
      REQUIRE(lily_session_attach(runtime, users.fields, &config, &session) == LILY_SESSION_OK);
    }
    ~Request() {
      lily_session_detach(session);
      lily_session_runtime_free(runtime);
      lily_session_storage_close(config.storage);
    }
    User user = {};
    lily_session_config config = LILY_SESSION_CONFIG_INIT;
    lily_session_runtime *runtime;
    lily_session *session;
  };

  std::string path;
  std::vector<lily_session_field> list;
  lily_session_persistence *fields;
  lily_session_storage *all;
  bool is_past = false;
};

} // namespace

std::unique_ptr<Users> users_of_lily(const std::string &directory) { return std::make_unique<LilyUsers>(directory); }
