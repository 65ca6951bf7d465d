#if !hasFeature(Embedded)
  import CPlatform

  // What a tool that looks after journals needs, beyond what programs do with them.

  /// Something about one line of a journal that is not as it should be, or that needs a word.
  public struct Finding {
    /// What it is.
    public enum Kind: Equatable, Sendable {
      /// This copy of the header does not serve; the other one does.
      case header
      /// The line does not begin as one, or its check fails.
      case check
      /// Its check holds, but it is not what a writer writes.
      case grammar
      /// Its sequence is not above that of the line before: it was copied.
      case copied
      /// The line itself is whole; before it so many are missing, beyond those that were skipped.
      case missing(Int64)
      /// Over 64 MiB.
      case tooLong
      /// An operation of a newer format; it keeps the file from being written to.
      case newer
      /// Bytes after the last newline: a write that has not ended, or never will. No damage.
      case torn
    }

    /// What it is.
    public var kind: Kind
    /// From 1; the header is 1 and 2.
    public var line: Int
    /// Of its first byte in the file.
    public var offset: Int64
    /// In bytes, without the newline.
    public var length: Int64
    /// Without the newline, borrowed for the call; empty where the line is too long.
    public var text: UnsafeRawBufferPointer
  }

  /// What ``Journal/examine(progress:_:)`` found, in numbers.
  public struct Examination: Sendable {
    /// Up to where the file was examined.
    public var fileBytes: Int64 = 0
    /// Without the header's.
    public var lines = 0
    /// Findings that are damage.
    public var damaged = 0
    /// A creation that was cut short, or an empty file: it reads as empty.
    public var isUnfinished = false
  }

  extension Journal {
    /// Reads the whole file once more, line by line, with the reader that opening uses; nothing is written and no lock is held, so that
    /// a line which is being written meanwhile is found torn.
    ///
    /// - Parameters:
    ///   - visit: called for each finding, in the file's order.
    ///   - progress: called now and then, with the bytes that have been read.
    /// - Throws: `busy` where this journal rewrites its file meanwhile.
    public func examine(progress: (Int64) -> Void, _ visit: (Finding) -> Void) throws(Failure) -> Examination {
      let (size, begun) = try exclusion.run { () throws(Failure) in (try Syscalls.sizeAndLinks(file).size, applied > 0 ? salt : nil) }
      var examination = Examination()
      examination.fileBytes = size
      guard let begun else {
        examination.isUnfinished = true
        return examination
      }
      let length = JournalHeader.length
      let buffer = ByteBuffer(capacity: 1 << 20)
      var offset: Int64 = 0 // of the buffer's first byte
      func fill() throws(Failure) -> Bool {
        let want = Int(min(size &- offset &- Int64(buffer.count), 1 << 20))
        guard want > 0 else { return false }
        let had = buffer.count
        buffer.reserve(want)
        let got = try exclusion.run { () throws(Failure) in
          guard salt.value == begun.value else { throw Failure(.busy, "the file was rewritten while it was examined") }
          return try Syscalls.read(file, buffer.start + had, want, at: offset &+ Int64(had))
        }
        buffer.resize(to: had &+ got)
        return got > 0
      }
      _ = try fill()
      for (line, at) in [(1, 0), (2, length)] where JournalHeader.copy(buffer.bytes, at: at) == nil {
        examination.damaged &+= 1
        visit(Finding(kind: .header, line: line, offset: Int64(at), length: Int64(length), text: buffer.slice(at, at &+ length)))
      }
      buffer.removeFirst(2 * length)
      offset = Int64(2 * length)

      var judge = LineJudge(salt: begun)
      var number = 2
      var start = 0 // of the line in the buffer
      var scanned = 0
      var skipped: Int64 = 0 // bytes of a line over the limit, which are not kept
      func find(_ kind: Finding.Kind, _ end: Int) {
        let first = offset &+ Int64(start) &- skipped
        let text = kind == .tooLong || skipped > 0 ? buffer.slice(0, 0) : buffer.slice(start, end)
        visit(Finding(kind: kind, line: number, offset: first, length: skipped &+ Int64(end &- start), text: text))
      }
      while true {
        while let newline = memchr(buffer.start + scanned, 0x0A, buffer.count &- scanned) {
          let end = UnsafeRawPointer(newline) - UnsafeRawPointer(buffer.start)
          number &+= 1
          examination.lines &+= 1
          let isTooLong = skipped > 0 || end &- start >= Line.limit // the newline counts
          if let kind = try judge.finding(isTooLong ? nil : buffer.slice(start, end)) {
            if kind != .newer { examination.damaged &+= 1 }
            find(kind, end)
          }
          skipped = 0
          start = end &+ 1
          scanned = start
        }
        buffer.removeFirst(start)
        offset &+= Int64(start)
        start = 0
        if skipped > 0 || buffer.count > Line.limit {
          skipped &+= Int64(buffer.count)
          offset &+= Int64(buffer.count)
          buffer.truncate(to: 0)
        }
        scanned = buffer.count
        progress(offset &+ Int64(buffer.count))
        guard try fill() else { break }
      }
      number &+= 1
      if buffer.count > 0 || skipped > 0 { find(.torn, buffer.count) }
      return examination
    }

    /// Rewrites the file with only what lives, whatever its size. A damaged file is kept beside it first.
    public func compact() throws(Failure) {
      let hostTime = options.clock?()
      try exclusion.run { () throws(Failure) in
        try enter(lookingUp: true)
        defer { leave() }
        try compact(hostTime)
        if needsDirectorySync { throw Failure(.notDurable, "the directory could not be synced") }
      }
    }

    /// Where ``open(application:options:)`` has a program's file. Nothing is made there.
    ///
    /// - Parameter application: 1 to 64 of A-Z a-z 0-9 . _ -.
    public static func defaultPath(application: String) throws(Failure) -> String {
      guard !application.utf8.contains(0) else { throw Failure(.invalidArgument, "the application's name has a NUL") }
      let path = try Array(application.utf8CString).withUnsafeBufferPointer { name throws(Failure) in
        try DefaultPlace.path(application: name.baseAddress, create: false)
      }
      return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  private struct LineJudge {
    let salt: Salt
    private let reader = LineReader()
    private var sequence: Int64 = 0
    /// Lines since the last whole one.
    private var skipped: Int64 = 0

    init(salt: Salt) { self.salt = salt }

    /// nil: there is nothing to say of the line. A line of nil is too long.
    mutating func finding(_ line: UnsafeRawBufferPointer?) throws(Failure) -> Finding.Kind? {
      skipped &+= 1
      guard let line else { return .tooLong }
      let read = try JSON.run { json throws(Failure) in try reader.read(line, salt, json) }
      guard let (number, operation) = read else { return LineReader.isChecked(line, salt) ? .grammar : .check }
      guard number > sequence else { return .copied }
      let missing = number &- sequence &- skipped
      sequence = number
      skipped = 0
      if missing > 0 { return .missing(missing) }
      if case .unknown = operation { return .newer }
      return nil
    }
  }
#endif
