/// A part of a storage whose keys are nobody else's: they are stored behind NUL, the scope's name, NUL, which no key of a host's
/// can begin with.
public struct Scope: Equatable, Sendable {
  package static var nameLimit: Int { 64 }

  /// Empty: the storage itself.
  let prefix: [UInt8]

  /// The storage itself.
  public static var none: Scope { Scope(prefix: []) }

  private init(prefix: [UInt8]) { self.prefix = prefix }

  package init(name: Key) throws(Failure) {
    guard (1...Scope.nameLimit).contains(name.bytes.count) else { throw Failure(.invalidArgument, "a scope's name has 1 to 64 bytes") }
    prefix = [0] + name.bytes + [0]
  }

  /// The scope of a stored key, or of the prefix of some.
  package init(of stored: UnsafeRawBufferPointer) {
    prefix = [UInt8](stored.prefix(Scope.prefixLength(stored) ?? 0))
  }

  /// The scope whose sessions' prefix this is; nil: it is not such a prefix.
  init?(ofSession stored: UnsafeRawBufferPointer) {
    self.init(of: stored)
    guard session.withBytes({ $0.equals(stored) }) else { return nil }
  }

  /// Of the scope that a stored key begins with: 0 for none; nil: it is neither a key nor one in a scope.
  static func prefixLength(_ stored: UnsafeRawBufferPointer) -> Int? {
    guard stored.first == 0 else { return 0 }
    guard let end = stored.dropFirst().firstIndex(of: 0), (2...(nameLimit + 1)).contains(end) else { return nil }
    return end + 1
  }

  /// How a key is stored.
  func key(_ key: Key) -> Key { prefix.isEmpty ? key : Key(stored: prefix + key.bytes) }

  /// The host's key for a stored one of this scope.
  func hostKey(_ stored: Key) -> Key { prefix.isEmpty ? stored : Key(stored: [UInt8](stored.bytes.dropFirst(prefix.count))) }

  /// Where the scope's generation is stored, beside its keys.
  var generationKey: Key { Key(stored: prefix) }

  /// What all keys of its sessions begin with.
  public var session: Key { key(Key.session) }
}

extension EntryTable {
  /// Of a scope; the storage keeps its own.
  func generation(of scope: Scope) -> UInt64 {
    scope.generationKey.withBytes { find($0) }.flatMap { JournalHeader.hex(EntryTable.value($0), 1, 16) } ?? 0
  }

  func setGeneration(_ generation: UInt64, of scope: Scope) {
    let text = ByteBuffer(capacity: 32)
    text.append(UInt8(ascii: "\""))
    text.append(hex: generation, digits: 16)
    text.append(UInt8(ascii: "\""))
    scope.generationKey.withBytes { set($0, text.bytes, deadline: 0, version: 0) }
  }
}
