import CPlatform
import Testing

@testable import LilySession

/// Each fast path does what a slow one does that is too plain to be wrong.
@Suite struct TwinTests {
  /// A bit at a time: the definition.
  private func slowCheck(_ crc: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
    bytes.reduce(crc) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
  }

  @Test func `CRC-32C, of every length and from every alignment`() {
    var dice = Dice(6)
    let bytes = (0..<9000).map { _ in UInt8.random(in: 0...255, using: &dice) }
    bytes.withUnsafeBytes { bytes in
      for length in Array(0...130) + [255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097, 8191] {
        for start in 0..<8 {
          let part = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
          let expected = slowCheck(0xFFFF_FFFF, part)
          #expect(platform_crc32c(0xFFFF_FFFF, part.baseAddress, length) == expected)
          #expect(platform_crc32c_portable(0xFFFF_FFFF, part.baseAddress, length) == expected)
        }
      }
      // In parts it is the same as at once.
      let whole = platform_crc32c(7, bytes.baseAddress, 100)
      for cut in 0...100 {
        #expect(platform_crc32c(platform_crc32c(7, bytes.baseAddress, cut), bytes.baseAddress.map { $0 + cut }, 100 - cut) == whole)
      }
    }
  }

  @Test func `S5 text is compared as byte by byte`() {
    var dice = Dice(7)
    for length in 0...70 {
      let text = (0..<length).map { _ in UInt8.random(in: 0x20..<0x7F, using: &dice) }
      for at in 0...length {
        // A byte differs, or the last is missing, or nothing.
        let other = at < length ? text.enumerated().map { $0.offset == at ? $0.element ^ 1 : $0.element } : text
        for changed in [other, Array(other.dropLast())] {
          // From an odd address, too.
          let shifted = [0] + changed
          let isSame = text.withUnsafeBytes { text in
            shifted.withUnsafeBytes { shifted in
              var baseline = NativeBaseline()
              defer { baseline.dispose() }
              _ = baseline.capture(.string(text), types: .string)
              return baseline.holds(.string(UnsafeRawBufferPointer(rebasing: shifted[1...])))
            }
          }
          #expect(isSame == text.elementsEqual(changed), "\(text) \(changed)")
        }
      }
    }
  }

  @Test func `S1 keys are compared and ordered as byte by byte`() {
    var dice = Dice(8)
    for _ in 0..<5000 {
      let (a, b) = (randomKey(&dice), randomKey(&dice))
      a.withUnsafeBytes { here in
        b.withUnsafeBytes { there in
          #expect(here.equals(there) == a.elementsEqual(b))
          #expect(here.precedes(there) == a.lexicographicallyPrecedes(b))
          #expect(here.begins(with: there) == a.starts(with: b))
        }
      }
    }
  }

  /// Short, and of few letters, so that some are the same and some begin the same.
  private func randomKey(_ dice: inout Dice) -> [UInt8] {
    (0..<Int.random(in: 0...4, using: &dice)).map { _ in [0x61, 0x62, 0xC3].randomElement(using: &dice) ?? 0 }
  }
}
