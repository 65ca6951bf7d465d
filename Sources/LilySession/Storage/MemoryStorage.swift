/// A storage in memory. Its entries are gone when it is freed.
public final class MemoryStorage: Storage, FilelessStorage, @unchecked Sendable { // all that changes is guarded by `exclusion`
  private let exclusion: Exclusion
  private let watcher: Watch
  private let table = EntryTable()
  private var generation: UInt64 = 0
  private let clock: @Sendable () -> Int64
  private let quota: Int64

  /// - Parameters:
  ///   - clock: returns the time, UTC in ms; nil for the system's clock. Any thread may call it.
  ///   - quota: the limit on the bytes of all keys and values; nil for 5 MiB.
  public init(clock: (@Sendable () -> Int64)? = nil, quota: Int64? = nil) {
    self.clock = clock ?? { Syscalls.wallClock() }
    self.quota = quota ?? defaultQuota
    exclusion = Exclusion()
    watcher = Watch(after: exclusion)
  }

  /// A descriptor that polls readable after what is stored was changed, through this object or a scope of it, until each session has
  /// refreshed, or, if there are no sessions, until the storage was read. It is -1 if the system gives none.
  public var descriptor: Int32 { watcher.openDescriptor() }
  package var watch: Watch? { watcher }
  public func now() -> Int64 { clock() }
  public func sync() throws(Failure) -> Failure? {
    try exclusion.enter()
    exclusion.leave()
    return nil
  }
  package func close() {}

  /// Enters the exclusion, which the caller leaves, and tells the watch that somebody reads the storage.
  private func beginReading() throws(Failure) {
    try exclusion.enter()
    watcher.looked()
  }

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try beginReading()
    defer { exclusion.leave() }
    return snapshot(keys, scope)
  }

  package func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item]) {
    try beginReading()
    defer { exclusion.leave() }
    return (snapshot(keys, scope), table.items(prefixes))
  }

  private func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
    Snapshot(entries: table.entries(keys), generation: generation(of: scope))
  }

  private func generation(of scope: Scope) -> UInt64 { scope == .none ? generation : table.generation(of: scope) }

  package func generationAtHand(of scope: Scope) -> UInt64? {
    guard (try? exclusion.enter()) != nil else { return nil }
    defer { exclusion.leave() }
    return generation(of: scope)
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try beginReading()
    defer { exclusion.leave() }
    return table.items(prefix)
  }

  package func allScopes() throws(Failure) -> [Scope] {
    try beginReading()
    defer { exclusion.leave() }
    return table.scopes()
  }

  public func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    let time = now()
    try exclusion.enter()
    defer { exclusion.leave() }
    let current = generation(of: scope)
    if let wanted, wanted != current { return .superseded(generation: current) }
    batch.leaveOutOvertaken(table, at: time)
    let leftOut = batch.leaveOutTooLarge(table, quota: quota, at: time)
    batch.apply(to: table)
    if !batch.isEmpty { watcher.noteArrival() }
    return .written(.of(leftOut: leftOut, overtaken: batch.overtaken))
  }

  public func clear(_ scope: Scope) throws(Failure) {
    try exclusion.enter()
    defer { exclusion.leave() }
    let next = generation(of: scope) &+ 1
    table.removeSessions(of: scope)
    if scope == .none { generation = next } else { table.setGeneration(next, of: scope) }
    watcher.noteArrival()
  }

  public func info() throws(Failure) -> StorageInfo {
    try exclusion.enter()
    defer { exclusion.leave() }
    var info = StorageInfo()
    info.entries = table.hostCount
    info.liveBytes = table.liveBytes
    info.quota = quota
    return info
  }
}
