/// One field's entry: what renews it, and what storage holds of it now.
extension Attachment {
  /// Stores what is stored of a field again, whoever wrote it, with a new deadline.
  func renew(_ at: Int) throws(Failure) {
    guard let storage else { throw Session.detached }
    let key = fields[at].key
    for _ in 0..<8 {
      let now = storage.now()
      let snapshot = try storage.read([storageKeys[at]], of: scope)
      guard let entry = snapshot.entries.first ?? nil, !entry.isExpired(at: now) else {
        throw Failure(.notFound, "nothing is stored for the field", key: key)
      }
      let taken = TakenEntry(source: 0, identity: entry.identity)
      switch judge(at, taken, entry, now) {
      case .expired: throw Failure(.notFound, "nothing is stored for the field", key: key)
      case .newer: throw Failure.newerEntry.about(key)
      case .rejected: throw Failure(.decode, "what is stored is not this field's value", key: key)
      default: break
      }
      if try store(entry, of: at, deadline: deadline(after: fields[at].expiresAfter, from: now), in: snapshot.generation) { return }
    }
    throw Failure(.busy, "the field is stored again and again", key: key)
  }

  /// Not by the list of unsettled fields: the host's storage may mark some meanwhile.
  func correctDeadlines() {
    for at in 0..<count where slots[at].owesDeadline {
      // A value from under a former key is written anew as a whole, and expires when it may if that fails.
      if case .taken(let entry) = slots[at].origin, entry.source > 0 { continue }
      correctDeadline(at)
    }
  }

  /// Stores the entry that the field has with the deadline that it can have. Whoever stored another one in the meantime is right.
  private func correctDeadline(_ at: Int) {
    guard let storage else { return }
    do throws(Failure) {
      let snapshot = try storage.read([storageKeys[at]], of: scope)
      let now = storage.now()
      if let entry = snapshot.entries.first ?? nil, !entry.isExpired(at: now), holds(at, TakenEntry(source: 0, identity: entry.identity)) {
        if entry.deadline != slots[at].storedDeadline { // somebody has renewed it since
          return slots[at].renewed(Deadline(stored: entry.deadline, now: now, expiresAfter: fields[at].expiresAfter))
        }
        // Where this fails, another try finds what is there by then.
        if try !store(entry, of: at, deadline: slots[at].deadline, in: snapshot.generation, isCorrection: true) { return }
      }
      slots[at].settledDeadline()
    } catch {
      // What may not survive power loss is stored, and its own event has told that.
      if error.status == .notDurable { slots[at].settledDeadline() } else { noteChore(at, error) }
    }
  }

  /// Stores an entry of the field's own key again if storage still holds that very entry when it is written. Returns false if not.
  ///
  /// - Parameter isCorrection: only if it still has that very deadline, too: who has renewed it knows better.
  private func store(
    _ entry: Entry, of at: Int, deadline: Int64, in generation: UInt64, isCorrection: Bool = false
  ) throws(Failure) -> Bool {
    guard let storage else { throw Session.detached }
    batch.removeAll()
    batched.removeAll()
    try batch.set(slots[at].key, deadline: deadline, version: entry.version) { buffer throws(Failure) in
      try entry.withText { text throws(Failure) in buffer.append(text) }
    }
    batch.require(entry.identity, under: storageKeys[at], deadline: isCorrection ? entry.deadline : nil)
    defer { batch.removeAll() }
    guard case .written(let shortfall) = try storage.write(batch, in: scope, generation: generation) else { return false }
    if let shortfall {
      if !shortfall.overtaken.isEmpty { return false }
      if !shortfall.leftOut.isEmpty { throw Failure(.quota, "the field does not fit into the storage's quota", key: fields[at].key) }
      noteTroubles(shortfall)
    }
    if holds(at, TakenEntry(source: 0, identity: entry.identity)) { slots[at].renewed(Deadline(deadline)) }
    if let failure = shortfall?.notDurable { throw failure.about(fields[at].key) }
    return true
  }

  /// Returns true if the session knows the entry. While a change is not stored, the baseline is ahead of what the session wrote.
  private func holds(_ at: Int, _ entry: TakenEntry) -> Bool {
    if case .ownWrite = slots[at].origin, slots[at].pending == .change { return true }
    return !slots[at].isNews(entry, fieldVersion: fields[at].version)
  }

  /// What an entry is for a field. One that the field has not taken yet is judged by its version and its type.
  private func judge(_ at: Int, _ taken: TakenEntry, _ entry: Entry, _ now: Int64) -> FieldState.Stored {
    let slot = slots[at]
    if holds(at, taken), hasOutlived(at, entry, now) { return .expired }
    if slot.stored != .expired, !slot.isNews(taken, fieldVersion: fields[at].version) { return slot.stored }
    if entry.version > fields[at].version { return .newer }
    let isToMigrate = entry.version < fields[at].version && slot.binding.migrates
    if !isToMigrate, !isAcceptable(entry, fields[at].types) { return .rejected }
    return isToMigrate || taken.source > 0 ? .migrated : .loaded
  }

  private func isAcceptable(_ entry: Entry, _ types: ValueTypes) -> Bool {
    let isOfType = try? entry.withText { text throws(Failure) in try JSON.parse(text).withValue(as: types) { _ in true } }
    return (isOfType ?? nil) ?? false
  }

  /// What storage holds of a field now; what it was last seen to hold where it cannot be read.
  func storedNow(_ at: Int) -> FieldState.Stored {
    let slot = slots[at]
    guard let storage, let snapshot = try? storage.read(storedKeys(at), of: scope) else { return slot.stored }
    let now = storage.now()
    let entries = snapshot.entries[...]
    var living = entries
    // An entry that the field has outlived is taken out of storage before the next look, which then comes to what is behind it.
    while let (source, entry) = effective(living, now) {
      let state = judge(at, TakenEntry(source: source, identity: entry.identity), entry, now)
      if state != .expired { return state }
      living[source] = nil
    }
    // A clear that the session has not met yet took what it knows of.
    if snapshot.generation != generation { return entries.contains { $0 != nil } ? .expired : .absent }
    return hasExpired(at, entries, now) ? .expired : .absent
  }
}
