import CPlatform

/// What the checks of a file's lines are seeded with: eight random bytes in its header.
struct Salt {
  /// nil: the header is lost, and with it these bytes. What they do to a check is known all the same.
  let value: UInt64?
  /// The CRC's register after the eight bytes.
  let seed: UInt32

  init(_ value: UInt64) {
    self.value = value
    var bytes = value.bigEndian // in the order in which its digits are read
    seed = platform_crc32c(0xFFFF_FFFF, &bytes, 8)
  }

  /// Makes the salt of which a line tells: the one with which `check` is the check of `bytes`. A CRC can be undone byte by byte.
  init(lost check: UInt32, of bytes: UnsafeRawBufferPointer) {
    value = nil
    seed = platform_crc32c_backwards(check ^ 0xFFFF_FFFF, bytes.baseAddress, bytes.count)
  }

  func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    platform_crc32c(seed, bytes.baseAddress, bytes.count) ^ 0xFFFF_FFFF
  }

  /// The check of a header, which names the salt and so cannot be seeded with it.
  static func checkUnsalted(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    platform_crc32c(0xFFFF_FFFF, bytes.baseAddress, bytes.count) ^ 0xFFFF_FFFF
  }
}
