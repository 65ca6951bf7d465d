/// Works on the spelling of JSON: writes strings, takes white space out, and reads numbers.
package enum JSONText {
  static var depthLimit: Int { 512 }
  package static var valueLimit: Int { 16 << 20 }

  /// Appends a string in quotes. It is escaped as jansson does it (a test compares), and non-ASCII stays as it is. `text` must be UTF-8.
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

  /// Returns where the run of bytes ends that need no escape.
  static func endOfPlain(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while at < text.count {
      let special = special(in: text.word(at: at)) // the zeros behind the end are special
      if special != 0 { return at &+ special.trailingZeroBitCount / 8 }
      at &+= 8
    }
    return at
  }

  /// Finds the lowest of eight bytes that is below 0x20, a quote or a backslash. Returns its high bit, or 0 if there is none. The bits above
  /// it say nothing, because a subtraction borrows into the high bit of such a byte, and may borrow from the byte above as well.
  @inline(__always)
  static func special(in word: UInt64) -> UInt64 {
    let quotes = word ^ 0x2222_2222_2222_2222
    let backslashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
    let ones: UInt64 = 0x0101_0101_0101_0101
    let borrowed = (word &- ones &* 0x20) | (quotes &- ones) | (backslashes &- ones)
    return borrowed & ~word & (ones &* 0x80)
  }

  /// Appends JSON that `JSON.check` accepted, with the result of that check.
  static func append(json text: UnsafeRawBufferPointer, isCompact: Bool, to buffer: ByteBuffer) {
    if isCompact { buffer.append(text) } else { append(compacted: text, to: buffer) }
  }

  /// Appends valid JSON without the white space outside strings.
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

  /// Returns the place behind the quote that ends the string, or the text's end. `start` is within the string.
  static func endOfString(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = endOfPlain(text, from: start)
    while at < text.count, text[at] != UInt8(ascii: "\"") {
      // A quote behind a backslash does not end the string.
      at = endOfPlain(text, from: min(at &+ (text[at] == UInt8(ascii: "\\") ? 2 : 1), text.count))
    }
    return min(at &+ 1, text.count)
  }

  /// Returns the integer that one JSON number spells, or nil if it has a fraction or an exponent, or does not fit.
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

  /// Returns where the number that begins at `start` ends. Returns nil if it is invalid or too large for a double. Its whole part ends at
  /// `wholeEnd`.
  @inline(never)
  static func endOfNumber(_ text: UnsafeRawBufferPointer, from start: Int, wholeTo wholeEnd: Int) throws(Failure) -> Int? {
    var at = wholeEnd
    if at < text.count, text[at] == UInt8(ascii: ".") {
      let fraction = at &+ 1
      at = endOfDigits(text, from: fraction)
      guard at > fraction else { return nil }
    }
    var isShort = at &- start < 300
    if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
      at &+= 1
      if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at &+= 1 }
      let exponent = at
      at = endOfDigits(text, from: exponent)
      guard at > exponent else { return nil }
      isShort = false
    }
    if isShort { return at }
    return try isInRange(UnsafeRawBufferPointer(rebasing: text[start..<at])) ? at : nil
  }

  /// Returns true if one JSON number is in the range of a double. A number that is too small counts as 0.
  static func isInRange(_ text: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    let whole = text.first == UInt8(ascii: "-") ? 1 : 0
    var at = endOfDigits(text, from: whole)
    guard at > whole else { return false }
    // The power of ten of the first digit that is not 0.
    var power = at &- whole &- 1
    var isZero = text[whole] == UInt8(ascii: "0")
    if at < text.count, text[at] == UInt8(ascii: ".") {
      let fraction = at &+ 1
      at = endOfDigits(text, from: fraction)
      if isZero {
        var digit = fraction
        while digit < at, text[digit] == UInt8(ascii: "0") { digit &+= 1 }
        isZero = digit == at
        power = fraction &- digit &- 1
      }
    }
    if isZero { return true }
    if at &+ 1 < text.count {
      at &+= 1 // the e
      let isNegative = text[at] == UInt8(ascii: "-")
      if isNegative || text[at] == UInt8(ascii: "+") { at &+= 1 }
      var exponent = 0
      while at < text.count {
        exponent = min(exponent &* 10 &+ Int(text[at] &- UInt8(ascii: "0")), 1 << 40) // this is far beyond any text's length
        at &+= 1
      }
      power = isNegative ? power &- exponent : power &+ exponent
    }
    // The largest double is about 1.8e308.
    if power != 308 { return power < 308 }
    return try JSON.withCLocale { json throws(Failure) in try json.readReal(text) }.isFinite
  }

  /// Returns where the value ends that begins at `start`, and the white space behind it. The text must be the inside of a valid array or
  /// object, from a place before one of its values.
  static func endOfValue(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    var depth = 0
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "\""): at = endOfString(text, from: at &+ 1) &- 1
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth &+= 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        if depth == 0 { return at }
        depth &-= 1
      case UInt8(ascii: ",") where depth == 0: return at
      default: break
      }
      at &+= 1
    }
    return at
  }

  /// Returns where the string ends that begins at `start`, if it has only ASCII and no escapes, as most have. Returns nil if what begins there
  /// is anything else.
  @inline(__always)
  static func endOfPlainString(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard text[start] == UInt8(ascii: "\"") else { return nil }
    var at = start &+ 1
    while at < text.count {
      let word = text.word(at: at)
      let special = special(in: word)
      if word & 0x8080_8080_8080_8080 & (special &- 1) != 0 { return nil } // bytes behind the special one do not count
      if special != 0 {
        at &+= special.trailingZeroBitCount / 8
        return at < text.count && text[at] == UInt8(ascii: "\"") ? at &+ 1 : nil
      }
      at &+= 8
    }
    return nil
  }

  /// Returns where the integer ends that begins at `start`, if it has up to 18 digits and no sign, and a comma follows. Returns nil if anything
  /// else begins there.
  @inline(__always)
  static func endOfPlainInteger(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
    let end = endOfDigits(text, from: start)
    let isInteger = end > start && end &- start <= 18 && (text[start] != UInt8(ascii: "0") || end == start &+ 1)
    return isInteger && end < text.count && text[end] == UInt8(ascii: ",") ? end : nil
  }

  static func endOfDigits(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while at < text.count, text[at] >= UInt8(ascii: "0"), text[at] <= UInt8(ascii: "9") { at &+= 1 }
    return at
  }

  static func endOfSpace(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    while at < text.count, text[at] == 0x20 || text[at] == 0x09 || text[at] == 0x0A || text[at] == 0x0D { at &+= 1 }
    return at
  }

  /// Returns JSON text without the white space around it.
  static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = endOfSpace(text, from: 0)
    var end = text.count
    while end > start, text[end &- 1] <= 0x20 { end &-= 1 }
    return UnsafeRawBufferPointer(rebasing: text[start..<end])
  }
}
