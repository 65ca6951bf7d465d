import CPlatform

/// The way of one change: lock, catch up, repair, one write, unlock.
extension Journal {
  /// Past the end of the file this much is kept allocated, for removals alone: logging out works on a full disk.
  private static var reserve: Int64 { 16 << 10 }
  private static var allocationStep: Int64 { 64 << 10 }

  @inline(__always)
  public func write(_ batch: Batch, in scope: Scope, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusion.run { () throws(Failure) in
      let outcome = try append(batch, scope, wanted, hostTime)
      guard options.isPowerDurable, needsSync, case .written(let shortfall) = outcome else { return outcome }
      guard let notDurable = makeDurable(hostTime) else { return outcome }
      return .written(
        .of(
          leftOut: shortfall?.leftOut ?? [], overtaken: shortfall?.overtaken ?? [], notDurable: notDurable,
          notRewritten: shortfall?.notRewritten))
    }
  }

  @inline(__always)
  private func append(_ batch: Batch, _ scope: Scope, _ wanted: UInt64?, _ hostTime: Int64?) throws(Failure) -> WriteOutcome {
    try enter()
    defer { leave() }
    if let wanted {
      let current = generation(of: scope)
      if wanted != current { return .superseded(generation: current) }
    }
    if batch.onlyRemoves, !batch.touches(table) { return .written(nil) }
    let overtaken = batch.leaveOutOvertaken(table, at: hostTime)
    let leftOut = batch.fit(table, quota: options.quota, at: hostTime)
    if batch.isEmpty { return .written(.of(leftOut: leftOut, overtaken: overtaken)) }
    try append(batch.line, items: batch.changes.count, isRemoval: batch.onlyRemoves)
    batch.apply(to: table)
    if batch.hasRemoves {
      holdsRemoved = true
      needsRewrite = true
    }
    if isFarTooLarge { compactOrBackOff(hostTime) }
    return .written(.of(leftOut: leftOut, overtaken: overtaken))
  }

  public func clear(_ scope: Scope) throws(Failure) {
    let hostTime = options.clock?()
    try exclusion.run { () throws(Failure) in
      try appendClear(scope)
      if options.isPowerDurable, let failure = makeDurable(hostTime) { throw failure }
    }
  }

  private func appendClear(_ scope: Scope) throws(Failure) {
    try enter()
    defer { leave() }
    let next = generation(of: scope) &+ 1
    scratch.begin()
    scratch.buffer.append("[\"clear\",")
    scope.session.withBytes { JSONText.append(string: $0, to: scratch.buffer) }
    scratch.buffer.append(",\"")
    scratch.buffer.append(hex: next, digits: 16)
    scratch.buffer.append("\"]")
    try append(scratch, items: 1, isRemoval: true)
    applyClear(scope.session, next)
    needsRewrite = true
    Syscalls.unlink(directory, names.damaged)
  }

  /// Appends one line whole, or nothing. The caller holds the lock.
  @inline(__always)
  func append(_ line: Line, items: Int, isRemoval: Bool) throws(Failure) {
    guard !hasUnknown else { throw Failure(.newer, "the file has lines of a newer format") }
    let (next, overflow) = sequence.addingReportingOverflow(1)
    guard !overflow else { throw Failure(.refused, "the file's sequence is at its end") }
    let bytes = line.seal(items: items, sequence: next, salt: salt)
    let limit = isRemoval ? JournalHeader.fileLimit : JournalHeader.fileLimit &- Journal.reserve
    guard bytes.count <= Line.limit, applied &+ Int64(bytes.count) <= limit else {
      throw Failure(.quota, "the file would be larger than 4 GiB, or a line than 64 MiB")
    }
    if !isRemoval { try extendAllocation(past: applied &+ Int64(bytes.count)) }
    do throws(Failure) { try put(bytes, into: file) } catch {
      // Where this fails too, the next writer repairs.
      _ = Syscalls.truncate(file, to: applied)
      allocated = 0
      throw error
    }
    applied &+= Int64(bytes.count)
    sequence = next
    needsSync = true
  }

  @inline(__always)
  func put(_ bytes: UnsafeRawBufferPointer, into file: Int32) throws(Failure) {
    try guarded { () throws(Failure) in try Syscalls.write(file, bytes) }
  }

  /// Runs what may go past the limit on the size of files, which must not end the host.
  @inline(__always)
  private func guarded(_ body: () throws(Failure) -> Void) throws(Failure) {
    if guardsFileSize { try Syscalls.withoutFileSizeSignal(body) } else { try body() }
  }

  private func extendAllocation(past end: Int64) throws(Failure) {
    let needed = end &+ Journal.reserve
    guard needed > allocated else { return }
    let step = Journal.allocationStep
    let wanted = (needed &+ step &- 1) / step &* step
    do throws(Failure) { try allocate(to: wanted) } catch { try allocate(to: needed) } // what is left of the disk may do
  }

  private func allocate(to end: Int64) throws(Failure) {
    // tmpfs raises SIGXFSZ here, too.
    try guarded { () throws(Failure) in try Syscalls.allocate(file, from: applied, end &- applied) }
    allocated = end
  }
}
