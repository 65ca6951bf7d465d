/// Follows the maps of the model. Each entry of a map is a field of its own, whose value may be missing. The maps are walked as a whole, because
/// their ids are not known beforehand.
extension Attachment {
  /// What a walk through the maps is for.
  enum Walk {
    /// It keeps what the maps have before hydration as the initial values.
    case before
    /// It finds what the program has changed.
    case update
    /// It makes the values that the expected fields have now their baselines.
    case sighting
  }

  /// Compares each entry of the maps with its baseline. An entry that is not found was removed.
  @inline(never)
  func compareMaps(_ slice: Lens.Session) {
    walkMaps(slice, .update)
    for at in table.listed..<count where slots[at].lastWalk != walk { note(slots[at].captureAbsence(), of: at) }
  }

  /// Keeps what the maps have before hydration as the initial values of their entries.
  func keepInitialEntries(_ slice: Lens.Session) {
    walkMaps(slice, .before)
    _ = takeFirstFailure() // the walk after hydration reports it again
    events.removeAll()
  }

  /// Does for entries of maps what `takeBaselines` does for all these fields.
  func takeBaselinesOfEntries(_ fields: [Int], _ slice: Lens.Session) {
    // The walk before hydration, which was the first one, has reported nothing.
    guard walk == 1 || (fields.last ?? 0) >= table.listed else { return }
    for at in fields { slots[at].expect(in: walk &+ 1) }
    walkMaps(slice, .sighting)
    for at in fields where at >= table.listed {
      if slots[at].lastWalk != walk { takeBaseline(at, slots[at].captureAbsence()) }
      if slots[at].trouble == .getFailed { slots[at].lostSight(by: .getFailed) }
    }
  }

  // MARK: walking

  private func walkMaps(_ slice: Lens.Session, _ purpose: Walk) {
    walk &+= 1
    nextEntry = table.listed
    failedMaps = []
    for map in maps {
      let prefix = scope.key(map.storagePrefix)
      let code = map.binding.each(slice) { id, value in self.visit(id, value, in: map, prefix, purpose) }
      if code != 0 { noteFailedMap(map, code) }
    }
  }

  /// Takes an entry that a walk has found. An id that no entry may have, or that was found before, is reported and left out.
  private func visit(
    _ id: UnsafeRawBufferPointer, _ value: Binding.Visited, in map: MapDefinition<Binding>, _ prefix: Key, _ purpose: Walk
  ) -> Int32 {
    guard let at = entryField(id, in: map, prefix, purpose) else {
      // The update does not return INVALID_ARGUMENT, which would mean that it was not made.
      return refuse(.encode, "a map has an id that is empty, too long or not UTF-8", map.prefix, code: Status.invalidArgument.rawValue)
    }
    guard slots[at].visited(in: walk) else {
      return refuse(.duplicateKey, "a map has an id twice", slots[at].field.key, code: Status.duplicateKey.rawValue)
    }
    switch purpose {
    case .update: note(slots[at].capture(visited: value), of: at)
    case .before: if case .changed = slots[at].capture(visited: value) { slots[at].keepInitialFromBaseline() }
    case .sighting: if slots[at].expectingWalk == walk { takeBaseline(at, slots[at].capture(visited: value)) }
    }
    return Status.ok.rawValue
  }

  /// Notes a failure that is not a field's. Returns the code, which its event has.
  @inline(never)
  private func refuse(_ status: Status, _ reason: StaticString, _ key: Key, code: Int32) -> Int32 {
    let failure = Failure(status, reason, key: key)
    noteFailure(.max, failure)
    events.append(Event(kind: .fieldFailed, code: code, failure: failure, key: key))
    return code
  }

  /// Notes that a walk through a map failed. Nothing is known of the entries that it has not found.
  @inline(never)
  private func noteFailedMap(_ map: MapDefinition<Binding>, _ code: Int32) {
    _ = refuse(.callback, "a map's each failed", map.prefix, code: code)
    failedMaps.append(map.prefix)
    for at in table.listed..<count where slots[at].field.key.begins(with: map.prefix) && slots[at].visited(in: walk) { couldNotGet(at) }
  }

  private func couldNotGet(_ at: Int) {
    slots[at].getFailed()
    unsettle(at)
  }

  // MARK: fields of entries

