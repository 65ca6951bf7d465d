/// Making what was written survive power loss, and what was removed leave the file.
extension Journal {
  public func sync() throws(Failure) -> Failure? {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusion.run { () throws(Failure) in
      guard !debts.isNone else {
        route.doubt() // nothing is owed; the next use looks where the path leads
        return nil
      }
      // What was to be synced is gone, and no sync brings it back. The next write begins the file.
      if try follow(create: false) == .nothing { return debts.owesRemains ? removeRemainsByPath() : nil }
      if try Syscalls.sizeAndLinks(route.file).size == 0 {
        mirror.voided()
        debts.fileIsGone()
        return nil
      }
      let unerased = try erase(hostTime)
      if debts.owesSync, let failure = makeDurable(hostTime) { throw failure }
      return unerased
    }
  }

  /// Rewrites the file if that is owed, or worth while; a rewritten file is a synced file. Returns why what was removed is still in it.
  private func erase(_ hostTime: Int64?) throws(Failure) -> Failure? {
    try enter(lookingUp: true)
    defer { leave() }
    let holdsRemoved = mirror.holdsRemoved
    if holdsRemoved, mirror.hasUnknown {
      debts.couldNotErase()
      return Failure.newerLines
    }
    if debts.owesNewFile || holdsRemoved || route.wasLoose || isWorthwhile {
      if debts.mayTry(isUpdate: false) {
        do throws(Failure) { try compact(hostTime) } catch {
          if route.isInDoubt { throw error } // the path leads to another file: what is in this one is not ours any more
        }
      }
      if holdsRemoved, let failure = debts.failure {
        do throws(Failure) { try eraseInPlace() } catch {
          debts.couldNotErase()
          return failure
        }
        debts.erased()
      }
    } else {
      debts.nothingToRewrite()
    }
    return debts.owesRemains ? removeRemains() : nil
  }

  /// Syncs the file, and its directory where nobody is known to have done that; nil: it is done. Not under the file's lock: should
  /// another process compact meanwhile, its new file has our lines and is synced before it takes the place.
  func makeDurable(_ hostTime: Int64?) -> Failure? {
    do throws(Failure) {
      if !debts.owesNewFile {
        // Where this fails, all is written anew, from memory.
        do throws(Failure) { try Syscalls.sync(data: route.file) } catch { debts.syncFailed() }
      }
      if debts.owesNewFile { try writeAnew(hostTime) }
      if debts.owesDirectory { try Syscalls.sync(directory: route.directory) }
    } catch { return Failure(.notDurable, error.reason, systemError: error.systemError) }
    debts.directorySynced()
    debts.synced()
    return nil
  }

  private func writeAnew(_ hostTime: Int64?) throws(Failure) {
    try enter()
    defer { leave() }
    guard debts.owesNewFile else { return } // another has written it anew
    if !debts.mayTry(isUpdate: false), let failure = debts.failure { throw failure }
    try compact(hostTime)
  }
}
