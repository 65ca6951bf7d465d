/// Works on the entry of one field: renews it, corrects its deadline, and finds what storage holds now.
extension Attachment {
  /// Stores a field's entry again with a new deadline, whoever wrote the entry.
  func renewEntry(_ at: Int) throws(Failure) {
    guard let storage else { throw Session.detached }
    let key = slots[at].field.key
    if storage.renewsUnread, try renewUnread(at) { return }
    for _ in 0..<mostTries {
      let now = storage.now()
      let snapshot = try storage.read([storedKey(at)], of: scope)
      guard let entry = snapshot.entries.first ?? nil, !entry.isExpired(at: now) else {
        throw Failure(.notFound, "nothing is stored for the field", key: key)
      }
      let taken = TakenEntry(source: 0, identity: entry.identity)
      switch judge(at, taken, entry, now) {
      case .expired: throw Failure(.notFound, "nothing is stored for the field", key: key)
      case .newer: throw Failure.newerEntry.about(key)
      case .rejected: throw Failure(.decode, "the stored value is not of a type that the field accepts", key: key)
      default: break
      }
      if try storeAgain(entry, of: at, deadline: deadline(after: slots[at].field.expiresAfter, from: now), in: snapshot.generation) { return }
    }
    throw Failure(.busy, "other programs keep storing the field; try again", key: key)
  }

  /// Renews the value that the session believes stored. Returns false if storage has another one, or the session does not know.
  private func renewUnread(_ at: Int) throws(Failure) -> Bool {
    guard let storage else { throw Session.detached }
    let now = storage.now()
    guard slots[at].stored == .loaded, !slots[at].isUnsettled, !Entry.isExpired(slots[at].deadline, at: now) else { return false }
    let deadline = deadline(after: slots[at].field.expiresAfter, from: now)
    let text = ByteBuffer()
    // The program may not have kept what was set, such as an entry that its map left out. Then the baseline is not what storage has.
    guard (try? slots[at].field.binding.append(slots[at].baseline, to: text)) != nil else { return false }
    return try storeAgain(text, nil, of: at, version: slots[at].field.version, deadline: deadline, in: generation)
  }

  /// Corrects the deadlines of entries that are stored with a wrong one. This goes through all fields, and not through the list of unsettled
  /// ones, because a storage of the host's may mark fields meanwhile, which changes that list.
  func correctDeadlines() {
    for at in 0..<count where slots[at].owesDeadline {
      // A value under a former key is written anew under the field's own key, with the right deadline. If that fails, it expires by the
      // deadline that it has.
      if case .taken(let entry) = slots[at].origin, entry.source > 0 { continue }
      correctDeadline(at)
    }
  }

  /// Stores the field's entry again with the deadline that the field allows, unless somebody has stored another entry or deadline since.
  private func correctDeadline(_ at: Int) {
    guard let storage else { return }
    do throws(Failure) {
      let snapshot = try storage.read([storedKey(at)], of: scope)
      let now = storage.now()
      if let entry = snapshot.entries.first ?? nil, !entry.isExpired(at: now), holds(at, TakenEntry(source: 0, identity: entry.identity)) {
        if entry.deadline != slots[at].storedDeadline { // somebody has renewed the entry since
          return slots[at].renewed(Deadline(stored: entry.deadline, now: now, expiresAfter: slots[at].field.expiresAfter))
        }
        // If this returns false, the next update tries again with what is stored by then.
        if try !storeAgain(entry, of: at, deadline: slots[at].deadline, in: snapshot.generation, isCorrection: true) { return }
      }
      slots[at].settledDeadline()
    } catch {
      // NOT_DURABLE means that the entry is stored, and its own event has reported the rest.
      if error.status == .notDurable { slots[at].settledDeadline() } else { noteChore(at, error) }
    }
  }

  /// Stores the entry under the field's own key again, with another deadline.
  ///
  /// - Parameter isCorrection: if true, the stored entry must still have the same deadline, because who has renewed it since knows better.
  /// - Returns: false if storage no longer holds that very entry, so that nothing was written.
  private func storeAgain(
    _ entry: Entry, of at: Int, deadline: Int64, in generation: UInt64, isCorrection: Bool = false
  ) throws(Failure) -> Bool {
    let text = ByteBuffer()
    try entry.withText { text.append($0) }
    return try storeAgain(text, entry, of: at, version: entry.version, deadline: deadline, in: generation, isCorrection: isCorrection)
  }

