/// The journal's format, as docs/format.md has it: its header, and what a line says.
struct JournalHeader {
  static var length: Int { 70 }
  static var fileLimit: Int64 { 4 << 30 }
  /// Of a line. No file has as many: one above it is damage, and would leave no room for those to come.
  static var sequenceLimit: Int64 { 1 << 32 }

  var salt: Salt
  var generation: UInt64

  /// What every header of version 1 looks like; `h` stands for a hex digit.
  private static var template: StaticString {
    "[\"hhhhhhhh\",0,\"lily-session\",1,\"hhhhhhhhhhhhhhhh\",\"hhhhhhhhhhhhhhhh\"]\n"
  }
  private static var saltOffset: Int { 32 }
  private static var generationOffset: Int { 51 }
  /// Where the check ends that every line begins with, and what it is the check of begins.
  static var checkedFrom: Int { 12 }
  /// What is the same in the headers of all versions, from there on.
  private static var name: StaticString { "0,\"lily-session\"," }

  /// Both copies.
  func append(to buffer: ByteBuffer) {
    for _ in 0..<2 {
      let start = buffer.count
      buffer.append("[\"00000000\",0,\"lily-session\",1,\"")
      buffer.append(hex: salt.value ?? 0, digits: 16)
      buffer.append("\",\"")
      buffer.append(hex: generation, digits: 16)
      buffer.append("\"]\n")
      let check = Salt.checkUnsalted(buffer.slice(start &+ 12, buffer.count &- 1))
      buffer.put(hex: UInt64(check), digits: 8, at: start &+ 2)
    }
  }

  enum Reading {
    /// `damaged`: one of the copies is not as it was written.
    case ours(JournalHeader, damaged: Bool)
    /// Nothing was ever stored here: empty, zeros, or cut short while it was made.
    case unfinished
    /// It was a journal, of which only a header is left.
    case cut(JournalHeader)
    /// It is longer than a header, and all zeros: something was stored here.
    case zeroed
    /// There is no header. Whether it was a journal, the lines tell.
    case lost
    case notOurs

    /// It may look so because it is being written.
    var isDoubtful: Bool {
      switch self {
      case .ours(_, let isDamaged): isDamaged
      case .cut, .zeroed, .lost: true
      case .unfinished, .notOurs: false
      }
    }
  }

  /// `bytes`: the file's first 140, or all that it has.
  static func read(_ bytes: UnsafeRawBufferPointer, fileSize: Int64, isAllZero: Bool) -> Reading {
    let first = copy(bytes, at: 0)
    let second = copy(bytes, at: length)
    if fileSize >= Int64(2 * length) {
      if let header = first ?? second { return .ours(header, damaged: first == nil || second == nil) }
      if isAllZero { return fileSize > Int64(2 * length) ? .zeroed : .unfinished }
    } else {
      if let first { return .cut(first) }
      if isAllZero || isPrefix(bytes) { return .unfinished }
    }
    return isAnyVersion(bytes) ? .notOurs : .lost
  }

  /// Returns true if one of the first two lines is the header of a format that we do not know.
  private static func isAnyVersion(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    while let newline = bytes[start...].firstIndex(of: 0x0A) {
      let line = UnsafeRawBufferPointer(rebasing: bytes[start..<newline])
      if let check = LineReader.check(of: line) {
        let checked = UnsafeRawBufferPointer(rebasing: line[checkedFrom...])
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let isOurs = checked.count > name.count &+ 1 && checked[name.count] == UInt8(ascii: "1") && checked[name.count &+ 1] == UInt8(ascii: ",")
        if checked.begins(with: name), !isOurs, Salt.checkUnsalted(checked) == check { return true }
      }
      start = newline &+ 1
    }
    return false
  }

  static func copy(_ bytes: UnsafeRawBufferPointer, at start: Int) -> JournalHeader? {
    guard bytes.count >= start &+ length else { return nil }
    let line = UnsafeRawBufferPointer(rebasing: bytes[start..<(start &+ length)])
    for at in 0..<line.count where !matches(line[at], at) { return nil }
    guard let check = hex(line, 2, 8), UInt64(Salt.checkUnsalted(UnsafeRawBufferPointer(rebasing: line[12..<(length &- 1)]))) == check,
      let salt = hex(line, saltOffset, 16), let generation = hex(line, generationOffset, 16)
    else { return nil }
    return JournalHeader(salt: Salt(salt), generation: generation)
  }

  private static func matches(_ byte: UInt8, _ at: Int) -> Bool {
    let wanted = template.utf8Start[at % length]
    return wanted == UInt8(ascii: "h") ? hexDigit(byte) != nil : byte == wanted
  }

  private static func isPrefix(_ bytes: UnsafeRawBufferPointer) -> Bool {
    for at in 0..<bytes.count where !matches(bytes[at], at) { return false }
    return true
  }

  static func hex(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ digits: Int) -> UInt64? {
    guard start >= 0, digits <= 16, bytes.count &- start >= digits else { return nil }
    var value: UInt64 = 0
    for at in start..<(start &+ digits) {
      guard let digit = hexDigit(bytes[at]) else { return nil }
      value = value &<< 4 | UInt64(digit)
    }
    return value
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte &- UInt8(ascii: "a") &+ 10
    default: return nil
    }
  }
}
