/// What tells that the journal may have changed: inotify on its directory, because a compaction gives the name another file. An
/// event means "look again", never data, so that a queue that overflowed is as good.
final class Watch {
  private var descriptor: Int32 = -1

  deinit { Syscalls.close(descriptor) }

  /// The same descriptor each time; -1: the system gives none.
  func open(_ directory: UnsafePointer<CChar>) -> Int32 {
    if descriptor < 0 { descriptor = Syscalls.watch(directory) }
    return descriptor
  }

  /// Makes it quiet. Before the look at the file: what changes after it is told again.
  func drain() {
    if descriptor >= 0 { Syscalls.drain(descriptor) }
  }
}
