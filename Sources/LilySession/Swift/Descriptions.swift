#if !hasFeature(Embedded)
  import CPlatform

  extension Status: Hashable, CustomStringConvertible {
    /// The name it has here, such as `quota`.
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
    /// The key that it is about, without the prefix where it is a field's.
    public var key: String? { subject?.description }

    /// The path that it is about.
    public var path: String? { location.map { String(decoding: $0, as: UTF8.self) } }

    /// One line for people, such as `theme: a real is not finite`, or `cannot create /srv/state/shop: Permission denied`.
    public var description: String {
      let path = location.map { (hasSystemText ? " " : ": ") + String(decoding: UTF8Text.oneLine($0), as: UTF8.self) }
      return (key.map { "\($0): " } ?? "") + "\(reason)" + (path ?? "") + (hasSystemText ? ": \(systemText)" : "")
    }

    private var systemText: String {
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { room in
        guard let text = room.baseAddress, platform_error_text(systemError, text, room.count) else { return "error \(systemError)" }
        return String(cString: text)
      }
    }

    /// The same with the status, and the error that it comes from.
    public var debugDescription: String { "\(status): \(self)" + (underlying.map { " (\($0))" } ?? "") }
  }

  extension Event: CustomStringConvertible {
    /// Why; `ok` where nothing is wrong.
    public var status: Status { Status(rawValue: code) }

    /// Of the field, without the prefix; nil: it is about the storage.
    public var key: String? { subject?.description }

    /// One line for people, such as `rejected theme: decode`.
    public var description: String {
      "\(kind)" + (key.map { " \($0)" } ?? "") + (status == .ok ? "" : ": \(status)") + (systemError == 0 ? "" : " (errno \(systemError))")
    }
  }

  extension Key: Hashable, Comparable, CustomStringConvertible {
    /// By the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    /// Byte order, shorter first.
    public static func < (a: Key, b: Key) -> Bool { a.precedes(b) }

    /// As text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
  }

  extension Scope: Hashable {
    /// By its name.
    public func hash(into hasher: inout Hasher) { hasher.combine(prefix) }
  }
#endif
