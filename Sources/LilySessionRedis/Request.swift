import CRedis

/// What is asked about one key: commands that only read, or a script that writes.
struct Request {
  let key: [UInt8]
  private let commands: [Command]
  private let script: Script?
  private let arguments: Command
  private let confirmation: Confirmation

  init(key: [UInt8], _ commands: [Command]) {
    (self.key, self.commands) = (key, commands)
    (script, arguments, confirmation) = (nil, Command(), Confirmation())
  }

  init(key: [UInt8], _ script: Script, _ arguments: Command, _ confirmation: Confirmation) {
    (self.key, self.script, self.arguments, self.confirmation) = (key, script, arguments, confirmation)
    commands = []
  }

  /// True if asking twice does no harm.
  var isRead: Bool { script == nil }

  /// Sends the request, and returns the replies, of which any may be an error. Throws NOT_DURABLE if a script has written, and that is not confirmed.
  ///
  /// - Parameter isAsking: whether a Cluster's server has to answer although the key's slot is not wholly there yet.
  func run(on connection: Connection, isAsking: Bool, _ deadline: Deadline) throws(Failure) -> [Reply] {
    let replies = try send(on: connection, isAsking, deadline, isNamed: true)
    guard script != nil, let first = replies.first, first.isError, first.begins("NOSCRIPT") else { return replies }
    return try send(on: connection, isAsking, deadline, isNamed: false)
  }

  private func send(on connection: Connection, _ isAsking: Bool, _ deadline: Deadline, isNamed: Bool) throws(Failure) -> [Reply] {
    var commands = commands
    if let script {
      var command = Command(isNamed ? "EVALSHA" : "EVAL")
      command.add(isNamed ? script.name : script.text)
      command.add("1")
      command.add(key)
      command.add(connection.serverMoment(of: deadline))
      command.add(arguments)
      commands = [command] + confirmation.commands(on: connection, deadline)
    }
    let replies = try isAsking ? askEach(commands, on: connection, deadline) : connection.ask(commands, deadline, atLeast: script == nil ? nil : 1)
    if script != nil, let moment = replies.first?[2]?.integer { connection.noteWrite(at: moment) }
    if replies.first?[0]?.integer == 0, commands.count > 1 { try confirmation.check(replies.dropFirst()) }
    return replies
  }

  /// Asks each command as one that a Cluster's server has to answer although the slot is not wholly there. That is said before each.
  private func askEach(_ commands: [Command], on connection: Connection, _ deadline: Deadline) throws(Failure) -> [Reply] {
    let replies = try connection.ask(commands.flatMap { [Command("ASKING"), $0] }, deadline, atLeast: script == nil ? nil : 2)
    return stride(from: 1, to: replies.count, by: 2).map { replies[$0] }
  }
}

/// What has to be true before a write counts.
struct Confirmation {
  /// True if it must be on the server's disk.
  var isDurable = false
  /// How many replicas must have it.
  var replicas: Int64 = 0

  /// Returns the command that waits for it, if one is needed.
  func commands(on connection: Connection, _ deadline: Deadline) -> [Command] {
    // A server looks ten times a second which waits are over.
    let wait = max(deadline.left - max(deadline.left / 4, 120), 1)
    if isDurable, !connection.syncsAlways { return [Command("WAITAOF", "1").adding(replicas).adding(wait)] }
    return replicas > 0 ? [Command("WAIT").adding(replicas).adding(wait)] : []
  }

  /// Throws if the replies to these commands do not confirm the write.
  func check(_ replies: some Collection<Reply>) throws(Failure) {
    // The reply may have come too late.
    let reply = replies.first
    let local = isDurable ? reply?[0]?.integer ?? 0 : 1
    let others = (isDurable ? reply?[1] : reply)?.integer ?? 0
    guard local >= 1 else { throw Failure(Status.notDurable, "the server did not confirm that the write is on its disk") }
    guard others >= replicas else { throw Failure(Status.notDurable, "too few replicas have confirmed the write") }
  }
}
