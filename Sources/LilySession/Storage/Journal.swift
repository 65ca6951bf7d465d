import CPlatform

/// The default storage: a file of JSON lines, to which each update appends one line (docs/format.md).
///
/// Any number of processes, and any number of journals in a process, may have the same file open.
//
// `Journal+Write.swift` shows the steps of every change: mutex, flock, catch up, repair, one write, unlock. The mutex is taken before the
// file's lock. Neither is held while the host's code runs.
public final class Journal: Storage, SessionStorage, @unchecked Sendable { // all that changes is guarded by `exclusion`
  /// How a file is opened.
  public struct Options: Sendable {
    /// If true, the storage never writes to the file, and never makes it.
    public var isReadOnly = false
    /// If true, opening throws if the file is damaged, or if others could exchange it because of its folder.
    public var isStrict = false
    /// If `isStrict` is set, too, opening accepts a file in any folder.
    public var acceptsAnyFolder = false
    /// If true, a write survives power loss when it returns, or reports that it may not.
    public var isPowerDurable = false
    /// If true, only this storage can write to the file, from opening to closing.
    public var isExclusive = false
    /// If true, each scope is a file of its own.
    public var hasScopeFiles = false
    /// If `hasScopeFiles` is set, too, opening accepts a file that has scopes in it. Nobody finds those then; it is for moving them.
    public var acceptsEitherLayout = false
    /// If true, neither closing nor a session's detaching syncs.
    public var closesWithoutSync = false
    /// The limit on the bytes of all keys and values; Int64.max means no limit. The default is 5 MiB.
    public var quota = defaultQuota
    /// If true, opening makes a missing file; if false, it throws `notFound`.
    public var create = true
    /// If true, opening does not throw if the file or its folder is missing and is not made. The storage is empty then.
    package var acceptsMissing = false
    /// Returns the time, UTC in ms; nil for the system's clock. Any thread may call it.
    public var clock: (@Sendable () -> Int64)?
    /// Makes options with the defaults.
    public init() {}
  }

  let exclusion: Exclusion
  let options: Options
  let names: JournalNames
  let watcher: Watch
  /// The folders of the scopes, if each scope is a file of its own.
  let scopeFolders: ScopeFolders?
  /// True if this is the file of a scope.
  let isScopeFile: Bool

  // `exclusion` guards everything below. Each part changes only by the transitions of its type.

  /// The folder and the file that the path leads to.
  let route: JournalPath
  /// What has been read of the file.
  let mirror = JournalMirror()
  /// What this handle owes.
  var debts = JournalDebts()

  /// The count of arrivals when somebody last read the storage.
  private var lookedAt: UInt64 = 0
  /// The number of damaged lines that opening found and rewrote. They are reported, although the file no longer has them.
  var damageAtOpening = 0
  /// UTC in ms; 0 means never.
  var lastCompaction: Int64 = 0
  /// True if the process had a limit on the size of files at opening, so that a write may raise a signal.
  let guardsFileSize: Bool
  /// What was read from a file, or is to be written into a new one.
  let input = ByteBuffer(capacity: 4096)
  let parser = LineReader()
  /// For lines that no batch makes: `clear` and `moved`.
  let scratch = Line()

  /// Opens the file at a path. This is not an initialiser, because if one throws, Embedded Swift 6.3 does not free the half-made object.
  package static func open(path: UnsafePointer<CChar>, options: Options) throws(Failure) -> Journal {
    guard !(options.isExclusive && options.isReadOnly) else {
      throw Failure(.invalidArgument, "a storage that is read only cannot be exclusive")
    }
    let journal = Journal(try JournalNames.make(path), options, Exclusion(), guardsFileSize: Syscalls.fileSizeLimit() != nil, scope: nil)
    try journal.openWithFolder()
    return journal
  }

  /// Opens the file at the default place.
  package static func open(application: UnsafePointer<CChar>?, options: Options) throws(Failure) -> Journal {
    let path = try DefaultPlace.path(application: application, create: options.create && !options.isReadOnly)
    return try open(path: path, options: options)
  }

