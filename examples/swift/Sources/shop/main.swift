/* A shop whose session survives the end of the program, kill -9 included. It shares its store with examples/c/shop.c.
 *
 *   shop show | where | login NAME | theme NAME | add ITEM | logout
 *   shop hammer     adds nails for ever, and prints the number of each visit once it is stored: it is made to be killed */
import Glibc
import LilySession

struct Shop {
  var token = ""
  var theme = "light"
  var cart: [String: Int] = [:]  // each item, with how many
  var visits = 0
}

enum Message { case login(String), theme(String), add(String), logout }

struct Refusal: Error { let reason: String }

/// Returns the name if the C program has room for it.
func name(_ text: String, room: Int) throws -> String {
  guard !text.isEmpty, text.utf8.count < room else { throw Refusal(reason: "a name is empty or too long") }
  return text
}

func run(_ words: [String]) throws {
  let storage = try Journal.open(application: "shop")  // the default place

  // The type of each field says how it is stored. Each item of the cart has a key of its own: two shops that add different items lose nothing.
  let fields = try Persistence<Shop>()
    .field("token", \.token)
    .field("theme", \.theme)
    .map("cart/", \.cart)
    .field("visits", \.visits)

  // Applies a message to the model. An error refuses the message, and the model stays as it was.
  let runtime = Runtime<Shop, Message>(Shop()) { shop, message in
    switch message {
    case .login(let text): shop.token = try name(text, room: 64)
    case .theme(let text): shop.theme = try name(text, room: 16)
    case .add(let text): shop.cart[try name(text, room: 64), default: 0] += 1
    case .logout:
      try storage.clear()  // removes all that is stored
      shop = Shop()
      return
    }
    shop.visits += 1  // stored together with the change above, in one write: either both are stored or neither
  }
  let session = try runtime.attach(fields, storage: storage)  // fills the model

  switch (words.first, words.dropFirst().first) {
  case ("show", nil):
    let shop = runtime.model
    let cart = shop.cart.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    print("token \(shop.token.isEmpty ? "none" : shop.token), theme \(shop.theme), cart [\(cart)], visits \(shop.visits)")
  case ("where", nil): print(storage.path)
  case ("login", let text?): try runtime.dispatch(.login(text))
  case ("theme", let text?): try runtime.dispatch(.theme(text))
  case ("add", let item?): try runtime.dispatch(.add(item))
  case ("logout", nil): try runtime.dispatch(.logout)
  case ("hammer", nil):
    while true {
      try runtime.dispatch(.add("nail"))
      print(runtime.model.visits)  // from here on it survives a kill
      fflush(nil)
    }
  default: showUsage()
  }
  try session.flush()  // the end would flush, too, but could not throw that it failed
}

func showUsage() -> Never { fail("usage: shop show | where | login NAME | theme NAME | add ITEM | hammer | logout", code: 2) }

func fail(_ message: String, code: Int32) -> Never {
  let line = message + "\n"
  write(STDERR_FILENO, line, line.utf8.count)
  exit(code)
}

do {
  let words = Array(CommandLine.arguments.dropFirst())
  let verbs = [[], ["show", "where", "hammer", "logout"], ["login", "theme", "add"]]  // indexed by the number of words
  guard words.count < verbs.count, verbs[words.count].contains(words.first ?? "") else { showUsage() }
  try run(words)
} catch { fail("shop: \(error)", code: 1) }
