import CPlatform

/// The default storage: a file of JSON lines that grows by one line an update (docs/format.md).
///
/// Any number of processes, and of journals in one, may have a file open at once.
//
// Every change takes the way `Journal+Write.swift` shows: mutex, flock, catch up, repair, one write, unlock. Lock order: the
// mutex first, then the file's lock; neither is held while the host's code runs. What the file holds is mirrored in
// `table` as far as `applied`.
public final class Journal: Storage, @unchecked Sendable { // all that changes is guarded by `exclusion`
  /// How a file is opened. All have a default.
  public struct Options: Sendable {
    /// Never writes, nor makes a file.
    public var isReadOnly = false
    /// Damage refuses to open.
    public var isStrict = false
    /// A write is durable when it returns, or says that it is not.
    public var isPowerDurable = false
    /// Of keys and values, in bytes; Int64.max: none. 5 MiB, unless set.
    public var quota = defaultQuota
    /// Make the file where it is missing; unless so, opening it throws `notFound`.
    public var create = true
    /// UTC in ms; nil: the system's. Any thread may call it.
    public var clock: (@Sendable () -> Int64)?
    /// The defaults.
    public init() {}
  }

  let exclusion = Exclusion()
  let options: Options
  let names: JournalNames
  let directory: Int32

  // All below is guarded by `exclusion`.

  /// Open for reading and, unless `isReadOnly`, for appending.
  var file: Int32 = -1
  /// By the options, or because the system would not have it otherwise.
  var isReadOnly: Bool

  // What has been read of the file.
  let table = EntryTable()
  var salt = Salt(0)
  /// Counts clears; it survives compaction.
  var generation: UInt64 = 0
  /// Of the last line read.
  var sequence: Int64 = 0
  /// Up to where the lines are in the table. 0: not even the header.
  var applied: Int64 = 0
  var damagedLines = 0
  /// Damage that a clear has not made worthless: it is kept beside the file before that is rewritten.
  var keepsDamage = false
  /// A line of a newer format is in the file: it must not be written to.
  var hasUnknown = false
  /// A compaction came as far as its rename: the path has to be looked up.
  var hasMoved = false
  /// The file still holds what was removed or cleared.
  var holdsRemoved = false
  /// The path names no file: what was stored is gone.
  var isGone = false

  // What this handle owes.

  /// It wrote since it last synced.
  var needsSync = false
  /// It removed something, which the file still holds.
  var needsRewrite = false
  /// The file was put into its directory by somebody who may not have synced that.
  var needsDirectorySync = true
  /// An fsync failed: the pages may be marked clean without being on disk, so only a new file will do.
  var needsNewFile = false

  /// UTC in ms; 0: never.
  var lastCompaction: Int64 = 0
  var ownClears = OwnClears()
  let watch = Watch()

  /// Up to where blocks are allocated.
  var allocated: Int64 = 0
  /// Size below which no update compacts, since the last one that tried failed.
  var compactionFloor: Int64 = 0
  let guardsFileSize: Bool
  let input = ByteBuffer(capacity: 4096)
  let reader = LineReader()
  /// Lines of our own: clear, moved, a new file's.
  let scratch = Line()

  /// Not an init: where one throws, Embedded Swift 6.3 does not give the half-made object back.
  package static func open(path: UnsafePointer<CChar>, options: Options) throws(Failure) -> Journal {
    let names = try JournalNames.make(path)
    let directory = Syscalls.open(AT_FDCWD, names.directory, O_RDONLY | O_DIRECTORY)
    guard directory >= 0 else { throw Syscalls.failure("cannot open").at(names.directory) }
    let journal = Journal(names, directory, options)
    try journal.start()
    return journal
  }

  /// The default place (S18).
  package static func open(application: UnsafePointer<CChar>?, options: Options) throws(Failure) -> Journal {
    let path = try DefaultPlace.path(application: application, create: options.create && !options.isReadOnly)
    return try open(path: path, options: options)
  }

  private init(_ names: JournalNames, _ directory: Int32, _ options: Options) {
    self.names = names
    self.directory = directory
    self.options = options
    isReadOnly = options.isReadOnly
    guardsFileSize = Syscalls.hasFileSizeLimit()
  }

  deinit {
    Syscalls.close(file)
    Syscalls.close(directory)
  }

  // MARK: Storage