  /// - Parameter scope: where the file is, if it is that of a scope.
  init(_ names: JournalNames, _ options: Options, _ exclusion: Exclusion, guardsFileSize: Bool, scope: (folders: ScopeFolders, number: Int)?) {
    self.names = names
    self.options = options
    self.exclusion = exclusion
    isScopeFile = scope != nil
    scopeFolders = options.hasScopeFiles ? ScopeFolders(beside: names, after: exclusion) : nil
    route = JournalPath(
      names, readsOnly: options.isReadOnly, wantsOwnFolder: options.isStrict && !options.acceptsAnyFolder, scope: scope)
    watcher = Watch(names, after: exclusion)
    self.guardsFileSize = guardsFileSize
  }

  deinit {
    // A child of fork has the lock, too, so closing the file alone would not give it back. The child itself must not give it back.
    if options.isExclusive, !exclusion.isForked { Syscalls.unlock(route.file) }
  }

  /// Runs `body` while no other thread is inside. If it fails because of the system, the failure names the file.
  func exclusively<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    do throws(Failure) { return try exclusion.run(body) } catch { throw error.naming(names.path) }
  }

  // MARK: Storage

  package var cPath: UnsafePointer<CChar>? { UnsafePointer(names.path) }
  public func now() -> Int64 { options.clock?() ?? Syscalls.wallClock() }

  package var notices: Notices {
    var notices = Notices()
    _ = try? exclusion.run { () throws(Failure) in
      notices.damagedLines = mirror.damagedLines &+ damageAtOpening
      notices.directoryIsOpen = route.isExposed(anew: false)
    }
    return notices
  }

  package var place: Place {
    (try? exclusion.run { () throws(Failure) in route.place }) ?? Place(device: 0, inode: 0, name: [])
  }

  package var scope: Scope { .none }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try exclusively { () throws(Failure) in
      try freshenForReader()
      return snapshot(keys, scope)
    }
  }

  package func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item]) {
    try exclusively { () throws(Failure) in
      try freshenForReader()
      return (snapshot(keys, scope), mirror.table.items(prefixes))
    }
  }

  package func revalidate() throws(Failure) {
    try exclusively { () throws(Failure) in try freshen(lookingUp: true) }
  }

  func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
    Snapshot(entries: mirror.table.entries(keys), generation: mirror.generation(of: scope))
  }

  package func generationAtHand(of scope: Scope) -> UInt64? {
    try? exclusion.run { () throws(Failure) in
      try freshen()
      return mirror.generation(of: scope)
    }
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try exclusively { () throws(Failure) in
      try freshenForReader()
      return mirror.table.items(prefix)
    }
  }

  /// Applies what others have written, before a read, and tells the watch that somebody reads the storage.
  private func freshenForReader() throws(Failure) {
    guard watcher.isOpen else { return try freshen() }
    let arrived = watcher.arrivals()
    try freshen(lookingUp: arrived != lookedAt || !watcher.isArmed)
    lookedAt = arrived
    watcher.looked()
  }

  public var descriptor: Int32 {
    (try? exclusion.run { () throws(Failure) in
      if watcher.isOpen { return watcher.openDescriptor(hasFile: true) }
      let descriptor = watcher.openDescriptor(hasFile: route.file >= 0)
      guard descriptor >= 0 else { return -1 }
      // What came before the watch makes the descriptor readable, too.
      let isSame = (try? followPath(create: false)) == .same
      if isSame, let found = try? Syscalls.sizeAndLinks(route.file), !isCurrent(found) { watcher.noteArrival() }
      return descriptor
    }) ?? -1
  }

  package func descriptor(of scope: Scope) -> Int32 { descriptor }

  /// Sessions tell the watch how far they have caught up, so that the descriptor stays readable until all have.
  package var watch: Watch? { watcher }

  public func info() throws(Failure) -> StorageInfo {
    try exclusively { () throws(Failure) in
      try freshen()
      var info = StorageInfo()
      info.entries = mirror.table.hostCount
      info.liveBytes = mirror.table.liveBytes
      info.quota = options.quota
      info.fileBytes = route.file < 0 ? 0 : try Syscalls.sizeAndLinks(route.file).size
      info.damagedLines = mirror.damagedLines &+ damageAtOpening
      info.lastCompaction = lastCompaction
      info.isPowerDurable = options.isPowerDurable
      info.owesSync = debts.owesSync
      info.directoryIsOpen = route.isExposed(anew: true)
      return info
    }
  }

  package var renewsUnread: Bool { false } // what it would read is in memory
  package var syncsAtEnd: Bool { !options.closesWithoutSync }

  package func close() {
    if syncsAtEnd { _ = try? sync() } // nobody could receive a failure any more
  }
}
