/// What a line needs of a key, made once: its bytes, their hash, and how JSON spells them. A plain value, so that an update
/// retains nothing; who makes one frees it.
struct PreparedKey: BitwiseCopyable {
  let bytes: UnsafeRawBufferPointer
  let spelled: UnsafeRawBufferPointer
  let hash: Int

  /// `scratch` is overwritten.
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
