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
  private(set) var generation: UInt64
  private let replies: [Reply]
  /// They are parts of the replies.
  private var values: [(at: Int, value: UnsafeRawBufferPointer)] = []

  init(_ replies: [Reply], generation: UInt64 = 0) { (self.replies, self.generation) = (replies, generation) }

  /// Calls `body` with each value and the place of its key among the keys, until it fails, and returns how that ended.
  func forEach(_ body: (_ at: Int, _ value: UnsafeRawBufferPointer) -> lily_session_status) -> lily_session_status {
    withExtendedLifetime(replies) {
      for (at, value) in values {
        let status = body(at, value)
        if status != Status.ok { return status }
      }
      return Status.ok
    }
  }

  /// Takes the values of keys with these names from a whole hash.
  fileprivate mutating func take(_ names: [Name], from hash: Reply) {
    values.reserveCapacity(names.count)
    // A hash mostly has its names in the order in which they were first written, which is that of a session's fields.
    hash.forEachPair { name, value in
      if name.isEmpty {
        generation = StoredValue.generation(value)
      } else if values.count < names.count, names[values.count].order(Name(name)) == 0 {
        values.append((values.count, value))
      }
    }
    if values.count < names.count { find(names, in: hash) }
  }

  /// Does so in any order, and if several keys have one name.
  private mutating func find(_ names: [Name], in hash: Reply) {
    values.removeAll(keepingCapacity: true)
    var sorted = names.indices.map { at in (at: at, name: names[at]) }
    sorted.sort { $0.name.order($1.name) < 0 }
    hash.forEachPair { text, value in
      let name = Name(text)
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if sorted[middle].name.order(name) < 0 { low = middle + 1 } else { high = middle }
      }
      while low < sorted.count, sorted[low].name.order(name) == 0 {
        values.append((sorted[low].at, value))
        low += 1
      }
    }
  }

  /// Takes the value of the only key.
  fileprivate mutating func take(_ value: Reply) {
    if !value.isNothing { value.withBytes { values.append((0, $0)) } }
  }
}

extension Store {
  /// Reads the generation, and the entries of these keys, which are the library's.
  func load(_ place: Place, _ keys: UnsafeBufferPointer<UnsafePointer<CChar>?>) throws(Failure) -> Loaded {
    if keys.count > 1 {
      // The whole hash is one command, and so one moment.
      let replies = try ask(place, [Command("HGETALL").adding(place.key)])
      guard let hash = replies.first else { throw Connection.garbage }
      var loaded = Loaded(replies)
      loaded.take(keys.map { Name(ofKey: Place.rest(of: $0)) }, from: hash)
      return loaded
    }
    // The server does this first, so it is never newer than what follows.
    var commands = [Command("HGET").adding(place.key).adding([])]
    if let key = keys.first {
      var command = Command("HGET").adding(place.key)
      command.addPieces { Name(ofKey: Place.rest(of: key)).append(to: &$0) }
      commands.append(command)
    }
    let replies = try ask(place, commands)
    var loaded = Loaded(replies, generation: StoredValue.generation(replies.first))
    if replies.count == 2 { loaded.take(replies[1]) }
    return loaded
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
