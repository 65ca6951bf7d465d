import ArgumentParser
import Glibc
import LilySession
#if REDIS
  import LilySessionRedis
#endif

struct StoreOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The store's file, or the address of its server, such as redis://host:6379.", valueName: "path"))
  var store: String?

  @Option(help: ArgumentHelp("The program whose store it is, in the default place. (default: lily-session)", valueName: "name"))
  var app: String?

  @Option(help: ArgumentHelp("A scope of the store.", valueName: "scope"))
  var scope: String?

  func validate() throws {
    if store != nil, app != nil { throw ValidationError("--store and --app both name a store: give one of them.") }
  }
}

/// One entry. Its key does not name the scope.
struct Row: Equatable {
  var key: [UInt8]
  var text: [UInt8]
  /// When the entry expires, UTC in ms; 0 means never.
  var deadline: Int64 = 0
  var version: UInt32 = 0

  var json: String { String(decoding: text, as: UTF8.self) }
}

extension Row {
  init(_ item: Item) {
    self.init(key: item.key.bytes, text: Array(item.entry.json.utf8), deadline: item.entry.deadline, version: item.entry.version)
  }
}

/// An open store, or one of its scopes. Only this class calls the library's storages. What concerns all scopes is in Store+Scopes.swift.
final class Store {
  enum Access {
    case reading
    /// The store's file itself is looked at.
    case examining
    /// An existing store is changed. No store is created.
    case changing
    /// A missing store is created.
    case creating
    /// Like `changing`, but a damaged store is refused.
    case changingIfWhole
    /// Scopes of an existing store are removed.
    case sweeping
    /// Scopes of an existing store are moved. Nobody else can write to the store.
    case moving

    /// True if the store must be a file.
    var needsFile: Bool { self == .examining || self == .changingIfWhole || self == .moving }
  }

  /// Where the entries are, for messages: the path of a file, which is the store's or that of the scope, or the address of a server.
  let path: String
  /// True if the store's scopes are files of their own.
  let hasScopeFiles: Bool
  let journal: Journal?  // the file at `path`; nil if the store is on a server
  let storage: any Storage

  /// Makes a scope of a store that is open. A scope has no scopes.
  init(path: String, _ journal: Journal?, _ storage: any Storage) {
    (self.path, self.journal, self.storage, hasScopeFiles) = (path, journal, storage, false)
  }

  /// - Parameter evenHalfMoved: true to open a scope's file although there are scopes inside the store's file, too.
  init(_ options: StoreOptions, _ access: Access, evenHalfMoved: Bool = false) throws {
    if options.isOnServer {
      guard !access.needsFile else { throw ServerStores.noFile }
      (journal, hasScopeFiles) = (nil, false)
      (path, storage) = try Store.openServer(options)
      return
    }
    let path = try Places.path(options)
    hasScopeFiles = Store.hasScopeFiles(path)
    var settings = Journal.Options()
    settings.isReadOnly = access == .reading || access == .examining
    settings.create = access == .creating
    settings.isStrict = access == .changingIfWhole
    settings.isExclusive = access == .moving
    settings.hasScopeFiles = hasScopeFiles || access == .moving
    // After a move that was interrupted, there are scopes at both places. What concerns no scope works then, too.
    settings.acceptsEitherLayout = options.scope == nil && access != .sweeping || evenHalfMoved
    settings.acceptsAnyFolder = true  // the person who runs the command has chosen the place
    settings.quota = Int64.max  // the quota belongs to the program, and the file does not have it
    do throws(Failure) {
      let whole = try Store.openJournal(path, options, settings)
      if let scope = options.scope {
        (journal, storage) = try Store.open(scope, of: whole, hasScopeFiles: hasScopeFiles)
        self.path = hasScopeFiles ? journal?.path ?? path : path
      } else {
        (journal, storage, self.path) = (whole, whole, path)
      }
    } catch {
      throw error.systemError == ENOENT ? Places.absent(path, options, access) : Problem(error, path: path)
    }
  }

  /// Also throws if removed entries are still in the file. A server has all that it has answered for.
  func close() throws {
    if journal == nil { return }
    let unerased = try reportingProblems { () throws(Failure) in try storage.sync() }
    if let unerased { throw Problem(unerased, path: path) }
  }

  // MARK: entries

  /// Returns the entries that have not expired and whose keys have the prefix, in the order of their keys.
  func rows(withPrefix prefix: [UInt8] = []) throws -> [Row] {
    try reportingProblems { () throws(Failure) in
      try storage.items(withPrefix: String(decoding: prefix, as: UTF8.self)).map(Row.init)
    }
  }

  /// - Returns: the entry under the key; nil if there is none, or it has expired.
  func row(_ key: [UInt8]) throws -> Row? {
    let key = try Store.storageKey(key)
    return try reportingProblems { () throws(Failure) in
      try storage.entry(forKey: key.description).map { Row(Item(key: key, entry: $0)) }
    }
  }

  /// Stores all rows in one step.
  func set(_ rows: [Row]) throws {
    let items = try rows.map { row in
      Item(key: try Store.storageKey(row.key), entry: Entry(json: row.json, deadline: row.deadline, version: row.version))
    }
    try reportingProblems { () throws(Failure) in try storage.setItems(items) }
  }

  /// Returns the most bytes that an entry takes in a line. Keys, and scopes' names before them, are written with escapes.
  func lineBytes(_ row: Row) -> Int {
    jsonString(String(decoding: storage.scope.session.bytes + row.key, as: UTF8.self)).utf8.count + row.text.count + 64
  }

