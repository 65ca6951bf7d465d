extension ModelRuntime {
  /// Hydrates the model from storage, and has every update after it stored. Nothing is written here. All that can fail comes
  /// before the first field is set; what one field does afterwards is told by an event.
  ///
  /// - Parameter storage: called once the rest is known to be right.
  /// - Parameter owner: kept until the session is over.
  public func attach<Lens: SliceLens, Binding: FieldBinding>(
    _ list: FieldList<Binding>, lens: Lens, owner: AnyObject?, storage open: () throws(Failure) -> any Storage
  ) throws(Failure) -> Session where Lens.Model == Model, Lens.Session == Binding.Session {
    try run { () throws(Failure) in
      let storage = try open()
      let session = Attachment(fields: list.fields, lens: lens, owner: owner, storage: storage)
      let keys = list.fields.map { $0.storageKey }
      for other in attached { try other.refuse(keys, in: storage.place) }
      let snapshot = try storage.read(keys)
      session.generation = snapshot.generation
      if let next = try session.hydrate(from: snapshot, model) { setModel(hydrated: next) }
      try session.takeBaselines(model)
      add(session)
      session.noteFindings(storage.notices)
      session.deliverEvents()
      return session
    }
  }
}

extension Attachment {
  /// Sets the fields that have an accepted value. The model to go on with; nil: as it was.
  func hydrate(from snapshot: Snapshot, _ model: Lens.Model) throws(Failure) -> Lens.Model? {
    guard var slice = lens.slice(of: model) else { throw noSlice }
    guard let storage else { throw Session.detached }
    let now = storage.now()
    var isChanged = false
    for at in 0..<count {
      guard at < snapshot.entries.count, let entry = snapshot.entries[at] else { continue }
      slots[at].deadline = entry.deadline
      if entry.isExpired(at: now) {
        slots[at].stored = .expired
      } else if entry.version > fields[at].version {
        slots[at].stored = .newer
        note(.newer, at, Status.newer.rawValue)
      } else if let refusal = set(at, entry, &slice) {
        slots[at].stored = .rejected
        note(.rejected, at, refusal.code, systemError: refusal.systemError)
      } else {
        slots[at].stored = .loaded
        isChanged = true
      }
    }
    guard isChanged else { return nil }
    guard let next = lens.model(model, with: slice) else { throw Failure(.callback, "the callback that puts the slice back answered NULL") }
    return next
  }

  /// nil: set.
  private func set(_ at: Int, _ entry: Entry, _ slice: inout Lens.Session) -> (code: Int32, systemError: Int32)? {
    do throws(Failure) {
      return try entry.withText { text throws(Failure) -> (code: Int32, systemError: Int32)? in
        // Only parsing has the C locale: the host's callback runs in its own.
        let parsed = try JSON.run { json throws(Failure) in try json.parse(text) }
        let code = parsed.withValue(as: fields[at].types) { slots[at].binding.set($0, in: &slice) } ?? Status.decode.rawValue
        return code == 0 ? nil : (code, 0)
      }
    } catch { return (error.status.rawValue, error.systemError) }
  }

  /// What the fields are now is what later updates are compared with: a `set` that normalises causes no write.
  func takeBaselines(_ model: Lens.Model) throws(Failure) {
    guard let slice = lens.slice(of: model) else { throw noSlice }
    for at in 0..<count {
      switch slots[at].binding.capture(slice, &slots[at].baseline) {
      case .same, .changed: break
      case .callbackFailed(let code): noteUnseen(at, code)
      case .unencodable: noteUnseen(at, Status.encode.rawValue)
      }
    }
    lastRevision = lens.revision(of: slice) ?? 0
  }

  private func noteUnseen(_ at: Int, _ code: Int32) {
    slots[at].isUnseen = true
    slots[at].isFailed = true
    unsettled &+= 1
    note(.fieldFailed, at, code)
  }

  func noteFindings(_ notices: Notices) {
    if notices.damagedLines > 0 { note(.damaged, nil, Status.corrupt.rawValue) }
    if notices.directoryIsOpen { note(.directory, nil, Status.permission.rawValue) }
  }

  var noSlice: Failure { Failure(.callback, "the callback that gives the slice answered NULL") }
}
