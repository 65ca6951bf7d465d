/// Tells an entry of a field from its other entries, by the key that it is under and by its identity. A slot keeps that of the entry which the
/// field has taken or refused, to compare others with it.
struct TakenEntry: Equatable, BitwiseCopyable {
  /// 0 for the field's own key; otherwise the place of the key among the former keys, from 1 on.
  var source: Int
  var identity: EntryIdentity
}

extension FieldSlot {
  /// The entry that the field's value came from, or went to. By this the session tells news from what it knows.
  enum Origin: BitwiseCopyable {
    /// Storage was last seen to hold nothing for the field.
    case none
    /// The session stored the baseline under the field's own key.
    case ownWrite
    /// The field was set to this entry, or refused it.
    case taken(TakenEntry)
    /// The field was set to this entry, but its value could not be captured then. The first value that was captured later is the baseline.
    case adopted(TakenEntry)
  }
}

/// When an entry expires, UTC in ms, for a field that may have an expiry of its own.
struct Deadline {
  /// The deadline that storage has; 0 means never.
  let stored: Int64
  /// The deadline that counts. It is earlier if a clock that was ahead, or another release of the program, stored a deadline that is later
  /// than the field's own expiry allows.
  let time: Int64

  init(stored: Int64, now: Int64, expiresAfter: Int64) {
    let latest = deadline(after: expiresAfter, from: now)
    self.stored = stored
    time = latest != 0 && stored > latest ? latest : stored
  }

  init(_ stored: Int64) {
    self.stored = stored
    time = stored
  }
}
