/// What has been read from one file, and written to it since: its entries, and what its lines say about the file itself. It changes only by
/// these transitions, and is replaced as a whole for another file.
final class JournalMirror {
  let table = EntryTable()
  private var state = State()

  /// What this handle's sessions see added to the generation, because of what no file says.
  private var offset: UInt64 = 0

  /// The salt of the file that was read before. By it a handle recognises its own lines.
  private(set) var formerSalt: Salt?

  /// The bytes behind the last newline. They are not read again while they have not changed.
  struct Tail {
    /// The file's size.
    var end: Int64
    /// A hash of the bytes that the tail begins with.
    var beginning: Int
  }

  private struct State {
    var salt = Salt(0)
    var generation: UInt64 = 0
    /// True if the generation is that of a file, or follows from one.
    var hasGeneration = false
    /// True if nothing is stored, and the generation already counts that as a clear.
    var isVoid = false
    var position = JournalReader.Position()
    var linesAt = Int64(2 * JournalHeader.length)
    var allocated: Int64 = 0
    var damagedLines = 0
    var keepsDamage = false
    var hasLostHeader = false
    var hasUnknown = false
    var hasMoved = false
    var holdsRemoved = false
    var removedTo: Int64 = 0
    var tail: Tail?
  }

  // MARK: what is known

  var salt: Salt { state.salt }
  /// Counts clears. It survives compaction.
  var generation: UInt64 { state.generation }
  var hasGeneration: Bool { state.hasGeneration }
  /// The position up to which the file has been read.
  var position: JournalReader.Position { state.position }
  /// That position in bytes. At 0 there is not even a header, so nothing can be appended.
  var applied: Int64 { state.position.end }
  /// True if no line can follow, because there is no higher sequence number.
  var isAtSequenceEnd: Bool { position.sequence >= JournalHeader.sequenceLimit && !hasUnknown }
  /// True if nothing behind the header has been read or written yet.
  var hasHeaderAlone: Bool { applied == Int64(2 * JournalHeader.length) }
  /// Where the first line begins. In a file with a damaged header this may be another place than usual.
  var linesAt: Int64 { state.linesAt }
  /// The place up to which blocks are allocated; 0 if unknown.
  var allocated: Int64 { state.allocated }
  var damagedLines: Int { state.damagedLines }
  /// True if a copy of the damage is to be kept when the file is rewritten, because no removal has come after it.
  var keepsDamage: Bool { state.keepsDamage }
  /// True if no copy of the header can be used, and the salt was found from the lines.
  var hasLostHeader: Bool { state.hasLostHeader }
  /// True if the file has a line of a newer format, so that it must not be written to.
  var hasUnknown: Bool { state.hasUnknown }
  /// True if a compaction came as far as the line `moved`, so that the path must be looked up.
  var hasMoved: Bool { state.hasMoved }
  /// True if the file still holds what was removed or cleared.
  var holdsRemoved: Bool { state.holdsRemoved }
  /// The end of the last line that removes something; 0 if no line does. What comes before may have been removed.
  var removedTo: Int64 { state.removedTo }
  /// What follows the last line that was read, or nil if the file ended with that line.
  var tail: Tail? { state.tail }
  /// True if the file has nothing, not even damage, so that it may be begun anew.
  var isBlank: Bool { applied == 0 && damagedLines == 0 }

  /// Returns the generation, by which sessions of a scope notice a clear. It changes if the scope is cleared, and if the whole file is
  /// emptied, which the upper half of the file's generation counts. A clear of the storage itself does not clear its scopes.
  func generation(of scope: Scope) -> UInt64 {
    let generation = generation &+ offset
    if scope == .none { return generation }
    return generation & JournalMirror.upperHalf | table.generation(of: scope) & ~JournalMirror.upperHalf
  }

  private static var upperHalf: UInt64 { 0xFFFF_FFFF_0000_0000 }

  /// Returns the generation of a new file. It is random, so that a file that was deleted and made anew differs from the one before. Its
  /// lower half has room for as many clears as there will ever be.
  static func firstGeneration(_ random: UInt64) -> UInt64 { random & 0xFFFF_FFFF_7FFF_FFFF }

  // MARK: another file

  /// Forgets what was read, because another file is to be read. The generation stays until the other file's generation is read.
  func startOver() {
    if applied > 0 { formerSalt = salt }
    table.removeAll()
    state = State(generation: state.generation, hasGeneration: state.hasGeneration, isVoid: state.isVoid)
  }

  /// Everything that was stored is gone, because the file is gone or empty. That counts as one clear, however often it is met.
  ///
  /// - Parameter mark: for the file of a scope, the mark of clears in its folder.
  func voided(_ mark: UInt64?) {
    var generation = state.generation
    if let mark {
      if state.hasGeneration, !state.isVoid, generation >> 32 == mark { deserted() }
      generation = mark << 32
    } else if state.hasGeneration, !state.isVoid {
      generation &+= 1 << 32
    }
    table.removeAll()
    state = State(generation: generation, hasGeneration: state.hasGeneration || mark != nil, isVoid: true)
  }

