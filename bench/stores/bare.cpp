// The system calls by themselves, which are the limit for any store.
#include "../store.hpp"

#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

class BareFile : public Store {
 public:
  BareFile(const std::string &directory, Bare bare) : path(directory + "/lines"), bare(bare) {
    file = open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
  }
  ~BareFile() override { close(file); }

  void put(const std::vector<Change> &changes) override {
    // If only the system calls are measured, the line is formatted once.
    if (bare == Bare::format_and_write || formatted != changes.size()) format(changes);
    if (written > size_t(4) << 20) { // The journal does not grow for ever either.
      REQUIRE(ftruncate(file, 0) == 0);
      written = 0;
    }
    if (bare == Bare::lock_and_write) {
      struct statx status;
      REQUIRE(flock(file, LOCK_EX | LOCK_NB) == 0);
      REQUIRE(statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK, &status) == 0);
    }
    REQUIRE(write(file, line.data(), length) == ssize_t(length));
    if (bare == Bare::lock_and_write) REQUIRE(flock(file, LOCK_UN) == 0);
    if (bare == Bare::write_and_sync) REQUIRE(fdatasync(file) == 0);
    written += length;
  }

  void check(const Change &) override {
    std::ifstream lines(path);
    std::string all((std::istreambuf_iterator<char>(lines)), {});
    REQUIRE(all.size() >= length && std::memcmp(all.data() + all.size() - length, line.data(), length) == 0);
  }

 private:
  // Formats the changes as a line of the journal, with zeros as its check.
  void format(const std::vector<Change> &changes) {
    char *const end = line.data() + line.size();
    char *at = line.data();
    if (changes.size() == 1) {
      at += std::snprintf(at, size_t(end - at), "[\"%08x\",%lld,", 0, sequence++);
      at = format(at, end, changes[0]);
      at += std::snprintf(at, size_t(end - at), "]\n");
    } else {
      at += std::snprintf(at, size_t(end - at), "[\"%08x\",%lld,\"batch\",[", 0, sequence++);
      for (const Change &change : changes) {
        *at++ = '[';
        at = format(at, end, change);
        *at++ = ']';
        *at++ = ',';
      }
      at += std::snprintf(at - 1, size_t(end - at), "]]\n") - 1;
    }
    length = size_t(at - line.data());
    formatted = changes.size();
  }

  static char *format(char *at, char *end, const Change &change) {
    const Value &value = change.value;
    const char *key = change.key.data();
    size_t room = size_t(end - at);
    int length = int(value.text.size());
    switch (value.kind) {
      case Kind::integer: return at + std::snprintf(at, room, "\"set\",\"%s\",%lld,0", key, (long long)value.number);
      case Kind::json: return at + std::snprintf(at, room, "\"set\",\"%s\",%.*s,0", key, length, value.text.data());
      case Kind::string: return at + std::snprintf(at, room, "\"set\",\"%s\",\"%.*s\",0", key, length, value.text.data());
    }
    return at;
  }

  std::string path;
  Bare bare;
  int file;
  long long sequence = 1000000;
  std::vector<char> line = std::vector<char>(128 << 10); // room for 20 values of 4 KiB
  size_t length = 0, formatted = 0, written = 0;
};

} // namespace

std::unique_ptr<Store> open_bare(const std::string &directory, Bare bare) { return std::make_unique<BareFile>(directory, bare); }
