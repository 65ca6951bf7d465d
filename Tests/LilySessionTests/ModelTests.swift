import Foundation
import Testing

@testable import LilySession

/// Models as Swift programs have them: values that are only Codable, coders of the program's own, members of a Codable struct, and objects.
@Suite struct ModelTests {
  private struct Refused: Error {}

  // MARK: Codable

  private struct Window: Codable { // not Equatable
    var width = 640
    var title = "a"
  }

  @Test func `S5 a value that is not Equatable has changed if its text has`() throws {
    struct App {
      var window = Window()
      var windows: [String: Window] = [:]
      var custom = Window()
    }
    let fields = try Persistence<App>().field("window", \.window).map("windows/", \.windows)
      .field("custom", \.custom, encode: { .integer(Int64($0.width)) }, decoder: .integer { Window(width: Int($0)) })
    let scratch = Scratch()
    let runtime = Runtime(App())
    try runtime.attach(fields, storage: try Journal.open(path: scratch.file))
    try runtime.update { _ in }
    #expect(scratch.lines.isEmpty)
    try runtime.update { $0.window.width = 800 }
    #expect(scratch.lines.count == 1 && scratch.lines[0].contains(#""lily_session_window",{"title":"a","width":800}"#))
    try runtime.update { $0.windows["b"] = Window() }
    try runtime.update { $0.custom.width = 1 }
    #expect(scratch.lines.count == 3)
    try runtime.update { $0.window = Window(width: 800) }
    #expect(scratch.lines.count == 3)
    let next = Runtime(App())
    try next.attach(fields, storage: try Journal.open(path: scratch.file))
    #expect(next.model.window.width == 800 && next.model.windows["b"]?.title == "a" && next.model.custom.width == 1)
    try next.update { _ in }
    #expect(scratch.lines.count == 3)
  }

  @Test func `an encoder and a decoder of the program's own, for all fields, and for modify`() throws {
    struct App {
      var when: Date? = nil
      var dates: [Date] = []
    }
    let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
    encoder.dateEncodingStrategy = .iso8601
    decoder.dateDecodingStrategy = .iso8601
    let fields = try Persistence<App>(encoder: encoder, decoder: decoder).field("when", \.when).field("dates", \.dates)
    let storage = MemoryStorage()
    let runtime = Runtime(App())
    let session = try runtime.attach(fields, storage: storage)
    try runtime.update { $0.when = Date(timeIntervalSince1970: 0) }
    #expect(try storage.json(forKey: "lily_session_when") == "\"1970-01-01T00:00:00Z\"")
    try session.modify("dates") { (dates: [Date]?) in (dates ?? []) + [Date(timeIntervalSince1970: 1)] }
    try session.modify("dates") { (dates: [Date]?) in (dates ?? []) + [Date(timeIntervalSince1970: 2)] }
    #expect(try storage.json(forKey: "lily_session_dates") == #"["1970-01-01T00:00:01Z","1970-01-01T00:00:02Z"]"#)
    #expect(runtime.model.dates.count == 2)
    let next = Runtime(App())
    try next.attach(fields, storage: storage)
    #expect(next.model.when == Date(timeIntervalSince1970: 0))
  }

  @Test func `S2 a Float is stored in its fewest digits`() throws {
    struct App { var ratio: Float = 0 }
    let storage = MemoryStorage()
    let runtime = Runtime(App())
    try runtime.attach(Persistence<App>().field("ratio", \.ratio), storage: storage)
    for (value, text) in [(0.1, "0.1"), (-2.5, "-2.5"), (Float.leastNonzeroMagnitude, nil), (Float.greatestFiniteMagnitude, nil), (1 / 3, nil)]
      as [(Float, String?)]
    {
      try runtime.update { $0.ratio = value }
      let found = try #require(try storage.json(forKey: "lily_session_ratio"))
      #expect(text == nil || found == text)
      #expect(Float(found) == value && found.filter(\.isNumber).count <= 12)
    }
    #expect(status { () throws(Failure) in try runtime.update { $0.ratio = .infinity } } == .encode)
  }

  @Test func `a field of an immutable session may be encoded by its type`() throws {
    struct App { let count: Int }
    let storage = MemoryStorage()
    let fields = try Persistence<App>().field("count", get: { $0.count }, set: { App(count: $1) })
    let runtime = Runtime<App, Int>(reducing: App(count: 0)) { App(count: $0.count + $1) }
    try runtime.attach(fields, storage: storage)
    try runtime.dispatch(3)
    #expect(try storage.json(forKey: "lily_session_count") == "3")
  }

  // MARK: members

  private enum Theme: String, Codable { case light, dark }
  private struct Settings: Codable {
    var visits = 0
    var theme = Theme.light
    var token: String?
    var name: String? = "ada"
    var sizes: [Double] = []
    var window: Window? = nil
  }

  @Test func `each member of a Codable struct is a field, as by key paths`() throws {
    let (storage, other) = (MemoryStorage(), MemoryStorage())
    let runtime = Runtime(Settings())
    try runtime.attach(Persistence(membersOf: Settings()), storage: storage)
    let twin = Runtime(Settings())
    let fields = try Persistence<Settings>().field("visits", \.visits).field("theme", \.theme).field("token", \.token).field("name", \.name)
      .field("sizes", \.sizes).field("window", \.window)
    try twin.attach(fields, storage: other)
    let change = { (settings: inout Settings) in
      settings.visits += 1
      settings.theme = .dark
      settings.token = "t"
      settings.name = nil
      settings.sizes = [1.5]
      settings.window = Window()
    }
    try runtime.update(change)
    try twin.update(change)
    #expect(try storage.items().map { "\($0.key)=\($0.entry.json)" } == other.items().map { "\($0.key)=\($0.entry.json)" })
    #expect(try storage.keys().count == 6)
    for list in [try Persistence(membersOf: Settings()), fields] {
      let next = Runtime(Settings())
      try next.attach(list, storage: storage)
      #expect(next.model.visits == 1 && next.model.theme == .dark && next.model.token == "t" && next.model.name == nil)
      #expect(next.model.sizes == [1.5] && next.model.window?.width == 640)
    }
  }

