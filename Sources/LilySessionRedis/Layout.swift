import CLilySession
import CRedis

// How entries are kept: one hash for each scope, `lily:{user:42}`, so that a Cluster keeps a scope on one server. docs/redis-format.md describes
// it for other programs.

/// The hash of a scope, or of the storage itself.
struct Place: Equatable {
  /// The server's key.
  let key: [UInt8]

  private static var beginning: StaticString { "lily:{" }
  /// What the library's keys of a session begin with.
  private static var session: StaticString { "lily_session_" }

  /// The hash of the storage itself.
  static var whole: Place { Place(scope: UnsafeRawBufferPointer(start: nil, count: 0)) }

  /// The server's keys of all scopes fit this pattern.
  static var pattern: StaticString { "lily:{*}" }

  private init(scope: UnsafeRawBufferPointer) {
    var key: [UInt8] = []
    key.reserveCapacity(Place.beginning.utf8CodeUnitCount + scope.count + 1)
    key += bytes(Place.beginning)
    key += scope
    key.append(125)
    self.key = key
  }

  /// Makes the place of a server's key. Returns nil if it is not one of ours.
  init?(key: [UInt8]) {
    guard key.starts(with: bytes(Place.beginning)), key.last == 125 else { return nil }
    self.key = key
  }

  /// The name of the scope. It is empty for the storage itself.
  var scope: ArraySlice<UInt8> { key.dropFirst(Place.beginning.utf8CodeUnitCount).dropLast() }

  /// Splits one of the library's keys, or the beginning of one, into its place and the key there.
  static func split(_ key: UnsafePointer<CChar>?) -> (place: Place, rest: UnsafeRawBufferPointer) {
    let (scope, rest) = parts(of: key)
    return (scope.map { Place(scope: $0) } ?? whole, rest)
  }

  /// Returns the key in its place.
  static func rest(of key: UnsafePointer<CChar>?) -> UnsafeRawBufferPointer { parts(of: key).rest }

  /// A scope's key begins with U+0001, the scope's name and U+0001.
  private static func parts(of key: UnsafePointer<CChar>?) -> (scope: UnsafeRawBufferPointer?, rest: UnsafeRawBufferPointer) {
    let all = UnsafeRawBufferPointer(start: key, count: key.map { strlen($0) } ?? 0)
    guard let key, all.first == 1, let end = strchr(key + 1, 1).map({ UnsafePointer($0) - key }) else { return (nil, all) }
    return (UnsafeRawBufferPointer(rebasing: all[1..<end]), UnsafeRawBufferPointer(rebasing: all[(end + 1)...]))
  }

  /// True if the prefix is that of all keys of a session.
  static func isSession(_ prefix: UnsafeRawBufferPointer) -> Bool { prefix.count == session.utf8CodeUnitCount && begins(prefix) }

  fileprivate static func begins(_ key: UnsafeRawBufferPointer) -> Bool { key.begins(with: session) }
  fileprivate static var sessionCount: Int { session.utf8CodeUnitCount }

  /// Returns the key of the scope that has this name in the hash.
  static func key(of name: [UInt8]) -> [UInt8] {
    if name.first != 255 { return bytes(session) + name }
    return name.count == 1 ? bytes(session) : [UInt8](name.dropFirst())
  }

  /// Returns the library's key for a key of this place.
  func libraryKey(_ key: [UInt8]) -> [UInt8] { scope.isEmpty ? key : [1] + scope + [1] + key }
}

/// The name in the hash of a key of the scope: a session's key without what all such keys begin with, and another one behind a byte that no key
/// has. That byte alone stands for a session's key that has nothing more. The empty name is the generation's.
struct Name {
  private let isMarked: Bool
  private let bytes: UnsafeRawBufferPointer

  private static var mark: UInt8 { 255 }

  init(ofKey key: UnsafeRawBufferPointer) {
    let isOfSession = Place.begins(key)
    isMarked = !isOfSession || key.count == Place.sessionCount
    bytes = UnsafeRawBufferPointer(rebasing: key.dropFirst(isOfSession ? Place.sessionCount : 0))
  }

  /// - Parameter name: as the hash has it.
  init(_ name: UnsafeRawBufferPointer) {
    isMarked = name.first == Name.mark
    bytes = UnsafeRawBufferPointer(rebasing: name.dropFirst(isMarked ? 1 : 0))
  }

  func append(to text: inout [UInt8]) {
    if isMarked { text.append(Name.mark) }
    text += bytes
  }

  /// Tells which of two names comes first, in some order: negative, 0 for the same name, or positive.
  func order(_ other: Name) -> Int32 {
    if isMarked != other.isMarked { return isMarked ? 1 : -1 }
    if bytes.count != other.bytes.count { return bytes.count < other.bytes.count ? -1 : 1 }
    guard let one = bytes.baseAddress, let two = other.bytes.baseAddress else { return 0 }
    return memcmp(one, two, bytes.count)
  }
}

/// An entry's value in the hash: its JSON, or `@deadline,version,JSON` if it has one of these.
enum StoredValue {
  static func append(_ entry: lily_session_entry, to text: inout [UInt8]) {
    if entry.expires_at_ms != 0 || entry.version != 0 {
      text.append(64)
      text.append(decimal: entry.expires_at_ms)
      text.append(44)
      text.append(decimal: Int64(entry.version))
      text.append(44)
    }
    text += UnsafeRawBufferPointer(start: entry.json, count: entry.length)
  }

  /// Reads an entry, which has no key and is borrowed from the value. Its JSON is NULL if the value is none of ours.
  static func read(_ value: UnsafeRawBufferPointer) -> lily_session_entry {
    guard value.first == 64 else { return entry(value, 0, 0) }
    let parts = value.dropFirst().split(separator: 44, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let deadline = number(parts[0]), let version = number(parts[1]), version <= UInt32.max else {
      return lily_session_entry()
    }
    return entry(UnsafeRawBufferPointer(rebasing: parts[2]), deadline, UInt32(truncatingIfNeeded: version))
  }

  private static func entry(_ json: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32) -> lily_session_entry {
    lily_session_entry(key: nil, json: json.baseAddress?.assumingMemoryBound(to: CChar.self), length: json.count, expires_at_ms: deadline, version: version)
  }

  /// Reads a generation, as the scripts do.
  static func generation(_ value: UnsafeRawBufferPointer) -> UInt64 {
    let digits = value.last == 43 ? value.dropLast() : value[...]
    return digits.count <= 15 ? UInt64(number(digits) ?? 0) : 0
  }

  static func generation(_ value: Reply?) -> UInt64 { value?.withBytes { generation($0) } ?? 0 }
}
