import ArgumentParser
import Glibc
import LilySession

struct StoreOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The store's file.", valueName: "path"))
  var store: String?

  @Option(help: ArgumentHelp("The program whose store it is, at the default place. (default: lily-session)", valueName: "name"))
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

extension Row {
  init(_ item: Item) {
    self.init(key: item.key.bytes, text: Array(item.entry.json.utf8), deadline: item.entry.deadline, version: item.entry.version)
  }
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
    settings.acceptsAnyFolder = true  // whoever runs the command has chosen the place
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

  /// Throws, too, where what was removed is still in the file.
  func close() throws {
    let unerased = try asked { () throws(Failure) in try storage.sync() }
    storage.close()
    if let unerased { throw Problem(unerased, path: path) }
  }

  // MARK: entries

  /// Those that live and whose keys begin so, in the order of the keys.
  func rows(_ prefix: [UInt8] = []) throws -> [Row] {
    try asked { () throws(Failure) in try storage.items(withPrefix: String(decoding: prefix, as: UTF8.self)).map(Row.init) }
  }

  func row(_ key: [UInt8]) throws -> Row? {
    let key = try Store.key(key)
    return try asked { () throws(Failure) in try storage.entry(forKey: key.description).map { Row(Item(key: key, entry: $0)) } }
  }

  /// All of them in one step.
  func set(_ rows: [Row]) throws {
    let items = try rows.map { row in
      Item(key: try Store.key(row.key), entry: Entry(json: row.json, deadline: row.deadline, version: row.version))
    }
    try asked { () throws(Failure) in try storage.setItems(items) }
  }

  func remove(_ key: [UInt8]) throws {
    let key = try Store.key(key)
    try asked { () throws(Failure) in try storage.removeValue(forKey: key.description) }
  }

  func clear() throws { try asked { () throws(Failure) in try storage.clear() } }

  /// It differs after each clear.
  func generation() throws -> UInt64 { try asked { () throws(Failure) in try storage.read([], of: storage.scope).generation } }

  func now() -> Int64 { storage.now() }

  /// Polls readable after changes; -1: it cannot be watched.
  var descriptor: Int32 { storage.descriptor }

  /// What is wrong with a text as a value; nil: nothing.
  static func fault(_ text: [UInt8]) -> String? {
    guard let text = String(validating: text, as: UTF8.self) else { return "the text is not UTF-8" }
    do throws(Failure) { try checkJSON(text) } catch { return String(describing: error.reason) }
    return nil
  }

  // MARK: the whole

  func info() throws -> StorageInfo { try asked { () throws(Failure) in try journal.info() } }

  /// Each scope's name, and its entries.
  func scopes() throws -> [(name: String, rows: [Row])] {
    try asked { () throws(Failure) in try journal.scopes().map { ($0.name, $0.items.map(Row.init)) } }
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

  func compact(discardingUnknown: Bool) throws {
    try asked { () throws(Failure) in try journal.compact(discardingUnknown: discardingUnknown) }
  }

  // MARK: the border

  private static func open(_ path: String, _ options: StoreOptions, _ settings: Journal.Options) throws(Failure) -> Journal {
    if options.store != nil { return try Journal.open(path: path, options: settings) }
    return try Journal.open(application: options.app ?? Places.ownName, options: settings)  // makes the folders, too
  }

  private static func part(_ journal: Journal, _ scope: String?) throws(Failure) -> any Storage {
    guard let scope else { return journal }
    return try journal.scoped(scope)
  }

  private func asked<R>(_ body: () throws(Failure) -> R) throws -> R {
    do { return try body() } catch { throw Problem(error, path: path) }
  }

  /// Whether something can be stored under it.
  static func isKey(_ bytes: [UInt8]) -> Bool { (try? key(bytes)) != nil }

  private static func key(_ bytes: [UInt8]) throws -> Key {
    do throws(Failure) { return try Key(storage: String(decoding: bytes, as: UTF8.self)) } catch {
      throw Problem(Problem.usage, String(describing: error.reason), advice: "A key is 1 to 512 bytes of UTF-8.")
    }
  }
}
