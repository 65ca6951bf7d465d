/// A key prepared once for many lines: its bytes, their hash, and their spelling in JSON. It is a plain value, so that an update retains
/// nothing. Whoever makes one must free it.
struct PreparedKey: BitwiseCopyable {
  let bytes: UnsafeRawBufferPointer
  let spelled: UnsafeRawBufferPointer
  let hash: Int

  /// Prepares a key. `scratch` is overwritten.
  static func make(_ key: Key, _ scratch: ByteBuffer) -> PreparedKey {
    scratch.retract(to: 0)
    key.withBytes { scratch.append($0) }
    key.withBytes { JSONText.append(string: $0, to: scratch) }
    return PreparedKey(key.bytes.count, in: scratch)
  }

  /// Prepares the same key in a scope, which is `key` there. `scratch` is overwritten.
  func inScope(_ key: Key, _ prefix: PreparedKey, _ scratch: ByteBuffer) -> PreparedKey {
    scratch.retract(to: 0)
    key.withBytes { scratch.append($0) }
    // Both spellings are in quotes, of which those between them are left out.
    scratch.append(prefix.spelled)
    scratch.retract(to: scratch.count &- 1)
    scratch.append(UnsafeRawBufferPointer(rebasing: spelled[1...]))
    return PreparedKey(key.bytes.count, in: scratch)
  }

  /// Keeps a copy of a key's bytes, behind which stands its spelling.
  private init(_ count: Int, in scratch: ByteBuffer) {
    let both = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch.count, alignment: 1)
    both.copyMemory(from: scratch.bytes)
    bytes = UnsafeRawBufferPointer(rebasing: both[0..<count])
    spelled = UnsafeRawBufferPointer(rebasing: both[count...])
    hash = hashOf(bytes)
  }

  func free() { bytes.deallocate() }
}