  /// There was a clear while nothing was stored. The generation changes, so that what was tried before it is not tried again.
  func clearedNothing(_ mark: UInt64?) { state.generation = mark.map { $0 << 32 } ?? state.generation &+ (1 << 32) }

  /// The file of a scope is gone or another one, although nothing says that it was cleared, swept or rewritten. So somebody has deleted it.
  func deserted() { offset &+= 1 << 48 }

  /// The file was a journal, and none of its lines can be read. `header` is nil if its header cannot be read either.
  func ruined(_ header: JournalHeader?) {
    startOver()
    if let header {
      state.generation = header.generation
      state.hasGeneration = true
    }
    damaged()
  }

  /// A header has been read.
  func began(_ header: JournalHeader, isDamaged: Bool, linesAt start: Int64) {
    begin(header, at: start)
    if isDamaged { damaged() }
  }

  /// The header is lost, and the salt is known from the lines. Everybody who reads the file computes the same generation.
  func beganWithoutHeader(_ salt: Salt, linesAt start: Int64) {
    begin(JournalHeader(salt: salt, generation: JournalMirror.generation(withoutHeader: salt)), at: start)
    state.hasLostHeader = true
    damaged()
  }

  /// This handle has begun the file.
  func created(_ header: JournalHeader, length: Int64) { begin(header, at: length) }

  private static func generation(withoutHeader salt: Salt) -> UInt64 { UInt64(salt.seed) &<< 32 }

  private func begin(_ header: JournalHeader, at end: Int64) {
    // If the header was lost, and somebody has written a new one, that is no clear to those who knew the old one.
    if state.hasGeneration, let formerSalt, header.generation == JournalMirror.generation(withoutHeader: formerSalt) {
      offset &+= state.generation &- header.generation
    }
    table.removeAll()
    state = State(salt: header.salt, generation: header.generation, hasGeneration: true)
    state.position.end = end
    state.linesAt = end
  }

  /// This handle has put a new file in the place of the one before, with the same entries except those that had expired.
  func rewritten(_ header: JournalHeader, _ position: JournalReader.Position, at time: Int64) {
    state = State(salt: header.salt, generation: header.generation, hasGeneration: true)
    state.position = position
    table.remove { Entry.isExpired($0.pointee.deadline, at: time) }
    table.hasForgotten = false
  }

  // MARK: the next line

  /// A whole line has been read.
  func apply(_ operation: LineReader.Operation, _ parser: LineReader, _ line: JournalReader.Found) {
    state.position = line.after
    switch operation {
    case .change:
      parser.forEachChange { change in
        if change.isSet {
          table.set(change.key, change.value, deadline: change.deadline, version: change.version)
        } else {
          table.remove(change.key)
          removed()
        }
      }
    case .clear(let generation): cleared(parser.cleared, generation)
    case .moved: state.hasMoved = true
    case .unknown: state.hasUnknown = true
    }
    if line.missing > 0 { damaged() }
  }

  /// A damaged line has been read, and is skipped.
  func skip(_ line: JournalReader.Found) {
    state.position = line.after
    damaged()
  }

  /// The file ends within a line.
  func endsTorn(_ tail: Tail) { state.tail = tail }

  private func damaged() {
    state.damagedLines &+= 1
    state.keepsDamage = true
  }

  /// This handle has appended a line.
  @inline(__always)
  func appended(_ bytes: Int, _ sequence: Int64) {
    state.position.end &+= Int64(bytes)
    state.position.sequence = sequence
    state.position.skipped = 0
  }

  /// The last line removes something. No copy of damage before it is kept, because it might have what was removed.
  func removed() {
    state.holdsRemoved = true
    state.removedTo = applied
    state.keepsDamage = false
  }

  /// Removed values have been taken out of the file.
  func erased() { state.holdsRemoved = false }

  func cleared(_ scope: Scope, _ generation: UInt64) {
    table.removeSessions(of: scope)
    if scope == .none { state.generation = generation } else { table.setGeneration(generation, of: scope) }
    removed()
  }

  /// A torn end could not be cut off, and was made a damaged line.
  func spoiled(to end: Int64) {
    state.position.end = end
    state.position.skipped &+= 1
    damaged()
  }

  // MARK: the file itself

  /// Blocks are allocated up to this place; 0 if they no longer are.
  func allocated(to end: Int64) { state.allocated = end }

  /// The line `moved` has no meaning any more: under the lock, the path was found to name this file still.
  func movedIsVoid() { state.hasMoved = false }
}
