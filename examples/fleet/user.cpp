// Counts the visits of a user, whichever machine they come to: user NAME. The sessions are in the Redis that LILY_SESSION_REDIS names.
#include <lily_session_redis.hpp>

#include <iostream>

struct user {
  long visits = 0;
};

int main(int argc, char **argv) try {
  lily_session_redis_options options = LILY_SESSION_REDIS_OPTIONS_INIT;
  options.idle_ms = 30 * 60 * 1000; // a user who stays away for half an hour is forgotten
  lily::storage all = lily::storage::redis(options); // or redis("redis://sessions.example")
  lily::storage scope = all.scoped(std::string("user:") + (argc > 1 ? argv[1] : "ada"));

  user model;
  lily::runtime<user> runtime(model);
  lily::session session = runtime.attach(lily::persistence<user>().field("visits", &user::visits), scope);
  session.modify<long>("visits", [](const long *stored) { return stored ? *stored + 1 : 1; });
  std::cout << "visit " << model.visits << '\n';
} catch (const std::exception &error) {
  std::cerr << "user: " << error.what() << '\n';
  return 1;
}
