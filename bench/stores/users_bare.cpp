#include "../users.hpp"

#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

// The system calls that any store needs which keeps each user in a file, appends changes, and locks the file for a change: nothing is parsed,
// looked up or checked. What is written is as long as what the library writes.
class BareUsers : public Users {
 public:
  explicit BareUsers(const std::string &directory) : directory(directory) { make_user_folders(directory); }

  void open() override {}
  void close() override {}

  void put(int number, bool is_expired) override {
    const int file = open_file(number, O_CREAT);
    struct stat status;
    REQUIRE(fstat(file, &status) == 0);
    append(file, status.st_size == 0 ? WHOLE : CHANGE, 0); // a file that is there keeps its blocks, which a sweep then has to free
    ::close(file);
    if (is_expired) expired.push_back(number);
  }

  int64_t request(int number, int64_t pages) override {
    const int file = open_file(number);
    const int64_t before = read_last(file);
    lock(file);
    append(file, CHANGE, pages);
    ::close(file); // which unlocks it
    return before;
  }

  void log_out(int number) override {
    const int file = open_file(number);
    read_last(file);
    lock(file);
    append(file, CLEAR, 0);
    ::close(file);
  }

  int sweep() override {
    int removed = 0;
    for (; removed < SWEPT && !expired.empty(); removed++, expired.pop_back()) {
      const int file = open_file(expired.back());
      read_last(file);
      lock(file);
      REQUIRE(unlink(path_of(expired.back()).c_str()) == 0);
      ::close(file);
    }
    return removed;
  }

 private:
  static constexpr size_t WHOLE = 1100, CHANGE = 150, CLEAR = 58;

  std::string path_of(int number) const { return user_file(directory, number); }

  int open_file(int number, int flags = 0) {
    const int file = ::open(path_of(number).c_str(), O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
    REQUIRE(file >= 0);
    return file;
  }

  // Returns the number of pages, which are the last bytes of the file.
  int64_t read_last(int file) {
    struct stat status;
    REQUIRE(fstat(file, &status) == 0);
    text.resize(size_t(status.st_size));
    REQUIRE(pread(file, &text[0], text.size(), 0) == status.st_size);
    int64_t pages;
    std::memcpy(&pages, &text[text.size() - sizeof pages], sizeof pages);
    return pages;
  }

  static void lock(int file) {
    struct stat status;
    REQUIRE(flock(file, LOCK_EX) == 0 && fstat(file, &status) == 0); // others may have written meanwhile
  }

  void append(int file, size_t length, int64_t pages) {
    text.assign(length, 'x');
    std::memcpy(&text[length - sizeof pages], &pages, sizeof pages);
    REQUIRE(write(file, text.data(), length) == ssize_t(length));
  }

  std::string directory, text;
  std::vector<int> expired;
};

} // namespace

std::unique_ptr<Users> users_of_bare_calls(const std::string &directory) { return std::make_unique<BareUsers>(directory); }
