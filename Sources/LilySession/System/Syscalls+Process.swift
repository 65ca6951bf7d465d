import CPlatform

/// Asks for the time, and for what the kernel knows of this process: its limits, signals and environment.
extension Syscalls {
  /// Returns the time, UTC in ms.
  static func wallClock() -> Int64 { milliseconds(CLOCK_REALTIME) }
  static func monotonicClock() -> Int64 { milliseconds(CLOCK_MONOTONIC) }

  private static func milliseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
  }

  static func yieldProcessor() { sched_yield() }

  /// Sleeps for at least this time, even if signals come meanwhile.
  static func sleepFor(microseconds: Int64) {
    var time = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000 &* 1000))
    var left = timespec()
    while nanosleep(&time, &left) != 0, platform_errno() == EINTR { time = left }
  }

  #if !hasFeature(Embedded)
    /// Writes a text to standard error, in one piece if the system can. What cannot be written there is left out.
    static func printError(_ text: String) {
      _ = Array(text.utf8).withUnsafeBytes { CPlatform.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
  #endif

  static func processIdentifier() -> Int32 { getpid() }
  static func effectiveUser() -> uid_t { geteuid() }

  /// Returns this process's limit on the size of files, in bytes, or nil if there is none.
  static func fileSizeLimit() -> Int64? {
    let limit = platform_file_size_limit()
    return limit < 0 ? nil : limit
  }

  static func randomNumber() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    guard platform_random(&value, 8) else { throw Failure(.io, "cannot get random numbers", systemError: platform_errno()) }
    return value
  }

  /// Runs `body` while this thread blocks SIGXFSZ. A write past RLIMIT_FSIZE fails with EFBIG, but the signal would end the host.
  static func withoutFileSizeSignal(_ body: () throws(Failure) -> Void) throws(Failure) {
    var signals = sigset_t()
    var before = sigset_t()
    var pending = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGXFSZ)
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    sigpending(&pending)
    defer {
      var now = timespec()
      // This takes the signal that the write may have raised. One that was pending before belongs to the host.
      if sigismember(&pending, SIGXFSZ) != 1 { _ = sigtimedwait(&signals, nil, &now) }
      pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    try body()
  }

  /// Returns the value of an environment variable. Returns nil if it is unset or empty, or if the program has more rights than its user.
  static func environmentValue(_ name: UnsafePointer<CChar>) -> UnsafePointer<CChar>? {
    guard let value = platform_secure_getenv(name), value.pointee != 0 else { return nil }
    return value
  }

  /// Returns true in a program with more rights than its user, by set-user-ID or file capabilities.
  static func hidesEnvironment() -> Bool { platform_hides_environment() }

  /// Returns the path of the executable, or nil if the system does not know it.
  static func executablePath() -> [UInt8]? {
    filledPath { platform_executable_path($0, $1) }
  }

  static func currentDirectory() -> [UInt8]? {
    filledPath { getcwd($0, $1).map { Int(strlen($0)) } ?? -1 }
  }

  /// Returns the path that `call` writes into memory, or nil if it fails or the path does not fit. `call` returns the length.
  static func filledPath(_ call: (UnsafeMutablePointer<CChar>, Int) -> Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let length = bytes.withUnsafeMutableBytes { memory in
      memory.baseAddress.map { call($0.assumingMemoryBound(to: CChar.self), memory.count &- 1) } ?? -1
    }
    guard length > 0, length < bytes.count else { return nil }
    bytes.removeLast(bytes.count &- length)
    return bytes
  }
}
