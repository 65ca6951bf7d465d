extension ModelRuntime {
  /// Hydrates the model from storage, and has every update after it stored. Nothing is written here. All that can fail comes
  /// before the first field is set; what one field does afterwards is told by an event.
  ///
  /// - Parameter storage: called once the rest is known to be right.
  /// - Parameter owner: kept until the session is over.
  package func attach<Lens: SliceLens, Binding: FieldBinding>(
    _ list: FieldList<Binding>, lens: Lens, owner: AnyObject?, storage open: () throws(Failure) -> any Storage
  ) throws(Failure) -> Session where Lens.Model == Model, Lens.Session == Binding.Session {
    try run { () throws(Failure) in
      let storage = try open()
      let session = Attachment(fields: list.fields, lens: lens, owner: owner, storage: storage)
      let keys = session.allKeys
      for other in attached { try other.refuse(keys, in: storage.place) }
      let snapshot = try storage.read(keys, of: session.scope)
      session.generation = snapshot.generation
      if let next = try session.hydrate(from: snapshot, of: keys, model) { setModel(hydrated: next) }
      try session.takeBaselines(model)
      add(session)
      session.noteFindings(storage.notices)
      session.deliverEvents()
      return session
    }
  }
}

extension Attachment {
  /// The fields' keys, each followed by its former ones.
  var allKeys: [Key] {
    var keys: [Key] = []
    keys.reserveCapacity(count)
    for at in 0..<count {
      keys.append(storageKeys[at])
      for former in fields[at].formerKeys { keys.append(scope.key(former)) }
    }
    return keys
  }

  func storedKeys(_ at: Int) -> [Key] {
    [storageKeys[at]] + fields[at].formerKeys.map { scope.key($0) }
  }

  /// Sets the fields that have an accepted value. `keys`: all of them, as the snapshot has their entries. The model to go on
  /// with; nil: as it was.
  func hydrate(from snapshot: Snapshot, of keys: [Key], _ model: Lens.Model) throws(Failure) -> Lens.Model? {
    guard var slice = lens.slice(of: model) else { throw noSlice }
    guard let storage else { throw Session.detached }
    let now = storage.now()
    var first = 0
    var isChanged = false
    for at in 0..<count {
      let keyCount = 1 &+ fields[at].formerKeys.count
      defer { first &+= keyCount }
      guard snapshot.entries.count >= first &+ keyCount else { continue }
      let entries = snapshot.entries[first..<(first &+ keyCount)]
      // The current key wins over former ones.
      for former in entries.indices.dropFirst() where entries[former] != nil { slots[at].staleKeys.append(keys[former]) }
      guard let found = entries.firstIndex(where: { $0 != nil }), let entry = entries[found] else { continue }
      if take(at, entry, at: now, into: &slice) { isChanged = true }
      if found > first, slots[at].stored == .loaded { slots[at].stored = .migrated }
    }
    guard isChanged else { return nil }
    guard let next = lens.model(model, with: slice) else { throw Failure(.callback, "the callback that puts the slice back answered NULL") }
    return next
  }

  /// Sets a field to what is stored, if that can be, and notes what was found; true: it was set.
  func take(_ at: Int, _ entry: Entry, at now: Int64, into slice: inout Lens.Session) -> Bool {
    slots[at].seen = .text(entry.hash)
    slots[at].deadline = entry.deadline
    if entry.isExpired(at: now) {
      slots[at].stored = .expired
    } else if entry.version > fields[at].version {
      slots[at].stored = .newer
      note(.newer, at, Status.newer.rawValue)
    } else {
      if !slots[at].hasInitial, case .changed = slots[at].binding.capture(slice, &slots[at].initial) { slots[at].hasInitial = true }
      let (refusal, isMigrated) = set(at, entry, &slice)
      if let refusal {
        slots[at].stored = .rejected
        note(.rejected, at, refusal.code, systemError: refusal.systemError)
      } else {
        slots[at].stored = isMigrated ? .migrated : .loaded
        return true
      }
    }
    return false
  }

  /// nil: set.
  private func set(_ at: Int, _ entry: Entry, _ slice: inout Lens.Session) -> (refusal: (code: Int32, systemError: Int32)?, isMigrated: Bool) {
    let binding = slots[at].binding
    let types = fields[at].types
    let isOlder = entry.version < fields[at].version
    var isMigrated = false
    do throws(Failure) {
      let code = try entry.withText { text throws(Failure) -> Int32 in
        // Only parsing has the C locale: the host's callbacks run in its own.
        let parsed = try JSON.parse(text)
        if isOlder, let code = binding.migrate(.json(text), from: entry.version, { binding.set($0, in: &slice) }) {
          isMigrated = true
          return code
        }
        return parsed.withValue(as: types) { binding.set($0, in: &slice) } ?? Status.decode.rawValue
      }
      return (code == 0 ? nil : (code, 0), isMigrated)
    } catch { return ((error.status.rawValue, error.systemError), false) }
  }

  /// What the fields are now is what later updates are compared with: a `set` that normalises causes no write.
  func takeBaselines(_ model: Lens.Model) throws(Failure) {
    guard let slice = lens.slice(of: model) else { throw noSlice }
    for at in 0..<count {
      switch slots[at].binding.capture(slice, &slots[at].baseline) {
      case .same, .changed:
        if slots[at].stored == .migrated { slots[at].isDirty = true }
        if !slots[at].hasInitial { // nothing was set: it is still the value from before
          slots[at].initial = slots[at].binding.copy(slots[at].baseline)
          slots[at].hasInitial = true
        }
      case .callbackFailed(let code): noteUnseen(at, code)
      case .unencodable: noteUnseen(at, Status.encode.rawValue)
      }
    }
    findUnsettled()
    lastRevision = lens.revision(of: slice) ?? 0
  }

  private func noteUnseen(_ at: Int, _ code: Int32) {
    slots[at].isUnseen = true
    slots[at].isFailed = true
    note(.fieldFailed, at, code)
  }

  func noteFindings(_ notices: Notices) {
    if notices.damagedLines > 0 { note(.damaged, nil, Status.corrupt.rawValue) }
    if notices.directoryIsOpen { note(.directory, nil, Status.permission.rawValue) }
  }

  var noSlice: Failure { Failure(.callback, "the callback that gives the slice answered NULL") }
}
