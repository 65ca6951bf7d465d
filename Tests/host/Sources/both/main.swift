// Uses the Swift module and the shared library in one process, over one file. The module has the program's Swift runtime and the
// library its own, and both have the same types, with the same names.
import CLilySession
import Foundation
import LilySession

func expect(_ holds: Bool, _ what: String, line: Int = #line) {
  guard !holds else { return }
  FileHandle.standardError.write(Data("line \(line): \(what)\n".utf8))
  exit(1)
}

func ok(_ status: lily_session_status, line: Int = #line) {
  expect(status == 0, "\(String(cString: lily_session_status_name(status))): \(String(cString: lily_session_last_error()))", line: line)
}

// ---- the side of the module

struct Model: Equatable {
  var theme = "light"
  var visits: Int64 = 0
}
enum Message { case visit, theme(String) }

func swiftSession(_ storage: Journal) throws -> (Runtime<Model, Message>, Session) {
  let fields = try Persistence<Model>().field("theme", \.theme).field("visits", \.visits)
  let runtime = Runtime<Model, Message>(Model()) { model, message in
    switch message {
    case .visit: model.visits += 1
    case .theme(let name): model.theme = name
    }
  }
  return (runtime, try runtime.attach(fields, storage: storage))
}

// ---- the side of the library: a C struct, whose members are bound

struct CModel {
  var visits: Int64 = 0
  var theme: (CChar, CChar, CChar, CChar, CChar, CChar, CChar, CChar) = (0, 0, 0, 0, 0, 0, 0, 0)
}

struct CSession {
  let model: UnsafeMutablePointer<CModel>
  let runtime: OpaquePointer
  let session: OpaquePointer

  init(_ storage: OpaquePointer) {
    model = .allocate(capacity: 1)
    model.initialize(to: CModel())
    let fields = lily_session_persistence_new()
    var visits = lily_session_field()
    visits.size = MemoryLayout<lily_session_field>.size
    visits.types = Int32(LILY_SESSION_INT.rawValue)
    visits.member_type = Int32(LILY_SESSION_MEMBER_INT64.rawValue)
    visits.member_offset = MemoryLayout<CModel>.offset(of: \.visits)!
    visits.member_size = 8
    var theme = lily_session_field()
    theme.size = MemoryLayout<lily_session_field>.size
    theme.types = Int32(LILY_SESSION_STRING.rawValue)
    theme.member_type = Int32(LILY_SESSION_MEMBER_CHARS.rawValue)
    theme.member_offset = MemoryLayout<CModel>.offset(of: \.theme)!
    theme.member_size = 8
    "visits".withCString { visits.key = $0; ok(lily_session_field_add(fields, &visits)) }
    "theme".withCString { theme.key = $0; ok(lily_session_field_add(fields, &theme)) }
    var runtime: OpaquePointer?
    var session: OpaquePointer?
    var config = lily_session_config()
    config.size = MemoryLayout<lily_session_config>.size
    config.storage = storage
    ok(lily_session_runtime_new(model, nil, nil, &runtime))
    ok(lily_session_attach(runtime, fields, &config, &session))
    lily_session_persistence_free(fields)
    self.runtime = runtime!
    self.session = session!
  }

  var theme: String { withUnsafeBytes(of: model.pointee.theme) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } }

  func end() {
    lily_session_detach(session)
    lily_session_runtime_free(runtime)
    model.deallocate()
  }
}

// ---- both sides by turns

let path = CommandLine.arguments[1]
let swiftStorage = try Journal.open(path: path)
var cStorage: OpaquePointer?
ok(lily_session_storage_open(path, nil, &cStorage))

for round in 0..<20 {
  let before = Int64(round * 5)
  let (runtime, session) = try swiftSession(swiftStorage)
  expect(runtime.model == Model(theme: round == 0 ? "light" : "c\(round - 1)", visits: before), "\(runtime.model)")
  try runtime.dispatch(.theme("swift\(round)"))
  for _ in 0..<3 { try runtime.dispatch(.visit) }

  // The library reads what the module has stored while the module's session goes on.
  let c = CSession(cStorage!)
  expect(c.theme == "swift\(round)" && c.model.pointee.visits == before + 3, "\(c.theme), \(c.model.pointee.visits)")
  c.model.pointee.visits += 2
  withUnsafeMutableBytes(of: &c.model.pointee.theme) { $0.copyBytes(from: "c\(round)\0".utf8) }
  ok(lily_session_persist(c.session))
  c.end()
  session.detach()
}

// Each side has its own failures.
expect(lily_session_storage_get(cStorage, "lily_session_none", nil, nil) < 0, "no place for the result")
do throws(Failure) {
  _ = try Journal.open(path: "/nowhere/at/all")
  expect(false, "opened a file in no directory")
} catch {
  expect(error.status == .notFound, "\(error.status)")
}

// The module clears, and the library finds nothing. Then the library clears, and the module finds nothing.
try swiftStorage.clear()
var json: UnsafeMutablePointer<CChar>?
expect(lily_session_storage_get(cStorage, "lily_session_theme", &json, nil) == Int32(LILY_SESSION_ERROR_NOT_FOUND.rawValue), "still there")
let (runtime, session) = try swiftSession(swiftStorage)
expect(runtime.model == Model(), "\(runtime.model)")
try runtime.dispatch(.theme("last"))
ok(lily_session_storage_get(cStorage, "lily_session_theme", &json, nil))
expect(String(cString: json!) == "\"last\"", String(cString: json!))
lily_session_free(json)
ok(lily_session_clear(cStorage))
session.detach()
lily_session_storage_close(cStorage)
let (empty, _) = try swiftSession(swiftStorage)
expect(empty.model == Model(), "\(empty.model)")
print("ok")
