import CLilySession
import CRedis

/// Why a call failed: a status of the header, words without a value, and an errno or 0.
struct Failure: Error {
  let status: lily_session_status
  private(set) var reason: [UInt8]
  let systemError: Int32
  /// True if the server can have done nothing of what was asked, so that it may be asked again.
  private(set) var didNothing = false
  /// True if the connection failed, so that it is not known whether the server did what was asked.
  private(set) var isOfConnection = false
  /// True if there was no connection, so that nothing was asked.
  private(set) var isUnsent = false

  init(_ status: lily_session_status, _ reason: StaticString, _ detail: [UInt8] = [], systemError: Int32 = 0) {
    self.status = status
    self.reason = bytes(reason) + detail
    self.systemError = systemError
  }

  /// A failure of the connection to a server.
  static func connection(_ reason: StaticString, _ detail: [UInt8] = [], systemError: Int32 = 0) -> Failure {
    var failure = Failure(Status.io, reason, detail, systemError: systemError)
    failure.isOfConnection = true
    return failure
  }

  /// The server did not answer within the time of the call.
  static var late: Failure { .connection("the server did not answer in time", systemError: ETIMEDOUT) }

  /// True if a connection ended before its server had answered.
  var isBrokenConnection: Bool { isOfConnection && systemError != ETIMEDOUT }

  /// Returns this failure, after which the call may be made again.
  var beforeAnything: Failure {
    var failure = self
    failure.didNothing = true
    return failure
  }

  /// Returns this failure, which came before there was a connection.
  var unsent: Failure {
    var failure = self
    failure.isUnsent = true
    return failure
  }

  /// Returns this failure with the server's address at its end. What a path has that is not ASCII is left out.
  func at(_ node: Node) -> Failure {
    var failure = self
    failure.reason += bytes(", at ") + node.name.map { 32...126 ~= $0 ? $0 : 63 }
    return failure
  }

  /// Returns this failure with the system's words for its errno at its end, which the library adds only to what a storage returns.
  var withSystemText: Failure {
    guard systemError != 0 else { return self }
    var failure = self
    failure.reason += bytes(": ") + bytes(redis_error_text(systemError))
    return failure
  }

  /// Tells the library the reason, and returns the status.
  func tell() -> lily_session_status {
    (reason + [0]).withUnsafeBytes { lily_session_backend_fail(status, $0.baseAddress?.assumingMemoryBound(to: CChar.self), systemError) }
  }
}

/// The statuses of the header that this library returns.
enum Status {
  static var ok: lily_session_status { lily_session_status(LILY_SESSION_OK.rawValue) }
  static var invalidArgument: lily_session_status { lily_session_status(LILY_SESSION_ERROR_INVALID_ARGUMENT.rawValue) }
  static var notFound: lily_session_status { lily_session_status(LILY_SESSION_ERROR_NOT_FOUND.rawValue) }
  static var unsupported: lily_session_status { lily_session_status(LILY_SESSION_ERROR_UNSUPPORTED.rawValue) }
  static var newer: lily_session_status { lily_session_status(LILY_SESSION_ERROR_NEWER.rawValue) }
  static var io: lily_session_status { lily_session_status(LILY_SESSION_ERROR_IO.rawValue) }
  static var noSpace: lily_session_status { lily_session_status(LILY_SESSION_ERROR_NO_SPACE.rawValue) }
  static var notDurable: lily_session_status { lily_session_status(LILY_SESSION_ERROR_NOT_DURABLE.rawValue) }
  static var permission: lily_session_status { lily_session_status(LILY_SESSION_ERROR_PERMISSION.rawValue) }
  static var refused: lily_session_status { lily_session_status(LILY_SESSION_ERROR_REFUSED.rawValue) }
  static var busy: lily_session_status { lily_session_status(LILY_SESSION_ERROR_BUSY.rawValue) }
}

/// Returns the bytes of a text.
func bytes(_ text: StaticString) -> [UInt8] {
  [UInt8](UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

extension UnsafeRawBufferPointer {
  func begins(with text: StaticString) -> Bool {
    guard let baseAddress, count >= text.utf8CodeUnitCount else { return false }
    return memcmp(baseAddress, text.utf8Start, text.utf8CodeUnitCount) == 0
  }
}

/// Returns the bytes of a C string; none if it is NULL.
func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
  guard let text else { return [] }
  return [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
}

/// Calls `body` with the bytes as a C string.
func withCString<R>(_ text: [UInt8], _ body: (UnsafePointer<CChar>?) -> R) -> R {
  (text + [0]).withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
}

/// Returns a number's decimal digits.
func digits(_ number: Int64) -> [UInt8] {
  var digits: [UInt8] = []
  digits.append(decimal: number)
  return digits
}

/// Returns the number that decimal digits are; nil if they are something else, or the number is too large.
func number(_ digits: some Collection<UInt8>) -> Int64? {
  var number: Int64 = 0
  for digit in digits {
    let (tenfold, isTooLarge) = number.multipliedReportingOverflow(by: 10)
    guard 48...57 ~= digit, !isTooLarge else { return nil }
    let (sum, isStillTooLarge) = tenfold.addingReportingOverflow(Int64(digit - 48))
    if isStillTooLarge { return nil }
    number = sum
  }
  return digits.isEmpty ? nil : number
}
