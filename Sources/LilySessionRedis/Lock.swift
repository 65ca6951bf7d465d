import CRedis

/// A mutex with a condition, which keeps the threads of a process apart.
final class Lock {
  private let lock: UnsafeMutablePointer<redis_lock>
  private let process = getpid()

  init() throws(Failure) {
    guard let lock = redis_lock_make() else { throw Failure(Status.io, "memory is exhausted", systemError: ENOMEM) }
    self.lock = lock
  }

  deinit {
    // In a child of fork, a thread of the parent would be waited for, for ever.
    if process == getpid() { redis_lock_free(lock) }
  }

  /// Runs `body` while no other thread is inside.
  func run<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    pthread_mutex_lock(&lock.pointee.mutex)
    defer { pthread_mutex_unlock(&lock.pointee.mutex) }
    return try body()
  }

  /// Lets the others in until one calls `signal`, or the time is over.
  func wait(_ deadline: Deadline) { redis_lock_wait(lock, deadline.left) }

  func signal() { pthread_cond_signal(&lock.pointee.changed) }
}
