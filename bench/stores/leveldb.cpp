#include "../store.hpp"

#include <leveldb/db.h>
#include <leveldb/write_batch.h>

namespace {

leveldb::Slice bytes(std::string_view text) { return {text.data(), text.size()}; }

// Returns the bytes of a value to store. A number is stored as its eight bytes.
leveldb::Slice bytes(const Value &value) {
  if (value.kind == Kind::integer) return {reinterpret_cast<const char *>(&value.number), sizeof value.number};
  return bytes(value.text);
}

class LevelDB : public Store {
 public:
  LevelDB(const std::string &directory, Survives survives) {
    leveldb::Options options;
    options.create_if_missing = true;
    leveldb::DB *opened;
    REQUIRE(leveldb::DB::Open(options, directory, &opened).ok());
    database.reset(opened);
    write.sync = survives == Survives::power_loss;
  }

  void put(const std::vector<Change> &changes) override {
    batch.Clear();
    for (const Change &change : changes) batch.Put(bytes(change.key), bytes(change.value));
    REQUIRE(database->Write(write, &batch).ok());
  }

  // Only one process may have the database open, so the check reads through the same handle.
  void check(const Change &change) override {
    std::string value;
    REQUIRE(database->Get({}, bytes(change.key), &value).ok());
    REQUIRE(bytes(change.value) == leveldb::Slice(value));
  }

  void clear() override {
    batch.Clear();
    std::unique_ptr<leveldb::Iterator> at(database->NewIterator({}));
    for (at->Seek("lily_session_"); at->Valid() && at->key().starts_with("lily_session_"); at->Next()) batch.Delete(at->key());
    REQUIRE(database->Write(write, &batch).ok());
  }

 private:
  std::unique_ptr<leveldb::DB> database;
  leveldb::WriteOptions write;
  leveldb::WriteBatch batch;
};

} // namespace

std::unique_ptr<Store> open_leveldb(const std::string &directory, Survives survives) {
  return std::make_unique<LevelDB>(directory, survives);
}
