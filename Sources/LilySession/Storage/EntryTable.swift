import CPlatform

/// The entries in memory, found by their keys. An entry is one block of malloc's. It is overwritten in place if the new value fits, and is
/// wiped before it is freed, because values may be secrets.
//
// Entries are linked into rings: each scope has one for the keys of its sessions, which a clear removes, and one for its other keys. So the
// cost of a clear depends only on what it removes, and that of a walk through a scope only on what the scope has.
final class EntryTable {
  struct Record {
    fileprivate var node: Node
    fileprivate(set) var version: UInt32
    fileprivate var valueBytes: UInt32
    fileprivate var capacity: UInt32
    fileprivate(set) var deadline: Int64

    var keyCount: Int { Int(node.keyCount) }
    var valueCount: Int { Int(valueBytes) }
  }
  typealias Pointer = UnsafeMutablePointer<Record>

  private var records = KeyedSlots(keyOffset: MemoryLayout<Record>.stride)
  /// The node of each ring, at which the ring begins and ends. Its key is the common prefix of the keys in the ring: a scope's prefix, or
  /// that of the scope's sessions.
  private var rings = KeyedSlots(keyOffset: MemoryLayout<Node>.stride)
  /// The ring that a key was added to last. The next key usually belongs to the same.
  private var latestRing: Node.Pointer?
  /// The entry that was set last. The next line of a file often sets the same one.
  private var latest: Pointer?
  private var counts = EntryCounts()
  /// True if expired entries were removed to make room, although the file still has them.
  var hasForgotten = false

  deinit { removeAll() }

  var count: Int { records.count }

  /// The bytes that a quota counts.
  var liveBytes: Int64 { counts.liveBytes }
  /// The bytes of all keys and values.
  var bytes: Int64 { counts.allBytes }
  /// Roughly the bytes that the entries need as lines of a file.
  var compactedBytes: Int64 { bytes &+ Int64(count) &* 48 }

  /// The number of entries, without those that belong to the library.
  var hostCount: Int { count &- counts.ownEntries }

  // MARK: reading

  func find(_ key: UnsafeRawBufferPointer) -> Pointer? {
    records[records.place(of: key, hashOf(key))].map(EntryTable.record)
  }

