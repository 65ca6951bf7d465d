import CPlatform

/// A place in a line of the journal, from which the parts of the line are read one after the other.
struct LineCursor {
  // The line is kept as a pointer that is not optional, because an optional one would be checked at each byte.
  private let start: UnsafePointer<UInt8>
  private let count: Int
  private(set) var at: Int

  /// Begins at a place in the line. Returns nil if the line is empty.
  init?(_ line: UnsafeRawBufferPointer, at place: Int) {
    guard let start = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
    self.start = start
    count = line.count
    at = place
  }

  private var line: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  var isAtEnd: Bool { at == count }

  /// Skips this byte. Returns false if another one is next.
  @inline(__always)
  mutating func skip(_ byte: Unicode.Scalar) -> Bool {
    guard at < count, start[at] == UInt8(ascii: byte) else { return false }
    at &+= 1
    return true
  }

  /// Skips this text. Returns false if something else is next.
  @inline(__always)
  mutating func skip(text: StaticString) -> Bool {
    guard count &- at >= text.utf8CodeUnitCount, memcmp(start + at, text.utf8Start, text.utf8CodeUnitCount) == 0 else { return false }
    at &+= text.utf8CodeUnitCount
    return true
  }

  /// Reads an integer without a sign or leading zeros. Returns nil if there is none.
  @inline(__always)
  mutating func readInteger() -> Int64? {
    let first = at
    var (end, value) = (at, Int64(0))
    while end < count {
      let digit = start[end] &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      value = value &* 10 &+ Int64(digit)
      end &+= 1
    }
    at = end
    guard end > first, end == first &+ 1 || start[first] != UInt8(ascii: "0") else { return nil }
    // Up to 18 digits have not overflowed.
    return end &- first <= 18 ? value : JSONText.integer(UnsafeRawBufferPointer(rebasing: line[first..<end]))
  }

  /// Reads a JSON value, and returns its spelling, or nil if there is none.
  mutating func readValue() throws(Failure) -> UnsafeRawBufferPointer? {
    guard let end = try JSONScan.end(ofValueAt: at, in: line) else { return nil }
    defer { at = end }
    return UnsafeRawBufferPointer(rebasing: line[at..<end])
  }

  /// Reads a string, and returns its spelling with the quotes, or nil if there is none.
  mutating func readString() throws(Failure) -> UnsafeRawBufferPointer? {
    guard at < count, start[at] == UInt8(ascii: "\"") else { return nil }
    return try readValue()
  }

  /// Reads a string that has only ASCII and no escapes, as most have, and returns its bytes without the quotes. Returns nil, and stays where
  /// it is, if something else is next.
  @inline(__always)
  mutating func readPlainString() -> UnsafeRawBufferPointer? {
    guard at < count, let end = JSONText.endOfPlainString(line, from: at) else { return nil }
    defer { at = end }
    return UnsafeRawBufferPointer(rebasing: line[(at &+ 1)..<(end &- 1)])
  }
}
