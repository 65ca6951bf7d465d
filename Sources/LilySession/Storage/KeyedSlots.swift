/// What every block in a `KeyedSlots` begins with.
struct Node {
  typealias Pointer = UnsafeMutablePointer<Node>

  var hash: Int
  /// A ring that the block is in; its owner's alone.
  var next: Pointer?
  var previous: Pointer?
  var keyCount: UInt32

  /// Makes two nodes neighbours.
  static func join(_ first: Pointer?, _ second: Pointer?) {
    first?.pointee.next = second
    second?.pointee.previous = first
  }
}

/// Finds blocks of memory by the key that each holds: open addressing with linear probing. A removal moves followers back, so there are
/// no tombstones (Knuth, TAOCP 3, 6.4, algorithm R). The blocks are their owner's; each has its key's bytes right behind its fixed part.
struct KeyedSlots: ~Copyable {
  private var slots: UnsafeMutablePointer<Node.Pointer?>
  private var slotCount = 16
  private(set) var count = 0
  /// The bytes of a block before its key.
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

  /// Returns the place where the key's block is, or the empty one where it would be. There is always one: at most 3/4 are full.
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

  /// The block at a place that `place(of:_:)` returned, nil where it is empty. A change of the table ends what is known of places.
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

  /// Takes the block at a place out.
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
      // It stays where it is if its home lies behind the hole, on the way round.
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

  /// Takes each block out for which `isGone` returns true.
  mutating func remove(where isGone: (Node.Pointer) -> Bool) {
    var at = 0
    while at < slotCount {
      // A removal may move a follower into this place: look at it again.
      if let block = slots[at], isGone(block) { remove(at) } else { at &+= 1 }
    }
  }

  /// Takes all out, and gives memory back that many of them took.
  mutating func removeAll() {
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

/// The standard library's hash of bytes, seeded per process: a file cannot choose collisions.
func hashOf(_ bytes: UnsafeRawBufferPointer) -> Int {
  var hasher = Hasher()
  hasher.combine(bytes: bytes)
  return hasher.finalize()
}
