extension ModelRuntime {
  /// Hydrates the model from storage. From then on every update is stored; nothing is written here. Everything that can fail comes before
  /// the first field is set, except the callbacks that put the slice back and find it once more. Failures of single fields are no failure of
  /// attach; events report them.
  ///
  /// - Parameter owner: is retained until the session ends.
  /// - Parameter storage: opens the storage. It is called only if the runtime is not busy.
  package func attach<Lens: SliceLens, Binding: FieldBinding>(
    _ list: FieldList<Binding>, lens: Lens, owner: AnyObject?, storage open: () throws(Failure) -> any SessionStorage
  ) throws(Failure) -> Session where Lens.Model == Model, Lens.Session == Binding.Session {
    try run { () throws(Failure) in
      let storage = try open()
      let session = Session(Attachment(of: self, list: list, lens: lens, owner: owner, storage: storage))
      try session.work.hydrate(beside: attached)
      add(session)
      session.work.reportFindings(storage.notices)
      return session
    }
  }
}

extension Attachment {
  /// Returns the storage key of a field, followed by its former keys.
  func storedKeys(_ at: Int) -> [Key] {
    [storedKey(at)] + slots[at].field.formerKeys.map { scope.key($0) }
  }

  func storedKey(_ at: Int) -> Key { scope.key(slots[at].field.storageKey) }

  func hydrate(beside others: [Session]) throws(Failure) {
    guard let storage else { throw Session.detached }
    let claims = claims
    for other in others { try other.work.refuse(claims, in: storage) }
    watchToken = storage.watch?.join()
    do throws(Failure) { try hydrate(try attachedRuntime(), storage) } catch {
      if let watchToken {
        storage.watch?.leave(watchToken)
        storage.watch?.noteArrival() // joining has taken the events, and perhaps nobody has looked since
      }
      throw error
    }
  }

  /// The keys and the prefixes of keys that the session stores.
  private var claims: Claims {
    var claims = Claims(keys: table.listedKeys)
    for map in maps { claims.prefixes.append(scope.key(map.storagePrefix)) }
    return claims
  }

  func refuse(_ claims: Claims, in other: any SessionStorage) throws(Failure) {
    guard let storage, storage === other || storage.place == other.place, let stored = self.claims.conflict(with: claims) else { return }
    throw Failure(.duplicateKey, "another session of this runtime already stores this key in the same place", key: hostKey(stored))
  }

  private func hydrate(_ runtime: ModelRuntime<Lens.Model>, _ storage: any SessionStorage) throws(Failure) {
    if !maps.isEmpty {
      guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
      keepInitialEntries(slice)
    }
    let snapshot = try readAll(from: storage)
    generation = snapshot.generation
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let now = storage.now()
    let looks = look(at: snapshot, now, from: slice)
    try putBack(looks, into: runtime)
    for look in looks.found { believe(look, at: now, isNews: false) }
    hasLeftNews = !looks.isWhole
    try takeBaselines(of: [Int](0..<count), runtime.model)
    _ = takeFirstFailure() // the field's event has reported it
    findUnsettled()
  }

  /// Makes the values that these fields have now their baselines. Later updates compare with those, so a `set` that normalises values
  /// causes no write.
  func takeBaselines(of fields: [Int], _ model: Lens.Model) throws(Failure) {
    guard let slice = lens.slice(of: model) else {
      // Without this, what was set would look like a change by the program.
      for at in fields { slots[at].lostSight(by: .getFailed) }
      throw noSlice
    }
    for at in fields where at < table.listed { takeBaseline(at, slots[at].capture(slice)) }
    if !maps.isEmpty { takeBaselinesOfEntries(fields, slice) }
    lastRevision = lens.revision(of: slice) ?? 0
  }

  /// Makes what was captured of a field its baseline.
  func takeBaseline(_ at: Int, _ capture: Capture) {
    switch capture {
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

  func reportFindings(_ notices: Notices) {
    if notices.damagedLines > 0 { noteEvent(.damaged, nil, Failure(.corrupt, "lines of the file are damaged; they were skipped")) }
    if notices.directoryIsOpen { noteEvent(.directory, nil, Failure(.permission, "other users could exchange the file in its directory")) }
    if let notice = notices.ofBackend { noteEvent(.notice, nil, notice) }
    deliverEvents()
  }

  var noSlice: Failure { Failure(.callback, "config.get returned NULL in place of the slice") }
}
