/// Stores the fields that an update changed.
extension Attachment {
  @inline(never)
  func retryUnsettled() {
    unsettled.forEach { slots[$0].retried() }
  }

  @inline(never)
  func noteChanged(_ at: Int) {
    slots[at].changed()
    unsettle(at)
  }

  @inline(never)
  func noteGetFailed(_ at: Int, _ code: Int32) {
    slots[at].getFailed()
    unsettle(at)
    let failure = Failure(.callback, "a get callback failed")
    noteFailure(at, failure)
    noteEvent(.fieldFailed, at, code: code, failure)
  }

  @inline(never)
  func noteUnstorable(_ at: Int, _ reason: StaticString) {
    slots[at].becameUnstorable()
    unsettle(at)
    let failure = Failure(.encode, reason)
    noteFailure(at, failure)
    noteEvent(.fieldFailed, at, failure)
  }

  /// Puts a field on the list of unsettled ones, in field order, unless it is there already. In a long list no place is looked for, because
  /// the entries of a map may come in any order; then the list is put in order later.
  func unsettle(_ at: Int) {
    var place = unsettled.count
    guard place <= 32 || unsettled[place &- 1] < at else {
      if place >= 2 &* count { findUnsettled() } // otherwise it would grow with each call of mark
      unsettled.append(at)
      isUnsettledMixed = true
      return
    }
    while place > 0, unsettled[place &- 1] > at { place &-= 1 }
    if place == 0 || unsettled[place &- 1] != at { unsettled.insert(at, at: place) }
  }

  func findUnsettled() {
    unsettled.removeAll()
    isUnsettledMixed = false
    for at in 0..<count where slots[at].isUnsettled { unsettled.append(at) }
  }

  /// Writes the dirty fields, finds which stay dirty, and delivers the events. Returns the first failure, or nil.
  ///
  /// - Parameter wasUnsettled: true if fields were unsettled before this update, so that more than its own changes may have to be written.
  @inline(never)
  @_optimize(speed)
  func finishUpdate(_ wasUnsettled: Bool) -> Failure? {
    if wasUnsettled { unsettled.forEach { slots[$0].tried() } }
    if isUnsettledMixed { findUnsettled() }
    writeDirty()
    if wasUnsettled { correctDeadlines() }
    if hasLeftNews { tellLeftNews() }
    unsettled.removeAll { !slots[$0].isUnsettled }
    dropForgotten()
    let failure = takeFirstFailure()
    deliverEvents()
    return failure
  }

  /// If no get fails any more, makes the descriptor readable, because a refresh can now take the news that an earlier one left.
  private func tellLeftNews() {
    for at in 0..<count where slots[at].trouble == .getFailed { return }
    hasLeftNews = false
    storage?.watch?.noteArrival()
  }

  func takeFirstFailure() -> Failure? {
    let failure = firstFailure?.failure
    firstFailure = nil
    return failure
  }

  @inline(__always)
  private func writeDirty() {
    guard let storage else { return }
    let now = hasExpiry ? storage.now() : 0
    for _ in 0..<mostTries { // each clear that comes in between costs one try
      encodeDirty(now)
      if batch.isEmpty { return }
      do throws(Failure) {
        switch try storage.write(batch, in: scope, generation: generation) {
        case .written(let shortfall):
          noteWritten(now, shortfall)
          batch.removeAll()
          return
        case .superseded(let current): meetClear(current)
        }
      } catch {
        // A write that failed early (with BUSY, for example) has not compared generations. If there was a clear, it is met now, because
        // at the next update this update's changes would count as older than the clear, and would be dropped. What is left may be nothing
        // that can fail. But whoever has waited for the lock in vain does not wait again.
        if let current = storage.generationAtHand(of: scope), current != generation {
          meetClear(current)
          if error.status != .busy { continue }
        }
        for place in batch.overtaken { slots[batched[place]].overtaken() }
        noteAllUnwritten(error)
        return
      }
    }
    noteAllUnwritten(Failure(.busy, "other programs keep clearing the session; try again"))
  }

  /// Fills the batch in field order. A field that cannot be encoded stays dirty, and does not affect the others.
  @_optimize(speed)
  private func encodeDirty(_ now: Int64) {
    batch.removeAll()
    batched.removeAll()
    unsettled.forEach { at in
      guard slots[at].isWritable else { return }
      // A value that has expired must not live on by being migrated.
      if slots[at].pending == .rewriting, Entry.isExpired(slots[at].deadline, at: now) { return slots[at].overtaken() }
      if slots[at].isEmpty { return removeEntry(at) }
      do throws(Failure) {
        let deadline = deadline(after: slots[at].field.expiresAfter, from: now)
        try batch.set(slots[at].key, deadline: deadline, version: slots[at].field.version) { buffer throws(Failure) in
          try slots[at].field.binding.append(slots[at].baseline, to: buffer)
        }
        batched.append(at)
        if slots[at].pending != .change { requireUntouched(at) }
        if !slots[at].staleKeys.isEmpty { dropStaleKeys(at, isTied: true) }
      } catch { noteUnwritten(at, error) }
    }
    unsettled.forEach { if !slots[$0].isDirty, slots[$0].mayDropStaleKeys { dropStaleKeys($0, isTied: false) } }
  }

