/// Changes that are written together.
//
// A batch is already spelled as a line of the journal: items are appended as JSON, and a line is sealed around them without moving a byte.
// A session keeps one batch, and uses it for each update.
public final class Batch {
  let line = Line()
  private let keys = ByteBuffer()
  private let scratch = ByteBuffer(capacity: 64)
  private(set) var changes = PlainList<Change>()
  private var conditions = PlainList<Condition>()
  private var unfinished = Change(
    place: 0, isSet: false, key: Extent(start: 0, end: 0), hash: 0, value: Extent(start: 0, end: 0), deadline: 0, version: 0)
  private var itemStart = 0

  package init() { empty() }

  package var isEmpty: Bool { changes.isEmpty }
  /// The number of changes that remove a key.
  private(set) var removes = 0
  /// True if changes were left out, so that the batch no longer has all that it was made with.
  private(set) var isReduced = false
  /// The places of the changes that were left out because their condition did not hold. It stays if the write fails after that.
  package private(set) var overtaken: [Int] = []
  /// True if the batch only stores one entry again with another deadline, on the condition that it is still there.
  package private(set) var isRenewal = false
  /// The entry that the last condition asks for, if it was given.
  package private(set) var required: Entry?
  var onlyRemoves: Bool { removes == changes.count }
  var hasRemoves: Bool { removes > 0 }

  /// Empties the batch, and wipes what it held, because values may be secrets.
  @inline(__always)
  package func removeAll() {
    if line.buffer.count <= Line.room, !isReduced { return }
    empty()
    overtaken = []
  }

  private func empty() {
    line.begin()
    keys.retract(to: 0) // keys are no secrets
    keys.shrink(to: 64 << 10)
    changes.removeAll()
    conditions.removeAll()
    removes = 0
    isReduced = false
    isRenewal = false
    required = nil
  }

