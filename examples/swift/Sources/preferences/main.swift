// A program that kept its settings in UserDefaults, and now keeps them in a session.
//
//   preferences [VOLUME THEME]     shows the settings, after it has changed them
import Foundation
import LilySession

struct App {
  var volume = 50
  var theme = "light"
}

let fields = try Persistence<App>()
  .field("volume", \.volume)
  .field("theme", \.theme)

let runtime = Runtime(App())
let session = try runtime.attach(fields, storage: Journal.open(application: "preferences"))  // sets what is stored

let old = UserDefaults(suiteName: "org.example.preferences")
let words = CommandLine.arguments.dropFirst()
let volume = try session.state(of: "volume").stored == .absent ? old?.object(forKey: "volume") as? Int : nil
let theme = try session.state(of: "theme").stored == .absent ? old?.string(forKey: "theme") : nil
try runtime.update { app in  // sets what is not, and what the user wants
  app.volume = words.first.flatMap { Int($0) } ?? volume ?? app.volume
  app.theme = words.dropFirst().first ?? theme ?? app.theme
}
print("volume \(runtime.model.volume), theme \(runtime.model.theme)")
