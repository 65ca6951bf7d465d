/// Changes what is stored for one field, and follows with the model.
extension Attachment {
  /// Replaces what is stored for a field by what `change` makes of it. Nobody's change is lost: if another program is faster, `change` is
  /// called again with what that one has stored.
  func modifyStored(
    _ at: Int, in runtime: ModelRuntime<Lens.Model>, _ change: (NativeValue?) throws(Failure) -> NativeValue
  ) throws(Failure) {
    guard let storage else { throw Session.detached }
    guard !slots[at].hasOwnValue, slots[at].trouble == .none else { throw Failure(.busy, "the field has a change of its own that could not be stored", key: slots[at].field.key) }
    for _ in 0..<mostTries {
      let snapshot = try storage.read(storedKeys(at), of: scope)
      if snapshot.generation != generation { meetClear(snapshot.generation) }
      let now = storage.now()
      try encodeModification(of: at, snapshot.entries[...], now, change)
      defer { batch.removeAll() }
      guard case .written(let shortfall) = try storage.write(batch, in: scope, generation: generation) else { continue }
      if let shortfall {
        if !shortfall.overtaken.isEmpty { continue }
        guard shortfall.leftOut.isEmpty else { throw doesNotFit(at) }
        noteTroubles(shortfall)
      }
      try follow(at, into: runtime)
      if let failure = shortfall?.notDurable { throw failure.about(slots[at].field.key) }
      return
    }
    throw Failure(.busy, "other programs keep changing the field; try again", key: slots[at].field.key)
  }

  /// Fills the batch with what `change` makes of the field's entry, on the condition that storage still holds that entry.
  private func encodeModification(
    of at: Int, _ entries: ArraySlice<Entry?>, _ now: Int64, _ change: (NativeValue?) throws(Failure) -> NativeValue
  ) throws(Failure) {
    batch.removeAll()
    batched.removeAll()
    let found = effectiveEntry(entries, now)
    let state = found.map { judge(at, TakenEntry(source: $0.source, identity: $0.entry.identity), $0.entry, now) } ?? .absent
    var new = NativeBaseline()
    defer { new.dispose() }
    func keep(_ stored: NativeValue?) throws(Failure) {
      if case .unencodable(let reason) = new.capture(try change(stored), types: slots[at].field.types) {
        throw Failure(.encode, reason, key: slots[at].field.key)
      }
    }
    switch (found, state) {
    case (_, .newer): throw Failure.newerEntry.about(slots[at].field.key)
    case (_, .rejected): throw Failure(.decode, "the stored value is not one that the field accepts", key: slots[at].field.key)
    case (let (_, entry)?, .loaded), (let (_, entry)?, .migrated): try withValue(of: entry, for: at, keep)
    default: try keep(nil)
    }
    try batch.set(slots[at].key, deadline: deadline(after: slots[at].field.expiresAfter, from: now), version: slots[at].field.version) {
      buffer throws(Failure) in try new.append(to: buffer)
    }
    // An entry under an earlier key would have counted instead.
    let keys = storedKeys(at)
    if let found { batch.require(found.entry.identity, under: keys[found.source], replacing: found.entry) }
    for key in keys[..<(found?.source ?? keys.count)] { batch.require(nil, under: key) }
    if found?.source == 0 { return } // a single change is what a backend can replace
    for former in entries.indices.dropFirst() where entries[former] != nil { batch.remove(keys[former], isTied: true) }
  }

  /// Calls `body` with an entry's value as the field decodes it, migrated if it is of an older version.
  private func withValue(of entry: Entry, for at: Int, _ body: (NativeValue) throws(Failure) -> Void) throws(Failure) {
    let refused = Failure(.decode, "the stored value is not one that the field accepts", key: slots[at].field.key)
    var failure: Failure?
    func run(_ value: NativeValue) -> Int32 {
      do throws(Failure) { try body(value) } catch { failure = error }
      return 0
    }
    try entry.withText { text throws(Failure) in
      let parsed = try JSON.parse(text)
      if entry.version < slots[at].field.version, let code = slots[at].field.binding.migrate(.json(text), from: entry.version, run) {
        if code != 0 { throw refused }
      } else if try parsed.withValue(as: slots[at].field.types, run) == nil { throw refused }
    }
    if let failure { throw failure }
  }

  /// Sets one field to what storage holds for it now, which this session has caused.
  private func follow(_ at: Int, into runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard let storage else { throw Session.detached }
    let snapshot: Snapshot
    // The value is stored, which only CALLBACK says.
    do throws(Failure) { snapshot = try storage.read(storedKeys(at), of: scope) } catch { throw error.restated(as: .callback) }
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let now = storage.now()
    var looks = Looks(slice: slice)
    looks.found.append(lookAtField(at, snapshot.entries[...], now, &looks.slice))
    try take(looks, at: now, into: runtime, isNews: false)
    if let failure = takeFirstFailure() { throw failure }
    if slots[at].stored == .rejected { throw Failure(.callback, "set refused the value, which is stored", key: slots[at].field.key) }
  }

  /// Removes what is stored for a field under any of its keys, and sets the field to its initial value.
  func resetField(_ at: Int, in runtime: ModelRuntime<Lens.Model>) throws(Failure) {
    guard let storage else { throw Session.detached }
    batch.removeAll()
    for key in storedKeys(at) { batch.remove(key) }
    defer { batch.removeAll() }
    guard case .written(let shortfall) = try storage.write(batch, in: scope, generation: nil) else { return }
    if let shortfall { noteTroubles(shortfall) }
    slots[at].reset()
    guard let slice = lens.slice(of: runtime.model) else { throw noSlice }
    let revision = lastRevision
    defer { lastRevision = revision } // what else has changed is still to be found
    var looks = Looks(slice: slice)
    let code = restoreInitial(at, &looks.slice)
    looks.found.append(Look(field: at, outcome: .nothing(isExpired: false, code: code), storedDeadline: 0, staleKeys: []))
    try take(looks, at: 0, into: runtime, isNews: false)
    if let failure = takeFirstFailure() { throw failure }
    guard code == 0 else { throw Failure(.callback, "set refused the value from before attach", key: slots[at].field.key) }
    if let failure = shortfall?.notDurable { throw failure.about(slots[at].field.key) }
  }
}
