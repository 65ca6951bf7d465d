/// Reads and sets one field of a session with the host's code: C callbacks, or Swift closures.
package protocol FieldBinding {
  associatedtype Session
  /// The value last seen. The field has changed if its value differs from this.
  associatedtype Baseline
  /// What a map passes when it is walked: the entry's value, or where the value is.
  associatedtype Visited
  associatedtype Map: MapBinding where Map.Field == Self

  func makeBaseline() -> Baseline
  /// Returns a copy that shares no memory with the baseline.
  func copy(_ baseline: Baseline) -> Baseline
  /// Frees what a baseline owns.
  func dispose(_ baseline: inout Baseline)

  /// Reads the field's value from the session. If it differs from the baseline and can be stored, it becomes the baseline; otherwise the
  /// baseline stays. A new baseline has no value, so the first value that is captured differs from it.
  func capture(_ session: Session, _ baseline: inout Baseline) -> Capture

  /// Does what `capture` does for a field of a map, which is read while the map is walked.
  func capture(visited: Visited, _ baseline: inout Baseline) -> Capture

  /// Takes the value out of a baseline: a map has no such entry any more.
  func empty(_ baseline: inout Baseline)
  /// Returns true if the baseline has no value.
  func isEmpty(_ baseline: Baseline) -> Bool

  /// Appends the baseline as JSON text.
  func append(_ baseline: Baseline, to buffer: ByteBuffer) throws(Failure)

  /// Sets the field to a value, which is borrowed. Returns 0, or the host's code if it refused the value.
  func set(_ value: NativeValue, in session: inout Session) -> Int32

  /// Returns why the last `set` or `migrate` refused, once; nil if the binding knows no more than the code.
  func takeRefusal() -> Failure?

  /// Sets the field to the baseline's value, or removes the entry if the field is a map's and the baseline is empty. Returns 0, or the host's
  /// code if it refused.
  func restore(_ baseline: Baseline, in session: inout Session) -> Int32

  /// True if values of older versions are migrated. If false, they are taken as they are.
  var migrates: Bool { get }

  #if !hasFeature(Embedded)
    /// Returns the field's value; nil if there is none.
    func value(in session: Session) -> Any?
  #endif

  /// Makes a value of this version from one of an older version, and calls `body` with it. Returns what `body` returns, or the code that says
  /// why no value could be made. Returns nil, without calling `body`, if values of older versions are taken as they are.
  func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32?
}

extension FieldBinding {
  package func takeRefusal() -> Failure? { nil }
  #if !hasFeature(Embedded)
    package func value(in session: Session) -> Any? { nil }
  #endif
}

/// What came of capturing a field, which is to read its value and to compare it with the baseline.
package enum Capture {
  case same
  case changed
  /// The host's get failed with this code.
  case callbackFailed(Int32)
  /// The value cannot be stored, for this reason.
  case unencodable(StaticString)
}

/// The definition of one persisted value: its key, which values it accepts, and how it is read and set.
package struct FieldDefinition<Binding: FieldBinding> {
  package let key: Key
  /// The key under which the value is stored: `lily_session_` and `key`.
  let storageKey: Key
  let types: ValueTypes
  /// The time in ms from a write until the value expires; 0 means never.
  let expiresAfter: Int64
  let version: UInt32
  /// The storage keys that the field had before, the latest first.
  let formerKeys: [Key]
  let binding: Binding
  /// An object of the host's that the binding needs. It is retained for as long as the binding may be called.
  let owner: AnyObject?

  package init(
    key: Key, types: ValueTypes, expiresAfter: Int64, version: UInt32, formerKeys: [Key], binding: Binding, owner: AnyObject?
  ) throws(Failure) {
    guard !key.bytes.isEmpty, key.bytes.count <= Key.fieldLimit else {
      throw Failure(.invalidArgument, "a field's key has 1 to 256 bytes")
    }
    try FieldDefinition.check(types, expiresAfter, key)
    for former in formerKeys where former == key { throw Failure(.invalidArgument, "a field's former key is its present key", key: key) }
    self.key = key
    storageKey = Key(field: key)
    self.types = types
    self.expiresAfter = expiresAfter
    self.version = version
    self.formerKeys = formerKeys.map { Key(field: $0) }
    self.binding = binding
    self.owner = owner
  }

  /// Makes the field of a map's entry. The map's definition has been checked.
  init(entry key: Key, of map: MapDefinition<Binding>, binding: Binding, owner: AnyObject?) {
    self.key = key
    storageKey = Key(field: key)
    types = map.types
    expiresAfter = map.expiresAfter
    version = map.version
    formerKeys = []
    self.binding = binding
    self.owner = owner
  }

  static func check(_ types: ValueTypes, _ expiresAfter: Int64, _ key: Key) throws(Failure) {
    guard !types.isEmpty, types.isSubset(of: .all) else { throw Failure(.invalidArgument, "a field's `types` is zero, or has an unknown type", key: key) }
    guard expiresAfter >= 0 else { throw Failure(.invalidArgument, "a field's expiry is negative; 0 means never", key: key) }
  }
}

/// An ordered list of fields, and of maps. No key belongs to two of them.
package final class FieldList<Binding: FieldBinding> {
  /// The fields. Sessions keep what they were attached with, so the list makes a copy before it adds more.
  private(set) var listed = ListedFields<Binding>()
  private(set) var maps: [MapDefinition<Binding>] = []
  /// The prefixes of the maps' keys.
  private var prefixes = Claims()

  package init() {}

  /// Returns a list that has the same, and can grow by itself.
  func copy() -> FieldList {
    let copy = FieldList()
    (copy.listed, copy.maps, copy.prefixes) = (listed, maps, prefixes)
    return copy
  }

  /// Adds all of the fields to the end of the list, or none of them.
  package func add(_ more: [FieldDefinition<Binding>]) throws(Failure) {
    // A single one needs no copy of the list to go back to.
    if more.count == 1, let field = more.first { return try add(field) }
    let before = listed
    do throws(Failure) { for field in more { try add(field) } } catch {
      listed = before
      throw error
    }
  }

  package func add(_ field: FieldDefinition<Binding>) throws(Failure) {
    // Former keys count, too: a key that one field renames or removes must not be another's.
    let new = Claims(keys: [field.storageKey] + field.formerKeys)
    var old = prefixes
    // Hashes are compared first, so that a long list is fast to make.
    if new.keys.contains(where: listed.keys.mayHave) { old.keys = listed.keys.all }
    try refuse(new, by: old, about: field.key)
    if listed.isFull || !isKnownUniquelyReferenced(&listed) { listed = ListedFields(copying: listed) }
    listed.append(field)
  }

  /// Adds a map. What is wrong with it is found here, and not in its init: in Embedded Swift an init of a class that throws leaks the object.
  package func add(_ map: MapDefinition<Binding>) throws(Failure) {
    try FieldDefinition<Binding>.check(map.types, map.expiresAfter, map.prefix)
    var old = prefixes
    old.keys = listed.keys.all
    try refuse(Claims(prefixes: [map.storagePrefix]), by: old, about: map.prefix)
    maps.append(map)
    prefixes.prefixes.append(map.storagePrefix)
  }

  @inline(never)
  private func refuse(_ new: Claims, by old: Claims, about key: Key) throws(Failure) {
    if new.conflict(with: old) != nil { throw Failure(.duplicateKey, "another field or map of the list has, had or could have this key", key: key) }
  }
}
