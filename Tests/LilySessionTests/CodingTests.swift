import Foundation
import Testing

@testable import LilySession

/// Checks how fields of Swift's types are stored and read.
@Suite struct CodingTests {
  enum Theme: String, Codable { case light, dark }
  enum Level: UInt8, Codable { case low = 1, high = 200 }
  struct Flags: OptionSet, Codable { let rawValue: Int }
  struct Item: Codable, Equatable { var name: String; var price: Double?; var tags: Set<String> = [] }
  indirect enum Tree: Codable, Equatable { case leaf, node(Tree, Int) }

  private struct Holder<A> { var value: A }

  /// Checks that the value is stored as `json`, and that attaching reads the same value from it.
  private func check<A: Codable & Equatable>(_ initial: A, _ changed: A, _ json: String) throws {
    let storage = MemoryStorage()
    let fields = try Persistence<Holder<A>>().field("a", \.value)
    let runtime = Runtime(Holder(value: initial))
    try runtime.attach(fields, storage: storage)
    try runtime.update { $0.value = changed }
    #expect(try stored("lily_session_a", in: storage) == json)
    let later = Runtime(Holder(value: initial))
    let session = try later.attach(fields, storage: storage)
    #expect(later.model.value == changed)
    #expect(try session.state(of: "a") == FieldState(stored: .loaded, isDirty: false))
  }