  /// Returns the field of an entry that a walk has found. Returns nil if no entry may have this id.
  private func entryField(_ id: UnsafeRawBufferPointer, in map: MapDefinition<Binding>, _ prefix: Key, _ purpose: Walk) -> Int? {
    // Maps are mostly walked in the order in which their entries got their fields.
    if nextEntry < count, prefix.withBytes({ slots[nextEntry].key.bytes.consists(of: $0, id) }) {
      nextEntry &+= 1
      return nextEntry &- 1
    }
    if let at = prefix.withBytes({ table.field(ofMapAt: $0, id) }) {
      nextEntry = at &+ 1
      return at
    }
    guard let id = try? Key(validating: id, limit: Key.idLimit) else { return nil }
    guard let at = entryField(Key(stored: map.prefix.bytes + id.bytes), in: map, isFromModel: purpose == .before) else { return nil }
    nextEntry = at &+ 1
    return at
  }

  /// Returns the field of a map's entry, and makes one if there is none. Returns nil if the key is not one of the map's.
  ///
  /// - Parameter isFromModel: true if the model had the entry before hydration.
  @inline(never)
  private func entryField(_ key: Key, in map: MapDefinition<Binding>, isFromModel: Bool = false) -> Int? {
    let stored = scope.key(Key(field: key))
    if let at = stored.withBytes({ table.field(ofMapAt: $0) }) { return at }
    guard let field = map.field(key) else { return nil }
    let at = table.add(field, stored, isFromModel: isFromModel)
    if failedMaps.contains(map.prefix) { couldNotGet(at) } // the model may have this entry, too
    return at
  }

  /// Drops the fields of entries that neither the model nor storage has. This must come when no number of a field is in use.
  func dropForgotten() {
    if maps.isEmpty { return }
    let before = count
    var at = before
    while at > table.listed {
      at &-= 1
      if slots[at].isForgettable { table.drop(at) }
    }
    if count < before { findUnsettled() }
  }

  // MARK: reading

  /// Reads the entries of all fields: those of the list with their former keys, then those of the maps, which get fields for new entries.
  func readAll(from storage: any SessionStorage) throws(Failure) -> Snapshot {
    if maps.isEmpty { return try storage.read(table.listedKeys, of: scope) }
    var (snapshot, items) = try storage.read(table.listedKeys, under: maps.map { scope.key($0.storagePrefix) }, of: scope)
    addEntries(items, to: &snapshot)
    return snapshot
  }

  private func addEntries(_ items: [Item], to snapshot: inout Snapshot) {
    for item in items { _ = fieldOfEntry(hostKey(item.key)) }
    let first = snapshot.entries.count &- table.listed
    while snapshot.entries.count < first &+ count { snapshot.entries.append(nil) }
    for item in items { // those whose id is too long have no field
      if let at = item.key.withBytes({ table.field(ofMapAt: $0) }) { snapshot.entries[first &+ at] = item.entry }
    }
  }

  // MARK: keys

  func noField(_ key: Key) -> Failure { Failure(.notFound, "the session has no such field", key: key) }

  /// Returns the key of a field that is stored under this key.
  func hostKey(_ stored: Key) -> Key { Key(stored: [UInt8](stored.bytes.dropFirst(scope.session.bytes.count))) }

  /// Returns the field of this key, if it has one. An entry of a map has none yet if neither the model nor storage had it at the last look.
  func knownField(_ key: Key) -> Int? {
    for at in 0..<table.listed where slots[at].field.key == key { return at }
    return scope.key(Key(field: key)).withBytes { table.field(ofMapAt: $0) }
  }

  /// Returns the field of a map's entry, which is made if need be, or nil if the key is no map's.
  private func fieldOfEntry(_ key: Key) -> Int? {
    for map in maps { if let at = entryField(key, in: map) { return at } }
    return nil
  }

  /// Returns the field of this key. That of a map's entry is made if need be.
  func fieldIndex(of key: Key) throws(Failure) -> Int {
    guard let at = knownField(key) ?? fieldOfEntry(key) else { throw noField(key) }
    return at
  }

  /// Returns the field that an entry of a map would have, or nil if the key is no map's.
  func unknownField(_ key: Key) -> FieldDefinition<Binding>? {
    for map in maps { if let field = map.field(key) { return field } }
    return nil
  }

  /// Throws if neither a field nor a map has this key.
  func requireField(_ key: Key) throws(Failure) {
    _ = try attachedRuntime()
    if knownField(key) == nil, unknownField(key) == nil { throw noField(key) }
  }
}
