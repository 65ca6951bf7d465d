#include "server.hpp"

#include <benchmark/benchmark.h>
#include <cstring>

// Returns the server's own words for its version, such as "7.0.15".
static std::string version_of_server() {
  Reply info = Client(server().socket()).run({"INFO", "server"});
  const char *line = std::strstr(info->str, "redis_version:");
  require(line != nullptr, "INFO has redis_version");
  line += std::strlen("redis_version:");
  return std::string(line, std::strcspn(line, "\r"));
}

int main(int argc, char **argv) {
  const auto dotted = [](int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); };
  benchmark::AddCustomContext("Redis", version_of_server());
  benchmark::AddCustomContext("hiredis", dotted(HIREDIS_MAJOR, HIREDIS_MINOR) + "." + std::to_string(HIREDIS_PATCH));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
