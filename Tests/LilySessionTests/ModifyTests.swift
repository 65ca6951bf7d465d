import Foundation
import Testing

@testable import LilySession

/// Checks the calls that change stored values without losing what others store (S27), and those that remove them, as a Swift program has
/// them.
@Suite struct ModifyTests {
  let scratch = Scratch()
  func journal() throws -> Journal { try Journal.open(path: scratch.file) }

  private static func plus(_ visits: Int64?) -> Int64 { (visits ?? 0) + 1 }

  // MARK: fields

  @Test func `S27 a field counts in two sessions, and is changed again if the other was faster`() throws {
    let (one, other) = (try Attached(journal()), try Attached(journal()))
    try one.session.modify("visits", Self.plus)
    try other.session.modify("visits", Self.plus)
    #expect(one.runtime.model.shop.visits == 1)
    #expect(other.runtime.model.shop.visits == 2)
    var given: [Int64?] = []
    try one.session.modify("visits") { (visits: Int64?) in
      given.append(visits)
      if given.count < 3 { try other.session.modify("visits", Self.plus) }
      return Self.plus(visits)
    }
    #expect(given == [2, 3, 4])
    #expect(one.runtime.model.shop.visits == 5)
    #expect(try stored("lily_session_visits", in: journal()) == "5")
    #expect(one.events.isEmpty)
  }

  @Test func `S27 tasks that count lose nothing`() async throws {
    let file = scratch.file
    try await withThrowingTaskGroup { tasks in
      for _ in 0..<4 {
        tasks.addTask {
          let attached = try Attached(Journal.open(path: file))
          for _ in 0..<100 { try attached.session.modify("visits", Self.plus) }
        }
      }
      try await tasks.waitForAll()
    }
    #expect(try stored("lily_session_visits", in: journal()) == "400")
  }

  @Test func `S27 what the program changed is stored before`() throws {
    let attached = try Attached(journal())
    let runtime = Runtime(Counter())
    let session = try runtime.attach(try Persistence<Counter>().field("visits", \.visits).field("names", \.names), storage: try journal())
    runtime.model.visits = 40
    try session.modify("names") { (names: [String]?) in (names ?? []) + ["ada"] }
    #expect(runtime.model.names == ["ada"])
    #expect(try stored("lily_session_visits", in: journal()) == "40")
    #expect(try stored("lily_session_names", in: journal()) == #"["ada"]"#)
    try attached.session.refresh()
    #expect(attached.runtime.model.shop.visits == 40)
  }

  private final class Counter {
    var visits = 0
    var names: [String] = []
  }

  @Test func `an optional that is null is not absent`() throws {
    let attached = try Attached(journal())
    var given: [String??] = []
    func modify(_ next: String?) throws {
      try attached.session.modify("token") { (token: String??) in
        given.append(token)
        return next
      }
    }
    try modify("t")
    try modify(nil)
    #expect(try stored("lily_session_token", in: journal()) == "null")
    try modify("u")
    #expect(given == [.none, "t", .some(nil)])
    #expect(attached.runtime.model.shop.token == "u")
  }

  @Test func `a field with an encoder of its own is modified with it`() throws {
    struct App { var day = Date(timeIntervalSince1970: 0) }
    let runtime = Runtime(App())
    let encode = { (day: Date) in Value.string("day \(Int(day.timeIntervalSince1970))") }
    let decoder = ValueDecoder<Date>.string { Double($0.dropFirst(4)).map(Date.init(timeIntervalSince1970:)) }
    let session = try runtime.attach(
      try Persistence<App>().field("day", \.day, encode: encode, decoder: decoder), storage: try journal())
    for _ in 0..<2 {
      try session.modify("day", encode: encode, decoder: decoder) { day in day?.addingTimeInterval(5) ?? Date(timeIntervalSince1970: 7) }
    }
    #expect(try stored("lily_session_day", in: journal()) == "\"day 12\"")
    #expect(runtime.model.day.timeIntervalSince1970 == 12)
  }

  @Test func `what the closure throws changes nothing, and comes out`() throws {
    let attached = try Attached(journal())
    try attached.session.modify("visits", Self.plus)
    let storage = try journal()
    let failures = [
      #expect(throws: Failure.self) { try attached.session.modify("visits") { (_: Int64?) -> Int64 in throw Refusal() } },
      #expect(throws: Failure.self) { try storage.modifyJSON(forKey: "lily_session_visits") { _ in throw Refusal() } },
    ]
    for failure in failures {
      #expect(failure?.status == .callback && failure?.underlying is Refusal)
      #expect(failure?.key?.hasSuffix("visits") == true)
    }
    #expect(attached.runtime.model.shop.visits == 1)
    #expect(try stored("lily_session_visits", in: storage) == "1")
  }

