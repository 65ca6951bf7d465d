import CRedis

/// Finds the server that has a scope: the only one, the primary that the Sentinels name, or one of a Cluster.
final class Servers {
  private let settings: Settings
  /// What the program should know of the servers.
  let notices: Notices
  private let lock: Lock
  // All of these are guarded by `lock`.
  private var pools: [Pool] = []
  /// The primary among the Sentinels, or nil if they must be asked.
  private var primary: Pool?
  private var pause = Pause()
  /// For each slot of a Cluster, the place of its server's pool and 1 more; 0 if it is not known. Empty if there is no Cluster.
  private var slots: [UInt16]
  /// The number of the server of a Cluster that is asked where a slot is.
  private var seed = 0

  private static var slotCount: Int { 16384 }

  init(_ settings: Settings) throws(Failure) {
    self.settings = settings
    notices = try Notices()
    lock = try Lock()
    slots = settings.address.kind == .cluster ? [UInt16](repeating: 0, count: Servers.slotCount) : []
  }

  /// Returns the connections to the server that has a key, as far as is known.
  func pool(for key: [UInt8], _ deadline: Deadline) throws(Failure) -> Pool {
    try lock.run { () throws(Failure) in
      switch settings.address.kind {
      case .single: return try pool(of: settings.address.nodes[0])
      case .sentinel:
        if let primary { return primary }
        try pause.check()
        let found = try pool(of: askSentinels(deadline))
        primary = found
        return found
      case .cluster:
        let known = Int(slots[Servers.slot(of: key)])
        if known > 0 { return pools[known - 1] }
        return try pool(of: settings.address.nodes[seed % settings.address.nodes.count])
      }
    }
  }

  /// Runs `body` with the connections to the server that has a key. If there is no connection, the Sentinels are asked whether there is another
  /// server, and a Cluster's other servers are tried.
  func withPool<R>(for key: [UInt8], _ deadline: Deadline, _ body: (Pool) throws(Failure) -> R) throws(Failure) -> R {
    var triesLeft = settings.address.kind == .single ? 0 : settings.address.nodes.count
    while true {
      let pool = try pool(for: key, deadline)
      do throws(Failure) { return try body(pool) } catch {
        try forget(pool, for: key, after: error)
        guard error.isUnsent, triesLeft > 0 else { throw error }
        triesLeft -= 1
      }
    }
  }

  /// Runs a request on a connection of the pool, and follows a Cluster's redirections.
  func run(_ request: Request, _ deadline: Deadline) throws(Failure) -> [Reply] {
    try withPool(for: request.key, deadline) { pool throws(Failure) in
      var (pool, isAsking) = (pool, false)
      for _ in 0..<8 {
        let replies = try pool.withConnection(deadline) { connection throws(Failure) in try request.run(on: connection, isAsking: isAsking, deadline) }
        guard let first = replies.first, first.isError else { return replies }
        guard let redirection = try learn(first.text, from: pool.node), let target = redirection.pool else {
          throw Failure(serverError: first.text, key: request.key)
        }
        (pool, isAsking) = (target, redirection.isForOnce)
      }
      throw Failure(Status.busy, "the Cluster's servers send each other round in a circle", systemError: EBUSY)
    }
  }

  /// The pools that have been used.
  func known() throws(Failure) -> [Pool] { try lock.run { () throws(Failure) in pools } }

  /// Forgets which server has a key after one failed, or said that it has not.
  private func forget(_ failed: Pool, for key: [UInt8], after failure: Failure) throws(Failure) {
    guard failure.isOfConnection || failure.didNothing || failure.isUnsent else { return }
    try lock.run { () throws(Failure) in
      if primary === failed { primary = nil }
      if settings.address.kind == .cluster {
        slots[Servers.slot(of: key)] = 0
        seed += 1
      }
    }
  }

  private func pool(of node: Node) throws(Failure) -> Pool {
    if let known = pools.first(where: { $0.node == node }) { return known }
    let new = try Pool(node, settings, notices)
    pools.append(new)
    return new
  }

  // MARK: Sentinels

