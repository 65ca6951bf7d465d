/// What tells that the journal may have changed: inotify on its directory, because a compaction gives the name another file. An
/// event means "look again", never data, so that a queue that overflowed is as good.
public final class Watch {
  private var descriptor: Int32 = -1

  deinit { Syscalls.close(descriptor) }

  /// The same descriptor each time; -1: the system gives none.
  func open(_ directory: UnsafePointer<CChar>) -> Int32 {
    if descriptor < 0 { descriptor = Syscalls.watch(directory) }
    return descriptor
  }

  func join() -> Int { 0 }
  func leave(_ token: Int) {}
  func arrivals() -> UInt64 { 0 }
  func caughtUp(_ token: Int, to count: UInt64) { looked() }
  func looked() {
    if descriptor >= 0 { Syscalls.drain(descriptor) }
  }
}
