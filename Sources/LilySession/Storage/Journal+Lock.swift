import CPlatform

/// How long a call goes on trying.
struct Patience {
  private var end: Int64?
  private var tries = 0

  /// Returns true 3 s after the first call of `wait`: nobody else who waits or writes takes so long.
  var isWearingThin: Bool { end.map { Syscalls.monotonicClock() >= $0 &- 2000 } ?? false }

  /// Throws BUSY, 5 s after the first call, unless the system is so slow that it was tried a few times only.
  mutating func wait(_ reason: StaticString) throws(Failure) {
    let now = Syscalls.monotonicClock()
    tries &+= 1
    guard let end else {
      end = now &+ 5000
      return
    }
    guard now < end || tries < 8 else { throw Failure(.busy, reason, systemError: EWOULDBLOCK) }
  }
}

/// The lock that keeps processes, and the handles of one process, apart: flock on the journal itself, which no closing of
/// another descriptor drops and no cleaner deletes. The kernel frees it when its holder dies.
///
/// What an update does here is in line, and what is rare is not: a processor that comes back from the kernel has forgotten
/// where it was called from, and then each return costs as much as the work.
extension Journal {
  ///
  /// Returns false if the path leads to another file by now, so that there is nothing to wait for.
  @inline(__always)
  func lock() throws(Failure) -> Bool {
    if try Syscalls.tryLock(route.file) == .taken { return true }
    return try waitForLock()
  }

  @inline(__always)
  func leave() { Syscalls.unlock(route.file) }

  /// Others hold the lock for microseconds: yielding to them is enough. Behind a compaction or a stopped process, sleep; the
  /// length differs from process to process, so that two do not keep meeting.
  @inline(never)
  private func waitForLock() throws(Failure) -> Bool {
    var patience = Patience()
    let own = Int64(Syscalls.processIdentifier() & 63)
    var pause: Int64 = 50
    var tries = 0
    while true {
      if tries < 100 {
        Syscalls.yield()
      } else {
        // Who replaced the file may not have unlocked the one before.
        if tries % 50 == 0, try route.lookUp() != .thisFile {
          route.doubt()
          return false
        }
        // Where it cannot be replaced, BUSY is what there is to say.
        if tries % 50 == 0, patience.isWearingThin, (try? replaceWithoutLock()) == true { return false }
        try patience.wait("another process holds the file's lock")
        Syscalls.sleep(microseconds: pause &+ own)
        pause = min(pause &* 2, 1000)
      }
      tries &+= 1
      if try Syscalls.tryLock(route.file) == .taken { return true }
    }
  }

  /// Takes the lock of the file that the path names, with everything in it applied and no torn tail. Follow it by `leave`.
  ///
  /// - Parameter lookingUp: also where nothing tells that the path may name another file.
  @inline(never)
  func enter(lookingUp: Bool = false) throws(Failure) {
    if lookingUp { try enterByPath() } else { try enterInLine() }
  }

  /// The same for an update.
  @inline(__always)
  func enterInLine() throws(Failure) {
    if !route.isReadyForWriting {
      try enterByPath()
      return
    }
    guard try lock() else {
      try enterByPath()
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
      failed()
      throw error
    }
    leave()
    try enterByPath()
  }

  /// Goes where the path leads, and makes a file where there is none.
  @inline(never)
  private func enterByPath() throws(Failure) {
    guard !options.isReadOnly else { throw Failure(.permission, "the storage may only be read") }
    var patience = Patience()
    while true {
      _ = try follow(create: true)
      if route.isReadOnly { try openForWriting() }
      guard try lock() else {
        try patience.wait("the file is replaced again and again")
        continue
      }
      do throws(Failure) {
        let found = try Syscalls.sizeAndLinks(route.file)
        if try examine(found) {
          try makeReady(found.size)
          if try !leavesMarked() { return }
        }
      } catch {
        failed()
        throw error
      }
      leave()
      try patience.wait("the file is replaced again and again")
    }
  }

