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
    /// `forEachChange`, all or none.
    case change
    case clear(scope: Scope, generation: UInt64)
    case moved
    /// Of a newer format.
    case unknown
  }
  /// A line of an operation that is not known is no longer, its newline counted.
  static var unknownLimit: Int { 1 << 20 }

  /// Where a change's parts are. A line has room for millions of them.
  private struct Place {
    var deadline: Int64 = 0
    var key: UInt32
    var value: UInt32 = 0
    var valueCount: UInt32 = 0
    var version: UInt32 = 0
    var keyCount: UInt16
    var isSet: Bool
    /// The key is in `unescaped`, not in the line.
    var isUnescaped: Bool
  }
  private var places: [Place] = []
  /// Keys that were spelled with escapes.
  private let unescaped = ByteBuffer()
  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  private var at = 0

  /// nil: the line is damaged. `line` is without its newline. Throws only where there is no memory.
  func read(_ line: UnsafeRawBufferPointer, _ salt: Salt) throws(Failure) -> (sequence: Int64, Operation)? {
    guard LineReader.isChecked(line, salt), line.count <= Line.limit else { return nil }
    self.line = line
    at = JournalHeader.checkedFrom
    places.removeAll(keepingCapacity: true)
    unescaped.truncate(to: 0)
    guard let sequence = integer(), (1...JournalHeader.sequenceLimit).contains(sequence), take(","), let name = try string() else { return nil }
    let operation: Operation
    if isName(name, "batch") {
      guard take(","), take("["), try batch() else { return nil }
      operation = .change
    } else if isName(name, "clear") {
      guard take(","), let sessions = try keyPlace(), let scope = Scope(ofSession: key(sessions)), take(","), let digits = try string(),
        digits.count == 18, let generation = JournalHeader.hex(digits, 1, 16)
      else { return nil }
      operation = .clear(scope: scope, generation: generation)
    } else if isName(name, "moved") {
      operation = .moved
    } else if isName(name, "set") || isName(name, "remove") {
      guard try change(name) else { return nil }
      operation = .change
    } else {
      // What its members mean is not ours to judge; that they are JSON is.
      guard line.count < LineReader.unknownLimit, !name.contains(UInt8(ascii: "\\")) else { return nil }
      while take(",") {
        if try value() == nil { return nil }
      }
      operation = .unknown
    }
    guard take("]"), at == line.count else { return nil }
    return (sequence, operation)
  }

  /// The changes of the line that was read last.
  func forEachChange(_ body: (Change) -> Void) {
    for place in places {
      let value = UnsafeRawBufferPointer(rebasing: line[Int(place.value)..<(Int(place.value) &+ Int(place.valueCount))])
      body(Change(isSet: place.isSet, key: key(place), value: value, deadline: place.deadline, version: place.version))
    }
  }

  /// Gives back memory that a long line took.
  func shrink() {
    if places.capacity > 1024 { places = [] }
    unescaped.truncate(to: 0)
    unescaped.shrink(to: 1 << 16)
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

  private func batch() throws(Failure) -> Bool {
    repeat {
      guard take("["), let name = try string(), try change(name), take("]") else { return false }
    } while take(",")
    return take("]")
  }

  /// The rest of a set or a remove, whose name has been read.
  private func change(_ name: UnsafeRawBufferPointer) throws(Failure) -> Bool {
    let isSet = isName(name, "set")
    guard isSet || isName(name, "remove"), take(","), var place = try keyPlace(), place.keyCount > 0 else { return false }
    place.isSet = isSet
    if isSet {
      let start = at &+ 1
      guard take(","), let value = try value() else { return false }
      place.value = UInt32(truncatingIfNeeded: start)
      place.valueCount = UInt32(truncatingIfNeeded: value.count)
      guard take(","), let deadline = integer() else { return false }
      place.deadline = deadline
      if take(",") {
        guard let version = integer(), version > 0, let version = UInt32(exactly: version) else { return false }
        place.version = version
      }
    }
    places.append(place)
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

  /// A JSON value as it is spelled; nil if there is none.
  private func value() throws(Failure) -> UnsafeRawBufferPointer? {
    guard let end = try JSONScan.end(ofValueAt: at, in: line) else { return nil }
    defer { at = end }
    return UnsafeRawBufferPointer(rebasing: line[at..<end])
  }

  /// A string as it is spelled, with its quotes.
  private func string() throws(Failure) -> UnsafeRawBufferPointer? {
    guard at < line.count, line[at] == UInt8(ascii: "\"") else { return nil }
    return try value()
  }

  private func isName(_ spelled: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard spelled.count == name.utf8CodeUnitCount &+ 2 else { return false }
    return UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
      .equals(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// Where the bytes are that a string stands for, if they can be a key or a prefix.
  private func keyPlace() throws(Failure) -> Place? {
    let start = at &+ 1
    guard let spelled = try string() else { return nil }
    let inner = UnsafeRawBufferPointer(rebasing: spelled[1..<(spelled.count &- 1)])
    var place = Place(key: UInt32(truncatingIfNeeded: start), keyCount: 0, isSet: false, isUnescaped: false)
    var count = inner.count
    // A code is six characters for a byte, at the most.
    guard count <= 6 &* (2 &+ Scope.nameLimit &+ Key.storageLimit) else { return nil }
    if inner.contains(UInt8(ascii: "\\")) {
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
