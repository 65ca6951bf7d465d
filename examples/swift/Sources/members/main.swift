// A program whose fields are the members of a struct, in memory, with scopes, an expiry, coders of its own, and values as a sequence.

import Foundation
import LilySession
import Synchronization

struct App: Codable {
  var visits = 0
  var theme = "light"
  var token: String?
}

let fields = try Persistence(membersOf: App(), except: ["token"])
  .field("token", \.token, expiresAfter: .seconds(3600))

struct Log {
  var logins: [Date] = []
}

let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
encoder.dateEncodingStrategy = .iso8601
decoder.dateDecodingStrategy = .iso8601
let logins = try Persistence<Log>(encoder: encoder, decoder: decoder)
  .field("logins", \.logins)

/// A request of a user who is logged in.
func use(_ session: Session) throws {
  try session.touch("token")  // it expires one hour from now
}

/// A clock that stands still until the test moves it.
final class Clock: Sendable {
  private let milliseconds = Atomic<Int64>(1_790_000_000_000)
  var now: Int64 { milliseconds.load(ordering: .relaxed) }
  func advance(by seconds: Int64) { milliseconds.add(seconds * 1000, ordering: .relaxed) }
}

@MainActor func testThatALoginExpires() throws {
  let clock = Clock()
  let runtime = Runtime(App())
  let session = try runtime.attach(fields, storage: MemoryStorage(clock: { clock.now }))
  try runtime.update { $0.token = "t" }
  clock.advance(by: 3600)
  try session.refresh()
  precondition(runtime.model.token == nil)
}

@MainActor func main() async throws {
  let storage = MemoryStorage()
  let ada = try storage.scoped("user:ada")
  let runtime = Runtime(App())
  let session = try runtime.attach(fields, storage: ada)
  try runtime.update { $0.token = "t" }
  try use(session)

  let log = Runtime(Log())
  try log.attach(logins, storage: ada)
  try log.update { $0.logins.append(Date(timeIntervalSince1970: 0)) }
  print(try ada.json(forKey: "lily_session_logins") ?? "nothing")

  for try await theme in try session.values(of: "theme", as: String.self) {
    print(theme)
    if theme == "dark" { break }
    try ada.setJSON("\"dark\"", forKey: "lily_session_theme")  // as another program would
    try log.refresh()  // the storage's other session must refresh, too
  }
  try ada.clear()
  try runtime.refresh()
  print(runtime.model)
}

try testThatALoginExpires()
try await main()

