import CPlatform

/// The seed of the checks of a file's lines: eight random bytes in its header.
struct Salt {
  /// The bytes, or nil if they are lost with the header. `seed` is enough to check lines.
  let value: UInt64?
  /// The CRC's register after the eight bytes.
  let seed: UInt32

  init(_ value: UInt64) {
    self.value = value
    var bytes = value.bigEndian // the order of the bytes is that of the digits in the header
    seed = platform_crc32c(0xFFFF_FFFF, &bytes, 8)
  }

  /// Finds the salt with which `bytes` have this check. This is possible because a CRC can be undone byte by byte.
  init(lost check: UInt32, of bytes: UnsafeRawBufferPointer) {
    value = nil
    seed = platform_crc32c_backwards(check ^ 0xFFFF_FFFF, bytes.baseAddress, bytes.count)
  }

  /// Returns the check of a line, which is a CRC-32C over the salt and these bytes.
  func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    platform_crc32c(seed, bytes.baseAddress, bytes.count) ^ 0xFFFF_FFFF
  }

  /// Returns the check of a header. It is not seeded with the salt, because the salt is in the header.
  static func checkUnsalted(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    platform_crc32c(0xFFFF_FFFF, bytes.baseAddress, bytes.count) ^ 0xFFFF_FFFF
  }
}
