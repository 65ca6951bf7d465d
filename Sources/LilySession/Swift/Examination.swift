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
          return try Syscalls.read(route.file, into, count, at: offset)
        }
      }
      let buffer = ByteBuffer(capacity: LineSplitter.chunk)
      let length = JournalHeader.length
      var position = JournalReader.Position()
      var number = 0
      if !hasLostHeader { // else what is left of it is read as lines, which it is not
        buffer.resize(to: try read(buffer.start, 2 * length, 0))
        for (line, at) in [(1, 0), (2, length)] where JournalHeader.copy(buffer.bytes, at: at) == nil {
          examination.damaged &+= 1
          visit(Finding(kind: .header, line: line, offset: Int64(at), length: Int64(length), text: buffer.slice(at, at &+ length)))
        }
        position.end = Int64(2 * length)
        number = 2
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

    /// Rewrites the file with only what lives, whatever its size. A damaged file is kept beside it first.
    ///
    /// - Parameter discardingUnknown: also a file with lines of a newer format, without those. It is kept beside the new one, too.
    /// - Throws: `newer` for such a file, unless `discardingUnknown`.
    public func compact(discardingUnknown: Bool = false) throws(Failure) {
      let hostTime = options.clock?()
      try exclusion.run { () throws(Failure) in
        try enter(lookingUp: true)
        defer { leave() }
        guard discardingUnknown || !mirror.hasUnknown else { throw Failure.newerLines }
        if !mirror.keepsDamage, mirror.damagedLines > 0 || mirror.hasUnknown { try keepDamaged() }
        try compact(hostTime, evenFull: discardingUnknown, keepsCopy: true)
        if debts.owesDirectory { throw Failure(.notDurable, "the directory could not be synced") }
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

  extension Finding.Kind {
    /// nil: there is nothing to say of the line.
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
