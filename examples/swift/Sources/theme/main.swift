/* Programs that share a session: `theme` shows at once what `theme NAME` sets. `theme end` ends it. */
import Glibc
import LilySession

struct App { var theme = "light" }

let storage = try Journal.open(application: "theme")
let fields = try Persistence<App>().field("theme", \.theme)
let runtime = Runtime(App())

if let name = CommandLine.arguments.dropFirst().first {
  try runtime.attach(fields, storage: storage)
  try runtime.update { $0.theme = name }
} else {
  let changes = try storage.changes()  // made before attach reads the file, so that it misses no change
  let session = try runtime.attach(fields, storage: storage)
  var shown = ""
  func show() {
    if runtime.model.theme != shown { print(runtime.model.theme) }
    shown = runtime.model.theme
    fflush(nil)
  }
  show()
  for await _ in changes {
    try session.refresh()
    show()
    if shown == "end" { break }
  }
}
