import CLilySession
import CPlatform
import LilySession

private func text(_ text: StaticString) -> UnsafePointer<CChar>? {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("lily_session_version")
public func lily_session_version() -> UnsafePointer<CChar>? { text("0.1.0") }

@implementation @_cdecl("lily_session_status_name")
public func lily_session_status_name(_ status: lily_session_status) -> UnsafePointer<CChar>? {
  text(name(Status(rawValue: status)))
}

@implementation @_cdecl("lily_session_last_error")
public func lily_session_last_error() -> UnsafePointer<CChar>? { UnsafePointer(platform_message()) }

@implementation @_cdecl("lily_session_free")
public func lily_session_free(_ memory: UnsafeMutableRawPointer?) { free(memory) }

private func name(_ status: Status) -> StaticString {
  switch status {
  case .ok: "LILY_SESSION_OK"
  case .invalidArgument: "LILY_SESSION_ERROR_INVALID_ARGUMENT"
  case .duplicateKey: "LILY_SESSION_ERROR_DUPLICATE_KEY"
  case .notFound: "LILY_SESSION_ERROR_NOT_FOUND"
  case .reentrant: "LILY_SESSION_ERROR_REENTRANT"
  case .unsupported: "LILY_SESSION_ERROR_UNSUPPORTED"
  case .forked: "LILY_SESSION_ERROR_FORKED"
  case .decode: "LILY_SESSION_ERROR_DECODE"
  case .encode: "LILY_SESSION_ERROR_ENCODE"
  case .callback: "LILY_SESSION_ERROR_CALLBACK"
  case .update: "LILY_SESSION_ERROR_UPDATE"
  case .newer: "LILY_SESSION_ERROR_NEWER"
  case .io: "LILY_SESSION_ERROR_IO"
  case .noSpace: "LILY_SESSION_ERROR_NO_SPACE"
  case .notDurable: "LILY_SESSION_ERROR_NOT_DURABLE"
  case .permission: "LILY_SESSION_ERROR_PERMISSION"
  case .refused: "LILY_SESSION_ERROR_REFUSED"
  case .corrupt: "LILY_SESSION_ERROR_CORRUPT"
  case .quota: "LILY_SESSION_ERROR_QUOTA"
  case .busy: "LILY_SESSION_ERROR_BUSY"
  default: "LILY_SESSION_ERROR_UNKNOWN"
  }
}

/// This thread's last failure, as one line in a buffer of fixed size.
enum Message {
  static func write(_ failure: Failure) {
    var line = Writer(at: platform_message(), room: Int(PLATFORM_MESSAGE_SIZE) - 1)
    if let key = failure.subject {
      key.withBytes { bytes in
        for byte in bytes.prefix(whole(bytes, 64)) { line.append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte) } // one line
      }
      line.append(": ")
    }
    line.append(failure.reason)
    if failure.systemError != 0 {
      line.append(" (errno ")
      line.append(decimal: failure.systemError)
      line.append(")")
    }
    line.end()
  }

  /// How many of the first `limit` bytes are whole characters.
  private static func whole(_ text: UnsafeRawBufferPointer, _ limit: Int) -> Int {
    guard text.count > limit else { return text.count }
    var end = limit
    while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
    return end
  }

  private struct Writer {
    let at: UnsafeMutablePointer<CChar>
    let room: Int
    var count = 0

    init(at: UnsafeMutablePointer<CChar>, room: Int) {
      self.at = at
      self.room = room
    }

    mutating func append(_ byte: UInt8) {
      guard count < room else { return }
      at[count] = CChar(bitPattern: byte)
      count += 1
    }

    mutating func append(_ text: StaticString) {
      for offset in 0..<text.utf8CodeUnitCount { append(text.utf8Start[offset]) }
    }

    mutating func append(decimal value: Int32) {
      if value >= 10 { append(decimal: value / 10) }
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value.magnitude % 10))
    }

    func end() { at[count] = 0 }
  }
}
