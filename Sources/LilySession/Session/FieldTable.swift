import CPlatform

/// The fields of a session, and what it believes of each. The fields of the list come first and stay. Behind them are those of maps: one for
/// each entry, as long as the model or storage has it.
//
// These are no arrays, so that an update reads them without retaining anything. A field of a map may move when another one is dropped, so no
// number of a field is kept from one call to the next.
struct FieldTable<Binding: FieldBinding>: ~Copyable {
  private(set) var fields: UnsafeMutablePointer<FieldDefinition<Binding>>
  private(set) var slots: UnsafeMutablePointer<FieldSlot<Binding>>
  private(set) var count = 0
  /// The number of the list's fields.
  let listed: Int
  private var capacity: Int
  /// The number of definitions; 0 once they have been given back.
  private var defined = 0
  /// Finds the fields of maps by their stored keys.
  private var places = KeyedSlots(keyOffset: MemoryLayout<Place>.stride)
  private let scratch = ByteBuffer()

  private struct Place {
    var node: Node
    var field: Int
  }

  init(_ list: [FieldDefinition<Binding>], in scope: Scope) {
    listed = list.count
    capacity = max(list.count, 1)
    fields = .allocate(capacity: capacity)
    slots = .allocate(capacity: capacity)
    for field in list { append(field, scope.key(field.storageKey), hasInitial: false) }
  }

  deinit {
    for at in 0..<count { slots[at].dispose() }
    slots.deinitialize(count: count)
    slots.deallocate()
    places.forEach { $0.deallocate() }
    fields.deinitialize(count: defined)
    fields.deallocate()
  }

  /// Frees the definitions, and so releases the host's contexts in them. The table is of no use afterwards.
  mutating func giveBackFields() {
    fields.deinitialize(count: defined)
    defined = 0
  }

  @inline(never)
  private mutating func append(_ field: FieldDefinition<Binding>, _ stored: Key, hasInitial: Bool) {
    if count == capacity { grow() }
    (fields + count).initialize(to: field)
    (slots + count).initialize(to: FieldSlot(field.binding, key: PreparedKey.make(stored, scratch), hasInitial: hasInitial))
    count &+= 1
    defined &+= 1
  }

  @inline(never)
  private mutating func grow() {
    capacity = capacity &* 2 &+ 8
    let (moreFields, moreSlots) = (
      UnsafeMutablePointer<FieldDefinition<Binding>>.allocate(capacity: capacity),
      UnsafeMutablePointer<FieldSlot<Binding>>.allocate(capacity: capacity)
    )
    FieldTable.move(fields, to: moreFields, count)
    FieldTable.move(slots, to: moreSlots, count)
    fields.deallocate()
    slots.deallocate()
    (fields, slots) = (moreFields, moreSlots)
  }

  // MARK: the fields of maps

  /// Returns the number of the field that is stored under a key, if it is a map's.
  func field(ofMapAt stored: UnsafeRawBufferPointer) -> Int? {
    places[places.place(of: stored, hashOf(stored))].map { FieldTable.place($0).pointee.field }
  }

  /// Adds a field of a map, which must not be here.
  ///
  /// - Parameter isFromModel: true if the model had the entry before hydration. Otherwise the value from before is that there is none.
  mutating func add(_ field: FieldDefinition<Binding>, _ stored: Key, isFromModel: Bool) -> Int {
    let at = count
    append(field, stored, hasInitial: !isFromModel)
    stored.withBytes { key in
      let size = MemoryLayout<Place>.stride
      let block = UnsafeMutableRawPointer.allocate(byteCount: size &+ key.count, alignment: MemoryLayout<Place>.alignment)
      let place = block.bindMemory(to: Place.self, capacity: 1)
      place.initialize(to: Place(node: Node(hash: hashOf(key), next: nil, previous: nil, keyCount: UInt32(truncatingIfNeeded: key.count)), field: at))
      if let from = key.baseAddress { (block + size).copyMemory(from: from, byteCount: key.count) }
      let node = block.assumingMemoryBound(to: Node.self)
      places.insert(node, at: places.place(of: key, node.pointee.hash))
    }
    return at
  }

  /// Drops a field of a map, and puts the last one in its place.
  mutating func drop(_ at: Int) {
    let key = slots[at].key
    let hole = places.place(of: key.bytes, key.hash)
    if let block = places[hole] {
      places.remove(hole)
      block.deallocate()
    }
    slots[at].dispose()
    (slots + at).deinitialize(count: 1)
    (fields + at).deinitialize(count: 1)
    count &-= 1
    defined &-= 1
    if at == count { return }
    FieldTable.move(slots + count, to: slots + at, 1)
    FieldTable.move(fields + count, to: fields + at, 1)
    let moved = slots[at].key
    if let block = places[places.place(of: moved.bytes, moved.hash)] { FieldTable.place(block).pointee.field = at }
  }

  /// Moves values to other memory. A value of Swift's may be moved as its bytes.
  @inline(__always)
  private static func move<T: ~Copyable>(_ from: UnsafeMutablePointer<T>, to: UnsafeMutablePointer<T>, _ number: Int) {
    memcpy(to, from, number &* MemoryLayout<T>.stride)
  }

  private static func place(_ node: Node.Pointer) -> UnsafeMutablePointer<Place> {
    UnsafeMutableRawPointer(node).assumingMemoryBound(to: Place.self)
  }
}
