import CLilySession
import CPlatform
import LilySession

/// A plain member of the slice's struct, read and set without callbacks.
struct Member {
  let type: Int32
  let offset: Int
  let size: Int

  private static var bool: Int32 { Int32(LILY_SESSION_MEMBER_BOOL) }
  private static var int32: Int32 { Int32(LILY_SESSION_MEMBER_INT32) }
  private static var int64: Int32 { Int32(LILY_SESSION_MEMBER_INT64) }
  private static var double: Int32 { Int32(LILY_SESSION_MEMBER_DOUBLE) }
  private static var chars: Int32 { Int32(LILY_SESSION_MEMBER_CHARS) }
  private static var string: Int32 { Int32(LILY_SESSION_MEMBER_STRING) }

  /// Whether the size is the type's, and what it holds can be what the field accepts.
  func fits(_ types: ValueTypes) -> Bool {
    guard offset >= 0 else { return false }
    switch type {
    case Member.bool: return size == MemoryLayout<Bool>.size && types == .bool
    case Member.int32: return size == MemoryLayout<Int32>.size && types == .int
    case Member.int64: return size == MemoryLayout<Int64>.size && types == .int
    case Member.double: return size == MemoryLayout<Double>.size && types == .real
    case Member.chars: return size > 0 && types == .string
    case Member.string: return size == MemoryLayout<UnsafeRawPointer?>.size && types == [.string, .null]
    default: return false
    }
  }

  /// nil: an array of characters that does not end.
  func load(from session: UnsafeRawPointer) -> NativeValue? {
    let at = session + offset
    switch type {
    case Member.bool: return .bool(at.load(as: UInt8.self) != 0)
    case Member.int32: return .int(Int64(at.loadUnaligned(as: Int32.self)))
    case Member.int64: return .int(at.loadUnaligned(as: Int64.self))
    case Member.double: return .real(at.loadUnaligned(as: Double.self))
    case Member.chars:
      let length = strnlen(at.assumingMemoryBound(to: CChar.self), size)
      return length < size ? .string(UnsafeRawBufferPointer(start: at, count: length)) : nil
    default:
      guard let text = at.loadUnaligned(as: UnsafePointer<CChar>?.self) else { return .null }
      return .string(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
  }

  /// 0, or DECODE for a value that the member cannot hold.
  func store(_ value: NativeValue, in session: UnsafeMutableRawPointer) -> Int32 {
    let at = session + offset
    let refused = Status.decode.rawValue
    switch type {
    case Member.bool: at.storeBytes(of: value.bool ? 1 : 0, as: UInt8.self)
    case Member.int32:
      guard let narrow = Int32(exactly: value.int) else { return refused }
      at.storeBytes(of: narrow, as: Int32.self)
    case Member.int64: at.storeBytes(of: value.int, as: Int64.self)
    case Member.double: at.storeBytes(of: value.real, as: Double.self)
    case Member.chars:
      guard value.length < size, !value.text.contains(0) else { return refused }
      memset(at, 0, size)
      if let from = value.text.baseAddress { memcpy(at, from, value.length) }
    default:
      // The pointer that is replaced may be a literal: it is the host's to free.
      var text: UnsafeMutablePointer<CChar>?
      if value.types == .string {
        guard !value.text.contains(0) else { return refused }
        do throws(Failure) { text = try copy(value.text) } catch { return error.status.rawValue }
      }
      at.storeBytes(of: text, as: UnsafeMutablePointer<CChar>?.self)
    }
    return 0
  }
}
