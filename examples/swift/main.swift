import LilySession

struct Model {
  var token: String?
  var visits: Int64 = 0
}

enum Message {
  case visit, logIn(String), logOut
}

let storage = try Journal.open(application: "visits")

let fields = try persistence(of: Model.self)
  .field(
    key: "token", get: \.token, set: { Model(token: $1, visits: $0.visits) },
    encode: Value.optional(Value.string), decoder: .optional(.string)
  )
  .field(
    key: "visits", get: \.visits, set: { Model(token: $0.token, visits: $1) },
    encode: Value.integer, decoder: .integer)

let runtime = Runtime<Model, Message>(Model()) { model, message in
  switch message {
  case .visit: return Model(token: model.token, visits: model.visits + 1)
  case .logIn(let token): return Model(token: token, visits: model.visits)
  case .logOut:
    guard (try? clear(storage)) != nil else { return nil }  // refuses the message
    return Model()
  }
}

// Fills the model from the file; after each dispatch what changed is in the file.
let session = try runtime.attach(fields, storage: storage, get: { $0 }, set: { $1 })

try runtime.dispatch(.visit)
switch CommandLine.arguments.dropFirst().first {
case "login": try runtime.dispatch(.logIn("secret"))
case "logout": try runtime.dispatch(.logOut)
default: break
}
print("visit \(runtime.model.visits), token \(runtime.model.token ?? "none")")
session.detach()
