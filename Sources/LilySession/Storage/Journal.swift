import CPlatform

/// The default storage: a file of JSON lines that grows by one line an update (docs/format.md).
///
/// Any number of processes, and of journals in one, may have a file open at once.
//
// Every change takes the way `Journal+Write.swift` shows: mutex, flock, catch up, repair, one write, unlock. Lock order: the
// mutex first, then the file's lock; neither is held while the host's code runs.
public final class Journal: Storage, @unchecked Sendable { // all that changes is guarded by `exclusion`
  /// How a file is opened. All have a default.
  public struct Options: Sendable {
    /// Never writes, nor makes a file.
    public var isReadOnly = false
    /// Damage refuses to open, and so does a folder in which others could exchange the file.
    public var isStrict = false
    /// Lets a strict opening accept a file in any folder.
    public var acceptsAnyFolder = false
    /// A write is durable when it returns, or says that it is not.
    public var isPowerDurable = false
    /// Of keys and values, in bytes; Int64.max: none. 5 MiB, unless set.
    public var quota = defaultQuota
    /// Make the file where it is missing; unless so, opening it throws `notFound`.
    public var create = true
    /// If the file, or its folder, is missing and not made, opening does not throw: nothing is stored then.
    package var acceptsMissing = false
    /// UTC in ms; nil: the system's. Any thread may call it.
    public var clock: (@Sendable () -> Int64)?
    /// The defaults.
    public init() {}
  }

  let exclusion = Exclusion()
  let options: Options
  let names: JournalNames
  let watcher: Watch

  // All below is guarded by `exclusion`. What changes does so by the transitions of its own type.

  /// The folder and the file that the path leads to.
  let route: JournalPath
  /// What has been read of the file.
  let mirror = JournalMirror()
  /// What this handle owes.
  var debts = JournalDebts()

  /// What had arrived when somebody last looked at what is stored.
  private var lookedAt: UInt64 = 0
  /// Damaged lines that the opening found and rewrote: nobody has been told of them yet.
  var damageAtOpening = 0
  /// UTC in ms; 0: never.
  var lastCompaction: Int64 = 0
  let guardsFileSize: Bool
  let input = ByteBuffer(capacity: 4096)
  let parser = LineReader()
  /// Lines of our own: clear, moved, a new file's.
  let scratch = Line()

  /// Not an init: where one throws, Embedded Swift 6.3 does not give the half-made object back.
  package static func open(path: UnsafePointer<CChar>, options: Options) throws(Failure) -> Journal {
    let journal = Journal(try JournalNames.make(path), options)
    guard try journal.route.findFolder() || options.acceptsMissing && Syscalls.hasFoundNoName else { throw Syscalls.failure("cannot open").at(journal.names.directory) }
    try journal.start()
    return journal
  }

  /// The default place (S18).
  package static func open(application: UnsafePointer<CChar>?, options: Options) throws(Failure) -> Journal {
    let path = try DefaultPlace.path(application: application, create: options.create && !options.isReadOnly)
    return try open(path: path, options: options)
  }

  private init(_ names: JournalNames, _ options: Options) {
    self.names = names
    self.options = options
    route = JournalPath(
      names, readsOnly: options.isReadOnly, wantsOwnFolder: options.isStrict && !options.acceptsAnyFolder)
    watcher = Watch(names, after: exclusion)
    guardsFileSize = Syscalls.fileSizeLimit() != nil
  }

  // MARK: Storage

  public var cPath: UnsafePointer<CChar>? { UnsafePointer(names.path) }
  public func now() -> Int64 { options.clock?() ?? Syscalls.wallClock() }

  public var notices: Notices {
    var notices = Notices()
    _ = try? exclusion.run { () throws(Failure) in
      notices.damagedLines = mirror.damagedLines &+ damageAtOpening
      notices.directoryIsOpen = route.isExposed
    }
    return notices
  }

  public var place: Place {
    (try? exclusion.run { () throws(Failure) in route.place }) ?? Place(device: 0, inode: 0, name: [])
  }

  public var scope: Scope { .none }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try exclusion.run { () throws(Failure) in
      try look()
      return snapshot(keys, scope)
    }
  }

  public func revalidate() throws(Failure) {
    try exclusion.run { () throws(Failure) in try freshen(lookingUp: true) }
  }

  func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
    Snapshot(
      entries: keys.map { $0.withBytes { mirror.table.find($0) }.map(EntryTable.entry) }, generation: mirror.generation(of: scope))
  }

  public func generationAtHand(of scope: Scope) -> UInt64? {
    try? exclusion.run { () throws(Failure) in
      try freshen()
      return mirror.generation(of: scope)
    }
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try exclusion.run { () throws(Failure) in
      try look()
      return mirror.table.items(prefix)
    }
  }

  /// Freshens for one who looks at what is stored, and tells the watch.
  private func look() throws(Failure) {
    guard watcher.isOpen else { return try freshen() }
    let arrived = watcher.arrivals()
    try freshen(lookingUp: arrived != lookedAt || !watcher.isArmed)
    lookedAt = arrived
    watcher.looked()
  }

  public var descriptor: Int32 {
    (try? exclusion.run { () throws(Failure) in
      if watcher.isOpen { return watcher.open(hasFile: true) }
      let descriptor = watcher.open(hasFile: route.file >= 0)
      guard descriptor >= 0 else { return -1 }
      // What came before it was watched is told, too.
      let isSame = (try? follow(create: false)) == .same
      if isSame, let found = try? Syscalls.sizeAndLinks(route.file), !isCurrent(found) { watcher.noteArrival() }
      return descriptor
    }) ?? -1
  }

  /// Where the sessions say how far they have caught up, so that the descriptor knows when to be quiet.
  public var watch: Watch? { watcher }

  public func info() throws(Failure) -> StorageInfo {
    try exclusion.run { () throws(Failure) in
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
      info.directoryIsOpen = route.isExposed
      return info
    }
  }

  public func close() {
    _ = try? sync() // nobody is left to hear of a failure
  }
}
