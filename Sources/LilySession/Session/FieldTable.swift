import CPlatform

/// The fields of a session, and what it believes of each. The fields of the list come first and stay. Behind them are those of maps: one for
/// each entry, as long as the model or storage has it.
//
// These are no arrays, so that an update reads them without retaining anything. A field of a map may move when another one is dropped, so no
// number of a field is kept from one call to the next.
struct FieldTable<Binding: FieldBinding>: ~Copyable {
  private(set) var slots: UnsafeMutablePointer<FieldSlot<Binding>>
  private(set) var count: Int
  /// The number of the list's fields.
  let listed: Int
  private var capacity: Int
  /// The list's fields and their keys, to which the slots point; nil once the table is empty.
  private var list: ListedFields<Binding>?
  private var listKeys: StoredKeys?
  /// Finds the fields of maps by their stored keys.
  private var places = KeyedSlots(keyOffset: MemoryLayout<Place>.stride)

  /// What the table keeps for a field of a map.
  private struct Place {
    var node: Node
    var field: Int
  }

  init(_ list: ListedFields<Binding>, in scope: Scope) {
    let keys = list.keys.inScope(scope)
    (self.list, listKeys) = (list, keys)
    listed = list.count
    count = listed
    capacity = max(listed, 1)
    slots = .allocate(capacity: capacity)
    var key = 0
    for at in 0..<listed {
      (slots + at).initialize(to: FieldSlot(list.fields + at, key: keys.prepared[key]))
      key &+= 1 &+ list.fields[at].formerKeys.count
    }
  }

  deinit {
    free()
    slots.deallocate()
  }

  /// The keys of the list's fields, each followed by its former ones.
  var listedKeys: [Key] { listKeys?.all ?? [] }

  /// Empties the table, and so releases the host's contexts in its fields, unless others share them. The table is of no use afterwards.
  mutating func removeAll() {
    free()
    count = 0
    places.removeAll()
    (list, listKeys) = (nil, nil)
  }

  private func free() {
    for at in 0..<count { dispose(at) }
    places.forEach { $0.deallocate() }
  }

  /// Frees what a field keeps, except its place.
  private func dispose(_ at: Int) {
    slots[at].dispose()
    if at >= listed {
      slots[at].key.free()
      let field = UnsafeMutablePointer(mutating: slots[at].definition)
      field.deinitialize(count: 1)
      field.deallocate()
    }
    (slots + at).deinitialize(count: 1)
  }

  @inline(never)
  private mutating func grow() {
    capacity = capacity &* 2 &+ 8
    let more = UnsafeMutablePointer<FieldSlot<Binding>>.allocate(capacity: capacity)
    FieldTable.move(slots, to: more, count)
    slots.deallocate()
    slots = more
  }

  // MARK: the fields of maps

  /// Returns the number of the field that is stored under a key, if it is a map's.
  func field(ofMapAt stored: UnsafeRawBufferPointer) -> Int? {
    places[places.place(of: stored, hashOf(stored))].map { FieldTable.place($0).pointee.field }
  }

  /// Returns the number of the field that is stored under a key, which comes in two parts, if it is a map's.
  func field(ofMapAt prefix: UnsafeRawBufferPointer, _ id: UnsafeRawBufferPointer) -> Int? {
    guard id.count <= Key.idLimit else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: prefix.count &+ id.count, alignment: 1) { key in
      guard let to = key.baseAddress else { return nil }
      if let from = prefix.baseAddress { memcpy(to, from, prefix.count) }
      if let from = id.baseAddress { memcpy(to + prefix.count, from, id.count) }
      return field(ofMapAt: UnsafeRawBufferPointer(key))
    }
  }

  /// Adds a field of a map, which must not be here.
  ///
  /// - Parameter isFromModel: true if the model had the entry before hydration. Otherwise the value from before is that there is none.
  mutating func add(_ field: FieldDefinition<Binding>, _ stored: Key, isFromModel: Bool) -> Int {
    if count == capacity { grow() }
    let at = count
    let definition = UnsafeMutablePointer<FieldDefinition<Binding>>.allocate(capacity: 1)
    definition.initialize(to: field)
    let key = PreparedKey.make(stored, ByteBuffer())
    (slots + at).initialize(to: FieldSlot(definition, key: key, hasInitial: !isFromModel))
    count &+= 1
    let size = MemoryLayout<Place>.stride
    let block = UnsafeMutableRawPointer.allocate(byteCount: size &+ key.bytes.count, alignment: MemoryLayout<Place>.alignment)
    let place = block.bindMemory(to: Place.self, capacity: 1)
    place.initialize(to: Place(node: Node(hash: key.hash, next: nil, previous: nil, keyCount: UInt32(truncatingIfNeeded: key.bytes.count)), field: at))
    if let from = key.bytes.baseAddress { (block + size).copyMemory(from: from, byteCount: key.bytes.count) }
    let node = block.assumingMemoryBound(to: Node.self)
    places.insert(node, at: places.place(of: key.bytes, key.hash))
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
    dispose(at)
    count &-= 1
    if at == count { return }
    FieldTable.move(slots + count, to: slots + at, 1)
    let moved = slots[at].key
    if let block = places[places.place(of: moved.bytes, moved.hash)] { FieldTable.place(block).pointee.field = at }
  }

  /// Moves slots to other memory. A value of Swift's may be moved as its bytes.
  private static func move(_ from: UnsafeMutablePointer<FieldSlot<Binding>>, to: UnsafeMutablePointer<FieldSlot<Binding>>, _ number: Int) {
    memcpy(to, from, number &* MemoryLayout<FieldSlot<Binding>>.stride)
  }

  private static func place(_ node: Node.Pointer) -> UnsafeMutablePointer<Place> {
    UnsafeMutableRawPointer(node).assumingMemoryBound(to: Place.self)
  }
}
