/// Splits JSON text into its parts without decoding them, so that each value comes out byte for byte as it was written. It does not
/// check that the text is JSON: the library checks each value of a dump before it stores it.
struct Scanner {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }
  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  /// Moves to the next such byte, or to the end.
  mutating func skip(to byte: UInt8) { position = bytes[position...].firstIndex(of: byte) ?? bytes.count }

  /// Goes past the byte if it comes next.
  /// - Returns: true if it does; false if the position is unchanged.
  mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  /// Calls `body` at each element or member of the array or object whose opening bracket was taken.
  mutating func forEach(until close: UInt8, _ body: (inout Scanner) throws -> Void) throws {
    skipSpace()
    if take(close) { return }
    while true {
      skipSpace()
      let before = position
      try body(&self)
      skipSpace()
      if take(close) { return }
      guard take(UInt8(ascii: ",")), position > before else {
        throw Problem(Problem.usage, "nothing was imported: the input is not JSON at byte \(position)")
      }
    }
  }

  /// Takes a member's name and the colon after it.
  /// - Returns: the name as it is spelled, with its quotes; nil if no name with a colon comes next.
  mutating func takeMemberName() -> ArraySlice<UInt8>? {
    guard let name = takeString() else { return nil }
    skipSpace()
    guard take(UInt8(ascii: ":")) else { return nil }
    skipSpace()
    return name
  }

  /// - Returns: the string that comes next, as it is spelled, with its quotes; nil if none does.
  mutating func takeString() -> ArraySlice<UInt8>? {
    let start = position
    guard take(UInt8(ascii: "\"")) else { return nil }
    while let byte = next {
      position += byte == UInt8(ascii: "\\") && position + 1 < bytes.count ? 2 : 1
      if byte == UInt8(ascii: "\"") { return bytes[start..<position] }
    }
    return nil
  }

  /// - Returns: the value that comes next, of any type; nil if none does, or it does not end.
  mutating func takeValue() -> ArraySlice<UInt8>? {
    let start = position
    var depth = 0
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        guard takeString() != nil else { return nil }
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ","):
        if depth == 0 { return start < position ? trimmed(start) : nil }
        if byte != UInt8(ascii: ",") { depth -= 1 }
      default: break
      }
      position += 1
    }
    return start < position && depth == 0 ? trimmed(start) : nil
  }

  private func trimmed(_ start: Int) -> ArraySlice<UInt8> {
    var slice = bytes[start..<position]
    while let last = slice.last, last <= 0x20 { slice.removeLast() }
    return slice
  }

  /// Decodes a string that is spelled in JSON, with its quotes.
  /// - Returns: the text; nil if the bytes are not a JSON string, or not valid Unicode.
  static func decode(_ spelled: ArraySlice<UInt8>) -> String? {
    guard spelled.count >= 2, spelled.first == UInt8(ascii: "\""), spelled.last == UInt8(ascii: "\"") else { return nil }
    var decoded: [UInt8] = []
    var at = spelled.startIndex + 1
    let end = spelled.endIndex - 1
    func unit(_ start: Int) -> UInt16? {
      guard start + 6 <= end, spelled[start] == UInt8(ascii: "\\"), spelled[start + 1] == UInt8(ascii: "u") else { return nil }
      var value: UInt16 = 0
      for byte in spelled[(start + 2)..<(start + 6)] {
        guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
        value = value << 4 | UInt16(digit)
      }
      return value
    }
    while at < end {
      guard spelled[at] == UInt8(ascii: "\\") else {
        guard spelled[at] >= 0x20 else { return nil }
        decoded.append(spelled[at])
        at += 1
        continue
      }
      guard at + 1 < end else { return nil }
      switch spelled[at + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(spelled[at + 1])
      case UInt8(ascii: "b"): decoded.append(0x08)
      case UInt8(ascii: "f"): decoded.append(0x0C)
      case UInt8(ascii: "n"): decoded.append(0x0A)
      case UInt8(ascii: "r"): decoded.append(0x0D)
      case UInt8(ascii: "t"): decoded.append(0x09)
      case UInt8(ascii: "u"):
        guard let first = unit(at) else { return nil }
        var units = [first]
        if UTF16.isLeadSurrogate(first), let second = unit(at + 6) {
          units.append(second)
          at += 6
        }
        guard let text = String(validating: units, as: UTF16.self) else { return nil }
        decoded += text.utf8
        at += 4
      default: return nil
      }
      at += 2
    }
    return String(validating: decoded, as: UTF8.self)
  }
}
