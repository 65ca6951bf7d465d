import CPlatform

extension UnsafeRawBufferPointer {
  package var hasNUL: Bool { has(0) }

  func has(_ byte: UInt8) -> Bool { baseAddress.map { memchr($0, Int32(byte), count) != nil } ?? false }

  func equals(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    guard let here = baseAddress, let there = other.baseAddress else { return true }
    return memcmp(here, there, count) == 0
  }

  func begins(with prefix: UnsafeRawBufferPointer) -> Bool {
    count >= prefix.count && UnsafeRawBufferPointer(rebasing: self[0..<prefix.count]).equals(prefix)
  }

  /// Returns true if these bytes are the first and then the second.
  @inline(__always)
  func consists(of first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Bool {
    guard count == first.count &+ second.count, let here = baseAddress, let one = first.baseAddress, let two = second.baseAddress else { return false }
    return memcmp(here + first.count, two, second.count) == 0 && memcmp(here, one, first.count) == 0
  }

  /// Returns true if these bytes come before the others in byte order, where shorter ones come first.
  func precedes(_ other: UnsafeRawBufferPointer) -> Bool {
    let shared = Swift.min(count, other.count)
    if shared > 0, let here = baseAddress, let there = other.baseAddress {
      let order = memcmp(here, there, shared)
      if order != 0 { return order < 0 }
    }
    return count < other.count
  }

  /// Returns the eight bytes from a place on, the first in the lowest byte. Zeros stand for bytes behind the end. `at` must be below `count`.
  @inline(__always)
  func word(at: Int) -> UInt64 {
    at &+ 8 <= count ? UInt64(littleEndian: loadUnaligned(fromByteOffset: at, as: UInt64.self)) : lastWord(at: at)
  }

  @inline(never)
  private func lastWord(at: Int) -> UInt64 {
    if count >= 8 { return UInt64(littleEndian: loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)) &>> UInt64((at &+ 8 &- count) &* 8) }
    var word: UInt64 = 0
    var from = count
    while from > at {
      from &-= 1
      word = word &<< 8 | UInt64(self[from])
    }
    return word
  }
}
