#include "user.hpp"

#include "workload.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <jansson.h>

User make_user(int number) {
  User user = {};
  std::snprintf(user.token, sizeof user.token, "%08x%08x%08x%08x", number * 2654435761u, number * 40503u, number * 2246822519u, number * 3266489917u);
  std::snprintf(user.name, sizeof user.name, "User %06d", number);
  std::snprintf(user.email, sizeof user.email, "user%06d@example.org", number);
  std::strcpy(user.theme, number % 2 ? "dark" : "light");
  std::strcpy(user.language, number % 3 ? "en" : "de");
  std::snprintf(user.cart, sizeof user.cart, "%d,%d,%d", 100000 + number, 200000 + number, 300000 + number);
  user.since = 1790000000000 + number;
  return user;
}

std::string user_key(int number) {
  char key[16];
  std::snprintf(key, sizeof key, "user:%06d", number);
  return key;
}

std::string json_of_user(const User &user, int64_t expires_at_ms) {
  json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "token", user.token, "name", user.name, "email", user.email, "theme",
                           user.theme, "language", user.language, "cart", user.cart, "pages", json_int_t(user.pages), "since",
                           json_int_t(user.since), "expires", json_int_t(expires_at_ms));
  char *text = json_dumps(json, JSON_COMPACT);
  REQUIRE(text != nullptr);
  std::string made = text;
  std::free(text);
  json_decref(json);
  return made;
}

template <size_t size> static void take(char (&to)[size], const char *text) {
  REQUIRE(std::snprintf(to, size, "%s", text) < int(size));
}

User user_of_json(const char *text, size_t length) {
  json_t *json = json_loadb(text, length, 0, nullptr);
  const char *token, *name, *email, *theme, *language, *cart;
  json_int_t pages, since;
  REQUIRE(json_unpack(json, "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "token", &token, "name", &name, "email", &email, "theme", &theme, "language",
                      &language, "cart", &cart, "pages", &pages, "since", &since) == 0);
  User user;
  take(user.token, token);
  take(user.name, name);
  take(user.email, email);
  take(user.theme, theme);
  take(user.language, language);
  take(user.cart, cart);
  user.pages = pages;
  user.since = since;
  json_decref(json);
  return user;
}
