import CLilySession
import CRedis

/// The entries on the servers. Any thread may call its functions.
final class Store {
  let settings: Settings
  let servers: Servers
  /// What two storages have in common if they have the same entries; a C string.
  let identity: UnsafeMutablePointer<CChar>?
  private let watches: PlaceWatches

  init(_ settings: Settings) throws(Failure) {
    self.settings = settings
    servers = try Servers(settings)
    watches = try PlaceWatches(servers)
    identity = withCString(settings.address.identity) { $0.flatMap { strdup($0) } }
    if !settings.isLazy { _ = try generation(of: .whole) }
  }

  deinit { free(identity) }

  /// Returns the replies to commands that only read what is at a place.
  func ask(_ place: Place, _ commands: [Command]) throws(Failure) -> [Reply] {
    let replies = try run(Request(key: place.key, commands), at: place, Deadline(after: settings.timeout))
    for reply in replies where reply.isError { throw Failure(serverError: reply.text, key: place.key) }
    return replies
  }

  func generation(of place: Place) throws(Failure) -> UInt64 {
    StoredValue.generation(try ask(place, [Command("HGET").adding(place.key).adding([])]).first)
  }

  /// What came of a script.
  enum Outcome {
    case done
    /// Somebody has cleared the scope, which has this generation now.
    case newer(generation: UInt64)
    /// What is stored is not what was expected.
    case different
  }

  /// Runs a script that writes, if it is not too late for that.
  func write(_ script: Script, _ arguments: Command, at place: Place) throws(Failure) -> Outcome {
    let deadline = Deadline(after: settings.timeout)
    let confirmation = Confirmation(isDurable: settings.isDurable, replicas: settings.replicas)
    let request = Request(key: place.key, script, arguments, confirmation)
    while true {
      let replies = try run(request, at: place, deadline)
      guard let reply = replies.first, let code = reply[0]?.integer else { throw Connection.garbage }
      switch code {
      case 0: return .done
      case 1: // The connection knows the server's clock again, which somebody has set.
        guard !deadline.isOver else { throw Failure.late }
      case 2: return .newer(generation: StoredValue.generation(reply[1]))
      default: return .different
      }
    }
  }

  /// Runs a request. Does so again, until the time is over, if the server proves that it has done nothing, and once if a connection broke that was to
  /// read something.
  private func run(_ request: Request, at place: Place, _ deadline: Deadline) throws(Failure) -> [Reply] {
    var pause: Int32 = 1
    var mayRepeat = request.isRead
    while true {
      do throws(Failure) {
        if let watch = try watches.watch(of: place) { return try watch.run(request, deadline) }
        return try servers.run(request, deadline)
      } catch {
        guard error.didNothing || error.isBrokenConnection && mayRepeat, deadline.left > Int64(pause) else { throw error }
        if !error.didNothing { mayRepeat = false }
        poll(nil, 0, pause)
        pause = min(pause * 2, 50)
      }
    }
  }

  /// Waits until what this storage has written is on the servers' disks.
  func sync() throws(Failure) {
    let deadline = Deadline(after: settings.timeout)
    try watches.forEach { watch throws(Failure) in try watch.sync(deadline) }
    for pool in try servers.known() { try pool.sync(deadline) }
  }

  /// Returns a descriptor that polls readable after a change at this place, until somebody has looked there.
  func descriptor(of place: Place) throws(Failure) -> Int32 { try watches.make(place, Deadline(after: settings.timeout)).descriptor }
}
