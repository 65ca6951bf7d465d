/* A counter that several programs share. Each of them counts what is stored, so that none loses what the others have counted.
 *
 *   counter          shows the count
 *   counter TIMES    counts that often, and shows the count */
import LilySession

struct App { var count = 0 }

let fields = try Persistence<App>().field("count", \.count)
let (runtime, session) = try Runtime.open(application: "counter", model: App(), fields: fields)

let times = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 0
for _ in 0..<max(times, 0) {
  try session.modify("count") { (stored: Int?) in (stored ?? 0) + 1 }  // sets the model's count, too
}
print(runtime.model.count)
