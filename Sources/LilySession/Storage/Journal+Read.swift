import CPlatform

/// Bringing the table up to what the file says.
extension Journal {
  private static var chunk: Int { 1 << 20 }

  /// Before a read: what others have written since. Takes no lock unless something is not as it should be.
  ///
  /// - Parameter lookingUp: also where nothing tells that the path may name another file, as after a move by hand.
  func freshen(lookingUp: Bool = false) throws(Failure) {
    var patience = Patience()
    while true {
      let (size, links) = try Syscalls.sizeAndLinks(file)
      if isCurrent((size, links)), !lookingUp { return }
      var isNamed = false
      if links != 1 || hasMoved || lookingUp {
        switch try lookUp() {
        case .thisFile:
          // The mark stays: the moved line may be that of a compactor about to rename, and only who has the lock knows that
          // it is dead. Until then each read looks the path up.
          isNamed = true
        case .another:
          if try open(create: false) {
            try patience.wait("the file is replaced again and again")
            continue
          }
          fallthrough // it has gone, too
        case .nothing:
          vanish()
          return
        }
      }
      if size < applied { forget() }
      let before = applied
      if try catchUp(to: size, isLocked: false) {
        // A line that has just been read may be another moved one.
        if !hasMoved || isNamed && applied == before { return }
      } else {
        // Half of a repair, a line being written, or real damage: only under the lock is there one answer.
        if try freshenLocked() { return }
      }
      try patience.wait("the file is replaced again and again")
    }
  }

  /// false: the path does not name this file any more.
  private func freshenLocked() throws(Failure) -> Bool {
    try lock()
    defer { leave() }
    return try examine(try Syscalls.sizeAndLinks(file), forWriting: false)
  }

  /// The file is gone from its path, and with it all that was stored: as after a clear.
  func vanish() {
    if isGone { return }
    forget()
    isGone = true
    generation &+= 1
  }

  /// Applies the lines from `applied` to `size`. Without the lock it stops at the first that is not whole and right, and answers
  /// false; under the lock such a line is damage, counted and skipped. What follows the last newline is left alone.
  func catchUp(to size: Int64, isLocked: Bool) throws(Failure) -> Bool {
    try JSON.run { json throws(Failure) in try catchUp(to: size, isLocked: isLocked, json) }
  }

  private func catchUp(to size: Int64, isLocked: Bool, _ json: JSON) throws(Failure) -> Bool {
    guard size <= JournalHeader.fileLimit else { throw Failure(.refused, "the file is larger than 4 GiB") }
    if applied == 0 {
      guard try readHeader(size, isLocked: isLocked) else { return false }
      guard applied > 0 else { return true }
    }
    var end = applied // up to where the file has been read
    var scanned = 0 // up to where there is no newline in `input`
    var isTooLong = false // inside a line over the limit, whose bytes are not kept
    input.truncate(to: 0)
    defer { input.shrink(to: Journal.chunk) }
    while end < size {
      let had = input.count
      let want = Int(min(size &- end, Int64(Journal.chunk)))
      input.reserve(want)
      let got = try Syscalls.read(file, input.start + had, want, at: end)
      if got <= 0 { break } // cut off meanwhile
      input.resize(to: had &+ got)
      end &+= Int64(got)
      var start = 0
      while let newline = newline(from: scanned) {
        let isGood = isTooLong || newline &- start >= Line.limit ? false : try apply(input.slice(start, newline), json)
        if !isGood {
          guard isLocked else { return false }
          noteDamage()
        }
        isTooLong = false
        start = newline &+ 1
        scanned = start
        applied = end &- Int64(input.count &- start)
      }
      input.removeFirst(start)
      if isTooLong || input.count > Line.limit {
        isTooLong = true
        input.truncate(to: 0)
      }
      scanned = input.count
    }
    return true
  }

  private func newline(from: Int) -> Int? {
    guard from < input.count, let found = memchr(input.start + from, 0x0A, input.count &- from) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(input.start)
  }

  /// false: not readable without the lock. `applied` stays 0 where there is no header yet.
  private func readHeader(_ size: Int64, isLocked: Bool) throws(Failure) -> Bool {
    let length = 2 * JournalHeader.length
    input.truncate(to: 0)
    input.reserve(length)
    let got = try Syscalls.read(file, input.start, length, at: 0)
    input.resize(to: got)
    let isAllZero = input.bytes.allSatisfy { $0 == 0 } ? try isZero(from: Int64(got), to: size) : false
    switch JournalHeader.read(input.bytes, fileSize: size, isAllZero: isAllZero) {
    case .ours(let header, let isDamaged):
      if isDamaged && !isLocked { return false } // a header being written
      salt = header.salt
      generation = header.generation
      applied = Int64(length)
      if isDamaged { noteDamage() }
      try tightenMode()
    case .unfinished: break
    case .notOurs: throw Failure(.refused, "the file is not a journal, or of a newer format").at(names.path)
    }
    return true
  }

  /// Whether another journal was copied over this one, in the same inode: that looks like damage.
  func isOverwritten() throws(Failure) -> Bool {
    input.truncate(to: 0)
    let length = 2 * JournalHeader.length
    input.reserve(length)
    input.resize(to: try Syscalls.read(file, input.start, length, at: 0))
    guard case .ours(let header, _) = JournalHeader.read(input.bytes, fileSize: Int64(length), isAllZero: false) else { return true }
    return header.salt.value != salt.value
  }

  /// Whether the rest of a file is zeros, as far as blocks that a crash left without data go: a larger file is not.
  private func isZero(from: Int64, to size: Int64) throws(Failure) -> Bool {
    guard size <= 1 << 20 else { return false }
    var at = from
    input.reserve(Journal.chunk)
    let spare = 2 * JournalHeader.length
    while at < size {
      let got = try Syscalls.read(file, input.start + spare, Journal.chunk / 2, at: at)
      if got <= 0 { break }
      for offset in 0..<got where input.start[spare &+ offset] != 0 { return false }
      at &+= Int64(got)
    }
    return true
  }

  private func noteDamage() {
    damagedLines &+= 1
    keepsDamage = true
  }

  /// false: the line is damaged, and none of it applied.
  private func apply(_ line: UnsafeRawBufferPointer, _ json: JSON) throws(Failure) -> Bool {
    guard let (number, operation) = try reader.read(line, salt, json), number > sequence else { return false }
    let isGap = number &- sequence > 1
    switch operation {
    case .change:
      for change in reader.changes {
        if change.isSet {
          table.set(change.key, change.value, deadline: change.deadline, version: change.version)
        } else {
          table.remove(change.key)
          holdsRemoved = true
        }
      }
    case .clear(let prefix, let newGeneration): applyClear(prefix, newGeneration)
    case .moved: hasMoved = true
    case .unknown: hasUnknown = true
    }
    sequence = number
    if isGap { noteDamage() } // lines are missing before this one
    return true
  }

  func applyClear(_ prefix: Key, _ newGeneration: UInt64) {
    table.remove(prefix: prefix)
    let scope = prefix.withBytes { Scope(of: $0) }
    if scope == .none { generation = newGeneration } else { table.setGeneration(newGeneration, of: scope) }
    holdsRemoved = true
    keepsDamage = false // a copy of the damaged file would keep what is to be gone
  }
}
