import Testing

@testable import LilySession

/// Checks the table of entries and the order of keys.
@Suite struct TableTests {
  private func with<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R { Array(text.utf8).withUnsafeBytes(body) }

  @Test func `the table does what a dictionary does, and each scope has its own`() throws {
    let table = EntryTable()
    let scopes = [Scope.none] + (try ["u", "user:1", "user:11"].map { try Key($0).withBytes { try Scope(name: $0) } })
    var model: [String: String] = [:]
    var dice = Dice(4)
    for round in 0..<tries(of: 30000) {
      let scope = scopes[Int.random(in: 0..<scopes.count, using: &dice)]
      let session = Bool.random(using: &dice) ? "lily_session_" : ""
      let key = String(decoding: scope.key(Key("\(session)k\(Int.random(in: 0..<80, using: &dice))")).bytes, as: UTF8.self)
      switch Int.random(in: 0..<(round % 5000 == 0 ? 13 : 12), using: &dice) {
      case 0..<6:
        let value = String(repeating: "v", count: Int.random(in: 0..<200, using: &dice)) + "\(round)"
        with(key) { key in with(value) { table.set(key, $0, deadline: Int64(round), version: 1) } }
        model[key] = value
      case 6..<10:
        with(key) { table.remove($0) }
        model[key] = nil
      case 10:
        let prefix = String(decoding: scope.session.bytes, as: UTF8.self)
        table.removeSessions(of: scope)
        model = model.filter { !$0.key.hasPrefix(prefix) }
      case 11 where round % 100 == 0:
        table.remove { $0.pointee.deadline % 7 == 0 }
        model = model.filter { (Int($0.value.drop { $0 == "v" }) ?? 0) % 7 != 0 }
      case 11: break
      default:
        table.removeAll()
        model = [:]
      }
      #expect(table.count == model.count && table.hostCount == model.count)
      #expect(table.liveBytes == Int64(model.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }))
      if round % 300 == 0 {
        let prefix = String(decoding: scope.key(Key(session)).bytes, as: UTF8.self)
        let expected = model.keys.filter { $0.hasPrefix(prefix) && ($0.utf8.first == 0) == (scope != .none) }.sorted()
        #expect(table.items(scope.key(Key(session))).map { String(decoding: $0.key.bytes, as: UTF8.self) } == expected)
      }
    }
    for (key, value) in model { #expect(with(key) { table.find($0) }.map { String(decoding: EntryTable.value($0), as: UTF8.self) } == value) }
  }

  @Test func `S1 keys are bytes: two spellings of é are two keys`() {
    let table = EntryTable()
    for (key, value) in [("\u{E9}", "1"), ("e\u{301}", "2")] {
      with(key) { key in with(value) { table.set(key, $0, deadline: 0, version: 0) } }
    }
    #expect(table.count == 2)
    #expect(Key("\u{E9}") != Key("e\u{301}"))
  }

  @Test func `keys come in byte order`() {
    let table = EntryTable()
    for key in ["b", "a", "ab", "\u{10000}", "\u{FFFF}", "A"] { with(key) { key in with("1") { table.set(key, $0, deadline: 0, version: 0) } } }
    #expect(table.items(Key("")).map { String(decoding: $0.key.bytes, as: UTF8.self) } == ["A", "a", "ab", "b", "\u{FFFF}", "\u{10000}"])
    #expect(table.items(Key("a")).count == 2)
  }
}
