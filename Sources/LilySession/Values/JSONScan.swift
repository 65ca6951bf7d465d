import CPlatform

/// Decides what is JSON, by RFC 8259 and the narrower rules of docs/format.md. It agrees with jansson on every text, which a test and a
/// fuzzer check. It builds nothing and does not recurse: arrays and objects cost only what `JSONNames` keeps while they are open.
struct JSONScan {
  enum Verdict {
    /// The text is one JSON value. `isCompact` is true if it has no white space outside strings.
    case json(isCompact: Bool)
    /// The text is not JSON, for this reason. `at` is the byte where it is wrong, counted from 0.
    case notJSON(StaticString, at: Int)
    /// Arrays and objects nest deeper than `JSONText.depthLimit`. The rest of the text was not looked at.
    case tooDeep
  }

  /// Scans a text. Throws only if there is no memory.
  static func scan(_ text: UnsafeRawBufferPointer) throws(Failure) -> Verdict {
    let scan = try JSONScan(valueAt: 0, in: text)
    if scan.isTooDeep { return .tooDeep }
    let end = JSONText.endOfSpace(text, from: scan.at)
    guard scan.isValue else { return .notJSON(scan.reason(text), at: scan.at) }
    guard end == text.count else { return .notJSON("the text is not JSON: unexpected text after the value", at: end) }
    guard scan.isUTF8(text, from: 0) else { return .notJSON("the text is not JSON: invalid UTF-8", at: UTF8Text.endOfValid(text)) }
    return .json(isCompact: scan.isCompact && end == scan.at)
  }

  /// Returns where the value ends that begins at `start`. Returns nil if there is no value, or if it has white space outside strings or is
  /// too long, because a journal has no such values. Throws only if there is no memory.
  static func end(ofValueAt start: Int, in text: UnsafeRawBufferPointer) throws(Failure) -> Int? {
    guard start >= 0, start < text.count else { return nil }
    if let end = JSONText.endOfPlainString(text, from: start) { return end &- start <= JSONText.valueLimit ? end : nil }
    if let end = JSONText.endOfPlainInteger(text, from: start) { return end }
    let most = JSONText.valueLimit &+ 1
    let end = text.count &- start > most ? start &+ most : text.count
    let scan = try JSONScan(valueAt: start, in: UnsafeRawBufferPointer(rebasing: text[0..<end]))
    guard scan.isValue, scan.isCompact, scan.at &- start <= JSONText.valueLimit, scan.isUTF8(text, from: start) else { return nil }
    return scan.at
  }

  /// A buffer with a pointer that is not optional, because an optional one would be checked at each byte. `at` must be below `count`.
  private struct Text {
    let start: UnsafePointer<UInt8>
    let count: Int

    @inline(__always)
    subscript(at: Int) -> UInt8 { start[at] }

    @inline(__always)
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
  }

  private var at: Int
  private var isCompact = true
  private var isTooDeep = false
  private var wrongName = JSONNames.Wrong.nothing
  /// True if a whole value was scanned. That its strings are UTF-8 has not been checked yet.
  private var isValue = false
  /// All bytes of strings, combined by OR in eight lanes: a high bit is set if a byte was not ASCII.
  private var seen: UInt64 = 0

