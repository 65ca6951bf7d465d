import CPlatform

/// What keeps the threads of one process apart in a storage, and a child of fork out of it.
package final class Exclusion {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  /// Reads 1 where it was made and 0 in a child of fork.
  private let sentinel: UnsafeMutablePointer<UInt8>?
  /// For kernels that cannot do that.
  private let process: Int32
  /// The one whose sentinel this one reads, too.
  private let elder: Exclusion?

  package init() {
    elder = nil
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    sentinel = platform_fork_sentinel_make()
    process = sentinel == nil ? Syscalls.processIdentifier() : 0
  }

  /// One more lock of the same object, to be taken after `elder`'s.
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

  /// Whether this process was forked from the one that opened the storage.
  package var isForked: Bool {
    guard let sentinel else { return Syscalls.processIdentifier() != process }
    return sentinel.pointee == 0
  }

  /// Runs `body` with no other thread inside. In a child of fork it does not come to the mutex, which another thread of the
  /// parent may have held for ever.
  package func run<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    guard !isForked else { throw Failure(.forked, "the storage was opened before fork") }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}
