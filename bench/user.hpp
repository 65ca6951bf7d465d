// A user of a server, as the benchmarks of servers store one.
#pragma once
#include <cstdint>
#include <string>

// What a server keeps of a user between two requests: eight fields, which are about 190 bytes as JSON.
struct User {
  char token[33], name[16], email[32], theme[8], language[8], cart[40];
  int64_t pages, since;
};

User make_user(int number);
// Returns the key under which a user is stored in all stores, such as "user:000042".
std::string user_key(int number);

// These write a user as JSON, and read one.
std::string json_of_user(const User &user, int64_t expires_at_ms);
User user_of_json(const char *text, size_t length);