  @Test func `what is of another type is refused, and stays`() throws {
    let attached = try Attached(journal())
    var calls = 0
    func modify<A: Codable>(_ key: String, _ new: A) -> Status? {
      status { () throws(Failure) in
        try attached.session.modify(key) { (_: A?) in
          calls += 1
          return new
        }
      }
    }
    #expect(modify("visits", "a string") == .encode)
    #expect(modify("volume", Double.nan) == .encode)
    #expect(try journal().keys().isEmpty)
    try attached.session.modify("visits", Self.plus)
    calls = 0
    #expect(modify("visits", "a string") == .decode)
    #expect(modify("nothing", 1) == .notFound)
    #expect(modify("", 1) == .invalidArgument)
    try store("lily_session_visits", "[]", in: try journal())
    #expect(modify("visits", Int64(1)) == .decode)
    #expect(calls == 0)
    #expect(try stored("lily_session_visits", in: journal()) == "[]")
    #expect(modify("theme", "") == .callback) // the field's decoder refuses it
    #expect(try stored("lily_session_theme", in: journal()) == "\"\"")
    attached.session.detach()
    #expect(modify("visits", Int64(1)) == .invalidArgument)
  }

  @Test func `S15 a modification inside a callback is refused`() throws {
    let attached = try Attached(journal())
    var inside: [Status?] = []
    let session = try #require(attached.session)
    try attached.session.modify("visits") { (visits: Int64?) in
      inside.append(status { () throws(Failure) in try session.modify("visits", Self.plus) })
      inside.append(status { () throws(Failure) in try session.reset("visits") })
      inside.append(status { () throws(Failure) in try attached.runtime.persist() })
      inside.append(status { () throws(Failure) in try attached.runtime.refresh() })
      return 1
    }
    #expect(inside == [.reentrant, .reentrant, .reentrant, .reentrant])
  }

  @Test func `a storage of the program's own modifies, too`() throws {
    let storage = DictionaryStorage()
    let (one, other) = (try Attached(storage), try Attached(storage))
    var calls = 0
    try one.session.modify("visits") { (visits: Int64?) in
      calls += 1
      if calls < 3 { try other.session.modify("visits", Self.plus) }
      return Self.plus(visits)
    }
    #expect(one.runtime.model.shop.visits == 3)
    try storage.scoped("ada").modifyJSON(forKey: "jobs") { $0 ?? "1" }
    #expect(try storage.scoped("ada").json(forKey: "jobs") == "1")
    #expect(try storage.json(forKey: "jobs") == nil)
  }

  @Test func `a field that is reset has its value from before attach, and nothing is stored`() throws {
    try store("lily_session_theme", "\"dark\"", in: try journal())
    let attached = try Attached(journal())
    try attached.change { $0.visits = 5 }
    #expect(attached.runtime.model.shop.theme == "dark")
    try attached.session.reset("theme")
    #expect(attached.runtime.model.shop == Shop(visits: 5))
    try attached.runtime.persist()
    #expect(try journal().keys() == ["lily_session_visits"])
    #expect(status { () throws(Failure) in try attached.session.reset("nothing") } == .notFound)
  }

  // MARK: storages

  @Test func `S9 S11 an entry keeps its deadline and its version`() throws {
    let (storage, other) = (try journal(), try journal())
    let list = try Key(storage: "list")
    try storage.write([.set(list, Entry(json: "[1]", deadline: 1 << 42, version: 7))])
    var given: [String?] = []
    try storage.modifyJSON(forKey: "list") { json in
      given.append(json)
      if given.count == 1 { try other.write([.set(list, Entry(json: "[1,2]", deadline: 1 << 42, version: 7))]) }
      return (json?.dropLast() ?? "") + ", 3]"
    }
    #expect(given == ["[1]", "[1,2]"])
    let entry = try #require(try other.entry(forKey: "list"))
    #expect(entry.json == "[1,2,3]" && entry.deadline == 1 << 42 && entry.version == 7)
    #expect(status { () throws(Failure) in try storage.modifyJSON(forKey: "list") { _ in "" } } == .decode)
    #expect(status { () throws(Failure) in try storage.modifyJSON(forKey: "") { _ in "1" } } == .invalidArgument)
    #expect(try storage.json(forKey: "list") == "[1,2,3]")
  }

