#if !hasFeature(Embedded)
  import CPlatform

  // For tools that check and repair journals. Other programs do not need these functions.

  /// A line of a journal that is damaged, or that is unusual in another way.
  public struct Finding {
    /// The kinds of findings.
    public enum Kind: Equatable, Sendable {
      /// This copy of the header is damaged. The other copy is used.
      case header
      /// The line does not begin as a line of a journal does, or its check fails.
      case check
      /// The line's check is right, but no writer writes such a line.
      case grammar
      /// The line was copied from another place: its sequence number is not above that of the line before.
      case copied
      /// The line is whole, but this many lines are missing before it, in addition to the lines that were skipped.
      case missing(Int64)
      /// The line is longer than 64 MiB.
      case tooLong
      /// The line has an operation of a newer format. This version does not write to such a file.
      case newer
      /// The bytes after the last newline: a write that is under way, or that was cut short. This is not damage.
      case torn
    }

    /// The kind of the finding.
    public var kind: Kind
    /// The number of the line, from 1. The copies of the header are lines 1 and 2.
    public var line: Int
    /// The offset of the line's first byte in the file.
    public var offset: Int64
    /// The length of the line in bytes, without the newline.
    public var length: Int64
    /// The text of the line, without the newline, which is valid during the call only. It is empty if the line is too long.
    public var text: UnsafeRawBufferPointer
  }

  /// The numbers that ``Journal/examine(progress:_:)`` returns.
  public struct Examination: Sendable {
    /// The number of bytes that were examined, from the beginning of the file.
    public var fileBytes: Int64 = 0
    /// The number of lines, without the header.
    public var lines = 0
    /// The number of findings that are damage.
    public var damaged = 0
    /// True if the file is empty, or its creation was cut short. Such a file reads as empty.
    public var isUnfinished = false
  }

  extension Journal {
    /// Reads the whole file once more, line by line, with the reader that opening uses. Nothing is written. No lock is held, so a line
    /// that is being written at the time is found torn.
    ///
    /// - Parameters:
    ///   - progress: called now and then with the number of bytes that have been read.
    ///   - visit: called for each finding, in the order of the file.
    /// - Throws: `busy` if this journal rewrites its file at the same time.
    public func examine(progress: (Int64) -> Void, _ visit: (Finding) -> Void) throws(Failure) -> Examination {
      let (size, begun) = try exclusion.run { () throws(Failure) in
        (route.file < 0 ? 0 : try Syscalls.sizeAndLinks(route.file).size, mirror.applied > 0 ? (mirror.salt, mirror.hasLostHeader) : nil)
      }
      var examination = Examination()
      examination.fileBytes = size
      guard let (salt, hasLostHeader) = begun else {
        examination.isUnfinished = true
        return examination
      }
      func read(_ into: UnsafeMutablePointer<UInt8>, _ count: Int, _ offset: Int64) throws(Failure) -> Int {
        progress(offset)
        return try exclusion.run { () throws(Failure) in
          guard mirror.salt.seed == salt.seed, route.file >= 0 else { throw Failure(.busy, "the file was rewritten while it was examined") }
          return try Syscalls.readFile(route.file, into, count, at: offset)
        }
      }
      let buffer = ByteBuffer(capacity: LineSplitter.chunk)
      let length = JournalHeader.length
      var position = JournalReader.Position()
      var number = 0
      // Without a usable header, what is left of it is read as lines, and found damaged.
      if !hasLostHeader {
        buffer.resize(to: try read(buffer.start, 2 * length, 0))
        for (line, at) in [(1, 0), (2, length)] where JournalHeader.parse(buffer.bytes, at: at) == nil {
          examination.damaged &+= 1
          visit(Finding(kind: .header, line: line, offset: Int64(at), length: Int64(length), text: buffer.slice(at, at &+ length)))
        }
        let isAtOne = JournalHeader.parse(buffer.bytes, at: length) == nil
          ? try exclusion.run { () throws(Failure) in try isLine(at: Int64(length), size, salt) } : false
        position.end = Int64(isAtOne ? length : 2 * length)
        number = isAtOne ? 1 : 2
      }
      let parser = LineReader()
      var lines = JournalReader(buffer, parser, salt, from: position)
      _ = try lines.forEach(to: size, from: read, skippingTo: { [file = route.file] in Syscalls.nextData(file, from: $0) }) { found throws(Failure) in
        number &+= 1
        if found.line.isEnded { examination.lines &+= 1 }
        guard let kind = Finding.Kind(found) else { return true }
        if kind.isDamage { examination.damaged &+= 1 }
        visit(Finding(kind: kind, line: number, offset: found.line.start, length: found.line.length, text: found.line.text))
        return true
      }
      progress(size)
      return examination
    }

    /// Rewrites the file with only its current entries, whatever its size is. A damaged file is kept beside it first.
    ///
    /// - Parameter discardingUnknown: true to also rewrite a file with lines of a newer format. The new file does not have those lines;
    ///   the old file is kept beside it.
    /// - Throws: `newer` if the file has such lines and `discardingUnknown` is false.
    public func compact(discardingUnknown: Bool = false) throws(Failure) { try compact(discardingUnknown: discardingUnknown, without: []) }

    /// Rewrites the file as ``compact(discardingUnknown:)`` does, without these entries.
    func compact(discardingUnknown: Bool = false, without keys: [Key]) throws(Failure) {
      let hostTime = options.clock?()
      try exclusion.run { () throws(Failure) in
        try lockAndCatchUp(lookingUp: true)
        defer { unlockFile() }
        guard discardingUnknown || !mirror.hasUnknown else { throw Failure.newerLines }
        let isCopied = mirror.damagedLines > 0 || mirror.hasUnknown
        if isCopied, !mirror.keepsDamage { try keepDamaged() }
        for key in keys {
          key.withBytes { mirror.table.remove($0) }
          mirror.removed()
        }
        do throws(Failure) { try compact(hostTime, evenFull: discardingUnknown, keepsCopy: isCopied) } catch {
          if !keys.isEmpty { mirror.startOver() } // they are still stored
          throw error
        }
        if debts.owesDirectory { throw Failure(.notDurable, "the directory could not be synced") }
      }
    }

    /// Returns the path of the file that ``open(application:options:)`` opens for a program. Nothing is created there.
    ///
    /// - Parameter application: the program's name, 1 to 64 of the characters `A-Z a-z 0-9 . _ -`.
    /// - Throws: `invalidArgument` also if the path is not UTF-8, because no text could name the file then.
    public static func defaultPath(application: String) throws(Failure) -> String {
      guard !application.utf8.contains(0) else { throw Failure(.invalidArgument, "the application's name has a NUL") }
      let path = try Array(application.utf8CString).withUnsafeBufferPointer { name throws(Failure) in
        try DefaultPlace.path(application: name.baseAddress, create: false)
      }
      let bytes = path.dropLast().map { UInt8(bitPattern: $0) }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Failure(.invalidArgument, "the path of the default place is not UTF-8").at(bytes)
      }
      return text
    }
  }

  extension Finding.Kind {
    /// The kind of what was found in a line; nil if the line is as it should be.
    fileprivate init?(_ found: JournalReader.Found) {
      switch found.judgement {
      case .damaged(.check): self = .check
      case .damaged(.grammar): self = .grammar
      case .damaged(.copied): self = .copied
      case .damaged(.tooLong): self = .tooLong
      case .torn: self = .torn
      case .whole where found.missing > 0: self = .missing(found.missing)
      case .whole(.unknown): self = .newer
      case .whole: return nil
      }
    }

    fileprivate var isDamage: Bool { self != .newer && self != .torn }
  }
#endif
