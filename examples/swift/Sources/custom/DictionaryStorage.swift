import LilySession
import Synchronization

/// A storage of the program's own. One in a database has a transaction where this one has a mutex.
final class DictionaryStorage: Storage {
  private struct Content {
    var entries: [Key: Entry] = [:]
    /// Of each scope: how often it was cleared. A session finds out by it that there was a clear.
    var generations: [Scope: UInt64] = [:]

    func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
      // All clears come through this object: there is no elsewhere.
      Snapshot(entries: keys.map { entries[$0] }, generation: generations[scope] ?? 0, isOwnGeneration: true)
    }
  }

  private let content = Mutex(Content())

  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    content.withLock { $0.snapshot(keys, scope) }
  }

  func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
    let operations = batch.operations
    return content.withLock { content in
      let current = content.snapshot([], scope)
      if let generation, generation != current.generation { return .superseded(current) }
      for operation in operations {
        switch operation {
        case .set(let key, let entry): content.entries[key] = entry
        case .remove(let key): content.entries[key] = nil
        }
      }
      return .written(leftOut: [], notDurable: nil)
    }
  }

  func renew(_ key: Key, deadline: Int64, version: UInt32, at now: Int64) throws(Failure) -> Bool {
    try content.withLock { content throws(Failure) in
      guard let entry = content.entries[key], !entry.isExpired(at: now) else { return false }
      guard entry.version <= version else { throw Failure(.newer, "what is stored is of a newer version") }
      content.entries[key]?.deadline = deadline
      return true
    }
  }

  func clear(_ scope: Scope) throws(Failure) {
    content.withLock { content in
      content.entries = content.entries.filter { !$0.key.begins(with: scope.session) }
      content.generations[scope, default: 0] += 1
    }
  }

  func entries(_ prefix: Key) throws(Failure) -> [Item] {
    content.withLock { content in
      content.entries.filter { $0.key.begins(with: prefix) }.sorted { $0.key < $1.key }.map { Item(key: $0.key, entry: $0.value) }
    }
  }
}
