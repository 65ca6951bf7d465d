import CPlatform

/// Taking what was removed out of a file that cannot be rewritten: its folder is not writable, it is mounted by itself, there is no
/// descriptor for another. SQLite's `secure_delete` is the model.
//
// A line that is overwritten stays as long as it was, and whole: its value becomes zeros that have expired long ago, so a reader goes past it
// as ever. One who reads without the lock may have seen the file from before the removal, and finds the value gone already; it
// sees by the file's size that there is more to read, and so comes to the removal.
extension Journal {
  /// Overwrites all values that are not stored any more, and damaged lines from before the last removal. The caller holds the lock, and has
  /// read the file to its end.
  func eraseInPlace() throws(Failure) {
    let end = mirror.applied
    let found = try survey()
    // A line that is being overwritten while the power fails may be lost as a whole. So what lives in it is stored once more before.
    if found.endangered.count > 0 { try storeAgain(found.endangered) }
    do throws(Failure) { try Syscalls.sync(data: route.file) } catch {
      debts.syncFailed()
      throw error
    }
    debts.wrote()
    try Syscalls.withoutAppending(route.file) { () throws(Failure) in
      try forEachLine(to: end) { line throws(Failure) in
        switch line.judgement {
        case .whole(.change): try overwriteValues(line.line)
        case .damaged where line.line.start < found.lastRemoval: try overwriteDamaged(line.line)
        default: break
        }
      }
    }
    mirror.erased()
    removeCopy()
  }

  /// Returns a table of the keys that live in a line together with what does not, and where the last line begins that removes something.
  private func survey() throws(Failure) -> (endangered: EntryTable, lastRemoval: Int64) {
    let endangered = EntryTable()
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    var lastRemoval: Int64 = 0
    try forEachLine(to: mirror.applied) { found throws(Failure) in
      switch found.judgement {
      case .whole(.clear): lastRemoval = found.line.start
      case .whole(.change):
        var hasGone = false
        parser.forEachChange { change in
          if !change.isSet { lastRemoval = found.line.start } else if isGone(change) { hasGone = true }
        }
        guard hasGone else { break }
        parser.forEachChange { change in
          if isStored(change) { endangered.set(change.key, nothing, deadline: 0, version: 0) }
        }
      default: break
      }
    }
    return (endangered, lastRemoval)
  }

  private func storeAgain(_ keys: EntryTable) throws(Failure) {
    let batch = Batch()
    try keys.forEach { key throws(Failure) in
      let key = EntryTable.key(key)
      guard let record = mirror.table.find(key) else { return }
      try batch.set(Key(stored: [UInt8](key)), deadline: record.pointee.deadline, version: record.pointee.version) { buffer throws(Failure) in
        buffer.append(EntryTable.value(record))
      }
    }
    try append(batch.line, items: batch.changes.count, isRemoval: false)
  }

  private func forEachLine(to end: Int64, _ visit: (JournalReader.Found) throws(Failure) -> Void) throws(Failure) {
    let start = mirror.hasLostHeader ? 0 : Int64(2 * JournalHeader.length)
    var lines = JournalReader(input, parser, mirror.salt, from: JournalReader.Position(end: start))
    _ = try lines.forEach(to: end, from: readFile, skippingTo: nextData) { found throws(Failure) in
      try visit(found)
      return true
    }
  }

  private func isStored(_ change: LineReader.Change) -> Bool {
    guard change.isSet, let record = mirror.table.find(change.key) else { return false }
    return EntryTable.value(record).equals(change.value)
  }

  /// Returns true if the value is to be overwritten, and was not before.
  private func isGone(_ change: LineReader.Change) -> Bool {
    guard change.isSet, !isStored(change) else { return false }
    return change.deadline != 1 || !change.value.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "\"") }
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
    blank.put(hex: UInt64(mirror.salt.check(blank.slice(JournalHeader.checkedFrom, blank.count))), digits: 8, at: 2)
    try Syscalls.overwrite(route.file, blank.bytes, at: line.start)
  }

  private func overwriteDamaged(_ line: LineSplitter.Line) throws(Failure) {
    let blank = scratch.buffer
    var done: Int64 = 0
    while done < line.length {
      let count = Int(min(line.length &- done, 64 << 10))
      blank.truncate(to: 0)
      for _ in 0..<count { blank.append(UInt8(ascii: "?")) }
      try Syscalls.overwrite(route.file, blank.bytes, at: line.start &+ done)
      done &+= Int64(count)
    }
  }
}

extension ByteBuffer {
  /// Overwrites a value, the comma behind it and its deadline by a value and the deadline 1, which together are as long.
  fileprivate func blankOut(from start: Int, valueCount: Int, deadline: Int64) {
    let end = start &+ valueCount &+ 1 &+ ByteBuffer.decimalLength(deadline.magnitude)
    guard start >= 0, end <= count else { return }
    var text = [UInt8](repeating: UInt8(ascii: "0"), count: end &- start)
    let quote = UInt8(ascii: "\"")
    let last = text.count &- 3 // of the value
    if last > 0 { (text[0], text[last]) = (quote, quote) }
    (text[last &+ 1], text[last &+ 2]) = (UInt8(ascii: ","), UInt8(ascii: "1"))
    text.withUnsafeBytes { put($0, at: start) }
  }
}
