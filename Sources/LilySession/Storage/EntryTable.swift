import CPlatform

/// The entries in memory: a hash table whose keys are bytes. Open addressing with linear probing; a removal moves
/// followers back, so there are no tombstones (Knuth, TAOCP 3, 6.4, algorithm R). An entry is one block of
/// malloc's, overwritten in place where the new value fits. The hash is the standard library's, seeded per process: a file
/// cannot choose collisions.
final class EntryTable {
  struct Record {
    var hash: Int
    var keyCount: Int
    var valueCount: Int
    var valueCapacity: Int
    var deadline: Int64
    var version: UInt32
  }
  typealias Pointer = UnsafeMutablePointer<Record>

  private var slots: UnsafeMutablePointer<Pointer?>
  private var slotCount = 16
  private(set) var count = 0
  /// Keys and values.
  private(set) var liveBytes: Int64 = 0

  init() { slots = EntryTable.makeSlots(16) }

  deinit {
    removeAll()
    slots.deallocate()
  }

  private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Pointer?> {
    let slots = UnsafeMutablePointer<Pointer?>.allocate(capacity: count)
    slots.initialize(repeating: nil, count: count)
    return slots
  }

  /// Roughly what the entries take as lines of a file.
  var compactedBytes: Int64 { liveBytes &+ Int64(count) &* 48 }

  /// Without what is the library's own.
  var hostCount: Int {
    var own = 0
    for at in 0..<slotCount {
      guard let record = slots[at] else { continue }
      let key = EntryTable.key(record)
      if key.first == 0, key.last == 0 { own &+= 1 }
    }
    return count &- own
  }

  // MARK: reading

  func find(_ key: UnsafeRawBufferPointer) -> Pointer? {
    slots[slot(of: key, hashOf(key))]
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

  func forEach(_ body: (Pointer) throws(Failure) -> Void) throws(Failure) {
    for at in 0..<slotCount {
      if let record = slots[at] { try body(record) }
    }
  }

  /// In byte order of the keys.
  func items(_ prefix: Key) -> [Item] {
    var found: [Pointer] = []
    prefix.withBytes { prefix in
      for at in 0..<slotCount {
        guard let record = slots[at], EntryTable.key(record).begins(with: prefix) else { continue }
        // What is in a scope is seen only by who asks for the scope.
        if prefix.first == 0 || EntryTable.key(record).first != 0 { found.append(record) }
      }
    }
    found.sort { EntryTable.key($0).precedes(EntryTable.key($1)) }
    return found.map { Item(key: Key(stored: [UInt8](EntryTable.key($0))), entry: EntryTable.entry($0)) }
  }

  // MARK: changing

  func set(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    set(key, hash: hashOf(key), value, deadline: deadline, version: version)
  }

  /// `hash`: the key's, where it is known already.
  func set(_ key: UnsafeRawBufferPointer, hash: Int, _ value: UnsafeRawBufferPointer, deadline: Int64, version: UInt32) {
    var at = slot(of: key, hash)
    if let record = slots[at] {
      liveBytes &+= Int64(value.count &- record.pointee.valueCount)
      // A block that is far too large for what it holds now is given back.
      if record.pointee.valueCapacity >= value.count, record.pointee.valueCapacity <= 4 &* value.count &+ 64 {
        EntryTable.fill(record, value, deadline, version)
        return
      }
      slots[at] = EntryTable.makeRecord(hash, key, value, deadline, version)
      free(record)
      return
    }
    if (count &+ 1) &* 4 > slotCount &* 3 {
      resize(to: slotCount &* 2)
      at = slot(of: key, hash)
    }
    slots[at] = EntryTable.makeRecord(hash, key, value, deadline, version)
    count &+= 1
    liveBytes &+= Int64(key.count &+ value.count)
  }

  func remove(_ key: UnsafeRawBufferPointer) {
    let at = slot(of: key, hashOf(key))
    if slots[at] != nil { removeSlot(at) }
  }

  func remove(where isGone: (Pointer) -> Bool) {
    var at = 0
    while at < slotCount {
      // A removal may move a follower into this slot: look at it again.
      if let record = slots[at], isGone(record) { removeSlot(at) } else { at &+= 1 }
    }
  }

  func remove(prefix: Key) {
    prefix.withBytes { prefix in remove { EntryTable.key($0).begins(with: prefix) } }
  }

  func removeAll() {
    for at in 0..<slotCount {
      if let record = slots[at] { free(record) }
      slots[at] = nil
    }
    count = 0
    liveBytes = 0
  }

  // MARK: slots

  /// Where the key is, or the empty slot where it would be. There is always one: the table is at most 3/4 full.
  private func slot(of key: UnsafeRawBufferPointer, _ hash: Int) -> Int {
    let mask = slotCount &- 1
    var at = hash & mask
    while let record = slots[at] {
      if record.pointee.hash == hash, EntryTable.key(record).equals(key) { return at }
      at = (at &+ 1) & mask
    }
    return at
  }

  private func resize(to newCount: Int) {
    let old = slots
    let oldCount = slotCount
    slots = EntryTable.makeSlots(newCount)
    slotCount = newCount
    for at in 0..<oldCount {
      if let record = old[at] { slots[slot(of: EntryTable.key(record), record.pointee.hash)] = record }
    }
    old.deallocate()
  }

  private func removeSlot(_ hole: Int) {
    guard let record = slots[hole] else { return }
    count &-= 1
    liveBytes &-= Int64(record.pointee.keyCount &+ record.pointee.valueCount)
    free(record)
    let mask = slotCount &- 1
    var empty = hole
    var at = hole
    slots[empty] = nil
    while true {
      at = (at &+ 1) & mask
      guard let follower = slots[at] else { return }
      let home = follower.pointee.hash & mask
      // It stays where it is if its home lies behind the hole, on the way round.
      if (at &- home) & mask >= (at &- empty) & mask {
        slots[empty] = follower
        slots[at] = nil
        empty = at
      }
    }
  }

  // MARK: records

  private static func makeRecord(
    _ hash: Int, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32
  ) -> Pointer {
    let capacity = value.count &+ (value.count &>> 2) // room to grow into without a new block
    guard let memory = malloc(MemoryLayout<Record>.stride &+ key.count &+ capacity) else {
      fatalError("out of memory") // no memory: nothing can go on
    }
    let record = memory.assumingMemoryBound(to: Record.self)
    record.initialize(to: Record(hash: hash, keyCount: key.count, valueCount: 0, valueCapacity: capacity, deadline: 0, version: 0))
    if let from = key.baseAddress { memcpy(memory + MemoryLayout<Record>.stride, from, key.count) }
    fill(record, value, deadline, version)
    return record
  }

  private static func fill(_ record: Pointer, _ value: UnsafeRawBufferPointer, _ deadline: Int64, _ version: UInt32) {
    if let from = value.baseAddress { memcpy(UnsafeMutableRawPointer(record + 1) + record.pointee.keyCount, from, value.count) }
    record.pointee.valueCount = value.count
    record.pointee.deadline = deadline
    record.pointee.version = version
  }
}

/// The standard library's hash of bytes, seeded per process.
func hashOf(_ bytes: UnsafeRawBufferPointer) -> Int {
  var hasher = Hasher()
  hasher.combine(bytes: bytes)
  return hasher.finalize()
}
