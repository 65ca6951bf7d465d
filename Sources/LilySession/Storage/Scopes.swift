// These functions are for storages that keep their scopes among their other entries. Where each scope is a file, `Journal+Scopes.swift` does
// this.

/// Returns the names of the scopes that have an entry that has not expired, in byte order.
func livingScopes(of storage: any SessionStorage) throws(Failure) -> [Key] {
  let now = storage.now()
  var names: [Key] = []
  for scope in try storage.allScopes() {
    if try entries(of: scope, in: storage).contains(where: { !$0.entry.isExpired(at: now) }) { names.append(Key(stored: scope.name)) }
  }
  return Key.inOrder(names)
}

/// Removes the entries of scopes in which all entries have expired.
///
/// - Parameter limit: how many scopes to empty at most.
/// - Returns: how many scopes were emptied.
func sweepScopes(of storage: any SessionStorage, limit: Int) throws(Failure) -> Int {
  let now = storage.now()
  let batch = Batch()
  var removed = 0
  for scope in try storage.allScopes() where removed < limit {
    let items = try entries(of: scope, in: storage)
    guard !items.isEmpty, items.allSatisfy({ $0.entry.isExpired(at: now) }) else { continue }
    batch.removeAll()
    for item in items {
      batch.remove(item.key)
      batch.require(nil, under: item.key) // somebody may store a new entry meanwhile
    }
    _ = try storage.write(batch, in: .none, generation: nil)
    removed += 1
  }
  return removed
}

/// Returns the scopes of a storage that can only list its entries.
package func scopesOfEntries(in storage: any SessionStorage) throws(Failure) -> [Scope] {
  var scopes: [Scope] = []
  for item in try storage.entries(Scope.beginning) {
    let scope = item.key.withBytes { Scope(of: $0) }
    // The entries are in byte order. What a storage of the program's own returns may be in no scope.
    if scope != .none, scope != scopes.last { scopes.append(scope) }
  }
  return scopes
}

/// Returns the entries of a scope, with the expired ones.
func entries(of scope: Scope, in storage: any SessionStorage) throws(Failure) -> [Item] {
  try storage.entries(scope.generationKey).filter { $0.key != scope.generationKey }
}
