import Foundation
import Testing

@testable import LilySession

/// What a program learns of stored values that are refused, and of failures, without the values.
@Suite struct RefusalTests {
  private struct Line: Codable, Equatable {
    var name = ""
    var count = 0
    private enum CodingKeys: Int, CodingKey {
      case name = 1
      case count = 2
    }
  }
  private enum Theme: String, Codable { case light, dark }
  private struct Own: Codable {
    init() {}
    init(from decoder: any Decoder) throws {
      _ = try decoder.singleValueContainer().decode(Int.self)
      throw DecodingError.dataCorrupted(DecodingError.Context(codingPath: [], debugDescription: "4711 is wrong"))
    }
    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      try value.encode(0)
    }
  }
  private struct App {
    var theme = Theme.light
    var cart: [Line] = []
    var limits: [String: Int] = [:]
    var when = Date(timeIntervalSince1970: 0)
    var custom = 0
    var small: UInt8 = 0
    var ratio: Float? = nil
    var own = Own()
  }
  private struct OwnError: Error {}

  private func fields() throws -> Persistence<App> {
    try Persistence<App>().field("theme", \.theme).field("cart", \.cart).field("limits", \.limits).field("when", \.when)
      .field("small", \.small).field("ratio", \.ratio).field("own", \.own)
      .field("custom", \.custom, encode: { .integer(Int64($0)) }, decoder: .integer { _ in throw OwnError() })
  }

  /// Returns the events of an attach where this is stored.
  private func events(_ key: String, _ json: String) throws -> [Event] {
    let storage = MemoryStorage()
    try storage.setJSON(json, forKey: "lily_session_" + key)
    var events: [Event] = []
    try Runtime(App()).attach(fields(), storage: storage, onEvent: { events.append($0) })
    return events
  }

  @Test(arguments: [
    ("theme", "17", nil, "theme: the stored value is a number, which the field does not accept"),
    ("theme", "{}", nil, "theme: the stored value is an object, which the field does not accept"),
    ("theme", "[]", nil, "theme: the stored value is an array, which the field does not accept"),
    ("theme", "null", nil, "theme: the stored value is null, which the field does not accept"),
    ("theme", "true", nil, "theme: the stored value is true or false, which the field does not accept"),
    ("custom", "\"s3cret\"", nil, "custom: the stored value is a string, which the field does not accept"),
    ("theme", "\"s3cret\"", "", "theme: the decoder refused the stored value: it is not Theme"),
    ("small", "300", "", "small: the decoder refused the stored value: it is not UInt8"),
    ("ratio", "1e300", "", "ratio: the decoder refused the stored value: it is not Float"),
    ("cart", "17", "", "cart: the decoder refused the stored value: it is a number, not an array"),
    ("cart", #"["s3cret"]"#, "[0]", "cart: the decoder refused the stored value: [0] is a string, not an object"),
    ("cart", #"[{"name":true,"count":1}]"#, "[0].name", "cart: the decoder refused the stored value: [0].name is true or false, not String"),
    ("cart", #"[{"name":["s3cret"],"count":1}]"#, "[0].name", "cart: the decoder refused the stored value: [0].name is an array, not String"),
    ("cart", #"[{"name":{"s3cret":1},"count":1}]"#, "[0].name", "cart: the decoder refused the stored value: [0].name is an object, not String"),
    ("cart", #"[{"name":"a","count":1},{"name":"b","count":"s3cret"}]"#, "[1].count", "cart: the decoder refused the stored value: [1].count is a string, not Int"),
    ("cart", #"[{"name":"a"}]"#, "[0].count", "cart: the decoder refused the stored value: [0].count is missing"),
    ("cart", #"[{"name":null,"count":1}]"#, "[0].name", "cart: the decoder refused the stored value: [0].name is null, not String"),
    ("cart", #"[{"name":"a","count":1.5}]"#, nil, "cart: the decoder refused the stored value: it has a number that does not fit its type, or a text that is not JSON"),
    ("own", "4711", nil, "own: the decoder refused the stored value"),
    ("limits", #"{"s3cret":"x"}"#, "*", "limits: the decoder refused the stored value: * is a string, not Int"),
  ] as [(String, String, String?, String)])
  func `S3 why a stored value was refused, without the value`(key: String, json: String, path: String?, description: String) throws {
    let events = try events(key, json)
    #expect(events.count == 1 && events.first?.kind == .rejected && events.first?.status == .decode && events.first?.key == key)
    let failure = try #require(events.first?.failure)
    #expect(failure.description == description)
    #expect(failure.valuePath == path)
    for value in ["s3cret", "4711"] { #expect(!"\(events) \(failure.debugDescription)".contains(value)) }
    #expect("\(events[0])" == "rejected \(failure)")
  }

  @Test func `the decoder's own error is the underlying one`() throws {
    #expect(try events("custom", "1").first?.failure?.underlying is OwnError)
    #expect(try events("when", "true").first?.failure?.underlying is DecodingError)
  }

  @Test func `S11 why a migration was refused`() throws {
    let storage = MemoryStorage()
    try storage.setJSON("1", forKey: "lily_session_custom")
    for throwing in [true, false] {
      var events: [Event] = []
      let fields = try Persistence<App>().field("custom", \.custom, version: 1) { _, _ in
        if throwing { throw OwnError() }
        return nil
      }
      try Runtime(App()).attach(fields, storage: storage, onEvent: { events.append($0) })
      #expect(events.count == 1)
      #expect(events.first?.failure?.underlying is OwnError == throwing)
      #expect(events.first?.failure?.description == "custom: the migration " + (throwing ? "threw an error" : "refused the stored value"))
    }
  }

  @Test func `a modification refuses what is not the field's, and a session that has ended refuses it`() throws {
    let storage = MemoryStorage()
    try storage.setJSON(#"[{"name":"a","count":"s3cret"}]"#, forKey: "lily_session_cart")
    let runtime = Runtime(App())
    let session = try runtime.attach(fields(), storage: storage, onEvent: { _ in })
    let thrown = #expect(throws: Failure.self) { try session.modify("cart") { (lines: [Line]?) in lines ?? [] } }
    #expect(thrown?.status == .decode)
    session.detach()
    #expect(status { () throws(Failure) in try session.modify("cart") { (lines: [Line]?) in lines ?? [] } } == .invalidArgument)
  }

  @Test func `Foundation shows a failure's description`() throws {
    let failure = #expect(throws: Failure.self) { try Journal.open(path: "/nonexistent/session.jsonl") }
    let shown = try #require(failure)
    #expect((shown as any Error).localizedDescription == shown.description)
    #expect(shown.path?.hasPrefix("/nonexistent") == true && shown.systemError == ENOENT && shown.status == .notFound)
  }

  @Test func `an item and an entry are shown without their text`() throws {
    let entry = Entry(json: "\"s3cret\"", deadline: 1_790_000_000_000, version: 2)
    #expect("\(entry)" == "8 bytes, version 2, expires at 1790000000000")
    #expect("\(Item(key: try Key(storage: "k"), entry: Entry(json: "7")))" == "k: 1 byte")
  }

  /// Without `onEvent`, a program of its own shows what a session prints.
  @Test func `S3 without onEvent a refusal is printed once`() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      struct Model { var theme = Theme.light }
      let storage = MemoryStorage()
      try storage.setJSON("17", forKey: "lily_session_theme")
      let runtime = Runtime(Model())
      let session = try runtime.attach(Persistence<Model>().field("theme", \.theme), storage: storage)
      try storage.setJSON("18", forKey: "lily_session_theme")
      try session.refresh()
      let quiet = Runtime(Model())
      try quiet.attach(Persistence<Model>().field("theme", \.theme), storage: storage, onEvent: { _ in })
    }
    let printed = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(printed == "lily-session: rejected theme: the stored value is a number, which the field does not accept\n")
  }
}
