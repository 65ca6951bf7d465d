import CLilySession
import CPlatform
import LilySession

/// What a `lily_session *` points to.
final class SessionHandle: Handle, HandleKind {
  static var mark: UInt32 { 0x4C53_7365 }
  static var invalidMessage: StaticString { "the session has been detached, or the handle is not a session" }

  let session: Session
  /// The runtime, if the session was opened without one of the host's.
  private let runtime: ModelRuntime<UnsafeMutableRawPointer>?

  init(_ session: Session, runtime: ModelRuntime<UnsafeMutableRawPointer>? = nil) {
    self.session = session
    self.runtime = runtime
    super.init(mark: SessionHandle.mark)
  }
}

@_cdecl("lily_session_open")
public func lily_session_open(
  _ application: UnsafePointer<CChar>?, _ model: UnsafeMutableRawPointer?, _ fields: UnsafePointer<lily_session_field>?, _ count: Int,
  _ out_session: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  withNewHandle(out_session) { () throws(Failure) in
    let list = FieldList<HostField>()
    try list.add(try definitions(fields, count))
    guard let model else { throw Failure(.invalidArgument, "the model is NULL") }
    let runtime = ModelRuntime(model: model)
    let session = try runtime.attach(list, lens: HostLens(lily_session_config()), owner: nil) { () throws(Failure) -> any SessionStorage in
      try Journal.open(application: application, options: Journal.Options())
    }
    return SessionHandle(session, runtime: runtime)
  }
}

@_cdecl("lily_session_close")
public func lily_session_close(_ session: OpaquePointer?) { lily_session_detach(session) }

@_cdecl("lily_session_attach")
public func lily_session_attach(
  _ runtime: OpaquePointer?, _ persistence: OpaquePointer?, _ config: UnsafePointer<lily_session_config>?,
  _ out_session: UnsafeMutablePointer<OpaquePointer?>?
) -> lily_session_status {
  out_session?.pointee = nil
  return withStatus { () throws(Failure) in
    // If this call fails, the context is released before the message is set.
    let owner = config.map(namedMembers).map { Context($0.context, $0.release) }
    let runtime = try runtime.object(RuntimeHandle.self).runtime
    let fields = try persistence.object(FieldListHandle.self).list
    guard let config, let out_session else { throw Failure(.invalidArgument, "the config or the out parameter is NULL") }
    let given = try readStruct(config)
    let session = try runtime.attach(fields, lens: HostLens(given), owner: owner) { () throws(Failure) -> any SessionStorage in
      if given.storage != nil { return try given.storage.object(StorageHandle.self).storage }
      return try openJournal(nil, nil)
    }
    out_session.pointee = newHandle(SessionHandle(session))
  }
}

@_cdecl("lily_session_persist")
public func lily_session_persist(_ session: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in try session.object(SessionHandle.self).session.persist() }
}

@_cdecl("lily_session_flush")
public func lily_session_flush(_ session: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in try session.object(SessionHandle.self).session.flush() }
}

@_cdecl("lily_session_refresh")
public func lily_session_refresh(_ session: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in try session.object(SessionHandle.self).session.refresh() }
}

@_cdecl("lily_session_mark")
public func lily_session_mark(_ session: OpaquePointer?, _ key: UnsafePointer<CChar>?) -> lily_session_status {
  withStatus { () throws(Failure) in
    let session = try session.object(SessionHandle.self).session
    try session.mark(try keyArgument(key, limit: Key.entryLimit))
  }
}

@_cdecl("lily_session_touch")
public func lily_session_touch(_ session: OpaquePointer?, _ key: UnsafePointer<CChar>?) -> lily_session_status {
  withStatus { () throws(Failure) in
    let session = try session.object(SessionHandle.self).session
    try session.touch(try keyArgument(key, limit: Key.entryLimit))
  }
}

@_cdecl("lily_session_modify")
public func lily_session_modify(
  _ session: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ modify: lily_session_modify_fn?, _ context: UnsafeMutableRawPointer?
) -> lily_session_status {
  withModification(modify, context) { change throws(Failure) in
    let session = try session.object(SessionHandle.self).session
    try session.modify(try keyArgument(key, limit: Key.entryLimit), change)
  }
}

@_cdecl("lily_session_reset")
public func lily_session_reset(_ session: OpaquePointer?, _ key: UnsafePointer<CChar>?) -> lily_session_status {
  withStatus { () throws(Failure) in
    let session = try session.object(SessionHandle.self).session
    try session.reset(try keyArgument(key, limit: Key.entryLimit))
  }
}

@_cdecl("lily_session_next_expiry")
public func lily_session_next_expiry(_ session: OpaquePointer?) -> Int64 {
  (try? session.object(SessionHandle.self))?.session.millisecondsToNextExpiry() ?? -1
}

@_cdecl("lily_session_field_state")
public func lily_session_field_state(
  _ session: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ out_state: UnsafeMutablePointer<Int32>?
) -> lily_session_status {
  withStatus { () throws(Failure) in
    let session = try session.object(SessionHandle.self).session
    let key = try keyArgument(key, limit: Key.entryLimit)
    guard let out_state else { throw Failure(.invalidArgument, "the out parameter is NULL") }
    let state = try session.state(of: key)
    out_state.pointee = state.stored.rawValue | (state.isDirty ? Int32(LILY_SESSION_STATE_DIRTY.rawValue) : 0)
  }
}

@_cdecl("lily_session_detach")
public func lily_session_detach(_ session: OpaquePointer?) {
  guard let handle = session.take(SessionHandle.self) else { return }
  handle.session.end(flushing: true, keeping: handle)
}

@_cdecl("lily_session_abandon")
public func lily_session_abandon(_ session: OpaquePointer?) {
  guard let handle = session.take(SessionHandle.self) else { return }
  handle.session.end(flushing: false, keeping: handle)
}

@_cdecl("lily_session_clear")
public func lily_session_clear(_ storage: OpaquePointer?) -> lily_session_status {
  withStatus { () throws(Failure) in
    guard storage != nil else { return try Journal.clearDefaultPlace() }
    try clearSessions(try storage.object(StorageHandle.self).storage)
  }
}

/// Calls the functions of a C host's config: those that find the slice and put it back, and the one that takes events. Nothing in it is
/// reference-counted, so a copy costs nothing.
struct HostLens: SliceLens {
  private let get: lily_session_slice_get_fn?
  private let set: lily_session_slice_set_fn?
  private let revision: lily_session_revision_fn?
  private let onEvent: lily_session_event_fn?
  private let context: UnsafeMutableRawPointer?

  init(_ config: lily_session_config) {
    get = config.get
    set = config.set
    revision = config.revision
    onEvent = config.on_event
    context = config.context
  }

  @inline(__always)
  func slice(of model: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    guard let get else { return model }
    return get(context, model)
  }

  func model(_ model: UnsafeMutableRawPointer, with session: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    guard let set else { return model }
    return set(context, model, session)
  }

  @inline(__always)
  func revision(of session: UnsafeMutableRawPointer) -> UInt64? {
    guard let revision else { return nil }
    return revision(context, session)
  }

  func notify(_ event: Event) {
    guard let onEvent else { return }
    var report = lily_session_event()
    report.size = MemoryLayout<lily_session_event>.size
    report.kind = event.kind.rawValue
    report.status = event.code
    report.system_error = event.systemError
    if let failure = event.failure { _ = fail(failure) } else { _ = succeed() } // the message is the event's
    guard let key = event.subject else { return onEvent(context, &report) }
    withCString(key) {
      report.key = $0
      onEvent(context, &report)
    }
  }
}
