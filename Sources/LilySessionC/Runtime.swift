import CLilySession
import CPlatform
import LilySession

/// What a `lily_session_runtime *` points to.
final class RuntimeHandle: Handle, HandleKind {
  static var mark: UInt32 { 0x4C53_7274 }
  static var invalidMessage: StaticString { "the runtime has been freed, or the handle is not a runtime" }

  let runtime: ModelRuntime<UnsafeMutableRawPointer>
  let update: lily_session_update_fn?
  let context: UnsafeMutableRawPointer?

  init(_ model: UnsafeMutableRawPointer, _ update: lily_session_update_fn?, _ context: UnsafeMutableRawPointer?) {
    runtime = ModelRuntime(model: model)
    self.update = update
    self.context = context
    super.init(mark: RuntimeHandle.mark)
  }
}

@_cdecl("lily_session_runtime_new")
public func lily_session_runtime_new(
  _ model: UnsafeMutableRawPointer?, _ update: lily_session_update_fn?, _ context: UnsafeMutableRawPointer?,
  _ out_runtime: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  withNewHandle(out_runtime) { () throws(Failure) in
    guard let model else { throw Failure(.invalidArgument, "the model is NULL") }
    return RuntimeHandle(model, update, context)
  }
}

/// The handle is not retained: that would cost more than the rest of an update that changes nothing. It is safe, because a free inside a
/// callback keeps the runtime until the call ends.
@_cdecl("lily_session_runtime_dispatch")
@_optimize(speed)
public func lily_session_runtime_dispatch(_ runtime: OpaquePointer?, _ message: UnsafeRawPointer?) -> lily_session_status {
  guard let runtime else { return fail(Failure(.invalidArgument, "a handle is NULL")) }
  return Unmanaged<RuntimeHandle>.fromOpaque(UnsafeRawPointer(runtime))._withUnsafeGuaranteedRef { handle in
    guard handle.isOf(RuntimeHandle.self), let update = handle.update else { return fail(noUpdate(runtime)) }
    let context = handle.context
    guard let failure = handle.runtime.dispatch({ update(context, $0, message) }) else { return succeed() }
    return fail(failure)
  }
}

/// Returns why a handle has no update function: it is not a valid one of a runtime, or the runtime was made without one.
@inline(never)
private func noUpdate(_ runtime: OpaquePointer?) -> Failure {
  do throws(Failure) { _ = try runtime.object(RuntimeHandle.self) } catch { return error }
  return Failure(.unsupported, "the runtime has no update function")
}

@_cdecl("lily_session_runtime_model")
public func lily_session_runtime_model(_ runtime: OpaquePointer?) -> UnsafeMutableRawPointer? {
  (try? runtime.object(RuntimeHandle.self))?.runtime.model
}

@_cdecl("lily_session_runtime_set_model")
public func lily_session_runtime_set_model(_ runtime: OpaquePointer?, _ model: UnsafeMutableRawPointer?) -> lily_session_status {
  withStatus { () throws(Failure) in
    let runtime = try runtime.object(RuntimeHandle.self).runtime
    guard let model else { throw Failure(.invalidArgument, "the model is NULL") }
    try runtime.replace(model)
  }
}

@_cdecl("lily_session_runtime_persist")
public func lily_session_runtime_persist(_ runtime: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in try runtime.object(RuntimeHandle.self).runtime.persist() }
}

@_cdecl("lily_session_runtime_refresh")
public func lily_session_runtime_refresh(_ runtime: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in try runtime.object(RuntimeHandle.self).runtime.refresh() }
}

@_cdecl("lily_session_runtime_next_expiry")
public func lily_session_runtime_next_expiry(_ runtime: OpaquePointer?) -> Int64 {
  (try? runtime.object(RuntimeHandle.self))?.runtime.millisecondsToNextExpiry() ?? -1
}

@_cdecl("lily_session_runtime_free")
public func lily_session_runtime_free(_ runtime: OpaquePointer?) {
  guard let handle = runtime.take(RuntimeHandle.self) else { return }
  handle.runtime.free(keeping: handle)
}
