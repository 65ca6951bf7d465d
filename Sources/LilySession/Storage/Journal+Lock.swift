import CPlatform

/// Limits how long a call keeps trying.
struct Patience {
  private var end: Int64?
  private var tries = 0

  /// True from 3 s after the first call of `keepWaiting` on. Nobody who follows the rules holds the lock for so long.
  var isWearingThin: Bool { end.map { Syscalls.monotonicClock() >= $0 &- 2000 } ?? false }

  /// Throws BUSY from 5 s after the first call on, unless the system is so slow that there were only a few tries.
  mutating func keepWaiting(_ reason: StaticString) throws(Failure) {
    let now = Syscalls.monotonicClock()
    tries &+= 1
    guard let end else {
      end = now &+ 5000
      return
    }
    guard now < end || tries < 8 else { throw Failure(.busy, reason, systemError: EWOULDBLOCK) }
  }
}

/// Takes the lock that keeps processes apart, and the handles of one process. It is flock on the journal itself: closing another descriptor
/// does not drop it, no cleaner deletes it, and the kernel frees it when its holder dies.
///
/// The steps of an update are inlined here, and rare steps are not. After a call to the kernel the processor no longer predicts
/// where functions return to, so each return costs as much as the work.
extension Journal {
  /// Takes the file's lock. Returns false if the path leads to another file by now, so that there is nothing to wait for.
  @inline(__always)
  func lockFile() throws(Failure) -> Bool {
    if route.isLockedForGood { return true }
    if try tryLockFile() { return true }
    return try waitForLock()
  }

  /// Takes the lock if nobody has it. Returns true if it was taken.
  @inline(__always)
  private func tryLockFile() throws(Failure) -> Bool {
    guard try Syscalls.tryLock(route.file) == .taken else { return false }
    if options.isExclusive { route.lockedForGood() }
    return true
  }

  @inline(__always)
  func unlockFile() {
    if !route.isLockedForGood { Syscalls.unlock(route.file) }
  }

  /// Takes the lock if nobody has it for far longer than the microseconds that a change takes. Returns true if it was taken.
  func lockSoon() throws(Failure) -> Bool {
    if route.isLockedForGood { return true }
    for _ in 0..<100 {
      if try tryLockFile() { return true }
      Syscalls.sleepFor(microseconds: 1000)
    }
    return false
  }

  /// Takes the lock of an exclusive storage.
  func lockForGood() throws(Failure) {
    if !route.isReadyForWriting { try openForWriting() }
    if route.wasOpenedLoose { try tightenFirst() }
    if try lockSoon() { return }
    // A stranger may have the lock of a file that others could open, but cannot have claimed it.
    if route.wasLoose, !Syscalls.isClaimed(route.file) {
      if try waitForLock() { return }
      _ = try followPath(create: false)
      if route.file >= 0, try tryLockFile() { return }
    }
    throw Failure(.busy, "the storage is open elsewhere, where something is being written or only one may write", systemError: EWOULDBLOCK)
  }

  /// Waits for the lock. Others usually hold it for microseconds, so yielding to them is enough. If a compaction or a stopped process has
  /// it, this sleeps. How long it sleeps differs between processes, so that two of them do not keep meeting.
  @inline(never)
  private func waitForLock() throws(Failure) -> Bool {
    var patience = Patience()
    let own = Int64(Syscalls.processIdentifier() & 63)
    var pause: Int64 = 50
    var tries = 0
    while true {
      if tries < 100 {
        Syscalls.yieldProcessor()
      } else {
        // A process that has replaced the file may not have unlocked the old one.
        if tries % 50 == 0, try route.lookUp() != .thisFile {
          route.doubt()
          return false
        }
        // If the file cannot be replaced, the wait ends with BUSY.
        if tries % 50 == 0, patience.isWearingThin, (try? replaceWithoutLock()) == true { return false }
        try patience.keepWaiting("another process has held the file's lock for 5 s")
        Syscalls.sleepFor(microseconds: pause &+ own)
        pause = min(pause &* 2, 1000)
      }
      tries &+= 1
      if try tryLockFile() { return true }
    }
  }

  /// Takes the lock of the file that the path names, applies everything in it, and cuts off a torn end. Call `unlockFile` afterwards.
  ///
  /// - Parameter lookingUp: if true, looks the path up even if nothing suggests that it names another file.
  @inline(never)
  func lockAndCatchUp(lookingUp: Bool = false) throws(Failure) {
    if lookingUp { try lockAndCatchUpByPath() } else { try lockAndCatchUpInLine() }
  }

  /// Does what `lockAndCatchUp` does, inlined for an update.
  @inline(__always)
  func lockAndCatchUpInLine() throws(Failure) {
    if !route.isReadyForWriting || debts.owesOwnFile {
      try lockAndCatchUpByPath()
      return
    }
    // While this handle has the lock, nobody else writes.
    if route.isReadAlone, mirror.applied > 0, !mirror.hasMoved { return }
    guard try lockFile() else {
      try lockAndCatchUpByPath()
      return
    }
    do throws(Failure) {
      let found = try Syscalls.sizeAndLinks(route.file)
      if isCurrent(found), !mirror.hasHeaderAlone { return }
      if try examine(found) {
        try makeReady(found.size)
        if !route.wasLoose { return }
      }
    } catch {
      unlockAfterFailure()
      throw error
    }
    unlockFile()
    try lockAndCatchUpByPath()
  }

