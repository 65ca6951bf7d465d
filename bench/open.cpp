// Measures the start of a program, which opens the storage and fills the fields: with 20 and with 1,000 fields and no other entries, and
// with 20 fields among 100,000 entries.
#include "session.hpp"

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <jansson.h>
#include <map>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Size {
  int entries, fields;
};

Size size_of(int entries) {
  if (is_quick()) entries = std::min(entries, 1000);
  return {entries, entries <= 1000 ? entries : 20};
}

template <typename Each> void for_entries(Size size, Each each) {
  for (int at = 0; at < size.entries; at++) {
    char other[32];
    std::snprintf(other, sizeof other, "other_%06d", at);
    each(at < size.fields ? storage_key(at) : std::string_view(other), value_of(Kind::string, at, 0).text);
  }
}

// Returns the path of a journal with a line for each entry. It is made once for each size.
const std::string &journal_path(Size size) {
  static std::map<int, std::string> made;
  std::string &path = made[size.entries];
  if (!path.empty()) return path;
  path = make_directory("open") + "/session.jsonl";
  lily_session_storage *storage = open_storage(path);
  for_entries(size, [&](std::string_view key, std::string_view text) {
    std::string json = '"' + std::string(text) + '"';
    REQUIRE(lily_session_storage_set(storage, key.data(), json.data(), json.size(), 0) == LILY_SESSION_OK);
  });
  lily_session_storage_close(storage);
  return path;
}

const std::string &database_path(Size size) {
  static std::map<int, std::string> made;
  std::string &path = made[size.entries];
  if (!path.empty()) return path;
  path = make_directory("open") + "/session.sqlite";
  sqlite3 *database;
  sqlite3_stmt *insert;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, "PRAGMA journal_mode = WAL; CREATE TABLE entry (key TEXT PRIMARY KEY, value) WITHOUT ROWID; BEGIN",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_prepare_v2(database, "INSERT INTO entry VALUES (?, ?)", -1, &insert, nullptr) == SQLITE_OK);
  for_entries(size, [&](std::string_view key, std::string_view text) {
    sqlite3_bind_text(insert, 1, key.data(), int(key.size()), SQLITE_STATIC);
    sqlite3_bind_text(insert, 2, text.data(), int(text.size()), SQLITE_STATIC);
    REQUIRE(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
  });
  sqlite3_finalize(insert);
  REQUIRE(sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
  return path;
}

void run_library(benchmark::State &state, Size size) {
  const std::string &path = journal_path(size);
  Session session(Kind::string, size.fields);
  for (auto _ : state) {
    session.model.sets = 0;
    int64_t before = now_ns();
    lily_session_storage *storage = open_storage(path);
    session.attach(storage);
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(session.model.sets == uint64_t(size.fields));
    session.detach();
    lily_session_storage_close(storage);
  }
}

// Measures the limit: reading the whole file, and parsing each line.
void run_jansson(benchmark::State &state, Size size) {
  const std::string &path = journal_path(size);
  for (auto _ : state) {
    int64_t before = now_ns();
    int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    REQUIRE(fstat(file, &status) == 0);
    std::string text(size_t(status.st_size), 0);
    REQUIRE(read(file, &text[0], text.size()) == status.st_size);
    close(file);
    int lines = 0;
    for (size_t at = 0, end; at < text.size(); at = end + 1, lines++) {
      end = text.find('\n', at);
      json_t *line = json_loadb(text.data() + at, end - at, 0, nullptr);
      REQUIRE(line != nullptr);
      json_decref(line);
    }
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(lines == size.entries + 2); // two lines are the header
  }
}

// Reads all rows in one query if all are fields, and otherwise one row for each field.
void run_sqlite(benchmark::State &state, Size size) {
  const std::string &path = database_path(size);
  for (auto _ : state) {
    sqlite3 *database;
    sqlite3_stmt *select;
    int rows = 0;
    int64_t before = now_ns();
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    if (size.fields == size.entries) {
      REQUIRE(sqlite3_prepare_v2(database, "SELECT key, value FROM entry", -1, &select, nullptr) == SQLITE_OK);
      for (; sqlite3_step(select) == SQLITE_ROW; rows++) benchmark::DoNotOptimize(sqlite3_column_text(select, 1));
    } else {
      REQUIRE(sqlite3_prepare_v2(database, "SELECT value FROM entry WHERE key = ?", -1, &select, nullptr) == SQLITE_OK);
      for (int at = 0; at < size.fields; at++) {
        sqlite3_bind_text(select, 1, storage_key(at).data(), int(storage_key(at).size()), SQLITE_STATIC);
        if (sqlite3_step(select) == SQLITE_ROW) rows++;
        benchmark::DoNotOptimize(sqlite3_column_text(select, 0));
        sqlite3_reset(select);
      }
    }
    state.SetIterationTime(double(now_ns() - before) * 1e-9);
    REQUIRE(rows == size.fields);
    sqlite3_finalize(select);
    sqlite3_close(database);
  }
}

const int registered = [] {
  for (int entries : {20, 1000, 100000}) {
    std::string group = "open/" + std::to_string(entries) + "/";
    benchmark::RegisterBenchmark((group + "lily-session").c_str(), run_library, size_of(entries))->UseManualTime();
    benchmark::RegisterBenchmark((group + "jansson, parse").c_str(), run_jansson, size_of(entries))->UseManualTime();
    benchmark::RegisterBenchmark((group + "SQLite WAL").c_str(), run_sqlite, size_of(entries))->UseManualTime();
  }
  return 0;
}();

} // namespace
