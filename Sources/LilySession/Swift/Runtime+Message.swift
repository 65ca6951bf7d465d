#if !hasFeature(Embedded)
  /// A model, its update function, and the sessions that are attached to it.
  ///
  /// A runtime and its sessions may be used by one thread at a time, so they are not `Sendable`; an actor may own them. Calling them from
  /// inside their own callbacks throws `reentrant`, but a callback may clear a storage or detach a session.
  public final class Runtime<Model, Message> {
    private let core: ModelRuntime<Model>
    private let next: (Model, Message) throws -> Model
    /// What keeps the fields that are in objects.
    private var keepers: [SessionKeeper<Model>] = []

    /// Makes a runtime that updates its model in place.
    ///
    /// - Parameters:
    ///   - model: the model to begin with.
    ///   - update: changes the model according to the message. If it throws, the message is refused and the model stays as it was. If the
    ///     model or a part of it is an object, the fields of the sessions in it are set back to their values from before, so nothing of the
    ///     update is stored; what is no field stays as the function left it.
    public init(_ model: Model, update: @escaping (inout Model, Message) throws -> Void) {
      core = ModelRuntime(model: model)
      next = { model, message in
        var model = model
        try update(&model, message)
        return model
      }
    }

    /// Makes a runtime in which each message makes a new model.
    ///
    /// - Parameters:
    ///   - model: the model to begin with.
    ///   - next: returns the model after the message. If it throws, the message is refused and the model is kept, and objects as in
    ///     ``init(_:update:)``.
    public init(reducing model: Model, by next: @escaping (Model, Message) throws -> Model) {
      core = ModelRuntime(model: model)
      self.next = next
    }

    /// Detaches the sessions that are still attached, which flushes them.
    deinit { core.free(keeping: core) }

    /// The current model. Inside an update, it is the model from before the update.
    public var model: Model { core.model }

    /// Updates the model by a message, then stores the fields that changed.
    ///
    /// - Throws: `update`, with the update function's error as ``Failure/underlying``, or `reentrant`, if the message was not applied. With
    ///   any other status it was applied; fields that could not be stored stay dirty, and the next update tries to store them again.
    public func dispatch(_ message: Message) throws(Failure) { try run { try next($0, message) } }

    /// Updates the model by a closure, then stores the fields that changed: for programs without messages.
    ///
    /// - Parameter change: changes the model. If it throws, the model stays as it was, and objects as in ``init(_:update:)``.
    /// - Throws: what ``dispatch(_:)`` throws.
    public func update(_ change: (inout Model) throws -> Void) throws(Failure) {
      try run { model in
        var model = model
        try change(&model)
        return model
      }
    }

    private func run(_ next: (Model) throws -> Model) throws(Failure) {
      var refusal: (any Error)?
      let failure = core.dispatch { model in
        keepers.removeAll { !$0.isNeeded }
        let restoring = keepers.map { $0.keep(model) }
        do { return try next(model) } catch {
          for restore in restoring { restore(model) }
          refusal = error
          return nil
        }
      }
      guard var failure else { return }
      if failure.status == .update { failure.underlying = refusal }
      throw failure
    }

    /// Persists each session of the runtime, after the program has changed the model without an update.
    ///
    /// - Throws: the first failure. The other sessions are persisted all the same.
    public func persist() throws(Failure) { try core.persist() }

    /// Refreshes each session of the runtime.
    ///
    /// - Throws: the first failure. The other sessions are refreshed all the same.
    public func refresh() throws(Failure) { try core.refresh() }

    /// The time until the next stored field of any session expires, after which to call ``refresh()``; nil if none expires.
    public var nextExpiry: Duration? { core.millisecondsToNextExpiry().map { .milliseconds($0) } }

    /// Fills the model's fields from a storage, and stores the fields that change from then on.
    ///
    /// The session lasts until it is detached, or the runtime is gone. You need not keep it.
    ///
    /// - Parameters:
    ///   - persistence: the fields, which are fields of the whole model.
    ///   - storage: the storage of the fields. The session retains it until it ends.
    ///   - revision: returns a number that differs when a field may have changed; nil compares the fields after every update.
    ///   - onEvent: called for what happens to single fields and to the storage, after the step that caused it. If it is nil, stored values that
    ///     are refused, and what is wrong with the file, are printed to standard error, each once.
    /// - Throws: what reading the storage throws, or `duplicateKey` if another session of this runtime stores one of the keys in it. No
    ///   field was set then. A fault of a single field is reported by an event instead.
    @discardableResult
    public func attach(
      _ persistence: Persistence<Model>, storage: any Storage, revision: ((Model) -> UInt64)? = nil, onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> Session {
      try attach(persistence, at: \.self, storage: storage, revision: revision, onEvent: onEvent)
    }

    /// Fills the fields of a part of the model from a storage, and stores the fields that change from then on.
    ///
    /// The session lasts until it is detached, or the runtime is gone. You need not keep it.
    ///
    /// - Parameters:
    ///   - persistence: the fields.
    ///   - path: the part of the model that has the fields.
    ///   - storage: the storage of the fields. The session retains it until it ends.
    ///   - revision: returns a number that differs when a field may have changed; nil compares the fields after every update.
    ///   - onEvent: called for what happens to single fields and to the storage, after the step that caused it. If it is nil, stored values that
    ///     are refused, and what is wrong with the file, are printed to standard error, each once.
    /// - Throws: what reading the storage throws, or `duplicateKey` if another session of this runtime stores one of the keys in it. No
    ///   field was set then. A fault of a single field is reported by an event instead.
    @discardableResult
    public func attach<Slice>(
      _ persistence: Persistence<Slice>, at path: WritableKeyPath<Model, Slice>, storage: any Storage, revision: ((Slice) -> UInt64)? = nil,
      onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> Session {
      let lens = PathLens(path: path, revision: revision, onEvent: onEvent ?? standardErrorReporter())
      let session = try core.attach(persistence.list, lens: lens, owner: nil) { () throws(Failure) in storage.forSessions }
      if let keeper = SessionKeeper(session, persistence.keepers, at: path) { keepers.append(keeper) }
      return session
    }
  }

  extension Runtime where Message == Never {
    /// Makes a runtime without messages. ``update(_:)`` changes its model.
    public convenience init(_ model: Model) {
      self.init(model, update: { _, _ in })
    }

    /// Makes a runtime without messages, and attaches fields of its model, all in one call. The fields are kept in the default place.
    ///
    /// ```swift
    /// let (runtime, session) = try Runtime.open(application: "counter", model: App(), fields: fields)
    /// ```
    ///
    /// - Parameters:
    ///   - application: names the default place, as for ``Journal/open(application:options:)``.
    ///   - model: the model to begin with.
    ///   - fields: the fields of the model.
    ///   - onEvent: as for ``attach(_:storage:revision:onEvent:)``.
    /// - Returns: the runtime, which has the model, and the session, which lasts as long as the runtime.
    /// - Throws: what opening and reading the file throw.
    public static func open(
      application: String? = nil, model: Model, fields: Persistence<Model>, onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> (runtime: Runtime, session: Session) {
      let runtime = Runtime(model)
      return (runtime, try runtime.attach(fields, storage: Journal.open(application: application), onEvent: onEvent))
    }
  }

  private struct PathLens<Model, Session>: SliceLens {
    let path: WritableKeyPath<Model, Session>
    let revision: ((Session) -> UInt64)?
    let onEvent: (Event) -> Void

    func slice(of model: Model) -> Session? { model[keyPath: path] }
    func model(_ model: Model, with session: Session) -> Model? {
      var model = model
      model[keyPath: path] = session
      return model
    }
    func revision(of session: Session) -> UInt64? { revision?(session) }
    func notify(_ event: Event) { onEvent(event) }
  }
#endif
