import Foundation
import Testing

@testable import LilySession

/// Checks what a Swift program relies on besides what is stored: errors, events, what is released and when, and storages of its own.
/// `DictionaryStorage.swift`, a link to a file of the examples, is such a storage.
@Suite struct ProgramTests {
  let scratch = Scratch()
  func journal() throws -> Journal { try Journal.open(path: scratch.file) }

  // MARK: errors

  @Test func `an update function's error comes out of dispatch, and the model is as it was`() throws {
    let runtime = shopRuntime()
    try runtime.attach(try shopFields(), at: \.shop, storage: try journal())
    do throws(Failure) {
      try runtime.dispatch(.refuse)
      Issue.record("no error")
    } catch {
      #expect(error.status == .update)
      #expect(error.underlying as? Refusal == Refusal())
      #expect("\(error)" == "the update function refused the message")
      #expect(String(reflecting: error) == "update: the update function refused the message (Refusal())")
    }
    do throws(Failure) {
      try runtime.update { model in
        model.page = 7
        throw Refusal()
      }
    } catch { #expect(error.underlying is Refusal) }
    #expect(runtime.model == Model())
  }

  @Test func `an error and an event say what they are about, and no value`() throws {
    let attached = try Attached(journal())
    do throws(Failure) {
      try attached.change { $0.volume = .infinity }
      Issue.record("no error")
    } catch {
      #expect(error.key == "volume")
      #expect("\(error)" == "volume: a real is not finite")
      #expect(String(reflecting: error) == "encode: volume: a real is not finite")
    }
    #expect(attached.events.map(\.description) == ["fieldFailed volume: a real is not finite"])
    #expect(attached.events.first?.key == "volume")
    #expect(attached.events.first?.status == .encode)
    do throws(Failure) { _ = try Journal.open(path: "/nowhere/at/all") } catch {
      #expect(error.status == .notFound && error.systemError == ENOENT && error.key == nil)
      #expect("\(error)".hasSuffix(": No such file or directory"))
    }
  }

  @Test func `a status has the name that it has in the source, or its number`() {
    #expect("\(Status.noSpace)" == "noSpace")
    #expect("\(Status(rawValue: -7))" == "status -7")
  }

  @Test func `a session is over with its runtime`() throws {
    var runtime: Runtime<Model, Message>? = shopRuntime()
    let session = try #require(try runtime?.attach(try shopFields(), at: \.shop, storage: try journal()))
    runtime = nil
    #expect(status { () throws(Failure) in try session.persist() } == .invalidArgument)
    #expect(status { () throws(Failure) in _ = try session.state(of: "theme") } == .invalidArgument)
    #expect(session.nextExpiry == nil)
    session.detach()
  }

  @Test func `a field that the session does not have is not found`() throws {
    let attached = try Attached(journal())
    #expect(status { () throws(Failure) in try attached.session.touch("nothing") } == .notFound)
    #expect(status { () throws(Failure) in _ = try attached.session.state(of: "nothing") } == .notFound)
    #expect(status { () throws(Failure) in try attached.session.touch("") } == .invalidArgument)
  }

  // MARK: re-entry

  @Test func `S15 inside each callback what runs the runtime is refused, and clear is not`() throws {
    struct App { var note = "" }
    let storage = try journal()
    var inside: [Status?] = []
    var runtime: Runtime<App, Never>?
    var session: Session?
    func probe() {
      inside.append(status { () throws(Failure) in try runtime?.update { _ in } })
      inside.append(status { () throws(Failure) in try session?.flush() })
      inside.append(status { () throws(Failure) in try session?.refresh() })
      inside.append(status { () throws(Failure) in try session?.touch("note") })
    }
    let fields = try Persistence<App>().field(
      "note", get: { app in probe(); return app.note }, set: { _, note in probe(); return App(note: note) },
      encode: { probe(); return .string($0) }, decoder: .string { probe(); return $0 })
    runtime = Runtime(App())
    session = try runtime?.attach(fields, storage: storage, revision: { _ in probe(); return 0 }, onEvent: { _ in probe() })
    inside = []
    try store("lily_session_note", "\"theirs\"", in: try journal())
    try session?.refresh()
    try runtime?.update { _ in probe() }
    #expect(inside.count > 20)
    #expect(inside.allSatisfy { $0 == .reentrant })
    try runtime?.update { app in
      try storage.clear()
      app.note = "mine"
    }
    session?.detach()
    runtime = nil
    session = nil
  }

  // MARK: ownership

  /// A closure captures this, so that a test sees when the closure is released.
  private final class Witness: Sendable {}

  private final class Watched {
    private(set) weak var witness: Witness?
    init(_ witness: Witness) { self.witness = witness }
  }

  @Test func `closures, model and storage go with what they were given to`() throws {
    final class Text { var note = "" }
    var watched: [Watched] = []
    func witness() -> Witness {
      let witness = Witness()
      watched.append(Watched(witness))
      return witness
    }
    func watching<R>(_ body: @escaping () -> R) -> () -> R {
      let witness = witness()
      return { withExtendedLifetime(witness) { body() } }
    }
    weak var model: Text?
    weak var storage: Journal?
    try {
      let (get, set, encode, decode, migrate) = (watching {}, watching {}, watching {}, watching {}, watching {})
      let (revision, event, update) = (watching { UInt64(0) }, watching {}, watching {})
      let text = Text()
      model = text
      let file = try journal()
      storage = file
      let fields = try Persistence<Text>().field(
        "note", get: { get(); return $0.note }, set: { set(); $0.note = $1; return $0 }, encode: { encode(); return .string($0) },
        decoder: .string { decode(); return $0 }, version: 1, migrate: { _, _ in migrate(); return "" })
      let runtime = Runtime<Text, String>(text) { text, note in
        update()
        text.note = note
      }
      let session = try runtime.attach(fields, storage: file, revision: { _ in revision() }, onEvent: { _ in event() })
      try runtime.dispatch("kept")
      #expect(watched.allSatisfy { $0.witness != nil })
      session.detach()
      session.detach()

      // This also holds if attach fails, and if nobody detaches.
      let failing = witness()
      let other = Runtime(Text())
      try other.attach(fields, storage: file)
      #expect(status { () throws(Failure) in
        try other.attach(fields, storage: file, onEvent: { _ in withExtendedLifetime(failing) {} })
      } == .duplicateKey)
    }()
    #expect(watched.count == 9)
    #expect(watched.allSatisfy { $0.witness == nil })
    #expect(model == nil)
    #expect(storage == nil)
  }

  @Test func `S15 a session that ends inside its own callback goes too`() throws {
    weak var kept: Session?
    try {
      let runtime = shopRuntime()
      let session = try runtime.attach(try shopFields(), at: \.shop, storage: try journal())
      kept = session
      try runtime.dispatch(.change { _ in session.detach() })
    }()
    #expect(kept == nil)
  }

  /// This runs in a process of its own, because it measures the memory of the process.
  @Test func `10,000 sessions leave no memory behind`() async {
    await #expect(processExitsWith: .success) {
      func resident() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(pages[1]) ?? 0) * 4096
      }
      let storage = MemoryStorage()
      func round(_ number: Int) throws {
        let runtime = shopRuntime()
        let session = try runtime.attach(try shopFields(), at: \.shop, storage: storage, onEvent: { _ in })
        try runtime.dispatch(.change { $0.shop.visits = Int64(number) })
        if number % 2 == 0 { session.detach() }
      }
      for number in 0..<1000 { try round(number) }
      let before = try resident()
      for number in 0..<10_000 { try round(number) }
      let more = try resident() - before
      #expect(more < 1 << 20, "\(more) bytes more")
    }
  }

  // MARK: fork

  @Test func `S16 a child of fork is told so, and its parent goes on`() async {
    await #expect(processExitsWith: .success) {
      let scratch = Scratch()
      let journal = try Journal.open(path: scratch.file)
      let memory = MemoryStorage()
      let attached = [try Attached(journal), try Attached(memory)]
      let child = forked()
      if child == 0 {
        var all: [Status?] = []
        for attached in attached {
          all.append(status { () throws(Failure) in try attached.change { $0.theme = "child" } })
          all.append(status { () throws(Failure) in try attached.session.flush() })
          all.append(status { () throws(Failure) in try attached.session.refresh() })
        }
        for storage in [journal, memory] as [any Storage] {
          all.append(status { () throws(Failure) in try storage.clear() })
          all.append(status { () throws(Failure) in _ = try storage.json(forKey: "a") })
          all.append(status { () throws(Failure) in try storage.setJSON("1", forKey: "a") })
          all.append(status { () throws(Failure) in _ = try storage.scoped("a").keys() })
        }
        attached.forEach { $0.session.detach() }
        _exit(all.allSatisfy { $0 == .forked } ? 0 : 1)
      }
      var ending: Int32 = 0
      #expect(waitpid(child, &ending, 0) == child)
      #expect(ending == 0)
      for attached in attached { try attached.change { $0.theme = "parent" } }
      #expect(try stored("lily_session_theme", in: Journal.open(path: scratch.file)) == "\"parent\"")
    }
  }

  // MARK: storages

  @Test func `a storage's single entries`() throws {
    for storage in [try journal(), MemoryStorage(), DictionaryStorage()] as [any Storage] {
      #expect(try storage.json(forKey: "a") == nil)
      try storage.setJSON(" [1, 2] ", forKey: "a")
      try storage.setJSON("\"b\"", forKey: "b", expiresAfter: .seconds(100))
      #expect(try storage.json(forKey: "a") == "[1,2]")
      #expect(try storage.json(forKey: "b") == "\"b\"")
      #expect(try storage.keys() == ["a", "b"])
      #expect(try storage.keys(withPrefix: "b") == ["b"])
      #expect(try storage.info().entries == 2)
      #expect(try storage.info().liveBytes == 10)
      try storage.removeValue(forKey: "a")
      try storage.removeValue(forKey: "a")
      #expect(try storage.keys() == ["b"])
      #expect(status { () throws(Failure) in try storage.setJSON("[1", forKey: "a") } == .decode)
      #expect(status { () throws(Failure) in try storage.setJSON("1", forKey: "") } == .invalidArgument)
      #expect(status { () throws(Failure) in try storage.setJSON("1", forKey: "a", expiresAfter: .zero) } == .invalidArgument)
      #expect(status { () throws(Failure) in _ = try storage.scoped("a").scoped("b") } == .unsupported)
      #expect(status { () throws(Failure) in _ = try storage.scoped("") } == .invalidArgument)
    }
  }

  private func checkScopes(_ storage: any Storage) throws {
    func scopes() throws(Failure) -> [String] { try storage.scopes() }
    #expect(try scopes().isEmpty)
    try storage.scoped("crème").setJSON("1", forKey: "k")
    let (far, past) = (Entry(json: "1", deadline: Int64.max), Entry(json: "1", deadline: 1))
    try storage.scoped("user:2").setItems([Item(key: Key(storage: "k"), entry: far), Item(key: Key(storage: "l"), entry: past)])
    for name in ["user:10", "user:1"] { try storage.scoped(name).setItems([Item(key: Key(storage: "k"), entry: past)]) }
    #expect(try scopes() == ["crème", "user:2"])
    for limit in [0, -1] as [Int?] {
      #expect(status { () throws(Failure) in try storage.sweep(limit: limit) } == .invalidArgument)
    }
    let first = try storage.sweep(limit: 1) // where scopes are files, it may look at one that stays
    #expect(first <= 1)
    #expect(try storage.sweep() == 2 - first)
    #expect(try storage.sweep() == 0)
    #expect(try scopes() == ["crème", "user:2"])
    let scope: any Storage = try storage.scoped("crème")
    #expect(status { () throws(Failure) in _ = try scope.scopes() } == .unsupported)
    #expect(status { () throws(Failure) in try scope.sweep() } == .unsupported)
  }

  @Test func `S19 scopes are listed and swept`() throws {
    for storage in [try journal(), MemoryStorage(), DictionaryStorage()] as [any Storage] { try checkScopes(storage) }
  }

  @Test func `S23 each scope is a file of its own`() throws {
    var options = Journal.Options()
    options.hasScopeFiles = true
    try checkScopes(try Journal.open(path: scratch.file, options: options))
    #expect(FileManager.default.fileExists(atPath: scratch.file + ".d"))
    let other: any Storage = try journal()
    #expect(status { () throws(Failure) in _ = try other.scopes() } == .unsupported)
  }

  @Test func `S22 an exclusive journal alone writes`() throws {
    var options = Journal.Options()
    options.isExclusive = true
    func exclusive() throws(Failure) -> Journal { try Journal.open(path: scratch.file, options: options) }
    withExtendedLifetime(try exclusive()) {
      #expect(status { () throws(Failure) in _ = try exclusive() } == .busy)
    }
    try exclusive().setJSON("1", forKey: "k")
  }

  @Test(arguments: [false, true]) func `S24 detaching does not sync if it is told so`(closesWithoutSync: Bool) throws {
    var options = Journal.Options()
    options.closesWithoutSync = closesWithoutSync
    let attached = try Attached(try Journal.open(path: scratch.file, options: options))
    try attached.change { $0.token = "secret" }
    try attached.session.reset("token")
    attached.session.detach()
    // A sync rewrites the file without the values that were removed.
    #expect(scratch.lines.contains { $0.contains("secret") } == closesWithoutSync)
  }

  @Test func `S18 a journal opens at a path, and at the default place`() throws {
    #expect(try journal().path == scratch.file)
    #expect(status { () throws(Failure) in _ = try Journal.open(path: scratch.file + "\u{0}x") } == .invalidArgument)
    for name in ["", "a/b", "a\u{0}"] {
      #expect(status { () throws(Failure) in _ = try Journal.open(application: name) } == .invalidArgument)
    }
  }

  @Test func `S8 S9 S19 a storage of the program's own`() throws {
    let storage = DictionaryStorage()
    let scopes = [storage, try storage.scoped("ada"), try storage.scoped("grace")] as [any Storage]
    for (number, scope) in scopes.enumerated() {
      let attached = try Attached(scope)
      try attached.change { $0.visits = Int64(number + 1); $0.theme = "dark" }
    }
    try scopes[1].clear()
    #expect(try scopes.map { try Attached($0).runtime.model.shop.visits } == [1, 0, 3])
    // A clear comes between an update and its write. What was dirty before does not come back.
    let attached = try Attached(scopes[2])
    #expect(status { () throws(Failure) in try attached.runtime.attach(try shopFields(), at: \.shop, storage: try storage.scoped("grace")) } == .duplicateKey)
    #expect(status { () throws(Failure) in try attached.change { $0.volume = .nan; $0.token = "t" } } == .encode)
    try attached.change { shop in
      try? scopes[2].clear()
      shop.volume = 1
    }
    #expect(try scopes[2].keys() == ["lily_session_volume"])
    let clock = ExpiringApp.fields
    let runtime = Runtime(ExpiringApp())
    let session = try runtime.attach(try clock(), storage: storage)
    try runtime.update { $0.token = "t" }
    try session.touch("token")
    #expect(try #require(session.nextExpiry) > .seconds(50))
  }

  private struct ExpiringApp {
    var token = ""
    static func fields() throws -> Persistence<ExpiringApp> { try Persistence().field("token", \.token, expiresAfter: .seconds(100)) }
  }

  @Test func `a failure of a storage of the program's own keeps what it came from`() throws {
    final class Broken: Storage {
      var failure: Failure {
        var failure = Failure(.io, "the database is gone")
        failure.underlying = Refusal()
        return failure
      }
      func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
        Snapshot(entries: keys.map { _ in nil }, generation: 0)
      }
      func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome { throw failure }
      func clear(_ scope: Scope) throws(Failure) { throw failure }
      func entries(_ prefix: Key) throws(Failure) -> [LilySession.Item] { throw failure }
    }
    let attached = try Attached(Broken())
    do throws(Failure) {
      try attached.change { $0.theme = "dark" }
      Issue.record("no error")
    } catch {
      #expect(error.status == .io && error.key == "theme" && error.underlying is Refusal)
    }
    #expect(attached.runtime.model.shop.theme == "dark")
    #expect(try attached.session.state(of: "theme").isDirty)
  }

  @Test func `S20 a storage of the program's own may name any places and return any entries`() throws {
    final class Wrong: Storage {
      func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot { Snapshot(entries: [], generation: 0) }
      func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
        .written(.of(leftOut: [-1, 1000], overtaken: [-1, 1000]))
      }
      func clear(_ scope: Scope) throws(Failure) {}
      func entries(_ prefix: Key) throws(Failure) -> [LilySession.Item] {
        [LilySession.Item(key: try Key(storage: "k"), entry: Entry(json: "1", deadline: 0, version: 0))]
      }
    }
    let storage = Wrong()
    let attached = try Attached(storage)
    try attached.change { $0.theme = "dark" }
    #expect(status { () throws(Failure) in try storage.setItems(try storage.entries(Key(storage: "k"))) } == .quota)
    #expect(try (storage as any Storage).scopes().isEmpty)
  }

  // MARK: changes

  @Test func `S10 changes tells of another's change, and ends when it is cancelled`() async throws {
    let storage = try journal()
    let changes = try storage.changes()
    let here = try Attached(storage)
    var each = changes.makeAsyncIterator()
    for theme in ["dark", "blue"] {
      try store("lily_session_theme", "\"\(theme)\"", in: try journal())
      while here.runtime.model.shop.theme != theme {
        #expect(await each.next() != nil)
        try here.session.refresh()
      }
    }
    let waiting = Task {
      var count = 0
      for await _ in changes {
        count += 1
        _ = try storage.keys()
      }
      return count
    }
    waiting.cancel()
    _ = try await waiting.value // it ends
    #expect(status { () throws(Failure) in _ = try DictionaryStorage().changes() } == .unsupported)
  }
}

/// Swift does not offer fork, because the child of a process with several threads may do little. The child of these tests does little.
@_silgen_name("fork") private func forked() -> Int32
