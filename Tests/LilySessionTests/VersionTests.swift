import Testing

@testable import LilySession

/// Versions, former keys, the quota.
@Suite struct VersionTests {
  let scratch = Scratch()
  func journal() throws -> Journal { try Journal.open(path: scratch.file) }

  private func attach(
    _ storage: any Storage, version: UInt32, formerKeys: [String] = [], migrate: ((UInt32, String) throws -> String?)? = nil
  ) throws -> (Runtime<Model, Message>, Session) {
    let fields = try Persistence<Shop>().field("theme", \.theme, version: version, formerKeys: formerKeys, migrate: migrate)
    let runtime = shopRuntime()
    return (runtime, try runtime.attach(fields, at: \.shop, storage: storage))
  }

  @Test func `S11 an older value is migrated, and written with its version by the next write`() throws {
    let storage = try journal()
    try store("lily_session_theme", "{\"name\":\"dark\"}", in: storage)
    let (runtime, session) = try attach(storage, version: 2) { version, json in
      #expect(version == 0)
      #expect(json == "{\"name\":\"dark\"}")
      return "dark"
    }
    #expect(runtime.model.shop.theme == "dark")
    #expect(try session.state(of: "theme") == FieldState(stored: .migrated, isDirty: true))
    #expect(scratch.lines.count == 1) // attach writes nothing
    try runtime.dispatch(.change { $0.page = 1 })
    #expect(scratch.lines.last?.hasSuffix(#""set","lily_session_theme","dark",0,2]"#) == true)
    #expect(try session.state(of: "theme") == FieldState(stored: .loaded, isDirty: false))
    session.detach()
  }

  @Test func `S11 a migration that refuses leaves what is stored`() throws {
    let storage = try journal()
    try store("lily_session_theme", "1", in: storage)
    let (runtime, session) = try attach(storage, version: 2) { _, _ in nil }
    #expect(runtime.model.shop.theme == "light")
    #expect(try session.state(of: "theme") == FieldState(stored: .rejected, isDirty: false))
    session.detach()
    #expect(try stored("lily_session_theme", in: storage) == "1")
  }

  @Test func `S11 a newer value is left alone until the field changes`() throws {
    let storage = try journal()
    let (writer, first) = try attach(storage, version: 3)
    try writer.dispatch(.change { $0.shop.theme = "dark" })
    first.detach()
    let (runtime, session) = try attach(storage, version: 2)
    #expect(runtime.model.shop.theme == "light")
    #expect(try session.state(of: "theme") == FieldState(stored: .newer, isDirty: false))
    try runtime.dispatch(.change { $0.page = 1 })
    #expect(scratch.lines.count == 1)
    #expect(status { () throws(Failure) in try session.touch("theme") } == .newer)
    try runtime.dispatch(.change { $0.shop.theme = "blue" })
    #expect(scratch.lines.last?.hasSuffix(#""set","lily_session_theme","blue",0,2]"#) == true)
    session.detach()
  }

  @Test func `S11 a former key is renamed by the next write, in one step`() throws {
    let storage = try journal()
    try store("lily_session_look", "\"dark\"", in: storage)
    let (runtime, session) = try attach(storage, version: 0, formerKeys: ["skin", "look"])
    #expect(runtime.model.shop.theme == "dark")
    #expect(try session.state(of: "theme") == FieldState(stored: .migrated, isDirty: true))
    try session.persist()
    #expect(scratch.lines.last?.hasSuffix(#""batch",[["set","lily_session_theme","dark",0],["remove","lily_session_look"]]]"#) == true)
    session.detach()
  }

  @Test func `S11 the current key wins over former ones, which still go`() throws {
    let storage = try journal()
    try store("lily_session_look", "\"old\"", in: storage)
    try store("lily_session_theme", "\"new\"", in: storage)
    let (runtime, session) = try attach(storage, version: 0, formerKeys: ["look"])
    #expect(runtime.model.shop.theme == "new")
    #expect(try session.state(of: "theme") == FieldState(stored: .loaded, isDirty: false))
    try runtime.dispatch(.change { $0.page = 1 })
    #expect(try stored("lily_session_look", in: storage) == nil)
    session.detach()
  }

  @Test func `S14 fields that do not fit are left out in field order, the others are written`() throws {
    let storage = MemoryStorage(quota: 80)
    let attached = try Attached(storage)
    #expect(status { () throws(Failure) in
      try attached.change { $0.token = String(repeating: "t", count: 70); $0.theme = "dark"; $0.visits = 7 }
    } == .quota)
    #expect(try stored("lily_session_token", in: storage) == nil)
    #expect(try stored("lily_session_theme", in: storage) == "\"dark\"")
    #expect(try stored("lily_session_visits", in: storage) == "7")
    #expect(try attached.session.state(of: "token").isDirty)
    #expect(attached.events.map(\.kind) == [.writeFailed])
    try attached.change { $0.token = "t" }
    #expect(try stored("lily_session_token", in: storage) == "\"t\"")
  }

  @Test func `S14 over the quota a store opens, and a write that adds nothing passes`() throws {
    try store("a", "\"aaaaaaaaaa\"", in: try journal())
    var options = Journal.Options()
    options.quota = 5
    let storage = try Journal.open(path: scratch.file, options: options)
    #expect(try stored("a", in: storage) != nil)
    try store("a", "\"bbbbbbbbbb\"", in: storage)
    #expect(status { () throws(Failure) in try store("a", "\"ccccccccccc\"", in: storage) } == .quota)
    #expect(status { () throws(Failure) in try store("b", "1", in: storage) } == .quota)
    try store("a", "1", in: storage)
    #expect(try storage.info().liveBytes == 2)
  }

  @Test func `S14 what has expired takes no room`() throws {
    let clock = Clock(1)
    let storage = MemoryStorage(clock: { clock.now }, quota: 12)
    try store("a", "\"aaaaaaaa\"", deadline: 5, in: storage)
    #expect(status { () throws(Failure) in try store("b", "12", in: storage) } == .quota)
    clock.now = 5
    try store("b", "12", in: storage)
  }
}
