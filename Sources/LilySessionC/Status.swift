import CLilySession
import CPlatform
import LilySession

private func cString(_ text: StaticString) -> UnsafePointer<CChar>? {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@_cdecl("lily_session_version")
public func lily_session_version() -> UnsafePointer<CChar>? { cString("0.1.0") }

@_cdecl("lily_session_status_name")
public func lily_session_status_name(_ status: lily_session_status) -> UnsafePointer<CChar>? {
  cString(cName(of: Status(rawValue: status)) ?? "LILY_SESSION_ERROR_UNKNOWN")
}

@_cdecl("lily_session_last_error")
public func lily_session_last_error() -> UnsafePointer<CChar>? { UnsafePointer(platform_message()) }

@_cdecl("lily_session_last_system_error")
public func lily_session_last_system_error() -> Int32 { platform_message().pointee == 0 ? 0 : platform_system_error().pointee }

@_cdecl("lily_session_free")
public func lily_session_free(_ memory: UnsafeMutableRawPointer?) { free(memory) }

/// Returns the name of a status in the header, or nil if the header has no such status.
func cName(of status: Status) -> StaticString? {
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
  default: nil
  }
}

/// Writes this thread's last failure, as one line, into a buffer of fixed size.
enum Message {
  static func write(_ failure: Failure) {
    platform_system_error().pointee = failure.systemError
    var line = Writer(at: platform_message(), room: Int(PLATFORM_MESSAGE_SIZE) - 1)
    if let key = failure.subject {
      line.append(beginning(of: UTF8Text.oneLine(key.bytes), 64))
      line.append(": ")
    }
    line.append(failure.reason)
    if let place = failure.place {
      line.append(" at byte ")
      line.append(decimal: UInt32(truncatingIfNeeded: place)) // a text has at most 16 MiB
    }
    if let path = failure.location {
      line.append(failure.hasSystemText ? " " : ": ")
      line.append(end(of: UTF8Text.oneLine(path), mostOfPath))
    }
    if failure.hasSystemText {
      line.append(": ")
      line.append(systemError: failure.systemError)
    }
    line.end()
  }

  /// Keeps a backend's reason where the message will be, until the call ends.
  static func keep(_ reason: UnsafePointer<CChar>) {
    let text = beginning(of: [UInt8](UnsafeRawBufferPointer(start: reason, count: strnlen(reason, mostOfPath + 4))), mostOfPath)
    for (at, byte) in text.enumerated() { platform_message()[at] = CChar(bitPattern: byte) }
    platform_message()[text.count] = 0
  }

  /// This many bytes of a path leave room for the longest reason and the system's longest text.
  private static var mostOfPath: Int { 132 }

  /// Returns the beginning of a text: at most `limit` bytes, and no part of a character.
  private static func beginning(of text: [UInt8], _ limit: Int) -> ArraySlice<UInt8> {
    guard text.count > limit else { return text[...] }
    var end = limit
    while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
    return text[..<end]
  }

  /// Returns the end of a text in the same way, because the end of a long path says more than its beginning.
  private static func end(of text: [UInt8], _ limit: Int) -> [UInt8] {
    guard text.count > limit else { return text }
    let end = text.suffix(limit - 3).drop { $0 & 0xC0 == 0x80 }
    return [UInt8](repeating: UInt8(ascii: "."), count: 3) + end
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

    mutating func append(_ text: some Sequence<UInt8>) {
      for byte in text { append(byte) }
    }

    mutating func append(systemError code: Int32) {
      if platform_error_text(code, at + count, room - count + 1) {
        count += strnlen(at + count, room - count)
      } else {
        append("error ")
        append(decimal: code.magnitude)
      }
    }

    mutating func append(decimal value: UInt32) {
      if value >= 10 { append(decimal: value / 10) }
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    func end() { at[count] = 0 }
  }
}
