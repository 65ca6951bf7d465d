/// A durable map of key to JSON text, shared by all who open it. Any thread may call it. It holds no lock while it calls
/// the host's clock, and calls nothing else of the host's.
///
/// A storage of the program's own has `read`, `write`, `clear` and `entries`; the rest has defaults in Swift programs. Its
/// methods take keys as they are stored, scopes' among them: `scope` says how that is.
public protocol Storage: AnyObject, Sendable {
  /// The part of the place that this storage is.
  var scope: Scope { get }

  /// The entries of `keys` and the scope's generation, all as of one moment. An expired entry comes with its deadline: the
  /// caller, who knows the time, holds it for absent.
  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot

  /// Makes sure that what is read next is what others would find: somebody may have moved the file.
  func revalidate() throws(Failure)

  /// Stores all of the batch, in one step, but what its conditions and the quota leave out; or nothing. `generation` names the one
  /// that the batch was made in: when a clear of the scope has come since, nothing is written and the new generation is returned.
  /// nil writes in any.
  func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome

  /// Returns the scope's generation if that takes no more than a look, after a write that failed; nil where it would mean to ask
  /// what has just failed.
  func generationAtHand(of scope: Scope) -> UInt64?

  /// Removes every key of the scope's sessions, in one step, and raises the scope's generation.
  func clear(_ scope: Scope) throws(Failure)

  /// The entries whose keys begin with the prefix, in byte order of the keys, expired ones too.
  func entries(_ prefix: Key) throws(Failure) -> [Item]

  /// Polls readable when what is stored has changed, until each session has refreshed; -1: the storage cannot tell.
  var descriptor: Int32 { get }

  /// What keeps `descriptor` readable until each session has refreshed; nil: the storage has none of its own.
  var watch: Watch? { get }

  /// What there is to know of it; of a scope, its parent's.
  func info() throws(Failure) -> StorageInfo

  /// Makes what this handle wrote survive power loss. Returns why the file, though it is synced, still holds values that were
  /// removed or cleared; nil: it does not.
  @discardableResult
  func sync() throws(Failure) -> Failure?

  /// A last, silent sync. The storage is not called again.
  func close()

  /// UTC in ms, by the clock of the options.
  func now() -> Int64

  /// Where the entries are: two storages of the same place hold the same keys.
  var place: Place { get }

  /// What opening found, to be told by the sessions.
  var notices: Notices { get }

  /// Absolute, NUL-terminated, living as long as the storage; nil where there is no file.
  var cPath: UnsafePointer<CChar>? { get }
}

/// What is stored under a key.
public struct Entry: @unchecked Sendable { // the text is never changed
  /// JSON, then a NUL that does not count.
  private let text: ByteBuffer
  /// UTC in ms; 0: none.
  public var deadline: Int64
  /// Of the field that wrote it.
  public var version: UInt32

  package init(text: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    self.text = ByteBuffer(capacity: text.count &+ 1)
    self.text.append(text)
    self.text.append(0)
    self.deadline = deadline
    self.version = version
  }

  package func withText<R>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> R) throws(Failure) -> R {
    try body(text.slice(0, text.count &- 1))
  }

  /// In bytes.
  package var textCount: Int { text.count &- 1 }

  var identity: EntryIdentity {
    EntryIdentity(text: hashOf(text.slice(0, text.count &- 1)), version: version)
  }

  /// Whether it reads as absent at that time (UTC in ms).
  public func isExpired(at now: Int64) -> Bool { Entry.isExpired(deadline, at: now) }

  /// From the millisecond of its deadline on.
  static func isExpired(_ deadline: Int64, at now: Int64) -> Bool { deadline != 0 && deadline <= now }
}

/// What tells an entry from another under the same key. Its deadline does not: who renews an entry has not changed it.
struct EntryIdentity: Equatable, BitwiseCopyable {
  /// A hash of the text; 64 bits, seeded per process.
  var text: Int
  var version: UInt32
}

/// An entry and its key.
public struct Item: Sendable {
  /// An item.
  public init(key: Key, entry: Entry) {
    self.key = key
    self.entry = entry
  }

  /// As it is stored.
  public var key: Key
  /// What is stored.
  public var entry: Entry

