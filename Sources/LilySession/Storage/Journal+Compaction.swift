import CPlatform

/// Rewriting the file with only what lives.
extension Journal {
  /// An update compacts only past both of these; there is no thread that could do it instead.
  private static var updateFloor: Int64 { 4 << 20 }
  private static var updateRatio: Int64 { 16 }
  private static var idleFloor: Int64 { 64 << 10 }
  private static var idleRatio: Int64 { 4 }

  /// A sync or an opening should rewrite the file for its size.
  var isWorthwhile: Bool {
    !mirror.hasUnknown && mirror.applied > Journal.idleFloor && mirror.applied > Journal.idleRatio &* mirror.table.compactedBytes
  }

  /// Rewrites, at open, a file that earlier programs left large. A failure leaves it as it is, and so does damage that would not be kept: who
  /// opens the file may want to repair it.
  func compactIfWorthwhile() {
    guard !route.isReadOnly, isWorthwhile, mirror.damagedLines == 0 || mirror.keepsDamage else { return }
    let hostTime = options.clock?()
    _ = try? exclusion.run { () throws(Failure) in
      try enter()
      defer { leave() }
      let found = mirror.damagedLines
      try compact(hostTime)
      damageAtOpening = found
    }
  }

  /// Runs after each change, under its lock. Returns why the file could not be rewritten; that is no failure of the change.
  @inline(__always)
  @discardableResult
  func compactIfFarTooLarge(_ hostTime: Int64?) -> Failure? {
    guard mirror.applied > Journal.updateFloor, mirror.applied > Journal.updateRatio &* mirror.table.liveBytes else { return nil }
    return tryToCompact(hostTime)
  }

  @inline(never)
  private func tryToCompact(_ hostTime: Int64?) -> Failure? {
    guard !mirror.hasUnknown, debts.mayTry(isUpdate: true) else { return nil }
    do throws(Failure) { try compact(hostTime) } catch {
      return route.isInDoubt ? nil : error // the next change looks where the path leads
    }
    return nil
  }

  /// Writes a whole new file and puts it in the place of this one. The caller holds the lock, which goes with the old file: others
  /// may write to the new one as soon as it has the name. Its state is that of this handle, so they are caught up with as ever.
  ///
  /// - Parameters:
  ///   - evenFull: also where the file takes no more lines, of which those of a newer format are lost.
  ///   - keepsCopy: a copy of a damaged file stays, whatever was removed.
  func compact(_ hostTime: Int64?, evenFull: Bool = false, keepsCopy: Bool = false) throws(Failure) {
    try requirePlace()
    let time = hostTime ?? Syscalls.wallClock()
    let before = mirror.applied
    do throws(Failure) {
      do throws(Failure) { try rewrite(time, evenFull, keepsCopy) } catch {
        guard error.status == .noSpace, Syscalls.truncate(route.file, to: mirror.applied) else { throw error }
        // What was allocated past the end is free now: on a full disk that, and then the old file, is where the new one goes.
        mirror.allocated(to: 0)
        do throws(Failure) { try rewrite(time, evenFull, keepsCopy) } catch {
          restoreReserve()
          throw error
        }
      }
    } catch {
      debts.rewritingFailed(error, hasGrown: mirror.applied > before)
      throw error
    }
  }

  /// Throws if the path leads elsewhere by now, or is about to: a file that is renamed to it would take the place of somebody else's.
  func requirePlace() throws(Failure) {
    guard try route.lookUp() == .thisFile else {
      route.doubt()
      throw Failure(.busy, "the path leads to another file by now").at(names.path)
    }
    if isMarked(try Syscalls.sizeAndLinks(route.file)), isBeingReplaced() {
      throw Failure(.busy, "another process is replacing the file").at(names.path)
    }
  }

  private func rewrite(_ time: Int64, _ evenFull: Bool, _ keepsCopy: Bool) throws(Failure) {
    guard evenFull || !mirror.hasUnknown else { throw Failure.newerLines }
    if mirror.keepsDamage { try keepDamaged() }
    let header = try makeHeader()
    let (new, isPrivate) = try makeTemporary()
    let position: JournalReader.Position
    do throws(Failure) {
      position = try writeLiving(to: new, header, time)
      // Before the rename: after power loss the name must not lead to an empty file.
      try Syscalls.sync(new)
      // Before the rename too: a writer that waits for the old file's lock finds it, whenever this process dies.
      do throws(Failure) { try appendMoved() } catch {
        // Where no line can be appended, the link count has to tell that writer.
        if !evenFull { throw error }
      }
      try requirePlace()
      // What was removed leaves the copy of a damaged file, too: before the rename, after which nobody knows of the removal any more.
      if mirror.holdsRemoved, !mirror.keepsDamage, !keepsCopy { removeCopy() }
      try Syscalls.rename(route.directory, names.temporary, names.file)
    } catch {
      Syscalls.close(new)
      Syscalls.unlink(route.directory, names.temporary)
      throw error
    }
    // Whoever gets the old file's lock now reads "moved". Closing alone would leave it with a child that fork made.
    Syscalls.unlock(route.file)
    adopt(new, isPrivate: isPrivate, header, position, time)
  }

