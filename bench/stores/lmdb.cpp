#include "../store.hpp"

#include <cstring>
#include <lmdb.h>

namespace {

MDB_val bytes(std::string_view text) { return {text.size(), const_cast<char *>(text.data())}; }

// Returns the bytes of a value to store. A number is stored as its eight bytes.
MDB_val bytes(const Value &value) {
  if (value.kind == Kind::integer) return {sizeof value.number, const_cast<int64_t *>(&value.number)};
  return bytes(value.text);
}

class LMDB : public Store {
 public:
  LMDB(const std::string &directory, unsigned flags) {
    REQUIRE(mdb_env_create(&environment) == 0);
    REQUIRE(mdb_env_set_mapsize(environment, size_t(256) << 20) == 0);
    REQUIRE(mdb_env_open(environment, directory.c_str(), flags, 0600) == 0);
    Transaction transaction(environment, 0);
    REQUIRE(mdb_dbi_open(transaction.handle, nullptr, 0, &database) == 0);
    transaction.commit();
  }
  ~LMDB() override { mdb_env_close(environment); }

  void put(const std::vector<Change> &changes) override {
    Transaction transaction(environment, 0);
    for (const Change &change : changes) {
      MDB_val key = bytes(change.key), value = bytes(change.value);
      REQUIRE(mdb_put(transaction.handle, database, &key, &value, 0) == 0);
    }
    transaction.commit();
  }

  // A process may open an environment only once, so the check reads through the same handle.
  void check(const Change &change) override {
    Transaction transaction(environment, MDB_RDONLY);
    MDB_val key = bytes(change.key), expected = bytes(change.value), value;
    REQUIRE(mdb_get(transaction.handle, database, &key, &value) == 0);
    REQUIRE(value.mv_size == expected.mv_size && std::memcmp(value.mv_data, expected.mv_data, value.mv_size) == 0);
  }

  void clear() override {
    constexpr std::string_view prefix = "lily_session_";
    Transaction transaction(environment, 0);
    MDB_cursor *cursor;
    REQUIRE(mdb_cursor_open(transaction.handle, database, &cursor) == 0);
    MDB_val key = bytes(prefix), value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE) == 0 && key.mv_size >= prefix.size() &&
           std::memcmp(key.mv_data, prefix.data(), prefix.size()) == 0) {
      REQUIRE(mdb_cursor_del(cursor, 0) == 0);
      key = bytes(prefix);
    }
    mdb_cursor_close(cursor);
    transaction.commit();
  }

 private:
  struct Transaction {
    Transaction(MDB_env *environment, unsigned flags) { REQUIRE(mdb_txn_begin(environment, nullptr, flags, &handle) == 0); }
    ~Transaction() {
      if (handle) mdb_txn_abort(handle);
    }
    void commit() {
      REQUIRE(mdb_txn_commit(handle) == 0);
      handle = nullptr;
    }
    MDB_txn *handle;
  };

  MDB_env *environment;
  MDB_dbi database;
};

} // namespace

std::unique_ptr<Store> open_lmdb(const std::string &directory, unsigned flags) { return std::make_unique<LMDB>(directory, flags); }