  @Test func `S2 what JSON has is stored as it is`() throws {
    try check(false, true, "true")
    try check("", "é\n\"\u{0}", #""é\n\"\u0000""#)
    try check(0, -5, "-5")
    try check(Int8(0), .min, "-128")
    try check(Int64(0), .min, "-9223372036854775808")
    try check(UInt64(0), .max, "18446744073709551615")
    try check(UInt32(0), .max, "4294967295")
    try check(0.0, 0.1, "0.1")
    try check(Float(0), 0.5, "0.5")
  }

  @Test func `S2 nil is null, and what is not nil as without the optional`() throws {
    try check(String?.none, "t", "\"t\"")
    try check(String?.some("t"), nil, "null")
    try check(UInt64?.none, .max, "18446744073709551615")
    try check(Int??.some(1), .none, "null")
    try check(Theme?.none, .dark, "\"dark\"")
    try check(Item?.none, Item(name: "pear"), #"{"name":"pear","tags":[]}"#)
    try check(Item?.some(Item(name: "pear")), nil, "null")
    try check([Int?](), [1, nil], "[1,null]")
  }

  @Test func `S2 a raw value is what is stored`() throws {
    try check(Theme.light, .dark, "\"dark\"")
    try check(Level.low, .high, "200")
    try check(Flags(), Flags(rawValue: 6), "6")
  }

  @Test func `S2 other types are coded as JSON`() throws {
    try check([String](), ["a/b", "c"], #"["a/b","c"]"#)
    try check([String: Int](), ["b": 2, "a": 1], #"{"a":1,"b":2}"#)
    try check(Item(name: ""), Item(name: "pear", price: 1.5, tags: ["x"]), #"{"name":"pear","price":1.5,"tags":["x"]}"#)
    try check(Tree.leaf, .node(.leaf, 1), #"{"node":{"_0":{"leaf":{}},"_1":1}}"#)
    try check(Date(timeIntervalSinceReferenceDate: 0), Date(timeIntervalSinceReferenceDate: 5.25), "5.25")
    try check(Data(), Data([1, 2, 3]), "\"AQID\"")
    try check(URL(fileURLWithPath: "/"), URL(string: "https://example.org/a")!, "\"https://example.org/a\"")
  }

  @Test func `S3 what a type does not accept is rejected, and stays`() throws {
    func check<A: Codable & Equatable>(_ initial: A, _ texts: String...) throws {
      for text in texts {
        let storage = MemoryStorage()
        try store("lily_session_a", text, in: storage)
        let runtime = Runtime(Holder(value: initial))
        let session = try runtime.attach(try Persistence<Holder<A>>().field("a", \.value), storage: storage)
        #expect(runtime.model.value == initial, "\(text)")
        #expect(try session.state(of: "a").stored == .rejected, "\(text)")
        try session.flush()
        #expect(try stored("lily_session_a", in: storage) == text)
      }
    }
    try check(true, "1", "null", "\"true\"")
    try check("t", "1", "null", "[]")
    try check(7, "1.0", "1e2", "9223372036854775808", "\"1\"", "null")
    try check(UInt8(7), "256", "-1")
    try check(UInt64(7), "18446744073709551616", "-1", "1.5", "\"1\"", "true")
    try check(1.5, "\"1.5\"", "null")
    try check(Float(1.5), "1e300", "true")
    try check(Int?.some(7), "1.5", "\"\"")
    try check(Theme.dark, "\"blue\"", "1")
    try check(Level.low, "2", "300")
    try check(Item(name: "pear"), "{}", "[]", "\"pear\"", #"{"name":1,"tags":[]}"#)
    try check([1], "[1,\"2\"]", "{}")
  }

  @Test func `S2 a real accepts an integer`() throws {
    let storage = MemoryStorage()
    try store("lily_session_a", "3", in: storage)
    let runtime = Runtime(Holder(value: 0.5))
    try runtime.attach(try Persistence<Holder<Double>>().field("a", \.value), storage: storage)
    #expect(runtime.model.value == 3)
  }

  @Test func `S5 strings are compared by their bytes, and reals by their bits`() throws {
    let storage = MemoryStorage()
    let words = Runtime(Holder(value: "e\u{301}"))
    try words.attach(try Persistence<Holder<String>>().field("word", \.value), storage: storage)
    try words.update { $0.value = "\u{E9}" } // Swift takes this text and the one before for equal; as bytes they differ
    #expect(try stored("lily_session_word", in: storage) == "\"\u{E9}\"")
    let reals = Runtime(Holder(value: Double?.some(0.0)))
    try reals.attach(try Persistence<Holder<Double?>>().field("real", \.value), storage: storage)
    try reals.update { $0.value = -0.0 }
    #expect(try stored("lily_session_real", in: storage) == "-0.0")
  }

  @Test func `S7 what a coder throws for is not stored, and tried again`() throws {
    let storage = MemoryStorage()
    let runtime = Runtime(Holder(value: [1.0]))
    let session = try runtime.attach(try Persistence<Holder<[Double]>>().field("a", \.value), storage: storage)
    #expect(status { () throws(Failure) in try runtime.update { $0.value = [.infinity] } } == .encode)
    #expect(runtime.model.value == [.infinity])
    #expect(status { () throws(Failure) in try session.persist() } == .encode)
    try runtime.update { $0.value = [2] }
    #expect(try stored("lily_session_a", in: storage) == "[2]")
  }

  @Test func `a field's own coding, by a key path and by closures`() throws {
    struct Immutable { let level: Int; let date: Date }
    let storage = MemoryStorage()
    let fields = try Persistence<Immutable>()
      .field(
        "level", get: { $0.level }, set: { Immutable(level: $1, date: $0.date) }, encode: { .string("level \($0)") },
        decoder: .string { Int($0.dropFirst(6)) }
      )
      .field(
        "date", get: { $0.date }, set: { Immutable(level: $0.level, date: $1) }, encode: { .integer(Int64($0.timeIntervalSince1970)) },
        decoder: .integer { Date(timeIntervalSince1970: Double($0)) })
    let next = { (model: Immutable, level: Int) throws -> Immutable in
      guard level > 0 else { throw Refusal() }
      return Immutable(level: level, date: Date(timeIntervalSince1970: 60))
    }
    let initial = Immutable(level: 0, date: Date(timeIntervalSince1970: 0))
    let runtime = Runtime(reducing: initial, by: next)
    try runtime.attach(fields, storage: storage)
    #expect(status { () throws(Failure) in try runtime.dispatch(0) } == .update)
    try runtime.dispatch(3)
    #expect(try stored("lily_session_level", in: storage) == "\"level 3\"")
    #expect(try stored("lily_session_date", in: storage) == "60")
    let later = Runtime(reducing: initial, by: next)
    try later.attach(fields, storage: storage)
    #expect(later.model.level == 3 && later.model.date == Date(timeIntervalSince1970: 60))

    struct Both { var any = Value.null; var text: String? }
    let both = Runtime(Both())
    try both.attach(
      try Persistence<Both>()
        .field("any", \.any, encode: { $0 }, decoder: .any { $0 })
        .field("text", \.text, encode: Value.optional(Value.json), decoder: .optional(.json)), storage: storage)
    for (value, json) in [(Value.bool(true), "true"), (.real(1.5), "1.5"), (.json("[1, 2]"), "[1,2]"), (.string("s"), "\"s\""), (.integer(4), "4")] {
      try both.update { $0.any = value }
      #expect(try stored("lily_session_any", in: storage) == json)
    }
    #expect(status { () throws(Failure) in try both.update { $0.any = .json("[1,") } } == .encode)
    #expect(status { () throws(Failure) in try both.update { $0.text = "secret?" } } == .encode)
  }

  @Test func `S1 S9 what is no field is refused`() throws {
    let fields = Persistence<Shop>()
    for key in ["", "a\u{0}", String(repeating: "k", count: 257)] {
      #expect(status { () throws(Failure) in _ = try fields.field(key, \.theme) } == .invalidArgument)
      #expect(status { () throws(Failure) in _ = try fields.field("theme", \.theme, formerKeys: [key]) } == .invalidArgument)
    }
    for duration in [Duration.zero, .seconds(-1), .nanoseconds(-1)] {
      #expect(status { () throws(Failure) in _ = try fields.field("theme", \.theme, expiresAfter: duration) } == .invalidArgument)
    }
    #expect(status { () throws(Failure) in _ = try fields.field("theme", \.theme).field("look", \.theme, formerKeys: ["theme"]) } == .duplicateKey)
  }

  @Test func `two lists that grow from one have each its own fields`() throws {
    let shared = try Persistence<Shop>().field("visits", \.visits)
    let (one, other) = (try shared.field("theme", \.theme), try shared.field("look", \.theme))
    for (fields, keys) in [(shared, ["visits"]), (one, ["theme", "visits"]), (other, ["look", "visits"])] {
      let storage = MemoryStorage()
      let runtime = Runtime(Shop())
      try runtime.attach(fields, storage: storage)
      try runtime.update {
        $0.theme = "dark"
        $0.visits = 7
      }
      #expect(try storage.keys() == keys.map { "lily_session_" + $0 })
    }
  }

  @Test func `S9 durations are whole milliseconds, rounded up, and saturate`() {
    #expect(Duration.nanoseconds(1).milliseconds == 1)
    #expect(Duration.milliseconds(1500).milliseconds == 1500)
    #expect(Duration.microseconds(1_500_001).milliseconds == 1501)
    #expect(Duration.seconds(Int64.max).milliseconds == .max)
  }
}