  /// - Parameter isTied: if true, the key is set only if the change before it is made.
  package func set(
    _ key: Key, deadline: Int64, version: UInt32, isTied: Bool = false, _ text: (ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let key = PreparedKey.make(key, scratch)
    defer { key.free() }
    try set(key, deadline: deadline, version: version, text)
    if isTied { changes.changeLast { $0.isTied = true } }
  }

  /// Sets `key` to the JSON text that `text` appends. If `text` throws, the batch does not change.
  func set(
    _ key: PreparedKey, deadline: Int64, version: UInt32, _ text: (ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let buffer = line.buffer
    beginChange("[\"set\",", key)
    buffer.append(UInt8(ascii: ","))
    let start = buffer.count
    do throws(Failure) {
      try text(buffer)
      try endSet(from: start, deadline, version)
    } catch {
      buffer.truncate(to: itemStart)
      keys.truncate(to: unfinished.key.start)
      throw error
    }
  }

  /// Ends a change whose value starts at `start` of the line. It is apart from `set` as the compiler makes a copy of that for each closure.
  private func endSet(from start: Int, _ deadline: Int64, _ version: UInt32) throws(Failure) {
    let buffer = line.buffer
    let end = buffer.count
    guard end &- start <= JSONText.valueLimit else { throw Failure(.encode, "the value is longer than 16 MiB") }
    guard end <= Line.limit &- 256 else { throw Failure(.quota, "the changes of one update are longer than 64 MiB") }
    buffer.append(UInt8(ascii: ","))
    buffer.append(decimal: deadline)
    if version != 0 {
      buffer.append(UInt8(ascii: ","))
      buffer.append(decimal: Int64(version))
    }
    buffer.append(UInt8(ascii: "]"))
    changes.append(
      Change(
        place: changes.count, isSet: true, key: unfinished.key, hash: unfinished.hash, value: Extent(start: start, end: end), deadline: deadline,
        version: version))
  }

  /// Sets a key to the entry that a table has, as it is.
  func set(_ record: EntryTable.Pointer) throws(Failure) {
    let key = Key(stored: [UInt8](EntryTable.key(record)))
    try set(key, deadline: record.pointee.deadline, version: record.pointee.version) { buffer throws(Failure) in
      buffer.append(EntryTable.value(record))
    }
  }

  /// Removes a key. If `isTied` is true, it is removed only if the change before it is made.
  package func remove(_ key: Key, isTied: Bool = false) {
    let key = PreparedKey.make(key, scratch)
    defer { key.free() }
    beginChange("[\"remove\",", key)
    line.buffer.append(UInt8(ascii: "]"))
    unfinished.place = changes.count
    unfinished.isTied = isTied
    changes.append(unfinished)
    removes &+= 1
  }

  private func beginChange(_ operation: StaticString, _ key: PreparedKey) {
    let buffer = line.buffer
    itemStart = buffer.count
    if !changes.isEmpty { buffer.append(UInt8(ascii: ",")) }
    buffer.append(operation)
    unfinished.key = Extent(start: keys.count, end: keys.count &+ key.bytes.count)
    unfinished.hash = key.hash
    keys.append(key.bytes)
    buffer.append(key.spelled)
  }

  /// Makes the last change, and those that will be tied to it, depend on `key` having this entry when the batch is written.
  ///
  /// - Parameters:
  ///   - identity: nil if there must be none.
  ///   - deadline: the deadline that the entry must have, or nil for any.
  ///   - isRenewal: true if the change only gives this entry another deadline.
  ///   - entry: the entry, for a storage that compares it itself.
  func require(_ identity: EntryIdentity?, under key: Key, deadline: Int64? = nil, isRenewal: Bool = false, replacing entry: Entry? = nil) {
    required = entry
    let start = keys.count
    key.withBytes { keys.append($0) }
    conditions.append(
      Condition(place: changes.count &- 1, key: Extent(start: start, end: keys.count), entry: identity, deadline: deadline))
    self.isRenewal = isRenewal
  }

  /// Applies the changes to a table.
  func apply(to table: EntryTable) {
    changes.forEach { change in
      let key = keys.slice(change.key)
      if change.isSet {
        table.set(key, hash: change.hash, line.buffer.slice(change.value), deadline: change.deadline, version: change.version)
      } else {
        table.remove(key)
      }
    }
  }

  /// Calls `body` with the key, the text, the deadline and the version of each change, for a storage that has no table. The text is borrowed
  /// for the call; it is nil if the key is removed.
  package func forEachChange(_ body: (Key, UnsafeRawBufferPointer?, Int64, UInt32) -> Void) {
    changes.forEach { change in
      let key = Key(stored: [UInt8](keys.slice(change.key)))
      body(key, change.isSet ? line.buffer.slice(change.value) : nil, change.deadline, change.version)
    }
  }

  /// True if the batch only sets one key, on a condition about the same key.
  package var isReplacement: Bool {
    changes.count == 1 && conditions.count == 1 && changes[0].isSet && keys.slice(conditions[0].key).equals(keys.slice(changes[0].key))
  }

  // MARK: what is left out

  /// Leaves out the changes whose condition does not hold, with those tied to them, and notes their places.
  ///
  /// - Parameters:
  ///   - now: returns the time, UTC in ms, to judge expiry by. It is called only if there are conditions.
  ///   - stored: returns the entry under a key, or nil.
  package func leaveOutOvertaken(
    at now: () -> Int64, _ stored: (Key) throws(Failure) -> Entry?
  ) throws(Failure) {
    if conditions.isEmpty { return }
    let now = now()
    var heads: [Int] = []
    for at in 0..<conditions.count {
      let condition = conditions[at]
      let entry = try stored(Key(stored: [UInt8](keys.slice(condition.key))))
      let current = entry.flatMap { $0.isExpired(at: now) ? nil : $0 }
      let isRenewed = condition.deadline != nil && condition.deadline != current?.deadline
      if isRenewed || current?.identity != condition.entry { heads.append(condition.place) }
    }
    overtaken = leaveOut(heads)
  }

  /// Leaves out those whose condition does not hold in a table. `time` is by the host's clock, or nil for the system's.
  @inline(__always)
  func leaveOutOvertaken(_ table: EntryTable, at time: Int64?) {
    if !conditions.isEmpty { leaveOutOvertakenOnes(table, time) }
  }

  @inline(never)
  private func leaveOutOvertakenOnes(_ table: EntryTable, _ time: Int64?) {
    try? leaveOutOvertaken(at: { time ?? Syscalls.wallClock() }) { key throws(Failure) in
      key.withBytes { table.find($0) }.map { EntryTable.entry($0) }
    }
  }

  /// Leaves out, in order, the changes that would take the table past the quota. A change that adds no bytes always fits. Returns the places
  /// of those left out. `time` is by the host's clock, or nil for the system's.
  @inline(__always)
  func leaveOutTooLarge(_ table: EntryTable, quota: Int64, at time: Int64?) -> [Int] {
    // The line is longer than what it adds to the table, so this usually decides.
    table.liveBytes &+ Int64(line.buffer.count) <= quota ? [] : leaveOutTooLargeOnes(table, quota, time)
  }

  @inline(never)
  private func leaveOutTooLargeOnes(_ table: EntryTable, _ quota: Int64, _ time: Int64?) -> [Int] {
    let time = time ?? Syscalls.wallClock()
    if tooLargeOnes(table, quota, time).isEmpty { return [] }
    table.remove { Entry.isExpired($0.pointee.deadline, at: time) } // expired entries read as absent, so they do not count
    return leaveOut(tooLargeOnes(table, quota, time))
  }

  /// Returns the places of the changes that are too large, each counted with those tied to it.
  private func tooLargeOnes(_ table: EntryTable, _ quota: Int64, _ time: Int64) -> [Int] {
    var live = table.liveBytes
    var found: [Int] = []
    var at = 0
    while at < changes.count {
      var end = at &+ 1
      while end < changes.count, changes[end].isTied { end &+= 1 }
      var more: Int64 = 0
      var adds: Int64 = 0 // an expired entry makes no room for the one that replaces it
      for change in at..<end {
        let growth = growth(change, table, time)
        more &+= growth.bytes
        adds &+= growth.adds
      }
      if adds > 0, live &+ more > quota { found.append(changes[at].place) } else { live &+= more }
      at = end
    }
    return found
  }

  /// Returns by how many bytes a change makes the table larger, and how many it adds to unexpired entries. A batch has no key twice.
  private func growth(_ at: Int, _ table: EntryTable, _ time: Int64) -> (bytes: Int64, adds: Int64) {
    let change = changes[at]
    let new = Int64(change.isSet ? change.key.count &+ change.value.count : 0)
    guard let record = table.find(keys.slice(change.key)) else { return (new, new) }
    let old = Int64(record.pointee.keyCount &+ record.pointee.valueCount)
    return (new &- old, Entry.isExpired(record.pointee.deadline, at: time) ? new : new &- old)
  }

  /// Makes the batch anew without the changes at these places, in their order, and those tied to them. Returns the places of all left out.
  private func leaveOut(_ heads: [Int]) -> [Int] {
    if heads.isEmpty { return [] }
    let line = ByteBuffer(capacity: self.line.buffer.count)
    line.append(self.line.buffer.bytes)
    let (keys, changes) = (self.keys.bytes.map { $0 }, (0..<self.changes.count).map { self.changes[$0] })
    var left: [Int] = []
    var (isLeft, next) = (false, 0) // `next` is the first of `heads` that may still come
    empty()
    for change in changes {
      if !change.isTied {
        while next < heads.count, heads[next] < change.place { next &+= 1 }
        isLeft = next < heads.count && heads[next] == change.place
      }
      if isLeft {
        left.append(change.place)
        continue
      }
      let key = Key(stored: [UInt8](keys[change.key.start..<change.key.end]))
      if change.isSet {
        try? set(key, deadline: change.deadline, version: change.version, isTied: change.isTied) { buffer throws(Failure) in
          buffer.append(line.slice(change.value))
        }
      } else {
        remove(key, isTied: change.isTied)
      }
      self.changes.changeLast { $0.place = change.place }
    }
    isReduced = true
    return left
  }

  /// Returns true if the table has one of the keys.
  func touches(_ table: EntryTable) -> Bool { (0..<changes.count).contains { table.find(keys.slice(changes[$0].key)) != nil } }
}
