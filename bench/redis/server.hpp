// A Redis server of the benchmarks' own, and a client of hiredis alone, with which the library is compared.
#pragma once
#include "../workload.hpp"

#include <hiredis/hiredis.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct FreeReply {
  void operator()(redisReply *reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

class Client {
 public:
  explicit Client(const std::string &socket);
  ~Client();
  Client(const Client &) = delete;

  // Sends a command and waits for its reply. Ends the program if there is an error.
  Reply run(const std::vector<std::string_view> &arguments);
  // Sends many commands, and then waits for the replies.
  void append(const std::vector<std::string_view> &arguments);
  Reply receive();

 private:
  redisContext *context;
  std::vector<const char *> texts;
  std::vector<size_t> lengths;
};

// A server that keeps everything in memory. It listens on a socket in a temporary folder.
class Server {
 public:
  Server();
  ~Server();
  Server(const Server &) = delete;

  void start(); // returns once the server answers
  void kill();
  void pause(); // it hangs until it is resumed
  void resume();

  const std::string &socket() const { return path; }
  std::string url() const { return "unix://" + path; }
  int64_t used_memory();

 private:
  std::string folder, path;
  pid_t process = -1;
};

// The server of all benchmarks, which is started when it is first asked for, and ends with the program.
Server &server();

// Returns the command of this name that the server is sent while the work is done.
std::vector<std::string> recorded(const std::string &command, const std::function<void()> &work);
