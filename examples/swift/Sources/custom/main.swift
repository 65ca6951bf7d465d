/* A session in a storage of the program's own (DictionaryStorage.swift), and in a scope of it. */
import LilySession

struct App {
  var visits = 0
  var note: String?
}

let storage = DictionaryStorage()
let fields = try Persistence<App>().field("visits", \.visits).field("note", \.note)

for user in ["ada", "grace"] {
  let runtime = Runtime(App())
  try runtime.attach(fields, storage: storage.scoped(user))
  try runtime.update { $0.visits += 1 }
  try runtime.update { $0.note = "by \(user)" }
}
try storage.scoped("ada").clear()

for user in ["ada", "grace"] {
  let runtime = Runtime(App())
  try runtime.attach(fields, storage: storage.scoped(user))
  print("\(user): visits \(runtime.model.visits), note \(runtime.model.note ?? "none")")
}
print(try storage.scoped("grace").json(forKey: "lily_session_note") ?? "nothing is stored")
