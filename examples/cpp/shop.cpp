// A shop whose session survives the end of the program, kill -9 included. It is examples/c/shop.c in C++: the two may take turns on one
// file.
//
//   shop show | where | login NAME | theme NAME | add ITEM | logout
//   shop hammer     updates for ever, and prints the number of each visit once it is stored: it is made to be killed
#include <lily_session.hpp>

#include <iostream>

// The model. All of it is saved.
struct shop {
  std::string token, theme = "light";
  lily::json cart{"[]"}; // stored as JSON, ["apple","pear"], not as a string
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
    .field("cart", [](const shop &from) { return from.cart; },
           [](shop &to, const lily::json &stored) {
             if (stored.text[0] != '[') return false; // refuses the value, which stays in the file
             to.cart = stored;
             return true;
           })
    .field("visits", &shop::visits);
}

// Sets the text and returns true, or returns false if the C program has no room for it.
static bool put(std::string &into, std::size_t room, const std::string &text) {
  if (text.empty() || text.size() >= room) return false;
  into = text;
  return true;
}

static bool add(std::string &cart, const std::string &item) {
  if (item.find_first_of("\"\\\n\t") != std::string::npos || cart.size() + item.size() + 4 > 1024) return false;
  cart.pop_back(); // the ]
  cart += (cart.size() > 1 ? ",\"" : "\"") + item + "\"]";
  return true;
}

// Applies a message to the model. Returns false to refuse the message; then nothing has changed.
static bool update(shop &now, const command &message, const lily::storage &storage) {
  if (message.verb == "logout") {
    lily::clear(storage); // removes all that is stored; an exception of it leaves dispatch
    now = shop();
    return true;
  }
  if (message.verb == "hammer") now.cart.text = "[\"item " + std::to_string(now.visits + 1) + "\"]";
  else if (message.verb == "login" ? !put(now.token, 64, message.text)
           : message.verb == "theme" ? !put(now.theme, 16, message.text) : !add(now.cart.text, message.text)) return false;
  now.visits++; // stored together with the change above, in one write: either both are stored or neither
  return true;
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
    std::cout << "token " << (model.token.empty() ? "none" : model.token) << ", theme " << model.theme << ", cart " << model.cart.text
              << ", visits " << model.visits << std::endl;
  } else {
    do {
      runtime.dispatch(command);
      if (command.verb == "hammer") std::cout << model.visits << std::endl; // from here on it survives a kill
    } while (command.verb == "hammer");
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
