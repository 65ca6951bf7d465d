import CRedis

/// Tells of changes at one place. The server tells a second connection of each change of what the first one has read, unless the first one has
/// made it. So whatever is asked about the place travels on the first one.
final class PlaceWatch {
  let place: Place
  /// Polls readable while a message waits, or the timer has run out.
  let descriptor: Int32
  private let timer: Int32
  private let servers: Servers
  private let lock: Lock
  // Guarded by `lock`. Both are nil, or neither.
  private var asking: Connection?
  private var listening: Connection?

  /// How long nobody is woken after a server was lost, in ms. A program that then looks connects again.
  private static var pause: Int64 { 500 }

  init(_ place: Place, _ servers: Servers) throws(Failure) {
    self.place = place
    self.servers = servers
    lock = try Lock()
    timer = redis_timer_make()
    descriptor = redis_watch_make(timer)
  }

  deinit {
    close(descriptor)
    close(timer)
  }

  /// Runs a request. After one that reads, the news is old.
  func run(_ request: Request, _ deadline: Deadline) throws(Failure) -> [Reply] {
    try lock.run { () throws(Failure) in
      if request.isRead { takeNews() }
      do throws(Failure) {
        let connection = try connected(deadline, mayMissNews: !request.isRead)
        let replies = try request.run(on: connection, isAsking: false, deadline)
        guard let first = replies.first, first.isError else { return replies }
        guard let redirection = try servers.learn(first.text, from: connection.node) else { throw Failure(serverError: first.text, key: request.key) }
        disconnect(wakingAfter: 1) // the place is on another server, or will be
        return redirection.isForOnce ? try servers.run(request, deadline) : try request.run(on: connected(deadline, mayMissNews: false), isAsking: false, deadline)
      } catch {
        if error.isOfConnection || error.didNothing { disconnect(wakingAfter: PlaceWatch.pause) }
        throw error
      }
    }
  }

  /// Waits until what was written here is on the server's disk.
  func sync(_ deadline: Deadline) throws(Failure) {
    try lock.run { () throws(Failure) in try asking?.sync(deadline) }
  }

  /// Connects, so that changes from now on are told.
  func begin(_ deadline: Deadline) throws(Failure) {
    _ = try run(Request(key: place.key, [Command("HGET").adding(place.key).adding([])]), deadline)
  }

  private func takeNews() {
    redis_timer_set(timer, 0)
    do throws(Failure) { try listening?.takeMessages() } catch { disconnect(wakingAfter: 0) }
  }

  /// Returns the first connection, and makes both if there are none.
  private func connected(_ deadline: Deadline, mayMissNews: Bool) throws(Failure) -> Connection {
    if let asking, asking.isQuiet { return asking }
    disconnect(wakingAfter: 0)
    let (first, second) = try servers.withPool(for: place.key, deadline) { pool throws(Failure) in (try pool.connect(deadline), try pool.connect(deadline)) }
    guard let number = try second.ask(Command("CLIENT", "ID"), deadline).integer else { throw Connection.garbage }
    _ = try second.ask(Command("SUBSCRIBE", "__redis__:invalidate"), deadline)
    _ = try first.ask(Command("CLIENT", "TRACKING", "ON", "NOLOOP", "REDIRECT").adding(number), deadline)
    guard redis_watch_add(descriptor, second.descriptor) else { throw Failure(Status.io, "the connection cannot be watched", systemError: redis_errno()) }
    (asking, listening) = (first, second)
    if mayMissNews { redis_timer_set(timer, 1) }
    return first
  }

  private func disconnect(wakingAfter pause: Int64) {
    if let listening { redis_watch_remove(descriptor, listening.descriptor) }
    (asking, listening) = (nil, nil)
    redis_timer_set(timer, pause)
  }
}

/// The watches of a storage, in the order of their scopes' names.
final class PlaceWatches {
  private let servers: Servers
  private let lock: Lock
  private var watches: [PlaceWatch] = [] // guarded by `lock`

  init(_ servers: Servers) throws(Failure) {
    self.servers = servers
    lock = try Lock()
  }

  /// Returns the watch of a place, or nil if it is not watched.
  func watch(of place: Place) throws(Failure) -> PlaceWatch? {
    try lock.run { () throws(Failure) in
      let at = index(of: place)
      return at < watches.count && watches[at].place == place ? watches[at] : nil
    }
  }

  /// Watches a place, if it is not watched yet.
  func make(_ place: Place, _ deadline: Deadline) throws(Failure) -> PlaceWatch {
    if let known = try watch(of: place) { return known }
    let new = try PlaceWatch(place, servers)
    guard new.descriptor >= 0 else { throw Failure(Status.io, "there is no descriptor", systemError: redis_errno()) }
    try new.begin(deadline)
    return try lock.run { () throws(Failure) in
      let at = index(of: place)
      if at < watches.count, watches[at].place == place { return watches[at] }
      watches.insert(new, at: at)
      return new
    }
  }

  func forEach(_ body: (PlaceWatch) throws(Failure) -> Void) throws(Failure) {
    for watch in try lock.run({ () throws(Failure) in watches }) { try body(watch) }
  }

  private func index(of place: Place) -> Int {
    var (low, high) = (0, watches.count)
    while low < high {
      let middle = (low + high) / 2
      if watches[middle].place.scope.lexicographicallyPrecedes(place.scope) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
