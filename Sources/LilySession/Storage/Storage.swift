import CPlatform

/// A durable map from keys to JSON text, shared by all who open it. Any thread may call it. It calls no code of the host's except the clock,
/// and holds no lock while it does.
///
/// A storage of the program's own implements `read`, `write`, `clear` and `entries`; in Swift programs the rest has defaults. Its methods
/// take keys as they are stored, with the prefix of their scope.
public protocol Storage: AnyObject, Sendable {
  /// Returns the entries of `keys` and the scope's generation, all as of one moment. It returns expired entries, too: the caller knows the
  /// time, and treats them as absent.
  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot

  /// Stores the batch in one step, without the changes that its conditions and the quota leave out; or throws, and stores nothing.
  /// `generation` is the scope's when the batch was made. If the scope was cleared since, nothing is written, and the new generation is
  /// returned. If `generation` is nil, the batch is written in any generation.
  func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome

  /// Removes all keys of the scope's sessions in one step, and raises the scope's generation.
  func clear(_ scope: Scope) throws(Failure)

  /// Returns the entries whose keys begin with the prefix, in byte order of the keys, with the expired ones.
  func entries(_ prefix: Key) throws(Failure) -> [Item]

  /// A descriptor that polls readable after what is stored has changed, until each session has refreshed. It is -1 if the storage has none.
  var descriptor: Int32 { get }

  /// Returns facts about the storage. A scope returns its parent's.
  func info() throws(Failure) -> StorageInfo

  /// Makes what this handle wrote survive power loss. Throws if that fails. Returns why the file still holds values that were removed or
  /// cleared, or nil if it does not.
  @discardableResult
  func sync() throws(Failure) -> Failure?

  /// Returns the time, UTC in ms, by the clock of the options.
  func now() -> Int64
}

/// What is stored under a key.
public struct Entry: @unchecked Sendable { // its part of the buffer is never changed, nor is the buffer once others have the entry
  /// Has the JSON text with a NUL behind it that does not count, and maybe the texts of other entries.
  private let texts: ByteBuffer
  private let start: Int
  /// The length of the text in bytes.
  package let textCount: Int
  /// When the entry expires, UTC in ms; 0 means never.
  public var deadline: Int64
  /// The version of the field that wrote the entry.
  public var version: UInt32

  /// Makes an entry with a copy of the text, which is appended to `others` if that is not nil.
  @inline(never)
  package init(text: UnsafeRawBufferPointer, deadline: Int64, version: UInt32, beside others: ByteBuffer? = nil) {
    self.init(text: text, in: others ?? ByteBuffer(capacity: text.count &+ 1), deadline: deadline, version: version)
  }

  /// Makes an entry with a copy of the text, which is appended to `texts`.
  @inline(__always)
  init(text: UnsafeRawBufferPointer, in texts: ByteBuffer, deadline: Int64, version: UInt32) {
    self.texts = texts
    start = texts.count
    textCount = text.count
    texts.reserve(text.count &+ 1)
    texts.append(text)
    texts.append(0)
    self.deadline = deadline
    self.version = version
  }

  private var text: UnsafeRawBufferPointer { texts.slice(start, start &+ textCount) }

  package func withText<R>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> R) throws(Failure) -> R { try body(text) }

  var identity: EntryIdentity { EntryIdentity(textHash: hashOf(text), version: version) }

  /// Returns true if the entry has expired at this time (UTC in ms), so that it reads as absent.
  public func isExpired(at now: Int64) -> Bool { Entry.isExpired(deadline, at: now) }

  /// Returns true from the millisecond of the deadline on.
  static func isExpired(_ deadline: Int64, at now: Int64) -> Bool { deadline != 0 && deadline <= now }
}

/// Tells an entry from others under the same key. The deadline is no part of it, because renewing an entry does not change it.
struct EntryIdentity: Equatable, BitwiseCopyable {
  /// A hash of the text with 64 bits, seeded per process.
  var textHash: Int
  var version: UInt32
}

/// An entry and its key.
public struct Item: Sendable {
  /// Makes an item.
  public init(key: Key, entry: Entry) {
    self.key = key
    self.entry = entry
  }

  /// The key as it is stored.
  public var key: Key
  /// The entry that is stored under the key.
  public var entry: Entry

