/// What an update does with the fields that changed.
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
    fail(at, Failure(.callback, "a get callback failed"))
    note(.fieldFailed, at, code)
  }

  @inline(never)
  func noteUnstorable(_ at: Int, _ reason: StaticString) {
    slots[at].becameUnstorable()
    unsettle(at)
    fail(at, Failure(.encode, reason))
    note(.fieldFailed, at, Status.encode.rawValue)
  }

  func unsettle(_ at: Int) {
    var place = unsettled.count
    while place > 0, unsettled[place &- 1] > at { place &-= 1 }
    if place == 0 || unsettled[place &- 1] != at { unsettled.insert(at, at: place) }
  }

  func findUnsettled() {
    unsettled.removeAll()
    for at in 0..<count where slots[at].isUnsettled { unsettled.append(at) }
  }

  /// Writes what is dirty, finds what stays so, and tells the host. Returns the first failure.
  ///
  /// - Parameter wasUnsettled: there may be more to do than to write what changed.
  @inline(never)
  func settle(_ wasUnsettled: Bool) -> Failure? {
    if wasUnsettled { unsettled.forEach { slots[$0].tried() } }
    writeDirty()
    if wasUnsettled { correctDeadlines() }
    if hasLeftNews { tellLeftNews() }
    unsettled.removeAll { !slots[$0].isUnsettled }
    let failure = takeFirstFailure()
    deliverEvents()
    return failure
  }

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
    // Each clear that comes in between costs a round. A storage of the host's may claim one for ever.
    for _ in 0..<8 {
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
        // A write that did not come as far as the generation (BUSY, say) leaves a clear unmet, and the next one would drop with
        // it what changed after it.
        if let current = storage.generationAtHand(of: scope), current != generation { meetClear(current) }
        leaveOut(error)
        return
      }
    }
    leaveOut(Failure(.busy, "the session is cleared again and again"))
  }

  /// Fills the batch, in field order. A field that cannot be encoded stays dirty and does not touch the others.
  private func encodeDirty(_ now: Int64) {
    batch.removeAll()
    batched.removeAll()
    unsettled.forEach { at in
      guard slots[at].isWritable else { return }
      // What may not last any longer gets no new life by being migrated.
      if slots[at].pending == .rewriting, Entry.isExpired(slots[at].deadline, at: now) { return slots[at].overtaken() }
      do throws(Failure) {
        let deadline = deadline(after: fields[at].expiresAfter, from: now)
        try batch.set(slots[at].key, deadline: deadline, version: fields[at].version) { buffer throws(Failure) in
          try slots[at].binding.append(slots[at].baseline, to: buffer)
        }
        batched.append(at)
        if slots[at].pending != .change { requireUntouched(at) }
        if !slots[at].staleKeys.isEmpty { dropStaleKeys(at, isTied: true) }
      } catch { leaveOut(at, error) }
    }
    unsettled.forEach { if !slots[$0].isDirty, slots[$0].mayDropStaleKeys { dropStaleKeys($0, isTied: false) } }
  }

  /// A value that the program did not change goes only where nobody else has stored something in the meantime.
  @inline(never)
  private func requireUntouched(_ at: Int) {
    let keys = storedKeys(at)
    // What is under a key before the one that the value was made from would have won over it. A first value was made from none.
    var before = keys.count
    if slots[at].pending == .rewriting, case .taken(let entry) = slots[at].origin {
      batch.require(entry.identity, under: keys[entry.source])
      before = entry.source
    }
    for key in keys[..<before] { batch.require(nil, under: key) }
  }

  @inline(never)
  private func dropStaleKeys(_ at: Int, isTied: Bool) {
    for key in slots[at].staleKeys {
      batch.remove(key, isTied: isTied)
      batched.append(at)
    }
  }

  @inline(never)
  private func leaveOut(_ failure: Failure) {
    unsettled.forEach { at in
      if slots[at].isWritable { leaveOut(at, failure) } else if !slots[at].isDirty, slots[at].mayDropStaleKeys { noteChore(at, failure) }
    }
  }

  /// The field stays dirty.
  @inline(never)
  private func leaveOut(_ at: Int, _ failure: Failure) {
    slots[at].leftOut()
    fail(at, failure)
    note(failure.status == .encode ? .fieldFailed : .writeFailed, at, failure.status.rawValue, systemError: failure.systemError)
  }

  /// What is stored is good, but something around it could not be put right: told once, and no failure of the update.
  @inline(never)
  func noteChore(_ at: Int, _ failure: Failure) {
    if slots[at].isChoreTold { return }
    slots[at].toldChore()
    note(.writeFailed, at, failure.status.rawValue, systemError: failure.systemError)
  }

  @inline(__always)
  private func noteWritten(_ now: Int64, _ shortfall: Shortfall?) {
    if let shortfall { noteShortfall(shortfall) }
    for place in 0..<batched.count {
      let at = batched[place]
      if slots[at].isWritable {
        slots[at].written(deadline: deadline(after: fields[at].expiresAfter, from: now))
      } else if !slots[at].isDirty, slots[at].mayDropStaleKeys {
        slots[at].droppedStaleKeys()
      }
    }
  }

  @inline(never)
  private func noteShortfall(_ shortfall: Shortfall) {
    for place in shortfall.overtaken where place < batched.count { slots[batched[place]].overtaken() }
    for place in shortfall.leftOut where place < batched.count && !slots[batched[place]].isLeftOut {
      leaveOut(batched[place], Failure(.quota, "the field does not fit into the storage's quota"))
    }
    if let failure = shortfall.notDurable, let first = batched.first { fail(first, failure) }
    noteTroubles(shortfall)
  }

  /// What is wrong with a storage that has taken a batch.
  func noteTroubles(_ shortfall: Shortfall) {
    if let failure = shortfall.notDurable { note(.notDurable, nil, failure.status.rawValue, systemError: failure.systemError) }
    if let failure = shortfall.notRewritten { note(.notRewritten, nil, failure.status.rawValue, systemError: failure.systemError) }
  }

  /// A clear has come, whoever made it: what was tried before it is not tried again, and the next refresh gives what was loaded or
  /// stored its value from before.
  @inline(never)
  func meetClear(_ current: UInt64) {
    generation = current
    for at in 0..<count where slots[at].cleared() { note(.cleared, at, Status.ok.rawValue) }
  }
}
