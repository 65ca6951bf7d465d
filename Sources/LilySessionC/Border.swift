import CLilySession
import CPlatform
import LilySession

// Every exported function uses these to read its arguments and to return its status and message. Handles are in `Handle.swift`.

/// Runs a call and returns its status. The message is set when a call ends. So after nested calls it is the outermost call's.
@inline(__always)
func withStatus(_ body: () throws(Failure) -> Void) -> lily_session_status {
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

/// Runs a call that makes a handle, and returns its status. On failure the out handle becomes NULL.
func withNewHandle(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ body: () throws(Failure) -> Handle
) -> lily_session_status {
  out?.pointee = nil
  return withStatus { () throws(Failure) in
    guard let out else { throw Failure(.invalidArgument, "the out parameter is NULL") }
    out.pointee = newHandle(try body())
  }
}

/// Reads a struct of the host's, whose first member `size` says how large it is. Members that this library does not know must be zero.
///
/// - Parameter smallest: the size that the struct had at first, or nil if it has not grown. The members that a smaller struct lacks become
///   zero.
func readStruct<Struct>(_ pointer: UnsafePointer<Struct>, smallest: Int? = nil) throws(Failure) -> Struct {
  let bytes = UnsafeRawPointer(pointer)
  let size = bytes.load(as: Int.self)
  let known = MemoryLayout<Struct>.stride
  // A size larger than a page can only be garbage.
  guard size >= smallest ?? known, size <= 4096, size >= known || size % MemoryLayout<Int>.size == 0 else {
    throw Failure(.invalidArgument, "the `size` member is not set; use LILY_SESSION_…_INIT, or zero the struct and set size")
  }
  if size > known {
    for at in known..<size where bytes.load(fromByteOffset: at, as: UInt8.self) != 0 {
      throw Failure(.invalidArgument, "a struct has members that this library does not know")
    }
  }
  return namedMembers(pointer)
}

/// Returns a struct with the members that its `size` says it has. The others are zero. Unlike `readStruct` it accepts any size, so that the
/// context in a struct can be released even if the struct is refused.
@inline(never)
func namedMembers<Struct>(_ pointer: UnsafePointer<Struct>) -> Struct {
  let known = UInt(MemoryLayout<Struct>.stride)
  let size = min(UnsafeRawPointer(pointer).load(as: UInt.self), known)
  return withUnsafeTemporaryAllocation(of: Struct.self, capacity: 1) { room in
    guard let start = room.baseAddress else { return pointer.pointee }
    memset(start, 0, Int(known))
    memcpy(start, pointer, Int(size & ~7)) // a size may end inside a pointer, which is then left out
    return start.pointee
  }
}

/// Reads a key. Throws if it is NULL, or cannot be a key.
func keyArgument(_ text: UnsafePointer<CChar>?, limit: Int) throws(Failure) -> Key {
  guard let text else { throw Failure(.invalidArgument, "a key is NULL") }
  return try Key(validating: bytes(text, limit), limit: limit)
}

func scopeArgument(_ text: UnsafePointer<CChar>?) throws(Failure) -> Scope {
  guard let text else { throw Failure(.invalidArgument, "the scope is NULL") }
  return try Scope(name: bytes(text, Scope.nameLimit))
}

/// Reads a prefix. "" and NULL are the prefix of every key.
func prefixArgument(_ text: UnsafePointer<CChar>?) throws(Failure) -> Key {
  guard let text else { return try Key(prefix: UnsafeRawBufferPointer(start: nil, count: 0)) }
  return try Key(prefix: bytes(text, Key.storageLimit))
}

/// The bytes of a C string. They end one byte past the limit at the latest, which is enough to see that the text is too long.
private func bytes(_ text: UnsafePointer<CChar>, _ limit: Int) -> UnsafeRawBufferPointer {
  UnsafeRawBufferPointer(start: text, count: strnlen(text, limit + 1))
}

/// Runs a call that modifies what is stored, and returns its status, or what `modify` returned if that was a failure.
///
/// - Parameter body: is given a function that calls `modify` with what is stored, and returns what shall be, which is borrowed.
func withModification(
  _ modify: lily_session_modify_fn?, _ context: UnsafeMutableRawPointer?,
  _ body: ((NativeValue?) throws(Failure) -> NativeValue) throws(Failure) -> Void
) -> lily_session_status {
  var refusal: lily_session_status = 0
  let status = withStatus { () throws(Failure) in
    guard let modify else { throw Failure(.invalidArgument, "modify is NULL") }
    try body { stored throws(Failure) in
      // A NativeValue has the same layout in memory as a lily_session_value; a test compares the two.
      let new = withUnsafeTemporaryAllocation(of: NativeValue.self, capacity: 2) { values in
        values[0] = stored ?? NativeValue()
        values[1] = NativeValue()
        let both = values.baseAddress.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: lily_session_value.self) }
        refusal = modify(context, stored == nil ? nil : both.map { UnsafePointer($0) }, both.map { $0 + 1 })
        return values[1]
      }
      guard refusal == 0 else { throw Failure(.callback, "modify refused") }
      return new
    }
  }
  return refusal != 0 ? refusal : status
}

/// The host's context and its release function, which runs when nothing retains this object any more.
final class Context {
  let context: UnsafeMutableRawPointer?
  private let release: lily_session_release_fn?
  /// A copy of the field that has the context, if its member needs one.
  private var field: UnsafeMutablePointer<lily_session_field>?

  init(_ context: UnsafeMutableRawPointer?, _ release: lily_session_release_fn?) {
    self.context = context
    self.release = release
  }

  deinit {
    free(field)
    release?(context)
  }

  /// Keeps a copy of a field for its member. Throws if the member, or one within it, is described wrongly.
  func keep(_ field: lily_session_field, key: Key) throws(Failure) -> RichMember {
    guard let memory = malloc(MemoryLayout<lily_session_field>.size) else { throw JSON.noMemory }
    let copy = memory.assumingMemoryBound(to: lily_session_field.self)
    copy.initialize(to: field)
    self.field = copy
    let member = RichMember(field: UnsafePointer(copy))
    do throws(Failure) { try member.check(within: RichMember.sizeLimit, depth: 0) } catch { throw error.about(key) }
    return member
  }
}

/// Copies these bytes and a NUL into memory of malloc's, which the host frees.
func copyText(_ text: UnsafeRawBufferPointer) throws(Failure) -> UnsafeMutablePointer<CChar> {
  guard let memory = malloc(text.count + 1) else { throw Failure(.io, "there is no memory for the text", systemError: ENOMEM) }
  if let from = text.baseAddress { memcpy(memory, from, text.count) }
  memory.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self)
  return memory.assumingMemoryBound(to: CChar.self)
}
