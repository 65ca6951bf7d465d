// A store of a server's users. The library, which keeps each of them in a file, is compared with such stores.
#pragma once
#include "user.hpp"
#include "workload.hpp"

#include <memory>
#include <string>
#include <vector>

// A user who was here now is kept for so long.
constexpr int64_t STAY_MS = 30 * 60 * 1000;
int64_t wall_clock_ms();
// Returns the time until which a user is kept who was here now or, if `is_expired` is true, was last here too long ago.
inline int64_t expiry_ms(bool is_expired = false) { return wall_clock_ms() + (is_expired ? -1 : STAY_MS); }

class Users {
 public:
  virtual ~Users() = default;

  // Opens the store, so that the next request can be served. Makes it if there is none.
  virtual void open() = 0;
  virtual void close() = 0;

  // Stores all of a user, whether or not something is stored already.
  virtual void put(int number, bool is_expired = false) = 0;

  // Serves a request: reads all of a user, changes the number of pages, and stores that and the new expiry. Returns the old number.
  virtual int64_t request(int number, int64_t pages) = 0;

  // Removes all of a user.
  virtual void log_out(int number) = 0;

  // Removes users who have expired, SWEPT at most. Returns how many.
  static constexpr int SWEPT = 1000;
  virtual int sweep() { fail("this store has no sweep"); }
};

// These make a store in an empty directory. It is not open yet.
std::unique_ptr<Users> users_of_lily(const std::string &directory);
std::unique_ptr<Users> users_of_sqlite(const std::string &directory);
std::unique_ptr<Users> users_of_lmdb(const std::string &directory);
std::unique_ptr<Users> users_of_json_files(const std::string &directory);
std::unique_ptr<Users> users_of_bare_calls(const std::string &directory);

// Where stores keep a user that is a file: in one of 256 folders, as the library does.
void make_user_folders(const std::string &directory);
std::string user_file(const std::string &directory, int number);
