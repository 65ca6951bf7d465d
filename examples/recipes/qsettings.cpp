// A program that kept its settings in QSettings, and now keeps them in a session. Building it also needs pkg-config's Qt5Core.
//
//   qsettings [VOLUME THEME]     shows the settings, after it has changed them
#include <lily_session.hpp>

#include <QSettings>

#include <iostream>

struct app {
  int volume = 50;
  std::string theme = "light";
};

int main(int argc, char **argv) try {
  app model;
  lily::storage_options options;
  options.application = "qsettings";
  const lily::storage storage = lily::storage::open(options);
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(lily::persistence<app>().field("volume", &app::volume).field("theme", &app::theme), storage);

  QSettings old("example", "qsettings");
  const auto is_only_in_old = [&](const char *field, const char *key) {
    return session.state(field).stored == lily::stored_state::absent && old.contains(key);
  };
  if (is_only_in_old("volume", "sound/volume")) model.volume = old.value("sound/volume").toInt();
  if (is_only_in_old("theme", "window/theme")) model.theme = old.value("window/theme").toString().toStdString();

  if (argc == 3) {
    model.volume = std::stoi(argv[1]);
    model.theme = argv[2];
  }
  session.refresh(); // stores what changed, and takes over what other instances have changed
  old.setValue("sound/volume", model.volume); // keeps the old file in step
  old.setValue("window/theme", QString::fromStdString(model.theme));
  std::cout << "volume " << model.volume << ", theme " << model.theme << '\n';
} catch (const std::exception &error) {
  std::cerr << "qsettings: " << error.what() << '\n';
  return 1;
}
