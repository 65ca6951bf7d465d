/// An entry as a field took it.
struct TakenEntry: Equatable, BitwiseCopyable {
  /// 0: the field's own key; else the place among its former keys, from 1 on.
  var source: Int
  var identity: EntryIdentity
}

/// When an entry expires, UTC in ms, for a field that may expire by itself.
struct Deadline {
  /// 0: never.
  let time: Int64
  /// What is stored is later than the field's own expiry allows: it was written by a clock that was ahead, or by another release.
  let isCorrected: Bool

  init(stored: Int64, now: Int64, expiresAfter: Int64) {
    let latest = deadline(after: expiresAfter, from: now)
    isCorrected = latest != 0 && stored > latest
    time = isCorrected ? latest : stored
  }

  init(renewed time: Int64) {
    self.time = time
    isCorrected = false
  }
}
