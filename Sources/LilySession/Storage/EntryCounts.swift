/// How much a table of entries has. The entries that belong to the library are counted apart: no quota counts them, and no host sees them.
struct EntryCounts {
  /// The bytes of the keys and values of the host's entries.
  private(set) var liveBytes: Int64 = 0
  private(set) var ownEntries = 0
  private var ownBytes: Int64 = 0

  /// The bytes of all keys and values, of which a file has to have each once.
  var allBytes: Int64 { liveBytes &+ ownBytes }

  /// Counts so many more entries with this key, and so many more bytes.
  @inline(__always)
  mutating func add(_ key: UnsafeRawBufferPointer, entries: Int = 0, bytes: Int) {
    if EntryCounts.isOwn(key) {
      ownEntries &+= entries
      ownBytes &+= Int64(bytes)
    } else {
      liveBytes &+= Int64(bytes)
    }
  }

  /// Returns true for the key of a scope's generation, which is the scope's prefix alone.
  static func isOwn(_ key: UnsafeRawBufferPointer) -> Bool { key.first == 0 && key.last == 0 }
}
