import Foundation
import Testing

@testable import LilySession

/// Checks the functions for programs that look after a storage. The command uses them, and has tests of its own.
@Suite struct ItemsTests {
  let scratch = Scratch()

  private func item(_ key: String, _ json: String, deadline: Int64 = 0, version: UInt32 = 0) throws -> Item {
    Item(key: try Key(storage: key), entry: Entry(json: json, deadline: deadline, version: version))
  }

  private func summary(_ items: [Item]) -> [String] {
    items.map { "\($0.key) \($0.entry.json) \($0.entry.deadline) \($0.entry.version)" }
  }

  @Test func `items come back with their deadlines and versions, in one line of the file`() throws {
    let far = Entry.deadline(after: .seconds(3600), from: 5)
    #expect(far == 3_600_005)
    #expect(Entry.deadline(after: .seconds(Int64.max), from: 5) == Int64.max)
    for none in [Duration.zero, .seconds(-1), .seconds(Int64.min)] { #expect(Entry.deadline(after: none, from: 5) == 6) }
    let storage = try Journal.open(path: scratch.file)
    try storage.setItems([
      item("b", "[1, 2]", version: 3), item("a", "\"x\"", deadline: Int64.max), item("c", "1", deadline: 1),
    ])
    #expect(scratch.lines.count == 1)
    #expect(summary(try storage.items()) == ["a \"x\" \(Int64.max) 0", "b [1,2] 0 3"]) // c has expired
    #expect(summary(try storage.items(withPrefix: "b")) == ["b [1,2] 0 3"])
    #expect(try storage.entry(forKey: "b")?.version == 3)
    #expect(try storage.entry(forKey: "c") == nil)
  }

  @Test func `one item that is not JSON keeps out all`() throws {
    let storage = MemoryStorage()
    let failure = #expect(throws: Failure.self) { try storage.setItems([item("a", "1"), item("b", "{")]) }
    #expect(failure?.status == .decode && failure?.key == "b")
    #expect(try storage.items().isEmpty)
    #expect(status { () throws(Failure) in try checkJSON("{") } == .decode)
    #expect(status { () throws(Failure) in try checkJSON("{}") } == nil)
  }

  @Test func `S20 an item that could not be read from the file keeps out all`() throws {
    let storage = try Journal.open(path: scratch.file)
    let scope = try storage.scoped("s")
    for wrong in [try item("b", "1", deadline: -1), Item(key: scope.scope.session, entry: Entry(json: "1", deadline: 0, version: 0))] {
      let failure = #expect(throws: Failure.self) { try storage.setItems([item("a", "1"), wrong]) }
      #expect(failure?.status == .invalidArgument)
    }
    #expect(try Journal.open(path: scratch.file).items().isEmpty)
    #expect(try Journal.open(path: scratch.file).info().damagedLines == 0)
  }

  @Test func `S14 items that do not fit are left out, and the first is named`() throws {
    var options = Journal.Options()
    options.quota = 10
    let storage = try Journal.open(path: scratch.file, options: options)
    let failure = #expect(throws: Failure.self) { try storage.setItems([item("a", "1"), item("b", "\"far too long\""), item("c", "3")]) }
    #expect(failure?.status == .quota && failure?.key == "b")
    #expect(summary(try storage.items()) == ["a 1 0 0", "c 3 0 0"])
  }

  @Test func `S19 scopes are found by their entries`() throws {
    let storage = try Journal.open(path: scratch.file)
    try storage.setItems([item("x", "0")])
    for (name, keys) in [("user:2", ["b", "a"]), ("user", ["c"]), ("gone", ["d"])] {
      let scope = try storage.scoped(name)
      try scope.setItems(try keys.map { try item($0, "1") })
    }
    try storage.scoped("gone").removeValue(forKey: "d")
    try storage.scoped("over").setItems([item("e", "1", deadline: 1)]) // expired
    try storage.scoped("user").clear() // this stores the scope's generation
    let scopes: [String] = try storage.scopes()
    #expect(scopes == ["user", "user:2"])
    #expect(try scopes.map { summary(try storage.scoped($0).items()) } == [["c 1 0 0"], ["a 1 0 0", "b 1 0 0"]])
    #expect(summary(try storage.items()) == ["x 0 0 0"])
  }

  @Test func `opening makes no file where it is told so`() throws {
    var options = Journal.Options()
    options.create = false
    #expect(status { () throws(Failure) in _ = try Journal.open(path: scratch.file, options: options) } == .notFound)
    #expect(!FileManager.default.fileExists(atPath: scratch.file))
    _ = try Journal.open(path: scratch.file)
    #expect(try Journal.open(path: scratch.file, options: options).items().isEmpty)
  }

  @Test func `S20 an examination finds the damaged line, and a compaction keeps the file`() throws {
    let storage = try Journal.open(path: scratch.file)
    for key in ["a", "b", "c"] { try storage.setJSON("\"\(key)\"", forKey: key) }
    var data = try Data(contentsOf: URL(fileURLWithPath: scratch.file))
    let place = try #require(data.range(of: Data("\"b\"]".utf8)) ?? data.range(of: Data("\"b\",\"b\"".utf8)))
    data[place.lowerBound + 1] = UInt8(ascii: "x")
    try data.write(to: URL(fileURLWithPath: scratch.file))

    let other = try Journal.open(path: scratch.file)
    var found: [(Finding.Kind, Int)] = []
    var read: Int64 = 0
    let examination = try other.examine(progress: { read = $0 }) { found.append(($0.kind, $0.line)) }
    #expect(found.count == 1 && found.first?.0 == .check && found.first?.1 == 4)
    #expect(examination.lines == 3 && examination.damaged == 1 && !examination.isUnfinished)
    #expect(examination.fileBytes == Int64(data.count) && read == examination.fileBytes)

    try other.compact()
    #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.file + ".damaged")) == data)
    #expect(try other.items().map(\.key.description) == ["a", "c"])
    #expect(try other.examine(progress: { _ in }) { _ in }.damaged == 0)
  }

  @Test func `S15 an examination's closures may call the journal`() throws {
    let storage = try Journal.open(path: scratch.file)
    let line = "\"" + String(repeating: "x", count: 1 << 20) + "\"" // a line this long is read in more than one piece
    for key in ["a", "b"] { try storage.setJSON(line, forKey: key) }
    var entries = 0
    _ = try storage.examine(progress: { _ in entries = (try? storage.info().entries) ?? -1 }) { _ in }
    #expect(entries == 2)
    // A rewritten file is another file.
    #expect(status { () throws(Failure) in _ = try storage.examine(progress: { _ in try? storage.compact() }) { _ in } } == .busy)
  }
}
