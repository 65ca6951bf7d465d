/// Walks through a map of the model, whose ids are not known beforehand, and binds a field to each of its entries.
package protocol MapBinding {
  associatedtype Field: FieldBinding

  /// Calls `visit` with the id and the value of each entry that the map has. Returns 0, or the host's code if it failed; then it may have left
  /// entries out. What `visit` returns tells the host whether an entry was taken.
  func each(_ session: Field.Session, _ visit: @escaping (UnsafeRawBufferPointer, Field.Visited) -> Int32) -> Int32

  /// Binds a field to the entry of this id, and returns it with an object of the host's that must be retained as long as the field.
  func field(_ id: Key) -> (binding: Field, owner: AnyObject?)
}

/// The definition of a map: where its entries are stored, which values they accept, and how they are read and set.
package final class MapDefinition<Binding: FieldBinding> {
  /// What the keys of its fields begin with. The rest of a key is the entry's id.
  let prefix: Key
  /// The storage key before the id: `lily_session_` and `prefix`.
  let storagePrefix: Key
  let types: ValueTypes
  /// The time in ms from a write until an entry expires; 0 means never.
  let expiresAfter: Int64
  let version: UInt32
  let binding: Binding.Map

  package init(prefix: Key, types: ValueTypes, expiresAfter: Int64, version: UInt32, binding: Binding.Map) {
    self.prefix = prefix
    storagePrefix = Key(field: prefix)
    self.types = types
    self.expiresAfter = expiresAfter
    self.version = version
    self.binding = binding
  }

  /// Returns the field of the entry whose field has this key, or nil if the key is not one of this map's.
  @inline(never)
  func field(_ key: Key) -> FieldDefinition<Binding>? {
    guard key.begins(with: prefix), let id = try? Key(bytes: key.bytes.dropFirst(prefix.bytes.count), limit: Key.idLimit) else { return nil }
    let (binding, owner) = binding.field(id)
    return FieldDefinition(entry: key, of: self, binding: binding, owner: owner)
  }
}

/// The keys that fields store, and the beginnings of all keys that maps store.
struct Claims {
  var keys: [Key] = []
  var prefixes: [Key] = []

  /// Returns a key or a prefix of these by which the others could store the same key, or nil if there is none.
  func conflict(with others: Claims) -> Key? {
    for key in keys {
      if others.keys.contains(key) { return key }
      for prefix in others.prefixes where key.begins(with: prefix) { return key }
    }
    for prefix in prefixes {
      for key in others.keys where key.begins(with: prefix) { return prefix }
      for other in others.prefixes where other.begins(with: prefix) || prefix.begins(with: other) { return prefix }
    }
    return nil
  }
}
