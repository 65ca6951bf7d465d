import CPlatform

/// Rewrites the file with only the live entries.
extension Journal {
  /// An update compacts only if the file is past both of these limits. There is no thread that could do it instead.
  private static var updateFloor: Int64 { 4 << 20 }
  private static var updateRatio: Int64 { 16 }
  /// The file of a scope is read at each request of its user, so it keeps to one block of the disk.
  private var idleFloor: Int64 { isScopeFile ? 4 << 10 : 64 << 10 }
  private static var idleRatio: Int64 { 4 }

  /// True if a sync or an opening should rewrite the file because of its size.
  var isWorthwhile: Bool {
    !mirror.hasUnknown && mirror.applied > idleFloor && mirror.applied > Journal.idleRatio &* mirror.table.compactedBytes
  }

  /// Rewrites, at open, a file that earlier programs left large. If that fails, the file stays as it is. It also stays if it has damage of
  /// which no copy would be kept, because whoever opens it may want to repair it.
  func compactIfWorthwhile() {
    guard !route.isReadOnly, isWorthwhile, mirror.damagedLines == 0 || mirror.keepsDamage else { return }
    let hostTime = options.clock?()
    _ = try? exclusion.run { () throws(Failure) in
      try lockAndCatchUp()
      defer { unlockFile() }
      let found = mirror.damagedLines
      try compact(hostTime)
      damageAtOpening = found
    }
  }

  /// Runs after each change, under its lock. Returns why the file could not be rewritten, which is no failure of the change, or nil.
  @inline(__always)
  @discardableResult
  func compactIfFarTooLarge(_ hostTime: Int64?) -> Failure? {
    guard mirror.applied > Journal.updateFloor, mirror.applied > Journal.updateRatio &* mirror.table.bytes else { return nil }
    return tryToCompact(hostTime)
  }

  @inline(never)
  private func tryToCompact(_ hostTime: Int64?) -> Failure? {
    guard !mirror.hasUnknown, debts.mayTry(isUpdate: true) else { return nil }
    do throws(Failure) { try compact(hostTime) } catch {
      return route.isInDoubt ? nil : error // if in doubt, the next change looks where the path leads
    }
    return nil
  }

