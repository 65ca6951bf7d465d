import CLilySession
import CLilySessionRedis
import CRedis

@_cdecl("lily_session_redis_open")
public func lily_session_redis_open(
  _ options: UnsafePointer<lily_session_redis_options>?, _ out_storage: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  out_storage?.pointee = nil
  do throws(Failure) {
    guard let out_storage else { throw Failure(Status.invalidArgument, "the out parameter is NULL") }
    let options = try readOptions(options)
    var (table, backendOptions) = try openStore(options)
    return lily_session_storage_open_backend(&table, &backendOptions, out_storage)
  } catch {
    return error.withSystemText.tell()
  }
}

/// Returns the backend of a new store, and how the library uses it.
func openStore(_ options: lily_session_redis_options) throws(Failure) -> (lily_session_backend, lily_session_storage_options) {
  let store = try Store(Settings(options))
  var backendOptions = lily_session_storage_options()
  backendOptions.size = MemoryLayout<lily_session_storage_options>.size
  backendOptions.clock = options.clock
  backendOptions.context = options.context
  backendOptions.durability = options.durability
  backendOptions.flags = Int32(LILY_SESSION_NO_SYNC.rawValue) // what the server has is there when this program ends
  return (makeTable(store), backendOptions)
}

/// Reads the options of a program. Those of a later version must be zero.
private func readOptions(_ options: UnsafePointer<lily_session_redis_options>?) throws(Failure) -> lily_session_redis_options {
  guard let options else { return lily_session_redis_options() }
  let (size, known) = (options.pointee.size, MemoryLayout<lily_session_redis_options>.size)
  guard size >= known, size <= 4096, UnsafeRawBufferPointer(start: options, count: size).dropFirst(known).allSatisfy({ $0 == 0 }) else {
    throw Failure(Status.invalidArgument, "the `size` member is not set, or a member is set that this library does not know")
  }
  return options.pointee
}
