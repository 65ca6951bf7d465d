import CPlatform

/// Tells a host that its storage may have changed, by a descriptor that polls readable until each session has caught up, or, if there is no
/// session, until somebody has read the storage. An event only means "look again", so nothing is lost if the queue of events overflows.
//
// It watches the inode that the path led to, and the folder itself, but not the folder's other files. If there is no file or no folder, it
// watches the nearest existing folder for new names, and the folder above that for removals, because the system does not report the removal
// of a folder that somebody has open. Whoever finds that the path leads elsewhere arms it anew, and then looks the path up
// once more, so that no change in between is missed.
//
// Lock order: the journal's exclusion first, then the watch's. Sessions call the watch while they hold neither.
//
// A storage in memory has no file to watch: it notes each change itself. A store of the program's own has a descriptor, which any reading may
// make quiet; so it is polled before each reading.
package final class Watch: @unchecked Sendable { // its exclusion, and the journal's, guard what changes
  private let exclusion: Exclusion
  /// The names of the file that is watched; nil if there is none.
  private let names: JournalNames?

  /// The descriptors that `Syscalls` makes for a watch; in memory `handedOut` and `raised` are one, and there is no `events`. And the numbers of
  /// the two watches: of the folder, and of the file, or of the folder above if there is no file. These are -1 if nobody has asked for the
  /// descriptor, or if the system gives none.
  private var handedOut: Int32 = -1
  private var events: Int32 = -1
  private var raised: Int32 = -1
  private var fileWatch: Int32 = -1
  private var folderWatch: Int32 = -1
  /// The descriptor of a store of the program's own, or -1.
  private var store: Int32 = -1
  /// True if it is counted as an arrival that it is readable, and nobody has read the store since.
  private var hasHeardStore = false

  /// Counts the arrivals of changes.
  private var arrived: UInt64 = 0
  /// The sessions that the descriptor waits for, each with the count of arrivals with which it has caught up.
  private var members: [(token: Int, caughtUp: UInt64)] = []
  private var lastToken = 0

  /// - Parameter names: those of the file to watch; nil if there is none.
  init(_ names: JournalNames?, after exclusion: Exclusion) {
    self.names = names
    self.exclusion = Exclusion(after: exclusion)
  }

  /// Makes the watch of a store that has no file.
  package convenience init(after exclusion: Exclusion) { self.init(nil, after: exclusion) }

  deinit { closeAll() }

  private func closeAll() {
    Syscalls.closeFile(events)
    Syscalls.closeFile(raised)
    if handedOut != raised { Syscalls.closeFile(handedOut) }
    (handedOut, events, raised) = (-1, -1, -1)
  }

  private func exclusively<R>(_ body: () -> R) -> R? { try? exclusion.run { () throws(Failure) in body() } }

  // MARK: sessions

  /// Adds a session, for which the descriptor waits from now on. Returns the session's token. Call it before the storage is read.
  package func join() -> Int {
    exclusively {
      absorb()
      lastToken &+= 1
      members.append((lastToken, arrived))
      quietIfCaughtUp()
      return lastToken
    } ?? 0
  }

  /// Removes a session, which has ended.
  package func leave(_ token: Int) {
    _ = exclusively {
      members.removeAll { $0.token == token }
      quietIfCaughtUp()
    }
  }

  /// Returns the count of arrivals by now. Call it before reading the file, and pass the count to `caughtUp` afterwards.
  package func arrivals() -> UInt64 {
    exclusively {
      absorb()
      return arrived
    } ?? 0
  }

  /// Notes that the session has caught up with the arrivals up to this count.
  package func caughtUp(_ token: Int, to count: UInt64) {
    _ = exclusively {
      if let at = members.firstIndex(where: { $0.token == token }), members[at].caughtUp < count { members[at].caughtUp = count }
      quietIfCaughtUp()
    }
  }

  /// Notes that somebody has called `arrivals`, and then has read the storage. While there are sessions, only they make the descriptor quiet.
  package func looked() { _ = exclusively { quietForReader() } }

  private func quietForReader() {
    if members.isEmpty, handedOut >= 0 { Syscalls.makeQuiet(raised) }
  }

  /// Takes in what inotify or the store tells, if one of them is watched, and counts it. The descriptor stays readable.
  private func absorb() {
    if events >= 0, Syscalls.drainEvents(events, fileWatch, folderWatch) { countArrival() }
    if store >= 0, !hasHeardStore, Syscalls.isReadable(store) {
      hasHeardStore = true
      countArrival()
    }
  }

  private func countArrival() {
    arrived &+= 1
    if handedOut >= 0 { Syscalls.makeReadable(raised) }
  }

  /// Makes the descriptor quiet if all sessions have caught up. If there is no session, it stays readable until somebody reads the storage.
  private func quietIfCaughtUp() {
    if handedOut >= 0, !members.isEmpty, members.allSatisfy({ $0.caughtUp >= arrived }) { Syscalls.makeQuiet(raised) }
  }

  // MARK: a storage in memory

  /// Returns the same descriptor each time, or -1 if the system gives none.
  func openDescriptor() -> Int32 {
    exclusively {
      if handedOut < 0 {
        raised = Syscalls.makeRaised()
        handedOut = raised
      }
      return handedOut
    } ?? -1
  }

  // MARK: a store of the program's own

  /// Returns the same descriptor each time, or -1 if the system gives none. `storeDescriptor` returns the store's own, or -1. It is called
  /// without a lock.
  package func openDescriptor(beside storeDescriptor: () -> Int32) -> Int32 {
    if exclusion.isForked { return -1 }
    let own = storeDescriptor()
    return exclusively {
      if handedOut < 0, let made = Syscalls.makeWatch(of: own) {
        (handedOut, raised) = made
        store = own
      }
      return handedOut
    } ?? -1
  }

  /// Notes that somebody is about to read the store, which makes its own descriptor quiet.
  package func willRead() {
    _ = exclusively {
      absorb()
      hasHeardStore = false
      quietForReader()
    }
  }

  // MARK: the journal

  /// True if the descriptor was asked for, and there is one. The journal's exclusion guards this and what follows.
  private(set) var isOpen = false
  /// True if it watches what the path led to when it was last looked up.
  private(set) var isArmed = false

  /// Returns the same descriptor each time, or -1 if the system gives none. `hasFile` says whether the path has a file.
  func openDescriptor(hasFile: Bool) -> Int32 {
    exclusively {
      if isOpen { return handedOut }
      events = Syscalls.makeEvents()
      if let made = Syscalls.makeWatch(of: events) {
        (handedOut, raised) = made
        arm(hasFile)
        isOpen = isArmed
        if isOpen { return handedOut }
      }
      closeAll()
      return -1
    } ?? -1
  }

  /// Notes that the path leads to another file or to none, so that the watch must be armed anew.
  func pathChanged() { isArmed = false }

  /// Watches what the path leads to now. If `isNews` is true, that is another file than before, which counts as an arrival.
  func arm(hasFile: Bool, isNews: Bool) {
    _ = exclusively {
      Syscalls.unwatch(events, fileWatch)
      Syscalls.unwatch(events, folderWatch)
      absorb() // the old watches may still have had events
      if isNews { countArrival() }
      arm(hasFile)
    }
  }

  /// Notes that the storage differs from what was last read.
  func noteArrival() { _ = exclusively { countArrival() } }

  private func arm(_ hasFile: Bool) {
    isArmed = false
    guard let names else { return }
    fileWatch = hasFile ? Syscalls.watch(events, names.path, .file) : -1
    if hasFile, fileWatch < 0, !Syscalls.hasFoundNothing { return }
    if fileWatch >= 0 { folderWatch = Syscalls.watch(events, names.directory, .folder) } else { watchNearestFolder() }
    isArmed = folderWatch >= 0
  }

  /// Watches the nearest existing folder for new names, and the folder above it for removals.
  private func watchNearestFolder() {
    for _ in 0..<8 {
      let (found, path) = nearestFolder()
      (folderWatch, fileWatch) = (found, -1)
      if found < 0 { return }
      // What stands before the last slash need not be the folder above: the path may end with "/" or "/.", or lead through a link.
      fileWatch = watch(path + [UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: ".")], .removalsIn)
      if watch(path, .namesIn) == found { return } // it was not removed before that watch
      Syscalls.unwatch(events, fileWatch)
      Syscalls.unwatch(events, found)
    }
  }

  private func watch(_ path: [UInt8], _ watched: Syscalls.Watched) -> Int32 {
    (path + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { name in name.baseAddress.map { Syscalls.watch(events, $0, watched) } ?? -1 }
    }
  }

  /// Goes up from the folder until one exists, and then down again as far as folders exist by now, because the watch does not report a
  /// folder that was made meanwhile. Returns the watch's number, or -1, and the folder's path.
  private func nearestFolder() -> (watch: Int32, path: [UInt8]) {
    guard let names else { return (-1, []) }
    var path = [UInt8](cString: names.directory)
    var (found, foundPath): (Int32, [UInt8]) = (-1, [])
    var missing: [[UInt8]] = [] // paths that did not exist, the longest first
    for _ in 0..<1000 {
      let watch = watch(path, .namesIn)
      if watch >= 0 {
        if found != watch { Syscalls.unwatch(events, found) }
        (found, foundPath) = (watch, path)
        guard let next = missing.popLast() else { break }
        path = next
        continue
      }
      // The next folder still does not exist, or nothing can be watched.
      if found >= 0 || !Syscalls.hasFoundNothing { break }
      guard path.count > 1, let slash = path.lastIndex(of: UInt8(ascii: "/")) else { break }
      missing.append(path)
      path = slash == 0 ? [UInt8(ascii: "/")] : [UInt8](path[0..<slash])
    }
    return (found, foundPath)
  }
}
