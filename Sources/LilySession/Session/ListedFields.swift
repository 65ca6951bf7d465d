/// The fields of a list, with what sessions need of them and nobody should make anew for each attach. All sessions of the list share them,
/// in whatever thread: they do not change any more once somebody else has them.
//
// They are no array, so that a slot can point to its field.
final class ListedFields<Binding: FieldBinding> {
  let fields: UnsafeMutablePointer<FieldDefinition<Binding>>
  private(set) var count = 0
  private let capacity: Int
  /// True if a field expires.
  private(set) var hasExpiry = false
  /// The keys of the fields outside any scope.
  let keys = StoredKeys()

  init(copying others: ListedFields? = nil) {
    capacity = 2 &* (others?.count ?? 0) &+ 8
    fields = .allocate(capacity: capacity)
    if let others { for at in 0..<others.count { append(others.fields[at]) } }
  }

  deinit {
    fields.deinitialize(count: count)
    fields.deallocate()
  }

  /// True if there is no room for another field.
  var isFull: Bool { count == capacity }

  /// Adds a field, for which there must be room. Nobody else may have these fields.
  func append(_ field: FieldDefinition<Binding>) {
    (fields + count).initialize(to: field)
    count &+= 1
    hasExpiry = hasExpiry || field.expiresAfter > 0
    keys.append(field.storageKey)
    for former in field.formerKeys { keys.append(former) }
  }
}

/// The keys under which the fields of a list are stored in one scope: each field's own key, followed by its former ones.
final class StoredKeys {
  private(set) var all: [Key] = []
  /// The same keys, prepared.
  private(set) var prepared = PlainList<PreparedKey>()
  private let scratch = ByteBuffer()

  deinit { prepared.forEach { $0.free() } }

  /// Returns the same keys in a scope.
  func inScope(_ scope: Scope) -> StoredKeys {
    if scope == .none { return self }
    let scoped = StoredKeys()
    scoped.all.reserveCapacity(all.count)
    scoped.prepared.reserve(all.count)
    let prefix = PreparedKey.make(scope.generationKey, scoped.scratch)
    for at in 0..<all.count {
      let key = scope.key(all[at])
      scoped.all.append(key)
      scoped.prepared.append(prepared[at].inScope(key, prefix, scoped.scratch))
    }
    prefix.free()
    return scoped
  }

  /// Adds a key. Nobody else may have these keys.
  func append(_ key: Key) {
    all.append(key)
    prepared.append(PreparedKey.make(key, scratch))
  }

  /// Returns true if one of these keys may be this one, because it has the same hash.
  func mayHave(_ key: Key) -> Bool {
    let hash = key.withBytes { hashOf($0) }
    var isFound = false
    prepared.forEach { if $0.hash == hash { isFound = true } }
    return isFound
  }
}
