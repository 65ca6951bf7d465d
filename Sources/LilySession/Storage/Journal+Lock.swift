import CPlatform

/// How long a call goes on trying.
struct Patience {
  private var end: Int64?
  private var tries = 0

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
  @inline(__always)
  func lock() throws(Failure) {
    if try Syscalls.tryLock(file) == .taken { return }
    try waitForLock()
  }

  @inline(__always)
  func leave() { Syscalls.unlock(file) }

  /// Others hold the lock for microseconds: yielding to them is enough. Behind a compaction or a stopped process, sleep; the
  /// length differs from process to process, so that two do not keep meeting.
  @inline(never)
  private func waitForLock() throws(Failure) {
    var patience = Patience()
    let own = Int64(Syscalls.processIdentifier() & 63)
    var pause: Int64 = 50
    var tries = 0
    while true {
      if tries < 100 {
        Syscalls.yield()
      } else {
        try patience.wait("another process holds the file's lock")
        Syscalls.sleep(microseconds: pause &+ own)
        pause = min(pause &* 2, 1000)
      }
      tries &+= 1
      if try Syscalls.tryLock(file) == .taken { return }
    }
  }

  /// Takes the lock of the file that the path names, with everything in it applied and no torn tail. Follow it by `leave`.
  @inline(__always)
  func enter(lookingUp: Bool = false) throws(Failure) {
    guard !isReadOnly else { throw Failure(.permission, "the storage may only be read") }
    if lookingUp || isGone { hasMoved = true }
    try lock()
    do throws(Failure) {
      let found = try Syscalls.sizeAndLinks(file)
      if isCurrent(found) { return }
      if try examine(found, forWriting: true) { return }
    } catch {
      leave()
      throw error
    }
    leave()
    try enterAnother()
  }

  /// The path has another file by now, or none, and one is made.
  @inline(never)
  private func enterAnother() throws(Failure) {
    var patience = Patience()
    while true {
      _ = try open(create: true)
      guard !isReadOnly else { throw Failure(.permission, "the storage may only be read") }
      try patience.wait("the file is replaced again and again")
      try lock()
      do throws(Failure) {
        if try examine(try Syscalls.sizeAndLinks(file), forWriting: true) { return }
      } catch {
        leave()
        throw error
      }
      leave()
    }
  }

  /// Whether nobody else has written, and the path still names this file.
  @inline(__always)
  func isCurrent(_ found: Syscalls.SizeAndLinks) -> Bool {
    found.size == applied && found.links == 1 && !hasMoved && applied > 0
  }

  /// Applies what others wrote and, for writing, makes the file's end fit to be written after. false: the path does not name
  /// this file any more. The caller holds the lock, so nobody is writing.
  @inline(never)
  func examine(_ found: Syscalls.SizeAndLinks, forWriting: Bool) throws(Failure) -> Bool {
    let (size, links) = found
    if size < applied { forget() } // somebody cut it
    if size > applied || applied == 0 {
      let before = (damagedLines, applied)
      _ = try catchUp(to: size, isLocked: true)
      if damagedLines > before.0, before.1 > 0, try isOverwritten() {
        forget()
        _ = try catchUp(to: size, isLocked: true)
      }
    }
    if links != 1 || hasMoved {
      guard try lookUp() == .thisFile else { return false }
      hasMoved = false // the compactor died before its rename
    }
    if forWriting, size > applied || applied == 0 {
      if applied == 0 { try create(size: size) } else { try repair(size) }
    }
    return true
  }

  /// What follows the last newline is a dead writer's.
  private func repair(_ size: Int64) throws(Failure) {
    guard !hasUnknown else { return } // not to be written to
    allocated = 0
    if Syscalls.truncate(file, to: applied) { return }
    // Ended so, the fragment is a damaged line of its own and does not spoil the next. A newline alone could make it whole.
    try put(Journal.spoiler, into: file)
    applied = size &+ Int64(Journal.spoiler.count)
    damagedLines &+= 1
    keepsDamage = true
  }

  private static var spoiler: UnsafeRawBufferPointer {
    let text: StaticString = "?\n"
    return UnsafeRawBufferPointer(start: text.utf8Start, count: 2)
  }
}
