/// A model, and what happens after each update of it. One thread at a time uses it and its sessions.
package final class ModelRuntime<Model> {
  package private(set) var model: Model
  /// A call runs the runtime: another answers REENTRANT.
  private var isBusy = false
  /// Something was asked for inside a callback that has to wait for the outermost call's end.
  private var hasDeferred = false
  private var isFreed = false
  /// What a free inside a callback must leave alive until the outermost call's end: the host's handle, which has this runtime.
  private var keptAlive: AnyObject?
  /// Each retained. Not an array: reading one out of it would retain and release on each update.
  private var sessions: UnsafeMutablePointer<Unmanaged<ModelSession<Model>>>
  private var count = 0
  private var capacity = 4

  package init(model: Model) {
    self.model = model
    sessions = .allocate(capacity: 4)
  }

  deinit {
    for at in 0..<count {
      sessions[at].takeRetainedValue().leftRuntime()
    }
    sessions.deallocate()
  }

  // MARK: running

  /// Applies an update, then has each session store what changed. nil from `update` refuses: nothing is applied. The
  /// failure is the first of several; unless it is `reentrant` or `update`, the update was applied.
  @inline(__always)
  package func dispatch(_ update: (Model) -> Model?) -> Failure? {
    if isBusy { return reentrant }
    isBusy = true
    guard let next = update(model) else {
      leave()
      return Failure(.update, "the update function refused the message")
    }
    model = next
    var first: Failure?
    for at in 0..<count {
      let failure = sessions[at]._withUnsafeGuaranteedRef { $0.storeChanges(of: model) }
      if failure != nil, first == nil { first = failure }
    }
    leave()
    return first
  }

  package func replace(_ next: Model) throws(Failure) {
    if isBusy { throw reentrant }
    model = next
  }

  /// Runs `body` as the outermost call.
  func run<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    if isBusy { throw reentrant }
    isBusy = true
    defer { leave() }
    return try body()
  }

  /// Runs a question, which may call the host's clock or its storage. Inside another call it is a part of that.
  func ask<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    if isBusy { return try body() }
    return try run(body)
  }

  private var reentrant: Failure { Failure(.reentrant, "called from inside a callback of this runtime") }

  /// The end of an outermost call. What was deferred may be the last reference to this runtime: it is not touched after.
  @inline(__always)
  private func leave() {
    isBusy = false
    if hasDeferred { settle() }
  }

  @inline(never)
  private func settle() {
    while hasDeferred {
      hasDeferred = false
      isBusy = true // a detach flushes, which calls the host, which may free the runtime
      for session in attached where isFreed || session.ending != .no { end(session) }
      isBusy = false
    }
    let kept = keptAlive
    keptAlive = nil
    withExtendedLifetime(kept) {}
  }

  // MARK: sessions

  var attached: [ModelSession<Model>] { (0..<count).map { sessions[$0].takeUnretainedValue() } }

  func setModel(hydrated next: Model) { model = next }

  func add(_ session: ModelSession<Model>) {
    if count == capacity {
      let larger = UnsafeMutablePointer<Unmanaged<ModelSession<Model>>>.allocate(capacity: capacity &* 2)
      larger.moveInitialize(from: sessions, count: count)
      sessions.deallocate()
      sessions = larger
      capacity &*= 2
    }
    (sessions + count).initialize(to: Unmanaged.passRetained(session))
    count &+= 1
    session.runtime = Unmanaged.passUnretained(self)
  }

  /// Ends a session now, or at the end of the outermost call.
  func end(_ session: ModelSession<Model>, as ending: Ending) {
    guard session.ending == .no else { return }
    session.ending = ending
    if isBusy {
      hasDeferred = true
      return
    }
    isBusy = true
    end(session)
    leave()
  }

  private func end(_ session: ModelSession<Model>) {
    session.finish(model, flushing: session.ending != .abandoned)
    session.leftRuntime()
    for at in 0..<count where sessions[at].toOpaque() == Unmanaged.passUnretained(session).toOpaque() {
      sessions[at].release()
      (sessions + at).moveUpdate(from: sessions + at + 1, count: count &- at &- 1)
      count &-= 1
      return
    }
  }

  /// Detaches all sessions, now or at the end of the outermost call. The host's last use of the runtime, but for the callbacks that
  /// detaching runs.
  ///
  /// - Parameter handle: lives until then.
  package func free(keeping handle: AnyObject) {
    isFreed = true
    hasDeferred = true
    keptAlive = handle
    if !isBusy { settle() }
  }
}

enum Ending { case no, detached, abandoned }
