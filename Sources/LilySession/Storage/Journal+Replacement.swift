import CPlatform

/// Replacing a file whose lock a stranger may hold for as long as they like.
//
// Whoever takes others' rights to a file away marks it, and the mark stays for as long as the file has the name. A marked file is rewritten
// as soon as its lock can be had, so that it is mostly gone at once. Where the lock cannot be had for seconds, a stranger has it, and the file
// is replaced without: the new file is a lock for that, and has its own name. The one who replaces makes and locks it, and then waits for
// longer than a change takes. Who gets the lock of a marked file looks for that name, and leaves the file alone while the other is at work.
// So nothing is appended to what has been copied. docs/format.md has the rule, and Tests/model goes through all its interleavings.
extension Journal {
  /// How long, in µs, who had the lock before the new file was there may take to end their change.
  private static var grace: Int64 { 1_000_000 }

  /// Puts a new file, with what lives, in the place of a marked one whose lock cannot be had.
  ///
  /// - Returns: false if the file is not marked, or another process replaces it, or it is damaged: that waits for who has the lock.
  func replaceWithoutLock() throws(Failure) -> Bool {
    guard !options.isReadOnly, try Syscalls.sizeAndLinks(route.file).links == 1 | Syscalls.looseMark else { return false }
    guard let new = try makeReplacement() else { return false }
    do throws(Failure) {
      Syscalls.sleep(microseconds: Journal.grace)
      _ = try catchUp(to: try Syscalls.sizeAndLinks(route.file).size, isLocked: true)
      guard mirror.damagedLines == 0, !mirror.hasUnknown, !mirror.hasMoved else {
        dropReplacement(new)
        return false
      }
      let isPrivate = Syscalls.makePrivate(new)
      let header = try makeHeader()
      let position = try writeLiving(to: new, header, 0) // by no clock: the host's may not be asked here, so nothing has expired
      try Syscalls.sync(new)
      guard try route.lookUp() == .thisFile else {
        dropReplacement(new)
        return false
      }
      try Syscalls.rename(route.directory, names.replacement, names.file)
      Syscalls.unlock(new)
      adopt(new, isPrivate: isPrivate, header, position, 0)
      return true
    } catch {
      dropReplacement(new)
      throw error
    }
  }

  /// Returns true if others could open the file.
  func isMarked(_ found: Syscalls.SizeAndLinks) -> Bool { found.links & Syscalls.looseMark != 0 }

  /// Returns the new file, locked; nil if another process has one.
  private func makeReplacement() throws(Failure) -> Int32? {
    if isBeingReplaced() { return nil }
    let new = Syscalls.open(
      route.directory, names.replacement, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    guard new >= 0 else {
      if Syscalls.hasFoundSomething { return nil }
      throw Syscalls.failure("cannot replace").at(names.path)
    }
    // Another process may have taken it for a dead one's before it was locked.
    if (try? Syscalls.tryLock(new)) == .taken, isNamed(new) { return new }
    Syscalls.close(new)
    return nil
  }

  /// Only who has its lock removes a replacement's name.
  private func dropReplacement(_ new: Int32) {
    Syscalls.unlink(route.directory, names.replacement)
    Syscalls.unlock(new)
    Syscalls.close(new)
  }

  /// Returns true while another process replaces the file without its lock, or if that cannot be said. Removes what a dead one has left.
  func isBeingReplaced() -> Bool {
    let other = Syscalls.open(route.directory, names.replacement, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    guard other >= 0 else { return !Syscalls.hasFoundNothing && !Syscalls.isForbidden }
    defer { Syscalls.close(other) }
    // In a folder that others may write to, it may be a stranger's.
    guard let status = try? Syscalls.status(other), status.st_uid == Syscalls.effectiveUser() else { return false }
    guard (try? Syscalls.tryLock(other)) == .taken else { return true }
    if isNamed(other) { Syscalls.unlink(route.directory, names.replacement) }
    Syscalls.unlock(other)
    return false
  }

  private func isNamed(_ file: Int32) -> Bool {
    guard let named = try? Syscalls.status(route.directory, names.replacement), let opened = try? Syscalls.status(file) else { return false }
    return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
  }
}
