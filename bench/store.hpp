// A store as a program would use it to keep its session: what the library is compared with.
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

  // Stores these in one step. When it returns they survive what the store was opened for.
  virtual void put(const std::vector<Change> &changes) = 0;

  // What is stored for the change's key is the change's value: read back as another would read it. Ends the program if not.
  virtual void check(const Change &change) = 0;

  // Removes the session's keys in one step.
  virtual void clear() { fail("this store has no clear"); }

  // Puts that many other keys into the store, with values of 16 bytes.
  virtual void preload(int count);
};

struct Contestant {
  std::string name;
  Survives survives;
  // In an empty directory. The kind is that of all values that will be put.
  std::function<std::unique_ptr<Store>(const std::string &directory, Kind kind)> open;
  // An update takes a tenth of a millisecond or more, because it writes everything or waits for the disk.
  bool is_slow = false;
};

// Stores, and as limits what the kernel's calls alone take; limits can only put.
const std::vector<Contestant> &contestants();
const std::vector<Contestant> &limits();
const Contestant &contestant(const std::string &name);

std::unique_ptr<Store> open_lily(const std::string &directory, Kind kind, Survives survives);
std::unique_ptr<Store> open_sqlite(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_lmdb(const std::string &directory, unsigned flags);
std::unique_ptr<Store> open_leveldb(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_json_file(const std::string &directory, Survives survives);
std::unique_ptr<Store> open_keyfile(const std::string &directory);
std::unique_ptr<Store> open_gsettings(const std::string &directory, Kind kind);

// A line as the library's journal has it, without its check, appended to a file.
enum class Bare { write, format_and_write, lock_and_write, write_and_sync };
std::unique_ptr<Store> open_bare(const std::string &directory, Bare bare);
