import Glibc

// The file that is to be removed when a signal ends the program, and its folder, for the signals' handler; nil if there is none. The names
// live as long as the program.
nonisolated(unsafe) private var unfinished: UnsafeMutablePointer<CChar>?
nonisolated(unsafe) private var unfinishedFolder: UnsafeMutablePointer<CChar>?

/// Removes a file that is not finished if a signal ends the program.
enum Remains {
  /// The signals that end a program that does not handle them, but for those of a crash.
  private static let endings =
    [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR]
    + (__libc_current_sigrtmin()...__libc_current_sigrtmax())

  /// Removes the file of this name if a signal ends the program, as Ctrl-C does. A signal that is ignored, for example by nohup, stays so.
  /// - Parameter folder: a folder that is removed then, too, if nothing else is in it.
  static func removeIfEnded(_ file: UnsafeMutablePointer<CChar>?, folder: UnsafeMutablePointer<CChar>? = nil) {
    (unfinished, unfinishedFolder) = (file, folder)
    for number in endings {
      let before = signal(number, SIG_IGN)
      if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
      signal(number) { number in
        if let unfinished { unlink(unfinished) }
        if let unfinishedFolder { rmdir(unfinishedFolder) }
        signal(number, SIG_DFL)
        raise(number)
      }
    }
  }
}
