extension ModelRuntime {
  /// Hydrates the model from storage, and has every update after it stored. Nothing is written here. All that can fail comes
  /// before the first field is set, but for the callback that puts the slice back; what one field does afterwards is told by an event.
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
      let token = storage.watch?.join()
      do throws(Failure) { try session.hydrate(self, keys) } catch {
        if let token { storage.watch?.leave(token) }
        throw error
      }
      session.watchToken = token
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
    for at in 0..<count { keys += storedKeys(at) }
    return keys
  }

  func storedKeys(_ at: Int) -> [Key] {
    [storageKeys[at]] + fields[at].formerKeys.map { scope.key($0) }
  }

  /// Sets the fields that have an accepted value, and takes the values that they have then for baselines.
  func hydrate(_ runtime: ModelRuntime<Lens.Model>, _ keys: [Key]) throws(Failure) {
    guard let storage else { throw Session.detached }
    let snapshot = try storage.read(keys, of: scope)
    generation = snapshot.generation
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let now = storage.now()
    let looks = look(at: snapshot, now, from: slice)
    try putBack(looks, into: runtime)
    for look in looks.found { settle(look, at: now, isNews: false) }
    try takeBaselines(of: [Int](0..<count), runtime.model)
    _ = takeFirstFailure() // what one field does is told by its event
    findUnsettled()
  }

  /// The values that fields have now are what later updates are compared with: a `set` that normalises causes no write.
  func takeBaselines(of fields: [Int], _ model: Lens.Model) throws(Failure) {
    guard let slice = lens.slice(of: model) else {
      // What was set would look like a change of the program's.
      for at in fields { slots[at].lostSight(by: .getFailed) }
      throw noSlice
    }
    for at in fields {
      switch slots[at].capture(slice) {
      case .same, .changed:
        slots[at].sighted()
        slots[at].keepInitialFromBaseline()
      case .callbackFailed(let code):
        slots[at].lostSight(by: .getFailed)
        noteGetFailed(at, code)
      case .unencodable(let reason):
        slots[at].lostSight(by: .unstorable)
        noteUnstorable(at, reason)
      }
    }
    lastRevision = lens.revision(of: slice) ?? 0
  }

  func noteFindings(_ notices: Notices) {
    if notices.damagedLines > 0 { note(.damaged, nil, Status.corrupt.rawValue) }
    if notices.directoryIsOpen { note(.directory, nil, Status.permission.rawValue) }
  }

  var noSlice: Failure { Failure(.callback, "the callback that gives the slice returned NULL") }
}
