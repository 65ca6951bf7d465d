/// What others did to the stored fields, brought into the model.
extension Attachment {
  /// Sets each field that was changed elsewhere, and gives one that was removed, cleared, or has expired its value from
  /// before hydration. A dirty field is left alone: its own value is the newer one.
  func takeOver(_ runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard let storage else { throw Session.detached }
    let now = storage.now()
    try storage.revalidate()
    let snapshot = try storage.read(storageKeys, of: scope)
    if snapshot.generation != generation { meet(snapshot) }
    guard var slice = lens.slice(of: runtime.model) else { throw noSlice }
    var taken: [Int] = []
    for at in 0..<count where !slots[at].isDirty && at < snapshot.entries.count {
      if let entry = snapshot.entries[at], !entry.isExpired(at: now) {
        slots[at].deadline = entry.deadline
        let isNews = isNews(at, entry)
        // After a clear the same text may have been stored again.
        if isNews || slots[at].stored == .absent, take(at, entry, at: now, into: &slice) {
          if isNews { note(.changed, at, Status.ok.rawValue) }
          taken.append(at)
        }
      } else if slots[at].seen != .nothing, slots[at].stored != .expired || snapshot.entries[at] == nil {
        // One that has expired may have been swept.
        let hasExpired = snapshot.entries[at] != nil || Entry.isExpired(slots[at].deadline, at: now)
        if giveUp(at, expired: hasExpired, &slice) { taken.append(at) }
      }
    }
    wasCleared = false
    if !taken.isEmpty {
      guard let next = lens.model(runtime.model, with: slice) else {
        throw Failure(.callback, "the callback that puts the slice back answered NULL")
      }
      runtime.setModel(hydrated: next)
      try takeBaselines(of: taken, next)
    }
    findUnsettled()
    deliverEvents()
  }

  /// Whether storage holds what this session neither wrote nor has seen.
  private func isNews(_ at: Int, _ entry: Entry) -> Bool {
    switch slots[at].seen {
    case .nothing: return true
    case .text(let hash): return hash != entry.hash
    case .baseline:
      let own = ByteBuffer()
      try? slots[at].binding.append(slots[at].baseline, to: own)
      return entry.version != fields[at].version || entry.hash != hashOf(own.bytes)
    }
  }

  /// true: the field was set to its value from before hydration.
  private func giveUp(_ at: Int, expired: Bool, _ slice: inout Lens.Session) -> Bool {
    // What was refused never came into the model.
    let wasInModel = slots[at].stored != .rejected && slots[at].stored != .newer && slots[at].stored != .expired
    slots[at].seen = .nothing
    slots[at].stored = expired ? .expired : .absent
    guard wasInModel else { return false }
    // Where that could not be taken, or is refused now, the field stays as it is.
    let code = slots[at].hasInitial ? slots[at].binding.restore(slots[at].initial, in: &slice) : Status.notFound.rawValue
    note(expired ? .expired : wasCleared ? .cleared : .removed, at, code)
    return code == 0
  }

  /// What was just set is no change of the host's.
  private func takeBaselines(of taken: [Int], _ model: Lens.Model) throws(Failure) {
    guard let slice = lens.slice(of: model) else { throw noSlice }
    for at in taken {
      switch slots[at].binding.capture(slice, &slots[at].baseline) {
      case .same, .changed: slots[at].isDirty = slots[at].stored == .migrated
      case .callbackFailed(let code): markFailed(at, code, Failure(.callback, "a get callback failed"))
      case .unencodable(let reason): markFailed(at, Status.encode.rawValue, Failure(.encode, reason))
      }
    }
    lastRevision = lens.revision(of: slice) ?? 0
  }

  /// Stores what is stored of a field again, whoever wrote it, with a new deadline.
  func renew(_ at: Int) throws(Failure) {
    guard let storage else { throw Session.detached }
    let key = fields[at].key
    switch slots[at].stored {
    case .newer: throw Failure.newerEntry.about(key)
    case .rejected: throw Failure(.decode, "what is stored is not this field's value", key: key)
    default: break
    }
    let now = storage.now()
    let renewed = deadline(after: fields[at].expiresAfter, from: now)
    guard try storage.renew(storageKeys[at], deadline: renewed, version: fields[at].version, at: now) else {
      throw Failure(.notFound, "nothing is stored for the field", key: key)
    }
    slots[at].deadline = renewed
  }
}
