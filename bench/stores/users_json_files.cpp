#include "../users.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

// Each user is a file, in one of 256 folders. A request writes a new file, which then replaces the old one. Nothing is to be opened before.
class JSONFiles : public Users {
 public:
  explicit JSONFiles(const std::string &directory) : directory(directory) { make_user_folders(directory); }

  void open() override {}
  void close() override {}

  void put(int number, bool is_expired) override { write(path_of(number), make_user(number), expiry_ms(is_expired)); }

  int64_t request(int number, int64_t pages) override {
    std::string path = path_of(number);
    int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    REQUIRE(file >= 0 && fstat(file, &status) == 0);
    std::string text(size_t(status.st_size), 0);
    REQUIRE(read(file, &text[0], text.size()) == status.st_size);
    ::close(file);
    User user = user_of_json(text.data(), text.size());
    int64_t before = user.pages;
    user.pages = pages;
    write(path, user, expiry_ms());
    return before;
  }

  void log_out(int number) override { REQUIRE(unlink(path_of(number).c_str()) == 0); }

 private:
  std::string path_of(int number) const { return user_file(directory, number); }

  static void write(const std::string &path, const User &user, int64_t expires_at_ms) {
    std::string temporary = path + ".tmp", text = json_of_user(user, expires_at_ms);
    int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    REQUIRE(::write(file, text.data(), text.size()) == ssize_t(text.size()));
    ::close(file);
    REQUIRE(rename(temporary.c_str(), path.c_str()) == 0);
  }

  std::string directory;
};

} // namespace

std::unique_ptr<Users> users_of_json_files(const std::string &directory) { return std::make_unique<JSONFiles>(directory); }
