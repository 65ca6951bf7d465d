import LilySession

enum Theme: String, Codable { case light, dark }

struct App {
  var visits = 0
  var theme = Theme.light
}

let fields = try Persistence<App>()
  .field("visits", \.visits)
  .field("theme", \.theme)

let storage = try Journal.open(application: "minimal")
let runtime = Runtime(App())
try runtime.attach(fields, storage: storage)  // fills the model from the file

let argument = CommandLine.arguments.dropFirst().first
try runtime.update { app in
  if argument == "logout" {
    try storage.clear()  // removes all that is stored, and leaves the model alone
    app = App()
  } else {
    app.visits += 1
    app.theme = argument.flatMap(Theme.init) ?? app.theme
  }
}  // stores what changed
print("visit \(runtime.model.visits), theme \(runtime.model.theme)")
