/// An entry as a field took it.
struct TakenEntry: Equatable, BitwiseCopyable {
  /// 0: the field's own key; else the place among its former keys, from 1 on.
  var source: Int
  var identity: EntryIdentity
}

/// When an entry expires, UTC in ms, for a field that may expire by itself.
struct Deadline {
  /// What storage has; 0: never.
  let stored: Int64
  /// What counts. It is earlier where a clock that was ahead, or another release, stored a deadline that the field's own expiry does not
  /// allow.
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
