/// Reads lines into changes. Their keys and values point into the line, and are valid until the next line is read.
final class LineReader {
  struct Change {
    var isSet: Bool
    var key: UnsafeRawBufferPointer
    var value: UnsafeRawBufferPointer
    var deadline: Int64
    var version: UInt32
  }
  enum Operation {
    /// The line sets or removes keys: all that `forEachChange` visits.
    case change
    case clear(scope: Scope, generation: UInt64)
    case moved
    /// The operation belongs to a newer format.
    case unknown
  }
  /// The longest line with an unknown operation, with its newline.
  static var unknownLimit: Int { 1 << 20 }

  /// Where the parts of a change are. It is small, because a line has room for millions of changes.
  private struct Place {
    var deadline: Int64 = 0
    var key: UInt32
    var value: UInt32 = 0
    var valueCount: UInt32 = 0
    var version: UInt32 = 0
    var keyCount: UInt16
    var isSet: Bool
    /// True if the key is in `unescaped`, and not in the line.
    var isUnescaped: Bool
  }
  private var places: [Place] = []
  /// Keys that were spelled with escapes.
  private let unescaped = ByteBuffer()
  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  private var at = 0

  init() { places.reserveCapacity(8) }

  /// Reads a line, which comes without its newline. Returns its sequence number and its operation, or nil if it is damaged. Throws only if
  /// there is no memory.
  func readLine(_ line: UnsafeRawBufferPointer, _ salt: Salt) throws(Failure) -> (sequence: Int64, Operation)? {
    guard LineReader.isChecked(line, salt), line.count <= Line.limit else { return nil }
    self.line = line
    at = JournalHeader.checkedFrom
    places.removeAll(keepingCapacity: true)
    unescaped.truncate(to: 0)
    guard let sequence = readInteger(), (1...JournalHeader.sequenceLimit).contains(sequence), skip(","), let name = try readString() else { return nil }
    let operation: Operation
    if isName(name, "batch") {
      guard skip(","), skip("["), try readBatch() else { return nil }
      operation = .change
    } else if isName(name, "clear") {
      guard skip(","), let sessions = try readKey(), let scope = Scope(ofSession: key(sessions)), skip(","), let digits = try readString(),
        digits.count == 18, let generation = JournalHeader.hex(digits, at: 1, digits: 16)
      else { return nil }
      operation = .clear(scope: scope, generation: generation)
    } else if isName(name, "moved") {
      operation = .moved
    } else if isName(name, "set") || isName(name, "remove") {
      guard try readChange(name) else { return nil }
      operation = .change
    } else {
      // The meaning of its members is unknown, but they must be JSON.
      guard line.count < LineReader.unknownLimit, !name.contains(UInt8(ascii: "\\")) else { return nil }
      while skip(",") {
        if try readValue() == nil { return nil }
      }
      operation = .unknown
    }
    guard skip("]"), at == line.count else { return nil }
    return (sequence, operation)
  }

  /// Calls `body` with each change of the line that was read last.
  func forEachChange(_ body: (Change) -> Void) {
    for place in places {
      let value = UnsafeRawBufferPointer(rebasing: line[Int(place.value)..<(Int(place.value) &+ Int(place.valueCount))])
      body(Change(isSet: place.isSet, key: key(place), value: value, deadline: place.deadline, version: place.version))
    }
  }

  /// Frees memory that a long line needed.
  func shrink() {
    if places.capacity > 1024 { places = [] }
    unescaped.truncate(to: 0)
    unescaped.shrink(to: 1 << 16)
  }

  /// Returns true if the text begins like a line, and its check holds.
  static func isChecked(_ line: UnsafeRawBufferPointer, _ salt: Salt) -> Bool {
    guard let check = check(of: line) else { return false }
    return salt.check(UnsafeRawBufferPointer(rebasing: line[JournalHeader.checkedFrom...])) == check
  }

  /// Returns the check at the beginning of a line, or nil if the text does not begin like a line.
  static func check(of line: UnsafeRawBufferPointer) -> UInt32? {
    guard line.count > JournalHeader.checkedFrom, line[0] == UInt8(ascii: "["), line[1] == UInt8(ascii: "\""),
      line[JournalHeader.checkEnd] == UInt8(ascii: "\""), line[JournalHeader.checkEnd &+ 1] == UInt8(ascii: ","),
      let check = JournalHeader.hex(line, at: JournalHeader.checkOffset, digits: JournalHeader.checkDigits)
    else { return nil }
    return UInt32(truncatingIfNeeded: check)
  }

