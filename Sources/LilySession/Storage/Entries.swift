// These functions work on entries outside any session. They are no extension of the protocol, because Embedded Swift 6.3 compiles the call of a
// protocol extension's method on `any SessionStorage` to a trap.

/// Returns the entry, or nil if it is absent or has expired. Throws DECODE if its text is not JSON. Only a storage of the host's may
/// have such an entry.
package func getEntry(_ key: Key, from storage: any SessionStorage) throws(Failure) -> Entry? {
  let now = storage.now()
  guard let entry = try storage.read([storage.scope.key(key)], of: storage.scope).entries.first ?? nil, !entry.isExpired(at: now) else { return nil }
  try entry.withText { text throws(Failure) in _ = try JSON.check(text) }
  return entry
}

/// What becomes of one key.
package struct EntryChange {
  let key: Key
  /// The JSON text, which is borrowed; nil removes the key.
  let text: UnsafeRawBufferPointer?
  /// True if the text has no white space outside strings.
  let isCompact: Bool
  let deadline: Int64
  let version: UInt32

  /// Throws if the text is not JSON, or the deadline is negative.
  package init(_ key: Key, to text: UnsafeRawBufferPointer?, deadline: Int64 = 0, version: UInt32 = 0) throws(Failure) {
    try checkDeadline(deadline, of: key)
    do throws(Failure) { isCompact = try text.map { text throws(Failure) in try JSON.check(text) } ?? true } catch { throw error.about(key) }
    self.key = key
    self.text = text
    self.deadline = deadline
    self.version = version
  }
}

/// Throws if the deadline is negative, because a line with such a deadline cannot be read.
func checkDeadline(_ deadline: Int64, of key: Key) throws(Failure) {
  guard deadline >= 0 else { throw Failure(.invalidArgument, "the time of expiry is negative; 0 means never", key: key) }
}

/// Makes all of the changes in one step, or none of them.
package func writeEntries(_ changes: [EntryChange], to storage: any SessionStorage) throws(Failure) {
  let batch = Batch()
  let seen = EntryTable()
  for change in changes {
    let isNew = change.key.withBytes { key in
      defer { seen.set(key, UnsafeRawBufferPointer(start: nil, count: 0), deadline: 0, version: 0) }
      return seen.find(key) == nil
    }
    guard isNew else { throw Failure(.duplicateKey, "two of the entries have this key", key: change.key) }
    try append(change, to: batch, in: storage.scope)
  }
  guard let first = changes.first, case .written(let shortfall?) = try storage.write(batch, in: storage.scope, generation: nil) else { return }
  try refuse(shortfall, about: first.key)
}

/// Replaces an entry by what `change` makes of it. If somebody else changes the entry meanwhile, `change` is called again with the new one.
///
/// - Parameter change: is given the entry's JSON text, or nil if there is none, and returns the new text. Both are borrowed. No lock is
///   held while it runs.
package func modifyEntry(
  _ key: Key, in storage: any SessionStorage, _ change: (UnsafeRawBufferPointer?) throws(Failure) -> UnsafeRawBufferPointer
) throws(Failure) {
  let batch = Batch()
  for _ in 0..<mostTries {
    let entry = try getEntry(key, from: storage)
    batch.removeAll()
    func replace(_ text: UnsafeRawBufferPointer?) throws(Failure) {
      let new = try EntryChange(key, to: try change(text), deadline: entry?.deadline ?? 0, version: entry?.version ?? 0)
      try append(new, to: batch, in: storage.scope)
    }
    if let entry { try entry.withText(replace) } else { try replace(nil) }
    batch.require(entry?.identity, under: storage.scope.key(key), deadline: entry?.deadline, replacing: entry)
    guard case .written(let shortfall) = try storage.write(batch, in: storage.scope, generation: nil) else { continue }
    guard let shortfall else { return }
    if shortfall.overtaken.isEmpty { return try refuse(shortfall, about: key) }
  }
  throw Failure(.busy, "other programs keep changing the entry; try again", key: key)
}

/// Adds a change to a batch in which all changes are made, or none.
@inline(never)
private func append(_ change: EntryChange, to batch: Batch, in scope: Scope) throws(Failure) {
  let isTied = !batch.isEmpty
  guard let text = change.text else { return batch.remove(scope.key(change.key), isTied: isTied) }
  do throws(Failure) {
    try batch.set(scope.key(change.key), deadline: change.deadline, version: change.version, isTied: isTied) { buffer throws(Failure) in
      JSONText.append(json: text, isCompact: change.isCompact, to: buffer)
    }
  } catch { throw error.about(change.key) }
}

/// Throws what is missing although a batch was written.
@inline(never)
private func refuse(_ shortfall: Shortfall, about key: Key) throws(Failure) {
  guard shortfall.leftOut.isEmpty else { throw Failure(.quota, "this does not fit into the storage's quota", key: key) }
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
