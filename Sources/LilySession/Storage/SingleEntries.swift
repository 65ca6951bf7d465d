// Single entries, outside any session. Functions, not an extension of `Storage`: Embedded Swift 6.3 compiles the call of a
// protocol extension's method on `any Storage` to a trap.

/// nil: absent, or expired. Throws DECODE for text that is not JSON, which only another writer can have stored.
package func get(_ key: Key, from storage: any Storage) throws(Failure) -> Entry? {
  let now = storage.now()
  guard let entry = try storage.read([storage.scope.key(key)], of: storage.scope).entries.first ?? nil, !entry.isExpired(at: now) else { return nil }
  try entry.withText { text throws(Failure) in _ = try JSON.check(text) }
  return entry
}

package func set(_ key: Key, to text: UnsafeRawBufferPointer, deadline: Int64, in storage: any Storage) throws(Failure) {
  guard deadline >= 0 else { throw Failure(.invalidArgument, "the time is negative", key: key) }
  let isCompact: Bool
  do throws(Failure) { isCompact = try JSON.check(text) } catch { throw error.about(key) }
  let batch = Batch()
  try batch.set(storage.scope.key(key), deadline: deadline, version: 0) { buffer throws(Failure) in
    JSONText.append(json: text, isCompact: isCompact, to: buffer)
  }
  try write(batch, key, to: storage)
}

package func remove(_ key: Key, from storage: any Storage) throws(Failure) {
  let batch = Batch()
  batch.remove(storage.scope.key(key))
  try write(batch, key, to: storage)
}

private func write(_ batch: Batch, _ key: Key, to storage: any Storage) throws(Failure) {
  guard case .written(let shortfall?) = try storage.write(batch, in: storage.scope, generation: nil) else { return }
  guard shortfall.leftOut.isEmpty else { throw Failure(.quota, "it does not fit into the quota", key: key) }
  if let notDurable = shortfall.notDurable { throw notDurable.about(key) }
}

/// The unexpired entries whose keys begin with the prefix, in byte order of the keys.
package func entries(_ prefix: Key, of storage: any Storage) throws(Failure) -> [Item] {
  let now = storage.now()
  let scope = storage.scope
  var found: [Item] = []
  for item in try storage.entries(scope.key(prefix)) where !item.entry.isExpired(at: now) {
    let key = scope.hostKey(item.key)
    if !key.bytes.isEmpty { found.append(Item(key: key, entry: item.entry)) } // an empty one is the scope's generation
  }
  return found
}

/// Removes every key that sessions have in the storage, in one step: log-out.
package func clear(_ storage: any Storage) throws(Failure) {
  try storage.clear(storage.scope)
}
