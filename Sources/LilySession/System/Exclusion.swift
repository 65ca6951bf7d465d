import CPlatform

/// Keeps the threads of a process apart in a storage, and a child of fork out of it.
package final class Exclusion {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  /// Reads 1 in the process that made it, and 0 in a child of fork. It is nil if the kernel cannot do that.
  private let sentinel: UnsafeMutablePointer<UInt8>?
  /// The process that made this, if there is no sentinel.
  private let process: Int32
  /// The exclusion whose sentinel this one uses, too; nil if it has a sentinel of its own.
  private let elder: Exclusion?

  package init() {
    elder = nil
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    sentinel = platform_fork_sentinel_make()
    process = sentinel == nil ? Syscalls.processIdentifier() : 0
  }

  /// Makes a lock of its own that uses `elder`'s sentinel.
  init(after elder: Exclusion) {
    self.elder = elder
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    sentinel = elder.sentinel
    process = elder.process
  }

  deinit {
    if elder == nil { platform_fork_sentinel_free(sentinel) }
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// True if this process was forked from the one that opened the storage.
  package var isForked: Bool {
    guard let sentinel else { return Syscalls.processIdentifier() != process }
    return sentinel.pointee == 0
  }

  /// Waits until no other thread is inside. In a child of fork it throws before it takes the mutex, because another thread of the parent may
  /// have held that at the fork, and would hold it for ever.
  @inline(never)
  package func enter() throws(Failure) { try take() }

  package func leave() { pthread_mutex_unlock(mutex) }

  /// Does what `enter` does. It is a part of `run`, because each update of a journal comes there.
  @inline(__always)
  private func take() throws(Failure) {
    guard !isForked else { throw Failure(.forked, "the storage was opened before fork; open it again in the child") }
    pthread_mutex_lock(mutex)
  }

  /// Runs `body` while no other thread is inside. It throws as `enter` does.
  package func run<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    try take()
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}
