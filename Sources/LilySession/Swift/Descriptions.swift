#if !hasFeature(Embedded)
  import CPlatform
  #if canImport(FoundationEssentials)
    public import FoundationEssentials
  #else
    public import Foundation
  #endif

  extension Status: Hashable, CustomStringConvertible {
    /// The name of the status in Swift, such as `quota`.
    public var description: String {
      switch self {
      case .ok: "ok"
      case .invalidArgument: "invalidArgument"
      case .duplicateKey: "duplicateKey"
      case .notFound: "notFound"
      case .reentrant: "reentrant"
      case .unsupported: "unsupported"
      case .forked: "forked"
      case .decode: "decode"
      case .encode: "encode"
      case .callback: "callback"
      case .update: "update"
      case .newer: "newer"
      case .io: "io"
      case .noSpace: "noSpace"
      case .notDurable: "notDurable"
      case .permission: "permission"
      case .refused: "refused"
      case .corrupt: "corrupt"
      case .quota: "quota"
      case .busy: "busy"
      default: "status \(rawValue)"
      }
    }
  }

  extension Failure: CustomStringConvertible, CustomDebugStringConvertible, LocalizedError {
    /// The key that the failure is about, or nil if it is not about a key. A field's key comes without the prefix.
    public var key: String? { subject?.description }

    /// The path that the failure is about, or nil if it is not about a path.
    public var path: String? { location.map { String(decoding: $0, as: UTF8.self) } }

    /// Where in a text the failure is, in bytes from its start, or nil if it is not about a place in a text.
    public var byte: Int? { place }

    /// The failure as one line for people, such as `theme: a real is not finite`, or `cannot create /srv/state/shop: Permission denied`.
    public var description: String {
      let path = location.map { (hasSystemText ? " " : ": ") + String(decoding: UTF8Text.oneLine($0), as: UTF8.self) }
      let byte = place.map { " at byte \($0)" }
      let member = refusedMember.map { ": \($0.what)" }
      return (key.map { "\($0): " } ?? "") + "\(reason)" + (byte ?? "") + (path ?? "") + (hasSystemText ? ": \(systemText)" : "") + (member ?? "")
    }

    /// What Foundation shows for the failure as an error: the ``description``.
    public var errorDescription: String? { description }

    /// Where in a stored value that was refused the wrong part is, such as `items[2].count`; empty for the value itself. It is nil if the
    /// failure is about something else, or the decoder has not said. It has the names of the program's own types, and `*` for others, which
    /// may be secrets.
    public var valuePath: String? { refusedMember.flatMap(\.path) }

    private var refusedMember: RefusedMember? { (underlying as? DecodingError).flatMap { RefusedMember($0) } }

    private var systemText: String {
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { room in
        guard let text = room.baseAddress, platform_error_text(systemError, text, room.count) else { return "error \(systemError)" }
        return String(cString: text)
      }
    }

    /// The description with the status before it, and the underlying error after it. A decoder's own error is left out, because it may have
    /// the value.
    public var debugDescription: String {
      "\(status): \(self)" + (underlying.flatMap { $0 is DecodingError ? nil : " (\($0))" } ?? "")
    }
  }

  extension Event: CustomStringConvertible {
    /// The reason of the event; `ok` if nothing is wrong.
    public var status: Status { Status(rawValue: code) }

    /// The key of the field that the event is about, without the prefix; nil if the event is about the storage.
    public var key: String? { subject?.description }

    /// The event as one line for people, such as `rejected theme: the stored value is a string, which the field does not accept`.
    public var description: String { "\(kind)" + (failure.map { " \($0)" } ?? key.map { " \($0)" } ?? "") }
  }

  extension Entry: CustomStringConvertible {
    /// What the entry is, without its text, which may be a secret: `6 bytes, version 1, expires at 1790000000000`.
    public var description: String {
      "\(textCount) byte\(textCount == 1 ? "" : "s")" + (version == 0 ? "" : ", version \(version)") + (deadline == 0 ? "" : ", expires at \(deadline)")
    }
  }

  extension Item: CustomStringConvertible {
    /// The key, and what its entry is, without its text: `lily_session_theme: 6 bytes`.
    public var description: String { "\(key): \(entry)" }
  }

  extension Key: Hashable, Comparable, CustomStringConvertible {
    /// Hashes the bytes of the key.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    /// Compares two keys byte by byte.
    /// - Returns: true if the first key comes before the second. A key comes before every longer key that begins with it.
    public static func < (a: Key, b: Key) -> Bool { a.precedes(b) }

    /// The key as text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
  }

  extension Scope: Hashable {
    /// Hashes the name of the scope.
    public func hash(into hasher: inout Hasher) { hasher.combine(prefix) }
  }
#endif
