import LilySession
import Synchronization

/// A storage of the program's own. A storage in a database would use a transaction where this one uses a mutex.
final class DictionaryStorage: Storage {
  private struct Content {
    var entries: [Key: Entry] = [:]
    /// How often each scope was cleared. A session notices a clear by it.
    var generations: [Scope: UInt64] = [:]

    func snapshot(_ keys: [Key], _ scope: Scope) -> Snapshot {
      Snapshot(entries: keys.map { entries[$0] }, generation: generations[scope] ?? 0)
    }
  }

  private let content = Mutex(Content())

  func read(_ keys: [Key], of scope: Scope) throws(Failure) -> Snapshot {
    content.withLock { $0.snapshot(keys, scope) }
  }

  func write(_ batch: Batch, in scope: Scope, generation: UInt64?) throws(Failure) -> WriteOutcome {
    let now = now()
    return try content.withLock { content throws(Failure) in
      let current = content.snapshot([], scope).generation
      if let generation, generation != current { return .superseded(generation: current) }
      let stored = content.entries
      let plan = try batch.plan(at: now) { key in stored[key] }
      for operation in plan.operations {
        switch operation {
        case .set(let key, let entry): content.entries[key] = entry
        case .remove(let key): content.entries[key] = nil
        }
      }
      return .written(.of(overtaken: plan.overtaken))
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
