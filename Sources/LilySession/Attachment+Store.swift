/// What an update does with the fields that changed.
extension Attachment {
  @inline(never)
  func retryFailed() {
    unsettled.forEach { slots[$0].isFailed = false }
  }

  @inline(never)
  func markChanged(_ at: Int) {
    if slots[at].isUnseen {
      slots[at].isUnseen = false
      // What could not be read is not overwritten by what may be a default.
      if slots[at].stored == .rejected || slots[at].stored == .newer { return }
    }
    slots[at].isDirty = true
    slots[at].isFresh = true
    unsettle(at)
  }

  @inline(never)
  func markFailed(_ at: Int, _ code: Int32, _ failure: Failure) {
    slots[at].isFailed = true
    unsettle(at)
    fail(at, failure)
    note(.fieldFailed, at, code)
  }

  private func unsettle(_ at: Int) {
    var place = unsettled.count
    while place > 0, unsettled[place &- 1] > at { place &-= 1 }
    if place == 0 || unsettled[place &- 1] != at { unsettled.insert(at, at: place) }
  }

  /// Writes what is dirty, finds what stays so, tells the host.
  @inline(never)
  func settle() -> Failure? {
    writeDirty()
    unsettled.forEach {
      slots[$0].isFresh = false
      slots[$0].isLeftOut = false
    }
    unsettled.removeAll { !isUnsettled($0) }
    let failure = firstFailure?.failure
    firstFailure = nil
    deliverEvents()
    return failure
  }

  func findUnsettled() {
    unsettled.removeAll()
    for at in 0..<count where isUnsettled(at) { unsettled.append(at) }
  }

  private func isUnsettled(_ at: Int) -> Bool { slots[at].isDirty || slots[at].isFailed || mayDropStaleKeys(at) }

  /// Former keys go once what is stored under the field's own is accepted. Until then they may have its only copy.
  private func mayDropStaleKeys(_ at: Int) -> Bool { !slots[at].staleKeys.isEmpty && slots[at].stored == .loaded }

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
        case .written(let leftOut, let notDurable):
          markWritten(now, leftOut)
          if let notDurable { noteNotDurable(notDurable) }
          return
        case .superseded(let current): meet(current)
        }
      } catch {
        // A write that did not come as far as the generation (BUSY, say) leaves a clear unmet, and the next one would drop with
        // it what changed after it.
        meetClear(in: storage)
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
      guard slots[at].isDirty, !slots[at].isLeftOut else { return }
      do throws(Failure) {
        let deadline = deadline(after: fields[at].expiresAfter, from: now)
        try batch.set(slots[at].key, deadline: deadline, version: fields[at].version) { buffer throws(Failure) in
          try slots[at].binding.append(slots[at].baseline, to: buffer)
        }
        batched.append(at)
        if !slots[at].staleKeys.isEmpty { dropStaleKeys(at, isTied: true) }
      } catch { leaveOut(at, error) }
    }
    unsettled.forEach { if !slots[$0].isDirty, mayDropStaleKeys($0) { dropStaleKeys($0, isTied: false) } }
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
    unsettled.forEach { if slots[$0].isDirty, !slots[$0].isLeftOut { leaveOut($0, failure) } }
  }

  /// The field stays dirty.
  @inline(never)
  private func leaveOut(_ at: Int, _ failure: Failure) {
    slots[at].isLeftOut = true
    fail(at, failure)
    note(failure.status == .encode ? .fieldFailed : .writeFailed, at, failure.status.rawValue, systemError: failure.systemError)
  }

  @inline(__always)
  private func markWritten(_ now: Int64, _ leftOut: [Int]) {
    if !leftOut.isEmpty { leaveOut(changes: leftOut) }
    batched.forEach { at in
      guard !slots[at].isLeftOut else { return }
      slots[at].staleKeys = []
      guard slots[at].isDirty else { return }
      slots[at].isDirty = false
      slots[at].stored = .loaded
      slots[at].seen = .baseline
      slots[at].deadline = deadline(after: fields[at].expiresAfter, from: now)
    }
  }

  @inline(never)
  private func leaveOut(changes: [Int]) {
    for change in changes where change < batched.count && !slots[batched[change]].isLeftOut {
      leaveOut(batched[change], Failure(.quota, "the field does not fit into the storage's quota"))
    }
  }

  @inline(never)
  private func noteNotDurable(_ failure: Failure) {
    if let first = batched.first { fail(first, failure) }
    note(.notDurable, nil, failure.status.rawValue, systemError: failure.systemError)
  }

  /// Meets a clear that has come since storage was last seen. Reading needs no lock.
  func meetClear(in storage: any Storage) {
    if let current = try? storage.read([], of: scope), current.generation != generation { meet(current) }
  }

  /// A clear has come, from here or elsewhere: what was tried before it is not tried again.
  @inline(never)
  func meet(_ current: Snapshot) {
    generation = current.generation
    if !current.isOwnGeneration { wasCleared = true }
    for at in 0..<count {
      slots[at].staleKeys = []
      if !slots[at].isFresh { slots[at].isDirty = false }
      slots[at].stored = .absent
      // A clear of our own is not news; one from elsewhere is found by `refresh`.
      if current.isOwnGeneration { slots[at].seen = .nothing }
    }
  }
}