  private func readBatch() throws(Failure) -> Bool {
    repeat {
      guard skip("["), let name = try readString(), try readChange(name), skip("]") else { return false }
    } while skip(",")
    return skip("]")
  }

  /// Reads the rest of a set or a remove, after its name. Returns false if it is neither, or is damaged.
  private func readChange(_ name: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    let isSet = isName(name, "set")
    guard isSet || isName(name, "remove"), skip(","), var place = try readKey(), place.keyCount > 0 else { return false }
    place.isSet = isSet
    if isSet {
      let start = at &+ 1
      guard skip(","), let value = try readValue() else { return false }
      place.value = UInt32(truncatingIfNeeded: start)
      place.valueCount = UInt32(truncatingIfNeeded: value.count)
      guard skip(","), let deadline = readInteger() else { return false }
      place.deadline = deadline
      if skip(",") {
        guard let version = readInteger(), version > 0, let version = UInt32(exactly: version) else { return false }
        place.version = version
      }
    }
    places.append(place)
    return true
  }

  /// Skips this byte. Returns false if another one is next.
  @inline(__always)
  private func skip(_ byte: Unicode.Scalar) -> Bool {
    guard at < line.count, line[at] == UInt8(ascii: byte) else { return false }
    at &+= 1
    return true
  }

  /// Reads an integer without a sign or leading zeros. Returns nil if there is none.
  private func readInteger() -> Int64? {
    let start = at
    var value: Int64 = 0
    while at < line.count {
      let digit = line[at] &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      value = value &* 10 &+ Int64(digit)
      at &+= 1
    }
    guard at > start, at == start &+ 1 || line[start] != UInt8(ascii: "0") else { return nil }
    // Up to 18 digits have not overflowed.
    return at &- start <= 18 ? value : JSONText.integer(UnsafeRawBufferPointer(rebasing: line[start..<at]))
  }

  /// Reads a JSON value, and returns its spelling, or nil if there is none.
  private func readValue() throws(Failure) -> UnsafeRawBufferPointer? {
    guard let end = try JSONScan.end(ofValueAt: at, in: line) else { return nil }
    defer { at = end }
    return UnsafeRawBufferPointer(rebasing: line[at..<end])
  }

  /// Reads a string, and returns its spelling with the quotes, or nil if there is none.
  private func readString() throws(Failure) -> UnsafeRawBufferPointer? {
    guard at < line.count, line[at] == UInt8(ascii: "\"") else { return nil }
    return try readValue()
  }

  /// Returns true if a string, which comes with its quotes, is this name.
  @inline(__always)
  private func isName(_ spelled: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard spelled.count == name.utf8CodeUnitCount &+ 2 else { return false }
    return UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
      .equals(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// Reads a string that is a key or a prefix, and returns where its decoded bytes are. Returns nil if it cannot be either.
  private func readKey() throws(Failure) -> Place? {
    let start = at &+ 1
    guard let spelled = try readString() else { return nil }
    let inner = UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
    var place = Place(key: UInt32(truncatingIfNeeded: start), keyCount: 0, isSet: false, isUnescaped: false)
    var count = inner.count
    // An escape spells a byte with six characters at most.
    guard count <= 6 &* (2 &+ Scope.nameLimit &+ Key.storageLimit) else { return nil }
    if inner.has(UInt8(ascii: "\\")) {
      let had = unescaped.count
      place.key = UInt32(truncatingIfNeeded: had)
      place.isUnescaped = true
      unescaped.resize(to: had &+ inner.count)
      guard let decoded = JSONEscape.decode(inner, into: unescaped.start + had) else { return nil }
      unescaped.truncate(to: had &+ decoded)
      count = decoded
    }
    place.keyCount = UInt16(truncatingIfNeeded: count)
    let text = key(place)
    guard let scope = Scope.prefixLength(text), text.count &- scope <= Key.storageLimit else { return nil }
    return UnsafeRawBufferPointer(rebasing: text[scope...]).hasNUL ? nil : place
  }

  private func key(_ place: Place) -> UnsafeRawBufferPointer {
    let (start, end) = (Int(place.key), Int(place.key) &+ Int(place.keyCount))
    return place.isUnescaped ? unescaped.slice(start, end) : UnsafeRawBufferPointer(rebasing: line[start..<end])
  }
}