  /// Returns true if the entry under the key has expired and is still there.
  func hasExpired(_ key: [UInt8]) throws -> Bool {
    let key = try Store.storageKey(key)
    return try reportingProblems { () throws(Failure) in try storage.hasExpiredEntry(forKey: key.description) }
  }

  /// Changes the value under a key in one step with reading it. The entry keeps its deadline and its version.
  /// - Parameter change: returns the new text. It is given what is stored at that moment, or nil if nothing is.
  func modify(_ key: [UInt8], _ change: (String?) throws -> String) throws {
    let key = try Store.storageKey(key)
    try reportingProblems { () throws(Failure) in try storage.modifyJSON(forKey: key.description, change) }
  }

  func removeRow(_ key: [UInt8]) throws {
    let key = try Store.storageKey(key)
    try reportingProblems { () throws(Failure) in try storage.removeValue(forKey: key.description) }
  }

  func clear() throws { try reportingProblems { () throws(Failure) in try storage.clear() } }

  /// Returns a number that differs after each clear.
  func generation() throws -> UInt64 {
    try reportingProblems { () throws(Failure) in try storage.read([], of: storage.scope).generation }
  }

  func now() -> Int64 { storage.now() }

  /// A descriptor that polls readable after changes; -1 if the store cannot be watched.
  var descriptor: Int32 { storage.descriptor }

  /// - Returns: why the text cannot be stored as a value; nil if it can.
  static func fault(in text: [UInt8]) -> String? { fault(in: text) { String(describing: $0) } }

  /// - Parameter describe: makes words of the failure that the library finds.
  static func fault(in text: [UInt8], _ describe: (Failure) -> String) -> String? {
    guard let text = String(validating: text, as: UTF8.self) else { return "the text is not UTF-8" }
    do throws(Failure) { try checkJSON(text) } catch { return describe(error) }
    return nil
  }

  // MARK: the whole

  func info() throws -> StorageInfo {
    let file = try file()
    return try reportingProblems { () throws(Failure) in try file.info() }
  }

  /// Returns true if the file is damaged. A server's store never is.
  func isDamaged() throws -> Bool { try journal != nil && info().damagedLines > 0 }

  /// Writes a note if the file is damaged, so that nobody takes the entries that are left for all of them.
  func noteDamage() throws {
    if try isDamaged() { note("some lines of the file are damaged and were skipped; lily-session verify shows which") }
  }

  func examine(showingProgress: Bool = true, _ visit: (Finding) -> Void) throws -> Examination {
    var progress = Progress("verifying", total: showingProgress ? try info().fileBytes : 0)
    defer { progress.end() }
    let file = try file()
    return try reportingProblems { () throws(Failure) in try file.examine(progress: { progress.advance(to: $0) }, visit) }
  }

  func compact(discardingUnknown: Bool) throws {
    let file = try file()
    try reportingProblems { () throws(Failure) in try file.compact(discardingUnknown: discardingUnknown) }
  }

  // MARK: the border

  private static func openJournal(_ path: String, _ options: StoreOptions, _ settings: Journal.Options) throws(Failure) -> Journal {
    if options.store != nil { return try Journal.open(path: path, options: settings) }
    return try Journal.open(application: options.app ?? Places.ownName, options: settings)  // also creates the folders
  }

  /// Calls the library, and throws a failure of it as a problem with this store.
  func reportingProblems<R>(_ body: () throws(Failure) -> R) throws -> R {
    do { return try body() } catch {
      if let own = error.underlying as? Problem { throw own }  // a function of the command, which the library has called
      throw journal == nil ? Problem(error, server: path) : Problem(error, path: path)
    }
  }

  func file() throws -> Journal {
    guard let journal else { throw ServerStores.noFile }
    return journal
  }

  /// Opens a store on a server. Returns also its address as messages show it.
  private static func openServer(_ options: StoreOptions) throws -> (String, any Storage) {
    #if REDIS
      let address = options.store == ServerStores.inEnvironment ? nil : options.store
      let shown = ServerStores.shown(options.store ?? "")
      do throws(Failure) {
        var settings = RedisStorage.Options()
        settings.idle = nil  // only the programs know after which time without use a scope may go
        let whole = try RedisStorage.open(address, options: settings)
        return (shown, try options.scope.map { scope throws(Failure) in try whole.scoped(scope) } ?? whole)
      } catch { throw Problem(error, server: shown) }
    #else
      throw ServerStores.missing
    #endif
  }

  /// Throws if no program could have a value under the key.
  static func requireUsableKey(_ bytes: [UInt8]) throws {
    let key = try storageKey(bytes)
    guard bytes.starts(with: sessionPrefix), !key.canBeOfField else { return }
    throw Problem(
      Problem.usage, bytes.count == sessionPrefix.count ? "a key is empty" : "a key is too long",
      advice: "The key of a field has 1 to 256 bytes, and that of an entry of a map 2 to 768.")
  }

  /// Returns true if a value can be stored under the key.
  static func isKey(_ bytes: [UInt8]) -> Bool { (try? storageKey(bytes)) != nil }

  private static func storageKey(_ bytes: [UInt8]) throws -> Key {
    do throws(Failure) { return try Key(storage: String(decoding: bytes, as: UTF8.self)) } catch {
      throw Problem(Problem.usage, String(describing: error.reason), advice: "A key has 1 to 1024 bytes of UTF-8.")
    }
  }
}
