import CLilySession
import CRedis

// How entries are read and written.

/// What a written entry's key must have before.
enum Condition {
  case anything
  case nothing
  /// This text and version, and this deadline, unless it does not matter.
  case value(lily_session_entry, deadline: Int64?)
}

/// What `Store.load` has found.
struct Loaded {
  let generation: UInt64
  /// Each value with the place of its key among the keys.
  let values: [(at: Int, value: Reply)]
}

extension Store {
  /// Reads the generation, and the entries of these keys, which are the library's.
  func load(_ place: Place, _ keys: UnsafeBufferPointer<UnsafePointer<CChar>?>) throws(Failure) -> Loaded {
    if keys.count > 1 { return try loadAll(place, keys) }
    // The server does this first, so it is never newer than what follows.
    var commands = [Command("HGET").adding(place.key).adding([])]
    if let key = keys.first {
      var command = Command("HGET").adding(place.key)
      command.addPieces { Name(ofKey: Place.rest(of: key)).append(to: &$0) }
      commands.append(command)
    }
    let replies = try ask(place, commands)
    let values = replies.count == 2 && !replies[1].isNothing ? [(at: 0, value: replies[1])] : []
    return Loaded(generation: StoredValue.generation(replies.first), values: values)
  }

  /// Reads the whole hash, which is one command, and so one moment.
  private func loadAll(_ place: Place, _ keys: UnsafeBufferPointer<UnsafePointer<CChar>?>) throws(Failure) -> Loaded {
    guard let reply = try ask(place, [Command("HGETALL").adding(place.key)]).first else { throw Connection.garbage }
    var names = keys.indices.map { at in (at: at, name: Name(ofKey: Place.rest(of: keys[at]))) }
    names.sort { $0.name.order($1.name) < 0 }
    var values: [(at: Int, value: Reply)] = []
    values.reserveCapacity(names.count)
    var generation: Reply?
    for at in stride(from: 0, to: reply.count - 1, by: 2) {
      guard let name = reply[at], let value = reply[at + 1] else { continue }
      name.withBytes { text in
        if text.isEmpty { generation = value }
        let name = Name(text)
        var (low, high) = (0, names.count)
        while low < high {
          let middle = (low + high) / 2
          if names[middle].name.order(name) < 0 { low = middle + 1 } else { high = middle }
        }
        while low < names.count, names[low].name.order(name) == 0 {
          values.append((names[low].at, value))
          low += 1
        }
      }
    }
    return Loaded(generation: StoredValue.generation(generation), values: values)
  }

  /// Writes entries of one place, if what it has is what is expected. They are there, or none of them is.
  func write(_ entries: UnsafeBufferPointer<lily_session_entry>, _ condition: Condition, _ generation: UInt64?) throws(Failure) -> lily_session_status {
    guard let first = entries.first else { return Status.ok }
    let place = Place.split(first.key).place
    var sets = Command(), removals = Command()
    var setCount: Int64 = 0
    var lives: Int64 = 0
    var hasLasting = false
    for entry in entries {
      let (itsPlace, key) = Place.split(entry.key)
      guard itsPlace == place else { throw Failure(Status.unsupported, "entries of several scopes cannot be written in one step") }
      guard entry.json != nil else {
        removals.addPieces { Name(ofKey: key).append(to: &$0) }
        continue
      }
      sets.addPieces { Name(ofKey: key).append(to: &$0) }
      sets.addPieces { StoredValue.append(entry, to: &$0) }
      setCount += 1
      if entry.expires_at_ms == 0 { hasLasting = true } else { lives = max(lives, life(of: entry)) }
    }
    var arguments = Command()
    if let generation { arguments.add(Int64(clamping: generation)) } else { arguments.add("") }
    arguments.add(settings.idle)
    arguments.add(lives)
    arguments.add(settings.markLife)
    arguments.add(hasLasting ? "1" : "0")
    arguments.add(condition)
    arguments.add(setCount)
    arguments.add(sets)
    arguments.add(removals)
    switch try write(setCount == 0 ? .remove : .write, arguments, at: place) {
    case .done: return Status.ok
    case .different: return Status.notFound
    case .newer(let current):
      lily_session_backend_tell_generation(current)
      return Status.newer
    }
  }

  /// Returns for how many ms a server must keep an entry that has a deadline. It is a second longer than that, because the library's clock decides.
  private func life(of entry: lily_session_entry) -> Int64 {
    let left = entry.expires_at_ms.subtractingReportingOverflow(settings.now).partialValue
    return min(max(left, 0), Settings.longest) + 1000
  }
}

extension Command {
  /// Adds a condition as the script reads it.
  fileprivate mutating func add(_ condition: Condition) {
    switch condition {
    case .anything: add("anything")
    case .nothing: add("nothing")
    case .value(let entry, let deadline):
      add("value")
      add(Int64(entry.version))
      add(UnsafeRawBufferPointer(start: entry.json, count: entry.length))
      if let deadline { add(deadline) } else { add("") }
      return
    }
    for _ in 0..<3 { add("") }
  }
}
