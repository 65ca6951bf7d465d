import CPlatform

/// Removes what is beside the file and may hold removed values: the copy of a damaged file, and new files that were never renamed.
extension Journal {
  /// Removes the copy of a damaged file. If that fails, the next sync tries again.
  ///
  /// - Returns: why it is still there, or nil if it is gone.
  @discardableResult
  func removeCopy() -> Failure? {
    if removeBeside(names.damaged) { return nil }
    debts.remainsStay()
    return Syscalls.failure("cannot remove the copy of the damaged file").at(names.path)
  }

  /// Removes something beside the file. A power loss could bring it back until the folder is synced. Returns true if it is gone.
  func removeBeside(_ name: UnsafePointer<CChar>) -> Bool { Syscalls.removeName(route.directory, name) { debts.namesWentAway() } }

  /// Removes new files that processes left when they died before the rename.
  ///
  /// - Returns: why one of them is still there, or nil if none is.
  @discardableResult
  func removeLeftFiles() -> Failure? {
    var failure: Failure?
    do throws(Failure) { failure = try removeReplacement() } catch { failure = error }
    if failure != nil { debts.remainsStay() }
    return removeTemporaries() ?? failure
  }

  /// Removes those with temporary names. The caller has the lock, or there is no journal, or the caller is about to replace it. So no living
  /// process can have a new file that it could still rename.
  ///
  /// - Returns: why one of them is still there, or nil if none is.
  @discardableResult
  func removeTemporaries() -> Failure? {
    var failure: Failure?
    do throws(Failure) {
      try route.forEachName { name in
        guard names.isTemporary(name), !removeBeside(name) else { return }
        failure = Syscalls.failure("cannot remove a leftover .tmp file beside").at(names.path)
      }
    } catch { failure = error }
    if failure != nil { debts.remainsStay() }
    return failure
  }

  /// Removes the copy and the new files. Returns why something is still there, or nil.
  func removeRemains() -> Failure? {
    debts.remainsAreGone()
    let failure = removeCopy()
    return removeLeftFiles() ?? failure
  }

  /// Does what `removeRemains` does if the path has no file, so that no folder is held open.
  func removeRemainsByPath() -> Failure? {
    do throws(Failure) {
      guard try route.findFolder() else {
        debts.remainsAreGone() // with the folder
        return nil
      }
    } catch { return error }
    defer { route.releaseFolder() }
    return removeRemains()
  }

  /// Returns true if a removed key that no entry has may be found elsewhere: by a handle that still has what this one has forgotten to make
  /// room, or in a damaged line. If the copy of a damaged file may have the key, that copy is removed at once. The next sync removes new files
  /// that were left.
  @inline(never)
  func mayBeElsewhere(_ batch: Batch) -> Bool {
    guard batch.hasRemoves else { return false }
    if mirror.table.hasForgotten || mirror.damagedLines > 0 { return true }
    removeCopy()
    debts.remainsStay()
    return false
  }
}
