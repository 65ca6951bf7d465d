import CPlatform
import Testing

@testable import LilySession

/// Checks each fast path against a slow one that does the same, and is too simple to be wrong.
@Suite struct TwinTests {
  /// Follows the definition of the check, one bit at a time.
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
      // The check of two parts is the check of the whole.
      let whole = platform_crc32c(7, bytes.baseAddress, 100)
      for cut in 0...100 {
        #expect(platform_crc32c(platform_crc32c(7, bytes.baseAddress, cut), bytes.baseAddress.map { $0 + cut }, 100 - cut) == whole)
      }
    }
  }

  @Test func `Sixteen bytes together, with each byte at each place`() {
    for place in 0..<16 {
      for byte in UInt8.min...UInt8.max {
        for (other, later) in [(UInt8(ascii: "7"), UInt8(ascii: "7")), (0x7F, 0x00), (0xFF, 0x22)] {
          let bytes = (0..<16).map { $0 < place ? other : $0 == place ? byte : later }
          let plain = bytes.firstIndex { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") } ?? 16
          let digits = bytes.firstIndex { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") } ?? 16
          bytes.withUnsafeBytes {
            #expect(Int(platform_plain_of_16($0.baseAddress)) == plain)
            #expect(Int(platform_digits_of_16($0.baseAddress)) == digits)
          }
        }
      }
    }
  }

  /// Follows the paper's definition, with any numbers of rounds.
  private func slowHash(_ key: (UInt64, UInt64), _ bytes: [UInt8], rounds: Int, lastRounds: Int) -> UInt64 {
    var v = (key.0 ^ 0x736F_6D65_7073_6575, key.1 ^ 0x646F_7261_6E64_6F6D, key.0 ^ 0x6C79_6765_6E65_7261, key.1 ^ 0x7465_6462_7974_6573)
    func rotated(_ word: UInt64, _ bits: UInt64) -> UInt64 { word << bits | word >> (64 - bits) }
    func make(_ rounds: Int) {
      for _ in 0..<rounds {
        v.0 &+= v.1
        v.1 = rotated(v.1, 13) ^ v.0
        v.0 = rotated(v.0, 32)
        v.2 &+= v.3
        v.3 = rotated(v.3, 16) ^ v.2
        v.0 &+= v.3
        v.3 = rotated(v.3, 21) ^ v.0
        v.2 &+= v.1
        v.1 = rotated(v.1, 17) ^ v.2
        v.2 = rotated(v.2, 32)
      }
    }
    let padded = bytes + [UInt8](repeating: 0, count: 7 - bytes.count % 8) + [UInt8(truncatingIfNeeded: bytes.count)]
    for start in stride(from: 0, to: padded.count, by: 8) {
      let word = padded[start..<(start + 8)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      v.3 ^= word
      make(rounds)
      v.0 ^= word
    }
    v.2 ^= 0xFF
    make(lastRounds)
    return v.0 ^ v.1 ^ v.2 ^ v.3
  }

  @Test func `SipHash, of every length and from every alignment`() {
    let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
    // The example of the paper's appendix A, which has two rounds and four.
    #expect(slowHash(key, Array(0..<15), rounds: 2, lastRounds: 4) == 0xA129_CA61_49BE_45E5)
    var dice = Dice(8)
    let bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &dice) }
    bytes.withUnsafeBytes { all in
      for length in 0...270 {
        let start = length % 11
        let expected = slowHash(key, Array(bytes[start..<(start + length)]), rounds: 1, lastRounds: 3)
        #expect(platform_siphash(key.0, key.1, all.baseAddress.map { $0 + start }, length) == expected)
      }
      #expect(platform_hash(all.baseAddress, 40) == platform_hash(all.baseAddress, 40))
      #expect(platform_hash(all.baseAddress, 40) != platform_hash(all.baseAddress, 41))
    }
    #expect(platform_siphash(key.0, key.1, nil, 0) == slowHash(key, [], rounds: 1, lastRounds: 3))
  }

  @Test func `S5 text is compared as byte by byte`() {
    var dice = Dice(7)
    for length in 0...70 {
      let text = (0..<length).map { _ in UInt8.random(in: 0x20..<0x7F, using: &dice) }
      for at in 0...length {
        // A byte differs, the last byte is missing, or both are equal.
        let other = at < length ? text.enumerated().map { $0.offset == at ? $0.element ^ 1 : $0.element } : text
        for changed in [other, Array(other.dropLast())] {
          // This also starts at an odd address.
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

  @Test func `S2 the run that needs no escape ends where it does byte by byte`() {
    var dice = Dice(9)
    // These are the bytes that end the fast path, their neighbours, and the same bytes with the high bit set.
    let near: [UInt8] = [0x00, 0x01, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x80, 0x9F, 0xA0, 0xA1, 0xA2, 0xA3, 0xDC, 0xFF]
    for _ in 0..<tries(of: 20_000) {
      let text = (0..<Int.random(in: 0...40, using: &dice)).map { _ in
        Int.random(in: 0..<12, using: &dice) == 0 ? near.randomElement(using: &dice) ?? 0 : UInt8(ascii: "a")
      }
      let start = Int.random(in: 0...text.count, using: &dice)
      let end = text[start...].firstIndex { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") } ?? text.count
      #expect(text.withUnsafeBytes { JSONText.endOfPlain($0, from: start) } == end, "\(text) from \(start)")
    }
  }

  @Test func `eight bytes are those that are there`() {
    let bytes = (1...20).map { UInt8($0) }
    for count in 1...20 {
      for at in 0..<count {
        let word = bytes[at..<count].prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // Nothing is read behind the end: the bytes end where the memory does.
        let found = bytes[..<count].withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: count).word(at: at) }
        #expect(found == word, "\(at) of \(count)")
      }
    }
  }

  @Test func `S2 a value that has a quick way ends where the scan says`() throws {
    var dice = Dice(13)
    let pieces = ["\"", "a", "abcdefgh", "é", "\\\"", "\\", "\u{1}", "0", "1", "23", "999999999999999999", "-", ".5", "e1", ",", "]", " "]
    for _ in 0..<tries(of: 30_000) {
      let text = Array((0..<Int.random(in: 1...6, using: &dice)).compactMap { _ in pieces.randomElement(using: &dice) }.joined().utf8)
      let padding = [UInt8](repeating: UInt8(ascii: "x"), count: Int.random(in: 0...9, using: &dice))
      let whole = text + padding
      // A scan of the text up to each end tells which is the longest value that the text begins with.
      var ends: [Int] = []
      for end in 1...whole.count {
        let verdict = try Array(whole[..<end]).withUnsafeBytes { bytes throws(Failure) in try JSONScan.scan(bytes) }
        if case .json(isCompact: true) = verdict { ends.append(end) }
      }
      let string = whole.withUnsafeBytes { JSONText.endOfPlainString($0, from: 0) }
      let integer = whole.withUnsafeBytes { JSONText.endOfPlainInteger($0, from: 0) }
      let value = try whole.withUnsafeBytes { bytes throws(Failure) in try JSONScan.end(ofValueAt: 0, in: bytes) }
      if let string { #expect(ends.last == string && whole[1..<(string - 1)].allSatisfy { $0 < 0x80 }, "\(whole)") }
      if let integer { #expect(ends.last == integer && whole[integer] == UInt8(ascii: ","), "\(whole)") }
      if whole.first == UInt8(ascii: "\"") { #expect(value == ends.last, "\(whole)") }
    }
  }

  @Test func `S2 white space goes as byte by byte`() {
    var dice = Dice(10)
    let pieces = ["{", "}", "[", "]", ",", ":", " ", "\t", "\n", "1.50", "true", "\"\"", "\"a b\"", "\"[{ \"", "\"\\\" ]\"", "\"é\\\\\""]
    for _ in 0..<5000 {
      let text = Array((0..<Int.random(in: 0...30, using: &dice)).compactMap { _ in pieces.randomElement(using: &dice) }.joined().utf8)
      var (compacted, inString, isEscaped) = ([UInt8](), false, false)
      for byte in text {
        if inString || ![0x20, 0x09, 0x0A].contains(byte) { compacted.append(byte) }
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\"") {
          inString.toggle()
        } else if inString {
          isEscaped = byte == UInt8(ascii: "\\")
        }
      }
      text.withUnsafeBytes { text in
        let buffer = ByteBuffer()
        JSONText.append(compacted: text, to: buffer)
        #expect(buffer.bytes.elementsEqual(compacted))
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

  /// Returns keys that are short and of few letters, so that some are equal and some begin equally.
  private func randomKey(_ dice: inout Dice) -> [UInt8] {
    (0..<Int.random(in: 0...4, using: &dice)).map { _ in [0x61, 0x62, 0xC3].randomElement(using: &dice) ?? 0 }
  }
}
