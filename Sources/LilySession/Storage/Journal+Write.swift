import CPlatform

/// Makes one change: locks, catches up, repairs, writes once, unlocks.
extension Journal {
  /// This many bytes past the end of the file are kept allocated. Only removals may use them, so that log-out works on a full disk.
  private var reserve: Int64 { isScopeFile ? 512 : 16 << 10 }
  /// Blocks are allocated up to a multiple of this, so that most updates need not allocate any.
  private var allocationStep: Int64 { isScopeFile ? 4 << 10 : 64 << 10 }

  @inline(__always)
  @_optimize(speed)
  public func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusion.run { () throws(Failure) in
      var outcome: WriteOutcome
      do throws(Failure) { outcome = try append(batch, scope, wanted, hostTime) } catch {
        do throws(Failure) { outcome = try append(batch, scope, wanted, hostTime, after: error) } catch { throw error.naming(names.path) }
      }
      guard options.isPowerDurable, debts.owesSync, case .written(let shortfall) = outcome else { return outcome }
      guard let notDurable = makeDurable(hostTime) else { return outcome }
      return .written(
        .of(
          leftOut: shortfall?.leftOut ?? [], overtaken: batch.overtaken, notDurable: notDurable,
          notRewritten: shortfall?.notRewritten))
    }
  }

  /// - Parameter isInLine: true for an update, for which every step is inlined.
  @inline(__always)
  private func append(
    _ batch: Batch, _ scope: Scope, _ wanted: UInt64?, _ hostTime: Int64?, isInLine: Bool = true
  ) throws(Failure) -> WriteOutcome {
    if route.file < 0, try removesFromNoFile(batch) { return removedFromNoFile(scope, wanted) }
    // An exclusive storage looks where the path leads before it removes something, as a removal must not be acknowledged for another file.
    let looksUp = batch.hasRemoves && route.isLockedForGood
    if isInLine, !looksUp { try lockAndCatchUpInLine() } else { try lockAndCatchUp(lookingUp: looksUp) }
    defer { unlockFile() }
    if let wanted {
      let current = mirror.generation(of: scope)
      if wanted != current { return .superseded(generation: current) }
    }
    batch.leaveOutOvertaken(mirror.table, at: hostTime)
    let leftOut = batch.leaveOutTooLarge(mirror.table, quota: options.quota, at: hostTime)
    // Nothing has to be written if no change is left, or only removals of keys that are absent everywhere.
    if batch.onlyRemoves, !batch.touches(mirror.table), !mayBeElsewhere(batch) {
      if mirror.holdsRemoved { debts.removed() } // another handle has removed it, and may have died before its sync
      if batch.hasRemoves, options.isPowerDurable, mirror.holdsRemoved || debts.owesDirectory { debts.wrote() }
      return .written(.of(leftOut: leftOut, overtaken: batch.overtaken))
    }
    if isInLine {
      try appendInLine(batch.line, items: batch.changes.count, isRemoval: batch.onlyRemoves)
    } else {
      try append(batch.line, items: batch.changes.count, isRemoval: batch.onlyRemoves)
    }
    batch.apply(to: mirror.table)
    if batch.hasRemoves {
      mirror.removed()
      debts.removed()
    }
    return .written(.of(leftOut: leftOut, overtaken: batch.overtaken, notRewritten: compactIfFarTooLarge(hostTime)))
  }

  /// Returns true if the batch only removes keys, from a scope that has no file. Such a file is made only to store something.
  @inline(never)
  private func removesFromNoFile(_ batch: Batch) throws(Failure) -> Bool {
    guard isScopeFile, batch.onlyRemoves, !options.isReadOnly else { return false }
    return try followPath(create: false) == .nothing
  }

  /// Returns what came of a removal while the path has no file, so that there was nothing to remove. Whoever has removed the file may not have
  /// synced its folder.
  private func removedFromNoFile(_ scope: Scope, _ wanted: UInt64?) -> WriteOutcome {
    let current = mirror.generation(of: scope)
    if let wanted, wanted != current { return .superseded(generation: current) }
    debts.remainsStay()
    if options.isPowerDurable { debts.namesWentAway() }
    return .written(nil)
  }

  /// Tries again after a failure, if the path leads to another file by now, or the sequence was at its end. Throws the failure otherwise.
  @inline(never)
  private func append(
    _ batch: Batch, _ scope: Scope, _ wanted: UInt64?, _ hostTime: Int64?, after failure: Failure
  ) throws(Failure) -> WriteOutcome {
    // A batch from which changes were left out is not written again; the next update does that.
    if failure.status == .refused, mirror.isAtSequenceEnd, !batch.isReduced {
      try renumber(hostTime)
      return try appendAgain(batch, scope, wanted, hostTime)
    }
    let hadFile = route.file >= 0
    let found = lookAgain()
    if found == .nothing, batch.onlyRemoves { return removedFromNoFile(scope, wanted) } // the keys are absent, so a removal has nothing to do
    // If there was no file, the path was looked up just now, and to make the file is what has failed.
    guard hadFile, found == .nothing || found == .another, !batch.isReduced else { throw failure }
    return try appendAgain(batch, scope, wanted, hostTime)
  }

  @inline(never)
  private func appendAgain(_ batch: Batch, _ scope: Scope, _ wanted: UInt64?, _ hostTime: Int64?) throws(Failure) -> WriteOutcome {
    try append(batch, scope, wanted, hostTime, isInLine: false)
  }

  /// Rewrites the file, because the sequence of a rewritten file begins at 1.
  private func renumber(_ hostTime: Int64?) throws(Failure) {
    try lockAndCatchUp()
    defer { unlockFile() }
    if mirror.isAtSequenceEnd { try compact(hostTime, evenFull: true) }
  }

  /// Returns what the path leads to after a change has failed. Returns nil if that cannot be found out, so that nothing may be taken for gone,
  /// and if the storage is read-only, because then the path is not the reason.
  @inline(never)
  private func lookAgain() -> Followed? {
    route.doubt()
    return options.isReadOnly ? nil : try? followPath(create: false)
  }

  public func clear(_ scope: Scope) throws(Failure) {
    let hostTime = options.clock?()
    try exclusively { () throws(Failure) in
      // If there is no file, a clear makes none.
      if route.file < 0, !options.isReadOnly, try followPath(create: false) == .nothing, try clearNothing() { return }
      do throws(Failure) { try appendClear(scope, hostTime) } catch {
        let hadFile = route.file >= 0
        let found = lookAgain()
        if found == .nothing, try clearNothing() { return }
        guard hadFile, found == .nothing || found == .another else { throw error }
        try appendClear(scope, hostTime)
      }
      if options.isPowerDurable, debts.owesSync, let failure = makeDurable(hostTime) { throw failure }
    }
  }

  /// Notes a clear while the path has no file, and removes what an earlier file has left beside it.
  ///
  /// - Returns: false if somebody has made the file of the scope meanwhile, so that this has to be cleared, too.
  private func clearNothing() throws(Failure) -> Bool {
    mirror.clearedNothing(isScopeFile ? try changeMark() : nil)
    // Who makes the file from now on meets this clear.
    if isScopeFile, try followPath(create: false) != .nothing { return false }
    if let failure = removeRemainsByPath() { throw failure }
    debts.namesWentAway() // whoever has removed the file may not have synced its folder
    if options.isPowerDurable { try makeAbsenceDurable() }
    return true
  }

  /// Clears the default place, and takes the removed values out of the file. This is log-out without a handle, so all of it happens now: a
  /// later call could not report that the values are still there.
  package static func clearDefaultPlace() throws(Failure) {
    var options = Options()
    options.create = false
    options.acceptsMissing = true
    let ownApplication: UnsafePointer<CChar>? = nil
    let journal = try open(application: ownApplication, options: options)
    defer { journal.close() }
    try journal.clear(.none)
    if let failure = try journal.sync() { throw failure }
  }

  private func appendClear(_ scope: Scope, _ hostTime: Int64?) throws(Failure) {
    try lockAndCatchUp(lookingUp: route.isLockedForGood)
    defer { unlockFile() }
    let next = (scope == .none ? mirror.generation : mirror.table.generation(of: scope)) &+ 1
    scratch.begin()
    scratch.buffer.append("[\"clear\",")
    scope.session.withBytes { JSONText.append(string: $0, to: scratch.buffer) }
    scratch.buffer.append(",\"")
    scratch.buffer.append(hex: next, digits: 16)
    scratch.buffer.append("\"]")
    do throws(Failure) { try append(scratch, items: 1, isRemoval: true) } catch {
      // Log-out must not fail because of what is in the file.
      do throws(Failure) { try clearInNewFile(scope, next, hostTime) } catch let second { throw second.status == .busy ? second : error }
      return
    }
    mirror.cleared(scope, next)
    debts.removed()
    removeCopy()
    compactIfFarTooLarge(hostTime)
  }

  /// Clears by rewriting the file, if no line can be appended to it.
  private func clearInNewFile(_ scope: Scope, _ generation: UInt64, _ hostTime: Int64?) throws(Failure) {
    mirror.cleared(scope, generation)
    do throws(Failure) { try compact(hostTime, evenFull: true) } catch {
      let keepsNothing = mirror.table.count == 0
      mirror.startOver() // the entries are still stored, and are read anew
      guard error.status == .noSpace, isScopeFile, keepsNothing, try clearByRemoving() else { throw error }
    }
  }

  /// Appends one whole line, or nothing. The caller holds the lock.
  @inline(never)
  func append(_ line: Line, items: Int, isRemoval: Bool) throws(Failure) {
    try appendInLine(line, items: items, isRemoval: isRemoval)
  }

  /// Does what `append` does, inlined for an update.
  @inline(__always)
  private func appendInLine(_ line: Line, items: Int, isRemoval: Bool) throws(Failure) {
    guard !mirror.hasUnknown else { throw Failure.newerLines }
    let next = mirror.position.sequence &+ 1
    guard next <= JournalHeader.sequenceLimit else { throw Failure(.refused, "the file has its last line number") }
    let bytes = line.seal(items: items, sequence: next, salt: mirror.salt)
    let end = mirror.applied &+ Int64(bytes.count)
    let limit = isRemoval ? JournalHeader.fileLimit : JournalHeader.fileLimit &- reserve
    guard bytes.count <= Line.limit, end <= limit else {
      throw Failure(.quota, "the file would be larger than 4 GiB, or a line larger than 64 MiB")
    }
    if !isRemoval, end &+ reserve > max(mirror.allocated, allocatedAnyway) { try extendAllocation(past: end) }
    do throws(Failure) { try guarded { () throws(Failure) in try Syscalls.writeFile(route.file, bytes) } } catch {
      cutOffPart(of: bytes)
      throw error
    }
    mirror.appended(bytes.count, next)
    debts.wrote()
  }

  /// Cuts off what has been written of a line. If that fails, the next writer repairs the end.
  @inline(never)
  private func cutOffPart(of line: UnsafeRawBufferPointer) {
    if route.isReadAlone, !endsWithPart(of: line) { return debts.ownFileWasChanged() }
    if !cutOffRest() { route.isReadToEnd(false) }
  }

  /// Returns true if all that the file has behind the last line is a beginning of this one. In an exclusive storage, which looks at the file only
  /// now, anything else says that somebody has written to it. Then the lines are not where this handle believes, and must not be cut.
  private func endsWithPart(of line: UnsafeRawBufferPointer) -> Bool {
    guard let size = try? Syscalls.sizeAndLinks(route.file).size else { return false }
    let count = Int(clamping: size &- mirror.applied)
    guard count >= 0, count <= line.count else { return false }
    input.truncate(to: 0)
    input.reserve(count)
    guard let got = try? readFile(input.start, count, mirror.applied), got == count else { return false }
    input.resize(to: count)
    return input.bytes.equals(UnsafeRawBufferPointer(rebasing: line[0..<count]))
  }

  @inline(never)
  func writeGuarded(_ bytes: UnsafeRawBufferPointer, into file: Int32) throws(Failure) {
    try guarded { () throws(Failure) in try Syscalls.writeFile(file, bytes) }
  }

  /// Runs a write that may exceed the limit on the size of files, whose signal must not end the host.
  @inline(__always)
  func guarded(_ body: () throws(Failure) -> Void) throws(Failure) {
    if guardsFileSize { try Syscalls.withoutFileSizeSignal(body) } else { try body() }
  }

  /// The end of the block that the file of a scope ends in.
  @inline(__always)
  private var allocatedAnyway: Int64 { isScopeFile ? (mirror.applied &+ route.blockSize &- 1) & ~(route.blockSize &- 1) : 0 }

  @inline(never)
  private func extendAllocation(past end: Int64) throws(Failure) {
    let needed = end &+ reserve
    let step = allocationStep
    let wanted = (needed &+ step &- 1) / step &* step
    do throws(Failure) { try allocate(to: wanted) } catch { try allocate(to: needed) } // a nearly full disk may have room for less
  }

  private func allocate(to end: Int64) throws(Failure) {
    // Some file systems allocate blocks past this limit, which then cannot be written.
    if guardsFileSize, let limit = Syscalls.fileSizeLimit(), end > limit {
      throw Failure(.noSpace, "the file would exceed this process's limit on the size of files", systemError: EFBIG)
    }
    // tmpfs raises SIGXFSZ here, too.
    try guarded { () throws(Failure) in try Syscalls.allocate(route.file, from: mirror.applied, end &- mirror.applied) }
    mirror.allocated(to: end)
  }

  /// Cuts off what is behind the last line. That frees the blocks past the end as well. Returns false if it cannot be cut off.
  @inline(never)
  func cutOffRest() -> Bool {
    mirror.allocated(to: 0)
    guard Syscalls.truncateFile(route.file, to: mirror.applied) else { return false }
    restoreReserve()
    return true
  }

  /// Allocates again what a file has lost, or a new one never had: not the reserve for removals alone, but as much as an update would. Other
  /// handles do not learn that the blocks were freed. If these were fewer than they believe, their updates would use up the reserve.
  func restoreReserve() {
    if mirror.applied &+ reserve > allocatedAnyway { try? extendAllocation(past: mirror.applied) }
  }
}
