/// What sessions, and functions for single entries, need beyond what a program's own storage has.
package protocol SessionStorage: Storage {
  /// The scope that this storage is, or `none` if it is a whole storage.
  var scope: Scope { get }

  /// Reads the entries of these keys, and those whose keys have one of these prefixes, as of one moment.
  func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item])

  /// Makes sure that the next read finds what others find. Somebody may have put another file in the file's place.
  func revalidate() throws(Failure)

  /// Returns the scope's generation after a write that failed, or nil if finding it would need what has just failed.
  func generationAtHand(of scope: Scope) -> UInt64?

  /// The watch that keeps `descriptor` readable until each session has refreshed; nil if the storage has none.
  var watch: Watch? { get }

  /// Returns the watch of one scope of this storage, which stays the same until `endWatch` was called as often.
  func beginWatch(of scope: Scope) -> Watch?
  func endWatch(of scope: Scope)

  /// Returns what `descriptor` is for one scope of this storage.
  func descriptor(of scope: Scope) -> Int32

  /// Returns the storage that has the entries of a scope of this one, and the scope that they have there.
  func holder(of scope: Scope) throws(Failure) -> (any SessionStorage, Scope)

  /// Returns the scopes that have entries among those of this storage, each once.
  func allScopes() throws(Failure) -> [Scope]

  /// Returns the names of the scopes that have an entry that has not expired, in byte order.
  func scopes() throws(Failure) -> [Key]

  /// Removes scopes that have no entry that has not expired.
  ///
  /// - Parameter limit: how many to remove at most.
  /// - Returns: how many were removed.
  func sweep(limit: Int) throws(Failure) -> Int

  /// True if the storage compares the entry of a renewal itself, so that nobody needs to read it first.
  var renewsUnread: Bool { get }

  /// True if a session syncs the storage when it is detached.
  var syncsAtEnd: Bool { get }

  /// Syncs for the last time, without reporting failures. The storage is not called again.
  func close()

  /// Where the entries are. Two storages with the same place have the same keys.
  var place: Place { get }

  /// What opening the storage found. Sessions report it.
  var notices: Notices { get }

  /// The absolute path of the file, with a NUL at its end; nil if there is no file. It lives as long as the storage.
  var cPath: UnsafePointer<CChar>? { get }
}

extension SessionStorage {
  /// A storage with one watch has it for its scopes, too.
  package func beginWatch(of scope: Scope) -> Watch? { watch }
  package func endWatch(of scope: Scope) {}
}

/// A storage that is the whole of its place, and has no file that could move.
package protocol FilelessStorage: SessionStorage {}

extension FilelessStorage {
  /// A store of the program's own has no call for all of it. So an update may be seen in parts, but what a clear has removed is not.
  package func read(_ keys: [Key], under prefixes: [Key], of scope: Scope) throws(Failure) -> (Snapshot, [Item]) {
    for _ in 0..<mostTries {
      let snapshot = try read(keys, of: scope)
      var items: [Item] = []
      for prefix in prefixes { items += try entries(prefix) }
      if try read([], of: scope).generation == snapshot.generation { return (snapshot, items) }
    }
    throw Failure(.busy, "other programs keep clearing the session; try again")
  }

  package var scope: Scope { .none }
  package func revalidate() {}
  package func descriptor(of scope: Scope) -> Int32 { descriptor }
  package func holder(of scope: Scope) -> (any SessionStorage, Scope) { (self, scope) }
  package func allScopes() throws(Failure) -> [Scope] { try scopesOfEntries(in: self) }
  package func scopes() throws(Failure) -> [Key] { try livingScopes(of: self) }
  package func sweep(limit: Int) throws(Failure) -> Int { try sweepScopes(of: self, limit: limit) }
  package var renewsUnread: Bool { false }
  package var syncsAtEnd: Bool { true }
  package var watch: Watch? { nil }
  package var place: Place { Place(of: self) }
  package var notices: Notices { Notices() }
  package var cPath: UnsafePointer<CChar>? { nil }
}

/// Where a storage's entries are: in a file, which its folder's device and inode and its name tell from others, in a store of the program's own
/// that has a name, or only in an object.
package struct Place: Equatable, Sendable {
  /// Makes the place of entries that are only in this object.
  package init(of object: AnyObject) {
    self.init(device: 0, inode: UInt64(UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque())), name: [])
  }

  /// Makes the place of entries in a store of the program's own, which has this name.
  package init(named name: [UInt8]) { self.init(device: 0, inode: 1, name: name) }

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
package struct Notices: Sendable {
  package init() {}

  /// The number of lines that were damaged, and skipped.
  package var damagedLines = 0
  /// True if others could exchange the file. ``StorageInfo/directoryIsOpen`` says when that is so.
  package var directoryIsOpen = false
  /// What a store of the program's own says of itself.
  package var ofBackend: Failure?
}
