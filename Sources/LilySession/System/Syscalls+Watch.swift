import CPlatform

/// Learns of changes of files by inotify, with epoll and eventfd.
extension Syscalls {
  /// Makes a descriptor for inotify's events. Returns -1 if the system gives none.
  static func makeEvents() -> Int32 { aboveStandard(inotify_init1(Int32(PLATFORM_IN_NONBLOCK | PLATFORM_IN_CLOEXEC))) }

  /// Makes two descriptors for a watch: `handedOut` polls readable while `source` does, or while `raised` (an eventfd) is set. Returns nil if
  /// the system does not give them, or cannot poll `source`.
  static func makeWatch(of source: Int32) -> (handedOut: Int32, raised: Int32)? {
    if source < 0 { return nil }
    let raised = makeRaised()
    let handedOut = aboveStandard(epoll_create1(Int32(PLATFORM_EPOLL_CLOEXEC)))
    if raised >= 0, handedOut >= 0, platform_epoll_add(handedOut, source) == 0, platform_epoll_add(handedOut, raised) == 0 { return (handedOut, raised) }
    closeFile(handedOut)
    closeFile(raised)
    return nil
  }

  static func isReadable(_ descriptor: Int32) -> Bool {
    var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&polled, 1, 0) > 0
  }

  /// Makes a descriptor that polls readable between `makeReadable` and `makeQuiet`. Returns -1 if the system gives none.
  static func makeRaised() -> Int32 { aboveStandard(eventfd(0, Int32(PLATFORM_EFD_NONBLOCK | PLATFORM_EFD_CLOEXEC))) }

  enum Watched {
    /// Reports writes to the file, changes of its links, and that it is moved or deleted.
    case file
    /// Reports that the folder itself is moved or deleted.
    case folder
    /// Reports the same, and new names in the folder.
    case namesIn
    /// Reports the same, and names in the folder that go away.
    case removalsIn
  }

  /// Watches what is at the path; a file is watched without following a link. Returns the watch's number, or -1 and sets errno.
  static func watch(_ events: Int32, _ path: UnsafePointer<CChar>, _ watched: Watched) -> Int32 {
    let selves = UInt32(IN_MOVE_SELF | IN_DELETE_SELF)
    let mask: UInt32
    switch watched {
    case .file: mask = selves | UInt32(IN_MODIFY | IN_ATTRIB | IN_DONT_FOLLOW)
    case .folder: mask = selves | UInt32(IN_ONLYDIR)
    case .namesIn: mask = selves | UInt32(IN_ONLYDIR | IN_CREATE | IN_MOVED_TO)
    case .removalsIn: mask = selves | UInt32(IN_ONLYDIR | IN_DELETE | IN_MOVED_FROM)
    }
    return inotify_add_watch(events, path, mask)
  }

  static func unwatch(_ events: Int32, _ watch: Int32) {
    if watch >= 0 { _ = inotify_rm_watch(events, watch) }
  }

  /// Reads all events. Returns true if one of them is from one of the two watches, or if events were lost.
  static func drainEvents(_ events: Int32, _ first: Int32, _ second: Int32) -> Bool {
    var isNews = false
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { room in
      while let start = room.baseAddress {
        let got = CPlatform.read(events, start, room.count)
        if got <= 0 { return }
        var at = 0
        while got &- at >= 16 {
          let watch = room.loadUnaligned(fromByteOffset: at, as: Int32.self)
          let mask = room.loadUnaligned(fromByteOffset: at &+ 4, as: UInt32.self)
          // The end of a watch says nothing about the file.
          let isOurs = (watch == first || watch == second) && mask & UInt32(IN_IGNORED) == 0
          if isOurs || mask & UInt32(IN_Q_OVERFLOW) != 0 { isNews = true }
          at &+= 16 &+ Int(room.loadUnaligned(fromByteOffset: at &+ 12, as: UInt32.self))
        }
      }
    }
    return isNews
  }

  static func makeReadable(_ raised: Int32) { _ = eventfd_write(raised, 1) }
  static func makeQuiet(_ raised: Int32) {
    var count: eventfd_t = 0
    _ = eventfd_read(raised, &count)
  }
}
