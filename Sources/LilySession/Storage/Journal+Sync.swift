/// Makes what was written survive power loss, and takes removed values out of the file.
extension Journal {
  public func sync() throws(Failure) -> Failure? {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusively { () throws(Failure) in
      guard !debts.isNone || route.isLockedForGood else {
        route.doubt() // nothing is owed; the next use looks where the path leads
        return nil
      }
      let unerased = try syncKnown(hostTime)
      if debts.mayHaveLost {
        debts.lossIsKnown()
        throw Failure(.notDurable, "somebody else has replaced the file of this exclusive storage; the latest changes may be lost")
      }
      return unerased?.naming(names.path)
    }
  }

  private func syncKnown(_ hostTime: Int64?) throws(Failure) -> Failure? {
    if try followPath(create: false) == .nothing {
      let failure = debts.owesRemains ? removeRemainsByPath() : nil
      try makeAbsenceDurable()
      return failure
    }
    try restoreOwnFile()
    if try Syscalls.sizeAndLinks(route.file).size == 0 {
      mirror.voided(try markOfScopes())
      debts.fileIsGone()
      let failure = debts.owesRemains ? try removeRemainsOfEmptied() : nil
      if debts.owesSync, let failure = makeDurable(hostTime) { throw failure } // what was in the file does not come back either
      return failure
    }
    let unerased = try eraseRemoved(hostTime)
    if debts.owesSync, let failure = makeDurable(hostTime) { throw failure }
    return unerased
  }

  /// Makes it survive power loss that the path has no file. Whoever has removed the file need not have done so.
  func makeAbsenceDurable() throws(Failure) {
    do throws(Failure) {
      if try route.findFolder() { try route.syncFolder() }
      route.releaseFolder()
    } catch { throw error.restated(as: .notDurable) }
    debts.synced()
  }

  /// Removes what is beside a file that somebody has emptied. The next write begins the file, and not this.
  private func removeRemainsOfEmptied() throws(Failure) -> Failure? {
    if try !lockFile() { try lockAndCatchUp(lookingUp: true) } // the path leads to another file by now
    defer { unlockFile() }
    return removeRemains()
  }

  /// Writes the file of an exclusive storage anew if somebody else has cut it or written to it. An update does not look at the file, so what
  /// was acknowledged is only in memory then.
  func restoreOwnFile() throws(Failure) {
    guard route.isReadAlone, mirror.applied > 0, !mirror.hasUnknown else { return }
    let size = try Syscalls.sizeAndLinks(route.file).size
    guard debts.owesOwnFile || size != mirror.applied, try route.lookUp() == .thisFile else { return }
    try compact(0) // the host's clock may not be asked here; at time 0 nothing has expired
  }

  /// Rewrites the file if that is owed or worthwhile. A rewritten file is also synced. Returns why removed values are still in the file, or
  /// nil if they are not.
  private func eraseRemoved(_ hostTime: Int64?) throws(Failure) -> Failure? {
    try lockAndCatchUp(lookingUp: true)
    defer { unlockFile() }
    let holdsRemoved = mirror.holdsRemoved
    if holdsRemoved, mirror.hasUnknown {
      debts.couldNotErase()
      return Failure.newerLines
    }
    if debts.owesNewFile || holdsRemoved || route.wasLoose || isWorthwhile {
      if debts.mayTry(isUpdate: false) {
        do throws(Failure) { try compact(hostTime) } catch {
          if route.isInDoubt { throw error } // the path leads to another file, so this one is no longer the journal
        }
      }
      if mirror.holdsRemoved {
        try requirePlace() // the try may have taken long
        do throws(Failure) { try eraseInPlace() } catch {
          debts.couldNotErase()
          return debts.failure ?? error
        }
        debts.erased()
      }
    } else {
      debts.nothingToRewrite()
    }
    return debts.owesRemains ? removeRemains() : nil
  }

  /// Syncs the file, and its directory if that may not have been done. Returns nil if both are synced, and the reason if not. It does not
  /// need the file's lock: if another process compacts meanwhile, its new file has our lines, and is synced before it takes the place.
  func makeDurable(_ hostTime: Int64?) -> Failure? {
    do throws(Failure) {
      if route.file < 0 {
        try makeAbsenceDurable()
        return nil
      }
      if options.isExclusive {
        try requirePlace()
        try restoreOwnFile()
      }
      if !debts.owesNewFile {
        // If this fails, the whole file is written anew from memory.
        do throws(Failure) { try Syscalls.syncData(route.file) } catch { debts.syncFailed() }
      }
      if debts.owesNewFile { try writeAnew(hostTime) }
      if debts.owesDirectory { try route.syncFolder() }
    } catch { return error.restated(as: .notDurable).naming(names.path) }
    debts.directorySynced()
    debts.synced()
    return nil
  }

  private func writeAnew(_ hostTime: Int64?) throws(Failure) {
    try lockAndCatchUp()
    defer { unlockFile() }
    guard debts.owesNewFile else { return } // another process has written it anew
    if !debts.mayTry(isUpdate: false), let failure = debts.failure { throw failure }
    try compact(hostTime)
  }
}
