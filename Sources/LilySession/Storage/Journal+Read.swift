import CPlatform

/// Brings the mirror up to date with the file.
extension Journal {
  /// Applies what others have written, before a read. It takes the lock only if what it finds makes no sense.
  ///
  /// - Parameter lookingUp: if true, looks the path up even if nothing suggests that it names another file, as after a move by hand.
  func freshen(lookingUp: Bool = false) throws(Failure) {
    do throws(Failure) {
      let found: Syscalls.SizeAndLinks? = route.isReadyForReading ? try Syscalls.sizeAndLinks(route.file) : nil
      if !lookingUp, let found, isCurrent(found) { return }
      try freshenByPath(lookingUp, found)
    } catch {
      route.doubt()
      throw error
    }
  }

  @inline(never)
  private func freshenByPath(_ lookingUp: Bool, _ foundJustNow: Syscalls.SizeAndLinks?) throws(Failure) {
    var foundJustNow = route.isLockedForGood ? nil : foundJustNow
    do throws(Failure) { try restoreOwnFile() } catch {
      guard error.status == .noSpace else { throw error }
      return // all that is stored is in memory, and the next change tries again
    }
    var patience = Patience()
    var mustLook = lookingUp
    var rounds = 0
    while true {
      var found = foundJustNow
      if found == nil, route.file >= 0 { found = try Syscalls.sizeAndLinks(route.file) }
      foundJustNow = nil
      var isNamed = false
      if mustLook || !route.isReadyForReading || mirror.hasMoved || found.map(needsLookUp) ?? true {
        mustLook = false
        switch try followPath(create: false) {
        case .same:
          // `hasMoved` stays set: the process that wrote `moved` may be about to rename, and only under the lock is it known to be
          // dead. Until then each read looks the path up.
          isNamed = true
        case .another:
          try patience.keepWaiting("the file is replaced again and again")
          continue
        case .nothing: return
        }
      }
      guard let size = found?.size else { continue }
      if size < mirror.applied { mirror.startOver() }
      let before = mirror.applied
      if try catchUp(to: size, isLocked: false) {
        // A line that has just been read may be another `moved`.
        if !mirror.hasMoved || isNamed && mirror.applied == before {
          // What was read may have been overwritten after a removal was appended. Then the file is longer by now.
          if mirror.applied == before { return }
          if try Syscalls.sizeAndLinks(route.file).size == size { return }
          rounds &+= 1
          if rounds == 16, try freshenLocked() { return }
          continue
        }
      } else {
        // This may be half of a repair, a line that is being written, or real damage. Only under the lock can it be decided.
        if try freshenLocked() { return }
        mustLook = true
      }
      try patience.keepWaiting("the file is replaced again and again")
    }
  }

  /// Returns false if the path now names another file.
  private func freshenLocked() throws(Failure) -> Bool {
    let isClaimed = !route.isLockedForGood && Syscalls.isClaimed(route.file)
    let size = try Syscalls.sizeAndLinks(route.file).size
    let isLocked = isClaimed ? false : try lockSoon() // at once, if this handle keeps the lock
    guard isLocked else {
      // The lock may never be given back, and readers wait for nobody. What is still damaged after a moment is not just being written.
      if isClaimed { Syscalls.sleepFor(microseconds: 1000) }
      return try catchUp(to: size, isLocked: true)
    }
    defer { unlockFile() }
    return try examine(try Syscalls.sizeAndLinks(route.file))
  }

  /// Applies the lines up to `size`. Without the lock it stops at the first line that is damaged, and returns false. Under the lock it
  /// counts and skips such a line. What follows the last newline is left alone.
  func catchUp(to size: Int64, isLocked: Bool) throws(Failure) -> Bool {
    guard size <= JournalHeader.fileLimit else { throw Failure(.refused, "the file is larger than 4 GiB").at(names.path) }
    let isFromBeginning = mirror.applied == 0
    if isFromBeginning {
      guard try readHeader(size, isLocked: isLocked) else { return false }
      if mirror.applied == 0, !mirror.hasLostHeader { return true }
      input.removeFirst(Int(mirror.applied))
    }
    if let tail = mirror.tail, tail.end == size, try beginningOfTail() == tail.beginning { return true } // it has not changed
    var lines = JournalReader(input, parser, mirror.salt, from: mirror.position, isAhead: isFromBeginning)
    return try lines.forEach(to: size, from: readFile, skippingTo: nextData) { found throws(Failure) in
      switch found.judgement {
      case .whole(let operation): mirror.apply(operation, parser, found)
      case .damaged:
        guard isLocked else { return false }
        mirror.skip(found)
      case .torn: mirror.endsTorn(JournalMirror.Tail(end: size, beginning: try beginningOfTail()))
      }
      return true
    }
  }

  /// Returns a hash of the tail's beginning. If the tail had been cut off, and as many bytes been written in its place, they would begin
  /// with another check.
  private func beginningOfTail() throws(Failure) -> Int {
    let length = 64
    return try withStackMemory(length) { start throws(Failure) in
      let count = try Syscalls.readFile(route.file, start.assumingMemoryBound(to: UInt8.self), length, at: mirror.applied)
      return hashOf(UnsafeRawBufferPointer(start: start, count: count))
    }
  }

