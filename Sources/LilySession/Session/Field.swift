/// How the host's code reads and sets one field of a session: C callbacks, or Swift closures.
package protocol FieldBinding {
  associatedtype Session
  /// The value last seen, to find by comparison whether the field changed.
  associatedtype Baseline

  func makeBaseline() -> Baseline
  /// One of its own.
  func copy(_ baseline: Baseline) -> Baseline
  /// What a baseline owns is given back.
  func dispose(_ baseline: inout Baseline)

  /// Takes the field's value from the session. If it differs from the baseline and can be stored, it becomes the baseline;
  /// otherwise the baseline stays. The first value ever differs.
  func capture(_ session: Session, _ baseline: inout Baseline) -> Capture

  /// The baseline as JSON text.
  func append(_ baseline: Baseline, to buffer: ByteBuffer) throws(Failure)

  /// Sets the field; the value is borrowed. 0, or the host's code for refusing it.
  func set(_ value: NativeValue, in session: inout Session) -> Int32

  /// Sets the field to the baseline's value. 0, or the host's code for refusing it.
  func restore(_ baseline: Baseline, in session: inout Session) -> Int32

  /// Values of older versions are migrated, and not taken as they are.
  var migrates: Bool { get }

  /// Makes a value of this version from a stored one, hands it to `body`, and returns what that returns, or why there is no value.
  /// Returns nil if values of older versions are taken as they are.
  func migrate(_ stored: NativeValue, from version: UInt32, _ body: (NativeValue) -> Int32) -> Int32?
}

package enum Capture {
  case same
  case changed
  /// The host's code.
  case callbackFailed(Int32)
  /// The value cannot be stored.
  case unencodable(StaticString)
}

/// One persisted value: its key, what is accepted for it, and how it is reached.
package struct FieldDefinition<Binding: FieldBinding> {
  package let key: Key
  let storageKey: Key
  let types: ValueTypes
  /// ms after the last write; 0: never.
  let expiresAfter: Int64
  let version: UInt32
  /// Storage keys, the latest first.
  let formerKeys: [Key]
  let binding: Binding
  /// Kept for as long as the field may be called.
  let owner: AnyObject?

  package init(
    key: Key, types: ValueTypes, expiresAfter: Int64, version: UInt32, formerKeys: [Key], binding: Binding, owner: AnyObject?
  ) throws(Failure) {
    guard !key.bytes.isEmpty, key.bytes.count <= Key.fieldLimit else {
      throw Failure(.invalidArgument, "a field's key has 1 to 256 bytes")
    }
    guard !types.isEmpty, types.isSubset(of: .all) else { throw Failure(.invalidArgument, "a field's types are not among the known", key: key) }
    for former in formerKeys where former == key { throw Failure(.invalidArgument, "a field's former key is its key", key: key) }
    guard expiresAfter >= 0 else { throw Failure(.invalidArgument, "a field's expiry is negative", key: key) }
    self.key = key
    storageKey = Key(field: key)
    self.types = types
    self.expiresAfter = expiresAfter
    self.version = version
    self.formerKeys = formerKeys.map { Key(field: $0) }
    self.binding = binding
    self.owner = owner
  }
}

/// An ordered list of fields, no two with one key.
package final class FieldList<Binding: FieldBinding> {
  package private(set) var fields: [FieldDefinition<Binding>] = []
  /// Their keys and former keys, to find a second one by; nothing is stored under them.
  private let keys = EntryTable()

  package init() {}

  package func add(_ field: FieldDefinition<Binding>) throws(Failure) {
    // Former ones, too: what one field renames or removes must not be another's.
    let all = [field.storageKey] + field.formerKeys
    guard !all.contains(where: { $0.withBytes { keys.find($0) } != nil }) else {
      throw Failure(.duplicateKey, "the list has a field that has or had this key", key: field.key)
    }
    for key in all { key.withBytes { keys.set($0, UnsafeRawBufferPointer(start: nil, count: 0), deadline: 0, version: 0) } }
    fields.append(field)
  }
}
