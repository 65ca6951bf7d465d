/// What has been read of one file, and written to it since: its entries, and what its lines say about the file itself. It changes by
/// these transitions alone, and is replaced as a whole when there is another file.
final class JournalMirror {
  let table = EntryTable()
  private var state = State()

  /// The salt of what was read before, to know lines of this handle's own by.
  private(set) var formerSalt: Salt?

  /// Bytes behind the last newline, which need not be read again as long as they are the same.
  struct Tail {
    /// The file's size.
    var end: Int64
    /// A hash of what they begin with.
    var beginning: Int
  }

  private struct State {
    var salt = Salt(0)
    var generation: UInt64 = 0
    /// The generation is that of a file, or follows from one.
    var hasGeneration = false
    /// Nothing is stored, and the generation says so already.
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
  /// Counts clears; it survives compaction.
  var generation: UInt64 { state.generation }
  var hasGeneration: Bool { state.hasGeneration }
  /// Up to where the file has been read.
  var position: JournalReader.Position { state.position }
  /// The same, in bytes. 0: not even a header, so that nothing can be appended.
  var applied: Int64 { state.position.end }
  /// No line can follow.
  var isAtSequenceEnd: Bool { position.sequence >= JournalHeader.sequenceLimit && !hasUnknown }
  /// No line has been read or written yet.
  var hasHeaderAlone: Bool { applied == Int64(2 * JournalHeader.length) }
  /// Where the first line begins: what is left of a damaged header may be elsewhere.
  var linesAt: Int64 { state.linesAt }
  /// Up to where blocks are allocated.
  var allocated: Int64 { state.allocated }
  var damagedLines: Int { state.damagedLines }
  /// There is damage that no removal has made worthless: it is kept beside the file before that is rewritten.
  var keepsDamage: Bool { state.keepsDamage }
  /// No copy of the header serves; the salt was found from the lines.
  var hasLostHeader: Bool { state.hasLostHeader }
  /// A line of a newer format is in the file: it must not be written to.
  var hasUnknown: Bool { state.hasUnknown }
  /// A compaction came as far as its rename: the path has to be looked up.
  var hasMoved: Bool { state.hasMoved }
  /// The file still holds what was removed or cleared.
  var holdsRemoved: Bool { state.holdsRemoved }
  /// Where the last line ends that removes something; 0: there is none. What comes before may have been removed.
  var removedTo: Int64 { state.removedTo }
  /// What follows the last line that was read.
  var tail: Tail? { state.tail }
  /// Nothing is in the file, and nothing is damaged: it may be begun anew.
  var isBlank: Bool { applied == 0 && damagedLines == 0 }

  /// What tells a session of a clear. For a scope: a clear of the scope, or that the whole file was emptied, which the upper half of
  /// the file's generation counts. A clear of the storage itself is none of a scope's.
  func generation(of scope: Scope) -> UInt64 {
    if scope == .none { return generation }
    return generation & JournalMirror.upperHalf &+ table.generation(of: scope)
  }

  private static var upperHalf: UInt64 { 0xFFFF_FFFF_0000_0000 }

  /// The generation of a file that nobody has stored anything in. It is random, so that a file which was deleted and made anew is
  /// told from the one before; its lower half has room for as many clears as there will ever be.
  static func firstGeneration(_ random: UInt64) -> UInt64 { random & 0xFFFF_FFFF_7FFF_FFFF }

  // MARK: another file

  /// Nothing is known of the file that is to be read next. What was stored counts until that one has said otherwise.
  func startOver() {
    if applied > 0 { formerSalt = salt }
    table.removeAll()
    state = State(generation: state.generation, hasGeneration: state.hasGeneration, isVoid: state.isVoid)
  }

  /// All that was stored is gone, the file with it or out of it. That is a clear, and one only, however often it is met.
  func voided() {
    let isNews = state.hasGeneration && !state.isVoid
    let generation = isNews ? state.generation &+ (1 << 32) : state.generation
    table.removeAll()
    state = State(generation: generation, hasGeneration: state.hasGeneration, isVoid: true)
  }

  /// A clear where nothing is stored: what was tried before it is not to be tried again.
  func clearedNothing() { state.generation &+= 1 << 32 }

  /// The file was once a journal, and nothing of it can be read. `header`: what is left of it.
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

  /// The header is lost, and the salt is known from the lines. The generation is one that all who read the file agree upon.
  func beganWithoutHeader(_ salt: Salt, linesAt start: Int64) {
    begin(JournalHeader(salt: salt, generation: UInt64(salt.seed) &<< 32), at: start)
    state.hasLostHeader = true
    damaged()
  }

  /// This handle has begun the file.
  func created(_ header: JournalHeader, length: Int64) { begin(header, at: length) }

  private func begin(_ header: JournalHeader, at end: Int64) {
    table.removeAll()
    state = State(salt: header.salt, generation: header.generation, hasGeneration: true)
    state.position.end = end
    state.linesAt = end
  }

  /// This handle has put a new file with the same entries in the place of the one before, without those that had expired.
  func rewritten(_ header: JournalHeader, _ position: JournalReader.Position, at time: Int64) {
    state = State(salt: header.salt, generation: header.generation, hasGeneration: true)
    state.position = position
    table.remove { Entry.isExpired($0.pointee.deadline, at: time) }
  }

  // MARK: the next line

  /// A line has been read, and is whole.
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
    case .clear(let scope, let generation): cleared(scope, generation)
    case .moved: state.hasMoved = true
    case .unknown: state.hasUnknown = true
    }
    if line.missing > 0 { damaged() }
  }

  /// A line has been read that is not whole, and is skipped.
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

  /// The last line removes something. A copy of the damaged file would keep what is to be gone.
  func removed() {
    state.holdsRemoved = true
    state.removedTo = applied
    state.keepsDamage = false
  }

  /// What was removed is not in the file any more.
  func erased() { state.holdsRemoved = false }

  func cleared(_ scope: Scope, _ generation: UInt64) {
    table.removeSessions(of: scope)
    if scope == .none { state.generation = generation } else { table.setGeneration(generation, of: scope) }
    removed()
  }

  /// A torn end could not be cut off, and was made a damaged line of its own.
  func spoiled(to end: Int64) {
    state.position.end = end
    state.position.skipped &+= 1
    damaged()
  }

  // MARK: the file itself

  /// Blocks are allocated up to there; 0: no longer.
  func allocated(to end: Int64) { state.allocated = end }

  /// The last line `moved` is void: who has the lock has found that the path still names this file.
  func movedIsVoid() { state.hasMoved = false }
}
