import Foundation
import Testing

@testable import LilySession

/// Runs the cases of Tests/cases, as every language does. Their README says what they mean.
@Suite struct CasesTests {
  @Test(arguments: try Case.all("values")) func `S2 a value is stored as`(_ given: Case) throws {
    let storage = MemoryStorage()
    let field = try Bound(given, storage)
    field.value = .set(given.set)
    #expect(field.update() == nil)
    #expect(try bytes(stored: "lily_session_field", in: storage) == given.stored?.bytes)
  }

  @Test(arguments: try Case.all("unstorable")) func `S7 a value is not stored`(_ given: Case) throws {
    let storage = MemoryStorage()
    let field = try Bound(given, storage)
    field.value = .set(given.set)
    #expect(field.update() == .encode)
    #expect(try bytes(stored: "lily_session_field", in: storage) == nil)
  }

  @Test(arguments: try Case.all("hydrate")) func `S3 a stored value is hydrated as`(_ given: Case) throws {
    let storage = MemoryStorage()
    try set(Key("lily_session_field"), storage, given.stored?.bytes ?? [])
    let field = try Bound(given, storage)
    if let expected = given.value?.accepted {
      #expect(field.value == .set(expected))
    } else {
      #expect(field.value == .initial)
      #expect(try field.session?.state(of: Key("field")).stored == .rejected)
    }
  }

  /// Runs the same three through the functions that Swift programs call. Swift's strings are always UTF-8.
  @Test func `S2 S3 S7 fields of Swift's values pass the cases`() throws {
    struct Holder { var value = Value.string("initial") }
    var count = 0
    for file in ["values", "unstorable", "hydrate"] {
      for given in try Case.all(file) {
        let storage = MemoryStorage()
        if file == "hydrate" { try set(Key("lily_session_field"), storage, given.stored?.bytes ?? []) }
        let fields = try Persistence<Holder>().field("field", \.value, encode: { $0 }, decoder: ValueDecoder(given.acceptedTypes) { $0 })
        let runtime = Runtime(Holder())
        let session = try runtime.attach(fields, storage: storage)
        if file == "hydrate" {
          let isAccepted = given.value?.accepted != nil
          #expect(try session.state(of: "field").stored == (isAccepted ? .loaded : .rejected), "\(given.name)")
          if let expected = given.value?.accepted?.asValue { #expect(runtime.model.value.isSame(as: expected), "\(given.name)") }
        } else {
          guard let value = given.set?.asValue else { continue }
          let failure = status { () throws(Failure) in try runtime.update { $0.value = value } }
          #expect(failure == (file == "values" ? nil : .encode), "\(given.name)")
          #expect(try bytes(stored: "lily_session_field", in: storage) == (file == "values" ? given.stored?.bytes : nil), "\(given.name)")
        }
        count += 1
      }
    }
    #expect(count > 100)
  }

  @Test(arguments: try Case.all("texts")) func `S2 a text comes out as it went in`(_ given: Case) throws {
    let scratch = Scratch()
    let storage = try Journal.open(path: scratch.file)
    try set(Key("k"), storage, given.json?.bytes ?? [])
    #expect(try bytes(stored: "k", in: storage) == given.stored?.bytes)
    #expect(try bytes(stored: "k", in: Journal.open(path: scratch.file)) == given.stored?.bytes)
  }

  @Test(arguments: try Case.all("refused")) func `S2 a text is refused`(_ given: Case) throws {
    let storage = MemoryStorage()
    #expect(status { () throws(Failure) in try set(Key("k"), storage, given.json?.bytes ?? []) } == .decode)
    #expect(try bytes(stored: "k", in: storage) == nil)
  }

  @Test func `S1 what is a key`() throws {
    var seen: [[UInt8]] = []
    for given in try Case.all("keys") {
      let bytes = given.key?.bytes ?? []
      if bytes.contains(0) { continue } // neither a C string nor a key can have a NUL
      for (limit, isKey) in [(Key.storageLimit, given.storage), (Key.fieldLimit, given.field)] {
        let refusal = status { () throws(Failure) in
          try bytes.withBytes { bytes throws(Failure) in _ = try Key(validating: bytes, limit: limit) }
        }
        #expect((refusal == nil) == isKey, "\(given.name)")
      }
      #expect(!seen.contains(bytes))
      seen.append(bytes)
    }
  }

  private func set(_ key: Key, _ storage: any SessionStorage, _ json: [UInt8]) throws(Failure) {
    try json.withBytes { text throws(Failure) in try writeEntries([try EntryChange(key, to: text)], to: storage) }
  }

  private func bytes(stored key: String, in storage: any SessionStorage) throws -> [UInt8]? {
    try getEntry(Key(key), from: storage).map { Array($0.json.utf8) }
  }
}

/// Attaches one field of native values.
private final class Bound {
  enum Content: Equatable {
    case initial
    case set(NativeCase?)
  }

  var value = Content.initial
  private(set) var session: Session?
  private var runtime: ModelRuntime<Bound>?

  init(_ given: Case, _ storage: any SessionStorage) throws {
    let list = FieldList<Binding>()
    let types = given.acceptedTypes
    try list.add(FieldDefinition(key: Key("field"), types: types, expiresAfter: 0, version: 0, formerKeys: [], binding: Binding(types: types), owner: nil))
    let runtime = ModelRuntime(model: self)
    self.runtime = runtime
    session = try runtime.attach(list, lens: Lens(), owner: nil) { () throws(Failure) in storage }
  }

  deinit { if let runtime { runtime.free(keeping: runtime) } }

