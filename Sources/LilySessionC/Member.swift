import CLilySession
import CPlatform
import LilySession

/// A member of the slice's struct, read and set without callbacks.
struct Member {
  let type: lily_session_member_type
  let offset: Int
  let size: Int
  /// The member, if it is not one plain value of the types below; nil if it is one.
  let rich: RichMember?

  init(type: lily_session_member_type, offset: Int, size: Int) {
    self.type = type
    self.offset = offset
    self.size = size
    rich = nil
  }

  init(rich: RichMember) {
    (type, offset, size) = (LILY_SESSION_MEMBER_STRUCT, 0, 0) // which is not plain
    self.rich = rich
  }

  /// Returns true if the size is that of the type, and the field accepts exactly the types that the member can hold.
  func fits(_ types: ValueTypes) -> Bool {
    guard offset >= 0 else { return false }
    switch type {
    case LILY_SESSION_MEMBER_BOOL: return size == MemoryLayout<Bool>.size && types == .bool
    case LILY_SESSION_MEMBER_INT32: return size == MemoryLayout<Int32>.size && types == .int
    case LILY_SESSION_MEMBER_INT64: return size == MemoryLayout<Int64>.size && types == .int
    case LILY_SESSION_MEMBER_DOUBLE: return size == MemoryLayout<Double>.size && types == .real
    case LILY_SESSION_MEMBER_CHARS: return size > 0 && types == .string
    case LILY_SESSION_MEMBER_STRING: return size == MemoryLayout<UnsafeRawPointer?>.size && types == [.string, .null]
    default: return false
    }
  }

  static var isEndless: Failure { Failure(.encode, "an array of characters has no NUL") }

  /// Returns the value of a plain member, or nil if it is an array of characters without a NUL, or not plain.
  func load(from session: UnsafeRawPointer) -> NativeValue? {
    let at = session + offset
    switch type {
    case LILY_SESSION_MEMBER_BOOL: return .bool(at.load(as: UInt8.self) != 0)
    case LILY_SESSION_MEMBER_INT32: return .int(Int64(at.loadUnaligned(as: Int32.self)))
    case LILY_SESSION_MEMBER_INT64: return .int(at.loadUnaligned(as: Int64.self))
    case LILY_SESSION_MEMBER_DOUBLE: return .real(at.loadUnaligned(as: Double.self))
    case LILY_SESSION_MEMBER_CHARS:
      let length = strnlen(at.assumingMemoryBound(to: CChar.self), size)
      return length < size ? .string(UnsafeRawBufferPointer(start: at, count: length)) : nil
    case LILY_SESSION_MEMBER_STRING:
      guard let text = at.loadUnaligned(as: UnsafePointer<CChar>?.self) else { return .null }
      return .string(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    default: return nil
    }
  }

  /// Sets a plain member. Returns 0, DECODE if the member cannot hold the value, or IO if there is no memory for a copy.
  func store(_ value: NativeValue, in session: UnsafeMutableRawPointer) -> Int32 {
    let at = session + offset
    let refused = Status.decode.rawValue
    switch type {
    case LILY_SESSION_MEMBER_BOOL: at.storeBytes(of: value.bool ? 1 : 0, as: UInt8.self)
    case LILY_SESSION_MEMBER_INT32:
      guard let narrow = Int32(exactly: value.int) else { return refused }
      at.storeBytes(of: narrow, as: Int32.self)
    case LILY_SESSION_MEMBER_INT64: at.storeBytes(of: value.int, as: Int64.self)
    case LILY_SESSION_MEMBER_DOUBLE: at.storeBytes(of: value.real, as: Double.self)
    case LILY_SESSION_MEMBER_CHARS:
      guard value.length < size, !value.text.hasNUL else { return refused }
      memset(at, 0, size)
      if let from = value.text.baseAddress { memcpy(at, from, value.length) }
    default:
      // The old pointer may be a literal, so it is not freed here; the host frees it if need be.
      var text: UnsafeMutablePointer<CChar>?
      if value.types == .string {
        guard !value.text.hasNUL else { return refused }
        do throws(Failure) { text = try copyText(value.text) } catch { return error.status.rawValue }
      }
      at.storeBytes(of: text, as: UnsafeMutablePointer<CChar>?.self)
    }
    return 0
  }
}
