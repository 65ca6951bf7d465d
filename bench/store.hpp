// A store that a program could use for its session. The library is compared with such stores.
#pragma once
#include "workload.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

enum class Survives { kill, power_loss };

class Store {
 public:
  virtual ~Store() = default;

  // Stores the changes in one step. When it returns, they survive what the store was opened for.
  virtual void put(const std::vector<Change> &changes) = 0;

  // Checks that the value of the change is stored under its key, by reading it as another program would. Ends the program if it is not.
  virtual void check(const Change &change) = 0;

  // Removes the session's keys in one step.
  virtual void clear() { fail("this store has no clear"); }

  // Puts that many other keys into the store, with values of 16 bytes.
  virtual void preload(int count);
};

struct Contestant {
  std::string name;
  Survives survives;
  // Opens the store in an empty directory. `kind` is the kind of all values that will be put.
  std::function<std::unique_ptr<Store>(const std::string &directory, Kind kind)> open;
  // True if an update takes a tenth of a millisecond or more, because it writes everything or waits for the disk.
  bool is_slow = false;
};

// The stores, and the limits, which are the system calls alone. A limit implements put() only.
const std::vector<Contestant> &contestants();
const std::vector<Contestant> &limits();
const Contestant &contestant(const std::string &name);

std::unique_ptr<Store> open_lily(const std::string &directory, Kind kind, Survives survives, int32_t flags = 0);
std::unique_ptr<Store> open_sqlite(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_lmdb(const std::string &directory, unsigned flags);
std::unique_ptr<Store> open_leveldb(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_json_file(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_keyfile(const std::string &directory);
std::unique_ptr<Store> open_gsettings(const std::string &directory, Kind kind);

// Appends a line to a file as the library's journal does, without its check.
enum class Bare { write, format_and_write, lock_and_write, write_and_sync };
std::unique_ptr<Store> open_bare(const std::string &directory, Bare bare);
