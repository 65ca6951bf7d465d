import CPlatform

/// What a line needs of a key, made once: its bytes, their hash, and how JSON spells them. A plain value, so that an update
/// retains nothing; who makes one frees it.
struct PreparedKey: BitwiseCopyable {
  let bytes: UnsafeRawBufferPointer
  let spelled: UnsafeRawBufferPointer
  let hash: Int

  static func make(_ key: Key) -> PreparedKey {
    key.withBytes { bytes in
      let text = ByteBuffer(capacity: bytes.count &+ 2)
      JSONText.append(string: bytes, to: text)
      return PreparedKey(bytes: copy(bytes), spelled: copy(text.bytes), hash: hashOf(bytes))
    }
  }

  func free() {
    bytes.deallocate()
    spelled.deallocate()
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    copy.copyMemory(from: bytes)
    return UnsafeRawBufferPointer(copy)
  }
}
