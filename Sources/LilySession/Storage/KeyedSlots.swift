import CPlatform

/// The beginning of every block in a `KeyedSlots`.
struct Node {
  typealias Pointer = UnsafeMutablePointer<Node>

  var hash: Int
  /// The neighbours in a ring. Only the owner of the block uses them.
  var next: Pointer?
  var previous: Pointer?
  var keyCount: UInt32

  /// Makes two nodes neighbours.
  static func join(_ first: Pointer?, _ second: Pointer?) {
    first?.pointee.next = second
    second?.pointee.previous = first
  }
}

/// A hash table that finds blocks of memory by their keys, with open addressing and linear probing. A removal moves followers back, so there
/// are no tombstones (Knuth, TAOCP 3, 6.4, algorithm R). It does not own the blocks. Each has its key's bytes right behind its fixed part.
struct KeyedSlots: ~Copyable {
  private var slots: UnsafeMutablePointer<Node.Pointer?>
  private var slotCount = 16
  private(set) var count = 0
  /// The number of bytes of a block before its key.
  private let keyOffset: Int

  init(keyOffset: Int) {
    self.keyOffset = keyOffset
    slots = KeyedSlots.makeSlots(16)
  }

  deinit { slots.deallocate() }

  private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Node.Pointer?> {
    let slots = UnsafeMutablePointer<Node.Pointer?>.allocate(capacity: count)
    slots.initialize(repeating: nil, count: count)
    return slots
  }

  func key(_ block: Node.Pointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(block) + keyOffset, count: Int(block.pointee.keyCount))
  }

  // MARK: places

  /// Returns the place where the key's block is, or the empty place where it would be. There always is one, because at most 3/4 are full.
  @inline(__always)
  func place(of key: UnsafeRawBufferPointer, _ hash: Int) -> Int {
    let mask = slotCount &- 1
    var at = hash & mask
    while let block = slots[at] {
      if block.pointee.hash == hash, self.key(block).equals(key) { return at }
      at = (at &+ 1) & mask
    }
    return at
  }

  /// The block at a place that `place(of:_:)` returned, or nil if the place is empty. After a change of the table, earlier places are
  /// invalid.
  subscript(place: Int) -> Node.Pointer? { slots[place] }

  /// Puts a block with the same key in the place of another.
  func replace(_ place: Int, by block: Node.Pointer) { slots[place] = block }

  /// Puts a block whose key is not here into the empty place that was found for it.
  mutating func insert(_ block: Node.Pointer, at place: Int) {
    var place = place
    if (count &+ 1) &* 4 > slotCount &* 3 {
      resize(to: slotCount &* 2)
      place = self.place(of: key(block), block.pointee.hash)
    }
    slots[place] = block
    count &+= 1
  }

  /// Takes out the block at a place.
  mutating func remove(_ hole: Int) {
    count &-= 1
    let mask = slotCount &- 1
    var empty = hole
    var at = hole
    slots[empty] = nil
    while true {
      at = (at &+ 1) & mask
      guard let follower = slots[at] else { return }
      let home = follower.pointee.hash & mask
      // The follower stays if its home lies behind the hole, going round.
      if (at &- home) & mask >= (at &- empty) & mask {
        slots[empty] = follower
        slots[at] = nil
        empty = at
      }
    }
  }

  func forEach<E: Error>(_ body: (Node.Pointer) throws(E) -> Void) throws(E) {
    for at in 0..<slotCount {
      if let block = slots[at] { try body(block) }
    }
  }

  /// Takes out each block for which `isGone` returns true.
  mutating func remove(where isGone: (Node.Pointer) -> Bool) {
    var at = 0
    while at < slotCount {
      // A removal may move a follower into this place, so it is looked at again.
      if let block = slots[at], isGone(block) { remove(at) } else { at &+= 1 }
    }
  }

  /// Takes out all blocks, and frees the memory that many of them needed.
  mutating func removeAll() {
    if count == 0, slotCount == 16 { return }
    slots.deallocate()
    slots = KeyedSlots.makeSlots(16)
    slotCount = 16
    count = 0
  }

  private mutating func resize(to newCount: Int) {
    let old = slots
    let oldCount = slotCount
    slots = KeyedSlots.makeSlots(newCount)
    slotCount = newCount
    for at in 0..<oldCount {
      if let block = old[at] { slots[place(of: key(block), block.pointee.hash)] = block }
    }
    old.deallocate()
  }
}

/// Returns a hash of bytes. Its key is random in each process, so a file cannot choose collisions.
func hashOf(_ bytes: UnsafeRawBufferPointer) -> Int {
  Int(truncatingIfNeeded: platform_hash(bytes.baseAddress, bytes.count))
}
