import CRedis

/// A connection to a server. It is used by one thread at a time. After a failure it is thrown away, because a reply could still come that would be
/// taken for another command's.
final class Connection {
  let node: Node
  private let socket: Socket
  private let tls: TLS?
  private let reader: UnsafeMutablePointer<redisReader>
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 1)
  /// How many bytes the replies to one request may have: those of many of the largest values.
  private static var replyLimit: Int { 128 << 20 }

  /// False after a failure.
  private(set) var isUsable = true
  /// The server's clock less the monotonic clock of this machine, in ms. It is never too large, so that a moment which is told to the server
  /// never comes too late.
  private(set) var clockOffset: Int64 = 0
  /// True if the server has synced what it acknowledges.
  private(set) var syncsAlways = false
  /// True if something was written here that the server may not have synced.
  private(set) var owesSync = false
  /// When that was, by the monotonic clock in ms.
  private(set) var lastWrite: Int64 = 0

  /// Connects, without saying anything to the server. See `Socket.open` for why this is no initialiser.
  static func open(_ node: Node, _ context: TLSContext?, _ deadline: Deadline) throws(Failure) -> Connection {
    let socket = try Socket.open(node, deadline)
    var tls: TLS?
    if let context { tls = try TLS(socket, node, context, deadline) }
    guard let reader = redis_reader_make() else { throw Failure(Status.io, "memory is exhausted", systemError: ENOMEM) }
    return Connection(node, socket, tls, reader)
  }

  private init(_ node: Node, _ socket: Socket, _ tls: TLS?, _ reader: UnsafeMutablePointer<redisReader>) {
    (self.node, self.socket, self.tls, self.reader) = (node, socket, tls, reader)
  }

  deinit {
    redis_reader_free(reader)
    room.deallocate()
  }

  var descriptor: Int32 { socket.descriptor }

  /// True if the connection can be used for another request. A server may have ended it meanwhile.
  var isQuiet: Bool { isUsable && socket.isQuiet }

  /// Sends commands at once, and returns their replies. An error of the server's is a reply, too.
  ///
  /// - Parameter least: if this many replies have come when the time is over, they are returned, and the others are not waited for. Nil: all must come.
  func ask(_ commands: [Command], _ deadline: Deadline, atLeast least: Int? = nil) throws(Failure) -> [Reply] {
    var bytes: [UInt8] = []
    for command in commands { try command.append(to: &bytes) }
    redis_reader_expect(reader)
    isUsable = false
    try send(bytes, deadline)
    var replies: [Reply] = []
    var received = 0
    while replies.count < commands.count {
      if let reply = try nextReply() {
        replies.append(reply)
      } else {
        do throws(Failure) { received += try receive(deadline) } catch {
          if let least, replies.count >= least { return replies }
          throw error
        }
        if received > Connection.replyLimit { throw Connection.garbage }
      }
    }
    isUsable = reader.pointee.pos == reader.pointee.len // nothing may follow the last reply
    return replies
  }

  /// Sends a command and returns its reply. Throws if that is an error.
  func ask(_ command: Command, _ deadline: Deadline) throws(Failure) -> Reply {
    guard let reply = try ask([command], deadline).first else { throw Failure.connection("the server did not answer", systemError: EPROTO) }
    if reply.isError { throw Failure(serverError: reply.text, key: []) }
    return reply
  }

  private func send(_ bytes: [UInt8], _ deadline: Deadline) throws(Failure) {
    var failure: Failure?
    bytes.withUnsafeBytes { bytes in
      do throws(Failure) {
        if let tls { try tls.send(bytes, deadline) } else { try socket.send(bytes, deadline) }
      } catch { failure = error }
    }
    if let failure { throw failure }
  }

  private func receive(_ deadline: Deadline) throws(Failure) -> Int {
    // A peer that sends a little again and again is not waited for.
    if deadline.isOver { throw Failure.late }
    let count = if let tls { try tls.receive(into: room, deadline) } else { try socket.receive(into: room, deadline) }
    guard redisReaderFeed(reader, room.baseAddress?.assumingMemoryBound(to: CChar.self), count) == REDIS_OK else { throw Connection.garbage }
    return count
  }

  /// Returns the next reply that has come whole, or nil.
  private func nextReply() throws(Failure) -> Reply? {
    var reply: UnsafeMutableRawPointer?
    guard redisReaderGetReply(reader, &reply) == REDIS_OK, reply != nil || redis_reader_is_sane(reader) else { throw Connection.garbage }
    return reply.map { Reply(owning: $0.assumingMemoryBound(to: redisReply.self)) }
  }

  static var garbage: Failure { .connection("what answers is no Redis server, or its reply is too long", systemError: EPROTO) }

  // MARK: pushed messages

  /// Takes the messages that have come without being asked for. Throws if the connection has ended.
  func takeMessages() throws(Failure) {
    while !socket.isQuiet {
      redis_reader_expect(reader)
      do throws(Failure) { _ = try receive(Deadline(after: 10)) } catch {
        if error.systemError == ETIMEDOUT { return } // what has come is TLS' own, or a part of a message
        throw error
      }
      while try nextReply() != nil {}
    }
  }

  // MARK: greeting

  /// Says who we are, and learns the server's clock and what it promises.
  ///
  /// - Parameters:
  ///   - asksForSync: whether it matters if the server syncs what it acknowledges.
  ///   - asksForPolicy: whether to learn what the server does when its memory is full.
  /// - Returns: that policy, or nil if the server does not tell.
  func greet(_ address: Address, asksForSync: Bool, asksForPolicy: Bool, _ deadline: Deadline) throws(Failure) -> [UInt8]? {
    var commands: [Command] = []
    if let password = address.password {
      commands.append((address.user.isEmpty ? Command("AUTH") : Command("AUTH").adding(address.user)).adding(password))
    }
    if address.database != 0 { commands.append(Command("SELECT").adding(address.database)) }
    let required = commands.count + 1
    commands.append(Command("EVAL", Script.greeting, "0"))
    // A server that refuses one of these is used without it.
    commands.append(Command("CLIENT", "SETNAME", "lily-session"))
    if address.kind == .sentinel { commands.append(Command("ROLE")) }
    let policyAt = commands.count
    if asksForPolicy { commands.append(Command("INFO", "memory")) }
    if asksForSync { commands.append(Connection.settingsOfSync) }
    let replies = try ask(commands, deadline)
    let arrival = redis_monotonic_ms()
    for reply in replies.prefix(required) where reply.isError { throw Failure(serverError: reply.text, key: []) }
    guard required <= replies.count, let clock = replies[required - 1][1]?.integer, let version = replies[required - 1][0]?.integer else { throw Connection.garbage }
    guard version >= 0x070000 else { throw Failure(Status.unsupported, "the server is older than Redis 7.0") }
    learnClock(clock, at: arrival)
    if address.kind == .sentinel, replies[required + 1][0]?.text == bytes("slave") {
      throw Failure(Status.busy, "the Sentinels name a server that is no primary any more", systemError: EBUSY).beforeAnything
    }
    if asksForSync, let last = replies.last { syncsAlways = last.promisesSync }
    return asksForPolicy && policyAt < replies.count ? replies[policyAt].maxmemoryPolicy : nil
  }

  /// Returns by the server's clock when a write must have begun at the latest, so that none comes after its call has ended. Three moments are rounded
  /// down to whole ms: both of those that the clocks were compared at, and the one that the server compares.
  func serverMoment(of deadline: Deadline) -> Int64 {
    deadline.moment.addingReportingOverflow(clockOffset).partialValue.subtractingReportingOverflow(3).partialValue
  }

  private func learnClock(_ moment: Int64, at arrival: Int64) { clockOffset = moment.subtractingReportingOverflow(arrival).partialValue }

  /// Notes that a script has answered, at this moment of the server's clock.
  func noteWrite(at moment: Int64) {
    lastWrite = redis_monotonic_ms()
    learnClock(moment, at: lastWrite)
    owesSync = true
  }

  /// Waits until what was written here is on the server's disk.
  func sync(_ deadline: Deadline) throws(Failure) {
    guard owesSync else { return }
    if !syncsAlways { syncsAlways = try ask([Connection.settingsOfSync], deadline).first?.promisesSync ?? false }
    if !syncsAlways {
      let confirmation = Confirmation(isDurable: true)
      try confirmation.check(ask(confirmation.commands(on: self, deadline), deadline))
    }
    owesSync = false
  }

  private static var settingsOfSync: Command { Command("CONFIG", "GET", "appendonly", "appendfsync") }
}

extension Reply {
  /// True if these are settings by which a server syncs what it acknowledges.
  fileprivate var promisesSync: Bool { says("appendonly", "yes") && says("appendfsync", "always") }

  /// The policy that stands in a server's words about its memory, or nil.
  fileprivate var maxmemoryPolicy: [UInt8]? {
    let name = bytes("maxmemory_policy:")
    let line = text.split(whereSeparator: { $0 == 13 || $0 == 10 }).first { $0.starts(with: name) }
    return line.map { $0.dropFirst(name.count).prefix(20).filter { 97...122 ~= $0 || $0 == 45 } }
  }

  /// True if the array has this name, followed by this value.
  private func says(_ name: StaticString, _ value: StaticString) -> Bool {
    for at in stride(from: 0, to: count, by: 2) where self[at]?.text == bytes(name) { return self[at + 1]?.text == bytes(value) }
    return false
  }
}
