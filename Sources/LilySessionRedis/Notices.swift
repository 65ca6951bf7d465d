/// What the program should know of the servers, until it is told.
//
// It has a lock of its own, because nobody who holds this one waits for a server.
final class Notices {
  private let lock: Lock
  private var untold: [Failure] = [] // guarded by `lock`

  init() throws(Failure) { lock = try Lock() }

  func add(_ notice: Failure) throws(Failure) {
    try lock.run { () throws(Failure) in untold.append(notice) }
  }

  /// Returns a notice, which is then told; nil if there is none.
  func take() throws(Failure) -> Failure? {
    try lock.run { () throws(Failure) in untold.popLast() }
  }
}
