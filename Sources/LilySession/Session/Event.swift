/// What a session tells its host, after the step that caused it is over.
public struct Event: Sendable {
  /// What happened. All but `damaged`, `directory`, `notDurable` and `notRewritten` are about one field.
  public enum Kind: Int32, Sendable {
    /// Attach: what is stored was not accepted. It stays until the field changes.
    case rejected = 1
    /// Attach: stored by a newer version of the field. It stays until the field changes.
    case newer = 2
    /// The field's value could not be taken.
    case fieldFailed = 3
    /// The field could not be stored, and is dirty.
    case writeFailed = 4
    /// Attach: lines of the file were damaged, and skipped.
    case damaged = 5
    /// Attach: others could exchange the file (``StorageInfo/directoryIsOpen``).
    case directory = 6
    /// Refresh: another changed the field, and it was set.
    case changed = 7
    /// Refresh: another removed it, and it was set to its value from before it was hydrated.
    case removed = 8
    /// Refresh: it expired; likewise.
    case expired = 9
    /// Refresh: the session was cleared; likewise. Any call: a change that could not be stored before a clear was met is not tried
    /// again; it may be older than the clear.
    case cleared = 10
    /// What was written may not survive power loss.
    case notDurable = 11
    /// The file cannot be rewritten, and so keeps growing, or still holds what was removed or cleared.
    case notRewritten = 12
  }

  /// What happened.
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

/// What storage holds of a field.
public struct FieldState: Equatable, Sendable {
  /// What is stored.
  public enum Stored: Int32, Sendable {
    /// Nothing.
    case absent = 0
    /// What the model has, or had.
    case loaded = 1
    /// What the field did not accept.
    case rejected = 2
    /// It reads as absent.
    case expired = 3
    /// A value that was migrated from an older version, or is under a former key. It is dirty until it is stored anew.
    case migrated = 4
    /// What a newer version of the field stored.
    case newer = 5
  }

  /// What is stored.
  public var stored: Stored
  /// The model has something that is not stored yet.
  public var isDirty: Bool
}
