import CPlatform

/// Rewriting the file with only what lives, and making it survive power loss.
extension Journal {
  /// An update compacts only past both of these; there is no thread that could do it instead.
  static var updateFloor: Int64 { 4 << 20 }
  private static var updateRatio: Int64 { 16 }
  private static var idleFloor: Int64 { 64 << 10 }
  private static var idleRatio: Int64 { 4 }

  public func sync() throws(Failure) -> Failure? {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusion.run { () throws(Failure) in
      guard needsSync || needsRewrite else { return nil }
      if try lookUp() == .nothing { // what was to be synced is gone, and no sync brings the file back
        vanish()
        needsSync = false
        needsRewrite = false
        return nil
      }
      if try syncByCompaction(hostTime) { needsSync = false } else if let failure = makeDurable(hostTime) { throw failure }
      return nil
    }
  }

  /// A rewritten file is a synced file. false: nothing is to be rewritten, or it could not be.
  private func syncByCompaction(_ hostTime: Int64?) throws(Failure) -> Bool {
    try enter(lookingUp: true)
    defer { leave() }
    guard needsNewFile || !hasUnknown && holdsRemoved || isWorthwhile else { return false }
    do throws(Failure) { try compact(hostTime) } catch {
      if needsNewFile { throw notDurable(error) }
      return false
    }
    return !needsDirectorySync
  }

  /// Syncs the file, and its directory where nobody is known to have done that; nil: it is done. Not under the file's lock: should
  /// another process compact meanwhile, its new file has our lines and is synced before it takes the place.
  func makeDurable(_ hostTime: Int64?) -> Failure? {
    if !needsNewFile {
      // The kernel may mark pages that it could not write as clean: to sync the same file again would only look like
      // success. Where this fails, all is written anew, from memory.
      do throws(Failure) { try Syscalls.sync(data: file) } catch { needsNewFile = true }
    }
    do throws(Failure) {
      if needsNewFile { try writeAnew(hostTime) }
      if needsDirectorySync { try Syscalls.sync(directory) }
    } catch { return notDurable(error) }
    needsDirectorySync = false
    needsSync = false
    return nil
  }

  private func writeAnew(_ hostTime: Int64?) throws(Failure) {
    try enter()
    defer { leave() }
    if needsNewFile { try compact(hostTime) } // else another has written it anew
  }

  private func notDurable(_ cause: Failure) -> Failure { Failure(.notDurable, cause.reason, systemError: cause.systemError) }

  private var isWorthwhile: Bool {
    !hasUnknown && applied > Journal.idleFloor && applied > Journal.idleRatio &* table.compactedBytes
  }

  /// At open: a file that earlier programs left large. A failure leaves it as it is.
  func compactIfWorthwhile() {
    guard !isReadOnly, isWorthwhile else { return }
    let hostTime = options.clock?()
    _ = try? exclusion.run { () throws(Failure) in
      try enter()
      defer { leave() }
      try compact(hostTime)
    }
  }

  var isFarTooLarge: Bool {
    applied > max(Journal.updateFloor, compactionFloor) && applied > Journal.updateRatio &* table.liveBytes
  }

  /// In an update, under its lock. A failure is not the update's: the next try is at twice the size.
  func compactOrBackOff(_ hostTime: Int64?) {
    do throws(Failure) { try compact(hostTime) } catch { compactionFloor = applied &* 2 }
  }

  /// Writes a whole new file and puts it in the place of this one. The caller holds the lock, which goes with the old file: others
  /// may write to the new one as soon as it has the name. Its state is that of this handle, so they are caught up with as ever.
  func compact(_ hostTime: Int64?) throws(Failure) {
    let time = hostTime ?? Syscalls.wallClock()
    do throws(Failure) { try rewrite(time) } catch {
      guard error.status == .noSpace, Syscalls.truncate(file, to: applied) else { throw error }
      // What was allocated past the end is free now: on a full disk that, and then the old file, is where the new one goes.
      allocated = 0
      try rewrite(time)
    }
  }