  static func key(_ record: Pointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(record + 1), count: record.pointee.keyCount)
  }

  static func value(_ record: Pointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(record + 1) + record.pointee.keyCount, count: record.pointee.valueCount)
  }

  static func entry(_ record: Pointer) -> Entry {
    Entry(text: value(record), deadline: record.pointee.deadline, version: record.pointee.version)
  }

  /// Returns the entries of `keys`; nil for an absent one. All have their texts in one buffer, because many are usually read at once.
  func entries(_ keys: [Key]) -> [Entry?] {
    let texts = ByteBuffer()
    return keys.map { key in
      guard let record = key.withBytes({ find($0) }) else { return nil }
      return Entry(text: EntryTable.value(record), in: texts, deadline: record.pointee.deadline, version: record.pointee.version)
    }
  }

  func forEach(_ body: (Pointer) throws(Failure) -> Void) throws(Failure) {
    try records.forEach { node throws(Failure) in try body(EntryTable.record(node)) }
  }

  /// Returns the scopes that have entries of sessions, or others, each once.
  func scopes() -> [Scope] {
    var found: [Scope] = []
    rings.forEach { ring in
      let scope = Scope(of: rings.key(ring))
      guard scope != .none else { return }
      // A scope may have two rings.
      let isSession = scope.session.withBytes { $0.equals(rings.key(ring)) }
      if isSession || self.ring(scope.session) == nil { found.append(scope) }
    }
    return found
  }

  /// Returns true if the table has such an entry. Scopes' generations are none.
  func contains(where isSuch: (Pointer) -> Bool) -> Bool {
    var isFound = false
    records.forEach { node in
      let record = EntryTable.record(node)
      if !isFound, !EntryCounts.isOwn(EntryTable.key(record)) { isFound = isSuch(record) }
    }
    return isFound
  }

  /// Returns true if the entry is in a scope.
  static func isOfScope(_ record: Pointer) -> Bool { key(record).first == 0 }

  func items(_ prefixes: [Key]) -> [Item] {
    var all: [Item] = []
    for prefix in prefixes { all += items(prefix) }
    return all
  }

  /// Returns the entries whose keys begin with the prefix, in byte order of the keys.
  func items(_ prefix: Key) -> [Item] {
    var found: [Item] = []
    prefix.withBytes { prefix in
      func add(_ node: Node.Pointer) {
        let record = EntryTable.record(node)
        let key = EntryTable.key(record)
        if key.begins(with: prefix) { found.append(Item(key: Key(stored: [UInt8](key)), entry: EntryTable.entry(record))) }
      }
      // The entries of a scope are returned only to a caller who asks for the scope.
      if let scope = Scope.prefixLength(prefix) {
        let scope = Scope(of: UnsafeRawBufferPointer(rebasing: prefix[..<scope]))
        forEach(in: scope.session, add)
        forEach(in: scope.generationKey, add)
      } else {
        records.forEach(add)
      }
    }
    return Item.inOrder(found)
  }

  // MARK: changing

  func set(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    if let latest, EntryTable.key(latest).equals(key) { return replace(latest, value, deadline, version) }
    set(key, hash: hashOf(key), value, deadline: deadline, version: version)
  }

  /// Sets a key whose hash is known already.
  func set(_ key: UnsafeRawBufferPointer, hash: Int, _ value: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    let place = records.place(of: key, hash)
    guard let record = records[place].map(EntryTable.record) else { return add(key, hash, place, value, deadline, version) }
    replace(record, value, deadline, version)
  }

  private func replace(_ record: Pointer, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32) {
    counts.add(EntryTable.key(record), bytes: value.count &- record.pointee.valueCount)
    latest = record
    // A block that is far too large for the new value is freed.
    let capacity = Int(record.pointee.capacity)
    if capacity >= value.count, capacity <= 4 &* value.count &+ 64 { return EntryTable.fill(record, value, deadline, version) }
    let (key, hash) = (EntryTable.key(record), record.pointee.node.hash)
    let new = EntryTable.makeRecord(hash, key, value, deadline, version)
    latest = new
    records.replace(records.place(of: key, hash), by: EntryTable.node(new))
    Node.join(record.pointee.node.previous, EntryTable.node(new))
    Node.join(EntryTable.node(new), record.pointee.node.next)
    EntryTable.dispose(record)
  }

  private func add(
    _ key: UnsafeRawBufferPointer, _ hash: Int, _ place: Int, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32
  ) {
    let record = EntryTable.makeRecord(hash, key, value, deadline, version)
    let node = EntryTable.node(record)
    latest = record
    records.insert(node, at: place)
    let ring = ring(of: key)
    Node.join(ring.pointee.previous, node)
    Node.join(node, ring)
    counts.add(key, entries: 1, bytes: key.count &+ value.count)
  }

  func remove(_ key: UnsafeRawBufferPointer) {
    let place = records.place(of: key, hashOf(key))
    guard let node = records[place] else { return }
    records.remove(place)
    forget(node)
  }

  func remove(where isGone: (Pointer) -> Bool) {
    records.remove { node in
      guard isGone(EntryTable.record(node)) else { return false }
      hasForgotten = true
      forget(node)
      return true
    }
  }

  /// Removes all keys of the scope's sessions.
  func removeSessions(of scope: Scope) {
    forEach(in: scope.session) { node in
      records.remove(records.place(of: EntryTable.key(EntryTable.record(node)), node.pointee.hash))
      forget(node)
    }
  }

  func removeAll() {
    records.forEach { EntryTable.dispose(EntryTable.record($0)) }
    records.removeAll()
    (latest, latestRing) = (nil, nil)
    rings.forEach { free($0) }
    rings.removeAll()
    counts = EntryCounts()
    hasForgotten = false
  }

  /// Frees a record that is in no slot any more.
  private func forget(_ node: Node.Pointer) {
    let record = EntryTable.record(node)
    if record == latest { latest = nil }
    counts.add(EntryTable.key(record), entries: -1, bytes: -(record.pointee.keyCount &+ record.pointee.valueCount))
    let (previous, next) = (node.pointee.previous, node.pointee.next)
    Node.join(previous, next)
    if previous == next, let ring = next { removeRing(ring) } // the record was the last one in the ring
    EntryTable.dispose(record)
  }

  // MARK: rings

  /// Returns the ring that a key belongs to. Makes the ring if it is missing.
  private func ring(of key: UnsafeRawBufferPointer) -> Node.Pointer {
    let scope = Scope.prefixLength(key) ?? 0
    let isSession = UnsafeRawBufferPointer(rebasing: key[scope...]).begins(with: Key.sessionBytes)
    let name = UnsafeRawBufferPointer(rebasing: key[..<(isSession ? scope &+ Key.sessionBytes.count : scope)])
    if let latestRing, rings.key(latestRing).equals(name) { return latestRing }
    let ring = findRing(name)
    latestRing = ring
    return ring
  }

  private func findRing(_ name: UnsafeRawBufferPointer) -> Node.Pointer {
    let hash = hashOf(name)
    let place = rings.place(of: name, hash)
    if let ring = rings[place] { return ring }
    let memory = EntryTable.allocate(MemoryLayout<Node>.stride &+ name.count)
    let ring = memory.assumingMemoryBound(to: Node.self)
    ring.initialize(to: Node(hash: hash, next: nil, previous: nil, keyCount: UInt32(truncatingIfNeeded: name.count)))
    if let from = name.baseAddress { memcpy(memory + MemoryLayout<Node>.stride, from, name.count) }
    Node.join(ring, ring)
    rings.insert(ring, at: place)
    return ring
  }

  private func ring(_ name: Key) -> Node.Pointer? { name.withBytes { rings[rings.place(of: $0, hashOf($0))] } }

  /// Calls `body` with each node of a ring. It may take that node out of the ring.
  private func forEach(in name: Key, _ body: (Node.Pointer) -> Void) {
    let ring = ring(name)
    var node = ring?.pointee.next
    while let current = node, current != ring {
      node = current.pointee.next
      body(current)
    }
  }

  private func removeRing(_ ring: Node.Pointer) {
    if ring == latestRing { latestRing = nil }
    rings.remove(rings.place(of: rings.key(ring), ring.pointee.hash))
    free(ring)
  }

  // MARK: records

  private static func record(_ node: Node.Pointer) -> Pointer { UnsafeMutableRawPointer(node).assumingMemoryBound(to: Record.self) }
  private static func node(_ record: Pointer) -> Node.Pointer { UnsafeMutableRawPointer(record).assumingMemoryBound(to: Node.self) }

  private static func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    guard let memory = malloc(count) else { fatalError("out of memory") } // without memory nothing can go on
    return memory
  }

  private static func makeRecord(
    _ hash: Int, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32
  ) -> Pointer {
    let capacity = value.count &+ (value.count &>> 2) // the value can grow by a quarter without a new block
    let memory = allocate(MemoryLayout<Record>.stride &+ key.count &+ capacity)
    let record = memory.assumingMemoryBound(to: Record.self)
    let node = Node(hash: hash, next: nil, previous: nil, keyCount: UInt32(truncatingIfNeeded: key.count))
    record.initialize(to: Record(node: node, version: 0, valueBytes: 0, capacity: UInt32(truncatingIfNeeded: capacity), deadline: 0))
    if let from = key.baseAddress { memcpy(memory + MemoryLayout<Record>.stride, from, key.count) }
    fill(record, value, deadline, version)
    return record
  }

  private static func fill(_ record: Pointer, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32) {
    let to = UnsafeMutableRawPointer(record + 1) + record.pointee.keyCount
    if let from = value.baseAddress { memcpy(to, from, value.count) }
    let before = record.pointee.valueCount
    if before > value.count { platform_wipe(to + value.count, before &- value.count) }
    record.pointee.valueBytes = UInt32(truncatingIfNeeded: value.count)
    record.pointee.deadline = deadline
    record.pointee.version = version
  }

  private static func dispose(_ record: Pointer) {
    platform_wipe(UnsafeMutableRawPointer(record + 1), record.pointee.keyCount &+ record.pointee.valueCount)
    free(record)
  }
}
