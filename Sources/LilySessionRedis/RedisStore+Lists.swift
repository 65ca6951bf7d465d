import CLilySession
import CRedis

/// Lists entries, and scopes.
extension Store {
  /// Calls `visit` for each entry of a place whose key there begins with `prefix`, until it fails, and returns how that ended.
  func forEach(
    _ place: Place, _ prefix: UnsafeRawBufferPointer, _ visit: (UnsafePointer<lily_session_entry>) -> lily_session_status
  ) throws(Failure) -> lily_session_status {
    guard let reply = try ask(place, [Command("HGETALL").adding(place.key)]).first else { throw Connection.garbage }
    var status = Status.ok
    for at in stride(from: 0, to: reply.count - 1, by: 2) where status == Status.ok {
      guard let name = reply[at]?.text, !name.isEmpty, let value = reply[at + 1] else { continue }
      let key = Place.key(of: name)
      guard key.starts(with: prefix) else { continue }
      status = withCString(place.libraryKey(key)) { key in
        value.withBytes { value in
          var entry = StoredValue.read(value)
          entry.key = key
          return visit(&entry)
        }
      }
    }
    return status
  }

  /// Returns the places of all scopes that there are, each once. It needs the right to SCAN.
  func scopes() throws(Failure) -> [Place] {
    var keys: [[UInt8]] = []
    for pool in try servers.all(Deadline(after: settings.timeout)) {
      var cursor = bytes("0")
      repeat {
        // Each step has the time of a call, because their number grows with that of the scopes.
        let deadline = Deadline(after: settings.timeout)
        var command = Command("SCAN").adding(cursor)
        command.add("MATCH")
        command.add(Place.pattern)
        command.add("COUNT")
        command.add(1000)
        let reply = try pool.withConnection(deadline) { connection throws(Failure) in try connection.ask(command, deadline) }
        guard let next = reply[0]?.text, let found = reply[1] else { throw Connection.garbage }
        cursor = next
        for at in 0..<found.count {
          if let key = found[at] { keys.append(key.text) }
        }
      } while cursor != bytes("0")
    }
    keys.sort { $0.lexicographicallyPrecedes($1) }
    var places: [Place] = []
    for key in keys {
      if let place = Place(key: key), !place.scope.isEmpty, place != places.last { places.append(place) }
    }
    return places
  }
}
