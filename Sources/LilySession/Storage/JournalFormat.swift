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

/// Reads lines into changes. What it hands out points into the line, and lives until the next one is read.
final class LineReader {
  struct Change {
    var isSet: Bool
    var key: UnsafeRawBufferPointer
    var value: UnsafeRawBufferPointer
    var deadline: Int64
    var version: UInt32
  }
  enum Operation {
    /// `changes`, all or none.
    case change
    case clear(scope: Scope, generation: UInt64)
    case moved
    /// Of a newer format.
    case unknown
  }

  private(set) var changes: [Change] = []
  /// Keys that were spelled with escapes.
  private let unescaped = ByteBuffer()
  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  private var at = 0

  /// nil: the line is damaged. `line` is without its newline.
  func read(_ line: UnsafeRawBufferPointer, _ salt: Salt, _ json: JSON) throws(Failure) -> (sequence: Int64, Operation)? {
    guard LineReader.isChecked(line, salt) else { return nil }
    self.line = line
    at = 12
    changes.removeAll(keepingCapacity: true)
    unescaped.truncate(to: 0)
    unescaped.reserve(line.count) // so that it never moves: keys point into it
    guard let sequence = integer(), (1...JournalHeader.sequenceLimit).contains(sequence), take(","), let name = string() else { return nil }
    let operation: Operation
    if isName(name, "batch") {
      guard take(","), take("["), try batch(json) else { return nil }
      operation = .change
    } else if isName(name, "clear") {
      guard take(","), let text = try keyText(json), let scope = Scope(ofSession: text), take(","), let digits = string(),
        digits.count == 18, let generation = JournalHeader.hex(digits, 1, 16)
      else { return nil }
      operation = .clear(scope: scope, generation: generation)
    } else if isName(name, "moved") {
      operation = .moved
    } else if isName(name, "set") || isName(name, "remove") {
      guard try change(name, json) else { return nil }
      operation = .change
    } else {
      // What its members mean is not ours to judge; that they are JSON is.
      guard !name.contains(UInt8(ascii: "\\")), skipValues(), try json.isLine(line) else { return nil }
      operation = .unknown
    }
    guard take("]"), at == line.count else { return nil }
    return (sequence, operation)
  }

  /// Returns true if it begins as a line does, and its check holds.
  static func isChecked(_ line: UnsafeRawBufferPointer, _ salt: Salt) -> Bool {
    guard let check = check(of: line) else { return false }
    return salt.check(UnsafeRawBufferPointer(rebasing: line[JournalHeader.checkedFrom...])) == check
  }

  /// Returns the check that a line begins with; nil if it does not begin as a line does.
  static func check(of line: UnsafeRawBufferPointer) -> UInt32? {
    guard line.count > JournalHeader.checkedFrom, line[0] == UInt8(ascii: "["), line[1] == UInt8(ascii: "\""),
      line[10] == UInt8(ascii: "\""), line[11] == UInt8(ascii: ","), let check = JournalHeader.hex(line, 2, 8)
    else { return nil }
    return UInt32(truncatingIfNeeded: check)
  }

  /// The members of an operation that is not known.
  private func skipValues() -> Bool {
    while take(",") {
      guard let end = JSONText.end(ofValueAt: at, in: line) else { return false }
      at = end
    }
    return true
  }

  private func batch(_ json: JSON) throws(Failure) -> Bool {
    repeat {
      guard take("["), let name = string(), try change(name, json), take("]") else { return false }
    } while take(",")
    return take("]")
  }

  /// The rest of a set or a remove, whose name has been read.
  private func change(_ name: UnsafeRawBufferPointer, _ json: JSON) throws(Failure) -> Bool {
    let isSet = isName(name, "set")
    guard isSet || isName(name, "remove"), take(","), let key = try keyText(json), !key.isEmpty else { return false }
    var change = Change(isSet: isSet, key: key, value: UnsafeRawBufferPointer(start: nil, count: 0), deadline: 0, version: 0)
    if isSet {
      guard take(","), let end = JSONText.end(ofValueAt: at, in: line) else { return false }
      change.value = UnsafeRawBufferPointer(rebasing: line[at..<end])
      at = end
      guard try json.isValue(change.value) else { return false }
      guard take(","), let deadline = integer() else { return false }
      change.deadline = deadline
      if take(",") {
        guard let version = integer(), version > 0, let version = UInt32(exactly: version) else { return false }
        change.version = version
      }
    }
    changes.append(change)
    return true
  }

  private func take(_ byte: Unicode.Scalar) -> Bool {
    guard at < line.count, line[at] == UInt8(ascii: byte) else { return false }
    at &+= 1
    return true
  }

  /// No sign, no leading zero.
  private func integer() -> Int64? {
    let start = at
    while at < line.count, line[at] >= UInt8(ascii: "0"), line[at] <= UInt8(ascii: "9") { at &+= 1 }
    guard at > start, at == start &+ 1 || line[start] != UInt8(ascii: "0") else { return nil }
    return JSONText.integer(UnsafeRawBufferPointer(rebasing: line[start..<at]))
  }

  /// A string as it is spelled, with its quotes.
  private func string() -> UnsafeRawBufferPointer? {
    guard at < line.count, line[at] == UInt8(ascii: "\""), let end = JSONText.end(ofValueAt: at, in: line) else { return nil }
    defer { at = end }
    return UnsafeRawBufferPointer(rebasing: line[at..<end])
  }

  private func isName(_ spelled: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard spelled.count == name.utf8CodeUnitCount &+ 2 else { return false }
    return UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
      .equals(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// The bytes that a string stands for, if they can be a key or a prefix.
  private func keyText(_ json: JSON) throws(Failure) -> UnsafeRawBufferPointer? {
    guard let spelled = string() else { return nil }
    let inner = UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
    var text = inner
    let plain = JSONText.endOfPlain(inner, from: 0)
    if plain < inner.count, inner.contains(UInt8(ascii: "\\")) {
      let start = unescaped.count
      do throws(Failure) {
        _ = try json.parse(spelled).withValue(as: .string) { unescaped.append($0.text) }
      } catch {
        if error.status == .decode { return nil }
        throw error
      }
      text = unescaped.slice(start, unescaped.count)
    } else if plain < inner.count {
      return nil // a control character
    }
    guard let scope = Scope.prefixLength(text), text.count &- scope <= Key.storageLimit else { return nil }
    let key = UnsafeRawBufferPointer(rebasing: text[scope...])
    return key.hasNUL || !UTF8Text.isValid(text) ? nil : text
  }
}
