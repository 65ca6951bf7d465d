import CPlatform

/// A key: UTF-8 without NUL. Keys are compared as bytes, never as `String`, which takes "é" and "e" + U+0301 for the same.
public struct Key: Equatable, Sendable {
  /// The bytes of the key, in UTF-8.
  public let bytes: [UInt8]

  /// The prefix of all keys of sessions, as in the browser.
  package static var sessionPrefix: StaticString { "lily_session_" }
  static var sessionBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: sessionPrefix.utf8Start, count: sessionPrefix.utf8CodeUnitCount)
  }
  package static var fieldLimit: Int { 256 }
  /// The limit for the ids of a map's entries.
  package static var idLimit: Int { 512 }
  /// The limit for the keys of a map's entries: a prefix, which is as long as a field's key at most, and an id.
  package static var entryLimit: Int { fieldLimit + idLimit }
  package static var storageLimit: Int { 1024 }

  /// Makes a key. Throws if the bytes are empty, more than `limit`, or not UTF-8, or if they have a NUL.
  package init(validating bytes: UnsafeRawBufferPointer, limit: Int) throws(Failure) {
    guard !bytes.isEmpty else { throw Failure(.invalidArgument, "a key is empty") }
    try self.init(prefix: bytes, limit: limit)
  }

  /// Makes a key as `init(validating:limit:)` does, but it may be empty.
  package init(prefix bytes: UnsafeRawBufferPointer, limit: Int = Key.storageLimit) throws(Failure) {
    guard bytes.count <= limit else { throw Failure(.invalidArgument, "a key is too long") }
    guard UTF8Text.isValid(bytes), !bytes.hasNUL else {
      throw Failure(.invalidArgument, "a key is not valid UTF-8, or has a NUL")
    }
    self.bytes = [UInt8](bytes)
  }

  /// Makes a key of bytes that must be valid as for `init(validating:limit:)`.
  init(bytes: ArraySlice<UInt8>, limit: Int) throws(Failure) {
    self = try bytes.withUnsafeBufferPointer { bytes throws(Failure) in try Key(validating: UnsafeRawBufferPointer(bytes), limit: limit) }
  }

  /// Makes the storage key of a field: `lily_session_` and the field's own key.
  package init(field: Key) {
    bytes = [UInt8](Key.sessionBytes) + field.bytes
  }

  /// The prefix of the keys that `clear` removes.
  package static var session: Key { Key(field: Key(stored: [])) }

  /// Makes a key of bytes as they are stored, which are not checked. In a scope they begin with NUL.
  package init(stored bytes: [UInt8]) { self.bytes = bytes }

  /// Returns true if the key begins with these bytes.
  public func begins(with prefix: Key) -> Bool { withBytes { here in prefix.withBytes { here.begins(with: $0) } } }

  /// Returns the keys in byte order.
  static func inOrder(_ keys: [Key]) -> [Key] {
    var keys = keys
    // The C library sorts, because the standard library's sort would be compiled into this library.
    keys.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      qsort(start, bytes.count / MemoryLayout<Key>.stride, MemoryLayout<Key>.stride) { first, second in
        guard let one = first?.assumingMemoryBound(to: Key.self), let other = second?.assumingMemoryBound(to: Key.self) else { return 0 }
        return one.pointee.precedes(other.pointee) ? -1 : other.pointee.precedes(one.pointee) ? 1 : 0
      }
    }
    return keys
  }

  /// Returns true if the key comes before the other in byte order, where a shorter key comes first.
  package func precedes(_ other: Key) -> Bool { withBytes { here in other.withBytes { here.precedes($0) } } }

  @inline(__always)
  package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R { try bytes.withBytes(body) }

  /// Returns true if the keys have the same bytes.
  public static func == (a: Key, b: Key) -> Bool {
    a.withBytes { a in b.withBytes { b in a.equals(b) } }
  }
}

extension Array where Element == UInt8 {
  package init(cString: UnsafePointer<CChar>) {
    self.init(UnsafeRawBufferPointer(start: cString, count: strlen(cString)))
  }

  /// Does what `withUnsafeBytes` does, which cannot pass a typed error on.
  @inline(__always)
  func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try withUnsafeBufferPointer { bytes throws(E) in try body(UnsafeRawBufferPointer(bytes)) }
  }
}
