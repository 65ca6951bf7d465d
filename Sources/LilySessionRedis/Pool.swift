import CRedis

/// The connections to one server. Each is used by one thread at a time.
final class Pool {
  let node: Node
  private let settings: Settings
  private let notices: Notices
  private let lock: Lock
  // All of these are guarded by `lock`.
  private var idle: [Connection] = []
  private var inUse = 0
  private var pause = Pause()
  /// When something was written on a connection that was lost and owed a sync; 0 if there is no such write.
  private var lostWrite: Int64 = 0
  private var hasConnected = false

  /// More threads than this wait for each other.
  private static var mostConnections: Int { 16 }

  init(_ node: Node, _ settings: Settings, _ notices: Notices) throws(Failure) {
    self.node = node
    self.settings = settings
    self.notices = notices
    lock = try Lock()
  }

  /// Runs `body` with a connection that nobody else uses. A server that did not answer is left alone for a while.
  func withConnection<R>(_ deadline: Deadline, _ body: (Connection) throws(Failure) -> R) throws(Failure) -> R {
    let connection = try take(deadline)
    do throws(Failure) {
      let result = try body(connection)
      try giveBack(connection)
      return result
    } catch {
      try giveBack(connection)
      if error.systemError == ETIMEDOUT { try lock.run { () throws(Failure) in pause.begin(error) } }
      throw error
    }
  }

  private func take(_ deadline: Deadline) throws(Failure) -> Connection {
    let waiting = try lock.run { () throws(Failure) -> Connection? in
      while idle.isEmpty, inUse >= Pool.mostConnections {
        if deadline.isOver { throw Failure(Status.busy, "all connections are in use", systemError: EBUSY).at(node) }
        lock.wait(deadline)
      }
      inUse += 1
      return idle.popLast()
    }
    if let waiting, waiting.isQuiet { return waiting }
    do throws(Failure) {
      return try connect(deadline)
    } catch {
      try lock.run { () throws(Failure) in leave() }
      throw error
    }
  }

  /// Makes a connection that is not one of those which are given back.
  func connect(_ deadline: Deadline) throws(Failure) -> Connection {
    let isFirst = try lock.run { () throws(Failure) in
      try pause.check()
      return !hasConnected
    }
    do throws(Failure) {
      let connection = try Connection.open(node, settings.tls, deadline)
      let policy = try connection.greet(settings.address, asksForSync: settings.isDurable, asksForPolicy: isFirst, deadline)
      let isStillFirst = try lock.run { () throws(Failure) in
        pause.clear()
        defer { hasConnected = true }
        return !hasConnected
      }
      if isStillFirst, let policy, !policy.isEmpty, policy != bytes("noeviction") { try notices.add(Pool.deletes(by: policy).at(node)) }
      return connection
    } catch {
      let failure = error.at(node).unsent
      try lock.run { () throws(Failure) in pause.begin(failure) }
      throw failure
    }
  }

  /// Scopes have a time to live, and so do the marks of clears. So the policies that delete only such keys delete these, too.
  private static func deletes(by policy: [UInt8]) -> Failure {
    Failure(Status.notDurable, "the server may delete sessions when its memory is full: its maxmemory-policy is ", policy)
  }

  private func giveBack(_ connection: Connection) throws(Failure) {
    try lock.run { () throws(Failure) in
      if connection.isUsable {
        idle.append(connection)
      } else if connection.owesSync {
        lostWrite = max(lostWrite, connection.lastWrite)
      }
      leave()
    }
  }

  /// Waits until what was written on these connections is on the server's disk. A server confirms the writes of a connection with all that came
  /// before them, and so those of a connection that is lost only with a later one.
  func sync(_ deadline: Deadline) throws(Failure) {
    let owing = try lock.run { () throws(Failure) in
      let owing = idle.filter { $0.owesSync }
      idle.removeAll { $0.owesSync }
      inUse += owing.count
      return owing
    }
    var failure: Failure?
    for connection in owing {
      do throws(Failure) { try connection.sync(deadline) } catch { failure = failure ?? error }
      try giveBack(connection)
    }
    if let failure { throw failure }
    try lock.run { () throws(Failure) in
      if owing.contains(where: { $0.lastWrite > lostWrite }) { lostWrite = 0 }
      if lostWrite != 0 { throw Failure(Status.notDurable, "a connection was lost before the server had confirmed what was written on it").at(node) }
    }
  }

  private func leave() {
    inUse -= 1
    lock.signal()
  }
}

/// When a server that has failed is tried again. Until then calls fail at once, as it did.
struct Pause {
  private var end: Int64 = 0
  private var length: Int64 = 0
  private var failure: Failure?

  /// Throws if the pause is not over.
  func check() throws(Failure) {
    if let failure, redis_monotonic_ms() < end { throw failure }
  }

  /// Begins a pause, which is longer than the one before. Its length is left to chance, so that not all programs come back at the same moment.
  mutating func begin(_ failure: Failure) {
    self.failure = failure
    length = min(max(length * 2, 20), 500)
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    end = redis_monotonic_ms() + length / 2 + Int64(now.tv_nsec / 1000) % (length / 2 + 1)
  }

  mutating func clear() { self = Pause() }
}
