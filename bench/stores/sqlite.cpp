#include "../store.hpp"

#include <sqlite3.h>

namespace {

class SQLite : public Store {
 public:
  SQLite(const std::string &directory, Survives survives) : path(directory + "/session.sqlite") {
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    run("PRAGMA journal_mode = WAL");
    run(survives == Survives::kill ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
    run("CREATE TABLE entry (key TEXT PRIMARY KEY, value) WITHOUT ROWID");
    begin = prepare("BEGIN");
    commit = prepare("COMMIT");
    insert = prepare("INSERT OR REPLACE INTO entry VALUES (?, ?)");
    remove = prepare("DELETE FROM entry WHERE key >= 'lily_session_' AND key < 'lily_session`'");
  }
  ~SQLite() override {
    for (sqlite3_stmt *each : {begin, commit, insert, remove}) sqlite3_finalize(each);
    sqlite3_close(database);
  }

  void put(const std::vector<Change> &changes) override {
    if (changes.size() > 1) step(begin);
    for (const Change &change : changes) {
      sqlite3_bind_text(insert, 1, change.key.data(), int(change.key.size()), SQLITE_STATIC);
      if (change.value.kind == Kind::integer) {
        sqlite3_bind_int64(insert, 2, change.value.number);
      } else {
        sqlite3_bind_text(insert, 2, change.value.text.data(), int(change.value.text.size()), SQLITE_STATIC);
      }
      step(insert);
    }
    if (changes.size() > 1) step(commit);
  }

  void check(const Change &change) override {
    sqlite3 *other;
    sqlite3_stmt *select;
    REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(other, "SELECT value FROM entry WHERE key = ?", -1, &select, nullptr) == SQLITE_OK);
    sqlite3_bind_text(select, 1, change.key.data(), int(change.key.size()), SQLITE_STATIC);
    REQUIRE(sqlite3_step(select) == SQLITE_ROW);
    if (change.value.kind == Kind::integer) {
      REQUIRE(sqlite3_column_int64(select, 0) == change.value.number);
    } else {
      REQUIRE(reinterpret_cast<const char *>(sqlite3_column_text(select, 0)) == change.value.text);
    }
    sqlite3_finalize(select);
    sqlite3_close(other);
  }

  void clear() override { step(remove); }

 private:
  void run(const char *text) { REQUIRE(sqlite3_exec(database, text, nullptr, nullptr, nullptr) == SQLITE_OK); }
  sqlite3_stmt *prepare(const char *text) {
    sqlite3_stmt *made;
    REQUIRE(sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) == SQLITE_OK);
    return made;
  }
  void step(sqlite3_stmt *statement) {
    REQUIRE(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_reset(statement);
  }

  std::string path;
  sqlite3 *database;
  sqlite3_stmt *begin, *commit, *insert, *remove;
};

} // namespace

std::unique_ptr<Store> open_sqlite(const std::string &directory, Survives survives) {
  return std::make_unique<SQLite>(directory, survives);
}
