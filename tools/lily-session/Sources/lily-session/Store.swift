import ArgumentParser
import Glibc
import LilySession

struct StoreOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The store's file.", valueName: "path"), completion: .file())
  var store: String?

  @Option(
    help: ArgumentHelp("The program whose store it is, at the default place. (default: lily-session)", valueName: "name"),
    completion: .custom { _, _, _ in Places.applications() })
  var app: String?

  @Option(help: ArgumentHelp("A scope of the store.", valueName: "scope"))
  var scope: String?

  func validate() throws {
    if store != nil, app != nil { throw ValidationError("--store and --app both name a store: give one of them.") }
  }
}

/// One entry, its key without the scope.
struct Row {
  var key: [UInt8]
  var text: [UInt8]
  /// UTC in ms; 0: none.
  var deadline: Int64 = 0
  var version: UInt32 = 0

  var json: String { String(decoding: text, as: UTF8.self) }
}

/// An open store, or one of its scopes: all that the tool asks of the library.
final class Store {
  enum Access {
    case reading
    /// What is there is changed; nothing is made.
    case changing
    case creating
    /// As `changing`, but damage refuses.
    case changingIfWhole
  }

  let path: String
  private let journal: Journal
  private let storage: any Storage

  init(_ options: StoreOptions, _ access: Access) throws {
    var settings = Journal.Options()
    settings.isReadOnly = access == .reading
    settings.create = access == .creating
    settings.isStrict = access == .changingIfWhole
    settings.quota = Int64.max  // a program's own, which the file does not tell
    let path = try Places.path(options)
    do throws(Failure) {
      journal = try Store.open(path, options, settings)
      storage = try Store.part(journal, options.scope)
    } catch {
      throw error.systemError == ENOENT ? Places.absent(path, options, access) : Problem(error, path: path)
    }
    self.path = path
  }

  func close() throws {
    try asked { () throws(Failure) in try storage.sync() }
    storage.close()
  }

  // MARK: entries

  /// Those that live and whose keys begin so, in the order of the keys.
  func rows(_ prefix: [UInt8] = []) throws -> [Row] {
    try asked { () throws(Failure) in
      try entries(Key(stored: prefix), of: storage).map { item throws(Failure) in try Store.row(item.key, item.entry) }
    }
  }

  func row(_ key: [UInt8]) throws -> Row? {
    let key = try Store.key(key)
    return try asked { () throws(Failure) in try get(key, from: storage).map { entry throws(Failure) in try Store.row(key, entry) } }
  }

  /// All of them in one step.
  func set(_ rows: [Row]) throws {
    let items = try rows.map { row in
      Item(key: try Store.key(row.key), entry: row.text.withUnsafeBytes { Entry(text: $0, deadline: row.deadline, version: row.version) })
    }
    try asked { () throws(Failure) in try LilySession.set(items, in: storage) }
  }

  func remove(_ key: [UInt8]) throws {
    let key = try Store.key(key)
    try asked { () throws(Failure) in try LilySession.remove(key, from: storage) }
  }

  func clear() throws { try asked { () throws(Failure) in try LilySession.clear(storage) } }

  /// It differs after each clear.
  func generation() throws -> UInt64 { try asked { () throws(Failure) in try storage.read([], of: storage.scope).generation } }

  func now() -> Int64 { storage.now() }

  /// Polls readable after changes; -1: it cannot be watched.
  var descriptor: Int32 { storage.descriptor }

  /// What is wrong with a text as a value; nil: nothing.
  static func fault(_ text: [UInt8]) -> String? {
    do {
      try text.withUnsafeBytes { try checkJSON($0) }
      return nil
    } catch {
      return String(describing: (error as? Failure)?.reason ?? "the text is not JSON")
    }
  }

  // MARK: the whole

  func info() throws -> StorageInfo { try asked { () throws(Failure) in try journal.info() } }

  /// Each scope's name, and its entries.
  func scopes() throws -> [(name: String, rows: [Row])] {
    var found: [(name: String, rows: [Row])] = []
    let now = storage.now()
    try asked { () throws(Failure) in
      for item in try journal.entries(Key(stored: [0])) where !item.entry.isExpired(at: now) {
        let parts = item.key.bytes.dropFirst().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else { continue }  // an empty one is the library's own
        let name = String(decoding: parts[0], as: UTF8.self)
        if found.last?.name != name { found.append((name, [])) }
        found[found.count - 1].rows.append(try Store.row(Key(stored: Array(parts[1])), item.entry))
      }
    }
    return found
  }

  /// Nobody should take for all what is not.
  func noteDamage() throws {
    if try info().damagedLines > 0 { note("some lines of the file are damaged, and were skipped: lily-session verify tells which") }
  }

  func examine(_ visit: (Finding) -> Void) throws -> Examination {
    var progress = Progress("verifying", total: try info().fileBytes)
    defer { progress.end() }
    return try asked { () throws(Failure) in try journal.examine(progress: { progress.advance(to: $0) }, visit) }
  }

  func compact() throws { try asked { () throws(Failure) in try journal.compact() } }

  // MARK: the border

  private static func open(_ path: String, _ options: StoreOptions, _ settings: Journal.Options) throws(Failure) -> Journal {
    if options.store != nil { return try Journal.open(path: path, options: settings) }
    return try Journal.open(application: options.app ?? Places.ownName, options: settings)  // makes the folders, too
  }

  private static func part(_ journal: Journal, _ scope: String?) throws(Failure) -> any Storage {
    guard let scope else { return journal }
    return try ScopedStorage.make(journal, try Scope(name: try key(Array(scope.utf8), limit: Scope.nameLimit)))
  }

  private func asked<R>(_ body: () throws(Failure) -> R) throws -> R {
    do { return try body() } catch { throw Problem(error, path: path) }
  }

  private static func row(_ key: Key, _ entry: Entry) throws(Failure) -> Row {
    try entry.withText { text throws(Failure) in
      Row(key: key.bytes, text: [UInt8](text), deadline: entry.deadline, version: entry.version)
    }
  }

  private static func key(_ bytes: [UInt8]) throws -> Key {
    do { return try key(bytes, limit: Key.storageLimit) } catch {
      throw Problem(Problem.usage, String(describing: error.reason), advice: "A key is 1 to \(Key.storageLimit) bytes of UTF-8.")
    }
  }

  private static func key(_ bytes: [UInt8], limit: Int) throws(Failure) -> Key {
    try bytes.withUnsafeBufferPointer { bytes throws(Failure) in try Key(validating: UnsafeRawBufferPointer(bytes), limit: limit) }
  }
}
