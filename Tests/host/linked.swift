// A Swift program that uses the shared library through its C header. The library contains a Swift runtime of its own, which
// must stay hidden: check-host links the library before the program's runtime, and checks which symbol was bound where.
import CLilySession
import Foundation

func expect(_ holds: Bool, _ what: String, line: Int = #line) {
  guard !holds else { return }
  FileHandle.standardError.write(Data("line \(line): \(what)\n".utf8))
  exit(1)
}

func ok(_ status: lily_session_status, line: Int = #line) {
  guard status != 0 else { return }
  let name = String(cString: lily_session_status_name(status))
  expect(false, "\(name): \(String(cString: lily_session_last_error()))", line: line)
}

/// The program's own runtime at work: allocation, reference counts, weak references, generics, existentials, strings that
/// need Unicode tables, hashing, tasks, Foundation.
func exerciseRuntime(_ round: Int) async {
  class Node {
    weak var parent: Node?
    var children: [Node] = []
    let name: String
    init(_ name: String) { self.name = name }
  }
  final class Leaf: Node {}
  let root = Node("root")
  for at in 0..<50 {
    let child = at % 2 == 0 ? Node("käse \(at)") : Leaf("\u{1F469}\u{200D}\u{1F680} \(at)")
    child.parent = root
    root.children.append(child)
  }
  expect(root.children.filter { $0 is Leaf }.count == 25, "casts")
  expect(root.children.allSatisfy { $0.parent === root }, "weak references")
  weak let gone = root.children.removeLast()
  expect(gone == nil, "a weak reference that outlived its object")

  var counts: [String: Int] = [:]
  for word in root.children.flatMap({ $0.name.uppercased().split(separator: " ") }) { counts[String(word), default: 0] += 1 }
  expect(counts["KÄSE"] == 25 && counts["K\u{0041}\u{0308}SE"] == 25, "dictionary of strings")
  expect("\u{1F469}\u{200D}\u{1F680}".count == 1, "characters")

  let values: [any CustomStringConvertible & Sendable] = [1, "two", 3.5, [4], round]
  let joined = await withTaskGroup(of: String.self) { group in
    for value in values { group.addTask { value.description } }
    return await group.reduce(into: [String]()) { $0.append($1) }.sorted().joined(separator: ",")
  }
  expect(joined.contains("two") && joined.contains("[4]"), "tasks: \(joined)")

  let json = try? JSONSerialization.data(withJSONObject: ["round": round, "text": "\u{2028}"], options: [.sortedKeys])
  let back = json.flatMap { try? JSONDecoder().decode([String: Either].self, from: $0) }
  expect(back?["round"] == .number(round), "Foundation")
}

enum Either: Decodable, Equatable {
  case number(Int), text(String)
  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    self = try (try? container.decode(Int.self)).map(Either.number) ?? .text(container.decode(String.self))
  }
}

/// The model: a Swift object, which the library's callbacks reach through their context and model pointers.
final class Model {
  var theme = "light"
  var visits: Int64 = 0
  /// What `get` last gave out, borrowed by the library.
  var given: [CChar] = []
}

func model(_ pointer: UnsafeRawPointer?) -> Model { Unmanaged<Model>.fromOpaque(pointer!).takeUnretainedValue() }

func makeFields() -> OpaquePointer {
  let fields = lily_session_persistence_new()!
  var theme = lily_session_field()
  theme.size = MemoryLayout<lily_session_field>.size
  theme.types = Int32(LILY_SESSION_STRING.rawValue)
  theme.get = { _, session, out in
    let model = model(session)
    model.given = Array(model.theme.utf8CString)
    out!.pointee.type = Int32(LILY_SESSION_STRING.rawValue)
    model.given.withUnsafeBufferPointer { out!.pointee.as.text = .init(bytes: $0.baseAddress, length: $0.count - 1) }
    return 0
  }
  theme.set = { _, session, value in
    model(session).theme = String(cString: value!.pointee.as.text.bytes)
    return 0
  }
  var visits = lily_session_field()
  visits.size = MemoryLayout<lily_session_field>.size
  visits.types = Int32(LILY_SESSION_INT.rawValue)
  visits.get = { _, session, out in
    out!.pointee.type = Int32(LILY_SESSION_INT.rawValue)
    out!.pointee.as.integer = model(session).visits
    return 0
  }
  visits.set = { _, session, value in
    model(session).visits = value!.pointee.as.integer
    return 0
  }
  "theme".withCString { theme.key = $0; ok(lily_session_field_add(fields, &theme)) }
  "visits".withCString { visits.key = $0; ok(lily_session_field_add(fields, &visits)) }
  return fields
}

/// Attaches, dispatches `updates` times and detaches. Returns the model.
func session(_ storage: OpaquePointer, updates: Int) async -> Model {
  let object = Model()
  let pointer = Unmanaged.passRetained(object).toOpaque()
  let fields = makeFields()
  var runtime: OpaquePointer?
  var session: OpaquePointer?
  ok(lily_session_runtime_new(pointer, { _, model, message in
    let object = Unmanaged<Model>.fromOpaque(model!).takeUnretainedValue()
    object.visits += 1
    object.theme = "дневная \(message!.load(as: Int.self))"
    return model
  }, nil, &runtime))
  var config = lily_session_config()
  config.size = MemoryLayout<lily_session_config>.size
  config.storage = storage
  ok(lily_session_attach(runtime, fields, &config, &session))
  for update in 0..<updates {
    await exerciseRuntime(update)
    var message = update
    ok(lily_session_runtime_dispatch(runtime, &message))
  }
  ok(lily_session_flush(session))
  lily_session_detach(session)
  lily_session_runtime_free(runtime)
  lily_session_persistence_free(fields)
  Unmanaged<Model>.fromOpaque(pointer).release()
  return object
}

let path = CommandLine.arguments[1]
var storage: OpaquePointer?
ok(lily_session_storage_open(path, nil, &storage))
let first = await session(storage!, updates: 40)
expect(first.visits == 40 && first.theme == "дневная 39", "the updates")
let second = await session(storage!, updates: 0)
expect(second.visits == 40 && second.theme == "дневная 39", "what came back: \(second.visits), \(second.theme)")
ok(lily_session_clear(storage))
let third = await session(storage!, updates: 0)
expect(third.visits == 0 && third.theme == "light", "what came back after a clear: \(third.visits), \(third.theme)")
lily_session_storage_close(storage)
await exerciseRuntime(0)
print("ok")
