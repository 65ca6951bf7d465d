/// Updates a model, and has its sessions store what changed. Only one thread at a time may use a runtime and its sessions.
package final class ModelRuntime<Model> {
  package private(set) var model: Model
  /// True while a call is running. Another call then returns REENTRANT.
  private var isBusy = false
  /// True if something that was asked for inside a callback waits for the end of the outermost call.
  private var hasDeferred = false
  /// True if the call that is running is one of several that make up the outermost call.
  private var isAmidSessions = false
  private var isFreed = false
  /// The host's handle, which retains this runtime. A free inside a callback keeps it alive until the outermost call ends.
  private var keptAlive: AnyObject?
  /// The attached sessions, each retained. This is not an array, because each update would then retain and release each session.
  private var sessions = PlainList<Unmanaged<Session>>()

  package init(model: Model) { self.model = model }

  deinit {
    sessions.forEach { $0.takeRetainedValue().leftRuntime() }
  }

  // MARK: running

  /// Applies an update, then has each session store what changed. `update` returns the next model, or nil to refuse; then nothing is applied.
  ///
  /// - Returns: the first failure, or nil. Unless the failure is `reentrant` or `update`, the update was applied.
  @inline(__always)
  package func dispatch(_ update: (Model) -> Model?) -> Failure? {
    if isBusy { return reentrant }
    isBusy = true
    guard let next = update(model) else {
      endCall()
      return Failure(.update, "the update function refused the message")
    }
    model = next
    var first: Failure?
    for at in 0..<sessions.count {
      let failure = sessions[at]._withUnsafeGuaranteedRef { $0.work.storeChanges() }
      if failure != nil, first == nil { first = failure }
    }
    endCall()
    return first
  }

  /// Puts another model in the place of this one, and stores nothing. Throws `reentrant` inside another call.
  package func replace(_ next: Model) throws(Failure) {
    if isBusy { throw reentrant }
    model = next
  }

  /// Runs `body` as the outermost call. Throws `reentrant` inside another call.
  func run<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    if isBusy { throw reentrant }
    isBusy = true
    defer { endCall() }
    return try body()
  }

  /// Runs a `body` that only asks for something. That may call the host's clock or storage, so it counts as a call. Inside another call it is a
  /// part of that one, and is not refused.
  func ask<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    if isBusy { return try body() }
    return try run(body)
  }

  private var reentrant: Failure { Failure(.reentrant, "called inside a callback of this runtime; call it after the callback has returned") }

  /// Ends an outermost call, and does what was deferred until then. That may release the last reference to this runtime, so nothing may use
  /// the runtime afterwards.
  @inline(__always)
  private func endCall() {
    isBusy = false
    if hasDeferred, !isAmidSessions { runDeferred() }
  }

  @inline(never)
  private func runDeferred() {
    while hasDeferred {
      hasDeferred = false
      isBusy = true // a detach flushes, and so calls the host, which may free the runtime
      for session in attached where isFreed || session.ending != .no { end(session) }
      isBusy = false
    }
    let kept = keptAlive
    keptAlive = nil
    withExtendedLifetime(kept) {}
  }

  // MARK: sessions

  var attached: [Session] { (0..<sessions.count).map { sessions[$0].takeUnretainedValue() } }

  /// Calls `body`, which makes a call of its own, with each session. What is deferred meanwhile waits for the last of these calls. Throws the
  /// first failure, after all were called.
  private func forEachSession(_ body: (Session) throws(Failure) -> Void) throws(Failure) {
    if isBusy { throw reentrant }
    isAmidSessions = true
    defer {
      isAmidSessions = false
      endCall()
    }
    var first: Failure?
    for session in attached {
      do throws(Failure) { try body(session) } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  /// Persists each session.
  package func persist() throws(Failure) { try forEachSession { session throws(Failure) in try session.persist() } }

  /// Refreshes each session.
  package func refresh() throws(Failure) { try forEachSession { session throws(Failure) in try session.refresh() } }

  /// Returns the time in ms until the next stored field of any session expires, or nil if none will.
  package func millisecondsToNextExpiry() -> Int64? {
    var next: Int64?
    for session in attached {
      if let own = session.millisecondsToNextExpiry() { next = min(next ?? own, own) }
    }
    return next
  }

  func setModel(hydrated next: Model) { model = next }

  func add(_ session: Session) { sessions.append(Unmanaged.passRetained(session)) }

  /// Ends a session now, or at the end of the outermost call. `handle` is kept alive until then.
  func end(_ session: Session, as ending: Ending, keeping handle: AnyObject?) {
    guard session.ending == .no else { return }
    session.ending = ending
    session.keptAlive = handle
    if isBusy {
      hasDeferred = true
      return
    }
    isBusy = true
    end(session)
    endCall()
  }

  /// Ends a session now, and releases it.
  private func end(_ session: Session) {
    session.work.finish(flushing: session.ending != .abandoned)
    session.leftRuntime()
    let ended = Unmanaged.passUnretained(session)
    let before = sessions.count
    sessions.removeAll { $0.toOpaque() == ended.toOpaque() }
    if sessions.count < before { ended.release() }
  }

  /// Detaches all sessions, now or at the end of the outermost call. After this call the host uses the runtime only in callbacks that the
  /// detaching runs.
  ///
  /// - Parameter handle: is kept alive until all sessions are detached.
  package func free(keeping handle: AnyObject) {
    isFreed = true
    hasDeferred = true
    keptAlive = handle
    if !isBusy { runDeferred() }
  }
}

/// How a session was asked to end: not at all, after it has stored and synced what changed, or at once.
enum Ending { case no, detached, abandoned }