  /// - Parameter entry: nil if it was not read, and so has to be compared by the storage.
  private func storeAgain(
    _ text: ByteBuffer, _ entry: Entry?, of at: Int, version: UInt32, deadline: Int64, in generation: UInt64, isCorrection: Bool = false
  ) throws(Failure) -> Bool {
    guard let storage else { throw Session.detached }
    batch.removeAll()
    batched.removeAll()
    try batch.set(slots[at].key, deadline: deadline, version: version) { buffer throws(Failure) in buffer.append(text.bytes) }
    batch.require(entry?.identity, under: storedKey(at), deadline: isCorrection ? entry?.deadline : nil, isRenewal: true)
    defer { batch.removeAll() }
    guard case .written(let shortfall) = try storage.write(batch, in: scope, generation: generation) else { return false }
    if let shortfall {
      if !shortfall.overtaken.isEmpty { return false }
      if !shortfall.leftOut.isEmpty { throw doesNotFit(at) }
      noteTroubles(shortfall)
    }
    if entry.map({ holds(at, TakenEntry(source: 0, identity: $0.identity)) }) ?? true { slots[at].renewed(Deadline(deadline)) }
    if let failure = shortfall?.notDurable { throw failure.about(slots[at].field.key) }
    return true
  }

  /// Returns true if the session has taken or written the entry. The session recognises its own entry by the baseline. While a change is not
  /// stored yet, the baseline is newer than that entry, so any entry then counts as the session's own. After a get that failed, the baseline
  /// says nothing of the entry that the field was set to.
  private func holds(_ at: Int, _ entry: TakenEntry) -> Bool {
    switch slots[at].origin {
    case .ownWrite where slots[at].pending == .change: true
    case .adopted(let known): known == entry
    default: !slots[at].isNews(entry)
    }
  }

  /// Returns the state that a field has with an entry. If the field has not looked at the entry yet, its version and its type decide.
  func judge(_ at: Int, _ taken: TakenEntry, _ entry: Entry, _ now: Int64) -> FieldState.Stored {
    if holds(at, taken), hasOutlived(at, entry, now) { return .expired }
    if slots[at].stored != .expired, !slots[at].isNews(taken) { return slots[at].stored }
    return judge(entry, by: slots[at].field, isRenamed: taken.source > 0)
  }

  /// Returns the state that a field which has not looked at the entry has with it.
  private func judge(_ entry: Entry, by field: FieldDefinition<Binding>, isRenamed: Bool) -> FieldState.Stored {
    if entry.version > field.version { return .newer }
    let isToMigrate = entry.version < field.version && field.binding.migrates
    if !isToMigrate, !isAcceptable(entry, field.types) { return .rejected }
    return isToMigrate || isRenamed ? .migrated : .loaded
  }

  /// Returns true if the entry's text is JSON of one of these types.
  private func isAcceptable(_ entry: Entry, _ types: ValueTypes) -> Bool {
    let isOfType = try? entry.withText { text throws(Failure) in try JSON.parse(text).withValue(as: types) { _ in true } }
    return (isOfType ?? nil) ?? false
  }

  /// Returns what storage holds now of a map's entry that neither the model nor storage had when the session last looked.
  func storedNow(unknown field: FieldDefinition<Binding>) -> FieldState.Stored {
    guard let storage, let snapshot = try? storage.read([scope.key(field.storageKey)], of: scope) else { return .absent }
    guard let entry = snapshot.entries.first ?? nil else { return .absent }
    return entry.isExpired(at: storage.now()) ? .expired : judge(entry, by: field, isRenamed: false)
  }

  /// Returns what storage holds of a field now. If storage cannot be read, returns what it was last seen to hold.
  func storedNow(_ at: Int) -> FieldState.Stored {
    guard let storage, let snapshot = try? storage.read(storedKeys(at), of: scope) else { return slots[at].stored }
    let now = storage.now()
    let entries = snapshot.entries[...]
    var living = entries
    // If the field has outlived an entry, the next refresh first corrects the entry's deadline, by which it expires in storage, too. Then it
    // finds the next entry, which may be under a former key. So that one counts here.
    while let (source, entry) = effectiveEntry(living, now) {
      let state = judge(at, TakenEntry(source: source, identity: entry.identity), entry, now)
      if state != .expired { return state }
      living[source] = nil
    }
    // After a clear that the session has not met yet, what the session knows of the field says nothing.
    if snapshot.generation != generation { return entries.contains { $0 != nil } ? .expired : .absent }
    return hasExpired(at, entries, now) ? .expired : .absent
  }
}
