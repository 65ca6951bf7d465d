import CRedis

/// What a server's error means.
extension Failure {
  /// Reads an error of a server's. It begins with a code in capitals.
  init(serverError text: [UInt8], key: [UInt8]) {
    func says(_ code: StaticString) -> Bool { text.starts(with: bytes(code)) }
    // What a server says is shown without what could control a terminal, and not at any length.
    let words = bytes(": ") + text.prefix(100).map { 32...126 ~= $0 ? $0 : 63 }
    if says("WRONGTYPE") {
      self.init(Status.refused, "the key has a value of another type: ", key)
    } else if says("OOM") || says("MISCONF") {
      self.init(Status.noSpace, "the server accepts no more data", words, systemError: ENOSPC)
    } else if says("NOAUTH") || says("WRONGPASS") || says("NOPERM") || says("ERR AUTH") || says("DENIED") || says("ERR invalid password") {
      self.init(Status.permission, "the server does not allow it", words, systemError: EACCES)
    } else if Failure.passing.contains(where: { says($0) }) {
      self.init(Status.busy, "the server cannot do that now", words, systemError: EBUSY)
      self = beforeAnything
    } else {
      self.init(Status.io, "the server refused", words, systemError: EPROTO)
    }
  }

  /// The codes that say that nothing was done, and that it may be possible later or elsewhere.
  private static var passing: [StaticString] {
    ["LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS", "BUSY "]
  }
}
