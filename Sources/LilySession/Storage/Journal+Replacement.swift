import CPlatform

/// Replaces a file whose lock a stranger may hold for as long as they like.
//
// Whoever takes others' rights to a file away marks it, and the mark stays for as long as the file has the name. A marked file is rewritten
// as soon as its lock can be had, which is usually at once. If the lock cannot be had for seconds, a stranger has it, and the file is
// replaced without it. The new file, under a name of its own, serves as the lock for that: the process that replaces makes it and locks it,
// then waits for longer than a change takes. A process that gets the lock of a marked file looks for that name, and leaves the file alone
// while the other is at work. So nothing is appended to what has been copied. docs/format.md has the rule, and Tests/model goes through all
// interleavings.
extension Journal {
  /// The time, in µs, for the end of a change by a process that had the lock before the new file was there.
  private static var grace: Int64 { 1_000_000 }

  /// Puts a new file, with the live entries, in the place of a marked file whose lock cannot be had.
  ///
  /// - Returns: false if the file is not marked, if an exclusive storage has its lock, if another process replaces it, or if it is damaged,
  ///   which needs the lock.
  func replaceWithoutLock() throws(Failure) -> Bool {
    guard !options.isReadOnly else { return false }
    try tightenFirst() // others may have got rights to it since it was opened
    guard try Syscalls.sizeAndLinks(route.file).links == 1 | Syscalls.looseMark, !Syscalls.isClaimed(route.file), let new = try makeReplacement()
    else { return false }
    do throws(Failure) {
      Syscalls.sleepFor(microseconds: Journal.grace)
      mirror.startOver() // without the lock there is no other way to see that the file was cut or overwritten
      _ = try catchUp(to: try Syscalls.sizeAndLinks(route.file).size, isLocked: true)
      guard mirror.damagedLines == 0, !mirror.hasUnknown else {
        mirror.startOver() // what looked like damage may be a change at work
        dropReplacement(new)
        return false
      }
      let header = try makeHeader()
      let position = try writeLiving(to: new, header, 0) // the host's clock may not be asked here; at time 0 nothing has expired
      try Syscalls.syncFile(new)
      guard try route.lookUp() == .thisFile, isNamed(new) else {
        dropReplacement(new)
        return false
      }
      removeTemporaries() // their names come from the salt of the old file, so nobody would find them later
      if mirror.holdsRemoved { removeCopy() }
      try Syscalls.renameFile(route.directory, names.replacement, names.file)
      Syscalls.unlock(new)
      adopt(new, isPrivate: true, header, position, 0)
      return true
    } catch {
      dropReplacement(new)
      throw error
    }
  }

  /// Returns the new file, locked, or nil if another process has one.
  private func makeReplacement() throws(Failure) -> Int32? {
    if try isBeingReplaced() { return nil }
    let new = Syscalls.openFile(
      route.directory, names.replacement, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    guard new >= 0 else {
      if Syscalls.hasFoundSomething { return nil }
      throw Syscalls.failure("cannot create the file that is to replace").at(names.path)
    }
    // The file is locked at once, because only its lock tells others that somebody is at work. Before that, another process may have taken it
    // for a leftover, and removed it. It is made private first, because the umask may have given others rights to it.
    if Syscalls.makePrivate(new), (try? Syscalls.tryLock(new)) == .taken, isNamed(new) { return new }
    Syscalls.closeFile(new)
    return nil
  }

  /// Removes a replacement. Only the process that has its lock may do that.
  private func dropReplacement(_ new: Int32) {
    if isNamed(new) { Syscalls.removeName(route.directory, names.replacement) }
    Syscalls.unlock(new)
    Syscalls.closeFile(new)
  }

  /// Returns true while another process replaces the file without its lock. Removes what a dead process left.
  func isBeingReplaced() throws(Failure) -> Bool {
    do throws(Failure) { try removeReplacement() } catch {
      guard error.status == .busy else { throw error }
      return true
    }
    return false
  }

  /// Removes a new file of a process that died while it replaced the file without its lock.
  ///
  /// - Returns: why it is still there, or nil if none is.
  /// - Throws: BUSY if a process is at work. Another error if that cannot be found out.
  @discardableResult
  func removeReplacement() throws(Failure) -> Failure? {
    let busy = Failure(.busy, "another process is replacing the file; try again").at(names.path)
    // Its status is asked for by name, because there may be no descriptor left. If others may write to the folder, it may be a stranger's.
    guard let named = try Syscalls.status(route.directory, names.replacement), Syscalls.isOwnFile(named) else { return nil }
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    var other = Syscalls.openFile(route.directory, names.replacement, flags)
    if other < 0, Syscalls.isForbidden, Syscalls.rescue(route.directory, names.replacement) { // its process may have died before it had set the mode
      other = Syscalls.openFile(route.directory, names.replacement, flags)
    }
    guard other >= 0 else {
      if Syscalls.hasFoundNothing { return nil }
      throw Syscalls.failure("cannot open the .replacement file beside").at(names.path)
    }
    defer {
      Syscalls.unlock(other)
      Syscalls.closeFile(other)
    }
    let status = try Syscalls.status(other)
    guard Syscalls.isOwnFile(status) else { return nil }
    // One that others can open was copied here with the folder, and may be locked by them.
    let isPrivate = status.st_mode & 0o077 == 0
    if isPrivate, try Syscalls.tryLock(other) != .taken { throw busy }
    guard isNamed(other) else { throw busy } // another process has just removed it, and may have made its own
    if removeBeside(names.replacement) { return nil }
    return Syscalls.failure("cannot remove a leftover .replacement file beside").at(names.path)
  }

  private func isNamed(_ file: Int32) -> Bool { route.leads(names.replacement, to: file) }
}