  public var cPath: UnsafePointer<CChar>? { UnsafePointer(names.path) }
  public func now() -> Int64 { options.clock?() ?? Syscalls.wallClock() }

  public var notices: Notices {
    var notices = Notices()
    _ = try? exclusion.run { () throws(Failure) in notices.damagedLines = damagedLines }
    if let status = try? Syscalls.status(directory) {
      notices.directoryIsOpen = status.st_mode & 0o022 != 0 && status.st_mode & mode_t(S_ISVTX) == 0
    }
    return notices
  }

  public var place: Place {
    guard let status = try? Syscalls.status(directory) else { return Place(device: 0, inode: 0, name: []) }
    return Place(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), name: [UInt8](cString: names.file))
  }

  public var scope: Scope { .none }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try exclusion.run { () throws(Failure) in
      watch.drain()
      try freshen()
      return snapshot(keys, scope)
    }
  }

  public func revalidate() throws(Failure) {
    try exclusion.run { () throws(Failure) in try freshen(lookingUp: true) }
  }

  func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
    let generation = scope == .none ? generation : table.generation(of: scope)
    return Snapshot(
      entries: keys.map { $0.withBytes { table.find($0) }.map(EntryTable.entry) }, generation: generation,
      isOwnGeneration: ownClears.contains(generation, of: scope))
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try exclusion.run { () throws(Failure) in
      watch.drain()
      try freshen()
      return table.items(prefix)
    }
  }

  public var descriptor: Int32 {
    (try? exclusion.run { () throws(Failure) in watch.open(names.directory) }) ?? -1
  }

  public func info() throws(Failure) -> StorageInfo {
    try exclusion.run { () throws(Failure) in
      try freshen()
      var info = StorageInfo()
      info.entries = table.hostCount
      info.liveBytes = table.liveBytes
      info.quota = options.quota
      info.fileBytes = isGone ? 0 : try Syscalls.sizeAndLinks(file).size
      info.damagedLines = damagedLines
      info.lastCompaction = lastCompaction
      info.isPowerDurable = options.isPowerDurable
      info.owesSync = needsSync
      return info
    }
  }

  public func close() {
    try? sync() // nobody is left to hear of a failure
  }
}

/// The names that a journal goes by, as C strings that live as long as it.
final class JournalNames {
  let path: UnsafeMutablePointer<CChar>
  let directory: UnsafeMutablePointer<CChar>
  let file: UnsafeMutablePointer<CChar>
  let temporary: UnsafeMutablePointer<CChar>
  let damaged: UnsafeMutablePointer<CChar>

  static func make(_ path: UnsafePointer<CChar>) throws(Failure) -> JournalNames {
    var bytes = [UInt8](cString: path)
    guard !bytes.isEmpty else { throw Failure(.invalidArgument, "the path is empty") }
    if bytes.first != UInt8(ascii: "/") {
      guard let current = Syscalls.currentDirectory() else { throw Syscalls.failure("cannot find the current directory of").at(path) }
      bytes = current + [UInt8(ascii: "/")] + bytes
    }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
    let name = [UInt8](bytes[(slash &+ 1)...])
    guard !name.isEmpty, name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] else {
      throw Failure(.invalidArgument, "the path names no file").at(path)
    }
    guard name.count <= 240 else { throw Failure(.invalidArgument, "the file's name is longer than 240 bytes").at(path) }
    return JournalNames(bytes, name, slash)
  }

  private init(_ bytes: [UInt8], _ name: [UInt8], _ slash: Int) {
    path = JournalNames.copy(bytes)
    directory = JournalNames.copy(slash == 0 ? [UInt8(ascii: "/")] : [UInt8](bytes[0..<slash]))
    file = JournalNames.copy(name)
    temporary = JournalNames.copy(name, ".tmp")
    damaged = JournalNames.copy(name, ".damaged")
  }

  deinit {
    for name in [path, directory, file, temporary, damaged] { name.deallocate() }
  }

  private static func copy(_ bytes: [UInt8], _ ending: StaticString = "") -> UnsafeMutablePointer<CChar> {
    var all = bytes
    all += UnsafeBufferPointer(start: ending.utf8Start, count: ending.utf8CodeUnitCount)
    all.append(0)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: all.count)
    for at in 0..<all.count { copy[at] = CChar(bitPattern: all[at]) }
    return copy
  }
}
