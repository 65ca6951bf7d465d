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
    /// The line removes all keys of the sessions of the scope `cleared`.
    case clear(generation: UInt64)
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
  private var places = PlainList<Place>()
  /// Keys that were spelled with escapes.
  private let unescaped = ByteBuffer()
  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The scope that the last clear was for.
  private(set) var cleared = Scope.none

  /// Reads a line, which comes without its newline. Returns its sequence number and its operation, or nil if it is damaged. Throws only if
  /// there is no memory.
  func readLine(_ line: UnsafeRawBufferPointer, _ salt: Salt) throws(Failure) -> (sequence: Int64, Operation)? {
    guard LineReader.isChecked(line, salt), line.count <= Line.limit else { return nil }
    self.line = line
    places.removeAll()
    unescaped.truncate(to: 0)
    guard var cursor = LineCursor(line, at: JournalHeader.checkedFrom), let sequence = cursor.readInteger(), sequence >= 1,
      sequence <= JournalHeader.sequenceLimit, cursor.skip(","), let operation = try readOperation(&cursor), cursor.skip("]"), cursor.isAtEnd
    else { return nil }
    return (sequence, operation)
  }

  /// Reads a line from its operation's name on. Returns nil if it is damaged.
  @inline(__always)
  private func readOperation(_ cursor: inout LineCursor) throws(Failure) -> Operation? {
    if let isSet = LineReader.readKind(&cursor) { return try readChange(&cursor, isSet: isSet) ? .change : nil }
    if cursor.skip(text: "\"batch\"") { return try readBatch(&cursor) ? .change : nil }
    return try readRareOperation(&cursor)
  }

  @inline(never)
  private func readRareOperation(_ cursor: inout LineCursor) throws(Failure) -> Operation? {
    if cursor.skip(text: "\"moved\"") { return .moved }
    if cursor.skip(text: "\"clear\"") {
      guard cursor.skip(","), let sessions = try readKey(&cursor), let scope = Scope(ofSession: key(sessions)), cursor.skip(","),
        let digits = try cursor.readString(), digits.count == 18, let generation = JournalHeader.hex(digits, at: 1, digits: 16)
      else { return nil }
      cleared = scope
      return .clear(generation: generation)
    }
    // The meaning of the members is unknown, but they must be JSON.
    guard let name = try cursor.readString(), line.count < LineReader.unknownLimit, !name.has(UInt8(ascii: "\\")) else { return nil }
    while cursor.skip(",") {
      if try cursor.readValue() == nil { return nil }
    }
    return .unknown
  }

  /// Calls `body` with each change of the line that was read last.
  func forEachChange(_ body: (Change) -> Void) {
    places.forEach { place in
      let value = UnsafeRawBufferPointer(rebasing: line[Int(place.value)..<(Int(place.value) &+ Int(place.valueCount))])
      body(Change(isSet: place.isSet, key: key(place), value: value, deadline: place.deadline, version: place.version))
    }
  }

  /// Frees memory that a long line needed.
  func shrink() {
    places.removeAll(keeping: 1024)
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

  private func readBatch(_ cursor: inout LineCursor) throws(Failure) -> Bool {
    guard cursor.skip(text: ",[") else { return false }
    repeat {
      guard cursor.skip("["), let isSet = LineReader.readKind(&cursor), try readChange(&cursor, isSet: isSet), cursor.skip("]") else { return false }
    } while cursor.skip(",")
    return cursor.skip("]")
  }

  /// Reads whether a change sets or removes its key. Returns nil if it is no change.
  @inline(__always)
  private static func readKind(_ cursor: inout LineCursor) -> Bool? {
    if cursor.skip(text: "\"set\"") { return true }
    return cursor.skip(text: "\"remove\"") ? false : nil
  }

  /// Reads the rest of a set or a remove, after its name. Returns false if it is damaged.
  @_optimize(speed)
  private func readChange(_ cursor: inout LineCursor, isSet: Bool) throws(Failure) -> Bool {
    guard cursor.skip(","), var place = try readKey(&cursor), place.keyCount > 0 else { return false }
    place.isSet = isSet
    if isSet {
      guard cursor.skip(",") else { return false }
      place.value = UInt32(truncatingIfNeeded: cursor.at)
      guard let value = try cursor.readValue(), cursor.skip(","), let deadline = cursor.readInteger() else { return false }
      place.valueCount = UInt32(truncatingIfNeeded: value.count)
      place.deadline = deadline
      if cursor.skip(",") {
        guard let version = cursor.readInteger(), version > 0, let version = UInt32(exactly: version) else { return false }
        place.version = version
      }
    }
    places.append(place)
    return true
  }

  /// Reads a string that is a key or a prefix, and returns where its decoded bytes are. Returns nil if it cannot be either.
  @inline(__always)
  private func readKey(_ cursor: inout LineCursor) throws(Failure) -> Place? {
    let start = cursor.at &+ 1
    guard let plain = cursor.readPlainString() else { return try readSpelledKey(&cursor) }
    // A NUL is always spelled with an escape, so this key is in no scope.
    guard plain.count <= Key.storageLimit else { return nil }
    return Place(key: UInt32(truncatingIfNeeded: start), keyCount: UInt16(truncatingIfNeeded: plain.count), isSet: false, isUnescaped: false)
  }

  /// Reads what `readKey` reads, however it is spelled.
  @inline(never)
  private func readSpelledKey(_ cursor: inout LineCursor) throws(Failure) -> Place? {
    let start = cursor.at &+ 1
    guard let spelled = try cursor.readString() else { return nil }
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
