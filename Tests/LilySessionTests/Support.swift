import Foundation
import Synchronization
import Testing

@testable import LilySession

/// A directory for one test, which is removed after it.
final class Scratch {
  let directory: String
  var file: String { directory + "/session.jsonl" }

  init() {
    directory = NSTemporaryDirectory() + "lily-session-" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// The journal's lines after the header.
  var lines: [String] {
    let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").dropFirst(2).map(String.init)
  }
}

/// Returns the status that a call fails with, or nil if it does not fail.
func status(_ body: () throws(Failure) -> Void) -> Status? {
  do throws(Failure) {
    try body()
    return nil
  } catch { return error.status }
}

extension Key {
  init(_ text: String) { self.init(stored: Array(text.utf8)) }
}

/// Returns the JSON text under a storage key, or nil if the key is absent.
func stored(_ key: String, in storage: any SessionStorage) throws -> String? {
  try getEntry(Key(key), from: storage).map { $0.json }
}

func store(_ key: String, _ json: String, deadline: Int64 = 0, in storage: any SessionStorage) throws(Failure) {
  try Array(json.utf8).withBytes { text throws(Failure) in try writeEntries([try EntryChange(Key(key), to: text, deadline: deadline)], to: storage) }
}

/// Returns what `append` appends.
func text(_ append: (ByteBuffer) throws -> Void) rethrows -> String {
  let buffer = ByteBuffer()
  try append(buffer)
  return String(decoding: buffer.bytes, as: UTF8.self)
}

/// Returns how many tries a test makes that could make any number of them: a third, except in the long run. The seeds are the same, so these are
/// always the same tries.
func tries(of count: Int) -> Int { ProcessInfo.processInfo.environment["LILY_SESSION_LONG"] == nil ? count / 3 : count }

/// A generator of random numbers, which are the same in every run (xorshift64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

/// The model of the tests: the session of a shop, and a member that is not a part of it.
struct Shop: Equatable {
  var token: String?
  var theme = "light"
  var visits: Int64 = 0
  var volume = 0.5
}

struct Model: Equatable {
  var shop = Shop()
  var page = 0
}

enum Message {
  case change((inout Model) -> Void)
  case refuse
}

struct Refusal: Error, Equatable {}

/// A clock that a test sets, UTC in ms.
final class Clock: Sendable {
  private let time: Atomic<Int64>
  init(_ time: Int64) { self.time = Atomic(time) }
  var now: Int64 {
    get { time.load(ordering: .relaxed) }
    set { time.store(newValue, ordering: .relaxed) }
  }
}

func shopFields() throws(Failure) -> Persistence<Shop> {
  try Persistence<Shop>()
    .field("token", \.token)
    .field("theme", \.theme, encode: Value.string, decoder: .string { $0.isEmpty ? nil : $0 })
    .field("visits", \.visits)
    .field("volume", \.volume)
}

func shopRuntime(_ model: Model = Model()) -> Runtime<Model, Message> {
  Runtime(model) { model, message in
    switch message {
    case .change(let change): change(&model)
    case .refuse: throw Refusal()
    }
  }
}

/// A shop that is attached to a storage, and the events that its session reported.
final class Attached {
  let runtime: Runtime<Model, Message>
  private(set) var session: Session!
  private(set) var events: [Event] = []

  init(_ storage: any Storage, _ model: Model = Model()) throws {
    runtime = shopRuntime(model)
    session = try runtime.attach(
      try shopFields(), at: \.shop, storage: storage,
      onEvent: { [weak self] in self?.events.append($0) })
  }

  func change(_ change: @escaping (inout Shop) -> Void) throws(Failure) {
    try runtime.dispatch(.change { change(&$0.shop) })
  }
}

/// A map without entries, for fields that are tried without maps.
struct NoMap<Field: FieldBinding>: MapBinding {
  func each(_ session: Field.Session, _ visit: @escaping (UnsafeRawBufferPointer, Field.Visited) -> Int32) -> Int32 { 0 }
  func field(_ id: Key) -> (binding: Field, owner: AnyObject?) { fatalError("there is no entry") }
}
