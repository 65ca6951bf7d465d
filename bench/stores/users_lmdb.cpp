#include "../users.hpp"

#include <lmdb.h>

namespace {

MDB_val bytes(const std::string &text) { return {text.size(), const_cast<char *>(text.data())}; }

// Each user is a value of JSON. A request reads and writes it in one transaction.
class LMDBUsers : public Users {
 public:
  explicit LMDBUsers(const std::string &directory) : directory(directory) {}

  void open() override {
    REQUIRE(mdb_env_create(&environment) == 0);
    REQUIRE(mdb_env_set_mapsize(environment, size_t(1) << 30) == 0);
    REQUIRE(mdb_env_open(environment, directory.c_str(), MDB_NOSYNC, 0600) == 0);
    MDB_txn *transaction = begin();
    REQUIRE(mdb_dbi_open(transaction, nullptr, 0, &database) == 0);
    REQUIRE(mdb_txn_commit(transaction) == 0);
  }
  void close() override { mdb_env_close(environment); }

  void put(int number, bool is_expired) override {
    MDB_txn *transaction = begin();
    put(transaction, user_key(number), make_user(number), expiry_ms(is_expired));
    REQUIRE(mdb_txn_commit(transaction) == 0);
  }

  int64_t request(int number, int64_t pages) override {
    std::string key = user_key(number);
    MDB_val name = bytes(key), value;
    MDB_txn *transaction = begin();
    REQUIRE(mdb_get(transaction, database, &name, &value) == 0);
    User user = user_of_json(static_cast<const char *>(value.mv_data), value.mv_size);
    int64_t before = user.pages;
    user.pages = pages;
    put(transaction, key, user, expiry_ms());
    REQUIRE(mdb_txn_commit(transaction) == 0);
    return before;
  }

  void log_out(int number) override {
    std::string key = user_key(number);
    MDB_val name = bytes(key);
    MDB_txn *transaction = begin();
    REQUIRE(mdb_del(transaction, database, &name, nullptr) == 0);
    REQUIRE(mdb_txn_commit(transaction) == 0);
  }

 private:
  MDB_txn *begin() {
    MDB_txn *transaction;
    REQUIRE(mdb_txn_begin(environment, nullptr, 0, &transaction) == 0);
    return transaction;
  }
  void put(MDB_txn *transaction, const std::string &key, const User &user, int64_t expires_at_ms) {
    std::string json = json_of_user(user, expires_at_ms);
    MDB_val name = bytes(key), value = bytes(json);
    REQUIRE(mdb_put(transaction, database, &name, &value, 0) == 0);
  }

  std::string directory;
  MDB_env *environment;
  MDB_dbi database;
};

} // namespace

std::unique_ptr<Users> users_of_lmdb(const std::string &directory) { return std::make_unique<LMDBUsers>(directory); }
