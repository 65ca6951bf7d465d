import CLilySession
import CPlatform
import LilySession

@_cdecl("lily_session_storage_open_backend")
public func lily_session_storage_open_backend(
  _ backend: UnsafePointer<lily_session_backend>?, _ options: UnsafePointer<lily_session_storage_options>?,
  _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  out_storage?.pointee = nil
  return withStatus { () throws(Failure) in
    // If this call fails, the context is released before the message is set.
    let owner = backend.map(namedMembers).map { Context($0.context, $0.release) }
    guard let backend, let out_storage else { throw Failure(.invalidArgument, "the backend or the out parameter is NULL") }
    let given = try readStruct(backend, smallest: 11 * MemoryLayout<Int>.size) // without `renew` and what follows it
    let options = try HostBackend.Options(try readOptions(options))
    let functions = try HostBackend.Functions(given)
    out_storage.pointee = newHandle(StorageHandle(HostBackend(functions, given, options, owner)))
  }
}

#if !hasFeature(Embedded)
  /// Returns the storage in a backend, for a Swift program. The backend's context is released with the storage, or if this throws.
  ///
  /// - Parameter clock: replaces that of the options, if it is not nil.
  package func openBackend(
    _ table: lily_session_backend, _ options: lily_session_storage_options, clock: (@Sendable () -> Int64)?
  ) throws(Failure) -> any Storage {
    let owner = Context(table.context, table.release)
    return HostBackend(try HostBackend.Functions(table), table, try HostBackend.Options(options, clock: clock), owner)
  }
#endif

@_cdecl("lily_session_backend_fail")
public func lily_session_backend_fail(
  _ status: lily_session_status, _ reason: UnsafePointer<CChar>?, _ system_error: Int32
) -> lily_session_status {
  platform_told().pointee.system_error = system_error
  platform_told().pointee.has_reason = reason != nil
  if let reason { Message.keep(reason) }
  return status
}

@_cdecl("lily_session_backend_tell_generation")
public func lily_session_backend_tell_generation(_ generation: UInt64) {
  platform_told().pointee.generation = generation
  platform_told().pointee.has_generation = true
}

extension HostBackend {
  /// The functions that a backend must have.
  struct Functions {
    /// Nil if the backend has `load`.
    let read: lily_session_backend_read_fn?
    let write: lily_session_backend_write_fn
    let clear: lily_session_backend_clear_fn
    let generation: lily_session_backend_generation_fn
    let each: lily_session_backend_each_fn

    init(_ table: lily_session_backend) throws(Failure) {
      guard table.read != nil || table.load != nil, let write = table.write, let clear = table.clear, let generation = table.generation,
        let each = table.each
      else { throw Failure(.invalidArgument, "a backend needs read or load, and write, clear, generation and each") }
      (read, self.write, self.clear, self.generation, self.each) = (table.read, write, clear, generation, each)
    }
  }

  /// How a backend is used.
  struct Options {
    let clock: (@Sendable () -> Int64)?
    let syncsAtEnd: Bool
    /// True if the backend makes each write survive power loss, which the library only reports.
    let isPowerDurable: Bool

    init(_ given: lily_session_storage_options, clock: (@Sendable () -> Int64)? = nil) throws(Failure) {
      let allowed = Int32(LILY_SESSION_NO_SYNC.rawValue)
      guard given.application == nil, given.flags & ~allowed == 0 else {
        throw Failure(.invalidArgument, "a backend has no application, and no flag but NO_SYNC")
      }
      guard given.quota_bytes == 0 else { throw Failure(.invalidArgument, "a backend keeps its own quota") }
      self.clock = clock ?? clockOption(given)
      syncsAtEnd = given.flags == 0
      isPowerDurable = given.durability == Int32(LILY_SESSION_DURABILITY_POWER.rawValue)
    }
  }
}