  /// Asks the Sentinels for the primary until one knows it.
  private func askSentinels(_ deadline: Deadline) throws(Failure) -> Node {
    var failure = Failure.connection("no Sentinel can be reached")
    for (at, sentinel) in settings.address.nodes.enumerated() {
      // One that does not answer leaves time for the others.
      let share = Deadline(after: deadline.left / Int64(settings.address.nodes.count - at))
      do throws(Failure) {
        if let found = try ask(sentinel, share) { return found }
        failure = Failure.connection("the Sentinels know no primary of this name: ", settings.address.primary.map { 33...126 ~= $0 ? $0 : 63 })
      } catch {
        failure = error.at(sentinel)
      }
    }
    pause.begin(failure)
    throw failure
  }

  private func ask(_ sentinel: Node, _ deadline: Deadline) throws(Failure) -> Node? {
    let connection = try Connection.open(sentinel, settings.tls, deadline)
    let question = Command("SENTINEL", "get-master-addr-by-name").adding(settings.address.primary)
    let reply = try connection.ask(question, deadline)
    guard let host = reply[0]?.text, let port = reply[1]?.text, !host.isEmpty, let number = number(port), 1...65535 ~= number else { return nil }
    return Node(host: host, port: port)
  }

  // MARK: Cluster

  /// Learns where a slot is from an error of a server's, `MOVED 3999 127.0.0.1:6381`. Returns nil if it is no such error.
  func learn(_ error: [UInt8], from node: Node) throws(Failure) -> Redirection? {
    guard !slots.isEmpty, let redirection = Redirection(error, from: node) else { return nil }
    return try lock.run { () throws(Failure) in
      let target = try pool(of: redirection.node)
      if !redirection.isForOnce, let at = pools.firstIndex(where: { $0 === target }), redirection.slot < slots.count {
        slots[redirection.slot] = UInt16(truncatingIfNeeded: at + 1)
      }
      return redirection.to(target)
    }
  }

  /// Returns the pools of all servers of a Cluster that have slots, or the only pool.
  func all(_ deadline: Deadline) throws(Failure) -> [Pool] {
    let one = try pool(for: [], deadline)
    guard settings.address.kind == .cluster else { return [one] }
    let ranges = try one.withConnection(deadline) { connection throws(Failure) in try connection.ask(Command("CLUSTER", "SLOTS"), deadline) }
    return try lock.run { () throws(Failure) in
      var found: [Pool] = []
      for at in 0..<ranges.count {
        // A range is its first and last slot, and its servers, the primary first.
        guard let server = ranges[at]?[2], let host = server[0]?.text, let port = server[1]?.integer else { continue }
        let pool = try pool(of: Node(host: host.isEmpty ? one.node.host : host, port: digits(port)))
        if !found.contains(where: { $0 === pool }) { found.append(pool) }
      }
      return found
    }
  }

  /// Returns a key's slot: the CRC-16 of what stands between its first braces. All keys of this library have braces.
  static func slot(of key: [UInt8]) -> Int {
    var crc: UInt16 = 0
    let open = key.firstIndex(of: 123) ?? key.endIndex
    let tag = key[open...].dropFirst().prefix { $0 != 125 }
    for byte in tag.isEmpty ? key[...] : tag {
      crc ^= UInt16(byte) << 8
      for _ in 0..<8 { crc = crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
    }
    return Int(crc) & (slotCount - 1)
  }
}

/// Where a Cluster's server sends us.
struct Redirection {
  let slot: Int
  let node: Node
  /// True if only this request goes there, because the slot is being moved.
  let isForOnce: Bool
  private(set) var pool: Pool?

  init?(_ error: [UInt8], from node: Node) {
    let words = error.split(separator: 32)
    guard words.count >= 3, words[0].elementsEqual(bytes("MOVED")) || words[0].elementsEqual(bytes("ASK")),
      let slot = number(words[1]), let colon = words[2].lastIndex(of: 58), let port = number(words[2][(colon + 1)...]), 1...65535 ~= port
    else { return nil }
    let host = [UInt8](words[2][..<colon])
    self.slot = Int(slot)
    self.node = Node(host: host.isEmpty ? node.host : host, port: digits(port)) // a server may leave out its own host
    isForOnce = words[0].elementsEqual(bytes("ASK"))
  }

  func to(_ pool: Pool) -> Redirection {
    var redirection = self
    redirection.pool = pool
    return redirection
  }
}
