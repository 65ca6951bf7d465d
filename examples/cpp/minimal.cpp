#include <lily_session.hpp>

#include <iostream>

struct app {
  int visits = 0;
  std::string theme = "light";
};

int main(int argc, char **argv) try {
  const auto fields = lily::persistence<app>()
    .field("visits", &app::visits)
    .field("theme", &app::theme);

  auto saved = lily::open("minimal", fields); // makes an app, and fills it from the file

  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "logout") {
    lily::clear(saved.storage()); // deletes all that is stored; the app still has its values
    saved.refresh();              // gives the app the values from before it was filled
  } else if (!word.empty()) {
    saved->theme = word;
  }
  saved->visits++;
  saved.persist(); // stores what changed
  std::cout << "visit " << saved->visits << ", theme " << saved->theme << '\n';
} catch (const std::exception &error) {
  std::cerr << "minimal: " << error.what() << '\n';
  return 1;
}
