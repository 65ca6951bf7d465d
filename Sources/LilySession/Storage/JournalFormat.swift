/// The header of a journal, as docs/format.md describes it.
struct JournalHeader {
  static var length: Int { 70 }
  static var fileLimit: Int64 { 4 << 30 }
  /// The highest sequence number of a line. No file has as many lines. A higher number is damage, and would leave no room for later lines.
  static var sequenceLimit: Int64 { 1 << 32 }

  var salt: Salt
  var generation: UInt64

  /// The form of every header of version 1. An `h` stands for a hex digit.
  private static var template: StaticString {
    "[\"hhhhhhhh\",0,\"lily-session\",1,\"hhhhhhhhhhhhhhhh\",\"hhhhhhhhhhhhhhhh\"]\n"
  }
  private static var saltOffset: Int { 32 }
  private static var generationOffset: Int { 51 }
  /// Every line begins with `["`, the digits of its check, and `",`. The check covers all that follows.
  static var checkOffset: Int { 2 }
  static var checkDigits: Int { 8 }
  static var checkEnd: Int { checkOffset &+ checkDigits }
  static var checkedFrom: Int { checkEnd &+ 2 }
  /// The text behind the check that the headers of all versions have.
  private static var name: StaticString { "0,\"lily-session\"," }

  /// Appends both copies of the header.
  func append(to buffer: ByteBuffer) {
    for _ in 0..<2 {
      let start = buffer.count
      buffer.append("[\"00000000\",0,\"lily-session\",1,\"")
      buffer.append(hex: salt.value ?? 0, digits: 16)
      buffer.append("\",\"")
      buffer.append(hex: generation, digits: 16)
      buffer.append("\"]\n")
      let check = Salt.checkUnsalted(buffer.slice(start &+ JournalHeader.checkedFrom, buffer.count &- 1))
      buffer.put(hex: UInt64(check), digits: JournalHeader.checkDigits, at: start &+ JournalHeader.checkOffset)
    }
  }

  enum Reading {
    /// The file has a header. `damaged` is true if one of its copies is not as it was written.
    case ours(JournalHeader, damaged: Bool)
    /// Nothing was ever stored here: the file is empty, has zeros, or was cut short while it was made.
    case unfinished
    /// The file was a journal, of which only one copy of the header is left.
    case cut(JournalHeader)
    /// The file is longer than the header and all zeros, so something was stored here.
    case zeroed
    /// There is no header. The lines may show that the file was a journal.
    case lost
    /// The header is of a format version that this library does not know.
    case unknownVersion

    /// True if the header may look like this because it is just being written.
    var isDoubtful: Bool {
      switch self {
      case .ours(_, let isDamaged): isDamaged
      case .cut, .zeroed, .lost: true
      case .unfinished, .unknownVersion: false
      }
    }
  }

  /// Reads the header. `bytes` are the file's first 140 bytes, or all of a shorter file.
  static func read(_ bytes: UnsafeRawBufferPointer, fileSize: Int64, isAllZero: Bool) -> Reading {
    let first = parse(bytes, at: 0)
    let second = hasTwoCopies(bytes) ? first : parse(bytes, at: length)
    if fileSize >= Int64(2 * length) {
      if let header = first ?? second { return .ours(header, damaged: first == nil || second == nil) }
      if isAllZero { return fileSize > Int64(2 * length) ? .zeroed : .unfinished }
    } else {
      if let first { return .cut(first) }
      if isAllZero || isPrefix(bytes) { return .unfinished }
    }
    return isOfUnknownVersion(bytes) ? .unknownVersion : .lost
  }

  private static func hasTwoCopies(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 2 &* length else { return false }
    return UnsafeRawBufferPointer(rebasing: bytes[..<length]).equals(UnsafeRawBufferPointer(rebasing: bytes[length..<(2 &* length)]))
  }

  /// Returns true if one of the first two lines is the header of a format version that this library does not know.
  private static func isOfUnknownVersion(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    while let newline = bytes[start...].firstIndex(of: 0x0A) {
      let line = UnsafeRawBufferPointer(rebasing: bytes[start..<newline])
      if let check = LineReader.check(of: line) {
        let checked = UnsafeRawBufferPointer(rebasing: line[checkedFrom...])
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let isVersion1 = checked.count > name.count &+ 1 && checked[name.count] == UInt8(ascii: "1") && checked[name.count &+ 1] == UInt8(ascii: ",")
        if checked.begins(with: name), !isVersion1, Salt.checkUnsalted(checked) == check { return true }
      }
      start = newline &+ 1
    }
    return false
  }

  static func parse(_ bytes: UnsafeRawBufferPointer, at start: Int) -> JournalHeader? {
    guard bytes.count >= start &+ length else { return nil }
    let line = UnsafeRawBufferPointer(rebasing: bytes[start..<(start &+ length)])
    guard hasForm(line) else { return nil }
    let checked = UnsafeRawBufferPointer(rebasing: line[checkedFrom..<(length &- 1)])
    guard let check = hex(line, at: checkOffset, digits: checkDigits), UInt64(Salt.checkUnsalted(checked)) == check,
      let salt = hex(line, at: saltOffset, digits: 16), let generation = hex(line, at: generationOffset, digits: 16)
    else { return nil }
    return JournalHeader(salt: Salt(salt), generation: generation)
  }

  /// Returns true if all but the digits is as in the template.
  private static func hasForm(_ line: UnsafeRawBufferPointer) -> Bool {
    let template = UnsafeRawBufferPointer(start: template.utf8Start, count: length)
    func isSame(_ from: Int, _ to: Int) -> Bool {
      UnsafeRawBufferPointer(rebasing: line[from..<to]).equals(UnsafeRawBufferPointer(rebasing: template[from..<to]))
    }
    return isSame(0, checkOffset) && isSame(checkEnd, saltOffset) && isSame(saltOffset &+ 16, generationOffset) && isSame(generationOffset &+ 16, length)
  }

  private static func matches(_ byte: UInt8, _ at: Int) -> Bool {
    let wanted = template.utf8Start[at % length]
    return wanted == UInt8(ascii: "h") ? hexDigit(byte) < 16 : byte == wanted
  }

  private static func isPrefix(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for at in 0..<bytes.count where !matches(bytes[at], at) { return false }
    return true
  }

  /// Reads a number of up to 16 hex digits. Returns nil if there is none.
  @_optimize(speed)
  static func hex(_ bytes: UnsafeRawBufferPointer, at start: Int, digits: Int) -> UInt64? {
    guard start >= 0, digits <= 16, bytes.count &- start >= digits, let first = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
    var (value, seen): (UInt64, UInt8) = (0, 0)
    for at in start..<(start &+ digits) {
      let digit = hexDigit(first[at])
      value = value &<< 4 | UInt64(digit)
      seen |= digit
    }
    return seen < 16 ? value : nil
  }

  /// Returns the value of a digit; 255 if it is none. It is computed without branches, because a processor would guess every third digit wrong.
  @inline(__always)
  private static func hexDigit(_ byte: UInt8) -> UInt8 {
    let (digit, letter) = (byte &- UInt8(ascii: "0"), byte &- UInt8(ascii: "a"))
    return digit < 10 ? digit : letter < 6 ? letter &+ 10 : 255
  }
}
