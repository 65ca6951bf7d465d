// What every test has: a directory of its own, and children of fork.
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

// The test's directory, removed after it. $LILY_SESSION_DIR is inside, so that no mistake reaches the user's own files.
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

// The exit code of `body` in a child of fork. It must not assert: the parent's test goes on in the parent.
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

// Whether `body` throws a session_error of this status.
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

// The JSON text under a key, "" where there is none.
inline std::string stored(const lily::storage &storage, const std::string &key) {
  std::string json;
  return storage.get(key, json) ? json : "";
}

// Something of the test's own to throw, no std::exception.
struct thrown {
  int number;
};

// A callback's companion: how many of it are alive. Captured by value it tells when a callback is gone.
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
