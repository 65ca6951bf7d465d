#include "server.hpp"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

Client::Client(const std::string &socket) : context(redisConnectUnix(socket.c_str())) {
  require(context && !context->err, "hiredis connects to the server");
  REQUIRE(redisSetTimeout(context, {60, 0}) == REDIS_OK);
}

Client::~Client() { redisFree(context); }

void Client::append(const std::vector<std::string_view> &arguments) {
  texts.clear();
  lengths.clear();
  for (std::string_view each : arguments) {
    texts.push_back(each.data());
    lengths.push_back(each.size());
  }
  REQUIRE(redisAppendCommandArgv(context, int(texts.size()), texts.data(), lengths.data()) == REDIS_OK);
}

Reply Client::receive() {
  void *reply = nullptr;
  require(redisGetReply(context, &reply) == REDIS_OK, "the server replies");
  Reply made(static_cast<redisReply *>(reply));
  if (made->type == REDIS_REPLY_ERROR) fail(made->str);
  return made;
}

Reply Client::run(const std::vector<std::string_view> &arguments) {
  append(arguments);
  return receive();
}

Server::Server() {
  // The path of a socket is short, so this is not below BENCH_DATA.
  char name[] = "/tmp/lily-session-bench-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  folder = name;
  path = folder + "/socket";
  start();
}

Server::~Server() {
  kill();
  std::filesystem::remove_all(folder);
}

static bool listens(const std::string &socket) {
  redisContext *context = redisConnectUnix(socket.c_str());
  const bool good = context && !context->err;
  redisFree(context);
  return good;
}

void Server::start() {
  unlink(path.c_str());
  process = fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path.c_str(), "--dir", folder.c_str(), "--save", "", "--appendonly",
           "no", nullptr);
    _exit(127);
  }
  for (int64_t end = now_ns() + 10000000000; !listens(path); usleep(1000)) {
    require(now_ns() < end && waitpid(process, nullptr, WNOHANG) == 0, "redis-server starts");
  }
  Client(path).run({"PING"});
}

void Server::kill() {
  if (process < 0) return;
  ::kill(process, SIGKILL);
  REQUIRE(waitpid(process, nullptr, 0) == process);
  process = -1;
}

void Server::pause() { ::kill(process, SIGSTOP); }
void Server::resume() { ::kill(process, SIGCONT); }

int64_t Server::used_memory() {
  Reply info = Client(path).run({"INFO", "memory"});
  const char *line = std::strstr(info->str, "used_memory:");
  require(line != nullptr, "INFO has used_memory");
  return std::atoll(line + std::strlen("used_memory:"));
}

Server &server() {
  static Server one;
  return one;
}

// Returns the arguments of a line of MONITOR, which has them in quotes.
static std::vector<std::string> arguments_of(const char *line) {
  std::vector<std::string> arguments;
  for (const char *at = std::strchr(line, '"'); at && *at; at = std::strchr(at, '"')) {
    std::string argument;
    for (at++; *at && *at != '"'; at++) {
      if (*at != '\\') {
        argument += *at;
      } else if (*++at == 'x') {
        argument += char(std::strtol(std::string(at + 1, 2).c_str(), nullptr, 16));
        at += 2;
      } else {
        const char *escape = std::strchr("n\nr\rt\ta\ab\b", *at);
        argument += escape ? escape[1] : *at;
      }
    }
    arguments.push_back(argument);
    if (*at) at++;
  }
  return arguments;
}

std::vector<std::string> recorded(const std::string &command, const std::function<void()> &work) {
  Client monitor(server().socket());
  monitor.run({"MONITOR"});
  work();
  for (;;) {
    std::vector<std::string> arguments = arguments_of(monitor.receive()->str);
    if (!arguments.empty() && strcasecmp(arguments[0].c_str(), command.c_str()) == 0) return arguments;
  }
}