  /// Locks the file to which the path leads now. Makes it if there is none.
  @inline(never)
  private func lockAndCatchUpByPath() throws(Failure) {
    guard !options.isReadOnly else { throw Failure(.permission, "the storage was opened to be read only") }
    var patience = Patience()
    while true {
      let followed = try followPath(create: true)
      try restoreOwnFile()
      if route.isReadOnly { try openForWriting() }
      guard followed != .nothing, try lockFile() else {
        try patience.keepWaiting("the file is replaced again and again")
        continue
      }
      do throws(Failure) {
        let found = try Syscalls.sizeAndLinks(route.file)
        if try examine(found) {
          try makeReady(found.size)
          if try !leavesMarked() { return }
        }
      } catch {
        unlockAfterFailure()
        throw error
      }
      unlockFile()
      try patience.keepWaiting("the file is replaced again and again")
    }
  }

  /// Rewrites a file that others could open, so that whoever has the old one open sees nothing new. If that fails, the old one stays in use.
  ///
  /// - Returns: true if the path leads to a new file, or is about to: it has to be looked up again.
  func leavesMarked() throws(Failure) -> Bool {
    guard route.wasLoose, !mirror.hasUnknown, debts.mayTry(isUpdate: true) else { return false }
    do throws(Failure) { try compact(0) } catch { // the host's clock may not be asked here; at time 0 nothing has expired
      // It may have taken so long that another process has replaced the file meanwhile.
      return route.isInDoubt || (try? requirePlace()) == nil
    }
    return true
  }

  /// Gives the lock back after a failure. The path is looked up before the file is used again.
  @inline(never)
  private func unlockAfterFailure() {
    unlockFile()
    route.doubt()
  }

  /// Returns true if nobody else has written, and nothing suggests that the path names another file.
  @inline(__always)
  func isCurrent(_ found: Syscalls.SizeAndLinks) -> Bool {
    found.size == mirror.applied && links(found) == 1 && !mirror.hasMoved && mirror.applied > 0
  }

  /// Returns true if the path must be looked up before the file is trusted.
  func needsLookUp(_ found: Syscalls.SizeAndLinks) -> Bool {
    links(found) != 1 || found.size < mirror.applied || found.size == 0
  }

  /// Returns the count of links, with those marks beside it that call for an action.
  @inline(__always)
  func links(_ found: Syscalls.SizeAndLinks) -> UInt32 { found.links & route.linksThatCount }

  /// Applies what others wrote. Returns false if the path now names another file. The caller holds the lock, so nobody is writing.
  @inline(never)
  func examine(_ found: Syscalls.SizeAndLinks) throws(Failure) -> Bool {
    let size = found.size
    // Somebody may have given the path another file, and moved or linked this one away, or emptied it. A file that this handle has made is
    // empty at first, which is not odd.
    let isOdd = links(found) != 1 || needsLookUp(found) && !route.isNewlyMade
    if size < mirror.applied { mirror.startOver() } // somebody has cut the file
    if size > mirror.applied || mirror.applied == 0 {
      let (damaged, applied) = (mirror.damagedLines, mirror.applied)
      _ = try catchUp(to: size, isLocked: true)
      // If this handle finds damage where it continues, another journal or an older state of this one may have been copied over the file.
      if mirror.damagedLines > damaged, applied > 0 {
        mirror.startOver()
        _ = try catchUp(to: size, isLocked: true)
      }
    }
    // A file with only a header may be another one, and a torn end may come from another file that overwrote this one. Its header shows
    // that.
    if mirror.hasHeaderAlone || mirror.applied > 0 && mirror.applied < size, try hasAnotherHeader() {
      mirror.startOver()
      _ = try catchUp(to: size, isLocked: true)
    }
    route.noteMarks(links(found))
    // This comes after the catching up, which may take longer than the other process waits. It comes before the path is looked up, because
    // nobody is replacing the file any more once somebody has replaced it.
    if route.wasLoose, try isBeingReplaced() {
      Syscalls.sleepFor(microseconds: 1000)
      return false
    }
    if isOdd || route.wasLoose || mirror.hasMoved {
      guard try route.lookUp() == .thisFile else { return false }
      mirror.movedIsVoid() // the process that wrote `moved` died before its rename
    }
    return true
  }

  /// Makes the end of the file ready for the next line. The caller holds the lock, and has examined the file.
  func makeReady(_ size: Int64) throws(Failure) {
    if mirror.applied == 0 { try beginFile(size: size) } else if size > mirror.applied { try repairEnd(size) }
    route.isReadToEnd(true)
  }

  /// Cuts off what follows the last newline, which a writer that died has left.
  private func repairEnd(_ size: Int64) throws(Failure) {
    guard !mirror.hasUnknown else { return } // such a file must not be written to
    if cutOffRest() { return }
    // If the rest cannot be cut off, it is made a damaged line of its own, so that it does not spoil the next line. A newline alone
    // would not do, because the rest might then be a whole line.
    try writeGuarded(Journal.spoiler, into: route.file)
    mirror.spoiled(to: size &+ Int64(Journal.spoiler.count))
  }

  private static var spoiler: UnsafeRawBufferPointer {
    let text: StaticString = "?\n"
    return UnsafeRawBufferPointer(start: text.utf8Start, count: 2)
  }
}