  /// Rewrites a file that others could open: whoever has it open is to see nothing new. It goes on in the old one where that fails.
  ///
  /// - Returns: true if the path leads to a new file now.
  private func leavesMarked() throws(Failure) -> Bool {
    guard route.wasLoose, !mirror.hasUnknown, debts.mayTry(isUpdate: true) else { return false }
    do throws(Failure) { try compact(0) } catch { // by no clock: the host's may not be asked here, so nothing has expired
      if route.isInDoubt { throw error }
      return false
    }
    return true
  }

  /// Gives the lock back after a failure.
  @inline(never)
  private func failed() {
    leave()
    route.doubt()
  }

  /// Returns true if nobody else has written, and nothing tells that the path may not name this file any more.
  @inline(__always)
  func isCurrent(_ found: Syscalls.SizeAndLinks) -> Bool {
    found.size == mirror.applied && found.links == 1 && !mirror.hasMoved && mirror.applied > 0
  }

  /// Returns true if the path has to be looked up before the file is believed.
  func isOdd(_ found: Syscalls.SizeAndLinks) -> Bool { found.links != 1 || found.size < mirror.applied || found.size == 0 }

  /// Applies what others wrote. Returns false if the path does not name this file any more. The caller holds the lock, so nobody is
  /// writing.
  @inline(never)
  func examine(_ found: Syscalls.SizeAndLinks) throws(Failure) -> Bool {
    if isMarked(found), !route.isReadOnly {
      route.noteMark()
      if isBeingReplaced() {
        Syscalls.sleep(microseconds: 1000)
        return false
      }
    }
    let size = found.size
    // What is odd may be the work of somebody who gave the path another file: moved or linked this one away, and emptied it there.
    // A file that this handle has made is empty at first, and yet another handle may have begun it in a new one.
    let isOdd = found.links != 1 || isOdd(found) && !route.isNewlyMade
    if size < mirror.applied { mirror.startOver() } // somebody cut it
    if size > mirror.applied || mirror.applied == 0 {
      let (damaged, applied) = (mirror.damagedLines, mirror.applied)
      _ = try catchUp(to: size, isLocked: true)
      // Damage where this handle goes on reading may also be another journal, or an older state of this one, that was copied over it.
      if mirror.damagedLines > damaged, applied > 0 {
        mirror.startOver()
        _ = try catchUp(to: size, isLocked: true)
      }
    }
    // A header tells of nothing but itself, and a torn end may be what overwrote the file: then the header is another one.
    if mirror.hasHeaderAlone || mirror.applied > 0 && mirror.applied < size, try hasAnotherHeader() {
      mirror.startOver()
      _ = try catchUp(to: size, isLocked: true)
    }
    if isOdd || mirror.hasMoved {
      guard try route.lookUp() == .thisFile else { return false }
      mirror.movedIsVoid() // the compactor died before its rename
    }
    return true
  }

  /// Makes the file's end fit to be written after. The caller holds the lock, and has examined the file.
  func makeReady(_ size: Int64) throws(Failure) {
    if mirror.applied == 0 { try create(size: size) } else if size > mirror.applied { try repair(size) }
  }

  /// What follows the last newline is a dead writer's.
  private func repair(_ size: Int64) throws(Failure) {
    guard !mirror.hasUnknown else { return } // not to be written to
    mirror.allocated(to: 0)
    if Syscalls.truncate(route.file, to: mirror.applied) { return }
    // Ended so, the fragment is a damaged line of its own and does not spoil the next. A newline alone could make it whole.
    try put(Journal.spoiler, into: route.file)
    mirror.spoiled(to: size &+ Int64(Journal.spoiler.count))
  }

  private static var spoiler: UnsafeRawBufferPointer {
    let text: StaticString = "?\n"
    return UnsafeRawBufferPointer(start: text.utf8Start, count: 2)
  }
}