  /// Scans the next value, and stops behind it.
  private init(valueAt start: Int, in text: UnsafeRawBufferPointer) throws(Failure) {
    at = start
    guard let first = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let text = Text(start: first, count: text.count)
    let byte = next(text)
    guard byte != 0 else { return }
    if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
      let begun = self
      self = try JSONNames.withMemory { memory throws(Failure) in
        var scan = begun
        var names = JSONNames(memory)
        scan.isValue = try scan.scanNested(text, &names)
        scan.wrongName = names.wrong
        return scan
      }
    } else if byte == UInt8(ascii: "\"") { // a scalar needs no list of open arrays and objects
      isValue = scanString(text) != nil
    } else {
      isValue = try scanScalar(byte, text)
    }
  }

  /// Returns what is wrong at the place where the scan stopped. This looks at the text again, so that the scan need not keep a reason.
  @inline(never)
  private func reason(_ text: UnsafeRawBufferPointer) -> StaticString {
    switch wrongName {
    case .duplicate: return "the text is not JSON: duplicate name"
    case .spelling: return "the text is not JSON: a name with a NUL"
    case .nothing: break
    }
    var isInString = false
    var byte = 0
    while byte < at {
      if isInString, text[byte] == UInt8(ascii: "\\") { byte &+= 1 } else if text[byte] == UInt8(ascii: "\"") { isInString.toggle() }
      byte &+= 1
    }
    let next = at < text.count ? text[at] : 0
    if isInString {
      if at == text.count { return "the text is not JSON: a string without an end" }
      if next == UInt8(ascii: "\\") { return "the text is not JSON: a wrong escape in a string" }
      let isLineBreak = next == 0x0A || next == 0x0D
      return isLineBreak ? "the text is not JSON: a raw line break in a string" : "the text is not JSON: a raw control character in a string"
    }
    var digit = at
    while digit > 0, text[digit &- 1] &- UInt8(ascii: "0") < 10 { digit &-= 1 }
    let count = at &- digit
    let isNumber = count == 0
      ? at > 0 && text[at &- 1] == UInt8(ascii: "-")
      : next == UInt8(ascii: ".") || next | 0x20 == UInt8(ascii: "e") || count >= 300 || count > 1 && text[digit] == UInt8(ascii: "0")
    if isNumber { return "the text is not JSON: a wrong number, or one that is too large," }
    return at < text.count ? "the text is not JSON: unexpected character" : "the text is not JSON: the text ends too early"
  }

  /// Returns true if the text from `start` on is UTF-8. Only strings can have bytes above ASCII, because no other token does.
  @inline(__always)
  private func isUTF8(_ text: UnsafeRawBufferPointer, from start: Int) -> Bool {
    seen & 0x8080_8080_8080_8080 == 0 || UTF8Text.isValid(UnsafeRawBufferPointer(rebasing: text[start..<at]))
  }

  // The functions below are inlined into one loop that has `self` in registers. Those that are not inlined must not change `self`.

  @inline(__always)
  @_optimize(speed)
  private mutating func scanNested(_ text: Text, _ names: inout JSONNames) throws(Failure) -> Bool {
    /// The byte that closes the innermost array or object, or 0 if none is open.
    var closing: UInt8 = 0
    var byte = next(text)
    while true {
      // A member or an element begins here.
      if closing == UInt8(ascii: "}") {
        guard byte == UInt8(ascii: "\"") else { return false }
        let start = at &+ 1
        guard let hasEscapes = scanString(text) else { return false }
        guard hasEscapes ? try names.add(spelled: start, at &- 1, in: text.bytes) : try names.add(start, at &- 1, in: text.start, text.bytes) else {
          return false
        }
        guard next(text) == UInt8(ascii: ":") else { return false }
        at &+= 1
        byte = next(text)
      }
      if byte == UInt8(ascii: "\"") {
        guard scanString(text) != nil else { return false }
      } else if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
        if names.depth == JSONText.depthLimit {
          isTooDeep = true
          return false
        }
        at &+= 1
        try names.openContainer(within: closing)
        closing = byte &+ 2 // in ASCII, "]" and "}" come two behind "[" and "{"
        byte = next(text)
        if byte != closing { continue }
      } else {
        guard try scanScalar(byte, text) else { return false }
      }
      // A value has ended, or an empty array or object is about to. Those around it may end, too.
      byte = next(text)
      while byte != UInt8(ascii: ",") {
        guard byte == closing else { return false }
        at &+= 1
        guard let around = try names.closeContainer(text.bytes) else { return false }
        if names.depth == 0 { return true }
        closing = around
        byte = next(text)
      }
      at &+= 1
      byte = next(text)
    }
  }

  /// Scans `true`, `false`, `null` or a number. `byte` is its first, or 0 at the end of the text.
  @inline(__always)
  private mutating func scanScalar(_ byte: UInt8, _ text: Text) throws(Failure) -> Bool {
    if byte == UInt8(ascii: "t") { return skipWord(0x6575_7274, text) } // "true", the first letter in the lowest byte
    if byte == UInt8(ascii: "n") { return skipWord(0x6C6C_756E, text) } // "null"
    let isWhole: Bool
    (at, isWhole) = try JSONScan.falseOrNumber(text, at)
    return isWhole
  }

  @inline(__always)
  private mutating func skipWord(_ word: UInt32, _ text: Text) -> Bool {
    guard JSONScan.isWord(word, text, at) else { return false }
    at &+= 4
    return true
  }

  @inline(__always)
  private static func isWord(_ word: UInt32, _ text: Text, _ at: Int) -> Bool {
    text.count &- at >= 4 && UInt32(littleEndian: UnsafeRawPointer(text.start).loadUnaligned(fromByteOffset: at, as: UInt32.self)) == word
  }

  /// Returns where it ends, or where it is wrong.
  @inline(never)
  private static func falseOrNumber(_ text: Text, _ start: Int) throws(Failure) -> (end: Int, isWhole: Bool) {
    guard start < text.count else { return (start, false) }
    if text[start] == UInt8(ascii: "f") {
      let isWhole = isWord(0x6573_6C61, text, start &+ 1) // "alse"
      return (isWhole ? start &+ 5 : start &+ 1, isWhole)
    }
    let whole = text[start] == UInt8(ascii: "-") ? start &+ 1 : start
    let end = endOfDigits(text, from: whole)
    guard end > whole, text[whole] != UInt8(ascii: "0") || end == whole &+ 1 else { return (end, false) }
    // Up to three hundred digits are surely in range.
    if end &- start < 300, end == text.count || text[end] != UInt8(ascii: ".") && text[end] | 0x20 != UInt8(ascii: "e") { return (end, true) }
    guard let endOfAll = try JSONText.endOfNumber(text.bytes, from: start, wholeTo: end) else { return (end, false) }
    return (endOfAll, true)
  }

  @inline(__always)
  private static func endOfDigits(_ text: Text, from start: Int) -> Int {
    guard start &+ 16 <= text.count else { return JSONText.endOfDigits(text.bytes, from: start) }
    let digits = Int(platform_digits_of_16(text.start + start))
    return digits < 16 ? start &+ digits : JSONText.endOfDigits(text.bytes, from: start &+ 16)
  }

  /// Scans the string that begins here, and stops behind it. Returns true if it has escapes, or nil if it is invalid.
  @inline(__always)
  private mutating func scanString(_ text: Text) -> Bool? {
    at &+= 1
    if at &+ 16 <= text.count { // most strings are short, and have no escapes
      seen |= JSONScan.bits(text.start + at)
      at &+= Int(platform_plain_of_16(text.start + at))
      if at < text.count, text[at] == UInt8(ascii: "\"") {
        at &+= 1
        return false
      }
    }
    let rest = JSONScan.restOfString(text, at)
    at = rest.end
    seen |= rest.seen
    return rest.isWhole ? rest.hasEscapes : nil
  }

  /// Scans the rest of a string, from a place behind its opening quote.
  @inline(never)
  private static func restOfString(_ text: Text, _ start: Int) -> (end: Int, seen: UInt64, hasEscapes: Bool, isWhole: Bool) {
    var (at, seen, hasEscapes) = (start, UInt64(0), false)
    while at < text.count {
      if at &+ 16 <= text.count {
        let plain = Int(platform_plain_of_16(text.start + at))
        seen |= bits(text.start + at)
        at &+= plain
        if plain == 16 { continue }
      }
      let byte = text[at]
      switch byte {
      case UInt8(ascii: "\""): return (at &+ 1, seen, hasEscapes, true)
      case UInt8(ascii: "\\"):
        guard let escape = JSONEscape(text.bytes, at: at) else { return (at, seen, true, false) }
        hasEscapes = true
        at &+= escape.length
      case 0..<0x20: return (at, seen, hasEscapes, false)
      default:
        seen |= UInt64(byte)
        at &+= 1
      }
    }
    return (at, seen, hasEscapes, false)
  }

  /// Returns 16 bytes combined by OR in eight lanes.
  @inline(__always)
  private static func bits(_ bytes: UnsafePointer<UInt8>) -> UInt64 {
    let bytes = UnsafeRawPointer(bytes)
    return bytes.loadUnaligned(as: UInt64.self) | bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
  }

  /// Skips white space, of which there is usually none, and returns the byte behind it: 0 at the end, where as little may be as where a NUL is.
  @inline(__always)
  private mutating func next(_ text: Text) -> UInt8 {
    if at < text.count, text[at] > 0x20 { return text[at] }
    at = JSONScan.endOfSpace(text, at, &isCompact)
    return at < text.count ? text[at] : 0
  }

  /// Returns where the white space ends, and clears `isCompact` if there is any.
  @inline(never)
  private static func endOfSpace(_ text: Text, _ start: Int, _ isCompact: inout Bool) -> Int {
    let end = JSONText.endOfSpace(text.bytes, from: start)
    if end > start { isCompact = false }
    return end
  }
}
