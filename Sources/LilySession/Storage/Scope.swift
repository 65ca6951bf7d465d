import CPlatform

/// A part of a storage with keys of its own. They are stored behind a prefix: NUL, the scope's name and NUL. No key of the host's can begin
/// like that, because it has no NUL.
public struct Scope: Equatable, Sendable {
  package static var nameLimit: Int { 64 }

  /// What the stored keys of the scope begin with. It is empty for the storage itself.
  let prefix: [UInt8]

  /// What the stored keys of all scopes begin with.
  static var beginning: Key { Key(stored: [0]) }

  /// The name, in UTF-8. It is empty for the storage itself.
  package var name: [UInt8] { prefix.isEmpty ? [] : [UInt8](prefix[1..<(prefix.count - 1)]) }

  /// No scope, but the storage itself.
  public static var none: Scope { Scope(prefix: []) }

  private init(prefix: [UInt8]) { self.prefix = prefix }

  package init(name: UnsafeRawBufferPointer) throws(Failure) {
    guard (1...Scope.nameLimit).contains(name.count) else { throw Failure(.invalidArgument, "a scope's name has 1 to 64 bytes") }
    guard let key = try? Key(validating: name, limit: Scope.nameLimit) else {
      throw Failure(.invalidArgument, "a scope's name is not valid UTF-8, or has a NUL")
    }
    prefix = [0] + key.bytes + [0]
  }

  /// Makes the scope of a stored key, or of a prefix of stored keys.
  package init(of stored: UnsafeRawBufferPointer) {
    prefix = [UInt8](stored.prefix(Scope.prefixLength(stored) ?? 0))
  }

  /// Makes a scope from the prefix of its sessions' keys. Returns nil if these bytes are no such prefix.
  init?(ofSession stored: UnsafeRawBufferPointer) {
    self.init(of: stored)
    guard session.withBytes({ $0.equals(stored) }) else { return nil }
  }

  /// Returns the length of the scope's prefix in a stored key. Returns 0 if the key is in no scope, and nil if these bytes cannot be a key.
  static func prefixLength(_ stored: UnsafeRawBufferPointer) -> Int? {
    guard stored.first == 0 else { return 0 }
    guard let end = stored.dropFirst().firstIndex(of: 0), (2...(nameLimit + 1)).contains(end) else { return nil }
    return end + 1
  }

  /// Returns a key of this scope as it is stored.
  @inline(never)
  func key(_ key: Key) -> Key {
    if prefix.isEmpty { return key }
    // One piece of memory, which an attach takes for each key.
    return Key(stored: [UInt8](unsafeUninitializedCapacity: prefix.count &+ key.bytes.count) { room, count in
      guard let to = room.baseAddress else { return }
      prefix.withUnsafeBufferPointer { if let from = $0.baseAddress { memcpy(to, from, $0.count) } }
      key.bytes.withUnsafeBufferPointer { if let from = $0.baseAddress { memcpy(to + prefix.count, from, $0.count) } }
      count = prefix.count &+ key.bytes.count
    })
  }

  /// Returns the host's key for a stored key of this scope.
  func hostKey(_ stored: Key) -> Key { prefix.isEmpty ? stored : Key(stored: [UInt8](stored.bytes.dropFirst(prefix.count))) }

  /// The key under which the scope's generation is stored.
  package var generationKey: Key { Key(stored: prefix) }

  /// The prefix of all keys of the scope's sessions.
  public var session: Key { key(Key.session) }
}

extension EntryTable {
  /// Returns the generation of a scope, or 0 if none is stored. That of the storage itself is not in the table.
  func generation(of scope: Scope) -> UInt64 {
    scope.generationKey.withBytes { find($0) }.flatMap { JournalHeader.hex(EntryTable.value($0), at: 1, digits: 16) } ?? 0
  }

  func setGeneration(_ generation: UInt64, of scope: Scope) {
    let text = ByteBuffer(capacity: 32)
    text.append(UInt8(ascii: "\""))
    text.append(hex: generation, digits: 16)
    text.append(UInt8(ascii: "\""))
    scope.generationKey.withBytes { set($0, text.bytes, deadline: 0, version: 0) }
  }
}
