/// How a call ended. The numbers are part of the C ABI (`lily_session.h`; a test holds them together) and are never
/// used for anything else.
public struct Status: RawRepresentable, Equatable, Sendable {
  /// As in the C interface.
  public var rawValue: Int32
  /// The status of a number; it may be none of the below.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Nothing is wrong.
  public static var ok: Status { Status(rawValue: 0) }
  /// A value out of range, a key that is none, a detached session.
  public static var invalidArgument: Status { Status(rawValue: -1) }
  /// Another field is stored under this key already.
  public static var duplicateKey: Status { Status(rawValue: -2) }
  /// No such key, or no such file.
  public static var notFound: Status { Status(rawValue: -3) }
  /// Called from inside a callback of the same runtime.
  public static var reentrant: Status { Status(rawValue: -4) }
  /// This object cannot do that.
  public static var unsupported: Status { Status(rawValue: -5) }
  /// The storage was opened by the parent process.
  public static var forked: Status { Status(rawValue: -6) }
  /// The text is not JSON, or not of an accepted type.
  public static var decode: Status { Status(rawValue: -10) }
  /// The field's value cannot be stored: not finite, not JSON, too big, or its encoder threw.
  public static var encode: Status { Status(rawValue: -11) }
  /// A callback of the program's failed.
  public static var callback: Status { Status(rawValue: -12) }
  /// The update function refused the message.
  public static var update: Status { Status(rawValue: -13) }
  /// Written by a newer version of the program or of this library.
  public static var newer: Status { Status(rawValue: -14) }
  /// The system refused; the error number says more.
  public static var io: Status { Status(rawValue: -20) }
  /// The disk, its quota or the file size limit is full.
  public static var noSpace: Status { Status(rawValue: -21) }
  /// Visible to all, but it may not survive power loss.
  public static var notDurable: Status { Status(rawValue: -22) }
  /// The file, its directory or a read-only storage does not allow it.
  public static var permission: Status { Status(rawValue: -23) }
  /// Not a file of ours: another format, owner, kind, or linked twice.
  public static var refused: Status { Status(rawValue: -24) }
  /// The file is damaged, and the options are strict.
  public static var corrupt: Status { Status(rawValue: -25) }
  /// Over a size limit.
  public static var quota: Status { Status(rawValue: -26) }
  /// Another process held the storage's lock for 5 s.
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

/// Why a call failed. It may name a key or a path, and never quotes a value.
public struct Failure: Error {
  /// What kind of failure it is: to decide by.
  public var status: Status
  /// For people: a sentence without an end, or its beginning where a path and the system's words complete it ("cannot create").
  public var reason: StaticString
  /// errno, or 0.
  public var systemError: Int32
  /// A key, or a path after `pathMark`: a variable of its own for the path would make every update dearer.
  private var topic: Key?
  #if !hasFeature(Embedded)
    /// The error of the program's own that this one comes from: what an update function threw, for one.
    public var underlying: (any Error)?
  #endif

  /// For a storage of the program's own.
  public init(_ status: Status, _ reason: StaticString, systemError: Int32 = 0, key: Key? = nil) {
    self.status = status
    self.reason = reason
    self.systemError = systemError
    topic = key
  }

  /// No key begins with it, as it is never in UTF-8.
  private static var pathMark: UInt8 { 0xFF }

  private var hasPath: Bool { topic?.bytes.first == Failure.pathMark }

  /// The key that it is about, without the prefix where it is a field's.
  package var subject: Key? { hasPath ? nil : topic }

  /// The path that it is about, as the system takes it.
  package var location: [UInt8]? { hasPath ? topic.map { [UInt8]($0.bytes.dropFirst()) } : nil }

  func about(_ key: Key) -> Failure {
    var failure = self
    failure.topic = key
    return failure
  }

  func at(_ path: [UInt8]) -> Failure { about(Key(stored: [Failure.pathMark] + path)) }

  func at(_ path: UnsafePointer<CChar>) -> Failure { at([UInt8](cString: path)) }

  /// Whether the system's words for the error say more than the reason does; they do not where somebody else holds a lock.
  package var hasSystemText: Bool { systemError != 0 && status != .busy }
}

extension Failure {
  static var newerLines: Failure { Failure(.newer, "the file has lines of a newer format") }
  package static var newerEntry: Failure { Failure(.newer, "what is stored is of a newer version") }
}