  private func rewrite(_ time: Int64) throws(Failure) {
    guard !hasUnknown else { throw Failure(.newer, "the file has lines of a newer format") }
    if keepsDamage { try keepDamaged() }
    let header = JournalHeader(salt: Salt(try Syscalls.random()), generation: generation)
    let new = try makeTemporary()
    var length: Int64 = 0
    var last: Int64 = 0
    do throws(Failure) {
      (length, last) = try writeLiving(to: new, header, time)
      // Before the rename: after power loss the name must not lead to an empty file.
      try Syscalls.sync(new)
      // Before the rename too: a writer that waits for the old file's lock finds it, whenever this process dies.
      scratch.begin()
      scratch.buffer.append("[\"moved\"]")
      try append(scratch, items: 1, isRemoval: true)
      try Syscalls.rename(directory, names.temporary, names.file)
    } catch {
      Syscalls.close(new)
      Syscalls.unlink(directory, names.temporary)
      throw error
    }
    // Whoever gets the old file's lock now reads "moved". Closing alone would leave it with a child that fork made.
    Syscalls.unlock(file)
    Syscalls.close(file)
    file = new
    salt = header.salt
    sequence = last
    applied = length
    allocated = 0
    compactionFloor = 0
    damagedLines = 0
    keepsDamage = false
    holdsRemoved = false
    hasMoved = false
    needsNewFile = false
    needsRewrite = false
    lastCompaction = time
    table.remove { Entry.isExpired($0.pointee.deadline, at: time) } // the new file does not have them
    do throws(Failure) {
      try Syscalls.sync(directory)
      needsDirectorySync = false
    } catch {
      needsDirectorySync = true // nothing is durable until one works
      needsSync = true
    }
  }

  private func makeTemporary() throws(Failure) -> Int32 {
    Syscalls.unlink(directory, names.temporary) // a dead compactor's; no living one is without the lock
    let flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW
    let new = Syscalls.open(directory, names.temporary, flags, 0o600)
    guard new >= 0 else { throw Syscalls.failure("the new file cannot be made") }
    do throws(Failure) { try Syscalls.setMode(new, 0o600) } catch {
      Syscalls.close(new)
      Syscalls.unlink(directory, names.temporary)
      throw error
    }
    return new
  }

  /// Header and one line for each entry. Answers the file's length and last sequence.
  private func writeLiving(to new: Int32, _ header: JournalHeader, _ time: Int64) throws(Failure) -> (Int64, Int64) {
    var length: Int64 = 0
    var sequence: Int64 = 0
    input.truncate(to: 0)
    header.append(to: input)
    func flush() throws(Failure) {
      try put(input.bytes, into: new)
      length &+= Int64(input.count)
      input.truncate(to: 0)
    }
    let batch = Batch()
    try table.forEach { record throws(Failure) in
      if Entry.isExpired(record.pointee.deadline, at: time) { return }
      batch.removeAll()
      try batch.set(
        Key(stored: [UInt8](EntryTable.key(record))), deadline: record.pointee.deadline, version: record.pointee.version
      ) { buffer throws(Failure) in buffer.append(EntryTable.value(record)) }
      sequence &+= 1
      input.append(batch.line.seal(items: 1, sequence: sequence, salt: header.salt))
      if input.count >= 256 << 10 { try flush() }
    }
    try flush()
    input.shrink(to: 1 << 20)
    return (length, sequence)
  }

  /// Copies the file, as it is, beside it. A second name for it would not do: that changes the link count others look at.
  private func keepDamaged() throws(Failure) {
    Syscalls.unlink(directory, names.temporary)
    let copy = try makeTemporary()
    do throws(Failure) {
      defer { Syscalls.close(copy) }
      let end = try Syscalls.sizeAndLinks(file).size
      var at: Int64 = 0
      input.reserve(256 << 10)
      while at < end {
        let got = try Syscalls.read(file, input.start, 256 << 10, at: at)
        if got <= 0 { break }
        let bytes = UnsafeRawBufferPointer(start: input.start, count: got)
        // A hole stays one: a sparse file must not fill the disk.
        if bytes.contains(where: { $0 != 0 }) { try put(bytes, into: copy) }
        at &+= Int64(got)
        guard Syscalls.truncate(copy, to: at) else { throw Syscalls.failure("the copy cannot be extended") }
      }
      try Syscalls.sync(copy)
      try Syscalls.rename(directory, names.temporary, names.damaged)
    } catch {
      Syscalls.unlink(directory, names.temporary)
      throw error
    }
  }
}
