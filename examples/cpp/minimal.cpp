#include <lily_session.hpp>

#include <iostream>

struct app {
  int visits = 0;
  std::string theme = "light";
};

int main(int argc, char **argv) try {
  app model;
  const auto fields = lily::persistence<app>()
    .field("visits", &app::visits)
    .field("theme", &app::theme);

  lily::session session = lily::session::open("minimal", model, fields); // fills the model from the file

  model.visits++;
  if (argc > 1) model.theme = argv[1];
  session.persist(); // stores what changed
  std::cout << "visit " << model.visits << ", theme " << model.theme << '\n';
} catch (const std::exception &error) {
  std::cerr << "minimal: " << error.what() << '\n';
  return 1;
}
