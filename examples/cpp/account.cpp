// Shows what the other two examples leave out: types of the program's own, expiry, migration, events, errors, a loop with poll(), a backend.
//
//   account          what is kept
//   account login NAME | buy ITEM | gift ITEM | logout
//   account watch    shows what other programs change; ends when the session is cleared
//   account memory   the same fields in a store of the program's own
//   account test     tests the fields
#include <lily_session_nlohmann.hpp>
#include <poll.h>

#include <iostream>
#include <map>

enum class theme { light, dark };

template <> struct lily::codec<theme> {
  static std::string encode(theme value) { return value == theme::dark ? "dark" : "light"; }
  static theme decode(const std::string &stored) {
    if (stored == "dark") return theme::dark;
    if (stored == "light") return theme::light;
    throw lily::decode_error("no such theme"); // refuses the value: the field and the file stay as they are
  }
};

enum class sort_by { name, price };

template <> struct lily::enumerators<sort_by> {
  static std::vector<lily::enumerator<sort_by>> all() { return {{sort_by::name, "name"}, {sort_by::price, "price"}}; }
};

struct purchase {
  int count = 0;
  bool gift = false;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(purchase, count, gift)

struct account {
  std::optional<std::string> token;     // null or a string
  theme look = theme::light;            // stored by its codec
  sort_by order = sort_by::name;        // stored by its name
  std::map<std::string, purchase> cart; // each is stored as nlohmann/json writes it, under a key of its own
  double volume = 0.5;
};

lily::persistence<account> fields() {
  using std::chrono::hours;
  return lily::persistence<account>()
    .field("token", &account::token, lily::field_options().expires_after(hours(24)))
    .field("theme", &account::look)
    .field("order", &account::order)
    .map("cart/", &account::cart) // the pears are stored under cart/pear
    .field("volume", [](const account &a) { return a.volume; }, // functions also reach members that are not public
           [](account &a, double stored) { a.volume = std::min(stored, 1.0); },
           // Version 0 stored it in percent, under another key.
           lily::field_options().former_keys({"percent"}).version(1, [](std::uint32_t, const lily::json &stored) {
             return std::stod(stored.text) / 100;
           }));
}

void show(const account &model) {
  std::cout << "token " << model.token.value_or("none") << ", theme " << lily::codec<theme>::encode(model.look) << ", cart "
            << nlohmann::json(model.cart) << ", volume " << model.volume << std::endl;
}

lily::config<account> config() {
  lily::config<account> config;
  config.on_event = [](const lily::event &event) {
    if (event.status == lily::status::ok) return; // this is news, not a failure
    std::cerr << (event.key.empty() ? "the store" : event.key) << ": " << lily::status_name(event.status) << '\n';
  };
  return config;
}

// Adds to what is stored, so that another program that buys the same at the same time loses nothing.
void buy(lily::session &session, const std::string &what, bool gift) {
  session.modify<purchase>("cart/" + what, [&](const purchase *stored) {
    purchase bought = stored ? *stored : purchase();
    bought.count++;
    bought.gift = bought.gift || gift;
    return bought;
  });
}

// An event loop polls the descriptor, with the time until the next expiry as its timeout.
void watch(lily::session &session, const lily::storage &storage, const account &model) {
  pollfd changed = {storage.fd(), POLLIN, 0};
  session.refresh(); // takes over what changed before the descriptor was made
  while (model.token) {
    poll(&changed, 1, static_cast<int>(session.next_expiry().count()));
    session.refresh();
    show(model);
  }
}

// A store of the program's own. This one is used by one thread, and ends with the program.
class map_backend : public lily::backend {
 public:
  bool read(const std::string &key, lily::entry &out) override {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    out = found->second;
    return true;
  }

  bool write(const std::vector<lily::entry> &batch, const std::string *prefix, std::uint64_t wanted) override {
    if (prefix && generation(*prefix) != wanted) return false; // another handle has cleared
    for (const lily::entry &entry : batch) {
      if (entry.json.empty()) entries_.erase(entry.key);
      else entries_[entry.key] = entry;
    }
    return true;
  }

  void clear(const std::string &prefix) override {
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.compare(0, prefix.size(), prefix) == 0;)
      at = entries_.erase(at);
    generations_[prefix]++;
  }

  std::uint64_t generation(const std::string &prefix) override { return generations_[prefix]; }

  void each(const std::string &prefix, const std::function<bool(const lily::entry &)> &visit) override {
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.compare(0, prefix.size(), prefix) == 0; ++at)
      if (!visit(at->second)) return;
  }

 private:
  std::map<std::string, lily::entry> entries_;
  std::map<std::string, std::uint64_t> generations_;
};

// A test needs no file, and its clock stands still until the test moves it.
void test_that_a_login_expires() {
  lily::time_point now(std::chrono::hours(500000));
  lily::storage_options options;
  options.clock = [&now] { return now; };
  const lily::storage storage = lily::storage::memory(options);
  account model;
  lily::runtime<account> runtime(model);
  lily::session session = runtime.attach(fields(), storage);
  model.token = "ada";
  session.persist();
  now += std::chrono::hours(24);
  session.refresh();
  if (model.token) throw std::logic_error("the token has not expired");
}

int main(int argc, char **argv) {
  const std::string verb = argc > 1 ? argv[1] : "show", word = argc > 2 ? argv[2] : "";
  try {
    if (verb == "test") {
      test_that_a_login_expires();
      return 0;
    }
    lily::storage_options options;
    options.application = "account"; // names the default place
    const lily::storage storage =
      verb == "memory" ? lily::storage::open_backend(std::make_unique<map_backend>()) : lily::storage::open(options);
    account model;
    lily::runtime<account> runtime(model);
    lily::session session = runtime.attach(fields(), storage, config());

    if (verb == "login") model.token = word;
    else if (verb == "buy" || verb == "gift") buy(session, word, verb == "gift");
    else if (verb == "watch") watch(session, storage, model);
    else if (verb != "logout") show(model);
    if (verb == "logout") {
      lily::clear(storage); // deletes all that is stored; the model still has its values
      session.refresh();    // resets them
    } else if (model.token) {
      session.touch("token"); // it is in use, so it expires a day from now
    }

    session.flush();
  } catch (const lily::no_space_error &) {
    std::cerr << "account: the disk is full; make room, and try again\n"; // the model has the change, the file the old value
    return 1;
  } catch (const lily::session_error &error) {
    std::cerr << "account: " << error.what() << " (" << lily::status_name(error.status()) << ")\n";
    return 1;
  }
}
