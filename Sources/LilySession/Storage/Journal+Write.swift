import CPlatform

/// The way of one change: lock, catch up, repair, one write, unlock.
extension Journal {
  /// Past the end of the file this much is kept allocated, for removals alone: logging out works on a full disk.
  private static var reserve: Int64 { 16 << 10 }
  private static var allocationStep: Int64 { 64 << 10 }

  public func write(_ batch: Batch, generation wanted: UInt64?) throws(Failure) -> WriteOutcome {
    let hostTime = options.clock?() // before any lock is taken
    return try exclusion.run { () throws(Failure) in
      try enter()
      defer { leave() }
      if let wanted, wanted != generation { return .superseded(generation: generation) }
      if batch.onlyRemoves, !batch.touches(table) { return .written }
      try append(batch.line, items: batch.changes.count, isRemoval: batch.onlyRemoves)
      batch.apply(to: table)
      if batch.onlyRemoves {
        holdsRemoved = true
        needsRewrite = true
      }
      if isFarTooLarge { compactOrBackOff(hostTime ?? Syscalls.wallClock()) }
      return .written
    }
  }

  public func clear(_ prefix: Key) throws(Failure) {
    try exclusion.run { () throws(Failure) in
      try enter()
      defer { leave() }
      let next = generation &+ 1
      scratch.begin()
      scratch.buffer.append("[\"clear\",")
      prefix.withBytes { JSONText.append(string: $0, to: scratch.buffer) }
      scratch.buffer.append(",\"")
      scratch.buffer.append(hex: next, digits: 16)
      scratch.buffer.append("\"]")
      try append(scratch, items: 1, isRemoval: true)
      applyClear(prefix, next)
      needsRewrite = true
      Syscalls.unlink(directory, names.damaged)
    }
  }

  /// Appends one line whole, or nothing. The caller holds the lock.
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

  func put(_ bytes: UnsafeRawBufferPointer, into file: Int32) throws(Failure) {
    try guarded { () throws(Failure) in try Syscalls.write(file, bytes) }
  }

  /// Runs what may go past the limit on the size of files, which must not end the host.
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
