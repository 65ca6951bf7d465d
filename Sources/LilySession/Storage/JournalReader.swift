import CPlatform

/// Splits a file into lines, chunk by chunk. It does not look into them.
struct LineSplitter {
  struct Line {
    /// The text without the newline, borrowed until the next line. It is empty if the line is too long.
    var text: UnsafeRawBufferPointer
    /// The place of the first byte in the file.
    var start: Int64
    /// The length without the newline.
    var length: Int64
    var isTooLong: Bool
    /// True if the line ends with a newline. One that does not is the file's torn end.
    var isEnded: Bool
  }

  static var chunk: Int { 1 << 20 }

  private let buffer: ByteBuffer
  private let limit: Int
  /// Where the current line begins.
  private var start: Int64
  /// True if the buffer has bytes of the file, from the current line on, that were not looked at yet.
  private var isAhead: Bool

  /// Begins at a place in the file. If a line, with its newline, has more than `limit` bytes, its text is not kept. If `isAhead` is true, the
  /// buffer has the bytes from that place on already, as many as it has.
  init(_ buffer: ByteBuffer, from start: Int64, limit: Int = LilySession.Line.limit, isAhead: Bool = false) {
    self.buffer = buffer
    self.start = start
    self.limit = limit
    self.isAhead = isAhead && buffer.count > 0
  }

  /// Calls `visit` with each line up to `size`, and with the torn end, until `visit` returns false. Returns true if it never did.
  ///
  /// - Parameters:
  ///   - source: fills memory with bytes of the file, and returns how many; fewer than asked for only at the end of the file.
  ///   - nextData: returns the place of the next bytes that are not in a hole. A hole has no newline, so a line that is too long skips it.
  mutating func forEach(
    to size: Int64, from source: (UnsafeMutablePointer<UInt8>, Int, Int64) throws(Failure) -> Int, skippingTo nextData: (Int64) -> Int64,
    _ visit: (Line) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    var scanned = 0 // up to this place the buffer has no newline
    var dropped: Int64 = 0 // bytes of a line that is too long
    if !isAhead { buffer.truncate(to: 0) }
    var end = start &+ Int64(buffer.count) // the place up to which the file has been read
    defer {
      buffer.truncate(to: 0)
      buffer.shrink(to: LineSplitter.chunk)
    }
    while isAhead || end < size {
      if dropped > 0 {
        let data = min(nextData(end), size)
        dropped &+= data &- end
        end = data
        if end == size { break }
      }
      if !isAhead {
        let had = buffer.count
        let want = Int(min(size &- end, Int64(LineSplitter.chunk)))
        buffer.reserve(want)
        let got = try source(buffer.start + had, want, end)
        if got <= 0 { break } // the file was cut meanwhile
        buffer.resize(to: had &+ got)
        end &+= Int64(got)
      }
      isAhead = false
      var first = 0 // where the line begins in the buffer
      while let newline = newline(from: scanned) {
        let isTooLong = dropped > 0 || newline &- first >= limit
        let length = dropped &+ Int64(newline &- first)
        let text = isTooLong ? buffer.slice(0, 0) : buffer.slice(first, newline)
        guard try visit(Line(text: text, start: start, length: length, isTooLong: isTooLong, isEnded: true)) else { return false }
        start &+= length &+ 1
        dropped = 0
        first = newline &+ 1
        scanned = first
      }
      buffer.removeFirst(first)
      if dropped > 0 || buffer.count > limit {
        dropped &+= Int64(buffer.count)
        buffer.truncate(to: 0)
      }
      scanned = buffer.count
    }
    let rest = dropped &+ Int64(buffer.count)
    guard rest > 0 else { return true }
    return try visit(Line(text: dropped > 0 ? buffer.slice(0, 0) : buffer.bytes, start: start, length: rest, isTooLong: dropped > 0, isEnded: false))
  }

  private func newline(from: Int) -> Int? {
    guard from < buffer.count, let found = memchr(buffer.start + from, 0x0A, buffer.count &- from) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(buffer.start)
  }
}

/// Reads the lines of a journal, and reports what each contains or what is wrong with it. It does not know what is stored.
struct JournalReader {
  /// How far a journal has been read.
  struct Position {
    /// The place in the file behind the last line that was read.
    var end: Int64 = 0
    /// The sequence number of the last whole line.
    var sequence: Int64 = 0
    /// The number of damaged lines that were read after that one.
    var skipped: Int64 = 0
  }

  enum Damage: Equatable {
    /// The line does not begin like one, or its check fails.
    case check
    /// The check holds, but no writer writes such a line.
    case grammar
    /// The sequence number is not above that of the line before, so the line was copied.
    case copied
    case tooLong
  }

  enum Judgement {
    case whole(LineReader.Operation)
    case damaged(Damage)
    /// Bytes after the last newline: a write that has not ended yet, or never will.
    case torn
  }

  struct Found {
    var line: LineSplitter.Line
    var judgement: Judgement
    /// The number of lines that are missing between the last whole line and this one, without the damaged lines between them.
    var missing: Int64
    /// The position behind the line.
    var after: Position
  }

  private var splitter: LineSplitter
  private let parser: LineReader
  private let salt: Salt
  private var position: Position

  init(_ buffer: ByteBuffer, _ parser: LineReader, _ salt: Salt, from position: Position, isAhead: Bool = false) {
    splitter = LineSplitter(buffer, from: position.end, isAhead: isAhead)
    self.parser = parser
    self.salt = salt
    self.position = position
  }

  /// Calls `report` with what it finds up to `size`, until `report` returns false. Returns true if it never did. After a whole line, the
  /// parser has the line's changes.
  mutating func forEach(
    to size: Int64, from source: (UnsafeMutablePointer<UInt8>, Int, Int64) throws(Failure) -> Int, skippingTo nextData: (Int64) -> Int64,
    _ report: (Found) throws(Failure) -> Bool
  ) throws(Failure) -> Bool {
    let (parser, salt) = (parser, salt)
    var position = position
    defer {
      self.position = position
      parser.shrink()
    }
    return try splitter.forEach(to: size, from: source, skippingTo: nextData) { line throws(Failure) in
      guard line.isEnded else { return try report(Found(line: line, judgement: .torn, missing: 0, after: position)) }
      var found = Found(line: line, judgement: .damaged(.tooLong), missing: 0, after: position)
      found.after.end = line.start &+ line.length &+ 1
      found.after.skipped &+= 1
      if !line.isTooLong {
        if let (sequence, operation) = try parser.readLine(line.text, salt) {
          if sequence > position.sequence {
            found.judgement = .whole(operation)
            found.missing = sequence &- position.sequence &- found.after.skipped
            found.after.sequence = sequence
            found.after.skipped = 0
          } else {
            found.judgement = .damaged(.copied)
          }
        } else {
          found.judgement = .damaged(LineReader.isChecked(line.text, salt) ? .grammar : .check)
        }
      }
      guard try report(found) else { return false }
      position = found.after
      return true
    }
  }
}
