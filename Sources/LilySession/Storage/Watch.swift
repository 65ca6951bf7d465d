import CPlatform

/// What tells a host that its storage may have changed: a descriptor that polls readable from then until each session has caught up,
/// or, while there is none, until somebody has looked. An event means "look again", never data, so that a queue that overflowed is as good.
//
// It watches the inode that the path led to, and the folder for its own sake; not the folder's other files. Where there is no file, or no
// folder, it watches the nearest folder that there is for new names. Who finds that the path leads elsewhere arms it anew, and then looks
// the path up once more, so that nothing falls between.
//
// Lock order: the journal's exclusion first, then this one's. Sessions call it with neither held.
public final class Watch {
  private let exclusion: Exclusion
  private let names: JournalNames

  /// -1: nobody has asked for them, or the system gives none.
  private var handedOut: Int32 = -1
  private var events: Int32 = -1
  private var raised: Int32 = -1
  private var fileWatch: Int32 = -1
  private var folderWatch: Int32 = -1

  /// Counts what arrived.
  private var arrived: UInt64 = 0
  private var members: [(token: Int, caughtUp: UInt64)] = []
  private var lastToken = 0

  init(_ names: JournalNames, after exclusion: Exclusion) {
    self.names = names
    self.exclusion = Exclusion(after: exclusion)
  }

  deinit {
    for descriptor in [handedOut, events, raised] { Syscalls.close(descriptor) }
  }

  private func run<R>(_ body: () -> R) -> R? { try? exclusion.run { () throws(Failure) in body() } }

  // MARK: sessions

  /// A session was attached: from now on the descriptor waits for it. Returns the session's token. Call it before what is stored is read.
  package func join() -> Int {
    run {
      absorb()
      lastToken &+= 1
      members.append((lastToken, arrived))
      settle()
      return lastToken
    } ?? 0
  }

  /// The session has ended.
  package func leave(_ token: Int) {
    _ = run {
      members.removeAll { $0.token == token }
      settle()
    }
  }

  /// Returns a count of what has arrived by now. Call it before the look at the file, and hand the count to `caughtUp` after it.
  package func arrivals() -> UInt64 {
    run {
      absorb()
      return arrived
    } ?? 0
  }

  /// The session has taken over what had arrived by then.
  package func caughtUp(_ token: Int, to count: UInt64) {
    _ = run {
      if let at = members.firstIndex(where: { $0.token == token }), members[at].caughtUp < count { members[at].caughtUp = count }
      settle()
    }
  }

  /// Somebody has looked at what is stored, after `arrivals`. While there are sessions, only they count.
  package func looked() {
    _ = run {
      if members.isEmpty, handedOut >= 0 { Syscalls.quiet(raised) }
    }
  }

  /// Takes over what inotify has. The descriptor stays readable.
  private func absorb() {
    if handedOut >= 0, Syscalls.drain(events, fileWatch, folderWatch) { raise() }
  }

  private func raise() {
    arrived &+= 1
    if handedOut >= 0 { Syscalls.raise(raised) }
  }

  /// Makes the descriptor quiet if all sessions have caught up. Where there is none, somebody has still to look.
  private func settle() {
    if handedOut >= 0, !members.isEmpty, members.allSatisfy({ $0.caughtUp >= arrived }) { Syscalls.quiet(raised) }
  }

  // MARK: the journal

  /// The descriptor was asked for, and there is one. Guarded by the journal's exclusion, as is what follows.
  private(set) var isOpen = false
  /// It watches what the path led to when that was last looked up.
  private(set) var isArmed = false

  /// Returns the same descriptor each time; -1 if the system gives none. `hasFile`: the path has one.
  func open(hasFile: Bool) -> Int32 {
    run {
      if isOpen { return handedOut }
      guard let made = Syscalls.makeWatch() else { return -1 }
      (handedOut, events, raised) = made
      arm(hasFile)
      isOpen = isArmed
      if isOpen { return handedOut }
      for descriptor in [handedOut, events, raised] { Syscalls.close(descriptor) }
      (handedOut, events, raised) = (-1, -1, -1)
      return -1
    } ?? -1
  }

  /// The path leads to another file, or to none: the watch has to be armed anew.
  func pathChanged() { isArmed = false }

  /// Watches what the path leads to now. `isNews`: it is not what it was before.
  func arm(hasFile: Bool, isNews: Bool) {
    _ = run {
      Syscalls.unwatch(events, fileWatch)
      Syscalls.unwatch(events, folderWatch)
      absorb() // what they still had to tell
      if isNews { raise() }
      arm(hasFile)
    }
  }

  /// What is stored is not what was last read.
  func noteArrival() { _ = run { raise() } }

  private func arm(_ hasFile: Bool) {
    isArmed = false
    fileWatch = hasFile ? Syscalls.watch(events, names.path, .file) : -1
    if hasFile, fileWatch < 0, !Syscalls.hasFoundNothing { return }
    folderWatch = fileWatch >= 0 ? Syscalls.watch(events, names.directory, .folder) : watchNearestFolder()
    isArmed = folderWatch >= 0
  }

  /// Goes up from the folder until there is one, then down again as far as there is one by now: one that is made in the meantime has no
  /// name to tell of any more. Returns the watch's number.
  private func watchNearestFolder() -> Int32 {
    var path = [UInt8](cString: names.directory)
    var found: Int32 = -1
    var tries = 0
    var above: [[UInt8]] = [] // paths that led nowhere, the longest first
    while tries < 1000 {
      tries &+= 1
      let watch = (path + [0]).withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { name in name.baseAddress.map { Syscalls.watch(events, $0, .namesIn) } ?? -1 }
      }
      if watch >= 0 {
        if found != watch { Syscalls.unwatch(events, found) }
        found = watch
        guard let next = above.popLast() else { return found }
        path = next
        continue
      }
      guard Syscalls.hasFoundNothing else { return found }
      if found >= 0 { return found } // still not there
      guard path.count > 1, let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return -1 }
      above.append(path)
      path = slash == 0 ? [UInt8(ascii: "/")] : [UInt8](path[0..<slash])
    }
    return found
  }
}
