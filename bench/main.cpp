#include <benchmark/benchmark.h>
#include <gio/gio.h>
#include <jansson.h>
#include <leveldb/db.h>
#include <lily_session.h>
#include <lmdb.h>
#include <sqlite3.h>

int main(int argc, char **argv) {
  const auto dotted = [](int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); };
  benchmark::AddCustomContext("lily-session", lily_session_version());
  benchmark::AddCustomContext("SQLite", sqlite3_libversion());
  benchmark::AddCustomContext("LMDB", dotted(MDB_VERSION_MAJOR, MDB_VERSION_MINOR) + "." + std::to_string(MDB_VERSION_PATCH));
  benchmark::AddCustomContext("LevelDB", dotted(leveldb::kMajorVersion, leveldb::kMinorVersion));
  benchmark::AddCustomContext("jansson", jansson_version_str());
  benchmark::AddCustomContext("GLib", dotted(int(glib_major_version), int(glib_minor_version)) + "." + std::to_string(glib_micro_version));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