  /// Writes a whole new file and puts it in the place of this one. The caller holds the lock, which stays with the old file. So others may
  /// write to the new one as soon as it has the name. That does no harm: the new file says what this handle knows, and what others append
  /// is read as always.
  ///
  /// - Parameters:
  ///   - evenFull: if true, rewrites even a file to which no line can be appended. Its lines of a newer format are lost.
  ///   - keepsCopy: if true, the copy of a damaged file stays, even if values were removed.
  func compact(_ hostTime: Int64?, evenFull: Bool = false, keepsCopy: Bool = false) throws(Failure) {
    try requirePlace()
    let time = hostTime ?? Syscalls.wallClock()
    let before = mirror.applied
    do throws(Failure) {
      do throws(Failure) { try rewrite(time, evenFull, keepsCopy) } catch {
        guard error.status == .noSpace, try Syscalls.sizeAndLinks(route.file).size == mirror.applied,
          Syscalls.truncateFile(route.file, to: mirror.applied)
        else { throw error }
        // The blocks past the end are free now. On a full disk, the new file may fit there.
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

  /// Throws if the path leads to another file by now, or if another process is replacing the file. A file that is renamed to the path would
  /// then replace somebody else's.
  func requirePlace() throws(Failure) {
    if route.wasLoose {
      do throws(Failure) { try removeReplacement() } catch {
        route.doubt()
        throw error
      }
    }
    // The path comes last, because nobody is replacing the file any more once somebody has replaced it.
    guard try route.lookUp() == .thisFile else {
      route.doubt()
      throw Failure(.busy, "the file was replaced meanwhile; try again").at(names.path)
    }
  }

  private func rewrite(_ time: Int64, _ evenFull: Bool, _ keepsCopy: Bool) throws(Failure) {
    guard evenFull || !mirror.hasUnknown else { throw Failure.newerLines }
    if mirror.keepsDamage { try keepDamaged() }
    if mirror.holdsRemoved {
      // What is beside the file may hold removed values, too. This comes before the rename, because after it nobody knows of the removal.
      debts.remainsAreGone()
      if !mirror.keepsDamage, !keepsCopy { removeCopy() }
      removeLeftFiles()
    }
    let header = try makeHeader()
    let (new, isPrivate) = try makeTemporary()
    let position: JournalReader.Position
    do throws(Failure) {
      // Nobody else can have this lock, because nobody looks for a file with a temporary name.
      if options.isExclusive, try Syscalls.tryLock(new) != .taken { throw Failure(.busy, "the new file is locked") }
      position = try writeLiving(to: new, header, time)
      // This comes before the rename, because after power loss the name must not lead to an empty file.
      try Syscalls.syncFile(new)
      // `moved` comes before the rename, too, so that a writer that waits for the old file's lock finds it, whenever this process dies.
      do throws(Failure) { try appendMoved() } catch {
        // If no line can be appended, that writer notices by the link count that the file was replaced.
        if !evenFull { throw error }
      }
      try requirePlace()
      try Syscalls.renameFile(route.directory, names.temporary, names.file)
    } catch {
      Syscalls.closeFile(new)
      Syscalls.removeName(route.directory, names.temporary)
      throw error
    }
    // Whoever gets the old file's lock now reads `moved`. Closing the file would not be enough, because a child of fork may have it open.
    Syscalls.unlock(route.file)
    adopt(new, isPrivate: isPrivate, header, position, time)
  }

  /// Makes the new file this handle's. It has the live entries, and the path leads to it by now.
  func adopt(_ new: Int32, isPrivate: Bool, _ header: JournalHeader, _ position: JournalReader.Position, _ time: Int64) {
    route.replace(by: new, isPrivate: isPrivate)
    mirror.rewritten(header, position, at: time)
    restoreReserve()
    lastCompaction = time > 0 ? time : Syscalls.wallClock()
    damageAtOpening = 0
    var isDirectorySynced = true
    do throws(Failure) { try route.syncFolder() } catch { isDirectorySynced = false }
    debts.rewritten(directorySynced: isDirectorySynced)
    watcher.pathChanged()
    if watcher.isOpen { watchNew() }
  }

  private func appendMoved() throws(Failure) {
    scratch.begin()
    scratch.buffer.append("[\"moved\"]")
    try append(scratch, items: 1, isRemoval: true)
  }

  /// Watches the new file. Others may have written to it before it was watched.
  func watchNew() {
    watcher.arm(hasFile: true, isNews: false)
    guard let found = try? Syscalls.sizeAndLinks(route.file), isCurrent(found) else { return watcher.noteArrival() }
  }

  /// Makes the file that is to replace this one.
  func makeTemporary() throws(Failure) -> (file: Int32, isPrivate: Bool) {
    // The name is made of the salt, which only those know who may read the file, so nobody else can take the name first. If this process
    // dies, the next one that has the lock knows the name.
    names.nameTemporary(mirror.applied > 0 ? mirror.salt.seed : UInt32(truncatingIfNeeded: try Syscalls.randomNumber()))
    Syscalls.removeName(route.directory, names.temporary) // left by a process that died; a living one would have the lock
    var new = openTemporary()
    if new < 0, Syscalls.hasFoundSomething {
      // Somebody has seen the name of such a file, and taken it.
      names.nameTemporary(UInt32(truncatingIfNeeded: try Syscalls.randomNumber()))
      new = openTemporary()
    }
    guard new >= 0 else { throw Syscalls.failure("cannot create the file that is to replace").at(names.path) }
    return (new, Syscalls.makePrivate(new))
  }

  private func openTemporary() -> Int32 {
    Syscalls.openFile(route.directory, names.temporary, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  }

  /// Writes the header, and one line for each entry that has not expired. Returns the position at the end.
  func writeLiving(to new: Int32, _ header: JournalHeader, _ time: Int64) throws(Failure) -> JournalReader.Position {
    var position = JournalReader.Position()
    input.truncate(to: 0)
    header.append(to: input)
    func flush() throws(Failure) {
      try writeGuarded(input.bytes, into: new)
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

  /// Copies the damaged file, with zeros in place of the lines up to the last removal. A hard link would not do,
  /// because it changes the link count, by which others notice a replacement.
  func keepDamaged() throws(Failure) { try guarded { () throws(Failure) in try copyDamaged() } }

  private func copyDamaged() throws(Failure) {
    let (copy, _) = try makeTemporary()
    do throws(Failure) {
      defer { Syscalls.closeFile(copy) }
      let end = try Syscalls.sizeAndLinks(route.file).size
      var at: Int64 = 0
      defer { input.truncate(to: 0) }
      while at < end {
        input.truncate(to: 0)
        input.reserve(256 << 10)
        let got = try Syscalls.readFile(route.file, input.start, 256 << 10, at: at)
        if got <= 0 { break }
        input.resize(to: got)
        // A hole stays a hole, because a sparse file must not fill the disk.
        blankRemoved(from: at)
        if input.bytes.contains(where: { $0 != 0 }) { try Syscalls.writeFile(copy, input.bytes) }
        at &+= Int64(got)
        guard Syscalls.truncateFile(copy, to: at) else { throw Syscalls.failure("cannot write the copy of the damaged file").at(names.path) }
      }
      try Syscalls.syncFile(copy)
      try Syscalls.renameFile(route.directory, names.temporary, names.damaged)
    } catch {
      Syscalls.removeName(route.directory, names.temporary)
      throw error
    }
  }

  /// Puts zeros in place of the lines up to the last removal, which must not be copied. The buffer has the file's bytes from `start` on.
  private func blankRemoved(from start: Int64) {
    let from = max(mirror.linesAt &- start, 0)
    let to = min(mirror.removedTo &- start, Int64(input.count))
    guard from < to else { return }
    for at in Int(from)..<Int(to) { input.start[at] = 0 }
  }
}