  func readFile(_ into: UnsafeMutablePointer<UInt8>, _ count: Int, _ offset: Int64) throws(Failure) -> Int {
    try Syscalls.readFile(route.file, into, count, at: offset)
  }

  func nextData(_ offset: Int64) -> Int64 { Syscalls.nextData(route.file, from: offset) }

  /// Reads the header, or finds out what has become of it. Returns false if that cannot be decided without the lock.
  private func readHeader(_ size: Int64, isLocked: Bool) throws(Failure) -> Bool {
    let reading = try lookAtHeader(size)
    if !isLocked, reading.isDoubtful { return false } // somebody may just be writing the header
    switch reading {
    case .ours(let header, let isDamaged):
      // If one copy of the header is gone as a whole, the lines begin behind the other copy.
      let behindOne = Int64(JournalHeader.length)
      let isAtOne = isDamaged ? try isLine(at: behindOne, size, header.salt) : false
      mirror.began(header, isDamaged: isDamaged, linesAt: isAtOne ? behindOne : 2 * behindOne)
    case .cut(let header): mirror.ruined(header)
    case .zeroed: mirror.ruined(nil)
    case .unfinished: mirror.voided(try markOfScopes())
    case .lost:
      let behindHeader = Int64(2 * JournalHeader.length)
      var found = try findSalt(from: behindHeader, to: size)
      if found == nil { found = try findSalt(from: 0, to: size) }
      // If this handle knows the salt, one line is enough: the file was emptied while it was being written to.
      if found == nil, let former = mirror.formerSalt, try isLine(at: 0, size, former) { found = former }
      guard let salt = found else { throw Failure(.refused, "the file is not a journal, or of a newer format").at(names.path) }
      // If the header has lost its newlines, what is left of it and the first line would be read as one line. So reading begins behind the
      // header if a line begins there.
      mirror.beganWithoutHeader(salt, linesAt: try isLine(at: behindHeader, size, salt) ? behindHeader : 0)
    case .unknownVersion: throw Failure(.refused, "the file is not a journal, or of a newer format").at(names.path)
    }
    if route.wasOpenedLoose, mirror.applied > 0 || mirror.hasLostHeader { route.tighten() }
    return true
  }

  /// Reads the header, and leaves it in `input` with what follows it: a small file is read as a whole.
  func lookAtHeader(_ size: Int64) throws(Failure) -> JournalHeader.Reading {
    input.truncate(to: 0)
    let want = Int(min(size, 4096))
    input.reserve(want)
    input.resize(to: try Syscalls.readFile(route.file, input.start, want, at: 0))
    let isAllZero = input.bytes.allSatisfy { $0 == 0 } ? try isZero(from: Int64(input.count), to: size) : false
    return JournalHeader.read(input.slice(0, min(input.count, 2 &* JournalHeader.length)), fileSize: size, isAllZero: isAllZero)
  }

  /// Returns true if a line whose check fits this salt begins at this place.
  func isLine(at start: Int64, _ size: Int64, _ salt: Salt) throws(Failure) -> Bool {
    var lines = LineSplitter(input, from: start)
    var isLine = false
    _ = try lines.forEach(to: size, from: readFile, skippingTo: nextData) { line throws(Failure) in
      isLine = line.isEnded && LineReader.isChecked(line.text, salt)
      return false
    }
    return isLine
  }

  /// Finds the salt from the lines if the header is lost. Returns nil if the lines do not show one.
  private func findSalt(from start: Int64, to size: Int64) throws(Failure) -> Salt? {
    var lines = LineSplitter(input, from: start, limit: LineSplitter.chunk)
    var finder = SaltFinder()
    var salt: Salt?
    _ = try lines.forEach(to: size, from: readFile, skippingTo: nextData) { line throws(Failure) in
      if line.isEnded, !line.isTooLong { salt = try finder.findSalt(line.text, parser) }
      return salt == nil
    }
    return salt
  }

  /// Returns true if the file does not begin with the header that this handle has read, because it was overwritten in place.
  func hasAnotherHeader() throws(Failure) -> Bool {
    guard case .ours(let header, _) = try lookAtHeader(Int64(2 * JournalHeader.length)) else { return !mirror.hasLostHeader }
    return header.salt.seed != mirror.salt.seed
  }

  /// Returns true if the rest of the file is zeros. A crash may leave such blocks, to which no data was written. Returns false for a file over
  /// 1 MiB, because a crash does not leave so many.
  private func isZero(from: Int64, to size: Int64) throws(Failure) -> Bool {
    guard size <= 1 << 20 else { return false }
    let room = ByteBuffer(capacity: LineSplitter.chunk / 16)
    var at = from
    while at < size {
      let got = try Syscalls.readFile(route.file, room.start, room.capacity, at: at)
      if got <= 0 { break }
      room.resize(to: got)
      if room.bytes.contains(where: { $0 != 0 }) { return false }
      room.truncate(to: 0)
      at &+= Int64(got)
    }
    return true
  }
}
