import CLilySession
import CPlatform
import LilySession

// What every exported function runs through: status and message, arguments. Handles are in `Handle.swift`.

/// Runs a call and answers its status. This thread's message is that of the outermost call, because it is set when a call ends.
@inline(__always)
func answer(_ body: () throws(Failure) -> Void) -> lily_session_status {
  do throws(Failure) {
    try body()
    return succeed()
  } catch {
    return fail(error)
  }
}

@inline(__always)
func succeed() -> lily_session_status {
  platform_message().pointee = 0
  return 0
}

@inline(never)
func fail(_ failure: Failure) -> lily_session_status {
  Message.write(failure)
  return failure.status.rawValue
}

/// As `answer`, for a function that makes a handle: it is NULL on failure, also where it cannot be written.
func make(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ body: () throws(Failure) -> Handle
) -> lily_session_status {
  out?.pointee = nil
  return answer { () throws(Failure) in
    guard let out else { throw Failure(.invalidArgument, "the out parameter is NULL") }
    out.pointee = handle(try body())
  }
}

/// A struct of the host's, whose first member `size` says how much of it there is. What this library does not know of it must be
/// zero.
///
/// - Parameter former: the size that the struct had before it grew; nil: it has not. What such a one lacks is zero.
func read<Struct>(_ pointer: UnsafePointer<Struct>, former: Int? = nil) throws(Failure) -> Struct {
  let bytes = UnsafeRawPointer(pointer)
  let size = bytes.load(as: Int.self)
  let known = MemoryLayout<Struct>.stride
  // What is over a page is no size.
  guard size >= known || size == former, size <= 4096 else {
    throw Failure(.invalidArgument, "a struct's `size` member is not set; use its _INIT macro")
  }
  if size > known {
    for at in known..<size where bytes.load(fromByteOffset: at, as: UInt8.self) != 0 {
      throw Failure(.invalidArgument, "a struct has members that this library does not know")
    }
  }
  return withUnsafeTemporaryAllocation(of: Struct.self, capacity: 1) { room in
    guard let start = room.baseAddress else { return pointer.pointee }
    memset(start, 0, known)
    memcpy(start, pointer, min(size, known))
    return start.pointee
  }
}

func key(_ text: UnsafePointer<CChar>?, limit: Int) throws(Failure) -> Key {
  guard let text else { throw Failure(.invalidArgument, "a key is NULL") }
  return try Key(validating: bytes(text, limit), limit: limit)
}

/// "" and NULL are all keys.
func prefix(_ text: UnsafePointer<CChar>?) throws(Failure) -> Key {
  guard let text else { return try Key(prefix: UnsafeRawBufferPointer(start: nil, count: 0)) }
  return try Key(prefix: bytes(text, Key.storageLimit))
}

/// No further than is needed to see that it is too long.
private func bytes(_ text: UnsafePointer<CChar>, _ limit: Int) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: text, count: strnlen(text, limit + 1))
}

/// The host's context and its release, which runs when the last user of it is gone.
final class Context {
  let context: UnsafeMutableRawPointer?
  private let release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?

  init(_ context: UnsafeMutableRawPointer?, _ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?) {
    self.context = context
    self.release = release
  }

  deinit { release?(context) }
}

/// malloc's memory with these bytes and a NUL, for the host.
func copy(_ text: UnsafeRawBufferPointer) throws(Failure) -> UnsafeMutablePointer<CChar> {
  guard let memory = malloc(text.count + 1) else { throw Failure(.io, "there is no memory for the text", systemError: ENOMEM) }
  if let from = text.baseAddress { memcpy(memory, from, text.count) }
  memory.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self)
  return memory.assumingMemoryBound(to: CChar.self)
}
