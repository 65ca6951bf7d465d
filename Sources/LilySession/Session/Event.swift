/// What a session reports to its host, after the step that caused it is over.
public struct Event: Sendable {
  /// What happened. Every kind except `damaged`, `directory`, `notDurable`, `notRewritten` and `notice` is about one field.
  public enum Kind: Int32, Sendable {
    /// Attach or refresh: the stored value was not accepted. It stays until the field changes.
    case rejected = 1
    /// Attach or refresh: a newer version of the field stored the value. It stays until the field changes.
    case newer = 2
    /// The field's value could not be read, or cannot be stored.
    case fieldFailed = 3
    /// The field could not be stored, and is dirty.
    case writeFailed = 4
    /// Attach: lines of the file were damaged and skipped.
    case damaged = 5
    /// Attach: others could exchange the file (``StorageInfo/directoryIsOpen``).
    case directory = 6
    /// Refresh: somebody else changed the stored value, and the field was set.
    case changed = 7
    /// Refresh: somebody else removed the stored value, and the field was set to the value that it had before attach.
    case removed = 8
    /// Refresh: the stored value expired, and the field was set to the value that it had before attach.
    case expired = 9
    /// Refresh: the session was cleared, and the field was set to the value that it had before attach. Any call: a change that could not be
    /// stored before a clear was met is not tried again, because it may be older than the clear.
    case cleared = 10
    /// The last write may not survive power loss.
    case notDurable = 11
    /// The file cannot be rewritten: it keeps growing, or still holds what was removed or cleared.
    case notRewritten = 12
    /// Attach: the store works, but is set up so that it may lose entries, or the like.
    case notice = 13
  }

  /// What happened.
  public var kind: Kind
  /// The number of a `Status`, or the code that the host's callback returned.
  package var code: Int32
  /// What is wrong, such as why a stored value was refused; nil if nothing is.
  public internal(set) var failure: Failure?
  /// The system's error number (errno), or 0.
  public var systemError: Int32 { failure?.systemError ?? 0 }
  /// The field's key without the prefix; nil if the event is about the whole store.
  package var subject: Key?

  /// Makes an event. A failure that names nothing is made one about the key.
  init(kind: Kind, code: Int32, failure: Failure?, key: Key?) {
    self.kind = kind
    self.code = code
    self.failure = failure
    subject = key
    if let failure, let key, failure.subject == nil, failure.location == nil { self.failure = failure.about(key) }
  }
}

/// What storage holds of a field, and whether the field has something to store.
public struct FieldState: Equatable, Sendable {
  /// What storage holds of a field.
  public enum Stored: Int32, Sendable {
    /// Nothing is stored.
    case absent = 0
    /// A value that the model has, or had.
    case loaded = 1
    /// A value that the field did not accept.
    case rejected = 2
    /// A value that has expired, and so reads as absent.
    case expired = 3
    /// A value that was migrated from an older version, or is under a former key. It is dirty until it is stored anew.
    case migrated = 4
    /// A value that a newer version of the field stored.
    case newer = 5
  }

  /// What storage holds.
  public var stored: Stored
  /// True if the model has a value that is not stored yet.
  public var isDirty: Bool
}
