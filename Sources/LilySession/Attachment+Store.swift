/// What an update does with the fields that changed.
extension Attachment {
  @inline(never)
  func retryFailed() {
    for at in 0..<count { slots[at].isFailed = false }
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
    unsettled &+= 1
  }

  @inline(never)
  func markFailed(_ at: Int, _ code: Int32, _ failure: Failure) {
    slots[at].isFailed = true
    unsettled &+= 1
    fail(at, failure)
    note(.fieldFailed, at, code)
  }

  /// Writes what is dirty, counts what stays so, tells the host.
  @inline(never)
  func settle() -> Failure? {
    writeDirty()
    unsettled = 0
    for at in 0..<count {
      slots[at].isFresh = false
      slots[at].isLeftOut = false
      if slots[at].isDirty || slots[at].isFailed { unsettled &+= 1 }
    }
    let failure = firstFailure?.failure
    firstFailure = nil
    deliverEvents()
    return failure
  }

  private func writeDirty() {
    guard let storage else { return }
    let now = fields.contains { $0.expiresAfter > 0 } ? storage.now() : 0
    while true {
      encodeDirty(now)
      if batch.isEmpty { return }
      do throws(Failure) {
        switch try storage.write(batch, generation: generation) {
        case .written:
          markWritten(now)
          return
        case .superseded(let current): meet(current)
        }
      } catch {
        for at in 0..<count where slots[at].isDirty {
          fail(at, error)
          note(.writeFailed, at, error.status.rawValue, systemError: error.systemError)
        }
        return
      }
    }
  }

  /// Fills the batch, in field order. A field that cannot be encoded stays dirty and does not touch the others.
  private func encodeDirty(_ now: Int64) {
    batch.removeAll()
    for at in 0..<count where slots[at].isDirty && !slots[at].isLeftOut {
      let deadline = deadline(after: fields[at].expiresAfter, from: now)
      do throws(Failure) {
        try batch.set(fields[at].storageKey, deadline: deadline, version: fields[at].version) { buffer throws(Failure) in
          try slots[at].binding.append(slots[at].baseline, to: buffer)
        }
      } catch {
        slots[at].isLeftOut = true
        fail(at, error)
        note(error.status == .encode ? .fieldFailed : .writeFailed, at, error.status.rawValue, systemError: error.systemError)
      }
    }
  }

  private func markWritten(_ now: Int64) {
    for at in 0..<count where slots[at].isDirty && !slots[at].isLeftOut {
      slots[at].isDirty = false
      slots[at].stored = .loaded
      slots[at].deadline = deadline(after: fields[at].expiresAfter, from: now)
    }
  }

  /// A clear has come, from here or elsewhere: what was tried before it is not tried again.
  func meet(_ current: UInt64) {
    generation = current
    for at in 0..<count {
      if !slots[at].isFresh { slots[at].isDirty = false }
      slots[at].stored = .absent
    }
  }
}
