/// A durable map of key to JSON text, shared by all who open it. Any thread may call it. It holds no lock while it calls
/// the host's clock, and calls nothing else of the host's.
public protocol Storage: AnyObject {
  /// The entries of `keys` and the generation, all as of one moment. An expired entry comes with its deadline: the
  /// caller, who knows the time, holds it for absent.
  func read(_ keys: [Key]) throws(Failure) -> Snapshot

  /// All of the batch, or nothing. `generation` names the one that the batch was made in: when a clear has come since, nothing
  /// is written and the new generation is the answer. nil writes in any.
  func write(_ batch: Batch, generation: UInt64?) throws(Failure) -> WriteOutcome

  /// Removes every key that begins with the prefix, in one step, and raises the generation.
  func clear(_ prefix: Key) throws(Failure)

  /// The entries whose keys begin with the prefix, in byte order of the keys, expired ones too.
  func entries(_ prefix: Key) throws(Failure) -> [Item]

  /// Makes what this handle wrote survive power loss.
  func sync() throws(Failure)

  /// A last, silent sync. The storage is not called again.
  func close()

  /// UTC in ms, by the clock of the options.
  func now() -> Int64

  /// Where the entries are: two storages of the same place hold the same keys.
  var place: Place { get }

  /// What opening found, to be told by the sessions.
  var notices: Notices { get }

  /// Absolute, NUL-terminated, living as long as the storage; nil where there is no file.
  var path: UnsafePointer<CChar>? { get }
}

/// What is stored under a key.
public struct Entry {
  /// JSON text, then a NUL that does not count.
  var terminated: [UInt8]
  /// UTC in ms; 0: none.
  public var deadline: Int64
  /// Of the field that wrote it.
  public var version: UInt32

  init(text: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    terminated = [UInt8](unsafeUninitializedCapacity: text.count &+ 1) { memory, count in
      UnsafeMutableRawBufferPointer(memory).copyMemory(from: text)
      memory[text.count] = 0
      count = text.count &+ 1
    }
    self.deadline = deadline
    self.version = version
  }

  public func withText<R>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> R) throws(Failure) -> R {
    try terminated.withBytes { bytes throws(Failure) in try body(UnsafeRawBufferPointer(rebasing: bytes[0..<(bytes.count &- 1)])) }
  }

  public func isExpired(at now: Int64) -> Bool { Entry.isExpired(deadline, at: now) }

  /// From the millisecond of its deadline on.
  static func isExpired(_ deadline: Int64, at now: Int64) -> Bool { deadline != 0 && deadline <= now }
}

public struct Item {
  public var key: Key
  public var entry: Entry
}

public struct Snapshot {
  /// In the order of the keys asked for; nil: absent.
  public var entries: [Entry?]
  public var generation: UInt64
}

public enum WriteOutcome {
  case written
  case superseded(generation: UInt64)
}

public struct Place: Equatable {
  var device: UInt64
  var inode: UInt64
  var name: [UInt8]
}

public struct Notices {
  /// Lines that were damaged, and skipped.
  public var damagedLines = 0
  /// The directory is writable by others and not sticky.
  public var directoryIsOpen = false
}

/// Deadlines saturate: far away is never.
public func deadline(after duration: Int64, from now: Int64) -> Int64 {
  guard duration > 0 else { return 0 }
  let (sum, overflow) = now.addingReportingOverflow(duration)
  return overflow ? Int64.max : max(sum, 1) // 0 would mean none
}
