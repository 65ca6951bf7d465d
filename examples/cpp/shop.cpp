// A shop whose session survives the end of the program, kill -9 included. It is examples/c/shop.c in C++: the two may take turns on one
// file.
//
//   shop show | where | login NAME | theme NAME | add ITEM | logout
//   shop hammer     adds nails for ever, and prints the number of each visit once it is stored: it is made to be killed
#include <lily_session.hpp>

#include <iostream>
#include <map>

// The model. All of it is saved.
struct shop {
  std::string token, theme = "light";
  std::map<std::string, std::int64_t> cart; // each item, with how many
  std::int64_t visits = 0;
};

// A message: the words of the command line.
struct command {
  std::string verb, text;
};

static lily::persistence<shop> fields() {
  return lily::persistence<shop>()
    .field("token", &shop::token)
    .field("theme", &shop::theme)
    .map("cart/", &shop::cart) // each item under a key of its own: two shops that add different items lose nothing
    .field("visits", &shop::visits);
}

// Applies a message to the model. Returns false to refuse the message; then nothing has changed.
static bool update(shop &now, const command &message, const lily::storage &storage) {
  if (message.verb == "logout") {
    lily::clear(storage); // removes all that is stored; an exception of it leaves dispatch
    now = shop();
    return true;
  }
  if (message.text.empty() || message.text.size() >= (message.verb == "theme" ? 16 : 64)) return false; // the C program has no room for it
  if (message.verb == "login") now.token = message.text;
  else if (message.verb == "theme") now.theme = message.text;
  else now.cart[message.text]++;
  now.visits++; // stored together with the change above, in one write: either both are stored or neither
  return true;
}

static void show(const shop &model) {
  std::cout << "token " << (model.token.empty() ? "none" : model.token) << ", theme " << model.theme << ", cart [";
  const char *between = "";
  for (const auto &item : model.cart) {
    std::cout << between << item.second << ' ' << item.first;
    between = ", ";
  }
  std::cout << "], visits " << model.visits << std::endl;
}

static void run(const command &command) {
  lily::storage_options options;
  options.application = "shop"; // names the default place
  const lily::storage storage = lily::storage::open(options);

  shop model;
  lily::runtime<shop, ::command> runtime(model, [&](shop &now, const ::command &message) { return update(now, message, storage); });
  lily::session session = runtime.attach(fields(), storage); // fills the model

  std::cout.exceptions(std::ios::failbit | std::ios::badbit);
  if (command.verb == "where") {
    std::cout << storage.path() << std::endl;
  } else if (command.verb == "show") {
    show(model);
  } else if (command.verb == "hammer") {
    while (true) {
      runtime.dispatch({"add", "nail"});
      std::cout << model.visits << std::endl; // from here on it survives a kill
    }
  } else {
    runtime.dispatch(command);
  }
  session.flush(); // the destructor would flush, too, but could not throw that it failed
}

int main(int argc, char **argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  const bool alone = verb == "show" || verb == "where" || verb == "hammer" || verb == "logout";
  const bool with_a_word = verb == "login" || verb == "theme" || verb == "add";
  if (!(alone && argc == 2) && !(with_a_word && argc == 3)) {
    std::cerr << "usage: shop show | where | login NAME | theme NAME | add ITEM | hammer | logout\n";
    return 2;
  }
  try {
    run({verb, argc > 2 ? argv[2] : ""});
  } catch (const std::exception &error) {
    std::cerr << "shop: " << error.what() << '\n';
    return 1;
  }
}
