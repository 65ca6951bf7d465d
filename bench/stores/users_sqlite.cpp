#include "../users.hpp"

#include <cstring>
#include <sqlite3.h>

namespace {

// Each user is a row. There is no index of the expiry: it would make the sweep quicker, and each request slower.
class SQLiteUsers : public Users {
 public:
  explicit SQLiteUsers(const std::string &directory) : path(directory + "/users.sqlite") {}

  void open() override {
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    run("CREATE TABLE IF NOT EXISTS user (key TEXT PRIMARY KEY, token TEXT, name TEXT, email TEXT, theme TEXT, language TEXT, cart TEXT, "
        "pages INTEGER, since INTEGER, expires INTEGER) WITHOUT ROWID");
    insert = prepare("INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    select = prepare("SELECT token, name, email, theme, language, cart, pages, since FROM user WHERE key = ?");
    update = prepare("UPDATE user SET pages = ?, expires = ? WHERE key = ?");
    remove = prepare("DELETE FROM user WHERE key = ?");
    expire = prepare("DELETE FROM user WHERE expires < ?");
  }

  void close() override {
    for (sqlite3_stmt *each : {insert, select, update, remove, expire}) sqlite3_finalize(each);
    REQUIRE(sqlite3_close(database) == SQLITE_OK);
  }

  void put(int number, bool is_expired) override {
    User user = make_user(number);
    std::string key = user_key(number);
    int at = 0;
    for (const char *text : std::initializer_list<const char *>{key.c_str(), user.token, user.name, user.email, user.theme, user.language,
                                                                user.cart}) {
      bind(insert, ++at, text);
    }
    for (int64_t value : {user.pages, user.since, expiry_ms(is_expired)}) sqlite3_bind_int64(insert, ++at, value);
    step(insert);
  }

  int64_t request(int number, int64_t pages) override {
    std::string key = user_key(number);
    User user;
    bind(select, 1, key.c_str());
    REQUIRE(sqlite3_step(select) == SQLITE_ROW);
    int at = 0;
    take(at++, user.token);
    take(at++, user.name);
    take(at++, user.email);
    take(at++, user.theme);
    take(at++, user.language);
    take(at++, user.cart);
    user.pages = sqlite3_column_int64(select, at++);
    user.since = sqlite3_column_int64(select, at++);
    sqlite3_reset(select);
    sqlite3_bind_int64(update, 1, pages);
    sqlite3_bind_int64(update, 2, expiry_ms());
    bind(update, 3, key.c_str());
    step(update);
    return user.pages;
  }

  void log_out(int number) override {
    std::string key = user_key(number);
    bind(remove, 1, key.c_str());
    step(remove);
  }

  int sweep() override {
    sqlite3_bind_int64(expire, 1, wall_clock_ms());
    step(expire);
    return sqlite3_changes(database);
  }

 private:
  void run(const char *text) { REQUIRE(sqlite3_exec(database, text, nullptr, nullptr, nullptr) == SQLITE_OK); }
  sqlite3_stmt *prepare(const char *text) {
    sqlite3_stmt *made;
    REQUIRE(sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) == SQLITE_OK);
    return made;
  }
  void bind(sqlite3_stmt *statement, int at, const char *text) { sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC); }
  void step(sqlite3_stmt *statement) {
    REQUIRE(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
  }
  template <size_t size> void take(int column, char (&to)[size]) {
    size_t length = size_t(sqlite3_column_bytes(select, column));
    REQUIRE(length < size);
    std::memcpy(to, sqlite3_column_text(select, column), length + 1);
  }

  std::string path;
  sqlite3 *database;
  sqlite3_stmt *insert, *select, *update, *remove, *expire;
};

} // namespace

std::unique_ptr<Users> users_of_sqlite(const std::string &directory) { return std::make_unique<SQLiteUsers>(directory); }
