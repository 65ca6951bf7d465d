// These functions work on single entries, outside any session. They are no extension of the protocol, because Embedded Swift 6.3 compiles the
// call of a protocol extension's method on `any SessionStorage` to a trap.

/// Returns the entry, or nil if it is absent or has expired. Throws DECODE if its text is not JSON. Only a storage of the host's may
/// have such an entry.
package func getEntry(_ key: Key, from storage: any SessionStorage) throws(Failure) -> Entry? {
  let now = storage.now()
  guard let entry = try storage.read([storage.scope.key(key)], of: storage.scope).entries.first ?? nil, !entry.isExpired(at: now) else { return nil }
  try entry.withText { text throws(Failure) in _ = try JSON.check(text) }
  return entry
}

package func setEntry(_ key: Key, to text: UnsafeRawBufferPointer, deadline: Int64, in storage: any SessionStorage) throws(Failure) {
  try checkDeadline(deadline, of: key)
  let isCompact: Bool
  do throws(Failure) { isCompact = try JSON.check(text) } catch { throw error.about(key) }
  let batch = Batch()
  try batch.set(storage.scope.key(key), deadline: deadline, version: 0) { buffer throws(Failure) in
    JSONText.append(json: text, isCompact: isCompact, to: buffer)
  }
  try writeSingle(batch, key, to: storage)
}

/// Throws if the deadline is negative, because a line with such a deadline cannot be read.
func checkDeadline(_ deadline: Int64, of key: Key) throws(Failure) {
  guard deadline >= 0 else { throw Failure(.invalidArgument, "the time of expiry is negative; 0 means never", key: key) }
}

package func removeEntry(_ key: Key, from storage: any SessionStorage) throws(Failure) {
  let batch = Batch()
  batch.remove(storage.scope.key(key))
  try writeSingle(batch, key, to: storage)
}

private func writeSingle(_ batch: Batch, _ key: Key, to storage: any SessionStorage) throws(Failure) {
  guard case .written(let shortfall?) = try storage.write(batch, in: storage.scope, generation: nil) else { return }
  guard shortfall.leftOut.isEmpty else { throw Failure(.quota, "the value does not fit into the storage's quota", key: key) }
  if let notDurable = shortfall.notDurable { throw notDurable.about(key) }
}

/// Returns the entries that have not expired and whose keys begin with the prefix, in byte order of the keys.
package func listEntries(_ prefix: Key, of storage: any SessionStorage) throws(Failure) -> [Item] {
  let now = storage.now()
  let scope = storage.scope
  var found: [Item] = []
  for item in try storage.entries(scope.key(prefix)) where !item.entry.isExpired(at: now) {
    let key = scope.hostKey(item.key)
    if !key.bytes.isEmpty { found.append(Item(key: key, entry: item.entry)) } // an empty key is that of the scope's generation
  }
  return found
}

/// Removes all keys of sessions from the storage, in one step. This is log-out.
package func clearSessions(_ storage: any SessionStorage) throws(Failure) {
  try storage.clear(storage.scope)
}
