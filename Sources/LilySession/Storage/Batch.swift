/// Changes that are written together.
//
// Spelled as a line of the journal already: items are appended as JSON, and a line is sealed around them without moving a byte.
// One batch is kept and used again for each update.
public final class Batch {
  struct Change {
    var isSet: Bool
    var key: Extent // in `keys`
    var hash: Int // of the key
    var value: Extent // in `line.buffer`
    var deadline: Int64
    var version: UInt32
    /// It is done with the change before it, or not at all.
    var isTied = false
  }

  let line = Line()
  private let keys = ByteBuffer()
  private let scratch = ByteBuffer(capacity: 64)
  private(set) var changes = PlainList<Change>()
  private var open = Change(isSet: false, key: Extent(start: 0, end: 0), hash: 0, value: Extent(start: 0, end: 0), deadline: 0, version: 0)
  private var itemStart = 0

  package init() { removeAll() }

  package var isEmpty: Bool { changes.isEmpty }
  /// Of the changes.
  private(set) var removes = 0
  var onlyRemoves: Bool { removes == changes.count }
  var hasRemoves: Bool { removes > 0 }

  package func removeAll() {
    line.begin()
    keys.truncate(to: 0)
    keys.shrink(to: 64 << 10)
    changes.removeAll()
    removes = 0
  }

  package func set(
    _ key: Key, deadline: Int64, version: UInt32, _ text: (ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let key = PreparedKey.make(key, scratch)
    defer { key.free() }
    try set(key, deadline: deadline, version: version, text)
  }

  /// Sets `key` to the JSON text that `text` appends, which it may do wrong: then the batch is as before.
  func set(
    _ key: PreparedKey, deadline: Int64, version: UInt32, _ text: (ByteBuffer) throws(Failure) -> Void
  ) throws(Failure) {
    let buffer = line.buffer
    begin("[\"set\",", key)
    buffer.append(UInt8(ascii: ","))
    let start = buffer.count
    do throws(Failure) {
      try text(buffer)
      guard buffer.count &- start <= JSONText.valueLimit else { throw Failure(.encode, "a value is longer than 16 MiB") }
      guard buffer.count <= Line.limit &- 256 else { throw Failure(.quota, "a line would be longer than 64 MiB") }
    } catch {
      buffer.truncate(to: itemStart)
      keys.truncate(to: open.key.start)
      throw error
    }
    let end = buffer.count
    buffer.append(UInt8(ascii: ","))
    buffer.append(decimal: deadline)
    if version != 0 {
      buffer.append(UInt8(ascii: ","))
      buffer.append(decimal: Int64(version))
    }
    buffer.append(UInt8(ascii: "]"))
    changes.append(Change(isSet: true, key: open.key, hash: open.hash, value: Extent(start: start, end: end), deadline: deadline, version: version))
  }

  /// - Parameter isTied: only together with the change before it.
  package func remove(_ key: Key, isTied: Bool = false) {
    let key = PreparedKey.make(key, scratch)
    defer { key.free() }
    begin("[\"remove\",", key)
    line.buffer.append(UInt8(ascii: "]"))
    open.isTied = isTied
    changes.append(open)
    removes &+= 1
  }

  private func begin(_ operation: StaticString, _ key: PreparedKey) {
    let buffer = line.buffer
    itemStart = buffer.count
    if !changes.isEmpty { buffer.append(UInt8(ascii: ",")) }
    buffer.append(operation)
    open.key = Extent(start: keys.count, end: keys.count &+ key.bytes.count)
    open.hash = key.hash
    keys.append(key.bytes)
    buffer.append(key.spelled)
  }

  /// Brings the table to what the batch says.
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

  /// What a storage of another kind needs of each change: its key, and its text (nil: removed), borrowed for the call.
  package func forEachChange(_ body: (Key, UnsafeRawBufferPointer?, Int64, UInt32) -> Void) {
    changes.forEach { change in
      let key = Key(stored: [UInt8](keys.slice(change.key)))
      let text = change.isSet ? line.buffer.slice(change.value) : nil
      body(key, text, change.deadline, change.version)
    }
  }

  /// Leaves out, in order, the changes that would take the table past the quota; one that adds no bytes passes. Answers
  /// which they were. `time`: by the host's clock; nil: the system's.
  func fit(_ table: EntryTable, quota: Int64, at time: Int64?) -> [Int] {
    // A line is longer than what it adds: mostly that settles it.
    if table.liveBytes &+ Int64(line.buffer.count) <= quota { return [] }
    var leftOut = misfits(table, quota)
    if leftOut.isEmpty { return leftOut }
    let time = time ?? Syscalls.wallClock()
    table.remove { Entry.isExpired($0.pointee.deadline, at: time) } // they read as absent, and so take no room
    leftOut = misfits(table, quota)
    if leftOut.isEmpty { return leftOut }
    // Rare: the batch is made anew from the items that stay.
    let old = (line.buffer.bytes.map { $0 }, keys.bytes.map { $0 }, (0..<changes.count).map { changes[$0] })
    removeAll()
    for at in 0..<old.2.count where !leftOut.contains(at) {
      let change = old.2[at]
      let key = Key(stored: [UInt8](old.1[change.key.start..<change.key.end]))
      if !change.isSet {
        remove(key, isTied: change.isTied)
        continue
      }
      try? set(key, deadline: change.deadline, version: change.version) { buffer throws(Failure) in
        try [UInt8](old.0[change.value.start..<change.value.end]).withBytes { bytes throws(Failure) in buffer.append(bytes) }
      }
    }
    return leftOut
  }

  private func misfits(_ table: EntryTable, _ quota: Int64) -> [Int] {
    var live = table.liveBytes
    var found: [Int] = []
    var at = 0
    while at < changes.count {
      var end = at &+ 1
      while end < changes.count, changes[end].isTied { end &+= 1 }
      var more: Int64 = 0
      for change in at..<end { more &+= growth(change, table) }
      if more > 0, live &+ more > quota { found += at..<end } else { live &+= more }
      at = end
    }
    return found
  }

  /// By how many bytes a change makes the table larger. No key is in a batch twice.
  private func growth(_ at: Int, _ table: EntryTable) -> Int64 {
    let change = changes[at]
    let old = table.find(keys.slice(change.key)).map { $0.pointee.keyCount &+ $0.pointee.valueCount } ?? 0
    return Int64((change.isSet ? change.key.count &+ change.value.count : 0) &- old)
  }

  /// Whether the table has one of the keys.
  func touches(_ table: EntryTable) -> Bool {
    (0..<changes.count).contains { table.find(keys.slice(changes[$0].key)) != nil }
  }
}