  /// Returns the items in byte order of their keys.
  @inline(never)
  package static func inOrder(_ items: [Item]) -> [Item] {
    var items = items
    // The C library sorts, because the standard library's sort would be compiled into this library.
    items.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      qsort(start, bytes.count / MemoryLayout<Item>.stride, MemoryLayout<Item>.stride) { first, second in
        guard let one = first?.assumingMemoryBound(to: Item.self), let other = second?.assumingMemoryBound(to: Item.self) else { return 0 }
        return one.pointee.key.precedes(other.pointee.key) ? -1 : other.pointee.key.precedes(one.pointee.key) ? 1 : 0
      }
    }
    return items
  }
}

/// Some of a storage's entries, as of one moment.
public struct Snapshot: Sendable {
  /// Makes the result of `Storage.read`.
  public init(entries: [Entry?], generation: UInt64) {
    self.entries = entries
    self.generation = generation
  }

  /// The entries in the order of the keys asked for; nil for an absent one.
  public var entries: [Entry?]
  /// The scope's generation. It changes with each clear, whoever makes it.
  public var generation: UInt64
}

/// What became of a batch.
public enum WriteOutcome: Sendable {
  /// The batch is stored. The shortfall is nil if all of it is stored, and as durably as was asked for.
  case written(Shortfall?)
  /// Nothing was written, because the scope was cleared after the batch was made. This is the present generation.
  case superseded(generation: UInt64)
}

/// What is missing or wrong although a batch was stored. It is an object because it is rare, and each update passes its result on.
public final class Shortfall: Sendable {
  /// The places in the batch of the changes that do not fit into the quota.
  public let leftOut: [Int]
  /// The places in the batch of the changes whose condition did not hold, because somebody else was faster.
  public let overtaken: [Int]
  /// Why the batch may not survive power loss, or nil.
  public let notDurable: Failure?
  /// Why the file, which is far too large, could not be rewritten, or nil.
  public let notRewritten: Failure?

  private init(_ leftOut: [Int], _ overtaken: [Int], _ notDurable: Failure?, _ notRewritten: Failure?) {
    self.leftOut = leftOut
    self.overtaken = overtaken
    self.notDurable = notDurable
    self.notRewritten = notRewritten
  }

  /// Makes a shortfall. Returns nil if nothing is missing or wrong.
  @inline(__always)
  public static func of(
    leftOut: [Int] = [], overtaken: [Int] = [], notDurable: Failure? = nil, notRewritten: Failure? = nil
  ) -> Shortfall? {
    if leftOut.isEmpty, overtaken.isEmpty, notDurable == nil, notRewritten == nil { return nil }
    return Shortfall(leftOut, overtaken, notDurable, notRewritten)
  }
}

/// Facts about a storage.
public struct StorageInfo: Sendable {
  /// Makes the info of an empty storage.
  public init() {}

  /// The number of stored keys, with those in scopes and the expired ones.
  public var entries = 0
  /// The bytes of all keys and values, which the quota counts.
  public var liveBytes: Int64 = 0
  /// The quota in bytes; Int64.max means no limit.
  public var quota = Int64.max
  /// The size of the file in bytes; 0 if there is no file.
  public var fileBytes: Int64 = 0
  /// The number of lines that were skipped since the file was opened or rewritten.
  public var damagedLines = 0
  /// When this handle last compacted the file, UTC in ms; 0 means never.
  public var lastCompaction: Int64 = 0
  /// True if each write survives power loss when it returns.
  public var isPowerDurable = false
  /// True if what this handle wrote may not survive power loss yet.
  public var owesSync = false
  /// True if others could exchange the file, because another user owns its folder or one above it, or because others can write there and it
  /// is not sticky. Also true if others have rights to the file itself that the file system does not let the library take away.
  public var directoryIsOpen = false
}

/// The quota of 5 MiB that browsers give an origin.
package var defaultQuota: Int64 { 5 << 20 }

/// How often a change is tried again because somebody else was faster. Each time one of those who compete succeeds, so this many failures in a
/// row are next to impossible. But a storage of the host's may report them for ever.
package var mostTries: Int { 1000 }

/// Returns the time, UTC in ms, that is `duration` ms after `now`, or 0 (never) for a duration of 0. If the sum is too large, returns
/// Int64.max.
package func deadline(after duration: Int64, from now: Int64) -> Int64 {
  guard duration > 0 else { return 0 }
  let (sum, overflow) = now.addingReportingOverflow(duration)
  return overflow ? Int64.max : max(sum, 1) // 0 would mean never
}

/// Returns the system's time, UTC in ms.
package func systemClock() -> Int64 { Syscalls.wallClock() }