  /// Adds the removal of a map's entry to the batch, if the program has removed the entry. An entry that the program's set has dropped stays.
  @inline(never)
  private func removeEntry(_ at: Int) {
    guard slots[at].pending == .change else { return slots[at].overtaken() }
    batch.remove(storedKey(at))
    batched.append(at)
  }

  /// Makes the last change in the batch conditional: it is made only if nobody else has stored anything for the field meanwhile. The
  /// program did not change this value, so somebody else's change comes first.
  @inline(never)
  private func requireUntouched(_ at: Int) {
    let keys = storedKeys(at)
    // An entry under an earlier key would count instead of the one that the value was made from, so there must be none. A first value was
    // made from no entry, so there must be none under any key.
    var before = keys.count
    if slots[at].pending == .rewriting, case .taken(let entry) = slots[at].origin {
      batch.require(entry.identity, under: keys[entry.source])
      before = entry.source
    }
    for key in keys[..<before] { batch.require(nil, under: key) }
  }

  /// Adds the removal of a field's stale keys to the batch.
  ///
  /// - Parameter isTied: if true, the keys are removed only together with the change before, which stores the field's value.
  @inline(never)
  private func dropStaleKeys(_ at: Int, isTied: Bool) {
    for key in slots[at].staleKeys {
      batch.remove(key, isTied: isTied)
      batched.append(at)
    }
  }

  @inline(never)
  private func noteAllUnwritten(_ failure: Failure) {
    unsettled.forEach { at in
      if slots[at].isWritable { noteUnwritten(at, failure) } else if !slots[at].isDirty, slots[at].mayDropStaleKeys { noteChore(at, failure) }
    }
  }

  /// Notes that a field could not be stored. It stays dirty.
  @inline(never)
  private func noteUnwritten(_ at: Int, _ failure: Failure) {
    slots[at].writeFailed()
    noteFailure(at, failure)
    noteEvent(failure.status == .encode ? .fieldFailed : .writeFailed, at, failure)
  }

  /// Notes that a chore failed: removing a former key, or correcting a deadline, of a field whose value is stored. An event reports it once.
  /// It is no failure of the update.
  @inline(never)
  func noteChore(_ at: Int, _ failure: Failure) {
    if slots[at].isChoreTold { return }
    slots[at].toldChore()
    noteEvent(.writeFailed, at, failure)
  }

  @inline(__always)
  private func noteWritten(_ now: Int64, _ shortfall: Shortfall?) {
    if let shortfall { noteShortfall(shortfall) }
    for place in 0..<batched.count {
      let at = batched[place]
      if slots[at].isWritable {
        slots[at].written(deadline: deadline(after: slots[at].field.expiresAfter, from: now))
      } else if !slots[at].isDirty, slots[at].mayDropStaleKeys {
        slots[at].droppedStaleKeys()
      }
    }
  }

  @inline(never)
  private func noteShortfall(_ shortfall: Shortfall) {
    // A storage of the program's may name any places.
    let places = 0..<batched.count
    for place in shortfall.overtaken where places.contains(place) { slots[batched[place]].overtaken() }
    for place in shortfall.leftOut where places.contains(place) && !slots[batched[place]].failedInThisUpdate {
      noteUnwritten(batched[place], doesNotFit(batched[place]))
    }
    if let failure = shortfall.notDurable, let first = batched.first { noteFailure(first, failure) }
    noteTroubles(shortfall)
  }

  /// Returns why a field was left out of a write.
  @inline(never)
  func doesNotFit(_ at: Int) -> Failure { Failure(.quota, "the field does not fit into the storage's quota", key: slots[at].field.key) }

  /// Notes what is wrong with a storage that has stored the batch.
  func noteTroubles(_ shortfall: Shortfall) {
    if let failure = shortfall.notDurable { noteEvent(.notDurable, nil, failure) }
    if let failure = shortfall.notRewritten { noteEvent(.notRewritten, nil, failure) }
  }

  /// Meets a clear, whoever made it: what was tried before it is not tried again, and the next refresh restores the initial values of the
  /// fields that were loaded or stored.
  @inline(never)
  func meetClear(_ current: UInt64) {
    generation = current
    for at in 0..<count where slots[at].cleared() { noteEvent(.cleared, at) }
  }
}