  @Test func `members may be left out, and added with an expiry`() throws {
    let storage = MemoryStorage()
    let fields = try Persistence(membersOf: Settings(), except: ["token"]).field("token", \.token, expiresAfter: .seconds(60))
    let runtime = Runtime(Settings())
    let session = try runtime.attach(fields, storage: storage)
    try runtime.update { $0.token = "t" }
    #expect(session.nextExpiry != nil)
    try storage.setJSON("\"x\"", forKey: "lily_session_visits")
    try session.refresh()
    #expect(try session.state(of: "visits").stored == .rejected && runtime.model.visits == 0)
  }

  @Test func `what has no members by name is refused`() throws {
    final class Object: Codable { var count = 0 }
    struct Pair: Codable {
      func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(1)
      }
      init() {}
      init(from decoder: any Decoder) throws {}
    }
    struct Narrow: Codable {
      var count = 0
      func encode(to encoder: any Encoder) throws { throw Refused() }
    }
    #expect(status { () throws(Failure) in _ = try Persistence(membersOf: Object()) } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try Persistence(membersOf: Pair()) } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try Persistence(membersOf: Narrow()) } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try Persistence(membersOf: 17) } == .invalidArgument)
  }

  // MARK: objects

  private final class Account {
    var name = "ada"
    var notes: [String: Int] = ["a": 1]
    var attempts = 0
    var settings = Settings()
  }

  @Test func `S5 after an update that throws, nothing of it is stored, though the model is an object`() throws {
    let storage = MemoryStorage()
    let account = Account()
    let runtime = Runtime(account)
    let session = try runtime.attach(
      Persistence<Account>().field("name", \.name).map("notes/", \.notes)
        .field("theme", get: { $0.settings.theme }, set: { $0.settings.theme = $1; return $0 }), storage: storage)
    try runtime.attach(Persistence(membersOf: Settings(), except: ["theme", "name"]), at: \.settings, storage: storage)
    account.name = "by hand" // a change that is not stored yet, and stays
    let failed = status { () throws(Failure) in
      try runtime.update { account in
        account.name = "bob"
        account.notes = [:]
        account.attempts += 1
        account.settings.visits = 7
        account.settings.theme = .dark
        throw Refused()
      }
    }
    #expect(failed == .update)
    #expect(account.name == "by hand" && account.notes == ["a": 1] && account.settings.visits == 0 && account.settings.theme == .light)
    #expect(account.attempts == 1) // no field
    try runtime.persist()
    #expect(try storage.keys() == ["lily_session_name"])
    session.detach()
  }

  @Test func `an object in a model that is a value is set back, too`() throws {
    struct App {
      let account = Account()
      var visits = 0
    }
    let storage = MemoryStorage()
    let runtime = Runtime<App, Bool>(App()) { app, fails in
      app.visits += 1
      app.account.name = "bob"
      if fails { throw Refused() }
    }
    try runtime.attach(Persistence<App>().field("name", \.account.name).field("visits", \.visits), storage: storage)
    #expect(status { () throws(Failure) in try runtime.dispatch(true) } == .update)
    #expect(runtime.model.account.name == "ada" && runtime.model.visits == 0)
    try runtime.dispatch(false)
    #expect(try storage.json(forKey: "lily_session_name") == "\"bob\"")
  }

  // MARK: values

  @Test func `S10 the values of a field, as a sequence`() async throws {
    struct App {
      var theme = Theme.light
      var notes: [String: Int] = [:]
    }
    let storage = MemoryStorage()
    let session = try Runtime(App()).keptAlive { try $0.attach(Persistence<App>().field("theme", \.theme).map("notes/", \.notes), storage: storage) }
    var themes = try session.session.values(of: "theme", as: Theme.self).makeAsyncIterator()
    #expect(try await themes.next(isolation: nil) == .light)
    try storage.setJSON("1", forKey: "lily_session_other")
    try storage.setJSON("\"dark\"", forKey: "lily_session_theme")
    #expect(try await themes.next(isolation: nil) == .dark)
    #expect(session.runtime.model.theme == .dark)
    try session.runtime.update { $0.theme = .light }
    #expect(try await themes.next(isolation: nil) == .light)
    var notes = try session.session.values(of: "notes/a", as: Int?.self).makeAsyncIterator()
    #expect(try await notes.next(isolation: nil) == .some(nil))
    try storage.setJSON("3", forKey: "lily_session_notes/a")
    #expect(try await notes.next(isolation: nil) == 3)
    #expect(status { () throws(Failure) in _ = try session.session.values(of: "theme", as: Int.self) } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try session.session.values(of: "none", as: Int.self) } == .notFound)
    session.session.detach()
    #expect(status { () throws(Failure) in _ = try session.session.values(of: "theme", as: Theme.self) } == .invalidArgument)
  }
}

extension Runtime {
  /// Returns a session together with its runtime, which ends it.
  fileprivate func keptAlive(_ attach: (Runtime) throws -> Session) rethrows -> (runtime: Runtime, session: Session) { (self, try attach(self)) }
}
