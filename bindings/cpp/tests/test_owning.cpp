// Models that are moved, updates that fail half-way, and what an exception tells of a failure.
#include "support.hpp"

#include <cerrno>

namespace {

struct app {
  int visits = 0;
  std::string theme = "light";
};

lily::persistence<app> fields() { return lily::persistence<app>().field("visits", &app::visits).field("theme", &app::theme); }

// If this could be moved, the runtime would go on with the old place of the model.
struct holder {
  app model;
  lily::runtime<app> runtime{model};
  lily::session session;
};
static_assert(!std::is_move_constructible<holder>::value && !std::is_move_assignable<holder>::value, "");

// A path as std::filesystem has it.
struct native_path {
  const std::string &native() const { return text; }
  std::string text;
};

} // namespace

TEST_CASE("owning: a model and its session move together") {
  const place here;
  {
    std::vector<lily::opened<app>> all;
    all.push_back(lily::open("one", fields()));
    lily::opened<app> two = lily::open("two", fields(), app());
    two->visits = 2;
    all.push_back(std::move(two));
    CHECK(fails(lily::status::invalid_argument, [&] { two.persist(); }));
    all[0]->visits = 1;
    all[1]->theme = "dark";
    all[0] = std::move(all[1]); // ends the first, which stores its change
    all.pop_back();
    (*all[0]).visits++;
    all[0].persist();
    CHECK(stored(all[0].storage(), "lily_session_visits") == "3");
  }
  CHECK(lily::open("one", fields())->visits == 1);
  auto saved = lily::open("two", fields());
  CHECK(saved->visits == 3);
  CHECK(saved->theme == "dark");
  // A log-out: the model keeps its values until the refresh.
  lily::clear(saved.storage());
  CHECK(saved->visits == 3);
  saved.refresh();
  CHECK(saved->visits == 0);
  lily::opened<app> in_memory(lily::storage::memory(), fields());
  in_memory->visits = 4;
  in_memory.persist();
  CHECK(stored(in_memory.storage(), "lily_session_visits") == "4");
}

TEST_CASE("owning: a restoring update takes back what it changed") {
  app model;
  const lily::storage storage = lily::storage::memory();
  lily::runtime<app, int> runtime(model, lily::restoring([](app &now, const int &visits) {
    now.visits = visits;
    now.theme = "half";
    if (visits < 0) throw thrown{visits};
    now.theme = "whole";
    return visits > 0;
  }));
  lily::session session = runtime.attach(fields(), storage);
  CHECK_THROWS_AS(runtime.dispatch(-1), thrown);
  CHECK_THROWS_AS(runtime.dispatch(0), lily::update_error);
  session.persist();
  CHECK(model.theme == "light");
  CHECK(stored(storage, "lily_session_theme").empty());
  runtime.dispatch(7);
  CHECK(stored(storage, "lily_session_theme") == "\"whole\"");

  app other;
  lily::runtime<app, int> nothing(other, lily::restoring([](app &now, int visits) { now.visits = visits; }));
  nothing.dispatch(3);
  CHECK(other.visits == 3);
}

TEST_CASE("owning: an exception has the system's error and the path") {
  const place here;
  const std::string path = here / "no/session.jsonl";
  try {
    lily::storage::open(native_path{path});
    FAIL("it opens a file in a folder that is not there");
  } catch (const lily::not_found_error &error) {
    CHECK(error.code() == std::error_code(ENOENT, std::system_category()));
    CHECK(error.code() == std::errc::no_such_file_or_directory);
    CHECK(error.path() == path);
  }
  { lily::storage::open(native_path{here.journal()}); }
  lily::storage_options options;
  options.read_only = true;
  const lily::storage storage = lily::storage::open(here.journal(), options);
  app model;
  lily::runtime<app> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  model.visits = 1;
  for (int way = 0; way < 3; way++) {
    try {
      way == 0 ? session.persist() : way == 1 ? storage.set("k", "1") : storage.sync();
      CHECK(way == 2);
    } catch (const lily::permission_error &error) {
      CHECK(error.code() == std::errc::permission_denied);
      CHECK(error.path() == storage.path());
    }
  }
  try {
    storage.set("k", "{");
  } catch (const lily::session_error &error) {
    CHECK(error.path().empty());
    CHECK(error.code().category() == lily::category());
    CHECK(error.code().message() == lily::status_name(error.status()));
  }
  CHECK(lily::busy_error("b").code() == std::errc::device_or_resource_busy);
  const lily::quota_error alone("q", ENOSPC, "/p");
  CHECK(alone.code() == std::errc::no_space_on_device);
  CHECK(alone.path() == "/p");
}