  @Test func `several keys are written in one step, or none of them`() throws {
    var options = Journal.Options()
    options.quota = 30
    let storage = try Journal.open(path: scratch.file, options: options)
    let (cart, old, new) = (try Key(storage: "cart"), try Key(storage: "old"), try Key(storage: "new"))
    try storage.setJSON("1", forKey: "old")
    try storage.write([.set(cart, Entry(json: "[ ]")), .remove(old), .set(new, Entry(json: "2", version: 3))])
    #expect(scratch.lines.count == 2)
    #expect(try storage.keys() == ["cart", "new"])
    #expect(try storage.json(forKey: "cart") == "[]")
    #expect(try storage.entry(forKey: "new")?.version == 3)
    try storage.write([])
    let long = Entry(json: "\"far longer than the quota of the storage\"")
    for (changes, expected) in [
      ([.remove(new), .set(cart, long)], .quota), ([.remove(new), .set(cart, Entry(json: "{"))], .decode),
      ([.remove(new), .set(new, Entry(json: "1"))], .duplicateKey),
    ] as [([Batch.Operation], Status)] {
      #expect(status { () throws(Failure) in try storage.write(changes) } == expected)
    }
    #expect(try storage.keys() == ["cart", "new"])
    let scope = try storage.scoped("ada")
    try scope.write([.set(cart, Entry(json: "1"))])
    #expect(try storage.json(forKey: "cart") == "[]")
    #expect(try scope.json(forKey: "cart") == "1")
  }

  // MARK: runtimes

  @Test func `a runtime persists and refreshes each of its sessions`() throws {
    final class Settings { var (theme, size) = ("light", 1) }
    let settings = Settings()
    let runtime = Runtime(settings)
    #expect(runtime.nextExpiry == nil)
    let storage = try journal()
    try runtime.attach(try Persistence<Settings>().field("theme", \.theme, expiresAfter: .seconds(9000)), storage: storage)
    try runtime.attach(try Persistence<Settings>().field("size", \.size, expiresAfter: .seconds(3000)), storage: storage)
    settings.theme = "dark"
    settings.size = 2
    try runtime.persist()
    #expect(try journal().keys() == ["lily_session_size", "lily_session_theme"])
    let left = try #require(runtime.nextExpiry)
    #expect(left > .zero && left <= .seconds(3000))
    try store("lily_session_theme", "\"blue\"", in: try journal())
    try store("lily_session_size", "3", in: try journal())
    try runtime.refresh()
    #expect(settings.theme == "blue" && settings.size == 3)
    #expect(runtime.nextExpiry == nil) // what was stored there does not expire
  }

  /// This runs in a process of its own, because it sets a variable of the environment.
  @Test func `S18 a session is opened in one call, in the application's place`() async {
    await #expect(processExitsWith: .success) {
      let scratch = Scratch()
      setenv("LILY_SESSION_DIR", scratch.directory, 1)
      let fields = try Persistence<Shop>().field("visits", \.visits)
      for run in 1...2 {
        let (runtime, session) = try Runtime.open(application: "counter", model: Shop(), fields: fields)
        #expect(runtime.model.visits == Int64(run - 1))
        try session.modify("visits", ModifyTests.plus)
        #expect(runtime.model.visits == Int64(run))
        #expect(try session.storage?.json(forKey: "lily_session_visits") == "\(run)")
        session.detach()
        #expect(session.storage == nil)
      }
      #expect(FileManager.default.fileExists(atPath: scratch.directory + "/counter/session.jsonl"))
      try store("lily_session_visits", "true", in: try Journal.open(application: "counter"))
      var events: [Event] = []
      let (runtime, _) = try Runtime.open(application: "counter", model: Shop(), fields: fields) { events.append($0) }
      #expect(events.map(\.kind) == [.rejected])
      try runtime.update { $0.visits = 7 }
      #expect(status { () throws(Failure) in
        _ = try Runtime.open(application: "no/name", model: Shop(), fields: fields)
      } == .invalidArgument)
      #expect(try Journal.open(application: "counter").json(forKey: "lily_session_visits") == "7")
    }
  }
}
