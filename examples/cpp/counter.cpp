// A counter that several programs share. Each of them counts what is stored, so that none loses what the others have counted.
//
//   counter          shows the count
//   counter TIMES    counts that often, and shows the count
#include <lily_session.hpp>

#include <iostream>

struct app {
  long count = 0;
};

int main(int argc, char **argv) try {
  app model;
  const auto fields = lily::persistence<app>().field("count", &app::count);
  lily::session session = lily::session::open("counter", model, fields);

  for (long left = argc > 1 ? std::stol(argv[1]) : 0; left > 0; left--) {
    session.modify<long>("count", [](const long *stored) { return stored ? *stored + 1 : 1; }); // sets model.count, too
  }
  std::cout << model.count << '\n';
} catch (const std::exception &error) {
  std::cerr << "counter: " << error.what() << '\n';
  return 1;
}