  func update() -> Status? { runtime?.dispatch { $0 }?.status }

  struct Lens: SliceLens {
    func slice(of model: Bound) -> Unowned? { Unowned(bound: model) }
    func model(_ model: Bound, with session: Unowned) -> Bound? { model }
    func revision(of session: Unowned) -> UInt64? { nil }
    func notify(_ event: Event) {}
  }

  struct Unowned { unowned let bound: Bound }

  struct Binding: FieldBinding {
    typealias Visited = Unowned
    typealias Map = NoMap<Binding>

    let types: ValueTypes

    func makeBaseline() -> NativeBaseline { NativeBaseline() }
    func copy(_ baseline: NativeBaseline) -> NativeBaseline { baseline.copy() }
    func dispose(_ baseline: inout NativeBaseline) { baseline.dispose() }
    func append(_ baseline: NativeBaseline, to buffer: ByteBuffer) throws(Failure) { try baseline.append(to: buffer) }
    func capture(_ session: Unowned, _ baseline: inout NativeBaseline) -> Capture {
      guard case .set(let value?) = session.bound.value else { return .same }
      return value.withNative { baseline.capture($0, types: types) }
    }
    func capture(visited session: Unowned, _ baseline: inout NativeBaseline) -> Capture { capture(session, &baseline) }
    func empty(_ baseline: inout NativeBaseline) { baseline.dispose() }
    func isEmpty(_ baseline: NativeBaseline) -> Bool { baseline.isEmpty }
    func set(_ value: NativeValue, in session: inout Unowned) -> Int32 {
      session.bound.value = .set(NativeCase(value))
      return 0
    }
    func restore(_ baseline: NativeBaseline, in session: inout Unowned) -> Int32 { set(baseline.value, in: &session) }
    var migrates: Bool { false }
    func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32? { nil }
  }
}

struct Case: Decodable, Sendable, CustomTestStringConvertible {
  var name: String
  var types: [String]?
  var set: NativeCase?
  var value: Hydrated?
  var stored: Text?
  var json: Text?
  var key: Text?
  var storage: Bool?
  var field: Bool?

  var testDescription: String { name }

  var acceptedTypes: ValueTypes { ValueTypes(rawValue: types?.reduce(0) { $0 | NativeCase.bit($1) } ?? 0) }

  static func all(_ file: String) throws -> [Case] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: folder.appendingPathComponent("cases/\(file).json")))
  }

  /// The result of a case: a value, or "rejected".
  struct Hydrated: Decodable, Sendable {
    let accepted: NativeCase?
    init(from decoder: any Swift.Decoder) throws { accepted = try? NativeCase(from: decoder) }
  }
}

/// Returns bytes as the cases spell them.
struct Text: Decodable, Equatable, Sendable {
  let bytes: [UInt8]

  private struct Repeated: Decodable {
    let `repeat`: Text
    let times: Int
  }

  init(from decoder: any Swift.Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      bytes = Array(text.utf8)
    } else if let texts = try? container.decode([Text].self) {
      bytes = texts.flatMap(\.bytes)
    } else if let repeated = try? container.decode(Repeated.self) {
      bytes = Array(repeatElement(repeated.repeat.bytes, count: repeated.times).joined())
    } else {
      let hex = try container.decode([String: String].self)["hex"] ?? ""
      bytes = stride(from: 0, to: hex.count, by: 2).compactMap { at in
        UInt8(hex.dropFirst(at).prefix(2), radix: 16)
      }
    }
  }
}

/// A native value, which owns its text.
struct NativeCase: Decodable, Equatable, Sendable {
  let type: Int32
  var word: UInt64 = 0
  var text: [UInt8] = []

  static func bit(_ name: String) -> Int32 {
    ["NULL": 1, "BOOL": 2, "INT": 4, "REAL": 8, "STRING": 16, "JSON": 32][name] ?? 0
  }

  enum Keys: String, CodingKey { case type, value, bits, text }

  init(from decoder: any Swift.Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let name = try container.decode(String.self, forKey: .type)
    type = NativeCase.bit(name)
    switch name {
    case "BOOL": word = try container.decode(Bool.self, forKey: .value) ? 1 : 0
    case "INT": word = UInt64(bitPattern: try container.decode(Int64.self, forKey: .value))
    case "REAL": word = UInt64(try container.decode(String.self, forKey: .bits), radix: 16) ?? 0
    case "STRING": text = try container.decode(Text.self, forKey: .value).bytes
    case "JSON": text = try container.decode(Text.self, forKey: .text).bytes
    default: break
    }
  }

  init(_ native: NativeValue) {
    type = native.type
    if native.isText { text = [UInt8](native.text) } else { word = native.types == .bool ? (native.bool ? 1 : 0) : native.word }
  }

  /// Returns the value as a Swift program has it, or nil if the text is not UTF-8 or there is no such type.
  var asValue: Value? {
    guard String(validating: text, as: UTF8.self) != nil, type.nonzeroBitCount == 1, type < 64 else { return nil }
    return withNative { Value($0) }
  }

  func withNative<R>(_ body: (NativeValue) -> R) -> R {
    text.withUnsafeBytes { bytes in
      var native = NativeValue()
      if type == 16 { native = .string(bytes) } else if type == 32 { native = .json(bytes) } else {
        native.type = type
        native.word = word
      }
      return body(native)
    }
  }
}

extension Value {
  /// Compares reals by their bits.
  func isSame(as other: Value) -> Bool {
    if case .real(let here) = self, case .real(let there) = other { return here.bitPattern == there.bitPattern }
    return self == other
  }
}
