import Foundation
import LilySession
import LilySessionRedis
import Synchronization
import Testing

/// A server for one test, on a socket in a folder of its own.
private final class Server {
  static let program = "/usr/bin/redis-server"
  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  let address: String
  private let folder: String
  private let process = Process()

  init() throws {
    folder = NSTemporaryDirectory() + "lily-redis-" + UUID().uuidString
    address = "unix://:ada-secret-1@\(folder)/redis.sock"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: Server.program)
    process.arguments = ["--port", "0", "--unixsocket", folder + "/redis.sock", "--dir", folder, "--save", "", "--requirepass", "ada-secret-1"]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    while process.isRunning, (try? RedisStorage.open(address)) == nil { usleep(10_000) }
  }

  deinit {
    kill(process.processIdentifier, SIGKILL) // it has nothing to keep, and blocks other signals, as the thread did that started it
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }
}

private struct Visit: Sendable {
  var page = 0
  var basket = ""
}

private func fields() throws(Failure) -> Persistence<Visit> { try Persistence().field("page", \.page).field("basket", \.basket) }

/// Checks that Swift programs reach the store for Redis by the same rules as all other storages. Tests/redis checks the store itself.
@Suite(.enabled(if: Server.isInstalled, "redis-server is not installed")) struct RedisStorageTests {
  private let server: Server

  init() throws { server = try Server() }

  private func failure(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) {
      try body()
      return nil
    } catch { return error }
  }

  @Test func `two programs change different fields of a session, and a log-out by one ends it for the other`() throws {
    func program() throws -> (Runtime<Visit, Never>, Session) {
      let runtime = Runtime<Visit, Never>(Visit())
      return (runtime, try runtime.attach(try fields(), storage: try RedisStorage.open(server.address).scoped("user:42")))
    }
    let (first, session) = try program()
    let (second, other) = try program()
    try first.update { $0.page = 7 }
    try second.update { $0.basket = "apple" }
    try session.refresh()
    try other.refresh()
    #expect((first.model.page, first.model.basket) == (7, "apple"))
    #expect((second.model.page, second.model.basket) == (7, "apple"))
    let all = try RedisStorage.open(server.address)
    #expect(try all.scopes() == ["user:42"])
    try all.scoped("user:42").clear()
    try second.update { $0.basket = "pear" }
    let (third, _) = try program()
    #expect((third.model.page, third.model.basket) == (0, "pear"))
  }

  @Test func `two handles of one server are one place`() throws {
    let runtime = Runtime<Visit, Never>(Visit())
    try runtime.attach(try fields(), storage: try RedisStorage.open(server.address))
    #expect(failure { () throws(Failure) in try runtime.attach(try fields(), storage: try RedisStorage.open(server.address)) }?.status == .duplicateKey)
  }

  @Test func `entries keep deadlines and versions, and expire by the clock of the options`() throws {
    let time = Mutex(Int64(1_000_000))
    var options = RedisStorage.Options()
    options.clock = { time.withLock { $0 } }
    let storage = try RedisStorage.open(server.address, options: options)
    try storage.setItems([
      Item(key: try Key(storage: "a"), entry: Entry(json: "1", deadline: 1_000_500, version: 3)),
      Item(key: try Key(storage: "b"), entry: Entry(json: "2")),
    ])
    #expect(try storage.entry(forKey: "a").map { [Int64($0.version), $0.deadline] } == [3, 1_000_500])
    time.withLock { $0 = 1_000_500 }
    #expect(try storage.keys() == ["b"])
  }

  @Test func `the sequence of changes has an element after another handle's change`() async throws {
    let scope = try RedisStorage.open(server.address).scoped("user:42")
    var changes = try scope.changes().makeAsyncIterator()
    try RedisStorage.open(server.address).scoped("user:42").setJSON("1", forKey: "lily_session_page")
    #expect(await changes.next() != nil)
  }

  @Test func `a failure says what is wrong, and not the password`() throws {
    func opening(_ address: String?, _ change: (inout RedisStorage.Options) -> Void = { _ in }) -> Failure? {
      var options = RedisStorage.Options()
      change(&options)
      return failure { () throws(Failure) in _ = try RedisStorage.open(address, options: options) }
    }
    let absent = "unix://:ada-secret-2@/nowhere/redis.sock"
    let refused = try #require(opening(absent))
    #expect(refused.status == .io && refused.systemError == ENOENT)
    #expect("\(refused)".contains("/nowhere/redis.sock") && "\(refused)".hasSuffix(": No such file or directory"))
    let wrong = try #require(opening(server.address.replacing("secret-1", with: "secret-3")))
    #expect(wrong.status == .permission)
    for failure in [refused, wrong] { #expect(!String(reflecting: failure).contains("secret")) }
    #expect(opening(absent) { $0.isLazy = true } == nil)
    #expect(opening("redis://host:0")?.status == .invalidArgument)
    #expect(opening("redis://a\0b")?.status == .invalidArgument)
    #expect(opening(server.address) { $0.timeout = .zero }?.status == .invalidArgument)
    #expect(opening(server.address) { $0.idle = .seconds(-1) }?.status == .invalidArgument)
    #expect(opening(server.address) { $0.replicas = -1 }?.status == .invalidArgument)
    #expect(opening(server.address) { $0.certificate = "/nowhere" }?.status == .invalidArgument)
    #expect(opening(server.address) { $0.idle = nil } == nil)
  }
}
