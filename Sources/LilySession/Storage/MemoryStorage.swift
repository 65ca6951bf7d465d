/// A storage that ends with its handle.
public final class MemoryStorage: Storage {
  private let exclusion = Exclusion()
  private let table = EntryTable()
  private var generation: UInt64 = 0
  private let clock: () -> Int64

  public init(clock: (() -> Int64)? = nil) { self.clock = clock ?? { Syscalls.wallClock() } }

  public var place: Place { Place(device: 0, inode: UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())), name: []) }
  public var notices: Notices { Notices() }
  public var path: UnsafePointer<CChar>? { nil }
  public func now() -> Int64 { clock() }
  public func sync() throws(Failure) { try exclusion.run { () throws(Failure) in } }
  public func close() {}

  public func read(_ keys: [Key]) throws(Failure) -> Snapshot {
    try exclusion.run { () throws(Failure) in
      Snapshot(entries: keys.map { $0.withBytes { table.find($0) }.map(EntryTable.entry) }, generation: generation)
    }
  }

  public func entries(_ prefix: Key) throws(Failure) -> [Item] {
    try exclusion.run { () throws(Failure) in table.items(prefix) }
  }

  public func write(_ batch: Batch, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    try exclusion.run { () throws(Failure) in
      if let wanted, wanted != generation { return .superseded(generation: generation) }
      batch.apply(to: table)
      return .written
    }
  }

  public func clear(_ prefix: Key) throws(Failure) {
    try exclusion.run { () throws(Failure) in
      table.remove(prefix: prefix)
      generation &+= 1
    }
  }
}
