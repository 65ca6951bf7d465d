/// How a call ended. The numbers are part of the C ABI, and no number is ever used for another status.
public struct Status: RawRepresentable, Equatable, Sendable {
  /// The number, as in the C interface.
  public var rawValue: Int32
  /// Makes the status of a number, which need not be one of those below.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The call succeeded.
  public static var ok: Status { Status(rawValue: 0) }
  /// An argument is wrong: a value is out of range, a key is invalid, or the session is detached.
  public static var invalidArgument: Status { Status(rawValue: -1) }
  /// Another field already has this key.
  public static var duplicateKey: Status { Status(rawValue: -2) }
  /// There is no such key, or no such file.
  public static var notFound: Status { Status(rawValue: -3) }
  /// The call was made inside a callback of the same runtime.
  public static var reentrant: Status { Status(rawValue: -4) }
  /// This object does not support the call.
  public static var unsupported: Status { Status(rawValue: -5) }
  /// The storage was opened by the parent process.
  public static var forked: Status { Status(rawValue: -6) }
  /// The text is not JSON, or does not have an accepted type.
  public static var decode: Status { Status(rawValue: -10) }
  /// The field's value cannot be stored: it is not finite, not JSON or too big, or its encoder threw an error.
  public static var encode: Status { Status(rawValue: -11) }
  /// A callback of the program failed.
  public static var callback: Status { Status(rawValue: -12) }
  /// The update function refused the message.
  public static var update: Status { Status(rawValue: -13) }
  /// A newer version of the program or of this library wrote the entry or the file.
  public static var newer: Status { Status(rawValue: -14) }
  /// The system reported an error; the error number says which.
  public static var io: Status { Status(rawValue: -20) }
  /// The disk is full, or its quota or the limit on the size of files is reached.
  public static var noSpace: Status { Status(rawValue: -21) }
  /// The data is written, but it may not survive power loss.
  public static var notDurable: Status { Status(rawValue: -22) }
  /// The file or its directory does not allow it, or the storage is read-only.
  public static var permission: Status { Status(rawValue: -23) }
  /// The file is not a journal of this user: it has another format, owner or kind, or a second hard link.
  public static var refused: Status { Status(rawValue: -24) }
  /// The file is damaged, and was opened with `isStrict`.
  public static var corrupt: Status { Status(rawValue: -25) }
  /// A size limit is exceeded.
  public static var quota: Status { Status(rawValue: -26) }
  /// Another process kept the storage's lock for 5 s.
  public static var busy: Status { Status(rawValue: -27) }
}

/// Why a call failed. It may name a key or a path, but never contains a value.
//
// It is one reference, because nearly every function passes failures on. So an update does not become slower if a failure can say more.
public struct Failure: Error {
  private let details: Details

  private final class Details: @unchecked Sendable { // it is changed only before anybody else has it
    let status: Status
    let reason: StaticString
    let systemError: Int32
    var key: Key?
    var place: Int?
    var path: [UInt8]?
    #if !hasFeature(Embedded)
      var underlying: (any Error)?
    #endif

    init(_ status: Status, _ reason: StaticString, _ systemError: Int32) {
      self.status = status
      self.reason = reason
      self.systemError = systemError
    }
  }

  /// Makes a failure, for a storage of the program's own.
  public init(_ status: Status, _ reason: StaticString, systemError: Int32 = 0, key: Key? = nil) {
    details = Details(status, reason, systemError)
    details.key = key
  }

  /// Makes a copy, and changes it by `change`.
  private init(_ other: Failure, _ change: (Details) -> Void) {
    details = Details(other.status, other.reason, other.systemError)
    details.key = other.subject
    details.place = other.place
    details.path = other.location
    #if !hasFeature(Embedded)
      details.underlying = other.underlying
    #endif
    change(details)
  }

  /// The kind of failure, for programs to decide by.
  public var status: Status { details.status }
  /// What is wrong, for people. A path and the system's words may follow it, as in "cannot create /srv/state: Permission denied".
  public var reason: StaticString { details.reason }
  /// The system's error number (errno), or 0.
  public var systemError: Int32 { details.systemError }
  /// The key that the failure is about, without the prefix if it is a field's; nil if it is not about a key.
  package var subject: Key? { details.key }
  /// The byte of the text that the failure is about, counted from 0; nil if it is not about one.
  package var place: Int? { details.place }
  /// The path that the failure is about, in the system's bytes, or what a storage of the program's own has said; otherwise nil.
  package var location: [UInt8]? { details.path }
  #if !hasFeature(Embedded)
    /// The program's own error that caused this one, such as the error that an update function threw.
    public var underlying: (any Error)? {
      get { details.underlying }
      set { self = Failure(self) { $0.underlying = newValue } }
    }
  #endif

  package func about(_ key: Key) -> Failure { Failure(self) { $0.key = key } }

  /// Returns a failure for the same reason under another status. It names neither path nor key.
  func restated(as status: Status) -> Failure { Failure(status, reason, systemError: systemError) }

  func at(byte place: Int) -> Failure { Failure(self) { $0.place = place } }

  package func at(_ path: [UInt8]) -> Failure { Failure(self) { $0.path = path } }

  func at(_ path: UnsafePointer<CChar>) -> Failure { at([UInt8](cString: path)) }

  /// Returns the failure about this path, if the system caused it and it names nothing yet.
  func naming(_ path: UnsafePointer<CChar>) -> Failure { systemError != 0 && subject == nil && location == nil ? at(path) : self }

  /// True if the system's words for the error add something to the reason. They do not if somebody else holds a lock.
  package var hasSystemText: Bool { systemError != 0 && status != .busy }
}

extension Failure {
  static var newerLines: Failure { Failure(.newer, "the file has lines of a newer format; a newer version of this library can write to it") }
  package static var newerEntry: Failure { Failure(.newer, "a newer version of the field stored the value") }
}
