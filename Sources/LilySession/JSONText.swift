/// JSON text that needs no parser: writing scalars, taking white space out, and finding where a value ends.
enum JSONText {
  static var depthLimit: Int { 512 }
  static var valueLimit: Int { 16 << 20 }

  /// A string, in quotes: escaped as jansson does it (a test compares), non-ASCII as it is. `text` is UTF-8.
  static func append(string text: UnsafeRawBufferPointer, to buffer: ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    var at = 0
    while true {
      let end = endOfPlain(text, from: at)
      buffer.append(UnsafeRawBufferPointer(rebasing: text[at..<end]))
      guard end < text.count else { break }
      at = end &+ 1
      let byte = text[end]
      buffer.append(UInt8(ascii: "\\"))
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): buffer.append(byte)
      case 0x08: buffer.append(UInt8(ascii: "b"))
      case 0x09: buffer.append(UInt8(ascii: "t"))
      case 0x0A: buffer.append(UInt8(ascii: "n"))
      case 0x0C: buffer.append(UInt8(ascii: "f"))
      case 0x0D: buffer.append(UInt8(ascii: "r"))
      default:
        buffer.append("u00")
        buffer.append(byte >= 0x10 ? UInt8(ascii: "1") : UInt8(ascii: "0"))
        let low = byte & 15
        buffer.append(low < 10 ? UInt8(ascii: "0") &+ low : UInt8(ascii: "A") &+ low &- 10)
      }
    }
    buffer.append(UInt8(ascii: "\""))
  }

  /// Where the run ends that needs no escape.
  static func endOfPlain(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    // Eight bytes at a time: a subtraction borrows into the high bit of a byte that is below 0x20, or is a quote or a backslash.
    // It may borrow from the byte above as well, so that only the first bit says where.
    while at &+ 8 <= text.count {
      let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      let quotes = word ^ 0x2222_2222_2222_2222
      let backslashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
      let ones: UInt64 = 0x0101_0101_0101_0101
      let borrowed = (word &- ones &* 0x20) | (quotes &- ones) | (backslashes &- ones)
      let found = borrowed & ~word & (ones &* 0x80)
      if found != 0 { return at &+ found.trailingZeroBitCount / 8 }
      at &+= 8
    }
    while at < text.count, text[at] >= 0x20, text[at] != UInt8(ascii: "\""), text[at] != UInt8(ascii: "\\") { at &+= 1 }
    return at
  }

  /// JSON that `JSON.check` has passed, and what that answered.
  static func append(json text: UnsafeRawBufferPointer, isCompact: Bool, to buffer: ByteBuffer) {
    if isCompact { buffer.append(text) } else { append(compacted: text, to: buffer) }
  }

  /// Valid JSON, without the white space outside strings.
  static func append(compacted text: UnsafeRawBufferPointer, to buffer: ByteBuffer) {
    var kept = 0
    var at = 0
    while at < text.count {
      let byte = text[at]
      if byte == UInt8(ascii: "\"") {
        at = endOfString(text, from: at &+ 1)
        continue
      }
      if byte <= 0x20 {
        buffer.append(UnsafeRawBufferPointer(rebasing: text[kept..<at]))
        kept = at &+ 1
      }
      at &+= 1
    }
    buffer.append(UnsafeRawBufferPointer(rebasing: text[kept..<text.count]))
  }

  /// Behind the quote that ends the string, or the text's end. `start` is within the string.
  private static func endOfString(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = endOfPlain(text, from: start)
    while at < text.count, text[at] != UInt8(ascii: "\"") {
      // What is escaped is no quote.
      at = endOfPlain(text, from: min(at &+ (text[at] == UInt8(ascii: "\\") ? 2 : 1), text.count))
    }
    return min(at &+ 1, text.count)
  }

  /// Whether objects and arrays nest no deeper than this. Asked before jansson, whose parser recurses.
  static func isShallow(_ text: UnsafeRawBufferPointer, depth limit: Int) -> Bool {
    var depth = 0
    var at = 0
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "\""):
        at = endOfString(text, from: at &+ 1)
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth &+= 1
        if depth > limit { return false }
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth &-= 1
      default: break
      }
      at &+= 1
    }
    return true
  }

  /// Where the value that begins at `start` ends, in text without white space outside strings; nil: it does not end, or has
  /// white space. What is between is left to jansson.
  static func end(ofValueAt start: Int, in text: UnsafeRawBufferPointer) -> Int? {
    var depth = 0
    var inString = false
    var at = start
    while at < text.count {
      if inString {
        at = endOfPlain(text, from: at)
        guard at < text.count else { return nil }
        if text[at] == UInt8(ascii: "\\") {
          at &+= 1
        } else if text[at] == UInt8(ascii: "\"") {
          inString = false
          if depth == 0 { return at &+ 1 }
        }
      } else {
        let byte = text[at]
        switch byte {
        case UInt8(ascii: "\""):
          if depth == 0 && at > start { return nil }
          inString = true
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          if depth == 0 && at > start { return nil }
          depth &+= 1
        case UInt8(ascii: "]"), UInt8(ascii: "}"):
          if depth == 0 { return at > start ? at : nil }
          depth &-= 1
          if depth == 0 { return at &+ 1 }
        case UInt8(ascii: ","):
          if depth == 0 { return at > start ? at : nil }
        case 0...0x20: return nil
        default: break
        }
      }
      at &+= 1
    }
    return nil
  }

  /// The number that this text spells without fraction and exponent, if it fits. `text` is one JSON number.
  static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
    var at = 0
    let negative = text.count > 0 && text[0] == UInt8(ascii: "-")
    if negative { at = 1 }
    guard at < text.count else { return nil }
    var value: Int64 = 0
    while at < text.count {
      let byte = text[at]
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let digit = Int64(byte &- UInt8(ascii: "0"))
      let tens = value.multipliedReportingOverflow(by: 10)
      let next = negative ? tens.partialValue.subtractingReportingOverflow(digit) : tens.partialValue.addingReportingOverflow(digit)
      guard !tens.overflow, !next.overflow else { return nil }
      value = next.partialValue
      at &+= 1
    }
    return value
  }
}
