/// A storage in memory. Its entries are gone when it is freed.
public final class MemoryStorage: Storage, FilelessStorage, @unchecked Sendable { // all that changes is guarded by `exclusion`
  private let exclusion = Exclusion()
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
  }

  public var descriptor: Int32 { -1 }
  public func now() -> Int64 { clock() }
  public func sync() throws(Failure) -> Failure? { try exclusion.run { () throws(Failure) in nil } }
  package func close() {}

  public func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    try exclusion.run { () throws(Failure) in snapshot(keys, scope) }
  }

  package func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item]) {
    try exclusion.run { () throws(Failure) in (snapshot(keys, scope), table.items(prefixes)) }
  }

  private func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
    Snapshot(entries: table.entries(keys), generation: generation(of: scope))
  }

  private func generation(of scope: Scope) -> UInt64 { scope == .none ? generation : table.generation(of: scope) }

  package func generationAtHand(of scope: Scope) -> UInt64? {
    try? exclusion.run { () throws(Failure) in generation(of: scope) }
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try exclusion.run { () throws(Failure) in table.items(prefix) }
  }

  package func allScopes() throws(Failure) -> [Scope] {
    try exclusion.run { () throws(Failure) in table.scopes() }
  }

  public func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    let time = now()
    return try exclusion.run { () throws(Failure) in
      let current = generation(of: scope)
      if let wanted, wanted != current { return .superseded(generation: current) }
      batch.leaveOutOvertaken(table, at: time)
      let leftOut = batch.leaveOutTooLarge(table, quota: quota, at: time)
      batch.apply(to: table)
      return .written(.of(leftOut: leftOut, overtaken: batch.overtaken))
    }
  }

  public func clear(_ scope: Scope) throws(Failure) {
    try exclusion.run { () throws(Failure) in
      let next = generation(of: scope) &+ 1
      table.removeSessions(of: scope)
      if scope == .none { generation = next } else { table.setGeneration(next, of: scope) }
    }
  }

  public func info() throws(Failure) -> StorageInfo {
    try exclusion.run { () throws(Failure) in
      var info = StorageInfo()
      info.entries = table.hostCount
      info.liveBytes = table.liveBytes
      info.quota = quota
      return info
    }
  }
}
