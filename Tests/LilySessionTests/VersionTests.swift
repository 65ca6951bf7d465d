import Testing

@testable import LilySession

/// Checks versions and former keys, as Swift programs set them.
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
}
