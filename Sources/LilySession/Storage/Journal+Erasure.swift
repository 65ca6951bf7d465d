import CPlatform

/// Overwrites removed values in a file that cannot be rewritten, because its folder is not writable, it is mounted by itself, or there is no
/// descriptor for another file. SQLite's `secure_delete` is the model.
//
// An overwritten line keeps its length and stays whole: its value becomes zeros that expired long ago, so readers read on as always. A
// reader without the lock may know the file from before the removal, and find the value gone already. By the file's size it sees that there
// is more to read, and so it comes to the removal.
extension Journal {
  /// Overwrites all values that are no longer stored, and damaged lines before the last removal. The caller holds the lock, and has read the
  /// file to its end.
  func eraseInPlace() throws(Failure) {
    let end = mirror.applied
    let found = try survey()
    defer { scratch.buffer.truncate(to: 0) }
    guard found.removedTo >= mirror.removedTo else { throw Failure(.corrupt, "the line of the last removal is damaged") }
    // If power fails while a line is overwritten, the whole line may be lost. So what such a line says, if it still
    // counts, is written again first.
    if found.endangered.count > 0 { try writeAgain(found.endangered) }
    do throws(Failure) { try Syscalls.syncData(route.file) } catch {
      debts.syncFailed()
      throw error
    }
    debts.wrote()
    let (failure, appendsAgain) = try Syscalls.withoutAppending(route.file) { () throws(Failure) in
      try guarded { () throws(Failure) in try overwrite(to: end, removedTo: found.removedTo) }
    }
    if !appendsAgain { route.forgetFile() } // the next use opens the file anew
    if let failure { throw failure }
    if let failure = removeRemains() { throw failure }
    mirror.erased()
  }

  private func overwrite(to end: Int64, removedTo: Int64) throws(Failure) {
    try forEachLine(to: end) { line throws(Failure) in
      switch line.judgement {
      case .whole(.change): try overwriteValues(line.line)
      case .damaged where line.line.start < removedTo: try overwriteDamaged(line.line)
      default: break
      }
    }
  }

  /// Returns the keys that are set or removed in the same line as a value that is to be overwritten, and where the last line ends that
  /// removes something.
  private func survey() throws(Failure) -> (endangered: EntryTable, removedTo: Int64) {
    let endangered = EntryTable()
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    var removedTo: Int64 = 0
    try forEachLine(to: mirror.applied) { found throws(Failure) in
      switch found.judgement {
      case .whole(.clear): removedTo = found.after.end
      case .whole(.change):
        var hasGone = false
        parser.forEachChange { change in
          if !change.isSet { removedTo = found.after.end } else if isGone(change) { hasGone = true }
        }
        guard hasGone else { break }
        parser.forEachChange { change in
          if isStored(change) || !change.isSet { endangered.set(change.key, nothing, deadline: 0, version: 0) }
        }
      default: break
      }
    }
    return (endangered, removedTo)
  }

  /// Writes again what is stored under these keys, or a removal if nothing is.
  private func writeAgain(_ keys: EntryTable) throws(Failure) {
    let batch = Batch()
    try keys.forEach { key throws(Failure) in
      let key = EntryTable.key(key)
      if let record = mirror.table.find(key) { try batch.set(record) } else { batch.remove(Key(stored: [UInt8](key))) }
      if batch.line.buffer.count > Line.limit / 4 { try write(batch) }
    }
    if !batch.isEmpty { try write(batch) }
  }

  private func write(_ batch: Batch) throws(Failure) {
    try append(batch.line, items: batch.changes.count, isRemoval: batch.onlyRemoves)
    batch.removeAll()
  }

  private func forEachLine(to end: Int64, _ visit: (JournalReader.Found) throws(Failure) -> Void) throws(Failure) {
    var lines = JournalReader(input, parser, mirror.salt, from: JournalReader.Position(end: mirror.linesAt))
    _ = try lines.forEach(to: end, from: readFile, skippingTo: nextData) { found throws(Failure) in
      try visit(found)
      return true
    }
  }

  private func isStored(_ change: LineReader.Change) -> Bool {
    guard change.isSet, let record = mirror.table.find(change.key) else { return false }
    return EntryTable.value(record).equals(change.value)
  }

  /// Returns true if the value is to be overwritten, and has not been yet.
  private func isGone(_ change: LineReader.Change) -> Bool {
    guard change.isSet, !isStored(change) else { return false }
    return change.deadline != Journal.longAgo(change.deadline) || !change.value.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "\"") }
  }

  private func overwriteValues(_ line: LineSplitter.Line) throws(Failure) {
    guard let start = line.text.baseAddress else { return }
    let blank = scratch.buffer
    blank.truncate(to: 0)
    parser.forEachChange { change in
      guard isGone(change), let value = change.value.baseAddress else { return }
      if blank.count == 0 { blank.append(line.text) }
      blank.blankOut(from: value - start, valueCount: change.value.count, deadline: change.deadline)
    }
    if blank.count == 0 { return }
    blank.put(hex: UInt64(mirror.salt.check(blank.slice(JournalHeader.checkedFrom, blank.count))), digits: JournalHeader.checkDigits, at: JournalHeader.checkOffset)
    try Syscalls.overwrite(route.file, blank.bytes, at: line.start)
  }

  /// Returns a deadline that has passed, in 2001 at the latest. It has as many digits as the given one, but at most 13.
  fileprivate static func longAgo(_ deadline: Int64) -> Int64 {
    var passed: Int64 = 1
    for _ in 1..<min(ByteBuffer.decimalLength(deadline.magnitude), 13) { passed &*= 10 }
    return passed
  }

  private func overwriteDamaged(_ line: LineSplitter.Line) throws(Failure) {
    let blank = scratch.buffer
    let room: Int64 = 64 << 10
    let end = line.start &+ line.length
    var at = min(nextData(line.start), end)
    while at < end {
      blank.truncate(to: 0)
      // A write ends where a block begins, because a hole behind it in the same block would be filled.
      for _ in 0..<min(end &- at, room &- at % room) { blank.append(UInt8(ascii: "?")) }
      try Syscalls.overwrite(route.file, blank.bytes, at: at)
      at = min(nextData(at &+ Int64(blank.count)), end) // a hole stays one
    }
  }
}

extension ByteBuffer {
  /// Overwrites a value, the comma behind it and its deadline by a blank value and a passed deadline of the same length together.
  fileprivate func blankOut(from start: Int, valueCount: Int, deadline: Int64) {
    let end = start &+ valueCount &+ 1 &+ ByteBuffer.decimalLength(deadline.magnitude)
    guard start >= 0, end <= count else { return }
    let passed = Journal.longAgo(deadline)
    let comma = end &- 1 &- ByteBuffer.decimalLength(passed.magnitude)
    let tail = ByteBuffer(capacity: 32)
    tail.append(UInt8(ascii: ","))
    tail.append(decimal: passed)
    put(tail.bytes, at: comma)
    for at in start..<comma { self.start[at] = UInt8(ascii: "0") }
    if comma &- start > 1 {
      self.start[start] = UInt8(ascii: "\"")
      self.start[comma &- 1] = UInt8(ascii: "\"")
    }
  }
}
