#if !hasFeature(Embedded)
  import CPlatform

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

  extension Failure: CustomStringConvertible, CustomDebugStringConvertible {
    /// The key that the failure is about, or nil if it is not about a key. A field's key comes without the prefix.
    public var key: String? { subject?.description }

    /// The path that the failure is about, or nil if it is not about a path.
    public var path: String? { location.map { String(decoding: $0, as: UTF8.self) } }

    /// The failure as one line for people, such as `theme: a real is not finite`, or `cannot create /srv/state/shop: Permission denied`.
    public var description: String {
      let path = location.map { (hasSystemText ? " " : ": ") + String(decoding: UTF8Text.oneLine($0), as: UTF8.self) }
      let byte = place.map { " at byte \($0)" }
      return (key.map { "\($0): " } ?? "") + "\(reason)" + (byte ?? "") + (path ?? "") + (hasSystemText ? ": \(systemText)" : "")
    }

    private var systemText: String {
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { room in
        guard let text = room.baseAddress, platform_error_text(systemError, text, room.count) else { return "error \(systemError)" }
        return String(cString: text)
      }
    }

    /// The description with the status before it, and the underlying error after it.
    public var debugDescription: String { "\(status): \(self)" + (underlying.map { " (\($0))" } ?? "") }
  }

  extension Event: CustomStringConvertible {
    /// The reason of the event; `ok` if nothing is wrong.
    public var status: Status { Status(rawValue: code) }

    /// The key of the field that the event is about, without the prefix; nil if the event is about the storage.
    public var key: String? { subject?.description }

    /// The event as one line for people, such as `rejected theme: decode`.
    public var description: String {
      "\(kind)" + (key.map { " \($0)" } ?? "") + (status == .ok ? "" : ": \(status)") + (systemError == 0 ? "" : " (errno \(systemError))")
    }
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