  /// In byte order of the keys.
  @inline(never)
  package static func inOrder(_ items: [Item]) -> [Item] { items.sorted { $0.key.precedes($1.key) } }
}

/// Some of a storage's entries, as of one moment.
public struct Snapshot: Sendable {
  /// What `Storage.read` returns.
  public init(entries: [Entry?], generation: UInt64) {
    self.entries = entries
    self.generation = generation
  }

  /// In the order of the keys asked for; nil: absent.
  public var entries: [Entry?]
  /// The scope's generation: another one after each clear, whoever made it.
  public var generation: UInt64
}

/// What became of a batch.
public enum WriteOutcome: Sendable {
  /// The batch is stored; nil: all of it, and as durably as was asked for.
  case written(Shortfall?)
  /// Nothing was written: a clear came since the generation that the batch was made in. This is the generation now.
  case superseded(generation: UInt64)
}

/// What is missing, or wrong, though a batch was stored. An object, because it is rare and an update's result is passed on often.
public final class Shortfall: Sendable {
  /// The places in the batch of the changes that the quota did not let in.
  public let leftOut: [Int]
  /// The places in the batch of the changes whose condition did not hold: somebody else was faster.
  public let overtaken: [Int]
  /// Why the batch may not survive power loss.
  public let notDurable: Failure?
  /// Why the file, which had grown far too large, could not be rewritten.
  public let notRewritten: Failure?

  private init(_ leftOut: [Int], _ overtaken: [Int], _ notDurable: Failure?, _ notRewritten: Failure?) {
    self.leftOut = leftOut
    self.overtaken = overtaken
    self.notDurable = notDurable
    self.notRewritten = notRewritten
  }

  /// Returns nil if nothing is missing or wrong.
  @inline(__always)
  public static func of(
    leftOut: [Int] = [], overtaken: [Int] = [], notDurable: Failure? = nil, notRewritten: Failure? = nil
  ) -> Shortfall? {
    if leftOut.isEmpty, overtaken.isEmpty, notDurable == nil, notRewritten == nil { return nil }
    return Shortfall(leftOut, overtaken, notDurable, notRewritten)
  }
}

/// What there is to know of a storage.
public struct StorageInfo: Sendable {
  /// Of an empty storage.
  public init() {}

  /// Stored keys, scopes' and expired ones too.
  public var entries = 0
  /// Their keys and values: what the quota counts.
  public var liveBytes: Int64 = 0
  /// Int64.max: none.
  public var quota = Int64.max
  /// 0 where there is no file.
  public var fileBytes: Int64 = 0
  /// Skipped since the file was opened or rewritten.
  public var damagedLines = 0
  /// By this handle, UTC in ms; 0: never.
  public var lastCompaction: Int64 = 0
  /// Each write survives power loss when it returns.
  public var isPowerDurable = false
  /// What this handle wrote is not known to survive power loss.
  public var owesSync = false
  /// Others could exchange the file: another user owns its folder or one above it, or others can write there and it is not sticky. Or they
  /// have rights to the file itself that the file system does not let the library take away.
  public var directoryIsOpen = false
}

/// 5 MiB, as browsers give an origin.
package var defaultQuota: Int64 { 5 << 20 }

/// Where a storage's entries are.
public struct Place: Equatable, Sendable {
  /// Of what is nowhere but in this object.
  package init(of object: AnyObject) {
    self.init(device: 0, inode: UInt64(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())), name: [])
  }

  init(device: UInt64, inode: UInt64, name: [UInt8]) {
    self.device = device
    self.inode = inode
    self.name = name
  }

  var device: UInt64
  var inode: UInt64
  var name: [UInt8]
}

/// What opening a storage found.
public struct Notices: Sendable {
  /// Nothing.
  public init() {}

  /// Lines that were damaged, and skipped.
  public var damagedLines = 0
  /// As ``StorageInfo/directoryIsOpen``.
  public var directoryIsOpen = false
}

/// Deadlines saturate: far away is never.
package func deadline(after duration: Int64, from now: Int64) -> Int64 {
  guard duration > 0 else { return 0 }
  let (sum, overflow) = now.addingReportingOverflow(duration)
  return overflow ? Int64.max : max(sum, 1) // 0 would mean none
}

/// UTC in ms.
package func systemClock() -> Int64 { Syscalls.wallClock() }
