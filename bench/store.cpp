#include "store.hpp"

#include <deque>
#include <lily_session.h>
#include <lmdb.h>

void Store::preload(int count) {
  constexpr int STEP = 1000;
  std::deque<std::string> keys;
  std::vector<Change> changes;
  for (int at = 0; at < count; at++) {
    char key[32];
    std::snprintf(key, sizeof key, "other_%06d", at);
    keys.emplace_back(key);
    changes.push_back({FIELDS + at, keys.back(), value_of(Kind::string, at, 0)});
    if (int(changes.size()) == STEP || at + 1 == count) {
      put(changes);
      changes.clear();
    }
  }
}

const std::vector<Contestant> &contestants() {
  using S = Survives;
  static const std::vector<Contestant> all = {
      {"lily-session", S::kill, [](auto &d, Kind k) { return open_lily(d, k, S::kill); }},
      {"lily-session, EXCLUSIVE", S::kill, [](auto &d, Kind k) { return open_lily(d, k, S::kill, LILY_SESSION_EXCLUSIVE); }},
      {"SQLite WAL, NORMAL", S::kill, [](auto &d, Kind) { return open_sqlite(d, S::kill); }},
      {"LMDB, NOSYNC", S::kill, [](auto &d, Kind) { return open_lmdb(d, MDB_NOSYNC); }},
      {"LMDB, NOSYNC + WRITEMAP", S::kill, [](auto &d, Kind) { return open_lmdb(d, MDB_NOSYNC | MDB_WRITEMAP); }},
      {"LevelDB", S::kill, [](auto &d, Kind) { return open_leveldb(d, S::kill); }},
      {"JSON file + rename", S::kill, [](auto &d, Kind) { return open_json_file(d, S::kill); }, true},
      {"GKeyFile", S::kill, [](auto &d, Kind) { return open_keyfile(d); }, true},
      {"GSettings, keyfile", S::kill, [](auto &d, Kind k) { return open_gsettings(d, k); }, true},
      {"lily-session, POWER", S::power_loss, [](auto &d, Kind k) { return open_lily(d, k, S::power_loss); }, true},
      {"SQLite WAL, FULL", S::power_loss, [](auto &d, Kind) { return open_sqlite(d, S::power_loss); }, true},
      {"LMDB, synced", S::power_loss, [](auto &d, Kind) { return open_lmdb(d, 0); }, true},
      {"LevelDB, synced", S::power_loss, [](auto &d, Kind) { return open_leveldb(d, S::power_loss); }, true},
      {"JSON file + fsync + rename", S::power_loss, [](auto &d, Kind) { return open_json_file(d, S::power_loss); }, true},
  };
  return all;
}

const std::vector<Contestant> &limits() {
  using S = Survives;
  static const std::vector<Contestant> all = {
      {"write", S::kill, [](auto &d, Kind) { return open_bare(d, Bare::write); }},
      {"snprintf + write", S::kill, [](auto &d, Kind) { return open_bare(d, Bare::format_and_write); }},
      {"flock + statx + write + unlock", S::kill, [](auto &d, Kind) { return open_bare(d, Bare::lock_and_write); }},
      {"write + fdatasync", S::power_loss, [](auto &d, Kind) { return open_bare(d, Bare::write_and_sync); }, true},
  };
  return all;
}

const Contestant &contestant(const std::string &name) {
  for (const auto *list : {&contestants(), &limits()}) {
    for (const Contestant &each : *list) {
      if (each.name == name) return each;
    }
  }
  fail("no contestant is called " + name);
}
