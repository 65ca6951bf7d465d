import CPlatform

/// What is beside the file and may hold what was removed from it: the copy of a damaged file, and new files that were never renamed.
extension Journal {
  /// Removes the copy of a damaged file. If that fails, the next sync tries again.
  ///
  /// - Returns: why it is still there; nil: it is not.
  @discardableResult
  func removeCopy() -> Failure? {
    if Syscalls.unlink(route.directory, names.damaged) { return nil }
    debts.remainsStay()
    return Syscalls.failure("the copy of the damaged file cannot be removed").at(names.path)
  }

  /// Removes the new files of processes that died before they were renamed, whatever file they were to replace. The caller has the lock, or
  /// there is no file: no living process has such a file that could still get the name.
  ///
  /// - Returns: why one of them is still there; nil: none is.
  @discardableResult
  func removeLeftFiles() -> Failure? {
    var failure: Failure?
    do throws(Failure) {
      try Syscalls.forEachName(in: route.directory) { name in
        guard names.isTemporary(name), !Syscalls.unlink(route.directory, name) else { return }
        failure = Syscalls.failure("a new file that was left cannot be removed").at(names.path)
      }
    } catch { failure = error }
    if failure != nil { debts.remainsStay() }
    return failure
  }

  /// Does both.
  func removeRemains() -> Failure? {
    debts.remainsAreGone()
    let failure = removeCopy()
    return removeLeftFiles() ?? failure
  }

  /// The same where the path has no file, so that no folder is held open.
  func removeRemainsByPath() -> Failure? {
    guard (try? route.findFolder()) == true else { return nil }
    defer { route.releaseFolder() }
    return removeRemains()
  }

  /// Returns true if a key that is removed by hand, and that nothing is stored for, may be in a damaged line. One that may be in the copy of
  /// a damaged file goes with that at once.
  @inline(never)
  func mayBeInRemains(_ batch: Batch, _ generation: UInt64?) -> Bool {
    guard generation == nil, batch.hasRemoves else { return false }
    if mirror.damagedLines > 0 { return true }
    removeCopy()
    return false
  }
}
