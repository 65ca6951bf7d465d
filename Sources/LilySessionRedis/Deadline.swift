import CRedis

/// The moment when a call must have ended.
struct Deadline {
  /// Milliseconds of the monotonic clock.
  let moment: Int64

  init(after milliseconds: Int64) {
    let (moment, isTooLate) = redis_monotonic_ms().addingReportingOverflow(milliseconds)
    self.moment = isTooLate ? .max : moment
  }

  /// Returns the milliseconds that are left, 0 if none are.
  var left: Int64 { max(moment - redis_monotonic_ms(), 0) }

  var isOver: Bool { left == 0 }
}
