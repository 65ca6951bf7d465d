// Shared by all tests: a directory for each test, and children of fork.
#ifndef SUPPORT_HPP
#define SUPPORT_HPP

#include <doctest/doctest.h>
#include <lily_session.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

// A directory for a test, which is removed after it. $LILY_SESSION_DIR is inside, so that no mistake reaches the user's own files.
class place {
 public:
  place() {
    char path[] = "/tmp/lily_cpp_XXXXXX";
    path_ = mkdtemp(path);
    setenv("LILY_SESSION_DIR", (path_ + "/default").c_str(), 1);
    CHECK(mkdir((path_ + "/default").c_str(), 0700) == 0);
  }
  ~place() { CHECK(std::system(("rm -rf " + path_).c_str()) == 0); }
  std::string journal() const { return path_ + "/session.jsonl"; }
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Runs `body` in a child of fork, and returns its exit code. It must not assert, as a failed assertion would run the test on in the child.
template <class Body> int in_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (const std::exception &error) {
      std::fprintf(stderr, "child: %s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Returns true if `body` throws a session_error with this status.
template <class Body> bool fails(lily::status status, Body body) {
  try {
    body();
  } catch (const lily::session_error &error) {
    CHECK_MESSAGE(error.status() == status, error.what());
    CHECK(error.what()[0] != '\0');
    return error.status() == status;
  }
  return false;
}

// Returns the JSON text under a key, or "" if there is none.
inline std::string stored(const lily::storage &storage, const std::string &key) {
  std::string json;
  return storage.get(key, json) ? json : "";
}

// An exception of the tests, which is not a std::exception.
struct thrown {
  int number;
};

// Counts how many copies of it are alive. A callback that captures it by value shows so when it is gone.
class witness {
 public:
  explicit witness(int &alive) : alive_(&alive) { ++*alive_; }
  witness(const witness &other) : alive_(other.alive_) { ++*alive_; }
  witness &operator=(const witness &) = delete;
  ~witness() { --*alive_; }

 private:
  int *alive_;
};

#endif
