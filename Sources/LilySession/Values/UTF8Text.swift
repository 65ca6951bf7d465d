/// Checks UTF-8 by RFC 3629: only the shortest form, no surrogates, and nothing above U+10FFFF.
package enum UTF8Text {
  static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool { endOfValid(bytes) == bytes.count }

  /// Returns the place of the first byte that is not UTF-8, or the end of the text.
  static func endOfValid(_ bytes: UnsafeRawBufferPointer) -> Int {
    var at = 0
    let end = bytes.count
    while at < end {
      // Most text is ASCII, of which eight bytes are looked at together.
      while at < end, bytes.word(at: at) & 0x8080_8080_8080_8080 == 0 { at &+= 8 }
      guard at < end else { break }
      if bytes[at] < 0x80 {
        at &+= 1
        continue
      }
      let length = sequenceLength(bytes, at)
      if length == 0 { return at }
      at &+= length
    }
    return end
  }

  /// Returns the text as one line, for a message. Each control character becomes `?`. If the text is not UTF-8, so does each byte above
  /// ASCII.
  package static func oneLine(_ text: [UInt8]) -> [UInt8] {
    let isText = text.withUnsafeBytes(isValid)
    var line: [UInt8] = []
    line.reserveCapacity(text.count)
    for byte in text {
      switch byte {
      case 0..<0x20, 0x7F: line.append(UInt8(ascii: "?"))
      case 0x80... where !isText: line.append(UInt8(ascii: "?"))
      case 0x80..<0xA0 where line.last == 0xC2: line[line.count &- 1] = UInt8(ascii: "?") // U+0080 to U+009F
      default: line.append(byte)
      }
    }
    return line
  }

  /// Returns the length of the well-formed sequence of several bytes at this place, or 0 if there is none. The table is Unicode's 3-7.
  private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
    let lead = bytes[at]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: length = 3; second = 0xA0...0xBF
    case 0xED: length = 3; second = 0x80...0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0: length = 4; second = 0x90...0xBF
    case 0xF1...0xF3: length = 4
    case 0xF4: length = 4; second = 0x80...0x8F
    default: return 0
    }
    guard bytes.count &- at >= length, second.contains(bytes[at &+ 1]) else { return 0 }
    var next = at &+ 2
    while next < at &+ length {
      guard bytes[next] & 0xC0 == 0x80 else { return 0 }
      next &+= 1
    }
    return length
  }
}
