/// How a call ended. The numbers are part of the C ABI (`lily_session.h`; a test holds them together) and are never
/// used for anything else.
public struct Status: RawRepresentable, Equatable, Sendable {
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  public static var ok: Status { Status(rawValue: 0) }
  public static var invalidArgument: Status { Status(rawValue: -1) }
  public static var duplicateKey: Status { Status(rawValue: -2) }
  public static var notFound: Status { Status(rawValue: -3) }
  public static var reentrant: Status { Status(rawValue: -4) }
  public static var unsupported: Status { Status(rawValue: -5) }
  public static var forked: Status { Status(rawValue: -6) }
  public static var decode: Status { Status(rawValue: -10) }
  public static var encode: Status { Status(rawValue: -11) }
  public static var callback: Status { Status(rawValue: -12) }
  public static var update: Status { Status(rawValue: -13) }
  public static var newer: Status { Status(rawValue: -14) }
  public static var io: Status { Status(rawValue: -20) }
  public static var noSpace: Status { Status(rawValue: -21) }
  public static var notDurable: Status { Status(rawValue: -22) }
  public static var permission: Status { Status(rawValue: -23) }
  public static var refused: Status { Status(rawValue: -24) }
  public static var corrupt: Status { Status(rawValue: -25) }
  public static var quota: Status { Status(rawValue: -26) }
  public static var busy: Status { Status(rawValue: -27) }
}

extension Status {
  /// Whether it is one of the above.
  package var isKnown: Bool {
    switch rawValue {
    case -6...0, -14...(-10), -27...(-20): true
    default: false
    }
  }
}

/// Why a call failed. `reason` is a sentence without an end, and never quotes a value.
public struct Failure: Error {
  public var status: Status
  public var reason: StaticString
  /// errno, or 0.
  public var systemError: Int32
  /// The key that it is about, without the prefix where it is a field's.
  package var subject: Key?
  #if !hasFeature(Embedded)
    /// The error of the program's own that this one comes from: what an update function threw, for one.
    public var underlying: (any Error)?
  #endif

  public init(_ status: Status, _ reason: StaticString, systemError: Int32 = 0, key: Key? = nil) {
    self.status = status
    self.reason = reason
    self.systemError = systemError
    subject = key
  }

  func about(_ key: Key) -> Failure {
    var failure = self
    failure.subject = key
    return failure
  }
}

extension Failure {
  package static var newerEntry: Failure { Failure(.newer, "what is stored is of a newer version") }
}