  /// A new file, with what lives, has the name now: this handle goes on with it.
  func adopt(_ new: Int32, isPrivate: Bool, _ header: JournalHeader, _ position: JournalReader.Position, _ time: Int64) {
    route.replace(by: new, isPrivate: isPrivate)
    mirror.rewritten(header, position, at: time)
    lastCompaction = time
    damageAtOpening = 0
    var isDirectorySynced = true
    do throws(Failure) { try Syscalls.sync(directory: route.directory) } catch { isDirectorySynced = false }
    debts.rewritten(directorySynced: isDirectorySynced)
    watcher.pathChanged()
    if watcher.isOpen { watchNew() }
  }

  private func appendMoved() throws(Failure) {
    scratch.begin()
    scratch.buffer.append("[\"moved\"]")
    try append(scratch, items: 1, isRemoval: true)
  }

  /// Others may have written to the new file before it was watched.
  func watchNew() {
    watcher.arm(hasFile: true, isNews: false)
    guard let found = try? Syscalls.sizeAndLinks(route.file), isCurrent(found) else { return watcher.noteArrival() }
  }

  func makeTemporary() throws(Failure) -> (file: Int32, isPrivate: Bool) {
    // The salt is known only to who may read the file: nobody else can take the name before. And the next who has the lock knows it, too,
    // should this process die.
    names.nameTemporary(mirror.applied > 0 ? mirror.salt.seed : UInt32(truncatingIfNeeded: try Syscalls.random()))
    Syscalls.unlink(route.directory, names.temporary) // a dead compactor's; no living one is without the lock
    var new = openTemporary()
    if new < 0, Syscalls.hasFoundSomething {
      // Somebody has seen the name of a dead compactor's.
      names.nameTemporary(UInt32(truncatingIfNeeded: try Syscalls.random()))
      new = openTemporary()
    }
    guard new >= 0 else { throw Syscalls.failure("cannot rewrite").at(names.path) }
    return (new, Syscalls.makePrivate(new))
  }

  private func openTemporary() -> Int32 {
    Syscalls.open(route.directory, names.temporary, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  }

  /// Writes a header, and one line for each entry. Returns the position at the end.
  func writeLiving(to new: Int32, _ header: JournalHeader, _ time: Int64) throws(Failure) -> JournalReader.Position {
    var position = JournalReader.Position()
    input.truncate(to: 0)
    header.append(to: input)
    func flush() throws(Failure) {
      try put(input.bytes, into: new)
      position.end &+= Int64(input.count)
      input.truncate(to: 0)
    }
    let batch = Batch()
    try mirror.table.forEach { record throws(Failure) in
      if Entry.isExpired(record.pointee.deadline, at: time) { return }
      batch.removeAll()
      try batch.set(record)
      position.sequence &+= 1
      input.append(batch.line.seal(items: 1, sequence: position.sequence, salt: header.salt))
      if input.count >= 256 << 10 { try flush() }
    }
    try flush()
    input.shrink(to: 1 << 20)
    return position
  }

  /// Copies the file beside it, but for what comes before a removal. A second name for it would not do: that changes the link count others
  /// look at.
  func keepDamaged() throws(Failure) { try guarded { () throws(Failure) in try copyDamaged() } }

  private func copyDamaged() throws(Failure) {
    let (copy, _) = try makeTemporary()
    do throws(Failure) {
      defer { Syscalls.close(copy) }
      let end = try Syscalls.sizeAndLinks(route.file).size
      var at: Int64 = 0
      defer { input.truncate(to: 0) }
      while at < end {
        input.truncate(to: 0)
        input.reserve(256 << 10)
        let got = try Syscalls.read(route.file, input.start, 256 << 10, at: at)
        if got <= 0 { break }
        input.resize(to: got)
        // A hole stays one: a sparse file must not fill the disk.
        blankRemoved(from: at)
        if input.bytes.contains(where: { $0 != 0 }) { try Syscalls.write(copy, input.bytes) }
        at &+= Int64(got)
        guard Syscalls.truncate(copy, to: at) else { throw Syscalls.failure("the copy cannot be extended") }
      }
      try Syscalls.sync(copy)
      try Syscalls.rename(route.directory, names.temporary, names.damaged)
    } catch {
      Syscalls.unlink(route.directory, names.temporary)
      throw error
    }
  }

  /// Makes zeros of what is not to be copied: the lines up to the last removal. `start`: where what was read begins in the file.
  private func blankRemoved(from start: Int64) {
    let from = max(mirror.linesAt &- start, 0)
    let to = min(mirror.removedTo &- start, Int64(input.count))
    guard from < to else { return }
    for at in Int(from)..<Int(to) { input.start[at] = 0 }
  }
}
