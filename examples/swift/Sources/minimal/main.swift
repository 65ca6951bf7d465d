import LilySession

enum Theme: String, Codable { case light, dark }

struct App {
  var visits = 0
  var theme = Theme.light
}

let fields = try Persistence<App>()
  .field("visits", \.visits)
  .field("theme", \.theme)

let runtime = Runtime(App())
try runtime.attach(fields, storage: Journal.open(application: "minimal"))  // fills the model from the file

try runtime.update { app in
  app.visits += 1
  app.theme = CommandLine.arguments.dropFirst().first.flatMap(Theme.init) ?? app.theme
}  // stores what changed
print("visit \(runtime.model.visits), theme \(runtime.model.theme)")
