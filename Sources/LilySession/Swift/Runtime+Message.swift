#if !hasFeature(Embedded)
  /// A model, its update function, and the sessions that are attached to it.
  ///
  /// One thread at a time uses a runtime and its sessions, so they are not `Sendable`: an actor may own them. What is called inside
  /// their own callbacks throws `reentrant`; clearing a storage, and detaching, may be called there.
  public final class Runtime<Model, Message> {
    private let core: ModelRuntime<Model>
    private let next: (Model, Message) throws -> Model

    /// A runtime that updates its model in place.
    ///
    /// - Parameters:
    ///   - model: what it begins with.
    ///   - update: changes the model as the message says. An error refuses the message: the model is as it was (one that is an object
    ///     is as the function left it).
    public init(_ model: Model, update: @escaping (inout Model, Message) throws -> Void) {
      core = ModelRuntime(model: model)
      next = { model, message in
        var model = model
        try update(&model, message)
        return model
      }
    }

    /// A runtime whose models are made anew.
    ///
    /// - Parameters:
    ///   - model: what it begins with.
    ///   - next: the model after the message. An error refuses the message, and the model is kept.
    public init(reducing model: Model, by next: @escaping (Model, Message) throws -> Model) {
      core = ModelRuntime(model: model)
      self.next = next
    }

    /// Detaches the sessions that still are attached, which flushes them.
    deinit { core.free(keeping: core) }

    /// As it is now; inside an update, as it was before.
    public var model: Model { core.model }

    /// Updates the model by a message, then stores the fields that changed.
    ///
    /// - Throws: `update`, with the update function's error as ``Failure/underlying``, or `reentrant`: the message was not applied. Any
    ///   other: it was, and what could not be stored stays dirty, and is tried again by the next update.
    public func dispatch(_ message: Message) throws(Failure) { try run { try next($0, message) } }

    /// Updates the model by a closure, then stores the fields that changed: for programs without messages.
    ///
    /// - Parameter change: an error from it leaves the model as it was.
    /// - Throws: as ``dispatch(_:)``.
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
        do { return try next(model) } catch {
          refusal = error
          return nil
        }
      }
      guard var failure else { return }
      if failure.status == .update { failure.underlying = refusal }
      throw failure
    }

    /// Hydrates the model from a storage, and stores the fields that change from then on.
    ///
    /// The session lasts until it is detached, or the runtime is gone; it need not be kept.
    ///
    /// - Parameters:
    ///   - persistence: the fields, which are fields of the whole model.
    ///   - storage: where they are stored. It is kept until the session is over.
    ///   - revision: a number that differs when a field may have changed; nil compares the fields after every update.
    ///   - onEvent: told what happens to single fields and to the storage, after the step that caused it.
    /// - Throws: what reading the storage throws; `duplicateKey` where another session of this runtime stores one of the keys there.
    ///   Then no field was set. What is wrong with one field is told by an event.
    @discardableResult
    public func attach(
      _ persistence: Persistence<Model>, storage: any Storage, revision: ((Model) -> UInt64)? = nil, onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> Session {
      try attach(persistence, at: \.self, storage: storage, revision: revision, onEvent: onEvent)
    }

    /// Hydrates a part of the model from a storage, and stores the fields that change from then on.
    ///
    /// The session lasts until it is detached, or the runtime is gone; it need not be kept.
    ///
    /// - Parameters:
    ///   - persistence: the fields.
    ///   - path: the part of the model that has them.
    ///   - storage: where they are stored. It is kept until the session is over.
    ///   - revision: a number that differs when a field may have changed; nil compares the fields after every update.
    ///   - onEvent: told what happens to single fields and to the storage, after the step that caused it.
    /// - Throws: what reading the storage throws; `duplicateKey` where another session of this runtime stores one of the keys there.
    ///   Then no field was set. What is wrong with one field is told by an event.
    @discardableResult
    public func attach<Slice>(
      _ persistence: Persistence<Slice>, at path: WritableKeyPath<Model, Slice>, storage: any Storage, revision: ((Slice) -> UInt64)? = nil,
      onEvent: ((Event) -> Void)? = nil
    ) throws(Failure) -> Session {
      let lens = PathLens(path: path, revision: revision, onEvent: onEvent)
      return try core.attach(persistence.list, lens: lens, owner: nil) { () throws(Failure) in storage }
    }
  }

  extension Runtime where Message == Never {
    /// A runtime without messages, whose model is changed by ``update(_:)``.
    public convenience init(_ model: Model) {
      self.init(model, update: { _, _ in })
    }
  }

  private struct PathLens<Model, Session>: SliceLens {
    let path: WritableKeyPath<Model, Session>
    let revision: ((Session) -> UInt64)?
    let onEvent: ((Event) -> Void)?

    func slice(of model: Model) -> Session? { model[keyPath: path] }
    func model(_ model: Model, with session: Session) -> Model? {
      var model = model
      model[keyPath: path] = session
      return model
    }
    func revision(of session: Session) -> UInt64? { revision?(session) }
    func notify(_ event: Event) { onEvent?(event) }
  }
#endif
