/// What a session tells its host, after the step that caused it is over.
public struct Event: Sendable {
  public enum Kind: Int32, Sendable {
    case rejected = 1
    case newer = 2
    case fieldFailed = 3
    case writeFailed = 4
    case damaged = 5
    case directory = 6
    case changed = 7
    case removed = 8
    case expired = 9
    case cleared = 10
    case notDurable = 11
  }

  public var kind: Kind
  /// A `Status`, or the code of the host's callback.
  package var code: Int32
  /// errno, or 0.
  public var systemError: Int32
  /// Of the field, without the prefix; nil: the store.
  package var subject: Key?

  package init(kind: Kind, status: Int32, systemError: Int32, key: Key?) {
    self.kind = kind
    code = status
    self.systemError = systemError
    subject = key
  }
}

/// What storage holds of a field, as far as its session has seen it.
public struct FieldState: Equatable, Sendable {
  public enum Stored: Int32, Sendable {
    case absent = 0
    case loaded = 1
    case rejected = 2
    case expired = 3
    case migrated = 4
    case newer = 5
  }

  public var stored: Stored
  /// Changed, and not stored yet.
  public var isDirty: Bool
}
