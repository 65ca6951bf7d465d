/// A key prepared once for many lines: its bytes, their hash, and their spelling in JSON. It is a plain value, so that an update retains
/// nothing. Whoever makes one must free it.
struct PreparedKey: BitwiseCopyable {
  let bytes: UnsafeRawBufferPointer
  let spelled: UnsafeRawBufferPointer
  let hash: Int

  /// Prepares a key. `scratch` is overwritten.
  static func make(_ key: Key, _ scratch: ByteBuffer) -> PreparedKey {
    key.withBytes { bytes in
      scratch.retract(to: 0)
      scratch.append(bytes)
      JSONText.append(string: bytes, to: scratch)
      let both = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch.count, alignment: 1)
      both.copyMemory(from: scratch.bytes)
      return PreparedKey(
        bytes: UnsafeRawBufferPointer(rebasing: both[0..<bytes.count]), spelled: UnsafeRawBufferPointer(rebasing: both[bytes.count...]),
        hash: hashOf(bytes))
    }
  }

  func free() { bytes.deallocate() }
}
